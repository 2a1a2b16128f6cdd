"""composition.nix: the roles as NixOS modules, in a form that NixOS Compose takes unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.emit.nix import (
    NO_DEFAULT,
    AttrSet,
    Binding,
    Call,
    Formals,
    Inherit,
    Interp,
    Lambda,
    Let,
    ListOf,
    Op,
    PathLit,
    Select,
    Var,
    Verbatim,
    document,
    expression,
)
from nxcc.emit.values import Printer
from nxcc.model.values import Fragment, Named, Reference, SourcePath, Value, plain, walk
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nxcc.emit.nix import Expr
    from nxcc.model import environment as e

_ARGUMENTS = ("pkgs", "lib", "flavour", "modulesPath")
_LINT = ("E", "F", "W")
"""The checks of flake8 that pkgs.writers leaves out: all of them, scripts are the user's."""


def composition(environment: e.Environment, locate: Mapping[str, str]) -> str:
    """The text of composition.nix; ``locate`` has the place in the bundle of the user's files, by absolute path."""
    return _Composition(environment, locate).text()


class _Profile(NamedTuple):
    """A profile as it is bound: by name, with the names of its parameters."""

    name: str
    parameters: tuple[str, ...]


class _Composition:
    def __init__(self, environment: e.Environment, locate: Mapping[str, str]) -> None:
        self.environment = environment
        self.fragments = list(_fragments(environment))
        adopted = dict.fromkeys(role.adopted for role in environment.roles if role.adopted)
        self.arguments = (*_ARGUMENTS, *(("inputs",) if environment.inputs else ()))
        self.locate = locate
        hidden = {*self.arguments, "secret", "script", "setup", "args", "config"}
        for named in (environment.parameters, environment.constants, environment.packages, environment.scripts):
            hidden.update(one.name for one in named)
        hidden.update(module.name for module in environment.modules)
        self.taken = hidden | {name for body in _bodies(environment) for name in _bound(body)}
        self.adopted = {path: self._name("adopted") for path in adopted}
        hidden.update(self.adopted.values())
        self.hidden = hidden
        self.printer = Printer(locate, hidden)
        self.profiles: dict[str, _Profile] = {}

    def text(self) -> str:
        environment = self.environment
        bindings = [*self._values(), *self._modules()]
        parts = [Binding(("roles",), AttrSet(tuple(self._role(role) for role in environment.roles)))]
        nodes = ((role.name, ListOf(tuple(node.name for node in role.nodes))) for role in environment.roles)
        distribution = AttrSet(tuple(Binding((name,), names) for name, names in nodes))
        parts.append(Binding(("rolesDistribution",), distribution))
        parts.extend(self._tests())
        body: Expr = AttrSet(tuple(parts))
        if bindings:
            body = Let(tuple(bindings), body)
        names = tuple((name, NO_DEFAULT) for name in self.arguments)
        function = Lambda(Formals(names, True, "args" if self.adopted else ""), body)
        title = f"The environment {environment.name}"
        if environment.text:
            title += f": {_line(environment.text)}"
        setup = f"\nSetup {environment.setup}." if environment.setup else ""
        return document(function, f"{title}\nWritten by nxcc: change the source and compile again.{setup}")

    # -------------------------------------------------------------- bindings

    def _values(self) -> Iterator[Binding | Inherit]:
        environment, node = self.environment, self.printer.node
        for parameter in environment.parameters:
            yield Binding((parameter.name,), node(parameter.value), _line(parameter.text))
        for constant in environment.constants:
            yield Binding((constant.name,), node(constant.value))
        if environment.secrets:
            paths = (Binding((s.name,), f"/run/nxcc/secrets/{s.name}") for s in environment.secrets)
            comment = "Where nodes read the secrets; the secrets themselves never get here."
            yield Binding(("secret",), AttrSet(tuple(paths)), comment)
        if any("setup" in fragment.text for fragment in self.fragments):
            yield Binding(("setup",), AttrSet((Binding(("name",), environment.setup),)))
        for package in environment.packages:
            arguments = AttrSet(()) if package.arguments is None else node(package.arguments)
            path = node(SourcePath(package.path))
            yield Binding((package.name,), Call(Select(Var("pkgs"), ("callPackage",)), (path, arguments)))
        for script in environment.scripts:
            yield Binding((script.name,), self._script(script, self.printer))
        if environment.scripts and any("script" in fragment.text for fragment in self.fragments):
            yield _script_paths(environment.scripts)
        for path, name in self.adopted.items():
            adopt = Call(Var("import"), (PathLit("./nix/lib/adopt.nix"),))
            yield Binding((name,), Call(adopt, (Var("args"), self.printer.node(SourcePath(path)))))

    def _name(self, name: str) -> str:
        """A name that nothing else has, now taken."""
        number, found = 1, name
        while found in self.taken:
            number += 1
            found = f"{name}-{number}"
        self.taken.add(found)
        return found

    def _script(self, script: e.Script, printer: Printer) -> Expr:
        writer = {"bash": "writeBashBin", "sh": "writeDashBin", "python": "writePython3Bin"}[script.language]
        content = printer.node(script.content)
        if isinstance(plain(script.content), SourcePath):
            content = Call(Select(Var("builtins"), ("readFile",)), (content,))
        arguments: list[Expr] = [script.name]
        if script.language == "python":
            options = [Binding(("flakeIgnore",), ListOf(_LINT))]
            if script.libraries:
                options.insert(0, Binding(("libraries",), ListOf(tuple(map(printer.node, script.libraries)))))
            arguments.append(AttrSet(tuple(options)))
        return Call(Select(Var("pkgs"), ("writers", writer)), (*arguments, content))

    # -------------------------------------------------------------- modules

    def _modules(self) -> Iterator[Binding]:
        """The profiles: one binding each, a function of the parameters that its body names.

        Where the arguments of a profile change what it consists of, each set of arguments has a binding of its own.
        """
        written: dict[tuple[str, str], _Profile] = {}
        for module in self.environment.modules:
            parameters = tuple(name for name in module.parameters if _uses(module.body, name))
            body = self._module(module.body, set(parameters), function=False)
            if parameters:
                body = Lambda(Formals(tuple((name, NO_DEFAULT) for name in parameters), False), body)
            same = (module.name, expression(body))
            if same not in written:
                first = not any(name == module.name for name, _ in written)
                written[same] = _Profile(module.name if first else self._name(module.name), parameters)
                yield Binding((written[same].name,), body, _line(module.text))
            self.profiles[module.key] = written[same]

    def _role(self, role: e.Role) -> Binding:
        adopted: Expr | None = None
        if role.adopted:
            adopted = Select(Var(self.adopted[role.adopted]), (role.name,))
        return Binding((role.name,), self._module(role.body, set(), function=True, adopted=adopted), _line(role.text))

    def _module(self, body: e.Body, inner: set[str], *, function: bool, adopted: Expr | None = None) -> Expr:
        """A body as a NixOS module: a function where that is asked for or where it names ``config``."""
        names = inner | {name for name, _ in body.constants} | {script.name for script in body.scripts}
        printer = Printer(self.locate, self.hidden | names)
        imports = self._imports(body, printer, names, adopted)
        bindings = list(printer.bindings((d.path, d.value) for d in body.definitions))
        if imports is not None:
            bindings.insert(0, Binding(("imports",), imports))
        module: Expr = AttrSet(tuple(bindings))
        local = [Binding((name,), printer.node(value)) for name, value in body.constants]
        local += [Binding((script.name,), self._script(script, printer)) for script in body.scripts]
        if body.scripts and any("script" in fragment.text for fragment in _body_fragments(body, nix=True)):
            local.append(_script_paths((*self.environment.scripts, *body.scripts)))
        if local:
            module = Let(tuple(local), module)
        config = any(_names(fragment, "config") for fragment in _body_fragments(body, gated=False))
        if function or config:
            formals = (("config", NO_DEFAULT),) if config else ()
            module = Lambda(Formals(formals, True), module)
        return module

    def _imports(self, body: e.Body, printer: Printer, names: set[str], adopted: Expr | None) -> Expr | None:
        items: list[Expr] = [adopted] if adopted is not None else []
        for use in body.profiles:
            profile = self.profiles[use.module]
            item: Expr = Var(profile.name)
            if profile.parameters:
                given = [(name, value) for name, value in use.arguments if name in profile.parameters]
                item = Call(item, (AttrSet(tuple(Binding((name,), printer.node(value)) for name, value in given)),))
            # Arguments that the composition does not show, such as those of `resources`, make no second module.
            if item not in items:
                items.append(item)
        for one in body.imports:
            if one.body and isinstance(one.value, Fragment):
                items.append(self._nix_body(one.value))
            else:
                items.append(printer.node(one.value))
        items += [PathLit(f"./nix/modules/{feature}.nix") for feature in body.features]
        found: Expr | None = ListOf(tuple(items)) if items else None
        for gated in body.gated:
            module = self._module(gated.body, names, function=False)
            optional = Call(Select(Var("lib"), ("optionals",)), (_condition(gated.flavours), ListOf((module,))))
            found = optional if found is None else Op("++", found, optional)
        return found

    def _nix_body(self, fragment: Fragment) -> Expr:
        """The user's own definitions, as they stand, as a module of their own."""
        text = f"{{{fragment.text.rstrip()}\n}}" if "\n" in fragment.text else f"{{ {fragment.text.strip()} }}"
        if _names(fragment, "config", body=True):
            text = f"{{ config, ... }}: {text}"
        return Verbatim(text)

    # -------------------------------------------------------------- tests

    def _tests(self) -> Iterator[Binding]:
        tests = self.environment.tests
        if tests:
            main = next((test for test in tests if not test.name), tests[0])
            yield Binding(("testScript",), self.printer.node(main.script))
            named = [test for test in tests if test.name]
            if named:
                scripts = (Binding((test.name,), self.printer.node(test.script)) for test in named)
                yield Binding(("testScripts",), AttrSet(tuple(scripts)))


