"""flake.nix and default.nix of a bundle: both give what nix/lib makes of composition.nix.

default.nix does the work and takes the inputs as arguments; flake.nix calls it with the flake's own. So the two have
the same attributes by construction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nxcc.emit.nix import (
    AttrSet,
    Binding,
    Call,
    Formals,
    Inherit,
    Lambda,
    Let,
    ListOf,
    PathLit,
    Select,
    Var,
    document,
)
from nxcc.emit.overlays import input_overrides, overlays
from nxcc.emit.references import unlocked
from nxcc.lock import input_bindings, plain_inputs
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nxcc.emit.nix import Expr
    from nxcc.model.environment import Environment


class Inputs(NamedTuple):
    """The inputs of an environment, nixpkgs first: flake references by name, and what each is to take from ours."""

    references: dict[str, str]
    follows: dict[str, tuple[str, ...]]


def inputs_of(environment: Environment) -> Inputs:
    """The inputs as ``nxcc.lock.make_lock`` takes them; folders become ``path:`` references."""
    nixpkgs = environment.nixpkgs
    references = {"nixpkgs": nixpkgs.reference or f"path:{nixpkgs.path}"}
    follows = {}
    for one in environment.inputs:
        references[one.name] = one.reference or f"path:{one.path}"
        if one.follows:
            follows[one.name] = one.follows
    return Inputs(references, follows)


def inside(environment: Environment, locate: Mapping[str, str]) -> dict[str, str]:
    """The inputs that the bundle contains, by name, with their place in it: folders of the source's own."""
    return {one.name: f"./{locate[one.path]}" for one in environment.inputs if one.path in locate}


def flake(
    environment: Environment,
    lock: Mapping[str, Any] | None,
    flavours: Sequence[str],
    locate: Mapping[str, str] | None = None,
) -> str:
    """The text of flake.nix; ``flavours`` are those compiled into the bundle, named in its comment.

    ``locate`` is as for ``default``. What the bundle contains is no input of the flake: default.nix has it already.
    """
    references, follows = inputs_of(environment)
    own = inside(environment, locate or {})
    references = {name: reference for name, reference in references.items() if name not in own}
    follows = {
        name: tuple(other for other in found if other not in own) for name, found in follows.items() if name not in own
    }
    system = environment.nixpkgs.system
    plain = _plain(environment, lock)
    call = Call(
        Call(Var("import"), (PathLit("./default.nix"),)),
        (AttrSet((Binding(("system",), system), Inherit(tuple(references), Var("inputs")))),),
    )
    outputs = Lambda(
        "inputs",
        Let(
            (Binding(("bundle",), call),),
            AttrSet(
                (
                    Binding(("packages", system), Select(Var("bundle"), ("packages",))),
                    Binding(("legacyPackages", system), AttrSet((Inherit(("roles", "systems"), Var("bundle")),))),
                )
            ),
        ),
    )
    tree = AttrSet(
        (
            Binding(("description",), environment.text or environment.name),
            Binding(("inputs",), AttrSet(input_bindings(references, follows, plain))),
            Binding(("outputs",), outputs),
        )
    )
    example = flavours[0] if flavours else "docker"
    return document(tree, f"The environment {environment.name} as a flake: nix build path:DIR#{example}")


