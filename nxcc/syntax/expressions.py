"""Makes the tree's expressions; nxcc/syntax/builder.py makes its statements.

One method a rule of the grammar, called by the parser as it reduces the rule. Each takes the rule's children, every
token among them, so that spans run from the first to the last.
"""

from __future__ import annotations

from typing import Any

from lark import Token

from nxcc.diagnostics.core import Source, Span
from nxcc.records import NamedTuple
from nxcc.syntax import tree as t
from nxcc.syntax.dedent import dedent, joined
from nxcc.syntax.words import RESERVED, UNITS, double

_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\t": "\t", '\\"': '"', "\\\\": "\\", "\\${": "${", '\\"""': '"""'}
_UNIT_LETTERS = "".join(UNITS)


class Bunch(NamedTuple):
    """Children of a helper rule, with the helper's place."""

    items: tuple[Any, ...]
    span: Span


class Expressions:
    """The callbacks of the rules for values. ``begin`` comes before each parse."""

    def __init__(self) -> None:
        self.begin(Source("", ""))

    def begin(self, source: Source) -> None:
        """Start on a source."""
        self.source = source
        self.problems: list[tuple[str, Span, str, dict[str, Any]]] = []
        self.fragments: list[tuple[t.NixText, bool]] = []

    # -------------------------------------------------------------- helpers

    def _span(self, c: list[Any]) -> Span:
        first, last = c[0], c[-1]
        return Span(
            self.source,
            first.start_pos or 0 if type(first) is Token else first.span.start,
            last.end_pos or 0 if type(last) is Token else last.span.end,
        )

    def _word(self, token: Any) -> t.Word:
        """A word, or what is one already; a reserved word is no name."""
        if type(token) is Token:
            if token in RESERVED and token.type == "NAME":
                self._reserved(token)
            return t.Word(str(token), Span(self.source, token.start_pos or 0, token.end_pos or 0))
        word: t.Word = token
        return word

    def _reserved(self, token: Token) -> None:
        help = "choose another name" if token not in ("true", "false", "null") else ""
        span = Span(self.source, token.start_pos or 0, token.end_pos or 0)
        self.problems.append(("NX0119", span, help, {"name": str(token)}))

    def _key(self, token: Any) -> t.Key:
        """A key of a set or a path: any word, or a string."""
        if type(token) is Token:
            return t.Word(str(token), Span(self.source, token.start_pos or 0, token.end_pos or 0))
        key: t.Key = token
        return key

    def _words(self, c: list[Any]) -> tuple[t.Word, ...]:
        return tuple(self._word(x) for x in c if type(x) is Token and x.type == "NAME")

    def _bunch(self, c: list[Any]) -> Bunch:
        return Bunch(tuple(x for x in c if type(x) is not Token), self._span(c))

    def _nodes(self, c: list[Any]) -> tuple[Any, ...]:
        return tuple(x for x in c if type(x) is not Token)

    def _first(self, c: list[Any], *kinds: type) -> Any:
        return next((x for x in c if type(x) in kinds), None)

    def _token(self, c: list[Any], *kinds: str) -> Token | None:
        return next((x for x in c if type(x) is Token and x.type in kinds), None)

    def _optional_word(self, c: list[Any], kind: str) -> t.Word | None:
        """The name that follows a keyword."""
        for i, x in enumerate(c):
            if type(x) is Token and x.type == kind:
                return self._word(c[i + 1])
        return None

    def _after(self, c: list[Any], kind: str) -> Any:
        for i, x in enumerate(c):
            if type(x) is Token and x.type == kind:
                return c[i + 1]
        return None

    # -------------------------------------------------------------- sets

    def attributes(self, c: list[Any]) -> t.SetLiteral:
        """A set, or a block of options."""
        return t.SetLiteral(self._nodes(c), self._span(c))

    def assign(self, c: list[Any]) -> t.Assign:
        """a.b = value."""
        modifier = c[2] if len(c) > 3 else None
        return t.Assign(c[0].items, modifier, c[-1], self._span(c))

    def nested(self, c: list[Any]) -> t.Nested:
        """a.b { … }."""
        if len(c[0].items) == 1 and type(c[0].items[0]) is t.Word and c[0].items[0].text in RESERVED:
            word = c[0].items[0]
            help = {"else": "`else` follows the `}` of a `when`", "if": "statements are chosen with `when`"}
            self.problems.append(("NX0119", word.span, help.get(word.text, ""), {"name": word.text}))
        return t.Nested(c[0].items, c[1], self._span(c))

    def modifier(self, c: list[Any]) -> t.Modifier:
        """force, default, before, after or order N."""
        order = c[1].value if len(c) > 1 else 0
        if type(order) is not int:
            self.problems.append(("NX0115", c[1].span, "", {}))
            order = 0
        return t.Modifier(str(c[0]), order, self._span(c))

    def path_key(self, c: list[Any]) -> Bunch:
        """An attribute path."""
        return Bunch(tuple(self._key(x) for x in c if type(x) is not Token or x.type != "DOT"), self._span(c))

    key_path = path_key

    # -------------------------------------------------------------- expressions

    def if_(self, c: list[Any]) -> t.If:
        """if then else."""
        return t.If(c[1], c[3], c[5], self._span(c))

    def binary(self, c: list[Any]) -> t.Binary:
        """A binary operator."""
        return t.Binary(str(c[1]), c[0], c[2], self._word(c[1]).span, self._span(c))

    def unary(self, c: list[Any]) -> t.Unary:
        """A unary operator."""
        return t.Unary(str(c[0]), c[1], self._span(c))

    def index(self, c: list[Any]) -> t.Index:
        """x[i]."""
        return t.Index(c[0], c[2], self._span(c))

    def apply(self, c: list[Any]) -> t.Apply:
        """f(x)."""
        return t.Apply(c[0], c[1].items, self._span(c))

    def call(self, c: list[Any]) -> Bunch:
        """The arguments of a call."""
        arguments = (x if type(x) is t.Argument else t.Argument(None, x, x.span) for x in self._nodes(c))
        return Bunch(tuple(arguments), self._span(c))

    def named_argument(self, c: list[Any]) -> t.Argument:
        """NAME = value."""
        return t.Argument(self._word(c[0]), c[2], self._span(c))

    def select(self, c: list[Any]) -> t.Select:
        """x.key."""
        return t.Select(c[0], self._key(c[2]), self._span(c))

    def group(self, c: list[Any]) -> Any:
        """An expression in parentheses."""
        return c[1]._replace(span=self._span(c))

    def list_(self, c: list[Any]) -> t.ListLiteral:
        """A list."""
        return t.ListLiteral(self._nodes(c), self._span(c))

    def comprehension(self, c: list[Any]) -> t.Comprehension:
        """[item for name in source]."""
        return t.Comprehension(c[1], self._word(c[3]), c[5], self._span(c))

    def name(self, c: list[Any]) -> t.Name:
        """A name."""
        if c[0] in RESERVED:
            self._reserved(c[0])
        return t.Name(str(c[0]), self._span(c))

    def constant(self, c: list[Any]) -> t.Literal:
        """true, false or null."""
        return t.Literal({"TRUE": True, "FALSE": False, "NULL": None}[c[0].type], str(c[0]), self._span(c))

    def number(self, c: list[Any]) -> t.Literal:
        """A number."""
        text, span = str(c[0]), self._span(c)
        if text.isdigit():
            if len(text) > 19 or int(text) > 2**63 - 1:
                self.problems.append(("NX0116", span, "", {}))
                return t.Literal(0, text, span)
            return t.Literal(int(text), text, span)
        value = double(text)
        if value is None:
            self.problems.append(("NX0116", span, "", {}))
        return t.Literal(value or 0.0, text, span)

    def quantity(self, c: list[Any]) -> t.QuantityLiteral:
        """A number with a unit."""
        text = str(c[0])
        number = text.rstrip(_UNIT_LETTERS)
        return t.QuantityLiteral(number, text[len(number) :], self._span(c))

    def path(self, c: list[Any]) -> t.Path:
        """A path."""
        return t.Path(str(c[0]), self._span(c))

    def nix(self, c: list[Any]) -> t.NixText:
        """A Nix fragment."""
        token = c[0]
        ticks = 3 if token.type == "NIX_BLOCK" else 1
        node = t.NixText(str(token)[ticks:-ticks], token.start_pos + ticks, self._span(c))
        self.fragments.append((node, False))
        return node

    # -------------------------------------------------------------- strings

    def text(self, c: list[Any]) -> t.String:
        """ "…"."""
        return t.String(self._parts(c[1:-1]), self._span(c))

    def text_hole(self, c: list[Any]) -> Any:
        """${…} in a string."""
        return c[1]

    def block(self, c: list[Any]) -> t.String:
        """A block string."""
        return t.String(dedent(self._parts(c[1:-1], resolve=False)), self._span(c))

    block_hole = text_hole

    def raw(self, c: list[Any]) -> t.String:
        """'…'."""
        return t.String(joined([str(c[0])[1:-1]]), self._span(c))

    def raw_block(self, c: list[Any]) -> t.String:
        """'''…'''."""
        return t.String(dedent(joined([str(c[0])[3:-3]]), escapes=False), self._span(c))

    def _parts(self, c: list[Any], resolve: bool = True) -> tuple[Any, ...]:
        parts = [self._escape(x) if type(x) is Token and x.type == "ESCAPE" else x for x in c]
        return joined([str(x) if type(x) is Token else x for x in parts])

    def _escape(self, token: Token) -> str:
        if token[1] != "u":
            return _ESCAPES[token]
        number = int(token[3:-1], 16)
        if number == 0 or number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            self.problems.append(("NX0117", self._word(token).span, "", {}))
            return ""
        return chr(number)
