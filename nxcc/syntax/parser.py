"""Text to tree: newlines, parser tables, limits, and going on after an error."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from nxcc.resources import resource
from nxcc.syntax.builder import Builder
from nxcc.syntax.tree import Comment, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lark import Lark, Token

    from nxcc.diagnostics.core import Log, Source

MAX_BYTES = 256 * 1024
MAX_DEPTH = 200
MAX_SYNTAX_ERRORS = 20

_OPENERS = frozenset(("LBRACE", "LSQB", "INDEX", "LPAR", "CALL", "HOLE"))
_CLOSERS = frozenset(("RBRACE", "RSQB", "RPAR"))
_NEWLINES_COUNT_IN = frozenset(("LBRACE", "LSQB", "INDEX"))
_GOES_ON_AFTER = frozenset(
    "LBRACE LSQB INDEX COMMA COLON EQUAL ARROW BOTH COMPARE RANGE CONCAT PLUS MINUS STAR SLASH DOT "
    "IF THEN ELSE AND OR NOT FOR IN _SEP".split()
)


class NestingError(Exception):
    """Brackets are nested deeper than MAX_DEPTH; ``token`` is the first one that is."""

    def __init__(self, token: Token) -> None:
        super().__init__(token)
        self.token = token


class Newlines:
    """The filter between lexer and parser: drops the newlines that end no statement, and limits nesting."""

    always_accept = ("_SEP",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Yield the tokens that the grammar sees."""
        significant: list[bool] = []
        previous = "_SEP"
        for token in stream:
            kind = token.type
            if kind == "_SEP":
                if token[0] == "\n":
                    if previous in _GOES_ON_AFTER or (significant and not significant[-1]):
                        continue
                elif previous in ("_SEP", "LBRACE"):
                    continue
            elif kind in _OPENERS:
                significant.append(kind in _NEWLINES_COUNT_IN)
                if len(significant) > MAX_DEPTH:
                    raise NestingError(token)
            elif kind in _CLOSERS and significant:
                significant.pop()
            previous = kind
            yield token


_STATEMENT = re.compile(
    r"^(?:environment|nixpkgs|input|overlay|override|package|param|let|secret|script|include|profile|role|link|network"
    r"|flavour|setup|test)[ \t]",
    re.MULTILINE,
)
_COMMENT = re.compile(r"#[^\n]*")

_parser: Lark | None = None
_builder = Builder()
_blanks: list[Token] = []


def parse(source: Source, log: Log) -> Tree | None:
    """The tree of a source; None when it has errors, all of which are in the log then.

    After an error the parser goes on at the next line that begins with a top-level keyword, so that several
    independent errors of a file are found in one run.
    """
    from lark.exceptions import UnexpectedInput

    parser = _tables()
    text = source.text
    failed = False
    statements: Tree | None = None
    for _ in range(MAX_SYNTAX_ERRORS):
        _builder.begin(source)
        _blanks.clear()
        try:
            parsed: Any = parser.parse(text)
            statements = Tree(source, tuple(parsed), _comments(source))
            break
        except (UnexpectedInput, NestingError) as error:
            from nxcc.syntax.errors import report

            failed = True
            resume = report(error, source, log)
            following = _STATEMENT.search(text, resume)
            if not following:
                break
            text = re.sub(r"[^\n]", " ", text[: following.start()]) + text[following.start() :]
    if _builder.problems:
        failed = True
        for code, span, help in _builder.problems:
            log.add(code, span, help=help)
    if statements and _builder.fragments:
        from nxcc.syntax.fragments import check_fragments

        failed = not check_fragments(_builder.fragments, log) or failed
    return None if failed else statements


def build_tables(path: str) -> None:
    """Write the parser's tables to a file, headed by the version of lark that made them."""
    import lark

    with open(path, "wb") as file:
        file.write(f"lark {lark.__version__}\n".encode())
        _build().save(file, exclude_options=("postlex", "transformer", "lexer_callbacks", "debug"))


def _tables() -> Lark:
    """The parser: from the tables that came with the wheel where they fit the installed lark, else built here."""
    global _parser
    if _parser is None:
        import lark

        path = resource("nxc.tables")
        if os.path.exists(path):
            with open(path, "rb") as file:
                if file.readline() == f"lark {lark.__version__}\n".encode():
                    options: Any = _options()
                    loaded: Any = lark.Lark.__new__(lark.Lark)
                    _parser = loaded._load(file, **options)
        _parser = _parser or _build()
    return _parser


def _build(**more: Any) -> Lark:
    import lark

    with open(resource("grammar", "nxc.lark"), encoding="utf-8") as file:
        return lark.Lark(
            file.read(),
            parser="lalr",
            lexer="contextual",
            keep_all_tokens=True,
            maybe_placeholders=False,
            **_options(),
            **more,
        )


def _options() -> dict[str, Any]:
    keep = _blanks.append

    def comment(token: Token) -> Token:
        keep(token)
        return token

    return {
        "postlex": Newlines(),
        "transformer": _builder,
        "lexer_callbacks": {"COMMENT": comment, "CONTINUED": comment, "_SEP": comment},
    }


def _comments(source: Source) -> tuple[Comment, ...]:
    from nxcc.diagnostics.core import Span

    found: dict[int, Comment] = {}
    for token in _blanks:
        if "#" in token:
            assert token.start_pos is not None
            for match in _COMMENT.finditer(token):
                start = token.start_pos + match.start()
                found[start] = Comment(match[0], Span(source, start, start + len(match[0])))
    return tuple(found[start] for start in sorted(found))
