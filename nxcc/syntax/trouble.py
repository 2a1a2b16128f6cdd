"""Where a syntax error is: what was found, what could have stood there, and what is open around it."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nxcc.diagnostics.core import Label, Span
from nxcc.syntax.opened import PAIRS, Opener, opened, pieces
from nxcc.syntax.recovery import STATEMENT, statement_start
from nxcc.syntax.words import ROLE_KEYWORDS

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Log, Source

# How a token looks from outside, to name what was found.
_FOUND = re.compile(
    r"(?P<word>[A-Za-z_][\w-]*+)|(?P<number>[0-9][\w.%]*+)|(?P<string>\"\"\"|'''|\"|')|(?P<nix>`+)"
    r"|(?P<path>\.\.?/[^\s;,)\]}]*+)|(?P<sign>=>|->|<->|==|!=|<=|>=|&&|\|\||//|/\*|:=|\+=|\+\+|\.\.|\$\{|.)",
    re.DOTALL,
)
_SHOWN = 40
WORD = re.compile(r"[A-Za-z_][\w-]*+")


class Trouble:
    """One syntax error, with what is known about its place.

    ``text`` is what the parser saw, ``at`` the offset of the error in it, ``found`` the character there ("" at the
    end), ``accepts`` the terminals that could have stood there, ``stack`` what is open, ``brackets`` the brackets among
    it, ``string`` the string that the error is directly in, ``start`` where its statement begins.
    """

    def __init__(self, error: Any, source: Source, text: str, log: Log) -> None:
        self.source = source
        self.log = log
        self.text = text
        token = getattr(error, "token", None)
        if token is None:
            self.at: int = error.pos_in_stream
        else:
            self.at = len(text) if token.type == "$END" else token.start_pos
        self.found = text[self.at : self.at + 1]
        if token is not None and token.type == "_SEP" and self.found == "#":
            self.found = "\n"
        self.accepts = _accepts(error)
        self.stack = opened(text, self.at)
        quote = self.stack[-1] if self.stack else None
        self.string = quote if quote and quote.text not in PAIRS else None
        self.brackets = [opener for opener in self.stack if opener.text in PAIRS]
        self.start = statement_start(text, self.at, self._block())

    def span(self, start: int, end: int) -> Span:
        """A span of the source."""
        return Span(self.source, start, max(end, start))

    def _block(self) -> int:
        """Where the innermost block around the error begins; for none, the top-level statement's line."""
        for opener in reversed(self.stack):
            if opener.text == "{":
                return opener.start + 1
        start = 0
        for match in STATEMENT.finditer(self.text, 0, self.at):
            start = match.start()
        # A misspelt statement begins with no keyword: its line does then.
        return max(start, self.text.rfind("\n", 0, self.at) + 1) if not self.stack else start

    def what(self) -> tuple[int, int, str]:
        """Start, end and description of what was found."""
        if self.at >= len(self.text):
            return len(self.text), len(self.text), "end of the file"
        if self.found == "\n":
            return self.at, self.at, "end of the line"
        match = _FOUND.match(self.text, self.at)
        assert match
        names = {"string": "string", "nix": "Nix in backticks"}
        shown = match[0] if len(match[0]) <= _SHOWN else match[0][:_SHOWN] + "…"
        return self.at, match.end(), names.get(match.lastgroup or "", f"`{shown}`")

    def closed(self, quote: str) -> bool:
        """Whether the string or fragment that begins at the error is a whole one, in a place where none belongs."""
        end = self.text.find(quote, self.at + len(quote))
        line = self.text.find("\n", self.at)
        return end >= 0 and (len(quote) == 3 or line < 0 or end < line)

    def closed_below(self, opener: int, end: int) -> int | None:
        """Where a ``"`` opened on a line that ends at ``end`` is closed on a later line, as far as one can tell.

        That is where the next line with quotes has an odd number of them, and no top-level statement begins before.
        """
        quote = self.text.find('"', end)
        if quote < 0 or STATEMENT.search(self.text, opener, quote):
            return None
        line = self.text.rfind("\n", 0, quote) + 1
        line_end = self.text.find("\n", quote)
        odd = self.text.count('"', line, line_end if line_end >= 0 else len(self.text)) % 2
        return quote + 1 if odd else None

    def swallowed(self) -> tuple[Opener, int] | None:
        """The last string of several lines before the error and where it ends, if a top-level statement begins in it.

        Its own end was forgotten then, and the quotes that open the next one closed it.
        """
        stack: list[Opener] = []
        top = before = None
        for piece in pieces(self.text[: self.at], 0, stack, ends=False):
            quote = piece.text[:3]
            if quote in ("'''", "```") and len(piece.text) > 3:
                before = Opener(quote, piece.start), piece.start + len(piece.text)
            elif piece.text == '"""' and not (stack and stack[-1].start == piece.start):
                before = (top, piece.start + 3) if top else before
            top = next((opener for opener in reversed(stack) if opener.text == '"""'), None)
        if before and STATEMENT.search(self.text, before[0].start, before[1]):
            return before
        return None

    def forgotten(self) -> tuple[Opener, int | None]:
        """The bracket that was not closed, and the offset of the one that closes it in its place.

        The parser knows only which is left over. Where lines are indented, the one forgotten is rather the innermost
        that is closed by a bracket which begins a line with less indentation than its own line has.
        """
        left = self.brackets[0]
        if left.text == "{" and not re.search(r"\n[ \t]*+[^\s#]", self.text[left.start : self.at]):
            return self.brackets[-1], None
        stack: list[Opener] = []
        before: list[Opener] = []
        for piece in pieces(self.text[: self.at], left.start, stack, ends=False):
            if piece.text == "}" and len(stack) < len(before):
                indent = self.indent(piece.start)
                opener = before[-1]
                if indent is not None and opener.text == "{" and indent < self.line_indent(opener.start):
                    return opener, piece.start
            before = stack.copy()
        return (self.brackets[-1] if self.brackets[-1].text != "{" else left), None

    def indent(self, at: int) -> int | None:
        """The blanks before an offset, if there is nothing else before it on its line."""
        line = self.text.rfind("\n", 0, at) + 1
        return at - line if not self.text[line:at].strip() else None

    def line_indent(self, at: int) -> int:
        """How many blanks the line of an offset begins with."""
        line = self.text.rfind("\n", 0, at) + 1
        return len(self.text[line:at]) - len(self.text[line:at].lstrip())

    def last_block(self) -> tuple[Label, ...]:
        """The bracket that closed the last block at top level, behind which one more is too many."""
        stack: list[Opener] = []
        last, depth = -1, 0
        for piece in pieces(self.text[: self.at], 0, stack, ends=False):
            if piece.text == "}" and depth == 1 and not stack:
                last = piece.start
            depth = len(stack)
        return (Label(self.span(last, last + 1), "the block ends here"),) if last >= 0 else ()

    def next_statement(self) -> bool:
        """Whether the error's line reads as a statement of its own, behind the line of the innermost bracket."""
        line = self.text.rfind("\n", 0, self.at) + 1
        word = re.compile(r"[ \t]*+([A-Za-z_\"][\w.\"-]*+)[ \t]*+(=(?!=)|\{)?").match(self.text, line)
        if not self.brackets or self.brackets[-1].start >= line:
            return False
        if self.brackets[-1].text == "${" and len(self.stack) > 1 and self.stack[-2].text == '"':
            return True
        return word is not None and self.at <= word.end() and (bool(word[2]) or word[1] in ROLE_KEYWORDS)

    def goes_on(self, start: int) -> str:
        """The keyword of the line above, if this line is one more of its words; else ""."""
        line = self.text.rfind("\n", 0, start) + 1
        above = self.text[self.text.rfind("\n", 0, max(line - 1, 0)) + 1 : max(line - 1, 0)]
        indent = self.indent(start)
        words = above.split()
        if indent is None or not words or indent <= len(above) - len(above.lstrip()):
            return ""
        return words[0] if words[0] in ("packages", "ports", "publish", "service", "enable", "after", "user") else ""

    def block_kind(self) -> str:
        """What the innermost block belongs to: ``role``, ``profile``, ``other``, or "" at top level."""
        if not self.brackets:
            return ""
        kind = ""
        for match in STATEMENT.finditer(self.text, 0, self.brackets[0].start + 1):
            kind = match[0].strip()
        if kind not in ("role", "profile"):
            return "other"
        for outer, opener in pairwise(self.brackets):
            word = WORD.match(self.text, statement_start(self.text, opener.start, outer.start + 1))
            if not word or word[0] not in ("when", "on"):
                return "other"
        return kind

    def line_end(self) -> int:
        """Where the error's line ends."""
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end


def _accepts(error: Any) -> frozenset[str]:
    """The terminals that could have stood there."""
    interactive = getattr(error, "interactive_parser", None)
    if interactive is not None:
        return frozenset(interactive.accepts())
    return frozenset(getattr(error, "allowed", None) or getattr(error, "expected", None) or ())
