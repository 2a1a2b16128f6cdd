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
from nxcc.model.names import Names
from nxcc.model.operators import Operators
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
    SecretPath,
    SourcePath,
    Unknown,
    Value,
    Written,
    known_text,
    nix_only,
    plain,
    resolved,
    walk,
)
from nxcc.model.words import describe, no_text
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nxcc.diagnostics.core import Log


class Evaluator(Operators):
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

    def _Apply(self, node: t.Apply, scope: Scope) -> Value:
        from nxcc.model.functions import apply

        return apply(self, node, scope)


READY = "what ready means"
_KNOWN_BY_NAME = "install the program with `packages` (a script of the role's is), and call it by its bare name"
_ONLY_NIX = {"Nix": "this value", "what only Nix can compute": "this value"}


def _within(node: t.NixText, text: str) -> Span:
    """The place of a text in a fragment; the whole fragment where it is written otherwise there."""
    at = node.text.find(text)
    start = node.start + at
    return node.span if at < 0 else Span(node.span.source, start, start + len(text))
