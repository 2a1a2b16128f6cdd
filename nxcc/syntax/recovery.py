"""Going on after a syntax error: which part of the text is left out, so that what follows parses as it would have.

A statement inside of a block is left out by itself, since every block may do without it; else everything up to the next
line that begins with a top-level keyword is. What is left out becomes blanks: offsets stay the user's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nxcc.syntax.newlines import GOES_ON_BEFORE
from nxcc.syntax.opened import CLOSERS, Opener, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

STATEMENT = re.compile(
    r"^(?:environment|nixpkgs|input|overlay|override|package|param|let|secret|script|include|profile|role|link|network"
    r"|flavour|setup|test)[ \t](?![ \t]*=)",
    re.MULTILINE,
)
"""A line that begins with a top-level keyword."""

# A top-level statement longer than this is not parsed again and again for each error in it.
_FAR = 20_000
_OPEN_END = re.compile(r"(?:[,=:<>+*/.({\[-]|\b(?:if|then|else|and|or|not|for|in))[ \t]*$")


def skip(text: str, start: int) -> str | None:
    """The text without what comes before the next top-level statement behind ``start``; None if there is none."""
    following = STATEMENT.search(text, start)
    return _blanked(following.start()) + text[following.start() :] if following else None


def _blanked(length: int) -> str:
    """Blanks up to the beginning of a line."""
    return " " * (length - 1) + "\n" if length else ""


_HEADER = re.compile(r"^(?:role|profile)[ \t][^\n{]*(?=\{[ \t]*(?:#[^\n]*)?$)", re.MULTILINE)


def _without_header(text: str, at: int) -> str | None:
    """The text with ``role r`` for the head of a role or profile, if the error is there: its body can be parsed."""
    line = text.rfind("\n", 0, at) + 1
    header = _HEADER.match(text, line)
    if not header or header.end() < at or len(header[0]) < len("role r "):
        return None
    return _blanked(line) + "role r".ljust(len(header[0])) + text[header.end() :]


def leave_out(text: str, at: int, stack: Sequence[Opener]) -> str | None:
    """The text without the statement that the offset ``at`` is in; ``stack`` is what is open there.

    Falls back to ``skip``, where the statement is in no block or its end cannot be made out.
    """
    inside = next((i for i in reversed(range(len(stack))) if stack[i].text == "{"), None)
    top = 0
    if stack:
        for match in STATEMENT.finditer(text, 0, stack[0].start + 1):
            top = match.start()
    if inside is None:
        return _without_header(text, at) or skip(text, at)
    if at - top > _FAR:
        return skip(text, at)
    start = statement_start(text, at, stack[inside].start + 1)
    end = _statement_end(text, at, list(stack), inside + 1)
    if end is None or end <= start:
        return skip(text, at)
    return _blanked(top) + text[top:start] + " " * (end - start) + text[end:]


def statement_start(text: str, at: int, block: int) -> int:
    """Where the statement that ``at`` is in begins; ``block`` is where the block (or file) around it does."""
    start = block
    stack: list[Opener] = []
    for piece in pieces(text[:at], block, stack):
        if not stack and (piece.text == ";" or (piece.text == "\n" and _ends(text, piece.start))):
            start = piece.start + 1
    blanks = _BLANKS.match(text, start, at)
    return blanks.end() if blanks else start


def _statement_end(text: str, at: int, stack: list[Opener], depth: int) -> int | None:
    """Where the statement ends: before the newline, ``;`` or ``}`` that ends it; None if that is not to be found."""
    if stack[-1].text in ("'''", "```"):
        return None
    before = len(stack)
    for piece in pieces(text, at, stack):
        if piece.text in CLOSERS and len(stack) == before and piece.start > at:
            # A bracket that fits none closes what is open in the statement all the same.
            while len(stack) > depth and stack[-1].text in ("(", "["):
                stack.pop()
            if piece.text == "}" and len(stack) == depth:
                return piece.start
        before = len(stack)
        if len(stack) < depth:
            return piece.start
        if piece.text == "\n" and STATEMENT.match(text, piece.start + 1):
            return piece.start if len(stack) == depth else None
        if len(stack) == depth and (piece.text == ";" or (piece.text == "\n" and _ends(text, piece.start))):
            return piece.start
    return None


_BLANKS = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*")


def _ends(text: str, newline: int) -> bool:
    """Whether this newline ends a statement, as far as the characters around it tell."""
    line = text.rfind("\n", 0, newline) + 1
    before = text[max(line, newline - 200) : newline].split("#", 1)[0]
    blanks = _BLANKS.match(text, newline)
    assert blanks
    return not _OPEN_END.search(before) and not GOES_ON_BEFORE.match(text, blanks.end())
