"""Diagnostics for a person: the user's own line, what is wrong under it, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.core import ERROR, WARNING, Diagnostic, Label, Source
from nxcc.diagnostics.place import place, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT = 20
"""How many diagnostics of one severity are shown."""

_TAB = 4
# Lines with more characters than _LONG are shown in part: _BEFORE characters in front of the span, _WINDOW in all.
_LONG = 160
_WINDOW = 120
_BEFORE = 40

_COLORS = {
    "error": "1;31",
    "warning": "1;33",
    "note": "1;32",
    "help": "1;36",
    "frame": "1;34",
    "strong": "1",
}


def render(diagnostics: Sequence[Diagnostic], *, color: bool) -> str:
    """All of them with a summary at the end; "" for none. At most ``LIMIT`` of each severity are shown."""
    if not diagnostics:
        return ""
    paint = _Paint(color)
    shown: dict[str, int] = {}
    blocks = []
    for diagnostic in diagnostics:
        shown[diagnostic.severity] = shown.get(diagnostic.severity, 0) + 1
        if shown[diagnostic.severity] <= LIMIT:
            blocks.append(_one(diagnostic, paint))
    left_out = len(diagnostics) - len(blocks)
    if left_out:
        blocks.append(f"... and {left_out} more\n")
    last = summary(diagnostics, wrote=not any(d.severity == ERROR for d in diagnostics))
    if last:
        severity, rest = last.split(":", 1)
        blocks.append(f"{paint(severity, severity)}:{rest}\n")
    return "\n".join(blocks)


def summary(diagnostics: Sequence[Diagnostic], wrote: bool) -> str:
    """One line such as ``error: 2 errors, 1 warning; nothing was written``; "" without errors and warnings."""
    errors = sum(d.severity == ERROR for d in diagnostics)
    warnings = sum(d.severity == WARNING for d in diagnostics)
    counts = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((errors, ERROR), (warnings, WARNING)) if n]
    if not counts:
        return ""
    return f"{ERROR if errors else WARNING}: {', '.join(counts)}{'' if wrote else '; nothing was written'}"


class _Paint:
    """Puts ANSI colours around text, or does not."""

    __slots__ = ("color",)

    def __init__(self, color: bool) -> None:
        self.color = color

    def __call__(self, role: str, text: str) -> str:
        return f"\033[{_COLORS[role]}m{text}\033[0m" if self.color and text else text


class _Mark:
    """Carets under part of a line: ``start`` to ``end`` are offsets in the line, ``end`` > ``start``."""

    __slots__ = ("end", "line", "primary", "start", "text")

    def __init__(self, line: int, start: int, end: int, text: str, primary: bool) -> None:
        self.line = line
        self.start = start
        self.end = end
        self.text = text
        self.primary = primary


def _one(diagnostic: Diagnostic, paint: _Paint) -> str:
    severity = diagnostic.severity
    head = paint(severity, f"{severity}[{diagnostic.code}]")
    lines = [f"{head}{paint('strong', ': ' + safe(diagnostic.message))}"]
    if diagnostic.span:
        lines += _frames(diagnostic, paint)
    for text in diagnostic.help:
        lines.append(_advice("help", text, paint))
    for text in (*diagnostic.notes, f"`nxcc explain {diagnostic.code}` tells more"):
        lines.append(_advice("note", text, paint))
    return "\n".join(lines) + "\n"


def _advice(kind: str, text: str, paint: _Paint) -> str:
    first, *rest = text.split("\n")
    return "\n".join([f"{paint(kind, kind)}: {safe(first)}", *(f"      {safe(line)}".rstrip() for line in rest)])


def _frames(diagnostic: Diagnostic, paint: _Paint) -> list[str]:
    """The frame of the file at fault, and one more for each other file that a secondary label points into."""
    assert diagnostic.span
    marks: dict[Source, list[_Mark]] = {diagnostic.span.source: _marks(Label(diagnostic.span, diagnostic.label), True)}
    heads = {diagnostic.span.source: place(diagnostic.span)}
    for label in diagnostic.secondary:
        marks.setdefault(label.span.source, []).extend(_marks(label, False))
        heads.setdefault(label.span.source, place(label.span))
    width = len(str(max(mark.line for of_file in marks.values() for mark in of_file)))
    bar = paint("frame", " " * width + " |")
    lines: list[str] = []
    for source, of_file in marks.items():
        arrow = paint("frame", " " * width + (":::" if lines else "-->"))
        lines.append(f"{arrow} {safe(source.name)}:{heads[source].line}:{heads[source].column}")
        lines.append(bar)
        lines += _frame(source, of_file, width, diagnostic.severity, paint)
        lines.append(bar)
    return lines


def _frame(source: Source, marks: list[_Mark], width: int, severity: str, paint: _Paint) -> list[str]:
    """The marked lines in their order, each with its marks below it, ``...`` where lines are left out."""
    lines: list[str] = []
    bar = paint("frame", " " * width + " |")
    previous = 0
    for mark in sorted(marks, key=lambda mark: (mark.line, not mark.primary, mark.start)):
        text = source.line(mark.line)
        low, high = 0, len(text)
        if len(text) > _LONG:
            low = max(0, min(mark.start - _BEFORE, len(text) - _WINDOW))
            high = low + _WINDOW
        # A long line is shown anew for each mark, as the part that the mark is in.
        if mark.line != previous or len(text) > _LONG:
            if previous and mark.line > previous + 1:
                lines.append("...")
            shown = ("..." if low else "") + _cells(text[low:high])[0] + ("..." if high < len(text) else "")
            lines.append(f"{paint('frame', f'{mark.line:>{width}} |')} {shown}".rstrip())
        previous = mark.line
        column = (3 if low else 0) + _cells(text[low : mark.start])[1]
        until = (3 if low else 0) + _cells(text[low : min(mark.end, high)])[1]
        carets = ("^" if mark.primary else "-") * max(1, until - column)
        words = carets + (f" {safe(mark.text)}" if mark.text else "")
        lines.append(f"{bar} {' ' * column}{paint(severity if mark.primary else 'frame', words)}")
    return lines


def _marks(label: Label, primary: bool) -> list[_Mark]:
    """A mark; for a span over several lines one under its first line and, for the primary, one under its last."""
    source = label.span.source
    line, column, end_line, end_column = place(label.span)
    if line == end_line:
        return [_Mark(line, column - 1, max(column, end_column - 1), label.text, primary)]
    marks = [_Mark(line, column - 1, max(column, len(source.line(line).rstrip())), label.text, primary)]
    if primary:
        last = source.line(end_line)
        marks.append(_Mark(end_line, len(last) - len(last.lstrip()), end_column - 1, "", primary))
    return marks


def _cells(text: str) -> tuple[str, int]:
    """The text as a terminal may show it, tabs expanded, and how many columns it takes there."""
    if text.isascii() and text.isprintable():
        return text, len(text)
    width_of = len if text.isascii() else _wide
    parts = []
    column = 0
    for char in text:
        part = " " * (_TAB - column % _TAB) if char == "\t" else safe(char)
        parts.append(part)
        column += width_of(part)
    return "".join(parts), column


def _wide(text: str) -> int:
    """Columns of a text: two for wide characters, none for combining ones (UAX #11, with ambiguous as narrow)."""
    from unicodedata import category, east_asian_width

    if text.isascii():
        return len(text)
    width = 0
    for char in text:
        if category(char) in ("Mn", "Me", "Cf") or "\u1160" <= char <= "\u11ff":
            continue
        width += 2 if east_asian_width(char) in "WF" else 1
    return width
