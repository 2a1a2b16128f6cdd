"""Text to tree, and going on after an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nxcc.syntax.builder import Builder
from nxcc.syntax.newlines import MAX_CHAIN, MAX_DEPTH, NestingError, Newlines
from nxcc.syntax.tree import Comment, Tree

if TYPE_CHECKING:
    from lark.parser_frontends import ParsingFrontend

    from nxcc.diagnostics.core import Log, Source

__all__ = ["MAX_BYTES", "MAX_CHAIN", "MAX_DEPTH", "MAX_SYNTAX_ERRORS", "build_tables", "parse"]

MAX_BYTES = 256 * 1024
"""How long a file may be; the loader refuses longer ones."""
MAX_SYNTAX_ERRORS = 20
"""How many syntax errors of a file are looked for."""

_parser: ParsingFrontend | None = None
_builder = Builder()
_newlines = Newlines()


def parse(source: Source, log: Log) -> Tree | None:
    """The tree of a source; None when it has errors, all of which are in the log then.

    After an error the parser goes on without the statement that holds it (see nxcc/syntax/recovery.py), so that
    several independent errors of a file are found in one run. Raises nothing, whatever the text.
    """
    from lark.exceptions import UnexpectedInput

    parser = _tables()
    text: str | None = source.text
    statements: Tree | None = None
    sound = True
    for _ in range(MAX_SYNTAX_ERRORS):
        if text is None:
            break
        _builder.begin(source)
        _newlines.begin(text)
        try:
            parsed: Any = parser.parse(text)
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


def build_tables(path: str) -> None:
    """Write the parser's tables to a file, for the wheel."""
    from nxcc.syntax import tables

    tables.write(path, _builder, _newlines)


def _tables() -> ParsingFrontend:
    """The parser, loaded when it is first needed."""
    global _parser
    if _parser is None:
        from nxcc.syntax import tables

        _parser = tables.load(_builder, _newlines)
    return _parser
