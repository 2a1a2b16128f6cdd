"""Profiles: which a role reaches, and what each is for the arguments that it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Label
from nxcc.diagnostics.nearest import did_you_mean
from nxcc.model import environment as e
from nxcc.model.bodies import BodyReader
from nxcc.model.facts import Facts, Readers
from nxcc.model.parameters import convert
from nxcc.model.scope import Scope
from nxcc.model.values import UNKNOWN, Named, Unknown, Value, plain
from nxcc.records import NamedTuple
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nxcc.model.expressions import Evaluator


class Instance(NamedTuple):
    """A profile with one set of arguments: its module, its facts, and the instances that it builds on."""

    key: str
    module: e.Module
    facts: Facts
    uses: tuple[e.UseProfile, ...]


class Profiles:
    """The profiles of an environment, each read once for each set of arguments."""

    def __init__(self, evaluator: Evaluator, read: Readers) -> None:
        self.evaluator = evaluator
        self.names = evaluator.names
        self.log = evaluator.log
        self.read = read
        self._instances: dict[tuple[object, ...], Instance | None] = {}
        self._keys: dict[str, Instance] = {}
        self._arguments: dict[str, tuple[tuple[str, Value], ...]] = {}
        self._open: list[t.Word] = []

    def modules(self, roles: Sequence[e.Role]) -> tuple[e.Module, ...]:
        """What composition.nix binds: the profiles that roles reach, in the order in which they were first reached."""
        used = {use.module for role in roles for use in role.body.profiles}
        return tuple(i.module for i in self._instances.values() if i and i.key in used)

    def _statements(self) -> list[t.Profile]:
        return [one for one in self.names.values.values() if isinstance(one, t.Profile)]

    def reach(self, use: t.Use, scope: Scope, reached: dict[str, e.UseProfile], facts: Facts) -> None:
        """Add a profile and all that it builds on, each once, dependencies first."""
        instance = self._instance(use, scope)
        if instance:
            self._add(instance, reached, facts)

    def _add(self, instance: Instance, reached: dict[str, e.UseProfile], facts: Facts) -> None:
        for use in instance.uses:
            if use.module not in reached:
                self._add(self._keys[use.module], reached, facts)
        if instance.key not in reached:
            modules = [self._keys[key].module for key in reached]
            same = any(one.name == instance.module.name and one.body == instance.module.body for one in modules)
            reached[instance.key] = e.UseProfile(instance.key, self._arguments[instance.key])
            before = len(facts.once)
            facts.extend(instance.facts)
            if same:  # Uses that make the same module are one to NixOS.
                del facts.once[before:]

    def _instance(self, use: t.Use, scope: Scope) -> Instance | None:
        """The profile that a use names, with its arguments; None after an error."""
        statement = self.names.values.get(use.name.text)
        if not isinstance(statement, t.Profile):
            self.names.unknown("profile", use.name, [s.name.text for s in self._statements()])
            return None
        arguments = self._bind(use, statement, scope)
        return None if arguments is None else self._make(statement, arguments, use.name)

    def _make(self, statement: t.Profile, arguments: dict[str, Value], place: t.Word) -> Instance | None:
        name = statement.name.text
        identity = (name, *((key, type(plain(v)).__name__, plain(v)) for key, v in arguments.items()))
        if identity in self._instances:
            return self._instances[identity]
        if name in [word.text for word in self._open]:
            cycle = " → ".join([word.text for word in self._open if word.text] + [name])
            self.log.add("NX0417", place.span, cycle=cycle)
            return None
        self._open.append(statement.name)
        scope = Scope()
        for parameter in statement.parameters:
            if self.names.local(parameter.name, scope.spans, of_profile=True):
                value = arguments.get(parameter.name.text, UNKNOWN)
                bare = plain(value)
                scope.bind(parameter.name, UNKNOWN if isinstance(bare, Unknown) else Named(parameter.name.text, bare))
        uses: dict[str, e.UseProfile] = {}
        facts, inherited = Facts(), Facts()
        for use in statement.uses:
            self.reach(use, scope, uses, inherited)
        body = BodyReader(self.evaluator, scope, facts, self.read).body(statement.body)
        text = self.evaluator.text(statement.text) if statement.text else ""
        self._open.pop()
        twins = sum(1 for i in self._instances.values() if i and i.module.name == name)
        key = f"{name}-{twins + 1}" if twins else name
        module = e.Module(key, name, tuple(p.name.text for p in statement.parameters), body, text or "")
        self._arguments[key] = tuple(arguments.items())
        made = self._instances[identity] = self._keys[key] = Instance(key, module, facts, tuple(uses.values()))
        return made

    def _bind(self, use: t.Use, statement: t.Profile, scope: Scope) -> dict[str, Value] | None:
        """The arguments of a use by name, in the order of the parameters; None after an error."""
        parameters = [parameter.name.text for parameter in statement.parameters]
        given: dict[str, t.Argument] = {}
        sound = True
        for i, argument in enumerate(use.arguments):
            key = argument.name.text if argument.name else (parameters[i] if i < len(parameters) else "")
            if key not in parameters or key in given:
                shown = f"it is `{use.name.text}({', '.join(parameters)})`" if parameters else "it has no parameters"
                near = did_you_mean(key, parameters) if argument.name and key not in given else ()
                label = f"`{key}` is given already" if key in given else ""
                self.log.add("NX0313", argument.span, name=use.name.text, label=label, help=near or shown)
                sound = False
            else:
                given[key] = argument
        values: dict[str, Value] = {}
        for parameter in statement.parameters:
            name = parameter.name.text
            if name in given:
                value = self.evaluator.value(given[name].value, scope)
                place = given[name].value.span
            elif parameter.default is not None:
                value, place = self.evaluator.value(parameter.default), parameter.default.span
            else:
                self.log.add(
                    "NX0312",
                    use.span,
                    name=use.name.text,
                    argument=name,
                    secondary=(Label(parameter.name.span, "it has no default"),),
                )
                sound = False
                continue
            converted = convert(self.evaluator, value, parameter.type, name, place)
            sound = sound and not isinstance(plain(converted), Unknown)
            # A name that the composition binds for all stays; one of a profile's own means nothing in a role.
            known = isinstance(value, Named) and value.name in self.names.values and plain(value) == converted
            values[name] = value if known else converted
        return values if sound else None

    def read_unused(self) -> None:
        """Read the profiles that no role reaches too: what is wrong in them is wrong."""
        made = {i.module.name for i in self._instances.values() if i}
        for statement in self._statements():
            if statement.name.text in made:
                continue
            arguments: dict[str, Value] = {}
            for parameter in statement.parameters:
                value: Value = UNKNOWN
                if parameter.default is not None:
                    value = self.evaluator.value(parameter.default)
                    value = convert(self.evaluator, value, parameter.type, parameter.name.text, parameter.default.span)
                arguments[parameter.name.text] = value
            self._make(statement, arguments, statement.name)
