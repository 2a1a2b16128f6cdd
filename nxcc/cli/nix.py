"""What ``nxcc check --nix`` adds: Nix itself parses the composition."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nxcc.cli.common import misuse

if TYPE_CHECKING:
    from nxcc.compiler import Compilation
    from nxcc.diagnostics.core import Diagnostic
    from nxcc.model.environment import Environment

PARSER = "nix-instantiate"


def checked(file: str, flavours: Sequence[str], parameters: Mapping[str, str], setup: str | None) -> "Compilation":
    """The compilation of a file, with an error for each Nix fragment that Nix cannot parse.

    Ends the command with exit code 2 where Nix is missing, or refuses what nxcc itself wrote.
    """
    from shutil import which

    from nxcc.compiler import compile_file

    if which(PARSER) is None:
        misuse(f"`check --nix` needs {PARSER}, which is not on PATH", "help: install Nix, or check without `--nix`")
    compilation = compile_file(file, flavours, parameters=parameters, setup=setup)
    if not compilation.ok or compilation.environment is None:
        return compilation
    composition = next(made.content for made in compilation.files if made.path == "composition.nix")
    complaint = _complaint(composition)
    if not complaint:
        return compilation
    found = tuple(_refused(compilation.environment))
    if not found:
        raise RuntimeError(f"Nix cannot parse the composition.nix that nxcc wrote: {complaint}")
    return compilation._replace(environment=None, diagnostics=(*compilation.diagnostics, *found))


def _complaint(text: bytes) -> str:
    """What Nix says about an expression that it cannot parse, in one line; "" for one that it can."""
    import subprocess

    done = subprocess.run([PARSER, "--parse", "-"], input=text, capture_output=True, check=False)
    if done.returncode == 0:
        return ""
    for line in done.stderr.decode(errors="replace").splitlines():
        if line.startswith("error: "):
            return line.removeprefix("error: ").partition(", at ")[0]
    return f"{PARSER} ended with exit code {done.returncode}"


def _refused(environment: "Environment") -> "Iterator[Diagnostic]":
    """A diagnostic at each fragment of the user's that Nix cannot parse, as an expression or as a module's body."""
    from nxcc.diagnostics.core import Log

    log = Log()
    for fragment in _fragments(environment, set()):
        text = fragment.text.encode()
        complaint = _complaint(b"(" + text + b"\n)")
        if complaint and _complaint(b"{" + text + b"\n}"):
            log.add("NX0125", fragment.span, reason=complaint)
    yield from log.sorted()


def _fragments(value: Any, seen: set[int]) -> "Iterator[Any]":
    """Every Nix fragment in a model, each object once."""
    from nxcc.model.values import Fragment

    if id(value) in seen or not isinstance(value, tuple):
        return
    seen.add(id(value))
    if isinstance(value, Fragment):
        yield value
        return
    for part in value:
        yield from _fragments(part, seen)
