"""What the commands share: their options, and how they speak.

The product goes to standard output, what is said about the input to standard error.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from nxcc.compiler import Compilation
    from nxcc.diagnostics.core import Diagnostic

ALL = "all"
STANDARD = "-"


def complete_flavours(incomplete: str) -> list[str]:
    """Names of flavours for the shell's completion."""
    from nxcc.flavours import names

    return [name for name in (*names(), ALL) if name.startswith(incomplete)]


def complete_codes(incomplete: str) -> list[str]:
    """Codes of diagnostics for the shell's completion."""
    from nxcc.diagnostics.catalogue import CATALOGUE

    return [code for code in CATALOGUE if code.startswith(incomplete.upper())]


Format = Literal["text", "concise", "json", "github", "sarif"]
Colour = Literal["auto", "always", "never"]

FileArgument = Annotated[
    str, typer.Argument(metavar="FILE", show_default=False, help="The environment's source; - is standard input.")
]
FlavourOption = Annotated[
    list[str] | None,
    typer.Option(
        "--flavour",
        "-f",
        metavar="FLAVOUR",
        show_default=False,
        autocompletion=complete_flavours,
        help="A target platform; may be repeated; `all` for every one that can honour the source.",
    ),
]
SetupOption = Annotated[
    str | None,
    typer.Option("--setup", "-s", metavar="SETUP", show_default=False, help="The setup to use; `none` for none."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", show_default=False, help="Set a parameter; may be repeated."),
]
DenyOption = Annotated[
    Literal["warnings"] | None, typer.Option("--deny", show_default=False, help="Treat warnings as errors.")
]
FormatOption = Annotated[Format, typer.Option("--output-format", help="How diagnostics are written.")]
ColourOption = Annotated[
    Colour, typer.Option("--color", help="Colour in diagnostics; auto: on a terminal, unless NO_COLOR is set.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings, and nothing else.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Say more: every file, and the time taken.")]


class Voice(NamedTuple):
    """How a command speaks: the format of diagnostics, colour, and how much else it says."""

    format: Format = "text"
    colour: Colour = "auto"
    quiet: bool = False
    verbose: bool = False

    @property
    def for_people(self) -> bool:
        """Whether diagnostics are lines to read, beside which more may be said on standard error."""
        return self.format in ("text", "concise")

    def say(self, diagnostics: Sequence["Diagnostic"]) -> None:
        """Write diagnostics to standard error; the formats for programs are complete documents, also when empty.

        To be quiet leaves out notes: nothing is wrong with what they are about.
        """
        if self.quiet:
            diagnostics = [one for one in diagnostics if one.severity != "note"]
        if not diagnostics and self.format not in ("json", "sarif"):
            return
        from nxcc.diagnostics.render import render

        print(render(diagnostics, self.format, color=coloured(self.colour, sys.stderr)), end="", file=sys.stderr)

    def judge(self, compilation: "Compilation", deny: str | None) -> None:
        """Write what a compilation says; end with exit code 1 where it has errors, or warnings that are denied."""
        self.say(compilation.diagnostics)
        if not self.refused(compilation, deny):
            return
        if compilation.ok and self.for_people:
            warnings = sum(diagnostic.severity == "warning" for diagnostic in compilation.diagnostics)
            some = "1 warning is" if warnings == 1 else f"{warnings} warnings are"
            print(f"error: {some} denied (--deny warnings); nothing was written", file=sys.stderr)
        raise typer.Exit(1)

    def refused(self, compilation: "Compilation", deny: str | None) -> bool:
        """Whether a compilation has errors, or warnings that are denied."""
        bad = ("error", "warning") if deny else ("error",)
        return any(diagnostic.severity in bad for diagnostic in compilation.diagnostics)

    def tell(self, text: str) -> None:
        """Write a line of the command's own report to standard output, unless it is to be quiet."""
        if not self.quiet:
            put(text + "\n")


def coloured(choice: str, stream: Any) -> bool:
    """Whether to colour what goes to a stream."""
    import os

    if choice == "auto":
        return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and bool(stream and stream.isatty())
    return choice == "always"


def put(text: str | bytes) -> None:
    """Write to standard output, in UTF-8 whatever the locale; OSError where it does not take it."""
    if sys.stdout is None:
        raise OSError("standard output is closed")
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    if hasattr(sys.stdout, "buffer"):
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
    else:  # an output that takes text only, such as a test's
        sys.stdout.write(data.decode())
    sys.stdout.flush()


def misuse(message: str, *more: str) -> NoReturn:
    """End with exit code 2 and the words that say why."""
    print(f"error: {message}", *more, sep="\n", file=sys.stderr)
    raise typer.Exit(2)


def parameters(assignments: Iterable[str] | None) -> dict[str, str]:
    """The values of ``--set NAME=VALUE`` by name; the last one of a name holds."""
    values = {}
    for assignment in assignments or ():
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            missing = "value" if name else "name"
            misuse(f"`--set {assignment}` has no {missing}", f"help: write `--set {name or 'NAME'}={value or 'VALUE'}`")
        values[name] = value
    return values


def wanted(names: Sequence[str] | None) -> tuple[str, ...]:
    """The flavours that the user names, each known and each once."""
    found: list[str] = []
    for name in names or ():
        if name != ALL:
            from nxcc.flavours import find

            if find(name) is None:
                misuse(f"no flavour has the name `{name}`", *closest(name, (*flavour_names(), ALL)), *flavour_list())
        if name not in found:
            found.append(name)
    return tuple(found)


def flavour_names() -> tuple[str, ...]:
    """The flavours there are."""
    from nxcc.flavours import names

    return tuple(names())


def flavour_list() -> list[str]:
    """The flavours there are, a line each."""
    from nxcc.flavours import find

    names = flavour_names()
    width = max((len(name) for name in names), default=0)
    return ["flavours:", *(f"  {name:<{width}}  {getattr(find(name), 'summary', '')}" for name in names)]


def closest(word: str, words: Iterable[str]) -> list[str]:
    """A help line with the words closest to one, or nothing."""
    from nxcc.diagnostics.nearest import did_you_mean

    return [f"help: {line}" for line in did_you_mean(word, words)]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in aligned columns, two blanks between them, the last one as long as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(line.rstrip() + "\n" for line in lines)
