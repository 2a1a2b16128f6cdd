"""Compositions of NixOS Compose's, as files have them: their roles, counts and test scripts.

Nix is asked where it is there (templates/init/composition.nix says what); else the text is read.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from nxcc.diagnostics.core import Source, Span
from nxcc.init.reading import Reading, Shared, read
from nxcc.model.paths import Irregular, read_regular
from nxcc.records import NamedTuple
from nxcc.resources import resource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nxcc.diagnostics.core import Log

EVALUATOR = "nix-instantiate"
EVALUATED = "as Nix evaluates it"
NEITHER = "Nix finds neither roles nor nodes in it, nor compositions"
PATIENCE = 120
"""Seconds that Nix may take for one answer."""


class NixFailed(Exception):  # what Nix says is an answer too
    """Nix is missing, or does not evaluate what it was asked; the message is its reason in one line."""


class NoSuch(Exception):
    """There is no composition of the name asked for; ``names`` are those there are, none where they have no names."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names = tuple(names)
        super().__init__("no such composition")


class Composition(NamedTuple):
    """A composition: ``file`` is the absolute path of what has it, ``name`` its own in a set of compositions, or "".

    ``own`` says whether the file is this composition, rather than the set that it is in. ``roles`` are names with
    their places. ``distribution`` and ``ports`` are the attributes rolesDistribution and dockerPorts as data; ``test``
    the script, None where it is not to be had for the reason ``untold``; ``unknown`` are attributes that are not to be
    had, with the reason. ``how`` says how the roles were found.
    """

    name: str
    file: str
    own: bool
    source: Source
    roles: dict[str, Span]
    unread: tuple[Span, ...]
    distribution: Mapping[str, Any]
    ports: Mapping[str, Any]
    test: str | None
    untold: str
    unknown: Mapping[str, str]
    others: tuple[str, ...]
    places: Mapping[str, Span]
    shared: Mapping[str, tuple[Shared, ...]]
    how: str


def load(path: str, shown: str, errors: str = "replace") -> Source:
    """A text file of the user's; ``shown`` is its name in messages. OSError where it cannot be read.

    What is not UTF-8 in it is replaced, or with ``errors`` as "strict" a UnicodeDecodeError.
    """
    text = read_regular(path).decode("utf-8", errors)
    return Source(shown, text.replace("\r\n", "\n").replace("\r", "\n"), os.path.abspath(path))


def nix_file(path: str, shown: str) -> Source:
    """A Nix file that Nix will be asked about; OSError where it, or a file that it names, cannot be read.

    Nix itself would wait for a pipe.
    """
    from nxcc.syntax.nix import scan

    source = load(path, shown)
    for use in scan(source.text).paths:
        target = os.path.join(os.path.dirname(source.path), use.text)
        if os.path.isdir(target):
            target = os.path.join(target, "default.nix")
        if use.text[0] == "." and not use.interpolated and os.path.exists(target) and not os.path.isfile(target):
            folder = os.path.dirname(source.path)
            raise Irregular(os.path.normpath(os.path.join(os.path.dirname(shown), os.path.relpath(target, folder))))
    return source


def data_file(path: str, form: str, log: Log) -> Source | None:
    """A file of data, ``form`` being its form's name; None, reported, where it is not UTF-8. Raises OSError."""
    shown = os.path.normpath(path)
    try:
        return load(path, shown, "strict")
    except UnicodeDecodeError:
        source = load(path, shown)
        at = max(0, source.text.find("\N{REPLACEMENT CHARACTER}"))
        log.add("NX1003", Span(source, at, at + 1), path=source.name, form=form, reason="this is not UTF-8")
        return None


def find(path: str, shown: str, log: Log, setup: Mapping[str, Any], flavour: str, only: str = "") -> list[Composition]:
    """The composition of a file, or those of a set of them; none, reported, where there is none.

    ``setup`` is what they get as ``setup``; ``only`` names the one of a set that is wanted. Raises OSError where a
    file cannot be read, NoSuch where ``only`` is none of them.
    """
    source = nix_file(path, shown)
    reading = read(source)
    ask = Nix(source.path, setup, flavour)
    names, trouble = _names(ask)
    # A set of compositions is read where Nix has no answer; where it says that this is none, it is none.
    if "compositions" in names or (trouble and trouble != NEITHER and reading.compositions):
        found = names.get("compositions", list(reading.compositions))
        if only and only not in found:
            raise NoSuch(found)
        made = [_member(name, source, reading, log, setup, flavour) for name in ([only] if only else found)]
        return [one for one in made if one]
    if only:
        raise NoSuch
    one = _composition("", source, reading, ask, names, trouble, log)
    return [one] if one else []


def _names(ask: Nix) -> tuple[dict[str, list[str]], str]:
    """What Nix finds: ``roles`` or ``compositions``, or nothing for the reason given."""
    try:
        names = ask("names")
        return names, "" if names else NEITHER
    except NixFailed as failed:
        return {}, str(failed)


