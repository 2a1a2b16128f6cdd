"""The overlays of an environment: its own, and one for each package that it overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.emit.nix import (
    NO_DEFAULT,
    AttrSet,
    Binding,
    Call,
    Formals,
    Lambda,
    Let,
    ListOf,
    Select,
    Var,
)
from nxcc.emit.values import Printer
from nxcc.model.values import Attributes, Fragment, Interpolated, Items, Named, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from nxcc.emit.nix import Expr
    from nxcc.emit.values import Printer
    from nxcc.model.environment import Environment, Override
from nxcc.model.values import Value


def overlays(environment: Environment, locate: Mapping[str, str]) -> Expr | None:
    """The function of ``{ lib, pkgs, inputs, nxcc, modulesPath }`` that gives the list of overlays; None for none.

    ``pkgs`` is the finished set of packages, ``nxcc`` nix/lib/overrides.nix; ``locate`` is as in ``node``.
    """
    of_pkgs = [override for override in environment.overrides if not override.input]
    items = [node(value, locate) for value in environment.overlays]
    items += [_override(override, "package", locate) for override in of_pkgs]
    return _function(environment, ListOf(tuple(items)), environment.overlays, of_pkgs, locate) if items else None


def input_overrides(environment: Environment, locate: Mapping[str, str]) -> Expr | None:
    """The like function of overrides in the packages of inputs, as a set of lists; None for none."""
    of_inputs = [override for override in environment.overrides if override.input]
    if not of_inputs:
        return None
    bindings = []
    for name in dict.fromkeys(override.input for override in of_inputs):
        mine = tuple(_override(override, "inInput", locate) for override in of_inputs if override.input == name)
        bindings.append(Binding((name,), ListOf(mine)))
    return _function(environment, AttrSet(tuple(bindings)), (), of_inputs, locate)


def _function(
    environment: Environment,
    body: Expr,
    values: Sequence[Value],
    overrides: Sequence[Override],
    locate: Mapping[str, str],
) -> Expr:
    for one in overrides:
        values = (*values, one.source, one.version, *one.patches, one.attributes, one.arguments)
    constants = _constants(environment, values, locate)
    if constants:
        body = Let(constants, body)
    names = ("lib", "pkgs", "inputs", "nxcc", "modulesPath")
    return Lambda(Formals(tuple((name, NO_DEFAULT) for name in names), False), body)


def node(value: Value, locate: Mapping[str, str]) -> Expr:
    """A value as an overlay names it: a package of the source's own by its place in pkgs.

    ``locate`` has the place in the bundle of files, by absolute path, as ``nxcc.sources.collect`` gives it.
    """
    return Printer(locate, package=lambda name, path: Select(Var("pkgs"), (name, *path))).node(value)


def _override(override: Override, function: str, locate: Mapping[str, str]) -> Expr:
    """``nxcc.package [ "hello" ] { version = "2"; }``."""
    changes: list[Binding] = []
    if override.arguments is not None:
        changes.append(Binding(("args",), node(override.arguments, locate)))
    if override.attributes is not None:
        changes.append(Binding(("attrs",), node(override.attributes, locate)))
    if override.source is not None:
        changes.append(Binding(("src",), _source(override, locate)))
    if override.version is not None:
        changes.append(Binding(("version",), node(override.version, locate)))
    if override.patches:
        changes.append(Binding(("patches",), ListOf(tuple(node(patch, locate) for patch in override.patches))))
    return Call(Select(Var("nxcc"), (function,)), (ListOf(override.target), AttrSet(tuple(changes))))


def _source(override: Override, locate: Mapping[str, str]) -> Expr:
    """A folder as it is; what has a hash is fetched by it."""
    from urllib.parse import parse_qsl

    from nxcc.emit.references import unlocked

    reference = plain(override.source)
    if not isinstance(reference, str):
        return node(reference, locate)
    scheme, _, rest = reference.partition(":")
    if not override.hash:
        return unlocked("src", reference)
    fixed = Binding(("sha256",), override.hash)  # takes SRI hashes in every release; `hash` came with 21.11
    if scheme == "github":
        owner, repo, revision = (*rest.split("/", 2), "HEAD", "HEAD")[:3]
        parts = (("owner", owner), ("repo", repo), ("rev", revision))
        return _fetch("fetchFromGitHub", (*(Binding((key,), value) for key, value in parts), fixed))
    if scheme.startswith("git+"):
        url, _, query = reference.removeprefix("git+").partition("?")
        parameters = dict(parse_qsl(query))
        at = parameters.get("rev") or parameters.get("ref") or "HEAD"
        return _fetch("fetchgit", (Binding(("url",), url), Binding(("rev",), at), fixed))
    return _fetch("fetchurl", (Binding(("url",), reference), fixed))


def _fetch(function: str, bindings: tuple[Binding, ...]) -> Expr:
    return Call(Select(Var("pkgs"), (function,)), (AttrSet(bindings),))


def _constants(environment: Environment, used_in: Sequence[Value], locate: Mapping[str, str]) -> tuple[Binding, ...]:
    """Bindings of the params and lets that values name, in the order of their declaration."""
    declared: dict[str, Value] = {one.name: one.value for one in environment.parameters}
    declared.update((one.name, one.value) for one in environment.constants)
    used: set[str] = set()
    values = list(used_in)
    while values:
        for name in list(_named(values.pop(), declared)):
            if name in declared and name not in used:
                used.add(name)
                values.append(declared[name])
    return tuple(Binding((name,), node(value, locate)) for name, value in declared.items() if name in used)


def _named(value: Value, declared: Iterable[str]) -> Iterator[str]:
    """The names of constants that a value uses: by itself, or as a word of a Nix fragment in it."""
    if isinstance(value, Named):
        yield value.name
    elif isinstance(value, Fragment):
        import re

        words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_'-]*", value.text))
        yield from (name for name in declared if name in words)
    elif isinstance(value, Interpolated):
        for part in value.parts:
            yield from _named(part, declared)
    elif isinstance(value, Items):
        for item in value.items:
            yield from _named(item, declared)
    elif isinstance(value, Attributes):
        for entry in value.entries:
            yield from _named(entry.value, declared)
