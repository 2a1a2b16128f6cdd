"""Bodies of roles and profiles: statements to NixOS options, and to the facts that flavours plan from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nxcc.model import arithmetic
from nxcc.model import environment as e
from nxcc.model.expressions import Evaluator
from nxcc.model.facts import Facts, Once, Readers
from nxcc.model.packages import package, script
from nxcc.model.paths import absolute
from nxcc.model.scope import NO_KEY, Scope
from nxcc.model.sets import only_on, path_span
from nxcc.model.topology import Topology
from nxcc.model.users import user
from nxcc.model.values import (
    UNKNOWN,
    Attributes,
    Entry,
    Fragment,
    Interpolated,
    Items,
    Modified,
    Named,
    NodeFile,
    Quantity,
    Reference,
    SourcePath,
    TextFile,
    Unknown,
    Value,
    known_text,
    nix_only,
    plain,
    textual,
)
from nxcc.model.words import describe
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nxcc.diagnostics.core import Span


class BodyReader(Topology):
    """Reads the statements of one body.

    ``only`` are the flavours in which it holds (empty for all), ``prefix`` the option path in front of its options.
    """

    def __init__(
        self, evaluator: Evaluator, scope: Scope, facts: Facts, read: Readers, only: tuple[str, ...] = ()
    ) -> None:
        self.evaluator = evaluator
        self.log = evaluator.log
        self.scope = scope
        self.facts = facts
        self.read = read
        self.only = only
        self.imports: list[e.Import] = []
        self.constants: list[tuple[str, t.Word]] = []
        self.scripts: list[t.Script] = []
        self.definitions: list[e.Definition] = []
        self.gated: list[e.Gated] = []
        self.features: list[str] = []

    def body(self, statements: Sequence[t.Statement], profiles: tuple[e.UseProfile, ...] = ()) -> e.Body:
        """The body that the statements make."""
        self.declare(statements)
        self.statements(statements)
        constants = []
        for name, word in self.constants:
            value = plain(self.evaluator.value(t.Name(name, word.span), self.scope))
            if not isinstance(value, Unknown):
                constants.append((name, value))
        scripts = tuple(made for made in (script(self.evaluator, s, self.scope) for s in self.scripts) if made)
        self.secrets(scripts, constants)
        return e.Body(
            profiles,
            tuple(self.imports),
            tuple(constants),
            scripts,
            tuple(self.definitions),
            tuple(self.gated),
            tuple(self.features),
        )

    def declare(self, statements: Sequence[t.Statement]) -> None:
        """Make the names of the body known first: the order of declarations is free."""
        for statement in statements:
            if isinstance(statement, t.Let | t.Script):
                if not self.evaluator.names.local(statement.name, self.scope.spans):
                    continue
                if isinstance(statement, t.Let):
                    self.scope.defer(statement.name, statement.value)
                    self.constants.append((statement.name.text, statement.name))
                else:
                    self.scope.bind(statement.name, Reference("package", statement.name.text, ()))
                    self.scripts.append(statement)
        for statement in statements:
            if isinstance(statement, t.When):
                condition = self.evaluator.boolean(statement.condition, self.scope)
                if condition is not None:
                    self.declare(statement.yes if condition else statement.no)

    def statements(self, statements: Sequence[t.Statement]) -> None:
        """Read statements in order."""
        for statement in statements:
            method: Callable[[Any], None] = getattr(self, "_" + type(statement).__name__)
            method(statement)

    def define(self, path: tuple[str, ...], value: Value, span: Span) -> None:
        """Give an option a value."""
        if isinstance(value, Unknown) or NO_KEY in path:
            return
        if path[0] == "nixpkgs":
            help = _NIXPKGS.get(
                path[1] if len(path) > 1 else "", "use `nixpkgs`, `overlay` and `override` at top level"
            )
            self.log.add("NX0602", span, option=".".join(path), help=help, notes="all roles share one nixpkgs")
            return
        self.check_numbers(value, span)
        self.definitions.append(e.Definition(path, value, span))

    def check_numbers(self, value: Value, span: Span) -> None:
        """Report quantities that are no whole number of their base unit, and strings that Nix cannot hold."""
        stack: list[tuple[Value, Span]] = [(value, span)]
        seen: set[int] = set()
        while stack:
            part, place = stack.pop()
            if isinstance(part, Named):
                if id(part) in seen:
                    continue
                seen.add(id(part))
            part = plain(part)
            if isinstance(part, Quantity):
                fault = arithmetic.option_number(part)
                if isinstance(fault, arithmetic.Fault):
                    self.log.add(fault.code, place, help=fault.help, **fault.fields)
            elif isinstance(part, Attributes):
                stack.extend((entry.value, entry.span) for entry in part.entries)
            elif isinstance(part, Items):
                stack.extend((item, place) for item in part.items)
            elif isinstance(part, Modified):
                stack.append((part.value, place))

    def secrets(self, scripts: Sequence[e.Script], constants: Sequence[tuple[str, Value]]) -> None:
        """Note which secrets the body uses, and give each its option."""
        values = [d.value for d in self.definitions] + [value for _, value in constants]
        values += [i.value for i in self.imports] + [s.content for s in scripts]
        for name in self.read.secrets_in(values):
            secret = self.evaluator.names.secrets[name]
            words = (("owner", secret.owner), ("group", secret.group), ("mode", secret.mode))
            entries = tuple(Entry((key,), word.text, word.span) for key, word in words if word)
            self.definitions.append(e.Definition(("nxcc", "secrets", name), Attributes(entries), secret.span))
            self.feature("secrets")
            use = e.UseSecret(name, self.only)
            if use not in self.facts.secrets:
                self.facts.secrets.append(use)

    def feature(self, name: str) -> None:
        """The body needs a module of nxcc's Nix library."""
        if name not in self.features:
            self.features.append(name)

    def gate(self, statement: t.On, prefix: tuple[str, ...] = ()) -> None:
        """``on FLAVOUR`` around statements, or around options below ``prefix``."""
        flavours = tuple(dict.fromkeys(word.text for word in statement.flavours if self.read.flavour(word)))
        if self.only:
            flavours = tuple(name for name in flavours if name in self.only)
            if not flavours:
                self.log.add("NX0708", statement.span, help=f"around it is `on {', '.join(self.only)}`")
                return
        if not flavours:
            return
        inner = BodyReader(self.evaluator, Scope(self.scope), self.facts, self.read, flavours)
        if prefix:
            value = self.evaluator.entries(statement.body, inner.scope, inner.gate, prefix)
            if not only_on(statement.body):
                inner.define(prefix, value, statement.span)
            body = inner.body(())
        else:
            body = inner.body(statement.body)
        if body.definitions or body.imports or body.gated:
            self.gated.append(e.Gated(flavours, body))

    # -------------------------------------------------------------- options

    def _Assign(self, statement: t.Assign) -> None:
        path = tuple(self.evaluator.key(key, self.scope) for key in statement.path)
        value = self.evaluator.assigned(statement, self.scope, self.gate, path)
        if not (isinstance(statement.value, t.SetLiteral) and only_on(statement.value.entries)):
            self.define(path, value, path_span(statement.path))

    def _Nested(self, statement: t.Nested) -> None:
        path = tuple(self.evaluator.key(key, self.scope) for key in statement.path)
        value = self.evaluator.entries(statement.value.entries, self.scope, self.gate, path)
        if not only_on(statement.value.entries):
            self.define(path, value, path_span(statement.path))

    def _Service(self, statement: t.Service) -> None:
        for name in statement.names:
            path = ("services", *(self.evaluator.key(key, self.scope) for key in name))
            if statement.options is None:
                self.define((*path, "enable"), True, path_span(name))
                continue
            if name is not statement.names[-1]:
                self.define((*path, "enable"), True, path_span(name))
                continue
            value = self.evaluator.entries(statement.options.entries, self.scope, self.gate, path)
            if isinstance(value, Attributes):
                enabled = any(entry.path == ("enable",) for entry in value.entries)
                enable = () if enabled else (Entry(("enable",), True, path_span(name)),)
                self.define(path, Attributes(enable + value.entries), path_span(name))

    def _Enable(self, statement: t.Enable) -> None:
        for name in statement.paths:
            path = tuple(self.evaluator.key(key, self.scope) for key in name)
            self.define((*path, "enable"), True, path_span(name))

    def _Variable(self, statement: t.Variable) -> None:
        value = self.evaluator.value(statement.value, self.scope)
        bare = plain(value)
        if isinstance(bare, int | float | Quantity) and not isinstance(bare, bool):
            value = Interpolated((value,)) if isinstance(value, Named) else known_text(value)
        elif isinstance(bare, bool | Attributes) or bare is None:
            self.log.add("NX0301", statement.value.span, expected="a string", found=describe(bare))
            return
        self.define(("environment", "variables", statement.name.text), value, statement.name.span)

    def _Packages(self, statement: t.Packages) -> None:
        items = tuple(package(self.evaluator, item, self.scope) for item in statement.items)
        if not any(isinstance(item, Unknown) for item in items):
            self.define(("environment", "systemPackages"), Items(items), statement.span)

    def _Script(self, statement: t.Script) -> None:
        if statement in self.scripts:
            item = Reference("package", statement.name.text, ())
            self.define(("environment", "systemPackages"), Items((item,)), statement.name.span)

    def _File(self, statement: t.File) -> None:
        path = self.evaluator.text(statement.path, self.scope, "the path of a file")
        value = self.evaluator.value(statement.value, self.scope)
        if path is None or isinstance(plain(value), Unknown):
            return
        if not absolute(path, statement.path.span, self.log):
            return
        source = isinstance(plain(value), SourcePath | Reference | Fragment | TextFile)
        if statement.from_path:
            if not source and not nix_only(value):
                self.log.add("NX0301", statement.value.span, expected="a path or a package", found=describe(value))
                return
        elif source or not textual(value):
            help = "`from` takes a file, a package or Nix" if source else ()
            self.log.add("NX0301", statement.value.span, expected="a string", found=describe(value), help=help)
            return
        words = [("mode", statement.mode), ("user", statement.user), ("group", statement.group)]
        span = statement.path.span
        self.facts.once.append(Once(path, span, self.only))
        if path.startswith("/etc/"):
            content = Entry(("source" if statement.from_path else "text",), value, statement.value.span)
            given = tuple(Entry((key,), word.text, word.span) for key, word in words if word)
            self.define(("environment", "etc", path[5:]), Attributes((content, *given)), span)
            return
        if not statement.from_path:
            value = TextFile(_store_name(path), value)
        mode, user, group = (word.text if word else "" for _, word in words)
        self.define(("systemd", "tmpfiles", "rules"), Items((NodeFile(path, mode, user, group, value),)), span)

    def _OnBoot(self, statement: t.OnBoot) -> None:
        value = self.evaluator.value(statement.value, self.scope)
        if isinstance(plain(value), Unknown):
            return
        if not textual(value):
            help = "the text of a file is `read(./…)`" if isinstance(plain(value), SourcePath) else ()
            self.log.add("NX0301", statement.value.span, expected="a string", found=describe(value), help=help)
            return
        name, span = statement.name.text, statement.name.span
        help = f"give this one another name; with `after {name}.service` it runs behind the first"
        self.facts.once.append(Once(f"on-boot {name}", span, self.only, help))
        unit = [Entry(("wantedBy",), Items(("multi-user.target",)), span)]
        # What is to be there already is what the script waits for, too.
        wants, needs = (tuple(word.text for word in words) for words in (statement.wants, statement.needs))
        after = (*(word.text for word in statement.after), *wants, *needs)
        before = tuple(word.text for word in statement.before)
        for relation, units in (("after", after), ("before", before), ("wants", wants), ("requires", needs)):
            if units:
                unit.append(Entry((relation,), Items(tuple(dict.fromkeys(units))), span))
        packages = tuple(package(self.evaluator, item, self.scope) for item in statement.packages)
        if any(isinstance(item, Unknown) for item in packages):
            return
        unit.append(Entry(("path",), Items((*packages, *_SYSTEM_PATH)), span))
        service = (Entry(("Type",), "oneshot", span), Entry(("RemainAfterExit",), True, span))
        unit.append(Entry(("serviceConfig",), Attributes(service), span))
        unit.append(Entry(("script",), value, statement.value.span))
        self.define(("systemd", "services", name), Attributes(tuple(unit)), span)

    def _User(self, statement: t.User) -> None:
        for path, value, span in user(self.evaluator, statement, self.scope):
            if path[:2] == ("nxcc", "keys"):
                self.feature("keys")
            self.define(path, value, span)

    def _Import(self, statement: t.Import) -> None:
        node = statement.value
        if isinstance(node, t.Path | t.String):
            path = self.evaluator.path(node, self.scope, nix=True, what="module")
            value: Value = UNKNOWN if path is None else SourcePath(path)
        else:
            value = self.evaluator.value(node, self.scope)
            if not nix_only(value) and not isinstance(value, Unknown):
                self.log.add("NX0301", node.span, expected="a NixOS module", found=describe(value))
                return
        if not isinstance(plain(value), Unknown):
            self.imports.append(e.Import(value, False, statement.span))

    def _NixBody(self, statement: t.NixBody) -> None:
        value = self.evaluator.value(statement.value, self.scope)
        self.imports.append(e.Import(value, True, statement.span))

    def _Kernel(self, statement: t.Kernel) -> None:
        value = self.evaluator.value(statement.value, self.scope)
        if isinstance(plain(value), Unknown):
            return
        if not nix_only(value):
            self.log.add(
                "NX0301",
                statement.value.span,
                expected="a set of kernel packages",
                found=describe(value),
                help="for example `kernel pkgs.linuxPackages_latest`",
            )
            return
        self.facts.kernels.append(e.Kernel(value, (), statement.span, self.only))
        self.define(("boot", "kernelPackages"), value, statement.span)

    def _KernelParams(self, statement: t.KernelParams) -> None:
        values = [self.evaluator.text(value, self.scope, "a kernel parameter") for value in statement.values]
        known = tuple(value for value in values if value is not None)
        self.facts.kernels.append(e.Kernel(None, known, statement.span, self.only))
        self.define(("boot", "kernelParams"), Items(known), statement.span)

    # -------------------------------------------------------------- structure

    def _Let(self, statement: t.Let) -> None:
        """Declared before."""

    def _When(self, statement: t.When) -> None:
        condition = self.evaluator.boolean(statement.condition, self.scope)
        if condition is not None:
            self.statements(statement.yes if condition else statement.no)

    def _On(self, statement: t.On) -> None:
        self.gate(statement)


_SYSTEM_PATH = ("/run/wrappers", "/run/current-system/sw")
"""Where NixOS has the commands of a login: what the role's packages install, and what gains privileges."""

# What stands at top level for an option of `nixpkgs`.
_SYSTEM = 'name it at top level: `nixpkgs "…" { system "aarch64-linux" }`'
_NIXPKGS = {
    "config": 'allow it at top level: `nixpkgs "…" { unfree all }`, or `insecure "NAME-VERSION"`',
    "overlays": "put it at top level: `overlay`, or `override`",
    "system": _SYSTEM,
    "hostPlatform": _SYSTEM,
    "localSystem": _SYSTEM,
}


def _store_name(path: str) -> str:
    """A name in the Nix store for the file at a path."""
    name = "".join(char if char.isascii() and (char.isalnum() or char in "+-._?=") else "-" for char in path)
    return name.strip("-.")[-80:] or "file"
