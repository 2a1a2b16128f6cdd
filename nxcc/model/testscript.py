"""Checks test scripts: valid Python, and no node that does not exist."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from nxcc.diagnostics.core import Label, Span
from nxcc.diagnostics.nearest import did_you_mean
from nxcc.model.names import DRIVER_GLOBALS, python_name
from nxcc.model.values import Interpolated, Value, known_text, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from nxcc.diagnostics.core import Log
    from nxcc.model.environment import Test

ONLY_AST = 0x400
"""``ast.PyCF_ONLY_AST``: the module ``ast`` itself takes longer to import than a script to check."""


def check_tests(tests: Sequence[Test], nodes: Mapping[str, str], roles: Iterable[str], log: Log) -> None:
    """Report what is wrong with test scripts; ``nodes`` are node names by their variable."""
    names: dict[str, Test] = {}
    for test in tests:
        if test.name in names:
            first = (Label(names[test.name].span, "the first one"),)
            help = () if test.name else 'give each a name: `test "NAME" """…"""`'
            log.add("NX0201", test.span, name=test.name or "test", secondary=first, help=help)
        names.setdefault(test.name, test)
        _check(test, nodes, roles, log)


def _check(test: Test, nodes: Mapping[str, str], roles: Iterable[str], log: Log) -> None:
    import warnings

    variables = {python_name(role) for role in roles}

    text = _text(test.script)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module: Any = compile(text, "test", "exec", ONLY_AST, dont_inherit=True)
    except SyntaxError as error:
        log.add("NX0412", _place(test, text, error.lineno or 1, ""), reason=_reason(error.msg, test, text))
        return
    except (ValueError, RecursionError, MemoryError) as error:
        log.add("NX0412", test.span, reason=str(error) or "it is nested too deep")
        return
    found = _Names()
    found.visit(module)
    known = {*nodes, *DRIVER_GLOBALS, *found.bound, *dir(builtins), "__name__"}
    for name, line in found.used.items():
        if name in known:
            continue
        help = did_you_mean(name, nodes)
        if name in variables:
            own = [variable for variable in nodes if variable.rstrip("0123456789") == python_name(name)]
            help = (f"the nodes of role `{name}` are {_some(own)}",) if own else help
        log.add("NX0413", _place(test, text, line, name), name=name, help=help or f"the nodes are {_some(nodes)}")


def _some(nodes: Iterable[str]) -> str:
    names = [f"`{name}`" for name in nodes]
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")


def _reason(message: str, test: Test, text: str) -> str:
    """What Python says, with the lines of the source in the place of the script's."""
    before, on_line, number = message.rpartition(" on line ")
    if not on_line or not number.isdigit():
        return message
    span = _place(test, text, int(number), "")
    return before + on_line + str(span.source.position(span.start)[0])


def _text(script: Value) -> str:
    """The script, with a name in the place of what only Nix knows."""
    bare = plain(script)
    text = known_text(bare)
    if text is not None:
        return text
    if isinstance(bare, Interpolated):
        return "".join(known if (known := known_text(part)) is not None else "0" for part in bare.parts)
    return ""


def _place(test: Test, text: str, line: int, name: str) -> Span:
    """Where a line of the script, or a name in it, stands in the source; the whole script where that is unclear."""
    source = test.span.source
    written = source.text[test.span.start : test.span.end]
    lines = written.split("\n")
    # A block string's text begins on the line after its quotes.
    at = line - 1 + (1 if len(lines) > 1 and not lines[0].strip("\"'") else 0)
    wanted = text.split("\n")[line - 1].strip() if line <= len(text.split("\n")) else ""
    if not 0 <= at < len(lines) or (wanted and wanted[:8] not in lines[at]):
        return test.span
    start = test.span.start + sum(len(earlier) + 1 for earlier in lines[:at])
    column = _word(lines[at], name) if name else len(lines[at]) - len(lines[at].lstrip())
    if column < 0:
        return test.span
    length = len(name) or len(lines[at].strip()) or 1
    return Span(source, start + column, start + column + length)


def _word(line: str, name: str) -> int:
    """Where a name stands in a line as a whole word; -1 where it does not."""
    at = line.find(name)
    while at >= 0:
        before, after = line[at - 1 : at], line[at + len(name) : at + len(name) + 1]
        if not (before.isalnum() or before == "_" or after.isalnum() or after == "_"):
            return at
        at = line.find(name, at + 1)
    return -1


class _Names:
    """The names that a script binds anywhere, and those that it uses, with the line of the first use."""

    def __init__(self) -> None:
        self.bound: set[str] = set()
        self.used: dict[str, int] = {}

    def visit(self, node: Any) -> None:
        pending = [node]
        while pending:
            node = pending.pop(0)
            kind = type(node).__name__
            if kind == "Name":
                if type(node.ctx).__name__ == "Load":
                    self.used.setdefault(node.id, node.lineno)
                else:
                    self.bound.add(node.id)
            elif kind in ("FunctionDef", "AsyncFunctionDef", "ClassDef"):
                self.bound.add(node.name)
            elif kind == "arg":
                self.bound.add(node.arg)
            elif kind == "alias":
                self.bound.add((node.asname or node.name).partition(".")[0])
            elif kind in ("ExceptHandler", "MatchAs", "MatchStar") and node.name:
                self.bound.add(node.name)
            elif kind in ("Global", "Nonlocal"):
                self.bound.update(node.names)
            pending[:0] = list(_children(node))


def _children(node: Any) -> Iterator[Any]:
    for field in getattr(node, "_fields", ()):
        value = getattr(node, field, None)
        for item in value if isinstance(value, list) else (value,):
            if hasattr(item, "_fields"):
                yield item
