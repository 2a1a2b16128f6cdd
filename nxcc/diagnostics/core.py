"""Diagnostics as values: sources, spans, and what is said about them.

The types of the syntax tree and of the model are NamedTuples rather than dataclasses: just as frozen and typed, and
five times cheaper to define, which counts in a program that runs for a tenth of a second.
"""

from __future__ import annotations

from bisect import bisect_right

from nxcc.diagnostics.catalogue import CATALOGUE
from nxcc.records import NamedTuple

ERROR = "error"
WARNING = "warning"
NOTE = "note"


class Source:
    """A text that spans point into: a file, or standard input.

    ``name`` is how the user knows it, ``path`` its absolute path ("" for standard input), ``text`` its content with
    line ends normalised to ``\\n``.
    """

    __slots__ = ("_starts", "name", "path", "text")

    def __init__(self, name: str, text: str, path: str = "") -> None:
        self.name = name
        self.text = text
        self.path = path
        self._starts: list[int] = []

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1, the column in characters."""
        starts = self._line_starts()
        line = bisect_right(starts, offset) - 1
        return line + 1, offset - starts[line] + 1

    def line(self, number: int) -> str:
        """The text of a line (from 1), without its line end; "" behind the last one."""
        starts = self._line_starts()
        if not 1 <= number <= len(starts):
            return ""
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end]

    def _line_starts(self) -> list[int]:
        if not self._starts:
            self._starts.append(0)
            self._starts.extend(i + 1 for i, char in enumerate(self.text) if char == "\n")
        return self._starts


class Span(NamedTuple):
    """A stretch of a source: offsets in characters, ``end`` not included."""

    source: Source
    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of another."""
        return Span(self.source, self.start, max(self.end, other.end))


class Label(NamedTuple):
    """A second place that explains the first."""

    span: Span
    text: str


class Diagnostic(NamedTuple):
    """One thing that nxcc says about an input.

    ``code`` is a key of the catalogue, ``message`` the headline (what is wrong), ``label`` the words beside the
    carets, ``help`` how to mend it, ``notes`` background.
    """

    code: str
    severity: str
    message: str
    span: Span | None = None
    label: str = ""
    secondary: tuple[Label, ...] = ()
    help: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class InputError(Exception):
    """Raised by a pass that cannot go on; its diagnostics are in the log already."""


class Log:
    """Collects the diagnostics of a run.

    Places that were reported once are not reported again with the same code and words: a profile that several roles
    use is wrong once. Nor are they more often than MAX_AT_ONE_PLACE times with one code: a list may have thousands of
    wrong elements.
    """

    MAX_AT_ONE_PLACE = 5

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, int], set[str]] = {}
        self.diagnostics: list[Diagnostic] = []

    def add(
        self,
        code: str,
        span: Span | None,
        /,
        *,
        label: str = "",
        secondary: tuple[Label, ...] = (),
        help: str | tuple[str, ...] = (),
        notes: str | tuple[str, ...] = (),
        **fields: object,
    ) -> None:
        """Report what the catalogue's text for ``code`` says, filled in with ``fields``."""
        entry = CATALOGUE[code]
        message = entry.message.format(**fields)
        said = self._seen.setdefault((code, span.source.name, span.start) if span else (code, "", -1), set())
        if message in said or (span and len(said) >= self.MAX_AT_ONE_PLACE):
            return
        said.add(message)
        self.diagnostics.append(
            Diagnostic(
                code,
                entry.severity,
                message,
                span,
                label,
                secondary,
                (help,) if isinstance(help, str) else help,
                (notes,) if isinstance(notes, str) else notes,
            )
        )

    @property
    def failed(self) -> bool:
        """Whether anything reported is an error."""
        return any(diagnostic.severity == ERROR for diagnostic in self.diagnostics)

    def sorted(self) -> list[Diagnostic]:
        """All diagnostics by place: files in the order in which they were first named, then offsets."""
        files: dict[str, int] = {}
        for diagnostic in self.diagnostics:
            if diagnostic.span:
                files.setdefault(diagnostic.span.source.name, len(files))
        return sorted(
            self.diagnostics,
            key=lambda d: (files[d.span.source.name], d.span.start, d.span.end) if d.span else (len(files), 0, 0),
        )
