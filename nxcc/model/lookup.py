"""What names in expressions stand for: locals, declarations, roles, secrets, scripts, and packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Label, Span
from nxcc.diagnostics.nearest import did_you_mean
from nxcc.model.names import FUNCTIONS, KINDS, Names, a, word_of
from nxcc.model.scope import GLOBAL, MAX_ELEMENTS, MAX_TEXT, NO_KEY, RoleNames, Scope, TooDeep
from nxcc.model.sets import lookup
from nxcc.model.values import (
    UNKNOWN,
    Attributes,
    FlavourName,
    Fragment,
    Items,
    Named,
    Operation,
    Reference,
    ScriptPath,
    SecretPath,
    Unknown,
    Value,
    parts,
    plain,
)
from nxcc.model.words import describe
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nxcc.diagnostics.core import Log


class NameReader:
    """The part of the Evaluator that knows names."""

    names: Names
    log: Log
    setup: str
    cache: dict[str, Value]
    parameter: Callable[[t.Param], Value]
    nodes: Callable[[t.Role], RoleNames | None]
    sizes: dict[int, tuple[tuple[int, int], Value]]
    _open: list[str]

    def value(self, node: t.Expression, scope: Scope = GLOBAL) -> Value:
        """The value of an expression."""
        raise NotImplementedError

    def key(self, key: t.Key, scope: Scope) -> str:
        """An attribute name."""
        raise NotImplementedError

    def _Name(self, node: t.Name, scope: Scope) -> Value:
        name = node.text
        if name in scope.values:
            return scope.values[name]
        if name in scope.lazy:
            value = self._once(name, node, lambda: self.value(scope.lazy[name], scope))
            scope.values[name] = self._named(name, value, node)
            return scope.values[name]
        return self._global(node)

    def _global(self, node: t.Name) -> Value:
        name = node.text
        if name in self.cache:
            return self.cache[name]
        statement = self.names.values.get(name)
        if isinstance(statement, t.Param):
            value = self._once(name, node, lambda: self.parameter(statement))
        elif isinstance(statement, t.Let):
            value = self._once(name, node, lambda: self.value(statement.value, GLOBAL))
        elif isinstance(statement, t.Package | t.Script):
            return Reference("package", name, ())
        else:
            return self._no_value(node, statement)
        self.cache[name] = self._named(name, value, node)
        return self.cache[name]

    def _named(self, name: str, value: Value, node: t.Name) -> Value:
        """A value under its name; UNKNOWN, reported, where it is too large: a few definitions can double for ever."""
        if isinstance(value, Unknown):
            return UNKNOWN
        characters, elements = size = self._size(value)
        if characters > MAX_TEXT or elements > MAX_ELEMENTS:
            limit = f"{MAX_TEXT} characters" if characters > MAX_TEXT else f"{MAX_ELEMENTS} elements"
            self.log.add("NX0322", node.span, what=f"the value of `{name}`", limit=limit)
            return UNKNOWN
        named = Named(name, value)
        self.sizes[id(named)] = (size, named)
        return named

    def _size(self, value: Value) -> tuple[int, int]:
        """How many characters and elements a value has, in all that it is made of."""
        if isinstance(value, Named) and id(value) in self.sizes:
            return self.sizes[id(value)][0]
        if isinstance(value, str):
            return len(value), 1
        characters, elements = 0, 1
        for part in parts(value):
            size = self._size(part)
            characters += size[0]
            elements += size[1]
        return characters, elements

    def _once(self, name: str, node: t.Name, find: Callable[[], Value]) -> Value:
        """What a definition gives, refusing one that needs itself."""
        if name in self._open:
            cycle = self._open[self._open.index(name) :]
            shown = [*cycle[:3], "…", cycle[-1]] if len(cycle) > 5 else cycle
            notes = f"each needs the next: {' → '.join([*shown, name])}" if len(cycle) > 1 else ()
            self.log.add("NX0210", node.span, name=name, label="its own value is needed here", notes=notes)
            return UNKNOWN
        self._open.append(name)
        try:
            return find()
        except TooDeep:
            self.cache[name] = UNKNOWN  # lest each definition of the chain walks down it again
            raise
        finally:
            self._open.pop()

    def _no_value(self, node: t.Name, statement: t.TopStatement | None) -> Value:
        name = node.text
        if statement is not None:
            kind = KINDS[type(statement)]
            help: dict[str, str] = {
                "role": f"`{name}.host`, `{name}.hosts` and `{name}.count` have values",
                "input": f"`{name}.x` is its package or module x",
            }
            self.log.add(
                "NX0209",
                node.span,
                name=name,
                found=a(kind),
                wanted="a value",
                help=help.get(kind, ()),
                secondary=(Label(word_of(statement).span, "declared here"),),
            )
            return UNKNOWN
        if name in ("pkgs", "secret", "script", "setup", "flavour"):
            shown = {"setup": "setup.name", "flavour": "flavour.name"}.get(name, f"{name}.NAME")
            self.log.add(
                "NX0209", node.span, name=name, found="a set of names", wanted="a value", help=f"use `{shown}`"
            )
            return UNKNOWN
        if name in ("lib", "config", "modulesPath", "inputs"):
            self.log.add(
                "NX0203",
                node.span,
                kind="name",
                name=name,
                label="no value of this language has this name",
                help="Nix knows it: write the expression in backticks",
            )
            return UNKNOWN
        self.unknown_name(node)
        return UNKNOWN

    def unknown_name(self, node: t.Name | t.Word) -> None:
        """Report a name that nothing has, with the nearest that something has."""
        name = node.text
        near = did_you_mean(name, [*self.names.values, *FUNCTIONS])
        head, dash, tail = name.rpartition("-")
        if dash and head in self.names.values and (tail.isdigit() or tail in self.names.values):
            near = (f"for the difference write `{head} - {tail}`",)
        elif name in self.names.secrets:
            near = (f"the secret is `secret.{name}`",)
        elif name in ("True", "False", "None", "yes", "no"):
            near = ("the literals are `true`, `false` and `null`",)
        self.log.add(
            "NX0203",
            node.span,
            kind="name",
            name=name,
            label="no role, parameter or constant has this name",
            secondary=self.names.similar(near),
            help=near,
        )

    def _Select(self, node: t.Select, scope: Scope) -> Value:
        keys: list[t.Key] = []
        base: t.Expression = node
        while isinstance(base, t.Select):
            keys.append(base.key)
            base = base.base
        keys.reverse()
        names = tuple(self.key(key, scope) for key in keys)
        if NO_KEY in names:
            return UNKNOWN
        if isinstance(base, t.Name) and base.text not in scope.spans:
            special = self._special(base, names, keys, node, scope)
            if special is not None:
                return special
        return self._attribute(self.value(base, scope), names, keys)

    def _special(
        self, base: t.Name, names: tuple[str, ...], keys: Sequence[t.Key], node: t.Select, scope: Scope
    ) -> Value | None:
        head = base.text
        if head == "pkgs":
            return Reference("pkgs", "pkgs", names)
        if head == "secret":
            return self._secret(names, keys)
        if head == "script":
            local = isinstance(scope.values.get(names[0]), Reference)
            if len(names) == 1 and (local or isinstance(self.names.values.get(names[0]), t.Script)):
                return ScriptPath(names[0])
            scripts = [name for name, x in self.names.values.items() if isinstance(x, t.Script)]
            help = did_you_mean(names[0], scripts)
            place = self._inner_script(names[0])
            labels = (Label(place, "a role has it for itself"),) if place else ()
            if place:
                help = ("declare it at top level, and all roles have it",)
            self.log.add("NX0203", keys[0].span, kind="script", name=names[0], help=help, secondary=labels)
            return UNKNOWN
        if head in ("setup", "flavour"):
            if names != ("name",):
                self.log.add(
                    "NX0316",
                    keys[0].span,
                    found=f"`{head}`",
                    name=".".join(names),
                    help=f"`{head}.name` is all there is",
                )
                return UNKNOWN
            return self.setup if head == "setup" else FlavourName()
        statement = self.names.values.get(head)
        if isinstance(statement, t.Input):
            return Reference("input", head, names)
        if isinstance(statement, t.Package | t.Script):
            return Reference("package", head, names)
        if isinstance(statement, t.Role):
            return self._role(statement, names, keys)
        return None

    def _inner_script(self, name: str) -> Span | None:
        """Where a role or profile declares a script of that name for itself."""
        for statement in self.names.values.values():
            for inner in statement.body if isinstance(statement, t.Role | t.Profile) else ():
                if isinstance(inner, t.Script) and inner.name.text == name:
                    return inner.name.span
        return None

    def _secret(self, names: tuple[str, ...], keys: Sequence[t.Key]) -> Value:
        secret = self.names.secrets.get(names[0])
        if secret is None:
            self.log.add(
                "NX0203", keys[0].span, kind="secret", name=names[0], help=did_you_mean(names[0], self.names.secrets)
            )
            return UNKNOWN
        if len(names) == 1:
            return SecretPath(names[0], False)
        if names[1:] == ("pub",) and secret.ssh_key:
            return SecretPath(names[0], True)
        help = "`.pub` is its public half"
        if not secret.ssh_key:
            help = f"only an ssh-key has parts: `secret {names[0]} ssh-key` has `.pub`"
        self.log.add("NX0316", keys[1].span, found=f"secret `{names[0]}`", name=".".join(names[1:]), help=help)
        return UNKNOWN

    def _role(self, statement: t.Role, names: tuple[str, ...], keys: Sequence[t.Key]) -> Value:
        facts = self.nodes(statement)
        if len(names) != 1 or names[0] not in ("host", "hosts", "count"):
            self.log.add(
                "NX0316",
                keys[0].span,
                found=f"role `{statement.name.text}`",
                name=".".join(names),
                help="a role has `host`, `hosts` and `count`",
            )
            return UNKNOWN
        if facts is None:
            return UNKNOWN
        if names[0] == "count":
            return facts.size
        return facts.hosts[0] if names[0] == "host" else Items(facts.hosts)

    def _attribute(self, value: Value, names: tuple[str, ...], keys: Sequence[t.Key]) -> Value:
        for i, name in enumerate(names):
            bare = plain(value)
            if isinstance(bare, Unknown):
                return UNKNOWN
            if isinstance(bare, Reference):
                return bare._replace(path=bare.path + names[i:])
            if isinstance(bare, Fragment | Operation):
                return Operation("select", (bare, *names[i:]))
            found = lookup(bare, name) if isinstance(bare, Attributes) else None
            if found is None:
                near = did_you_mean(name, [e.path[0] for e in bare.entries]) if isinstance(bare, Attributes) else ()
                self.log.add("NX0316", keys[i].span, found=describe(bare), name=name, help=near)
                return UNKNOWN
            value = found
        return value
