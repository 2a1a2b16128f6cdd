"""Sets as they are written: statements, attribute paths, parts that come together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.model.values import Attributes, Entry, Value, plain
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nxcc.diagnostics.core import Span


def path_span(path: Sequence[t.Key]) -> Span:
    """The place of an attribute path."""
    return path[0].span.to(path[-1].span)


def only_on(statements: Sequence[t.Statement]) -> bool:
    """Whether a block has nothing but parts for some flavours: in the others there is no such option at all."""
    return bool(statements) and all(
        isinstance(one, t.On)
        or (isinstance(one, t.Nested) and only_on(one.value.entries))
        or (isinstance(one, t.Assign) and isinstance(one.value, t.SetLiteral) and only_on(one.value.entries))
        for one in statements
    )


def set_twice(value: Attributes) -> list[tuple[tuple[str, ...], Span, Span]]:
    """What a set as written gives two values, as in Nix: the path, its place, and that of the first.

    ``a.b = 1; a.c = 2`` and ``a { b = 1 }; a { c = 2 }`` come together.
    """
    found: list[tuple[tuple[str, ...], Span, Span]] = []
    # Of each path: whether more may come below it, and where it was first.
    seen: dict[tuple[str, ...], tuple[bool, Span]] = {}

    def visit(around: tuple[str, ...], entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            path = around + entry.path
            for length in range(len(around) + 1, len(path)):
                grows, first = seen.setdefault(path[:length], (True, entry.span))
                if not grows:
                    found.append((path[:length], entry.span, first))
                    break
            else:
                inner = entry.value.entries if isinstance(entry.value, Attributes) else None
                grows, first = seen.setdefault(path, (inner is not None, entry.span))
                if first is not entry.span and not (grows and inner is not None):
                    found.append((path, entry.span, first))
                elif inner is not None:
                    visit(path, inner)

    visit((), value.entries)
    return found


def lookup(value: Attributes, name: str) -> Value | None:
    """An attribute of a set; parts that were written apart (``a.b = 1; a.c = 2``) come together."""
    rest: list[Entry] = []
    for entry in value.entries:
        if entry.path[0] == name:
            if len(entry.path) == 1:
                bare = plain(entry.value)
                if not isinstance(bare, Attributes):
                    return entry.value
                rest.extend(bare.entries)
            else:
                rest.append(entry._replace(path=entry.path[1:]))
    if any(entry.path[0] == name for entry in value.entries):
        return Attributes(tuple(rest))
    return None
