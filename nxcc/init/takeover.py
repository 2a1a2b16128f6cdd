"""Sources that adopt the compositions of a file or of a project of NixOS Compose."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from nxcc.emit import nxc
from nxcc.init.compositions import EVALUATED, Composition, Nix, NixFailed, find
from nxcc.init.draft import Draft, Entry
from nxcc.init.reading import parameters
from nxcc.init.start import can_name
from nxcc.model.paths import Irregular
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nxcc.diagnostics.core import Log
    from nxcc.init.project import Project
    from nxcc.init.setup import Setup

_PORT = re.compile(r"((?:[0-9]+(?:\.[0-9]+){3}|\[[0-9A-Fa-f:.]+\]):)?([0-9]+):([0-9]+)(/tcp|/udp)?")


class Taken(NamedTuple):
    """What is to be written: texts by absolute path. ``told`` are lines for the user, ``sources`` the .nxc files."""

    files: dict[str, str]
    told: tuple[str, ...]
    sources: tuple[str, ...]
    flavour: str


def take_over(origin: str, folder: str, log: Log, *, only: str = "", name: str = "") -> Taken | None:
    """What takes over a composition, a file of several, or a project; None, with errors in the log, where nothing can.

    ``folder`` is where the sources will lie, ``only`` the one of several compositions that is wanted, ``name`` the
    environment's name if not the origin's. Raises OSError where a file cannot be read, NoSuch as ``find`` does.
    """
    try:
        return _taken(origin, folder, log, only, name)
    except Irregular as irregular:
        help = "`nxcc init --from` names the file in what it writes: a composition, or the folder of a project"
        log.add("NX0503", None, path=irregular.filename, reason=irregular.strerror, help=help)
        return None


def _taken(origin: str, folder: str, log: Log, only: str, name: str) -> Taken | None:
    from nxcc.init.project import is_project

    made = _Project(origin, log) if is_project(origin) else None
    if made and made.project is None:
        return None
    path = made.project.composition if made and made.project else origin
    shown = os.path.relpath(path) if made else os.path.normpath(path)
    setup = made.setup.composition_setup() if made and made.setup else {"params": {}, "project": {"selected": ""}}
    flavour = made.flavour() if made else ""
    compositions = find(path, shown, log, setup, flavour, only)
    if not compositions or log.failed:
        return None
    files: dict[str, str] = {}
    told, sources = [], []
    several = len(compositions) > 1
    for composition in compositions:
        own = composition.name or name_of(path)
        stem = re.sub(r"[^A-Za-z0-9_-]", "-", composition.name) if several else "env"
        source = os.path.join(folder, f"{stem}.nxc")
        work = _Work(composition, _Project(origin, log) if made else None, source, setup, flavour, log)
        text = work.text(name or _label(own))
        if text is None:
            return None
        files[source] = text
        files |= work.files
        sources.append(source)
        roles = len(composition.roles)
        what = (
            f"{composition.source.name}, {composition.name}"
            if composition.name and not composition.own
            else composition.source.name
        )
        told.append(f"{what}: {roles} role{'s' if roles != 1 else ''}, {composition.how}")
    return None if log.failed else Taken(files, tuple(told), tuple(sources), flavour)


def name_of(path: str) -> str:
    """The name of an environment, after a composition's file or the folder that it is in."""
    stem = os.path.splitext(os.path.basename(path))[0]
    folder = os.path.dirname(os.path.realpath(path))
    if stem in ("composition", "compositions", "default"):
        stem = os.path.basename(folder)
        if stem == "nxc":  # where `nxc init` puts the project
            stem = os.path.basename(os.path.dirname(folder))
    return stem


