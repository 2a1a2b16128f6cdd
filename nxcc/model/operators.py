"""Operators: what they make of known values; an operation on what only Nix knows stays in the value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nxcc.model import arithmetic
from nxcc.model.lookup import NameReader
from nxcc.model.scope import Scope
from nxcc.model.values import (
    UNKNOWN,
    Items,
    Operation,
    Quantity,
    Unknown,
    Value,
    Written,
    nix_only,
    plain,
    resolved,
    undecided,
)
from nxcc.model.words import describe, elements
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Span


class Operators(NameReader):
    """The part of the Evaluator that reads them."""

    def integer(self, node: t.Expression, scope: Scope, what: str) -> int | None:
        """A whole number that must be known now."""
        raise NotImplementedError

    def not_a(self, span: Span, expected: str, found: Value) -> None:
        """Report a value that is not what it must be."""
        raise NotImplementedError

    def spend(self, elements: int, span: Span) -> bool:
        """Whether lists of so many more elements may be computed."""
        raise NotImplementedError

    def _Index(self, node: t.Index, scope: Scope) -> Value:
        base = plain(self.value(node.base, scope))
        index = self.integer(node.at, scope, "an index")
        if isinstance(base, Unknown) or index is None:
            return UNKNOWN
        if not isinstance(base, Items):
            self.not_a(node.base.span, "a list", base)
            return UNKNOWN
        last = len(base.items) - 1
        if not 0 <= index <= last:
            notes = f"the first one is 0, the last one {last}" if last >= 0 else ()
            self.log.add("NX0307", node.at.span, index=index, length=elements(last + 1), notes=notes)
            return UNKNOWN
        return base.items[index]

    def _Unary(self, node: t.Unary, scope: Scope) -> Value:
        value = resolved(self.value(node.operand, scope))
        if isinstance(value, Unknown):
            return UNKNOWN
        if nix_only(value):
            return Operation(node.operator, (value,))
        if node.operator == "not" and isinstance(value, bool):
            return not value
        if node.operator == "-" and isinstance(value, Written):
            return Written.of(-value, f"-{value.text}".removeprefix("--"))
        if node.operator == "-" and isinstance(value, int | float) and not isinstance(value, bool):
            if value != -arithmetic.INT64:
                return -value
            self.log.add("NX0321", node.span)
            return UNKNOWN
        help = "a quantity is never negative" if isinstance(value, Quantity) else ()
        self.log.add("NX0302", node.span, operator=node.operator, operands=describe(value), help=help)
        return UNKNOWN

    def _Binary(self, node: t.Binary, scope: Scope) -> Value:
        left = self.value(node.left, scope)
        if node.operator in ("and", "or"):
            return self._logic(node, resolved(left), scope)
        right = self.value(node.right, scope)
        if isinstance(plain(left), Unknown) or isinstance(plain(right), Unknown):
            return UNKNOWN
        first, second = plain(left), plain(right)
        if node.operator == "++" and isinstance(first, Items) and isinstance(second, Items):
            # Elements may be Nix's own; the list itself is known.
            return Items(first.items + second.items)
        # Lists and sets are compared by their parts, so all of these must be known.
        unknown = undecided if node.operator in ("==", "!=") else nix_only
        open_ = unknown(left) or unknown(right)
        left, right = resolved(left), resolved(right)
        if open_:
            return Operation(node.operator, (left, right))
        result = arithmetic.operate(node.operator, left, right)
        if isinstance(result, arithmetic.Fault):
            span = node.right.span if result.code == "NX0308" else node.operator_span
            fields: dict[str, Any] = {
                "operator": node.operator,
                "operands": f"{describe(left)} and {describe(right)}",
                **result.fields,
            }
            self.log.add(result.code, span, help=result.help, **fields)
            return UNKNOWN
        if isinstance(result, Items) and not self.spend(len(result.items), node.span):
            return UNKNOWN
        return result

    def _logic(self, node: t.Binary, left: Value, scope: Scope) -> Value:
        if isinstance(left, bool) and left == (node.operator == "or"):
            return left
        right = resolved(self.value(node.right, scope))
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            return UNKNOWN
        for value, span in ((left, node.left.span), (right, node.right.span)):
            if not isinstance(value, bool) and not nix_only(value):
                self.log.add("NX0302", span, operator=node.operator, operands=describe(value))
                return UNKNOWN
        if nix_only(left) or nix_only(right):
            return Operation(node.operator, (left, right))
        return right

    def _If(self, node: t.If, scope: Scope) -> Value:
        condition = resolved(self.value(node.condition, scope))
        if nix_only(condition):
            yes, no = self.value(node.yes, scope), self.value(node.no, scope)
            if isinstance(yes, Unknown) or isinstance(no, Unknown):
                return UNKNOWN
            return Operation("if", (condition, yes, no))
        if isinstance(condition, bool):
            return self.value(node.yes if condition else node.no, scope)
        if not isinstance(condition, Unknown):
            self.log.add("NX0305", node.condition.span, found=describe(condition))
        return UNKNOWN