def _script_paths(scripts: Iterable[e.Script]) -> Binding:
    """What ``script.NAME`` is in the user's Nix."""
    paths = (Binding((s.name,), Interp((Var(s.name), f"/bin/{s.name}"))) for s in scripts)
    return Binding(("script",), AttrSet(tuple(paths)))


def _condition(flavours: tuple[str, ...]) -> Expr:
    name = Select(Var("flavour"), ("name",))
    if len(flavours) == 1:
        return Op("==", name, flavours[0])
    return Call(Select(Var("lib"), ("elem",)), (name, ListOf(flavours)))


def _bodies(environment: e.Environment) -> Iterator[e.Body]:
    """All bodies, those for some flavours only too."""
    pending = [module.body for module in environment.modules] + [role.body for role in environment.roles]
    while pending:
        body = pending.pop()
        yield body
        pending.extend(gated.body for gated in body.gated)


def _bound(body: e.Body) -> Iterator[str]:
    """Names that a generated name must not be: those that a body binds, and packages that it takes from pkgs."""
    yield from (name for name, _ in body.constants)
    yield from (script.name for script in body.scripts)
    for value in _body_values(body, gated=False):
        yield from (v.path[0] for v in walk(value) if isinstance(v, Reference) and v.kind == "pkgs" and v.path)


