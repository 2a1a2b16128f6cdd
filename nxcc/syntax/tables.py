"""The parser as lark makes it of the grammar, and a file that it loads from in a tenth of the time.

Building takes 0.3 s: lark reads the grammar, computes the tables, and ``re`` compiles an expression for each kind of
place in the language. The wheel has all of it in a file, the compiled expressions included. That holds private parts
of lark and of CPython's ``re``, so it is headed by the versions that made it: with another lark the parser is built in
memory, with another ``re`` its expressions are compiled again when they are first used.
"""

from __future__ import annotations

import _sre  # type: ignore[import-not-found]
import io
import os
import pickle
import re
from typing import TYPE_CHECKING, Any

from nxcc.resources import resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from lark.parser_frontends import ParsingFrontend

_FORMAT = b"nxcc parser tables 2, lark %s\n"


def load(builder: object, newlines: object) -> ParsingFrontend:
    """The parser, with the callbacks of ``builder`` and the filter ``newlines``."""
    path = resource("nxc.tables")
    found = read(path, builder, newlines) if os.path.exists(path) else None
    return build(builder, newlines) if found is None else found


def write(path: str, builder: object, newlines: object) -> None:
    """Write the parser to a file, headed by the version of lark that made it."""
    import lark

    parser: Any = build(builder, newlines)
    for lexer in {id(x): x for x in (*_lexers(parser), parser.lexer.lexer.root_lexer)}.values():
        assert lexer.scanner  # compiles its expressions, which lark leaves to the first use
    parser.options = None
    parser.parser_conf.callbacks = parser.parser.parser.callbacks = None
    with open(path, "wb") as file:
        file.write(_FORMAT % lark.__version__.encode())
        _Pickler(file, newlines).dump(parser)


def read(path: str, builder: object, newlines: object) -> ParsingFrontend | None:
    """The parser of a file; None where it was written with another lark, or is damaged."""
    import lark
    from lark.parse_tree_builder import ParseTreeBuilder
    from lark.tree import Tree

    with open(path, "rb") as file:
        if file.readline() != _FORMAT % lark.__version__.encode():
            return None
        try:
            parser: Any = _Unpickler(io.BytesIO(file.read()), newlines).load()
            trees: Any = ParseTreeBuilder
            callbacks = trees(parser.parser_conf.rules, Tree, False, False, False).create_callback(builder)
            parser.parser_conf.callbacks = parser.parser.parser.callbacks = callbacks
        except Exception:
            # Whatever is wrong with the file, building takes only a quarter of a second more.
            return None
    found: ParsingFrontend = parser
    return found


def build(builder: object, newlines: object, **more: Any) -> ParsingFrontend:
    """The parser, made of the grammar; ``more`` are further options of lark's."""
    import lark

    options: dict[str, Any] = {"postlex": newlines, "transformer": builder}
    with open(resource("grammar", "nxc.lark"), encoding="utf-8") as file:
        made = lark.Lark(
            file.read(),
            parser="lalr",
            lexer="contextual",
            keep_all_tokens=True,
            maybe_placeholders=False,
            **options,
            **more,
        )
    parser: ParsingFrontend = made.parser
    return parser


def _lexers(parser: Any) -> list[Any]:
    return list(parser.lexer.lexer.lexers.values())


class Expression:
    """A regular expression that is made when it is first used, from its compiled code where this ``re`` takes that."""

    __slots__ = ("code", "flags", "fullmatch", "groupindex", "groups", "match", "pattern")

    def __init__(self, pattern: str, flags: int, groups: int, groupindex: dict[str, int], code: bytes) -> None:
        self.pattern = pattern
        self.flags = flags
        self.groups = groups
        self.groupindex = groupindex
        self.code = code
        self.match: Callable[..., Any] = self._match
        self.fullmatch: Callable[..., Any] = self._fullmatch

    def __reduce__(self) -> tuple[Any, ...]:
        return Expression, (self.pattern, self.flags, self.groups, self.groupindex, self.code)

    def _match(self, *arguments: Any) -> Any:
        self.match = self._compiled().match
        return self.match(*arguments)

    def _fullmatch(self, *arguments: Any) -> Any:
        self.fullmatch = self._compiled().fullmatch
        return self.fullmatch(*arguments)

    def _compiled(self) -> re.Pattern[str]:
        magic, _, code = self.code.partition(b"\n")
        if magic == _MAGIC:
            from array import array

            names: list[str | None] = [None] * (self.groups + 1)
            for name, index in self.groupindex.items():
                names[index] = name
            try:
                flags = int(self.flags)
                words = array("I", code).tolist()
                made: re.Pattern[str] = _sre.compile(
                    self.pattern, flags, words, self.groups, self.groupindex, tuple(names)
                )
                return made
            except (AttributeError, RuntimeError, TypeError, ValueError):
                pass
        return re.compile(self.pattern, self.flags & ~re.UNICODE)


_MAGIC = b"%d %d" % (_sre.MAGIC, _sre.CODESIZE)


def _expression(pattern: re.Pattern[str]) -> Expression:
    """A compiled expression in the form that is written."""
    from array import array
    from re import _compiler, _parser  # type: ignore[attr-defined]

    parsed = _parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    code = array("I", _compiler._code(parsed, pattern.flags & ~re.UNICODE)).tobytes()
    return Expression(pattern.pattern, pattern.flags, pattern.groups, dict(pattern.groupindex), _MAGIC + b"\n" + code)


class _Pickler(pickle.Pickler):
    """Writes a parser: what each program has of its own (the filter, ``re``) by name, expressions with their code."""

    def __init__(self, file: Any, newlines: object) -> None:
        super().__init__(file, protocol=5)
        self._newlines = newlines

    def persistent_id(self, value: object) -> str | None:
        from lark.parsers.lalr_analysis import Reduce, Shift

        if value is self._newlines:
            return "newlines"
        return {id(re): "re", id(Shift): "shift", id(Reduce): "reduce"}.get(id(value))

    def reducer_override(self, value: object) -> Any:
        if isinstance(value, re.Pattern):
            return _expression(value).__reduce__()
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, newlines: object) -> None:
        super().__init__(file)
        from lark.parsers.lalr_analysis import Reduce, Shift

        self._own = {"newlines": newlines, "re": re, "shift": Shift, "reduce": Reduce}

    def persistent_load(self, name: str) -> object:
        return self._own[name]