def _label(name: str) -> str:
    """A name that an environment can have."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", name)[:63].strip("-")
    return name if can_name(name) else f"env-{name}"[:63].strip("-")


class _Project:
    """A project with the entries of what its files have that is not taken over."""

    def __init__(self, origin: str, log: Log) -> None:
        from nxcc.init.project import read_project

        self.draft = Draft(log)
        self.project: Project | None = read_project(origin, log, self.draft)
        self.setup: Setup | None = None
        path = os.path.join(self.project.folder, "setup.toml") if self.project else ""
        if not path or not os.path.exists(path):
            return
        from nxcc.init.setup import Setup
        from nxcc.init.toml import parse

        toml = parse(path, log)
        if toml is None:
            self.project = None
        else:
            self.setup = Setup(toml, self.draft)

    def flavour(self) -> str:
        """The flavour that the project is built for by default."""
        chosen = self.setup.flavour if self.setup else ""
        return chosen or (self.project.flavour if self.project else "")


class _Work:
    """One composition on its way into a source; ``files`` are those beside it."""

    def __init__(
        self,
        composition: Composition,
        made: _Project | None,
        path: str,
        setup: Mapping[str, Any],
        flavour: str,
        log: Log,
    ) -> None:
        self.composition = composition
        self.project = made.project if made else None
        self.setup = made.setup if made else None
        self.draft = made.draft if made else Draft(log)
        self.path = path
        self.composition_setup = setup
        self.flavour = flavour
        self.files: dict[str, str] = {}
        # adopt.nix knows a role by its name with `-` too, unless another has that.
        self.named = {role: role.replace("_", "-") for role in composition.roles}
        if len({*self.named.values()}) < len(self.named):
            self.named = {role: role for role in composition.roles}

    def text(self, name: str) -> str | None:
        """The source; None where it does not compile, for the reasons in the log."""
        draft, said = self.draft, self.draft.entries
        draft.origin = self.composition.source.name
        folder = os.path.dirname(os.path.realpath(self.path))
        place = os.path.relpath(os.path.realpath(self.composition.file), folder)
        draft.entries = [
            Entry(nxc.comment(f"Roles of {place}, which stays as it is; written by `nxcc init`, and yours to change.")),
            Entry(f"environment {name}"),
        ]
        draft.blank()
        draft.entries += said
        draft.blank()
        before = len(draft.entries)
        kernel: tuple[str, ...] = ()
        if self.setup:
            inputs = self.project.inputs if self.project else {}
            self.setup.without_variant({*self.named.values(), *inputs})
            kernel, self.setup.kernel = self.setup.kernel, ()
        rest, draft.entries = draft.entries[before:], draft.entries[:before]
        self._inputs()
        draft.entries += rest
        draft.blank()
        self._roles(kernel)
        if self.setup:
            self.setup.each_variant(self._replaced)
        self._test()
        if not draft.settle(self.path):
            return None
        while draft.entries and not draft.entries[-1].text:
            draft.entries.pop()
        return draft.text()

    # -------------------------------------------------------------- inputs

    def _inputs(self) -> None:
        """nixpkgs, the inputs and the overlays, and their lock."""
        if self.project is None:
            return
        replaced = self.setup.replaced if self.setup else {}
        for name, one in self.project.inputs.items():
            reference, span = replaced.pop(name, (one.reference, one.span))
            what = f"the input `{name}`"
            try:
                text = f"nixpkgs {nxc.string(reference)}" if name == "nixpkgs" else self._replaced(name, reference)
                self.draft.entries.append(Entry(text, span, what))
            except ValueError as error:
                self.draft.left(what, span, str(error))
        for name, (_, span) in replaced.items():
            self.draft.left(f"`--override-input {name}`", span, "there is no such input here")
        replaced.clear()
        for overlay, span in self.project.overlays:
            self.draft.entries.append(Entry(f"overlay {overlay}", span, f"the overlay `{overlay}`"))
        self._lock()
        self.draft.blank()

    def _replaced(self, name: str, reference: str) -> str:
        """The statement of an input, with a reference of its own; "" where there is no such input."""
        one = self.project.inputs.get(name) if self.project else None
        if one is None:
            return ""
        settings = [f"follows {' '.join(one.follows)}"] if one.follows else []
        settings += [f"as {one.place}"] if one.place else []
        block = f" {{ {'; '.join(settings)} }}" if settings else ""
        return f"input {name} {nxc.string(reference)}{block}"

    def _lock(self) -> None:
        """The part of flake.lock that is about our inputs, as env.lock."""
        project = self.project
        if project is None or project.lock is None:
            return
        from nxcc.lock import asked_for, lock_path, select, write_text

        remote = {n: one for n, one in project.inputs.items() if not one.reference.startswith(("path:", "/"))}
        try:
            lock = _direct(project.lock)
            wrong = [name for name, one in remote.items() if not asked_for(lock, name, one.reference)]
            if wrong or "nixpkgs" not in remote:
                span = remote[wrong[0]].span if wrong else None
                why = f"it does not have what flake.nix names as {', '.join(wrong) or 'nixpkgs'}; `nxcc lock` locks"
                self.draft.left("flake.lock", span, why)
                return
            follows = {name: one.follows for name, one in remote.items() if one.follows}
            self.files[lock_path(self.path)] = write_text(select(lock, {name: name for name in remote}, follows))
        except (KeyError, TypeError, AttributeError):
            self.draft.left("flake.lock", None, "it does not have all inputs of flake.nix; `nxcc lock` makes a lock")

    # -------------------------------------------------------------- roles

    def _roles(self, kernel: tuple[str, ...]) -> None:
        composition, draft = self.composition, self.draft
        for span in composition.unread:
            draft.left("some of the roles", span, "Nix computes them, and it was not asked")
        for attribute, reason in composition.unknown.items():
            draft.left(f"`{attribute}`", composition.places.get(attribute), reason)
        for attribute in composition.others:
            draft.left(f"`{attribute}`", composition.places.get(attribute), "nxcc has no statement for it")
        for attribute, named in (("rolesDistribution", composition.distribution), ("dockerPorts", composition.ports)):
            for role in named:
                if role not in composition.roles:
                    place = composition.places.get(attribute)
                    draft.left(f"`{attribute}.{role}`", place, "the composition has no such role")
        params = self.setup.params if self.setup else {}
        for name, span in parameters(composition.source).items():
            if name not in params and name not in self.composition_setup.get("params", {}):
                why = f"the composition reads it: write `param {name}: TYPE = VALUE`"
                draft.left(f"the parameter `{name}`", span, why)
        draft.blank()
        path, probe = self._file()
        bound = self._bound()
        for role in sorted(composition.roles, key=lambda role: composition.roles[role].start):
            count, why = self._count(role, bound.get(role, ""))
            if why:
                draft.left(f"the distribution of role `{role}`", composition.places.get("rolesDistribution"), why)
            inner = self._body(role, kernel)
            ours = self.named[role]
            if ours != role:
                why = f"hosts have no `_` in their names; the role is `{ours}`, its variable in tests stays as it is"
                draft.left(f"the name `{role}`", composition.roles[role], why)
            head = f"role {ours}{count} from "
            what = f"the role `{ours}`"
            draft.entries.append(
                Entry(head + path, composition.roles[role], what, inner or None, probe and head + probe)
            )
        draft.blank()

    def _file(self) -> tuple[str, str]:
        """The path of the composition for ``from``, and one to try it with where that is a file yet to be written."""
        composition, folder = self.composition, os.path.dirname(os.path.realpath(self.path))
        relative = nxc.path(os.path.relpath(os.path.realpath(composition.file), folder))
        if composition.own:
            return relative, ""
        from nxcc.emit.nix import Call, PathLit, Select, Var, document

        stem = re.sub(r"[^A-Za-z0-9_-]", "-", composition.name)
        file = f"composition-{stem}.nix"
        path = os.path.relpath(os.path.realpath(composition.file), folder)
        imported = Call(Var("import"), (PathLit(path if path.startswith("../") else f"./{path}"),))
        comment = f"The composition {composition.name} of {os.path.basename(composition.file)}"
        self.files[os.path.join(os.path.dirname(self.path), file)] = document(
            Select(imported, (composition.name,)), comment
        )
        return nxc.path(file), relative

    def _bound(self) -> dict[str, str]:
        """The parameters that are counts of roles: those with one more of which there is one node more."""
        composition = self.composition
        if not self.setup or not composition.distribution or composition.how != EVALUATED:
            return {}
        ask = Nix(composition.file, self.composition_setup, self.flavour, "" if composition.own else composition.name)
        found: dict[str, str] = {}
        params = self.composition_setup.get("params", {})
        for name, value in self.setup.params.items():
            if isinstance(value, bool) or not isinstance(value, int) or params.get(name) != value:
                continue
            try:
                more = ask("distribution", {**self.composition_setup, "params": {**params, name: value + 1}})
            except NixFailed:
                continue
            for role, count in composition.distribution.items():
                if isinstance(count, int) and isinstance(more, dict) and more.get(role) == count + 1:
                    found[role] = name
        return found

    def _count(self, role: str, bound: str) -> tuple[str, str]:
        """``[n]`` for a role, "" for a single node of its name, and what of its distribution is not taken over."""
        given = self.composition.distribution.get(role)
        if bound:
            return f"[{bound}]", ""
        if isinstance(given, int) and not isinstance(given, bool) and given > 0:
            # One node has the role's name in containers, and a number on machines: the test knows which is meant.
            named = re.search(rf"\b{re.escape(role.replace('-', '_'))}1\b", self.composition.test or "")
            return ("", "") if given == 1 and not named else (f"[{given}]", "")
        if isinstance(given, list) and given:
            if given == [role]:
                return "", ""
            count = f"[{len(given)}]"
            named_so = given == [f"{role}{number}" for number in range(1, len(given) + 1)]
            return (
                count,
                "" if named_so else f"nodes of a role are {role}1, {role}2 …, not {', '.join(map(str, given))}",
            )
        return "", "" if given is None else f"a role has at least one node, not {given}"

    def _body(self, role: str, kernel: tuple[str, ...]) -> list[Entry]:
        """What is added to an adopted role."""
        composition, inner = self.composition, list[Entry]()
        for module, span in self.project.imports if self.project else ():
            inner.append(Entry(f"import {module}", span, f"the module `{module}`"))
        for shared in composition.shared.get(role, ()):
            directory = nxc.string(shared.directory)
            if not shared.server:
                inner.append(Entry(f"share {directory}", shared.span, f"the directory `{shared.directory}`"))
                continue
            server = shared.server if shared.server in composition.roles else shared.server.rstrip("0123456789")
            server = self.named.get(server, server)
            inner.append(Entry(f"mount {directory} from {server}", shared.span, f"the directory `{shared.directory}`"))
        ports = composition.ports.get(role, [])
        place = composition.places.get("dockerPorts")
        published = []
        for port in ports if isinstance(ports, list) else [ports]:
            if isinstance(port, str) and (match := _PORT.fullmatch(port)):
                address, host, node, protocol = match.groups("")
                published.append(f"{address}{host}:{node}{'' if protocol == '/tcp' else protocol}")
            else:
                self.draft.left(f"the port `{port}`", place, "it is not HOST:NODE", inner)
        if published:
            inner.append(Entry(f"publish {' '.join(published)}", place, f"`dockerPorts.{role}`"))
        if kernel and self.setup:
            condition, text = self.setup.kernel_when(kernel)
            span = self.setup.toml.span("options", "kernel-params")
            statement = Entry(text, span, "`options.kernel-params`")
            inner.append(Entry(f"when {condition}", span, "", [statement]) if condition else statement)
        return inner

    # -------------------------------------------------------------- test

    def _test(self) -> None:
        composition, draft = self.composition, self.draft
        span = composition.places.get("testScript")
        if composition.test and composition.test.strip():
            text = composition.test if composition.test.endswith("\n") else composition.test + "\n"
            try:
                draft.entries.append(Entry(f"test {nxc.block(text)}", span, "the test script"))
            except ValueError as error:
                draft.left("the test script", span, str(error))
        elif composition.untold:
            draft.left("the test script", span, composition.untold)


def _direct(lock: Mapping[str, Any]) -> dict[str, Any]:
    """A lock whose inputs were all asked for directly, not by names of a registry."""
    nodes = {}
    for name, node in lock["nodes"].items():
        if node.get("original", {}).get("type") == "indirect":
            locked = node.get("locked", {})
            asked = {
                key: locked[key] for key in ("type", "owner", "repo", "rev", "host", "url", "ref") if key in locked
            }
            node = {**node, "original": asked}
        nodes[name] = node
    return {**lock, "nodes": nodes}
