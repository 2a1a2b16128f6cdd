"""What is open at a place of a text that does not parse: a scan that knows strings and brackets, but no grammar.

Every pattern looks at a character a bounded number of times, whatever the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PAIRS = {"{": "}", "(": ")", "[": "]", "${": "}"}
CLOSERS = {"}": ("{", "${"), ")": ("(",), "]": ("[",)}


class Opener(NamedTuple):
    """An open bracket or string: how it is written, and its offset."""

    text: str
    start: int


class Piece(NamedTuple):
    """Something that opens, closes or ends a line, at an offset."""

    text: str
    start: int


# Raw strings and Nix fragments count as one piece; where they are not closed, their opener is a piece of its own.
_PIECE = re.compile(
    r"#[^\n]*+|'''(?:[^']++|'(?!''))*'''|```(?:[^`]++|`(?!``))*```|'(?!'')[^'\n]*+'|`(?!``)[^`\n]*+`"
    r'|"""|"|\'\'\'|```|\'[^\n]*+|`[^\n]*+|\$\{|[{}()\[\]]'
)
_PIECE_OR_END = re.compile(f"{_PIECE.pattern}|[\n;]")
_IN_TEXT = re.compile(r'\\.|\$\{|"|\n')
_IN_BLOCK = re.compile(r'\\\$\{|\\"""|\$\{|"""')


def pieces(text: str, at: int, stack: list[Opener], *, ends: bool = True) -> Iterator[Piece]:
    """The pieces of a text from an offset on; ``stack`` is what is open there, kept up to date for each piece.

    Newlines and ``;`` outside of strings are pieces too, unless ``ends`` is false.

    A closing bracket that fits none is a piece like the others and leaves the stack as it is.
    """
    plain = _PIECE_OR_END if ends else _PIECE
    while True:
        quoted = stack[-1].text if stack else ""
        if quoted in ("'''", "```"):
            return
        if quoted in ('"', '"""'):
            match = (_IN_TEXT if quoted == '"' else _IN_BLOCK).search(text, at)
        else:
            match = plain.search(text, at)
        if not match:
            return
        piece, at = match[0], match.end()
        found = Piece(piece, match.start())
        if quoted in ('"', '"""'):
            if piece == "\n":
                stack.pop()
                at = match.start()
                continue
            if piece == quoted:
                stack.pop()
            elif piece == "${":
                stack.append(Opener("${", found.start))
        elif piece in ('"', '"""', "'''", "```", "${", "{", "(", "["):
            stack.append(Opener(piece, found.start))
        elif piece in CLOSERS and stack and stack[-1].text in CLOSERS[piece]:
            stack.pop()
        yield found


def opened(text: str, end: int) -> list[Opener]:
    """What is open at an offset, outermost first."""
    stack: list[Opener] = []
    for _ in pieces(text[:end], 0, stack, ends=False):
        pass
    return stack
