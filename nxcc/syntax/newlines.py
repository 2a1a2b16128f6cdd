"""Between lexer and parser: which newlines end a statement, and how deep an input may nest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lark import Token

MAX_DEPTH = 200
"""How many brackets may be open at once."""
MAX_CHAIN = 300
"""How many operators may stand in one expression and those around it: a bound of its tree's depth."""

GOES_ON_BEFORE = re.compile(
    r"(?:then|else|and|or)(?![A-Za-z0-9_]|-[A-Za-z0-9]|[ \t]*(?:=(?!=)|\.(?!\.?/)))|\+|\*|==|!=|<=|>="
)
"""What a line begins with that goes on from the one before."""
_IN_LIST = re.compile(r"\]|for(?![A-Za-z0-9_]|-[A-Za-z0-9])")

_OPENERS = frozenset(("LBRACE", "LSQB", "INDEX", "LPAR", "CALL", "HOLE"))
_CLOSERS = frozenset(("RBRACE", "RSQB", "RPAR"))
_NEWLINES_COUNT_IN = frozenset(("LBRACE", "LSQB", "INDEX"))
_GOES_ON_AFTER = frozenset(
    "LBRACE LSQB INDEX COMMA COLON EQUAL ARROW BOTH COMPARE RANGE CONCAT PLUS MINUS STAR SLASH "
    "IF THEN ELSE AND OR NOT FOR IN _SEP".split()
)
_DEEPER = frozenset("OR AND NOT COMPARE RANGE CONCAT PLUS MINUS STAR SLASH DOT INDEX CALL IF WHEN".split())
_ENDS_WORD = frozenset(("NAME", "NUMBER", "QUOTE", "RSQB", "RPAR", "NIX"))


class NestingError(Exception):
    """The input is nested too deep; ``token`` is the first that is, ``code`` says how: brackets or operators."""

    def __init__(self, token: Token, code: str) -> None:
        super().__init__(token)
        self.token = token
        self.code = code


class Newlines:
    """The filter between lexer and parser. ``begin`` comes before each parse.

    Depth is bounded here and not in the tree, so that an input of nothing but brackets or operators ends early:
    each operator counts until its item ends (a newline, ``;``, a comma, or the next word), and what is around an open
    bracket counts for what is inside.
    """

    always_accept = ("_SEP",)

    def __init__(self) -> None:
        self.begin("")

    def begin(self, text: str) -> None:
        """Start on a text."""
        self.text = text
        self.blanks: list[Token] = []

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Yield the tokens that the grammar sees; raises NestingError."""
        text, blanks = self.text, self.blanks
        # Of each open bracket, and each open "…": its terminal, and the operators counted around it.
        around: list[tuple[str, int]] = []
        inner = ""
        depth = chain = total = 0
        previous = "_SEP"
        for token in stream:
            kind = token.type
            if kind == "_SEP":
                if token[0] != ";":
                    blanks.append(token)
                    if inner != "QUOTE" and (
                        previous in _GOES_ON_AFTER
                        or (inner and inner not in _NEWLINES_COUNT_IN)
                        or GOES_ON_BEFORE.match(text, token.end_pos or 0)
                        or (inner in ("LSQB", "INDEX") and _IN_LIST.match(text, token.end_pos or 0))
                    ):
                        continue
                elif inner in ("LSQB", "INDEX"):
                    token.type = "SEMICOLON"
                elif previous in ("_SEP", "LBRACE"):
                    continue
                total -= chain
                chain = 0
            elif kind in _DEEPER:
                chain += 1
                total += 1
                if total > MAX_CHAIN:
                    raise NestingError(token, "NX0320")
            elif kind == "COMMA" or (kind == "NAME" and previous in _ENDS_WORD):
                total -= chain
                chain = 0
            if kind in _OPENERS:
                depth += 1
                if depth > MAX_DEPTH:
                    raise NestingError(token, "NX0104")
                around.append((inner, chain))
                inner, chain = kind, 0
            elif kind in _CLOSERS:
                if around:
                    depth -= 1
                    total -= chain
                    inner, chain = around.pop()
            elif kind == "QUOTE":
                if inner == "QUOTE":
                    total -= chain
                    inner, chain = around.pop()
                else:
                    around.append((inner, chain))
                    inner, chain = "QUOTE", 0
            previous = kind
            yield token