def _uses(body: e.Body, name: str) -> bool:
    """Whether a body names a parameter."""
    for value in (*_body_values(body), *(one.value for one in body.imports)):
        for part in walk(value):
            if isinstance(part, Named) and part.name == name:
                return True
            if isinstance(part, Fragment) and _names(part, name):
                return True
    return False


def _line(text: str) -> str:
    """A text as a comment: on one line."""
    return " ".join(text.split())


def _names(fragment: Fragment, name: str, *, body: bool = False) -> bool:
    """Whether a fragment, an expression or a module's body, uses a name."""
    if name not in fragment.text:
        return False
    from nxcc.syntax.nix import scan

    return name in scan(fragment.text, body=body).names


def _body_values(body: e.Body, *, gated: bool = True) -> Iterator[Value]:
    yield from (definition.value for definition in body.definitions)
    yield from (value for _, value in body.constants)
    yield from (one.value for one in body.imports if not one.body)
    for script in body.scripts:
        yield script.content
    for use in body.profiles:
        yield from (value for _, value in use.arguments)
    if gated:
        for inner in body.gated:
            yield from _body_values(inner.body)
            yield from (one.value for one in inner.body.imports if one.body)


def _body_fragments(body: e.Body, *, gated: bool = True, nix: bool = False) -> Iterator[Fragment]:
    """The user's Nix in a body; with ``nix`` that of ``nix`` statements too."""
    for value in _body_values(body, gated=gated):
        yield from (part for part in walk(value) if isinstance(part, Fragment))
    if nix:
        yield from (one.value for one in body.imports if one.body and isinstance(one.value, Fragment))


def _fragments(environment: e.Environment) -> Iterator[Fragment]:
    """All Nix of the user's that gets into the composition."""
    bodies = [role.body for role in environment.roles] + [module.body for module in environment.modules]
    for body in bodies:
        yield from _body_fragments(body, nix=True)
    values: Iterable[Value] = (
        *(constant.value for constant in environment.constants),
        *(script.content for script in environment.scripts),
        *(package.arguments for package in environment.packages),
        *(test.script for test in environment.tests),
    )
    for value in values:
        yield from (part for part in walk(value) if isinstance(part, Fragment))