def default(
    environment: Environment,
    lock: Mapping[str, Any] | None,
    flavours: Sequence[str],
    locate: Mapping[str, str] | None = None,
) -> str:
    """The text of default.nix; with a lock, inputs default to what the bundle's flake.lock says.

    ``locate`` has the place in the bundle of the user's files, as ``nxcc.sources.collect`` gives it.
    """
    references = inputs_of(environment).references
    lock_name = _unused("flakeLock", references)
    sources = _unused("lockedSources", references)
    known = lock["nodes"][lock["root"]].get("inputs", {}) if lock is not None else {}
    own = inside(environment, locate or {})
    formals: list[tuple[str, Expr]] = [
        (
            name,
            PathLit(own[name])
            if name in own
            else Select(Var(sources), (name,))
            if name in known
            else unlocked(name, reference),
        )
        for name, reference in references.items()
    ]
    formals.append(("system", environment.nixpkgs.system))
    function = Lambda(
        Formals(tuple(formals), False),
        Call(
            Call(Var("import"), (PathLit("./nix/lib"),)),
            (AttrSet(tuple(_arguments(environment, "" if lock is None else lock_name, locate or {}, flavours))),),
        ),
    )
    if lock is None:
        tree: Expr = function
    else:
        flake_lock = Call(Select(Var("builtins"), ("fromJSON",)), (_read("./flake.lock"),))
        locked = Select(
            Call(
                Call(Var("import"), (PathLit("./nix/lib/lock.nix"),)), (AttrSet((Binding(("lock",), Var(lock_name)),)),)
            ),
            ("sources",),
        )
        tree = Let((Binding((lock_name,), flake_lock), Binding((sources,), locked)), function)
    example = flavours[0] if flavours else "docker"
    return document(
        tree,
        f"The environment {environment.name} without flakes: nix-build DIR -A {example}\n"
        "Every input is an argument, a path: --arg nixpkgs /path/to/nixpkgs",
    )


def _plain(environment: Environment, lock: Mapping[str, Any] | None) -> frozenset[str]:
    """The inputs that are no flakes: the lock knows, and folders can be looked into."""
    import os

    known = plain_inputs(lock) if lock is not None else ()
    folders = (
        one.name
        for one in environment.inputs
        if not one.reference and not os.path.exists(os.path.join(one.path, "flake.nix"))
    )
    return frozenset((*known, *folders))


def _unused(name: str, taken: Mapping[str, str]) -> str:
    while name in taken:
        name += "_"
    return name


def _read(path: str) -> Expr:
    return Call(Select(Var("builtins"), ("readFile",)), (PathLit(path),))


def _arguments(
    environment: Environment, lock: str, locate: Mapping[str, str], flavours: Sequence[str]
) -> list[Binding | Inherit]:
    """What nix/lib/default.nix is called with, only what the environment has; ``lock`` names the parsed lock, or ""."""
    nixpkgs = environment.nixpkgs
    arguments: list[Binding | Inherit] = [
        Inherit(("nixpkgs", "system")),
        Binding(("composition",), PathLit("./composition.nix")),
        Binding(("environment",), Call(Select(Var("builtins"), ("fromJSON",)), (_read("./environment.json"),))),
    ]
    if lock:
        arguments.append(Binding(("lock",), Var(lock)))
    if environment.inputs:
        sources = AttrSet((Inherit(tuple(one.name for one in environment.inputs)),))
        arguments.append(Binding(("sources",), sources))
        places = [Binding((one.name,), ListOf(one.attribute)) for one in environment.inputs if one.attribute]
        if places:
            arguments.append(Binding(("places",), AttrSet(tuple(places))))
    if nixpkgs.unfree:
        arguments.append(Binding(("unfree",), ListOf(nixpkgs.unfree) if isinstance(nixpkgs.unfree, tuple) else True))
    if nixpkgs.insecure:
        arguments.append(Binding(("insecure",), ListOf(nixpkgs.insecure)))
    settings = _settings(environment, flavours)
    if settings:
        arguments.append(Binding(("settings",), AttrSet(settings)))
    for name, function in (
        ("overlays", overlays(environment, locate)),
        ("inputOverrides", input_overrides(environment, locate)),
    ):
        if function is not None:
            arguments.append(Binding((name,), function))
    return arguments


def _settings(environment: Environment, flavours: Sequence[str]) -> tuple[Binding, ...]:
    """Settings of flavours that are one word or string, the last one given holds; and whether Ansible needs Python."""
    found: dict[tuple[str, str], str] = {}
    if "enoslib" in flavours:
        found["enoslib", "python"] = "yes"
    for settings in environment.settings:
        for name, values, _ in settings.values:
            if len(values) == 1 and isinstance(values[0], str):
                found[settings.flavour, name] = values[0]
            elif (settings.flavour, name) == ("enoslib", "python") and values == (False,):
                found.pop(("enoslib", "python"), None)
    return tuple(Binding(path, value) for path, value in found.items())
