"""Syntax errors in the user's words: what was found, what could have stood there, and where it was opened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nxcc.diagnostics.core import Label, Span
from nxcc.diagnostics.nearest import did_you_mean
from nxcc.syntax.parser import MAX_DEPTH, NestingError

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Log, Source

TOP_KEYWORDS = (
    "environment nixpkgs input overlay override package param let secret script include profile role link network "
    "flavour setup test"
).split()
ROLE_KEYWORDS = (
    "packages ports publish service enable variable file script on-boot user share mount after ready resources kernel "
    "kernel-params import nix flavour let when on"
).split()
RESERVED = frozenset("if then else for in and or not true false null".split())

# Words for terminals. Those that are missing read as their own lower-case name, a keyword.
_WORDS = {
    "$END": "the end of the file",
    "_SEP": "the end of the statement",
    "NAME": "a name",
    "NUMBER": "a number",
    "QUANTITY": "a quantity",
    "PATH": "a path",
    "NIX": "Nix in backticks",
    "RAW": "a string",
    "RAW_BLOCK": "a string",
    "QUOTE": "a string",
    "QUOTES": "a string",
    "MODE_BITS": "a mode such as 0644",
    "UNIT": "a unit such as sshd.service",
    "LANGUAGE": "`bash`, `sh` or `python`",
    "PORT_RANGE": "a port",
    "PROTOCOL": "`/tcp` or `/udp`",
    "ADDRESS": "an address",
    "COMPARE": "a comparison",
    "LPAR": "`(`",
    "CALL": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "INDEX": "`[`",
    "RSQB": "`]`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "EQUAL": "`=`",
    "ARROW": "`->`",
    "BOTH": "`<->`",
    "RANGE": "`..`",
    "CONCAT": "`++`",
    "PLUS": "`+`",
    "MINUS": "`-`",
    "STAR": "`*`",
    "SLASH": "`/`",
    "DOT": "`.`",
    "HOLE": "`${`",
    "FILE_USER": "`user`",
    "UNIT_WORD": "`unit`",
    "NIX_WORD": "`nix`",
    "AFTERWARDS": "`after`",
    "AFTER_UNITS": "`after`",
    "AS_DEFAULT": "`default`",
}
_OPERATORS = frozenset("COMPARE RANGE CONCAT PLUS MINUS STAR SLASH AND OR CALL INDEX DOT".split())
_PAIRS = {"{": "}", "(": ")", "[": "]", "${": "}"}
_TEXTS = ("TEXT", "ESCAPE", "BLOCK_TEXT", "BLOCK_ESCAPE")

# How a token looks from outside, to name what was found.
_FOUND = re.compile(
    r"(?P<word>[A-Za-z_][\w-]*)|(?P<number>\d[\w.%]*)|(?P<string>\"\"\"|'''|\"|')|(?P<nix>`+)|(?P<path>\.\.?/\S*)"
    r"|(?P<sign>->|<->|==|!=|<=|>=|\+\+|\.\.|.)",
    re.DOTALL,
)


def report(error: Exception, source: Source, log: Log) -> int:
    """Put a parser's error into the log; returns the offset behind which parsing may go on."""
    if isinstance(error, NestingError):
        start = error.token.start_pos or 0
        log.add(
            "NX0104",
            Span(source, start, start + 1),
            limit=MAX_DEPTH,
            label="one bracket too many",
            help="name inner parts with `let`",
        )
        return len(source.text)
    return _Report(error, source, log).write()


