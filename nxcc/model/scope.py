"""Local names, and the limits of evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.model import arithmetic
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Span
    from nxcc.model.values import Value
    from nxcc.syntax import tree as t

MAX_LIST = arithmetic.MAX_RANGE
MAX_DIGITS = 100
"""How long the number of a quantity may be."""
MAX_NESTED = 1500
"""How deep values may need one another: an expression's parts, and the definitions that they name."""
MAX_TEXT = 2_000_000
"""How many characters a value may have in all that it is made of."""
MAX_ELEMENTS = 200_000
"""How many elements a value may have in all, and all lists together that a source computes."""
NO_KEY = "\0"
"""An attribute name that has an error, which is reported; no source can spell it."""


class Scope:
    """The local names of a place: profile parameters, ``let`` in a body, the name of a comprehension.

    A local is a value, or an expression that is evaluated when it is first used.
    """

    def __init__(self, outer: Scope | None = None) -> None:
        self.values: dict[str, Value] = dict(outer.values) if outer else {}
        self.lazy: dict[str, t.Expression] = dict(outer.lazy) if outer else {}
        self.spans: dict[str, Span] = dict(outer.spans) if outer else {}

    def bind(self, name: t.Word, value: Value) -> None:
        """Add a local with its value."""
        self.values[name.text] = value
        self.spans[name.text] = name.span

    def defer(self, name: t.Word, expression: t.Expression) -> None:
        """Add a local whose value is not known yet."""
        self.lazy[name.text] = expression
        self.spans[name.text] = name.span


GLOBAL = Scope()


class TooDeep(Exception):
    """Raised where values need one another too deep, and caught where that began."""


class RoleNames(NamedTuple):
    """What expressions can ask of a role."""

    size: int
    hosts: tuple[str, ...]
