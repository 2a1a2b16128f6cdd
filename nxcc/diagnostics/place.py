"""Where a span lies, in the one way in which every renderer tells it; and text that is safe to print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Span


class Place(NamedTuple):
    """Lines and columns from 1, columns in characters; ``end_column`` is the one behind the last character."""

    line: int
    column: int
    end_line: int
    end_column: int


def place(span: Span) -> Place:
    """The place of a span.

    Blanks at its end do not count, and what points behind the end of the text points behind its last word: the line
    after the last says nothing to a reader.
    """
    text = span.source.text
    start, end = max(span.start, 0), min(span.end, len(text))
    if start >= len(text):
        start = end = len(text.rstrip())
    end = start + len(text[start:end].rstrip())
    line, column = span.source.position(start)
    end_line, end_column = span.source.position(end)
    return Place(line, column, end_line, end_column)


def safe(text: str) -> str:
    """The text with what could steer a terminal, or hide or turn text in it, written as ``\\u{1b}``.

    That is control characters, separators, lone surrogates, formatting characters, and blanks that are no blank to
    the language (a no-break space is a usual cause of a syntax error). Joiners and the ideographic space, which
    scripts need, stay.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in _KEPT else f"\\u{{{ord(char):x}}}" for char in text)


_KEPT = "\u200c\u200d\u3000"