def _member(
    name: str, source: Source, reading: Reading, log: Log, setup: Mapping[str, Any], flavour: str
) -> Composition | None:
    """A composition of a set: in the file that it imports, or in the set's own."""
    imported, _ = reading.compositions.get(name, ("", None))
    path = os.path.normpath(os.path.join(os.path.dirname(source.path), imported)) if imported else ""
    if os.path.isdir(path):
        path = os.path.join(path, "default.nix")
    if not os.path.isfile(path):
        ask = Nix(source.path, setup, flavour, name)
        return _composition(name, source, read(source, name), ask, *_names(ask), log, own=False)
    shown = os.path.join(os.path.dirname(source.name), os.path.relpath(path, os.path.dirname(source.path)))
    own = nix_file(path, os.path.normpath(shown))
    ask = Nix(path, setup, flavour)
    return _composition(name, own, read(own), ask, *_names(ask), log)


def _composition(
    name: str,
    source: Source,
    reading: Reading,
    ask: Nix,
    names: Mapping[str, list[str]],
    trouble: str,
    log: Log,
    own: bool = True,
) -> Composition | None:
    """A composition, with what Nix or else its text tells of it; None, reported, where neither tells its roles."""
    beginning = Span(source, 0, 1)
    if "roles" in names:
        roles = {role: reading.roles.get(role, reading.places.get("roles", beginning)) for role in names["roles"]}
        how, unread = EVALUATED, tuple[Span, ...]()
    else:
        roles, unread = reading.roles, reading.unread
        how = f"read from its text ({trouble})"
    if not roles:
        _nothing(source, trouble, log)
        return None
    facts: dict[str, Any] = dict(reading.values)
    unknown = {one: _COMPUTED for one in _SETS if one in reading.places and one not in facts}
    test, untold = facts.get("testScript"), ""
    if "testScript" in reading.places and not isinstance(test, str):
        test, untold = None, "a part of it is computed by Nix"
    others = [other for other in ("extraVolumes", "nspawnPorts") if other in reading.places]
    if "roles" in names:
        unknown = {}
        for attribute, asked in _SETS.items():
            try:
                facts[attribute] = ask(asked)
            except NixFailed as failed:
                unknown[attribute] = f"{_COMPUTED}: {failed}"
        try:
            answer = ask("test")
            others = [other for other in ask("others") if other != "dockerPorts"]
            test = answer.get("text")
            untold = "" if test is not None else _UNTOLD.get(answer["kind"], f"it is a {answer['kind']}, no text")
        except NixFailed as failed:
            test, untold = None, str(failed)
    unknown |= {one: "it is no set" for one in _SETS if one in facts and not isinstance(facts[one], dict)}
    return Composition(
        name,
        source.path,
        own,
        source,
        roles,
        unread,
        _mapping(facts.get("rolesDistribution")),
        _mapping(facts.get("dockerPorts")),
        test,
        untold,
        unknown,
        tuple(others),
        reading.places,
        reading.shared,
        how,
    )


_SETS = {"rolesDistribution": "distribution", "dockerPorts": "dockerPorts"}
_COMPUTED = "it is computed by Nix, which does not tell"

_UNTOLD = {
    "context": "it names places in the Nix store; write these as `${pkgs.NAME}` in a `test` of your own",
    "lambda": "it is a function, no text",
}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _nothing(source: Source, trouble: str, log: Log) -> None:
    """Report a file without roles, at the place where it stops to be Nix if it does."""
    from nxcc.syntax.nix import scan

    span, label = Span(source, 0, max(1, len(source.line(1)))), "a composition has `roles = { NAME = …; }`"
    for problem in scan(source.text).problems:
        span, label = Span(source, problem.start, problem.end), "this has no end, or closes nothing"
    help = "" if trouble == NEITHER else "with Nix on the PATH and nixpkgs in NIX_PATH, computed roles are found too"
    log.add("NX1002", span, path=source.name, label=label, notes=trouble, help=help or ())


class Nix:
    """Asks Nix about one composition."""

    def __init__(self, file: str, setup: Mapping[str, Any], flavour: str, name: str = "") -> None:
        self.arguments = (("file", file), ("name", name), ("setup", setup), ("flavour", flavour or "vm"))

    def __call__(self, attribute: str, setup: Mapping[str, Any] | None = None) -> Any:
        """The value of an attribute of templates/init/composition.nix; NixFailed where there is none."""
        from shutil import which

        if which(EVALUATOR) is None:
            raise NixFailed(f"there is no program {EVALUATOR} on the PATH")
        import json
        import subprocess

        command = [
            EVALUATOR,
            "--eval",
            "--strict",
            "--json",
            "-A",
            attribute,
            resource("templates", "init", "composition.nix"),
        ]
        for name, value in (*self.arguments, ("library", resource("nix"))):
            if name == "setup":
                value = json.dumps(value if setup is None else setup, default=str)  # of dates
            command += ["--argstr", name, str(value)]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise NixFailed(f"no answer within {PATIENCE} s") from None
        if done.returncode != 0:
            reason = _reason(done.stderr.decode(errors="replace"))
            raise NixFailed(f"Nix says: {reason}" if reason else f"{EVALUATOR} ended with {done.returncode}")
        try:
            return json.loads(done.stdout)
        except UnicodeDecodeError:
            raise NixFailed("its text is not UTF-8") from None


def _reason(stderr: str) -> str:
    """The last error that Nix names: newer ones have what led to it before it."""
    lines = [line.strip() for line in stderr.splitlines()]
    errors = [line.removeprefix("error:").strip() for line in lines if line.startswith("error:")]
    return next((error for error in reversed(errors) if error), "")