class _Report:
    """One syntax error on its way into the log."""

    def __init__(self, error: Any, source: Source, log: Log) -> None:
        self.source = source
        self.log = log
        self.text = source.text
        token = getattr(error, "token", None)
        if token is not None and token.type == "$END":
            self.at = len(self.text)
        elif token is not None:
            self.at = token.start_pos
        else:
            self.at = error.pos_in_stream
        if token is not None and token.type == "_SEP":
            self.found = ";" if token == ";" else "\n"
        else:
            self.found = self.text[self.at : self.at + 1]
        self.accepts = self._accepts(error)
        self.stack = _open_brackets(self.text, self.at)

    def _accepts(self, error: Any) -> set[str]:
        interactive = getattr(error, "interactive_parser", None)
        if interactive is not None:
            return set(interactive.accepts())
        return set(getattr(error, "allowed", None) or getattr(error, "expected", None) or ())

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, start, max(end, start))

    def write(self) -> int:
        for special in (self._open_string, self._bad_character, self._bracket, self._statement, self._reserved):
            resume = special()
            if resume is not None:
                return resume
        start, end, found = self._what()
        expected = _expected(self.accepts)
        self.log.add(
            "NX0101",
            self.span(start, end),
            found=found,
            label=f"expected {expected}" if expected else "",
            help=self._hint(start),
        )
        return end

    def _what(self) -> tuple[int, int, str]:
        """Start, end and description of what was found."""
        if self.at >= len(self.text):
            return len(self.text), len(self.text), "the end of the file"
        if self.found == "\n":
            return self.at, self.at, "the end of the line"
        match = _FOUND.match(self.text, self.at)
        assert match
        names = {"string": "a string", "nix": "Nix in backticks"}
        return self.at, match.end(), names.get(match.lastgroup or "", f"`{match[0]}`")

    def _open_string(self) -> int | None:
        """A string or Nix fragment that is not closed."""
        kind, opener = self.stack.string
        if not kind:
            match = re.compile(r"'''|'|```|`").match(self.text, self.at)
            if not match:
                return None
            kind, opener = match[0], self.at
        elif not (set(_TEXTS) & self.accepts) and self.at < len(self.text):
            return None
        if kind in ('"', "'"):
            if self.at < len(self.text) and self.text[self.at] == "\\" and kind == '"':
                return None
            end = self.text.find("\n", opener)
            end = len(self.text) if end < 0 else end
            block = kind * 3
            self.log.add(
                "NX0105",
                self.span(opener, opener + 1),
                what="string",
                label="opened here, never closed on this line",
                help=f"close it with `{kind}`, or write `{block}` around a text of several lines",
            )
            return end
        what = "Nix fragment" if kind[0] == "`" else "string"
        help = f"close it with `{kind}`" if kind != "`" else "close it with a backtick"
        if kind == "`":
            help += ", or write ``` around Nix of several lines or with backticks in its strings"
        self.log.add(
            "NX0105", self.span(opener, opener + len(kind)), what=what, label="opened here, never closed", help=help
        )
        return opener + len(kind)

    def _bad_character(self) -> int | None:
        """What no token begins with: an escape, a unit, a character."""
        rest = self.text[self.at : self.at + 80]
        if self.stack.string[0] in ('"',) and rest.startswith("\\"):
            self.log.add(
                "NX0106",
                self.span(self.at, self.at + 2),
                escape=rest[:2],
                help="the escapes are `\\n` `\\r` `\\t` `\\\"` `\\\\` `\\${` and `\\u{…}`; a raw string '…' has none",
            )
            return self._line_end()
        number = re.match(r"(\d+(?:\.\d+)?)([A-Za-z_%][\w%-]*)", rest)
        if number and not re.match(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$", number[0]):
            units = ("B", "KiB", "MiB", "GiB", "TiB", "ms", "s", "min", "h", "d", "kbit", "mbit", "gbit", "%")
            if number[2] not in units:
                start = self.at + len(number[1])
                self.log.add(
                    "NX0108",
                    self.span(start, start + len(number[2])),
                    unit=number[2],
                    help=did_you_mean(number[2], units) or f"the units are {', '.join(units)}",
                    notes='a name cannot begin with a digit; a package such as 7zz is `pkgs."7zz"`',
                )
                return self._line_end()
        if rest and not _plausible(rest[0]):
            shown = rest[0] if rest[0].isprintable() else f"U+{ord(rest[0]):04X}"
            self.log.add(
                "NX0109",
                self.span(self.at, self.at + 1),
                character=shown,
                help="text other than ASCII stands in strings and comments" if ord(rest[0]) > 127 else (),
            )
            return self._line_end()
        return None

    def _bracket(self) -> int | None:
        """A bracket that is never closed, or closed by another kind."""
        if self.at >= len(self.text):
            if not self.stack.brackets:
                return None
            opener, start = self.stack.brackets[-1]
            # The innermost bracket is where the parser stands; where lines are indented, the one that
            # was forgotten is rather the last whose line begins with a later closing one.
            opener, start = self._forgotten() or (opener, start)
            self.log.add(
                "NX0110",
                self.span(start, start + len(opener)),
                bracket=opener,
                label="opened here, never closed",
                help=f"close it with `{_PAIRS[opener]}`",
            )
            return start + len(opener)
        if self.found in "})]" and self.stack.brackets:
            opener, start = self.stack.brackets[-1]
            if _PAIRS[opener] != self.found:
                self.log.add(
                    "NX0111",
                    self.span(self.at, self.at + 1),
                    found=self.found,
                    opener=opener,
                    label=f"expected `{_PAIRS[opener]}`",
                    secondary=(Label(self.span(start, start + len(opener)), "opened here"),),
                )
                return self.at + 1
        if self.found in "})]" and self.found and not self.stack.brackets:
            self.log.add("NX0112", self.span(self.at, self.at + 1), bracket=self.found)
            return self.at + 1
        return None

    def _forgotten(self) -> tuple[str, int] | None:
        """The open bracket behind whose line a top-level statement begins: the one that a `}` is missing for."""
        from nxcc.syntax.parser import _STATEMENT

        for opener, start in self.stack.brackets:
            if _STATEMENT.search(self.text, start):
                return opener, start
        return None

    def _statement(self) -> int | None:
        """A statement that begins with no keyword: ``pakages htop``."""
        head = re.compile(r"[A-Za-z_][\w-]*").match(self.text, self._statement_start())
        if not head:
            return None
        name, start = head[0], head.start()
        inside = bool(self.stack.brackets)
        if inside and self.stack.brackets[-1][0] != "{":
            return None
        keywords = ROLE_KEYWORDS if inside else TOP_KEYWORDS
        following = re.compile(r"[ \t]*").match(self.text, head.end())
        assert following
        if following.end() != self.at and start != self.at:
            return None
        if start == self.at and name not in RESERVED and "NAME" in self.accepts:
            return None
        if name in keywords and name in (word.lower().replace("_", "-") for word in self.accepts):
            return None
        if start == self.at and not inside and self.accepts and "ROLE" not in self.accepts:
            return None
        other = TOP_KEYWORDS if inside else ROLE_KEYWORDS
        if name in keywords:
            return None
        if name in other:
            where = "inside a role or profile" if inside else "at top level"
            home = "at top level" if inside else "inside a role or profile"
            self.log.add("NX0113", self.span(start, head.end()), name=name, where=where, help=f"it belongs {home}")
        elif self.at < len(self.text) and start != self.at and self.text[self.at] in "{=.":
            return None
        else:
            help = did_you_mean(name, keywords)
            if not help and inside:
                help = (f"an option is set with `{name} = value`",)
            where = "of a role" if inside else "at top level"
            self.log.add("NX0118", self.span(start, head.end()), name=name, where=where, help=help)
        return self._line_end()

    def _statement_start(self) -> int:
        """Offset of the first character of the statement that the error stands in."""
        line = self.text.rfind("\n", 0, self.at) + 1
        start = max([line] + [pos + 1 for opener, pos in self.stack.brackets if pos >= line and opener == "{"])
        semicolon = self.text.rfind(";", start, self.at)
        start = max(start, semicolon + 1)
        while start < self.at and self.text[start] in " \t":
            start += 1
        return start

    def _reserved(self) -> int | None:
        """A reserved word where a name is wanted."""
        match = re.compile(r"[A-Za-z_][\w-]*").match(self.text, self.at)
        if match and match[0] in RESERVED and "NAME" in self.accepts and match[0].upper() not in self.accepts:
            self.log.add("NX0119", self.span(self.at, match.end()), name=match[0])
            return match.end()
        return None

    def _hint(self, start: int) -> tuple[str, ...]:
        before = self.text[:start].rstrip(" \t")
        if self.text[start : start + 1] in "([" and self.text[start - 1 : start] == " " and "CALL" in self.accepts:
            return ("a call and an index follow their name without a blank: `f(x)`, `x[i]`",)
        if self.found in ('"', "'") and before.endswith(('"', "'")) and self.accepts & _OPERATORS:
            return ('join strings by interpolation: `"${a}${b}"`',)
        if self.text.startswith("=", start) and not self.text.startswith("==", start) and "COMPARE" in self.accepts:
            return ("equality is `==`",)
        for wrong, right in (("&&", "and"), ("||", "or"), ("!", "not")):
            if self.text.startswith(wrong, start) and not self.text.startswith("!=", start):
                return (f"write `{right}`",)
        return ()

    def _line_end(self) -> int:
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end


def _plausible(char: str) -> bool:
    return (
        char.isascii()
        and (char.isalnum() or char in "_{}()[]\"'`.,;:=<>+-*/!#\n \t\r$%&|@^~?\\")
        and char not in "@^~?\\$%"
    )


def _expected(accepts: set[str]) -> str:
    """What could have stood there, in words; "" when that is too much to say."""
    if {"ROLE", "ENVIRONMENT"} <= accepts:
        return "a statement"
    if {"PACKAGES", "SERVICE"} <= accepts:
        return "a statement or `}`"
    words: list[str] = []
    rest = set(accepts)
    if {"NAME", "NUMBER", "LBRACE", "LPAR"} <= rest:
        words.append("a value")
        rest -= {"NAME", "NUMBER", "QUANTITY", "QUOTE", "QUOTES", "RAW", "RAW_BLOCK", "NIX", "NIX_BLOCK", "PATH"}
        rest -= {"LBRACE", "LSQB", "LPAR", "TRUE", "FALSE", "NULL", "IF", "NOT", "MINUS"}
        rest -= {"FORCE", "AS_DEFAULT", "BEFORE", "AFTERWARDS", "ORDER"}
    if len(rest & _OPERATORS) > 3:
        rest -= _OPERATORS
        words.append("an operator")
    # The end of the file closes a statement just as a line's end does: one of them is enough to say.
    if "_SEP" in rest:
        rest.discard("$END")
    for name in sorted(rest, key=lambda name: (name not in _WORDS, name)):
        if name in _TEXTS or name in ("NIX_BLOCK",):
            continue
        word = _WORDS.get(name) or f"`{name.lower().replace('_', '-')}`"
        if word not in words:
            words.append(word)
    if not words or len(words) > 6:
        return ""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


class _Open:
    """What is open at an offset: brackets with their places, and a string's quote with its place ("" for none)."""

    def __init__(self, brackets: list[tuple[str, int]], string: tuple[str, int]) -> None:
        self.brackets = brackets
        self.string = string


_PIECE = re.compile(
    r"#[^\n]*|'''(?:[^']|'(?!''))*'''|'(?!'')[^'\n]*'|```(?:[^`]|`(?!``))*```|`(?!``)[^`\n]*`"
    r'|"""|"|\$\{|[{}()\[\]]|\\.',
    re.DOTALL,
)


def _open_brackets(text: str, end: int) -> _Open:
    """What is open at ``end``, by a scan that knows strings, comments and brackets but no grammar."""
    stack: list[tuple[str, int]] = []
    at = 0
    while True:
        quoted = stack[-1][0] if stack and stack[-1][0] in ('"', '"""') else ""
        if quoted:
            pattern = _IN_TEXT if quoted == '"' else _IN_BLOCK
            match = pattern.search(text, at, end)
            if not match:
                return _Open([x for x in stack if x[0] in _PAIRS], stack[-1])
            if match[0] == quoted or match[0] == "\n":
                stack.pop()
            elif match[0] == "${":
                stack.append(("${", match.start()))
        else:
            match = _PIECE.search(text, at, end)
            if not match:
                return _Open([x for x in stack if x[0] in _PAIRS], ("", 0))
            piece = match[0]
            if piece in ('"', '"""', "${", "{", "(", "["):
                stack.append((piece, match.start()))
            elif piece in ("}", ")", "]") and stack and _PAIRS.get(stack[-1][0]) == piece:
                stack.pop()
        at = match.end()


_IN_TEXT = re.compile(r'\\.|\$\{|"|\n', re.DOTALL)
_IN_BLOCK = re.compile(r'\\\$\{|\\"""|\$\{|"""')
