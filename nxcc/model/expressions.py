"""Expressions to values: everything but packages, ``flavour.name`` and Nix is evaluated here.

An operation on what only Nix knows stays in the value, as an Operation.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from nxcc.diagnostics.core import Label, Span
from nxcc.diagnostics.nearest import did_you_mean
from nxcc.model import arithmetic
from nxcc.model.environment import NamedFile
from nxcc.model.lookup import NameReader
from nxcc.model.names import FUNCTIONS, Names
from nxcc.model.scope import GLOBAL, MAX_DIGITS, MAX_ELEMENTS, MAX_NESTED, NO_KEY, RoleNames, Scope, TooDeep
from nxcc.model.sets import only_on, path_span, set_twice
from nxcc.model.values import (
    UNKNOWN,
    Attributes,
    Entry,
    FlavourName,
    Fragment,
    Interpolated,
    Items,
    Modified,
    Named,
    Operation,
    Quantity,
    SecretPath,
    SourcePath,
    Unknown,
    Value,
    Written,
    known_text,
    nix_only,
    plain,
    resolved,
    undecided,
    walk,
)
from nxcc.model.words import describe, elements, no_text
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nxcc.diagnostics.core import Log


class Evaluator(NameReader):
    """Evaluates expressions; knows all declarations."""

    def __init__(self, names: Names, log: Log, setup: str, folder: str) -> None:
        self.names = names
        self.log = log
        self.setup = setup
        self.folder = folder
        self.cache: dict[str, Value] = {}
        self.sizes: dict[int, tuple[tuple[int, int], Value]] = {}
        self.computed = 0
        self.files: dict[str, NamedFile] = {}
        self.reads: dict[str, Span] = {}
        self._open: list[str] = []
        self._depth = 0
        self._too_deep = False
        self.parameter: Callable[[t.Param], Value] = lambda _: UNKNOWN
        self.nodes: Callable[[t.Role], RoleNames | None] = lambda _: None

    # -------------------------------------------------------------- entry points

    def value(self, node: t.Expression, scope: Scope = GLOBAL) -> Value:
        """The value of an expression; UNKNOWN after an error, which is reported."""
        method: Callable[[Any, Scope], Value] = getattr(self, "_" + type(node).__name__)
        if self._depth >= MAX_NESTED:
            raise TooDeep
        self._depth += 1
        try:
            return method(node, scope)
        except (TooDeep, RecursionError):
            if self._depth > 1:
                raise
            # Once: what comes of the same chain of definitions would be said for each of them.
            if not self._too_deep:
                self.log.add("NX0320", node.span, help="shorten the chain of definitions that need one another")
            self._too_deep = True
            return UNKNOWN
        finally:
            self._depth -= 1

    def known(self, node: t.Expression, scope: Scope, what: str) -> Value:
        """A value that must be known now: names and interpolations resolved. ``what`` says what it is for."""
        value = resolved(self.value(node, scope))
        if nix_only(value):
            label = "this names a package or Nix" if isinstance(value, Interpolated) else f"this is {describe(value)}"
            help = _KNOWN_BY_NAME if what == READY else ()
            self.log.add("NX0314", node.span, what=what, label=label, help=help)
            return UNKNOWN
        return value

    def boolean(self, node: t.Expression, scope: Scope) -> bool | None:
        """A condition's value; None after an error."""
        value = resolved(self.value(node, scope))
        if isinstance(value, bool):
            return value
        if isinstance(value, Unknown):
            return None
        if nix_only(value):
            if any(isinstance(part, FlavourName) for part in walk(value)):
                self.log.add("NX0317", node.span, help="use `on FLAVOUR { … }`")
            else:
                self.log.add("NX0314", node.span, what="the condition")
        else:
            self.log.add("NX0305", node.span, found=describe(value))
        return None

    def text(self, node: t.Expression, scope: Scope = GLOBAL, what: str = "this text") -> str | None:
        """A string that must be known now; None after an error."""
        value = self.known(node, scope, what)
        if isinstance(value, str):
            return value
        if not isinstance(value, Unknown):
            self.log.add("NX0301", node.span, expected="a string", found=describe(value))
        return None

    def integer(self, node: t.Expression, scope: Scope, what: str) -> int | None:
        """A whole number that must be known now; None after an error."""
        value = self.known(node, scope, what)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if not isinstance(value, Unknown):
            self.log.add("NX0301", node.span, expected="a whole number", found=describe(value))
        return None

    def not_a(self, span: Span, expected: str, found: Value) -> None:
        """Report a value that is not what it must be, or of which nothing is known yet."""
        if nix_only(found):
            what = describe(found)
            self.log.add("NX0314", span, what=_ONLY_NIX.get(what, f"this {what.split(' ', 1)[-1]}"))
        else:
            self.log.add("NX0301", span, expected=expected, found=describe(found))

    def spend(self, elements: int, span: Span) -> bool:
        """Whether lists of so many more elements may be computed; reported where not."""
        self.computed += elements
        if self.computed <= MAX_ELEMENTS:
            return True
        self.log.add("NX0322", span, what="all that the source computes", limit=f"{MAX_ELEMENTS} elements")
        return False

    def key(self, key: t.Key, scope: Scope) -> str:
        """An attribute name; NO_KEY after an error."""
        if isinstance(key, t.Word):
            return key.text
        text = self.text(key, scope, "an attribute's name")
        return NO_KEY if text is None else text

    def path(self, node: t.Path | t.String, scope: Scope, *, nix: bool, what: str = "file or folder") -> str | None:
        """The absolute path of an existing file or folder that the output will refer to; None after an error."""
        text = node.text if isinstance(node, t.Path) else self.text(node, scope, "a path")
        if text is None:
            return None
        absolute = self.absolute(text, node.span)
        if not os.path.exists(absolute):
            self.log.add("NX0501", node.span, what=what, path=text, notes=f"looked for {absolute}")
            return None
        self.files.setdefault(absolute, NamedFile(absolute, nix, node.span))
        if nix:
            self.files[absolute] = self.files[absolute]._replace(nix=True)
        return absolute

    def absolute(self, text: str, span: Span) -> str:
        """A path as the file that names it means it."""
        folder = os.path.dirname(span.source.path) if span.source.path else self.folder
        return os.path.normpath(os.path.join(folder, text))

    # -------------------------------------------------------------- literals

    def _Literal(self, node: t.Literal, scope: Scope) -> Value:
        if isinstance(node.value, float):
            return Written.of(node.value, node.text)
        return node.value

    def _QuantityLiteral(self, node: t.QuantityLiteral, scope: Scope) -> Value:
        if len(node.number) > MAX_DIGITS:
            self.log.add("NX0321", node.span)
            return UNKNOWN
        return arithmetic.quantity(node.number, node.unit)

    def _String(self, node: t.String, scope: Scope) -> Value:
        parts: list[Value] = []
        unknown = False
        for part in node.parts:
            if isinstance(part, str):
                parts.append(part)
                continue
            value = self.value(part, scope)
            bare = plain(value)
            if isinstance(bare, Unknown):
                unknown = True
            elif isinstance(bare, Interpolated):
                parts.extend(bare.parts if not isinstance(value, Named) else (value,))
            elif (wrong := no_text(bare)) is not None:
                self.log.add("NX0306", part.span, found=wrong[0], help=wrong[1])
                unknown = True
            else:
                parts.append(value)
        if unknown:
            return UNKNOWN
        joined: list[Value] = []
        for value in parts:
            named = isinstance(value, Named)
            text = None if named or isinstance(value, SecretPath) else known_text(value)
            if text is not None and joined and isinstance(joined[-1], str):
                joined[-1] += text
            elif text != "":
                joined.append(value if text is None else text)
        if not joined:
            return ""
        if len(joined) == 1 and isinstance(joined[0], str):
            return joined[0]
        return Interpolated(tuple(joined))

    def _NixText(self, node: t.NixText, scope: Scope) -> Value:
        if "secret" in node.text or "script" in node.text:
            from nxcc.syntax.nix import scan

            for head, name in scan(node.text).selections:
                if head == "secret" and name not in self.names.secrets:
                    near = did_you_mean(name, self.names.secrets)
                    self.log.add("NX0203", _within(node, f"{head}.{name}"), kind="secret", name=name, help=near)
        return Fragment(node.text, node.span)

    def _Path(self, node: t.Path, scope: Scope) -> Value:
        path = self.path(node, scope, nix=False)
        return UNKNOWN if path is None else SourcePath(path)

    # -------------------------------------------------------------- operators

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

    # -------------------------------------------------------------- lists, sets, calls

    def _ListLiteral(self, node: t.ListLiteral, scope: Scope) -> Value:
        items = tuple(self.value(item, scope) for item in node.items)
        return UNKNOWN if any(isinstance(item, Unknown) for item in items) else Items(items)

    def _Comprehension(self, node: t.Comprehension, scope: Scope) -> Value:
        source = plain(self.value(node.source, scope))
        if not self.names.local(node.name, scope.spans) or isinstance(source, Unknown):
            return UNKNOWN
        if not isinstance(source, Items):
            self.not_a(node.source.span, "a list or a range", source)
            return UNKNOWN
        if not self.spend(len(source.items), node.span):
            return UNKNOWN
        items: list[Value] = []
        for item in source.items:
            inner = Scope(scope)
            inner.bind(node.name, item)
            items.append(self.value(node.item, inner))
            if isinstance(items[-1], Unknown):
                return UNKNOWN
        return Items(tuple(items))

    def _SetLiteral(self, node: t.SetLiteral, scope: Scope) -> Value:
        value = self.entries(node.entries, scope, None)
        if isinstance(value, Attributes):
            for path, span, first in set_twice(value):
                self.log.add("NX0319", span, name=".".join(path), secondary=(Label(first, "the first one"),))
                value = UNKNOWN
        return value

    def entries(
        self,
        statements: Sequence[t.Statement],
        scope: Scope,
        on: Callable[[t.On, tuple[str, ...]], None] | None,
        prefix: tuple[str, ...] = (),
    ) -> Value:
        """A set from its statements; ``on`` takes the parts for some flavours only, with the path where they stand."""
        found: list[Entry] = []
        unknown = False
        for statement in statements:
            if isinstance(statement, t.Assign):
                path = tuple(self.key(key, scope) for key in statement.path)
                value = self.assigned(statement, scope, on, prefix + path)
                if isinstance(statement.value, t.SetLiteral) and only_on(statement.value.entries):
                    continue
                found.append(Entry(path, value, path_span(statement.path)))
            elif isinstance(statement, t.Nested):
                path = tuple(self.key(key, scope) for key in statement.path)
                value = self.entries(statement.value.entries, scope, on, prefix + path)
                if isinstance(value, Attributes) and only_on(statement.value.entries):
                    continue
                found.append(Entry(path, value, path_span(statement.path)))
            elif isinstance(statement, t.When):
                condition = self.boolean(statement.condition, scope)
                chosen = statement.yes if condition else statement.no
                inner = UNKNOWN if condition is None else self.entries(chosen, scope, on, prefix)
                if isinstance(inner, Attributes):
                    found.extend(inner.entries)
                else:
                    unknown = True
                continue
            elif isinstance(statement, t.On):
                if on:
                    on(statement, prefix)
                else:
                    self.log.add(
                        "NX0113", statement.span, name="on", where="inside a value", help="put `on` around the option"
                    )
                continue
            if NO_KEY in path:
                found.pop()
                unknown = True
                continue
            unknown = unknown or isinstance(found[-1].value, Unknown)
        return UNKNOWN if unknown else Attributes(tuple(found))

    def assigned(
        self,
        statement: t.Assign,
        scope: Scope,
        on: Callable[[t.On, tuple[str, ...]], None] | None,
        path: tuple[str, ...],
    ) -> Value:
        """The value of ``path = [modifier] value``."""
        if isinstance(statement.value, t.SetLiteral) and not statement.modifier:
            return self.entries(statement.value.entries, scope, on, path)
        value = self.value(statement.value, scope)
        if statement.modifier and not isinstance(value, Unknown):
            return Modified(statement.modifier.kind, statement.modifier.order, value)
        return value

    def _no_function(self, node: t.Apply, shown: str) -> str | tuple[str, ...]:
        """The help for a call of what is no function."""
        name = shown if isinstance(node.function, t.Name) else ""
        if name in self.names.values and len(node.arguments) == 1:
            argument = node.arguments[0].span
            return f"an element of a list is `{name}[{argument.source.text[argument.start : argument.end]}]`"
        if name in _OTHER_WORDS:
            return _OTHER_WORDS[name]
        near = did_you_mean(name, FUNCTIONS) if name else ()
        return near or f"the functions are {', '.join(FUNCTIONS)}; those of Nix are called in backticks"

    def _Apply(self, node: t.Apply, scope: Scope) -> Value:
        function = node.function
        if not isinstance(function, t.Name) or function.text not in FUNCTIONS:
            shown = function.span.source.text[function.span.start : function.span.end]
            self.log.add("NX0207", function.span, name=" ".join(shown.split()), help=self._no_function(node, shown))
            return UNKNOWN
        from nxcc.model.functions import call

        return call(self, function.text, node, scope)


_OTHER_WORDS = {
    "length": "`len(x)` counts the elements of a list, or the characters of a string",
    "size": "`len(x)` counts the elements of a list, or the characters of a string",
    "split": "`lines(x)` splits a string into its lines",
    "range": "a range is written `1..n`",
    "concatStringsSep": "`join(list, sep)` joins strings",
    "toString": 'a string takes values in: `"${x}"`',
    "str": 'a string takes values in: `"${x}"`',
    "string": 'a string takes values in: `"${x}"`',
    "format": 'a string takes values in: `"${x}"`',
    "readFile": "`read(./file)` is a file's text",
    "file": "`read(./file)` is a file's text",
    "open": "`read(./file)` is a file's text",
}
"""What other languages call it: what it is here."""

READY = "what ready means"
_KNOWN_BY_NAME = "install the program with `packages` (a script of the role's is), and call it by its bare name"
_ONLY_NIX = {"Nix": "this value", "what only Nix can compute": "this value"}


def _within(node: t.NixText, text: str) -> Span:
    """The place of a text in a fragment; the whole fragment where it is written otherwise there."""
    at = node.text.find(text)
    start = node.start + at
    return node.span if at < 0 else Span(node.span.source, start, start + len(text))
