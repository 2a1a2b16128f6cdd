"""Syntax errors in the user's words: what was found, what could have stood there, and where it was opened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Label, Span
from nxcc.diagnostics.nearest import did_you_mean
from nxcc.syntax.habits import ELSEWHERE, Place, habit
from nxcc.syntax.newlines import MAX_DEPTH, NestingError
from nxcc.syntax.opened import PAIRS, Opener
from nxcc.syntax.recovery import STATEMENT, leave_out, skip
from nxcc.syntax.trouble import WORD, Trouble
from nxcc.syntax.words import RESERVED, ROLE_KEYWORDS, TEXTS, TOP_KEYWORDS, UNITS, UNITS_ELSEWHERE, expected, keyword

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Log, Source

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
            help = "name inner parts with `let`"
            log.add("NX0104", Span(source, start, end), limit=MAX_DEPTH, label="one bracket too many", help=help)
        else:
            log.add(error.code, Span(source, start, end), label="one operator too many", help="name parts with `let`")
        return skip(text, end)
    return _Report(error, source, text, log).write()


class _Report(Trouble):
    """One syntax error on its way into the log."""

    def write(self) -> str | None:
        """Report the error as the first kind that it is; returns the text to go on with."""
        for special in (
            self._swallowing_string,
            self._open_string,
            self._character,
            self._bracket,
            self._statement,
            self._reserved,
        ):
            done, following = special()
            if done:
                return following
        start, end, found = self.what()
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

    # -------------------------------------------------------------- strings and characters

    def _swallowing_string(self) -> tuple[bool, str | None]:
        """A string of several lines that went on to the quotes which open the next one."""
        found = self.swallowed()
        if not found:
            return False, None
        (quote, start), end = found
        secondary = (Label(self.span(end - 3, end), "closed here, behind other statements"),)
        what = "Nix fragment" if quote == "```" else "string"
        help = f"close it with `{quote}`" if quote != "```" else "close it with three backticks"
        self.log.add(
            "NX0105", self.span(start, start + 3), what=what, label="opened here", secondary=secondary, help=help
        )
        return True, skip(self.text, start + 3)

    def _open_string(self) -> tuple[bool, str | None]:
        """A string or Nix fragment that is not closed."""
        if self.string:
            kind, opener = self.string
            if TEXTS & self.accepts and self.found not in ("", "\n"):
                return False, None
        else:
            match = re.compile(r"'''|'|```|`").match(self.text, self.at)
            if not match or self.closed(match[0]):
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
            until = self.closed_below(opener, end) if kind == '"' else None
            if until is None:
                return True, leave_out(self.text, end, stack)
            without = self.text[:opener] + " " * (until - opener) + self.text[until:]
            return True, leave_out(without, opener, stack)
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
            if unit.lower() in UNITS_ELSEWHERE:
                help = (f"did you mean `{UNITS_ELSEWHERE[unit.lower()]}`?",)
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
            return True, leave_out(self.text, self.line_end(), self.stack[: self.stack.index(opener) - 1])
        if self.next_statement() and self.brackets and self.brackets[-1].text != "{":
            return True, self._cut()
        if self.found not in tuple("})]"):
            return False, None
        if not self.brackets:
            self.log.add("NX0112", self.span(self.at, self.at + 1), bracket=self.found, secondary=self.last_block())
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

    def _cut(self) -> str | None:
        """Report the innermost bracket, and go on behind the line that it is on."""
        opener = self.brackets[-1]
        line = self.text.rfind("\n", 0, self.at) + 1
        word = re.compile(r"\S*").match(self.text, line + len(self.text[line:]) - len(self.text[line:].lstrip(" \t")))
        secondary = (Label(self.span(*word.span()), "before this"),) if word and word[0] else ()
        self._never_closed(opener, secondary)
        outer = self.stack[: self.stack.index(opener)]
        if outer and outer[-1].text == '"':
            outer.pop()
        while outer and outer[-1].text != "{":
            outer.pop()
        end = self.text.find("\n", opener.start)
        return leave_out(self.text, end, outer)

    def _past_mismatch(self) -> str | None:
        """The text to go on with where a bracket is closed by another: without the statement, if a `}` ends it."""
        blocks = [i for i, opener in enumerate(self.stack) if opener.text == "{"]
        if not blocks:
            return skip(self.text, self.at + 1)
        return leave_out(self.text, self.at, self.stack[: blocks[-1] + 1])

    def _unclosed(self, following: int | None) -> str | None:
        """A bracket that is still open where the file ends, or where the statement at ``following`` begins."""
        opener, closer = self.forgotten()
        secondary: tuple[Label, ...] = ()
        if closer is not None:
            secondary = (Label(self.span(closer, closer + 1), "its indentation says that this closes another"),)
        elif following is not None:
            word = WORD.match(self.text, following)
            end = word.end() if word else following + 1
            secondary = (Label(self.span(following, end), "before this statement"),)
        self._never_closed(opener, secondary)
        return skip(self.text, following if following is not None else opener.start + 1)

    def _unclosed_block(self, start: int) -> str | None:
        """Report the block that a statement of a role stands in, where its indentation says that it should be closed.

        The text to go on with has the bracket in place of that indentation.
        """
        opener, indent = self.brackets[-1], self.indent(start)
        if not indent or indent < 2 or indent > self.line_indent(opener.start):
            return None
        word = WORD.match(self.text, start)
        assert word
        self._never_closed(opener, (Label(self.span(start, word.end()), "before this statement"),))
        return self.text[: start - 2] + "};" + self.text[start:]

    def _never_closed(self, opener: Opener, secondary: tuple[Label, ...]) -> None:
        self.log.add(
            "NX0110",
            self.span(opener.start, opener.start + len(opener.text)),
            bracket=opener.text,
            label="opened here, never closed",
            secondary=secondary,
            help=f"close it with `{PAIRS[opener.text]}`",
        )

    # -------------------------------------------------------------- statements and names

    def _statement(self) -> tuple[bool, str | None]:
        """A statement that begins with no keyword, or one that belongs elsewhere: ``pakages htop``."""
        head = WORD.match(self.text, self.start)
        if not head or self.string:
            return False, None
        name, start = head[0], head.start()
        inside = bool(self.brackets)
        if inside and start > self.brackets[0].start and self.indent(start) == 0 and STATEMENT.match(self.text, start):
            return True, self._unclosed(start)
        if inside and self.brackets[-1].text != "{":
            return False, None
        following = re.compile(r"[ \t]*").match(self.text, head.end())
        assert following
        if following.end() != self.at and start != self.at:
            return False, None
        block = self.block_kind()
        if block == "other" and name in ROLE_KEYWORDS and (inserted := self._unclosed_block(start)):
            return True, inserted
        if block == "other" and name in ROLE_KEYWORDS and start != self.at and {"EQUAL", "LBRACE"} <= self.accepts:
            help: tuple[str, ...] = ("it belongs in a role or profile",)
            where = "among options"
            self.log.add("NX0113", self.span(start, head.end()), name=name, where=where, help=help)
            return True, self._without()
        known = {"": TOP_KEYWORDS, "role": ROLE_KEYWORDS, "profile": ROLE_KEYWORDS}.get(block)
        if known is None or name in RESERVED or name in known:
            return False, None
        if start == self.at and self.accepts.isdisjoint(("ROLE", "PACKAGES", "EQUAL")):
            return False, None
        other = TOP_KEYWORDS if inside else ROLE_KEYWORDS
        following_text = self.text[self.at : self.at + 1] if start != self.at else self.text[following.end() :][:1]
        if name in other and following_text not in tuple("=."):
            where = f"in a {block}" if inside else "at top level"
            help = ("it belongs at top level" if inside else "it belongs in a role or profile",)
            secondary = self.last_block() if not inside and self.indent(start) else ()
            self.log.add("NX0113", self.span(start, head.end()), name=name, where=where, help=help, secondary=secondary)
            return True, self._without()
        if inside and start != self.at and following_text in tuple("{=.:+?"):
            return False, None
        advice = habit(Place(self.text, self.at, self.start, f"`{name}`", self.accepts, tuple(self.brackets)))
        help = advice if name in ELSEWHERE else did_you_mean(name, known) or advice
        if following_text in tuple("=.") and not inside:
            help = (f"a constant is declared with `let {name} = …`; an option stands in a role or profile",)
        elif inside and (above := self.goes_on(start)):
            help = (f"`{above}` goes on in the next line where a line ends with a comma; `packages [ … ]` needs none",)
        elif not help and inside:
            help = (f"an option is set with `{name} = value`",)
        where = f"in a {block}" if inside else "at top level"
        self.log.add("NX0118", self.span(start, head.end()), name=name, where=where, help=help)
        return True, self._without()

    def _reserved(self) -> tuple[bool, str | None]:
        """A reserved word where a name is wanted."""
        match = WORD.match(self.text, self.at)
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
            help=f'choose another name, or write `"{match[0]}"` for the name of an option',
        )
        return True, self._without()


def _plausible(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in "_{}()[]\"'`.,;:=<>+-*/!#\n \t\r&|$%")
