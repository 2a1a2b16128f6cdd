"""Text to tree: parser tables, and going on after an error."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from nxcc.resources import resource
from nxcc.syntax.builder import Builder
from nxcc.syntax.newlines import MAX_CHAIN, MAX_DEPTH, NestingError, Newlines
from nxcc.syntax.tree import Comment, Tree

if TYPE_CHECKING:
    from lark import Lark

    from nxcc.diagnostics.core import Log, Source
    from nxcc.syntax.drive import Driver

__all__ = ["MAX_BYTES", "MAX_CHAIN", "MAX_DEPTH", "MAX_SYNTAX_ERRORS", "build_tables", "parse"]

MAX_BYTES = 256 * 1024
"""How long a file may be; the loader refuses longer ones."""
MAX_SYNTAX_ERRORS = 20
"""How many syntax errors of a file are looked for."""

_parser: Lark | None = None
_running: Driver | None = None
_builder = Builder()
_newlines = Newlines()


def parse(source: Source, log: Log) -> Tree | None:
    """The tree of a source; None when it has errors, all of which are in the log then.

    After an error the parser goes on without the statement that holds it (see nxcc/syntax/recovery.py), so that
    several independent errors of a file are found in one run. Raises nothing, whatever the text.
    """
    from lark.exceptions import UnexpectedInput

    driver = _driver()
    text: str | None = source.text
    statements: Tree | None = None
    sound = True
    for _ in range(MAX_SYNTAX_ERRORS):
        if text is None:
            break
        _builder.begin(source)
        _newlines.begin(text)
        try:
            parsed: Any = driver.parse(text)
            statements = Tree(source, tuple(parsed), _comments(source))
            text = None
        except (UnexpectedInput, NestingError) as error:
            from nxcc.syntax.errors import report

            sound = False
            _forget_reserved(error, text or "")
            text = report(error, source, text or "", log)
        sound = _check(log) and sound
    return statements if sound else None


def _forget_reserved(error: Any, text: str) -> None:
    """Drop what was said about reserved words on the line of a syntax error: it comes of the same mistake."""
    token = getattr(error, "token", None)
    at = token.start_pos if token is not None and token.type != "$END" else getattr(error, "pos_in_stream", len(text))
    line = text.rfind("\n", 0, at if isinstance(at, int) else len(text))
    _builder.problems = [p for p in _builder.problems if p[0] != "NX0119" or p[1].start <= line]


def _check(log: Log) -> bool:
    """Report what the builder found wrong in what was parsed so far; whether that was nothing."""
    for code, span, help, fields in _builder.problems:
        log.add(code, span, help=help or (), **fields)
    sound = not _builder.problems
    # A fragment whose end was forgotten is reported as such; what is in it has no meaning.
    unclosed = {d.span.start for d in log.diagnostics if d.span and d.code == "NX0105"}
    fragments = [pair for pair in _builder.fragments if pair[0].span.start not in unclosed]
    if fragments:
        from nxcc.syntax.fragments import check_fragments

        sound = check_fragments(fragments, log) and sound
    return sound


def _comments(source: Source) -> tuple[Comment, ...]:
    import re

    from nxcc.diagnostics.core import Span

    found = []
    for token in _newlines.blanks:
        if "#" in token:
            for match in re.finditer(r"#[^\n]*", token):
                start = (token.start_pos or 0) + match.start()
                found.append(Comment(match[0], Span(source, start, start + len(match[0]))))
    return tuple(found)


# ------------------------------------------------------------------ tables

_FORMAT = b"nxcc parser tables 1, lark %d.%d\n"
# Versions of lark whose tables are the same, and which load them in the same way.
_SAME_TABLES = ((1, 2), (1, 3))


def build_tables(path: str) -> None:
    """Write the parser's tables to a file, headed by the version of lark that made them."""
    with open(path, "wb") as file:
        file.write(_FORMAT % _version())
        _build().save(file, exclude_options=("postlex", "transformer", "lexer_callbacks", "debug"))


def _version() -> tuple[int, int]:
    """Major and minor version of the installed lark."""
    import lark

    numbers = [int("".join(filter(str.isdigit, part)) or 0) for part in lark.__version__.split(".")]
    return numbers[0], numbers[1] if len(numbers) > 1 else 0


def _driver() -> Driver:
    """What runs the parser's tables; kept with them."""
    global _running
    parser = _tables()
    if _running is None or _running.parser is not parser:
        from nxcc.syntax.drive import Driver

        _running = Driver(parser)
    return _running


def _tables() -> Lark:
    """The parser: from the tables that came with the wheel where they fit the installed lark, else built here."""
    global _parser
    if _parser is None:
        path = resource("nxc.tables")
        _parser = (_load(path) if os.path.exists(path) else None) or _build()
    return _parser


def _load(path: str) -> Lark | None:
    """The parser from a file of tables; None where the installed lark cannot use them."""
    import lark

    version = _version()
    # `Lark.load` takes no options, so the tables go in the way by which lark loads its own cache.
    if version not in _SAME_TABLES or not hasattr(lark.Lark, "_load"):
        return None
    try:
        with open(path, "rb") as file:
            if file.readline() not in [_FORMAT % same for same in _SAME_TABLES]:
                return None
            loaded: Any = lark.Lark.__new__(lark.Lark)
            options: Any = _options()
            parser: Lark = loaded._load(file, **options)
            return parser
    except Exception:
        # A damaged file, or a lark that changed behind its version: building takes a quarter of a second more.
        return None


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
    return {"postlex": _newlines, "transformer": _builder}
