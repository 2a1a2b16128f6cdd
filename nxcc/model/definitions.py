"""What the bodies of a role define: option by option, those of its profiles and those under ``on`` too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.model.values import Attributes, Modified, Value, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nxcc.diagnostics.core import Span
    from nxcc.model import environment as e


def leaves(path: tuple[str, ...], value: Value, span: Span) -> Iterator[tuple[tuple[str, ...], Value, Span]]:
    """The options that a definition sets: sets are followed, other values are leaves."""
    bare = plain(value)
    if isinstance(bare, Attributes):
        if not bare.entries:
            yield path, bare, span
        for entry in bare.entries:
            yield from leaves(path + entry.path, entry.value, entry.span)
    else:
        yield path, value, span


def bodies(environment: e.Environment, role: e.Role) -> Iterator[tuple[tuple[str, ...], e.Body]]:
    """All bodies of a role with the flavours in which they hold: its profiles', its own, and those under ``on``."""
    modules = {module.key: module.body for module in environment.modules}
    for body in (*(modules[use.module] for use in role.body.profiles), role.body):
        yield (), body
        yield from _gated(body)


def _gated(body: e.Body) -> Iterator[tuple[tuple[str, ...], e.Body]]:
    for gated in body.gated:
        yield gated.flavours, gated.body
        yield from _gated(gated.body)


def priority_of(value: Value) -> tuple[str, Value]:
    """The priority of a definition, and its value."""
    priority = ""
    value = plain(value)
    while isinstance(value, Modified):
        if value.kind in ("force", "default"):
            priority = value.kind
        value = plain(value.value)
    return priority, value
