"""A source in the making: statements with the places that they come from, and the proof that nxcc takes them.

What cannot be taken over is said, at its place in the user's file, and stands as a comment in the source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.emit.nxc import comment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nxcc.diagnostics.core import Diagnostic, Log, Span


class Entry:
    """A statement, a comment (no ``what``) or a blank line (no ``text``).

    ``span`` is where it comes from, ``what`` what it is in words; one with ``what`` becomes a comment where it cannot
    be compiled. ``inner`` are the statements of its block, None for one without. ``probe`` is the text that is
    compiled to try it, where that of the statement itself names a file that is not there yet.
    """

    __slots__ = ("inner", "probe", "reason", "span", "text", "what")

    def __init__(
        self, text: str, span: Span | None = None, what: str = "", inner: list[Entry] | None = None, probe: str = ""
    ) -> None:
        self.text = text
        self.span = span
        self.what = what
        self.inner = inner
        self.probe = probe
        self.reason = ""


class Draft:
    """The entries of a source, in order; ``origin`` is the name of the file that has the roles."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.origin = ""
        self.entries: list[Entry] = []

    def blank(self) -> None:
        """A blank line, unless there is one."""
        if self.entries and self.entries[-1].text:
            self.entries.append(Entry(""))

    def left(self, what: str, span: Span | None, reason: str, into: list[Entry] | None = None) -> None:
        """Report what is not taken over, and keep it as a comment."""
        self.log.add("NX1001", span, what=what, label=_line(reason), help=() if span else reason)
        place = f"{span.source.name}:{span.source.position(span.start)[0]}: " if span else ""
        entry = Entry(comment(f"not taken over: {place}{what}: {_line(reason)}"))
        (self.entries if into is None else into).append(entry)

    def text(self, probe: bool = False) -> str:
        """The source."""
        return "".join(text for text, _ in _written(self.entries, "", probe))

    def settle(self, path: str) -> bool:
        """Turn into comments what does not compile as ``path``; whether the rest does.

        Where not, the log has errors that say why.
        """
        from nxcc.compiler import check_file

        for _ in range(1000):
            errors = [
                one for one in check_file(path, source=self.text(probe=True)).diagnostics if one.severity == "error"
            ]
            if not errors:
                return True
            places: list[tuple[int, int, Entry]] = []
            at = 0
            for text, part in _written(self.entries, "", True):
                places.append((at, at + len(text), part))
                at += len(text)
            found = [(_at(places, error), error) for error in errors]
            files = [error for _, error in found if error.code.startswith("NX05")]
            if files or not any(entry and entry.what for entry, _ in found):
                self._refused(files or errors)
                return False
            for entry, error in found:
                if entry and entry.what and not entry.reason:
                    entry.reason = "; ".join((error.message, *error.help, *error.notes))
                    self.log.add("NX1001", entry.span, what=entry.what, label=_line(entry.reason))
        return False

    def _refused(self, errors: Sequence[Diagnostic]) -> None:
        """Report errors that are no single statement's: at the user's own file where they name one."""
        for error in errors:
            if error.code == "NX0408":
                self.log.add(
                    "NX1002", None, path=self.origin, help="the warnings say why; rename roles in the composition"
                )
                continue
            place = next((label.span for label in error.secondary), None)
            if error not in self.log.diagnostics:
                self.log.diagnostics.append(error._replace(span=place, secondary=()))


def _written(entries: Sequence[Entry], indent: str, probe: bool) -> list[tuple[str, Entry]]:
    """The text of entries, piece by piece; a piece of a block belongs to the statement that it is a part of."""
    found: list[tuple[str, Entry]] = []
    for entry in entries:
        text = (probe and entry.probe) or entry.text
        if entry.reason:
            inner = "".join(text for text, _ in _written(entry.inner or (), "  ", probe))
            whole = f"{text} {{\n{inner}}}" if inner else text
            lines = comment(f"not taken over: {_line(entry.reason)}\n{whole}")
            found.append(("".join(f"{indent}{line}\n" for line in lines.split("\n")), entry))
        elif entry.inner is None:
            found.append((f"{indent}{text}\n" if text else "\n", entry))
        else:
            found.append((f"{indent}{text} {{", entry))
            if entry.inner:
                found.append(("\n", entry))
                found += _written(entry.inner, indent + "  ", probe)
                found.append((indent, entry))
            else:
                found.append((" ", entry))
            found.append(("}\n", entry))
    return found


def _at(places: Sequence[tuple[int, int, Entry]], error: Diagnostic) -> Entry | None:
    """The statement that an error is about."""
    if error.span is None:
        return None
    at = error.span.start
    return next((entry for start, end, entry in places if start <= at < end), None)


def _line(text: str) -> str:
    return " ".join(text.split())
