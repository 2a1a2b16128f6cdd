"""Syntax errors in the user's words: what was found, what could have stood there, and where it was opened."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nxcc.diagnostics.core import Label, Span
from nxcc.diagnostics.nearest import did_you_mean
from nxcc.syntax.habits import Place, habit
from nxcc.syntax.newlines import MAX_DEPTH, NestingError
from nxcc.syntax.opened import PAIRS, Opener, opened, pieces
from nxcc.syntax.recovery import STATEMENT, leave_out, skip, statement_start
from nxcc.syntax.words import RESERVED, ROLE_KEYWORDS, TEXTS, TOP_KEYWORDS, UNITS, expected, keyword

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Log, Source

# How a token looks from outside, to name what was found.
_FOUND = re.compile(
    r"(?P<word>[A-Za-z_][\w-]*+)|(?P<number>[0-9][\w.%]*+)|(?P<string>\"\"\"|'''|\"|')|(?P<nix>`+)"
    r"|(?P<path>\.\.?/[^\s;,)\]}]*+)|(?P<sign>=>|->|<->|==|!=|<=|>=|&&|\|\||//|/\*|:=|\+=|\+\+|\.\.|\$\{|.)",
    re.DOTALL,
)
_SHOWN = 40
_WORD = re.compile(r"[A-Za-z_][\w-]*+")
_CHARACTERS = {
    "\u00a0": "no-break space",
    "\u200b": "zero-width space",
    "\ufeff": "byte order mark",
    "\u2013": "\u2013",
    "\0": "NUL",
}


def report(error: Exception, source: Source, text: str, log: Log) -> str | None:
    """Put a parser's error into the log.

    ``text`` is what the parser saw: the source's, in which earlier errors may be blanks. Returns the text without what
    is wrong, to go on with; None where nothing is left to parse.
    """
    if isinstance(error, NestingError):
        start, end = error.token.start_pos or 0, error.token.end_pos or 0
        if error.code == "NX0104":
            label = "one bracket too many"
            log.add("NX0104", Span(source, start, end), limit=MAX_DEPTH, label=label, help="name inner parts with `let`")
        else:
            log.add(error.code, Span(source, start, end), label="one operator too many", help="name parts with `let`")
        return skip(text, end)
    return _Report(error, source, text, log).write()


class _Report:
    """One syntax error on its way into the log."""

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
        return Span(self.source, start, max(end, start))

    def write(self) -> str | None:
        """Report the error as the first kind that it is; returns the text to go on with."""
        for special in (self._open_string, self._character, self._bracket, self._statement, self._reserved):
            done, following = special()
            if done:
                return following
        start, end, found = self._what()
        advice = habit(Place(self.text, self.at, self.start, found, self.accepts, tuple(self.brackets)))
        secondary: tuple[Label, ...] = ()
        if self.brackets and self.brackets[-1].text != "{" and self.found not in ("", "\n"):
            opener = self.brackets[-1]
            secondary = (Label(self.span(opener.start, opener.start + len(opener.text)), "opened here"),)
        wanted = expected(self.accepts)
        self.log.add(
            "NX0101",
            self.span(start, end),
            found=found,
            label=f"expected {wanted}" if wanted else "",
            secondary=secondary,
            help=advice,
        )
        return self._without()

    def _without(self) -> str | None:
        return leave_out(self.text, self.at, self.stack)

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

    def _what(self) -> tuple[int, int, str]:
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

    # -------------------------------------------------------------- strings and characters

    def _open_string(self) -> tuple[bool, str | None]:
        """A string or Nix fragment that is not closed."""
        if self.string:
            kind, opener = self.string
            if TEXTS & self.accepts and self.found not in ("", "\n"):
                return False, None
        else:
            match = re.compile(r"'''|'|```|`").match(self.text, self.at)
            if not match or self._closed(match[0]):
                return False, None
            kind, opener = match[0], self.at
        if kind in ('"', "'"):
            end = self.text.find("\n", opener)
            end = len(self.text) if end < 0 else end
            hole = self.text.find("${", opener, end)
            help = f"close it with `{kind}`, or write `{kind * 3}` around a text of several lines"
            if kind == '"' and hole >= 0 and self.text.find("}", hole, end) < 0:
                help = f"close `${{` with `}}` and the string with `{kind}`"
            label = "opened here, never closed on this line"
            self.log.add("NX0105", self.span(opener, opener + 1), what="string", label=label, help=help)
            stack = [open_ for open_ in self.stack if open_.start < opener]
            return True, leave_out(self.text, end, stack)
        what = "Nix fragment" if kind[0] == "`" else "string"
        help = f"close it with `{kind}`" if kind[0] != "`" else "close it with a backtick"
        if kind == "```":
            help = "close it with three backticks"
        elif kind == "`":
            help += ", or write three backticks around Nix of several lines or with backticks in its strings"
        label = "opened here, never closed"
        self.log.add("NX0105", self.span(opener, opener + len(kind)), what=what, label=label, help=help)
        if kind == "`":
            end = self.text.find("\n", opener)
            return True, leave_out(self.text, len(self.text) if end < 0 else end, self.stack)
        return True, skip(self.text, opener + len(kind))

    def _closed(self, quote: str) -> bool:
        """Whether the string or fragment that begins at the error is a whole one, in a place where none belongs."""
        end = self.text.find(quote, self.at + len(quote))
        line = self.text.find("\n", self.at)
        return end >= 0 and (len(quote) == 3 or line < 0 or end < line)

    def _character(self) -> tuple[bool, str | None]:
        """What no token begins with: an escape, a unit, a character."""
        rest = self.text[self.at : self.at + 80]
        if self.string and self.string.text == '"' and rest.startswith("\\"):
            escape = re.match(r"\\(?:u\{[^}\"\n]{0,20}\}?|.?)", rest)
            assert escape
            self.log.add(
                "NX0106",
                self.span(self.at, self.at + len(escape[0])),
                escape=escape[0],
                help="the escapes are `\\n` `\\r` `\\t` `\\\"` `\\\\` `\\${` and `\\u{…}`; a raw string '…' has none",
            )
            return True, self._without()
        number = re.match(r"([0-9]++(?:\.[0-9]+)?)([A-Za-z_%][\w%]*+)", rest)
        if number and ({"NUMBER", "QUANTITY"} & self.accepts) and not re.fullmatch(r"[0-9.]+[eE][0-9]+", number[0]):
            unit, start = number[2], self.at + len(number[1])
            help: tuple[str, ...] = did_you_mean(unit, UNITS)
            if unit not in UNITS:
                if number[1] == "0" and unit[0] in "xob" and len(unit) > 1:
                    help = ("numbers are decimal",)
                elif unit.strip("_0123456789") == "":
                    help = ("the digits of a number stand together, without `_`",)
                elif not help:
                    help = (f"the units are {', '.join(UNITS)}",)
                self.log.add("NX0108", self.span(start, start + len(unit)), unit=unit, help=help)
                return True, self._without()
        if rest and not self.string and not _plausible(rest[0]):
            char = rest[0]
            shown = _CHARACTERS.get(char) or (char if char.isprintable() else f"U+{ord(char):04X}")
            help = ()
            if char in "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033":
                help = ('strings stand in straight quotes: `"…"`',)
            elif char in "\u2018\u2019\u201a\u201b\u2032":
                help = ("raw strings stand in straight quotes: `'…'`",)
            elif char in "\u2013\u2014\u2212":
                help = ("the sign for minus is `-`",)
            elif char in "\u00a0\u200b\ufeff\u3000":
                help = ("write an ordinary blank",)
            elif char == "\u2192":
                help = ("write `->`",)
            elif ord(char) > 127:
                help = ("text other than ASCII stands in strings and comments",)
            else:
                help = habit(Place(self.text, self.at, self.start, f"`{char}`", self.accepts, tuple(self.brackets)))
            self.log.add("NX0109", self.span(self.at, self.at + 1), character=shown, help=help)
            return True, self._without()
        return False, None

    # -------------------------------------------------------------- brackets

    def _bracket(self) -> tuple[bool, str | None]:
        """A bracket that is never closed, or closed by another kind."""
        if self.string:
            return False, None
        if self.at >= len(self.text):
            if not self.brackets:
                return False, None
            return True, self._unclosed(None)
        if self.found == '"' and self.brackets and self.brackets[-1].text == "${" and "RBRACE" in self.accepts:
            opener = self.brackets[-1]
            self._never_closed(opener, ())
            return True, leave_out(self.text, self._line_end(), self.stack[: self.stack.index(opener) - 1])
        if self.found not in tuple("})]"):
            return False, None
        if not self.brackets:
            self.log.add("NX0112", self.span(self.at, self.at + 1), bracket=self.found, secondary=self._last_block())
            return True, skip(self.text, self.at + 1)
        opener = self.brackets[-1]
        if PAIRS[opener.text] == self.found:
            return False, None
        if self.found != "}" and opener.text == "{":
            self.log.add("NX0112", self.span(self.at, self.at + 1), bracket=self.found)
            return True, self._without()
        self.log.add(
            "NX0111",
            self.span(self.at, self.at + 1),
            found=self.found,
            opener=opener.text,
            label=f"expected `{PAIRS[opener.text]}`",
            secondary=(Label(self.span(opener.start, opener.start + len(opener.text)), "opened here"),),
        )
        return True, self._past_mismatch()

    def _past_mismatch(self) -> str | None:
        """The text to go on with where a bracket is closed by another: without the statement, if a `}` ends it."""
        blocks = [i for i, opener in enumerate(self.stack) if opener.text == "{"]
        if not blocks:
            return skip(self.text, self.at + 1)
        return leave_out(self.text, self.at, self.stack[: blocks[-1] + 1])

    def _unclosed(self, following: int | None) -> str | None:
        """A bracket that is still open where the file ends, or where the statement at ``following`` begins."""
        opener, closer = self._forgotten()
        secondary: tuple[Label, ...] = ()
        if closer is not None:
            secondary = (Label(self.span(closer, closer + 1), "closed here instead, by its indentation meant for another"),)
        elif following is not None:
            word = _WORD.match(self.text, following)
            end = word.end() if word else following + 1
            secondary = (Label(self.span(following, end), "before this statement"),)
        self._never_closed(opener, secondary)
        return skip(self.text, following if following is not None else opener.start + 1)

    def _never_closed(self, opener: Opener, secondary: tuple[Label, ...]) -> None:
        self.log.add(
            "NX0110",
            self.span(opener.start, opener.start + len(opener.text)),
            bracket=opener.text,
            label="opened here, never closed",
            secondary=secondary,
            help=f"close it with `{PAIRS[opener.text]}`",
        )

    def _forgotten(self) -> tuple[Opener, int | None]:
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
                indent = self._indent(piece.start)
                opener = before[-1]
                if indent is not None and opener.text == "{" and indent < self._line_indent(opener.start):
                    return opener, piece.start
            before = stack.copy()
        return (self.brackets[-1] if self.brackets[-1].text != "{" else left), None

    def _indent(self, at: int) -> int | None:
        """The blanks before an offset, if there is nothing else before it on its line."""
        line = self.text.rfind("\n", 0, at) + 1
        return at - line if not self.text[line:at].strip() else None

    def _line_indent(self, at: int) -> int:
        line = self.text.rfind("\n", 0, at) + 1
        return len(self.text[line:at]) - len(self.text[line:at].lstrip())

    def _last_block(self) -> tuple[Label, ...]:
        """The bracket that closed the last block at top level, behind which one more is too many."""
        stack: list[Opener] = []
        last, depth = -1, 0
        for piece in pieces(self.text[: self.at], 0, stack, ends=False):
            if piece.text == "}" and depth == 1 and not stack:
                last = piece.start
            depth = len(stack)
        return (Label(self.span(last, last + 1), "the block ends here"),) if last >= 0 else ()

    # -------------------------------------------------------------- statements and names

    def _statement(self) -> tuple[bool, str | None]:
        """A statement that begins with no keyword, or one that belongs elsewhere: ``pakages htop``."""
        head = _WORD.match(self.text, self.start)
        if not head or self.string:
            return False, None
        name, start = head[0], head.start()
        inside = bool(self.brackets)
        if inside and STATEMENT.match(self.text, start) and self._indent(start) == 0 and name not in ROLE_KEYWORDS:
            return True, self._unclosed(start)
        if inside and self.brackets[-1].text != "{":
            return False, None
        following = re.compile(r"[ \t]*").match(self.text, head.end())
        assert following
        if following.end() != self.at and start != self.at:
            return False, None
        block = self._block_kind()
        known = {"": TOP_KEYWORDS, "role": ROLE_KEYWORDS, "profile": ROLE_KEYWORDS}.get(block)
        if known is None or name in RESERVED or name in known:
            return False, None
        if start == self.at and self.accepts.isdisjoint(("ROLE", "PACKAGES", "EQUAL")):
            return False, None
        other = TOP_KEYWORDS if inside else ROLE_KEYWORDS
        following_text = self.text[self.at : self.at + 1] if start != self.at else self.text[following.end() :][:1]
        if name in other and following_text not in tuple("=."):
            where = f"in a {block}" if inside else "at top level"
            help: tuple[str, ...] = ("it belongs at top level" if inside else "it belongs in a role or profile",)
            secondary = self._last_block() if not inside and self._indent(start) else ()
            self.log.add("NX0113", self.span(start, head.end()), name=name, where=where, help=help, secondary=secondary)
            return True, self._without()
        if inside and start != self.at and following_text in tuple("{=.:+?"):
            return False, None
        advice = habit(Place(self.text, self.at, self.start, f"`{name}`", self.accepts, tuple(self.brackets)))
        help = did_you_mean(name, known) or advice
        if following_text in tuple("=.") and not inside:
            help = (f"a constant is declared with `let {name} = …`; an option stands in a role or profile",)
        elif not help and inside:
            help = (f"an option is set with `{name} = value`",)
        self.log.add(
            "NX0118", self.span(start, head.end()), name=name, where=f"in a {block}" if inside else "at top level", help=help
        )
        return True, self._without()

    def _block_kind(self) -> str:
        """What the innermost block belongs to: ``role``, ``profile``, ``other``, or "" at top level."""
        if not self.brackets:
            return ""
        kind = ""
        for match in STATEMENT.finditer(self.text, 0, self.brackets[0].start + 1):
            kind = match[0].strip()
        if kind not in ("role", "profile"):
            return "other"
        for outer, opener in pairwise(self.brackets):
            word = _WORD.match(self.text, statement_start(self.text, opener.start, outer.start + 1))
            if not word or word[0] not in ("when", "on"):
                return "other"
        return kind

    def _reserved(self) -> tuple[bool, str | None]:
        """A reserved word where a name is wanted."""
        match = _WORD.match(self.text, self.at)
        if not match or self.string or match[0] not in RESERVED or "NAME" not in self.accepts:
            return False, None
        if match[0] in (keyword(name) for name in self.accepts):
            return False, None
        if self.start == self.at or {"NUMBER", "_SEP"} & self.accepts:
            return False, None
        self.log.add(
            "NX0119",
            self.span(self.at, match.end()),
            name=match[0],
            help=f"choose another name, or write `\"{match[0]}\"` for the name of an option",
        )
        return True, self._without()

    def _line_end(self) -> int:
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end


def _accepts(error: Any) -> frozenset[str]:
    """The terminals that could have stood there."""
    interactive = getattr(error, "interactive_parser", None)
    if interactive is not None:
        return frozenset(interactive.accepts())
    return frozenset(getattr(error, "allowed", None) or getattr(error, "expected", None) or ())


def _plausible(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in "_{}()[]\"'`.,;:=<>+-*/!#\n \t\r&|$%")
