"""From statements to the model of an environment: parameters, roles with their nodes, and everything around them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from nxcc.diagnostics.core import Label
from nxcc.model import environment as e
from nxcc.model import packages, project
from nxcc.model.bodies import BodyReader
from nxcc.model.check import given_twice
from nxcc.model.expressions import Evaluator
from nxcc.model.facts import Facts, Readers
from nxcc.model.links import links, shape
from nxcc.model.names import Names, host_label
from nxcc.model.network import number_nodes, read_network
from nxcc.model.parameters import Parameters
from nxcc.model.profiles import Profiles
from nxcc.model.scope import GLOBAL, RoleNames, Scope
from nxcc.model.settings import SettingsReader
from nxcc.model.setups import Setups
from nxcc.model.values import (
    Fragment,
    Items,
    Reference,
    ScriptPath,
    SecretPath,
    Unknown,
    Value,
    plain,
    walk,
)
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nxcc.diagnostics.core import Log
    from nxcc.model.load import Program
    from nxcc.model.settings import FlavourFacts

MAX_NODES = 10_000

Statement = TypeVar("Statement")
Single = TypeVar("Single", t.Environment, t.Nixpkgs, t.Network)


class EnvironmentReader(Readers):
    """Evaluates a program."""

    def __init__(
        self,
        program: Program,
        log: Log,
        parameters: Mapping[str, str],
        setup: str | None,
        find: Callable[[str], FlavourFacts | None],
        flavours: tuple[str, ...],
    ) -> None:
        self.program = program
        self.log = log
        self.names = Names(program, log)
        self.setups = Setups(program, self.names, log, setup)
        self.evaluator = Evaluator(self.names, log, self.setups.name, program.folder)
        self.evaluator.nodes = self._role_names
        self.given = Parameters(self.evaluator, self.names, parameters, self.setups.chosen)
        self.evaluator.parameter = self.given.value
        self.flavours = SettingsReader(self.evaluator, find, flavours)
        self._nodes: dict[str, RoleNames | None] = {}
        self._counting: list[str] = []
        self._scripts: dict[str, e.Script | None] = {}
        self.profiles = Profiles(self.evaluator, self)

    # -------------------------------------------------------------- what bodies ask

    def role(self, word: t.Word) -> RoleNames | None:
        """The names of a role's nodes; None, reported, for an unknown role."""
        statement = self.names.values.get(word.text)
        if isinstance(statement, t.Role):
            return self._role_names(statement)
        self.names.unknown("role", word, [s.name.text for s in self._all(t.Role)])
        return None

    def flavour(self, word: t.Word) -> bool:
        """Whether a flavour is known; reported where not."""
        return self.flavours.flavour(word) is not None

    def settings(self, statement: t.FlavourSettings, scope: Scope) -> e.Settings | None:
        """The settings that a role gives a flavour."""
        return self.flavours.read(statement, scope, in_role=True)

    def secrets_in(self, values: Sequence[Value]) -> list[str]:
        """The names of the secrets that values refer to, in order; those in the text of declared scripts too."""
        found: dict[str, None] = {}
        if not self.names.secrets:
            return []
        pending, seen = list(values), set()
        while pending:
            for value in walk(pending.pop(0)):
                if isinstance(value, SecretPath):
                    found[value.name] = None
                elif isinstance(value, Fragment) and "secret" in value.text:
                    from nxcc.syntax.nix import scan

                    names = (name for head, name in scan(value.text).selections if head == "secret")
                    found.update((name, None) for name in names if name in self.names.secrets)
                elif isinstance(value, ScriptPath) or (isinstance(value, Reference) and value.kind == "package"):
                    name = value.name if isinstance(value, ScriptPath) else value.head
                    script = self._script(name) if name not in seen else None
                    seen.add(name)
                    if script:
                        pending.append(script.content)
        return list(found)

    # -------------------------------------------------------------- the environment

    def environment(self) -> e.Environment | None:
        """The whole model; None where it has no name. The log tells whether it is sound."""
        head = self._head()
        if any(re.search(r"\$[A-Za-z_]", source.text) for source in self.program.sources):
            from nxcc.model.dollars import look_like_names

            look_like_names(self.program, self.names, self.log)
        nixpkgs = project.nixpkgs(self.evaluator, self._one(t.Nixpkgs))
        network = read_network(self.evaluator, self._one(t.Network))
        inputs = project.inputs(self.evaluator, [*self._all(t.Input), *self.setups.of(t.Input)])
        self.given.check_all()
        constants = self._constants()
        scripts = [self._script(s.name.text) for s in self._all(t.Script)]
        overlays = [self.evaluator.value(s.value) for s in self._all(t.Overlay)]
        overrides = project.overrides(self.evaluator, [*self._all(t.Override), *self.setups.of(t.Override)], inputs)
        own = project.packages(self.evaluator, self._all(t.Package))
        secrets = project.secrets(self.evaluator, self.names.secrets.values())
        roles = self._roles()
        self.profiles.read_unused()
        shaped = links(self.evaluator, self, self._all(t.Link))
        roles = shape(number_nodes(roles, network, self.log), shaped)
        settings = [
            self.flavours.read(s, GLOBAL, in_role=False)
            for s in [*self._all(t.FlavourSettings), *self.setups.of(t.FlavourSettings)]
        ]
        self.setups.check_others(self.evaluator, self.flavours)
        tests = [test for test in map(self._test, self._all(t.Test)) if test]
        self._secret_content(secrets)
        if head is None:
            return None
        return e.Environment(
            head[0],
            head[1],
            self.setups.name,
            nixpkgs,
            network,
            tuple(roles),
            self.profiles.modules(roles),
            tuple(shaped),
            tuple(secrets),
            tuple(self.given.parameters()),
            tuple(constants),
            tuple(inputs),
            tuple(overlays),
            tuple(overrides),
            tuple(own),
            tuple(script for script in scripts if script),
            tuple(s for s in settings if s),
            tuple(tests),
            self.program.sources,
            tuple(self.evaluator.files[path] for path in sorted(self.evaluator.files)),
            self.program.folder,
        )

    def _all(self, kind: type[Statement]) -> list[Statement]:
        return [s for s in self.program.statements if isinstance(s, kind)]

    def _one(self, kind: type[Single]) -> Single | None:
        """The one statement of a kind: the root file's, else that of an included file."""
        found = self._all(kind)
        root = [s for s in found if s.span.source is self.program.root]
        candidates = root or found
        for extra in candidates[1:]:
            first = (Label(candidates[0].span, "the first one"),)
            self.log.add("NX0212", extra.span, what=kind.__name__.lower(), secondary=first)
        return candidates[0] if candidates else None

    def _head(self) -> tuple[str, str] | None:
        statement = self._one(t.Environment)
        if statement is None:
            from nxcc.diagnostics.core import Span

            root = self.program.root
            self.log.add("NX0211", Span(root, 0, 0), help="begin the file with `environment NAME`")
            return None
        self._label(statement.name, "the name of an environment")
        text = self.evaluator.text(statement.text) if statement.text else ""
        return statement.name.text, text or ""

    def _label(self, word: t.Word, what: str) -> bool:
        if host_label(word.text):
            return True
        help = "letters, digits and `-`, at most 63"
        if "_" in word.text and host_label(word.text.replace("_", "-")):
            help = f"write `{word.text.replace('_', '-')}`"
            if what == "a role":
                help += f"; in tests its variable is `{word.text}`"
        notes = "names of roles and nodes are host names" if what == "a role" else ()
        self.log.add("NX0402", word.span, name=word.text, what=what, help=help, notes=notes)
        return False

    def _constants(self) -> list[e.Constant]:
        constants = []
        for statement in self._all(t.Let):
            value = plain(self.evaluator.value(t.Name(statement.name.text, statement.name.span)))
            if not isinstance(value, Unknown):
                constants.append(e.Constant(statement.name.text, value, statement.name.span))
        return constants

    def _script(self, name: str) -> e.Script | None:
        statement = self.names.values.get(name)
        if name not in self._scripts:
            self._scripts[name] = None
            if isinstance(statement, t.Script):
                self._scripts[name] = packages.script(self.evaluator, statement)
        return self._scripts[name]

    def _test(self, statement: t.Test) -> e.Test | None:
        name = self.evaluator.text(statement.name) if statement.name else ""
        script = self.evaluator.value(statement.script)
        return None if name is None or isinstance(script, Unknown) else e.Test(name, script, statement.script.span)

    def _secret_content(self, secrets: Sequence[e.Secret]) -> None:
        """Refuse to take the file of a secret for anything else: its content would land in the store."""
        import os

        files = {os.path.realpath(secret.file): secret for secret in secrets if secret.file}
        named = [(file.path, file.span) for file in self.evaluator.files.values()]
        for path, span in [*named, *self.evaluator.reads.items()]:
            secret = files.get(os.path.realpath(path))
            if secret:
                self.log.add(
                    "NX0603",
                    span,
                    name=secret.name,
                    help=f"nodes read it at `secret.{secret.name}`",
                    secondary=(Label(secret.span, "the secret's file is named here"),),
                )

    # -------------------------------------------------------------- roles and profiles

    def _role_names(self, statement: t.Role) -> RoleNames | None:
        name = statement.name.text
        if name in self._counting and statement.size is not None:
            self.log.add("NX0210", statement.size.span, name=f"{name}.count", label="its own value is needed here")
            return None
        if name not in self._nodes:
            self._nodes[name] = None
            count = 1
            if statement.size is not None:
                self._counting.append(name)
                found = self.evaluator.integer(statement.size, GLOBAL, "the number of nodes")
                self._counting.remove(name)
                if found is None:
                    return None
                if found < 1:
                    self.log.add("NX0401", statement.size.span, count=found)
                    return None
                if found > MAX_NODES:
                    self.log.add("NX0418", statement.size.span, limit=MAX_NODES)
                    return None
                count = found
            numbered = tuple(f"{name}{i}" for i in range(1, count + 1))
            self._nodes[name] = RoleNames(count, (name,) if statement.size is None else numbered)
        return self._nodes[name]

    def _roles(self) -> list[e.Role]:
        roles = [self._role(s) for s in self._all(t.Role)]
        if not roles and not self.log.failed:
            from nxcc.diagnostics.core import Span

            self.log.add("NX0408", Span(self.program.root, 0, 0), help="declare one with `role NAME { … }`")
        return roles

    def _role(self, statement: t.Role) -> e.Role:
        name = statement.name
        self._label(name, "a role")
        names = self._role_names(statement)
        facts = Facts()
        profiles: dict[str, e.UseProfile] = {}
        for use in statement.uses:
            self.profiles.reach(use, GLOBAL, profiles, facts)
        own = Facts()
        reader = BodyReader(self.evaluator, Scope(), own, self)
        body = reader.body(statement.body, tuple(profiles.values()))
        facts.extend(own)
        given_twice(name.text, facts.once, self.log)
        text = self.evaluator.text(statement.text) if statement.text else ""
        adopted = ""
        if isinstance(statement.adopted, t.Path | t.String):
            adopted = self.evaluator.path(statement.adopted, GLOBAL, nix=True, what="composition") or ""
        body = self._setup_kernel(body, own)
        hosts = names.hosts if names else ()
        return e.Role(
            name.text,
            text or "",
            statement.size is not None,
            tuple(e.Node(host, name.text, 0, "") for host in hosts),
            body,
            name.span,
            adopted,
            tuple(facts.after),
            tuple(facts.ready),
            tuple(facts.ports),
            tuple(facts.publish),
            tuple(facts.shares),
            tuple(facts.mounts),
            tuple(facts.resources),
            (*facts.kernels, *(k for k in own.kernels if k not in facts.kernels)),
            tuple(facts.secrets),
            tuple(facts.settings),
        )

    def _setup_kernel(self, body: e.Body, facts: Facts) -> e.Body:
        """The setup's kernel parameters hold for every role."""
        for statement in self.setups.of(t.KernelParams):
            values = [self.evaluator.text(value, GLOBAL, "a kernel parameter") for value in statement.values]
            known = tuple(value for value in values if value is not None)
            facts.kernels.append(e.Kernel(None, known, statement.span))
            option = e.Definition(("boot", "kernelParams"), Items(known), statement.span)
            body = body._replace(definitions=(*body.definitions, option))
        return body


def evaluate(
    program: Program,
    log: Log,
    *,
    parameters: Mapping[str, str],
    setup: str | None,
    find: Callable[[str], FlavourFacts | None],
    flavours: tuple[str, ...],
) -> e.Environment | None:
    """The model of a program.

    ``parameters`` are texts by name, as given on the command line; ``find`` and ``flavours`` tell which flavours
    there are. None where there is no environment; errors are in the log.
    """
    return EnvironmentReader(program, log, parameters, setup, find, flavours).environment()
