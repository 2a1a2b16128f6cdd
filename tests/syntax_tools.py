"""What the tests of the syntax share: parse a text, and show a tree without its spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nxcc.diagnostics.core import Log, Source, Span
from nxcc.syntax.parser import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nxcc.diagnostics.core import Diagnostic
    from nxcc.syntax.tree import Tree


def tree_of(text: str) -> Tree:
    """The tree of a text that has no errors."""
    log = Log()
    tree = parse(Source("env.nxc", text), log)
    assert not log.diagnostics, [(d.code, d.message, d.label, d.span and d.span.start) for d in log.diagnostics]
    assert tree is not None
    return tree


def errors_of(text: str) -> list[Diagnostic]:
    """The errors of a text, by place; a text has a tree or errors, never both."""
    log = Log()
    tree = parse(Source("env.nxc", text), log)
    assert (tree is None) == bool(log.diagnostics)
    return log.sorted()


def shape(node: Any) -> Any:
    """A node as nested tuples of its type's name and its fields, without spans; a word as its text."""
    name = type(node).__name__
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        fields = [shape(value) for value in node if not isinstance(value, Span)]
        if name in ("Word", "Name"):
            return fields[0] if name == "Word" else f"${fields[0]}"
        return (name, *fields)
    if isinstance(node, tuple):
        return [shape(value) for value in node]
    return node


def value_of(expression: str) -> Any:
    """The shape of an expression."""
    (let,) = tree_of(f"let x = {expression}\n").statements
    return shape(let.value)  # type: ignore[union-attr]


def spans_of(node: Any) -> Iterator[Span]:
    """Every span in a tree."""
    if isinstance(node, Span):
        yield node
    elif isinstance(node, tuple):
        for value in node:
            yield from spans_of(value)
