"""A project of NixOS Compose: which composition, which inputs, which flavour.

nxc.json is what ``nxc init`` writes, flake.nix calls ``nxc.lib.compose`` of nix/compose.nix (NixOS Compose 0.6.0),
flake.lock has the revisions of the inputs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from nxcc.diagnostics.core import Source, Span
from nxcc.init.compositions import data_file, load
from nxcc.records import NamedTuple
from nxcc.syntax.nix_sets import Computed, Token, flattened, members, result, selection, text_of, tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nxcc.diagnostics.core import Log
    from nxcc.init.draft import Draft

FILES = ("nxc.json", "flake.nix", "setup.toml")


class Input(NamedTuple):
    """An input of the flake: reference, what it ``follows``, its place ``as`` below pkgs, and where it is named."""

    reference: str
    follows: tuple[str, ...]
    place: str
    span: Span


class Project(NamedTuple):
    """What a project's files say.

    ``composition`` is the absolute path of its composition or compositions. ``inputs`` has nixpkgs too. ``imports`` are
    modules that every role has, ``overlays`` overlays, each as ``input.a.b`` with its place. ``flavour`` is the default
    one, "" for none.
    """

    folder: str
    composition: str
    flavour: str
    inputs: dict[str, Input]
    lock: dict[str, Any] | None
    imports: tuple[tuple[str, Span], ...]
    overlays: tuple[tuple[str, Span], ...]


def is_project(path: str) -> bool:
    """Whether a path means a project: its folder, or one of its files."""
    return os.path.isdir(path) or os.path.basename(path) in FILES


def read_project(path: str, log: Log, draft: Draft) -> Project | None:
    """Read a project; None, reported, where a file of it is broken. OSError where one cannot be read."""
    folder = path if os.path.isdir(path) else os.path.dirname(path) or "."
    marker = os.path.join(folder, "nxc.json")
    if os.path.islink(marker):  # `nxc init` puts a link to nxc/nxc.json beside the project
        folder = os.path.dirname(os.path.join(folder, os.readlink(marker)))
        marker = os.path.join(folder, "nxc.json")
    composition, flavour, named = "", "", None
    if os.path.exists(marker):
        settings = _json(marker, log)
        if settings is None:
            return None
        composition, flavour, named = _nxc(*settings, draft)
    flake = _Flake(folder, draft)
    lock = None
    if os.path.exists(os.path.join(folder, "flake.lock")):
        found = _json(os.path.join(folder, "flake.lock"), log)
        if found is None:
            return None
        lock = _lock(*found, log)
        if lock is None:
            return None
    # What a file names is meant, and nothing else.
    names = (
        (flake.composition or composition,)
        if flake.composition or composition
        else ("composition.nix", "compositions.nix")
    )
    for name in names:
        file = os.path.normpath(os.path.join(folder, name))
        if os.path.exists(file) and not os.path.isdir(file):
            return Project(folder, file, flavour, flake.inputs(lock), lock, flake.imports(), flake.overlays())
    wanted = os.path.normpath(os.path.join(folder, names[0]))
    log.add("NX0501", flake.named or named, what="composition", path=wanted)
    return None


def _json(path: str, log: Log) -> tuple[Source, dict[str, Any]] | None:
    """A file that holds a JSON object; None, reported, for anything else."""
    import json

    source = data_file(path, "JSON", log)
    if source is None:
        return None
    try:
        content = json.loads(source.text)
        if isinstance(content, dict):
            return source, content
        at, reason = 0, "it is no object"
    except json.JSONDecodeError as error:
        at, reason = min(error.pos, max(0, len(source.text) - 1)), error.msg[:1].lower() + error.msg[1:]
    except RecursionError:
        at, reason = 0, "it is nested too deep"
    log.add("NX1003", Span(source, at, at + 1), path=source.name, form="JSON", reason=reason)
    return None


def _lock(source: Source, content: dict[str, Any], log: Log) -> dict[str, Any] | None:
    from nxcc.lock import LockError, parse_lock

    try:
        return parse_lock(source.text)
    except LockError as error:
        log.add("NX1003", Span(source, 0, 1), path=source.name, form="flake.lock", reason=str(error))
        return None


def _nxc(source: Source, content: Mapping[str, Any], draft: Draft) -> tuple[str, str, Span | None]:
    """The composition and the default flavour that nxc.json names, and where it names the composition."""
    found = {"composition": "", "default_flavour": ""}
    named = None
    for key, value in content.items():
        at = source.text.find(f'"{key}"')
        span = Span(source, max(0, at), max(0, at) + len(key) + 2)
        if key in found and isinstance(value, str | None):
            found[key] = value or ""
            named = span if key == "composition" and value else named
            if key == "default_flavour" and value and not _flavour(value):
                draft.left(f"the flavour `{value}`", span, "nxcc has no such flavour")
        elif key not in ("platform", "flake"):  # where it is run, and that flake.nix is there: both are seen
            reason = "it is no text" if key in found else "NixOS Compose knows no such key here"
            draft.left(f"`{key}`", span, reason)
    return found["composition"], found["default_flavour"], named


def _flavour(name: str) -> bool:
    """Whether nxcc knows a flavour."""
    from nxcc.flavours import find

    return find(name) is not None


class _Flake:
    """flake.nix, as far as its text tells."""

    def __init__(self, folder: str, draft: Draft) -> None:
        self.draft = draft
        self.folder = folder
        path = os.path.join(folder, "flake.nix")
        self.source = load(path, os.path.normpath(path)) if os.path.exists(path) else Source(os.path.normpath(path), "")
        self.tokens = tokens(self.source.text)
        self.texts: dict[tuple[str, ...], tuple[str, Span]] = {}
        self._declared()
        self.named: Span | None = None
        self.composition = ""
        for word in ("compositions", "composition"):
            value = self._value(word)
            if value and len(value) == 1 and value[0].kind == "path":
                self.composition = value[0].text
                self.named = self._span(value)
                break

    def _declared(self) -> None:
        """Note the texts in ``inputs``."""
        try:
            found = members(result(self.tokens, {}))
        except Computed:
            if self.source.text.strip():
                self.draft.left("what flake.nix has as inputs", Span(self.source, 0, 1), "its text is no set")
            return
        for one in flattened(found):
            if (
                one.path[0] == "inputs"
                and None not in one.path
                and len(one.value) == 1
                and one.value[0].kind == "string"
            ):
                try:
                    text = text_of(one.value[0])
                except Computed:
                    continue
                self.texts[tuple(map(str, one.path[1:]))] = text, Span(self.source, one.start, one.end)

    def _value(self, word: str) -> tuple[Token, ...]:
        """What the first definition of a name, anywhere in the file, gives it."""
        for at, token in enumerate(self.tokens[:-1]):
            if token.text == word and self.tokens[at + 1].kind == "=" and self.tokens[at - 1].kind != ".":
                behind = self.tokens[at + 2 :]
                end = next((i for i, one in enumerate(behind) if one.kind == ";" and one.depth == token.depth), 0)
                return behind[:end]
        return ()

    def _span(self, found: Sequence[Token]) -> Span:
        return Span(self.source, found[0].start, found[-1].end)

    def inputs(self, lock: Mapping[str, Any] | None) -> dict[str, Input]:
        """The inputs, NixOS Compose itself aside, which nothing needs any more."""
        nodes = lock["nodes"] if lock else {}
        root = nodes[lock["root"]].get("inputs", {}) if lock else {}
        names = dict.fromkeys((*(path[0] for path in self.texts if len(path) > 1), *root))
        places = self._repositories()
        found = {}
        for name in names:
            text, span = self.texts.get((name, "url"), ("", None))
            node = nodes.get(root.get(name)) if isinstance(root.get(name), str) else None
            reference = text or (_reference(node) if isinstance(node, dict) else "")
            span = span or Span(self.source, 0, 1)
            if name == "nxc" or reference.rstrip("/").removesuffix(".git").endswith("/nixos-compose"):
                continue
            if name == "NUR" and places:
                why = f"repositories of it are inputs `as nur.repos.NAME`; here {', '.join(places)}"
                self.draft.left(f"the input `{name}`", span, why)
                continue
            if not reference:
                self.draft.left(f"the input `{name}`", span, "its reference is not to be read")
                continue
            follows = [
                path[2]
                for path, (target, _) in self.texts.items()
                if path[0] == name and path[1:2] == ("inputs",) and path[3:] == ("follows",) and target == path[2]
            ]
            if isinstance(node, dict):
                own = node.get("inputs", {})
                follows += [one for one, target in own.items() if target == [one] and one not in follows]
            place = f"nur.repos.{name}" if name in places else ""
            found[name] = Input(self._local(reference), tuple(follows), place, span)
        known = {"nixpkgs", *found}
        return {
            name: one._replace(follows=tuple(other for other in one.follows if other in known))
            for name, one in found.items()
        }

    def _local(self, reference: str) -> str:
        """A reference relative to the flake as an absolute path."""
        path = reference.removeprefix("path:")
        return (
            os.path.abspath(os.path.join(self.folder, path))
            if path.startswith(("./", "../")) or path == "."
            else reference
        )

    def _repositories(self) -> tuple[str, ...]:
        """The inputs in ``repoOverrides``, by names of their own."""
        try:
            found = members(self._value("repoOverrides"))
        except Computed:
            return ()
        names = [
            one.path[0] for one in found if len(one.path) == 1 and (not one.value or one.value[0].text == one.path[0])
        ]
        return tuple(name for name in names if name)

    def imports(self) -> tuple[tuple[str, Span], ...]:
        """The modules of inputs in ``extraConfigurations``."""
        return self._selections("extraConfigurations", ("nixosModules", "nixosModule"))

    def overlays(self) -> tuple[tuple[str, Span], ...]:
        """The overlays of inputs in ``overlays``."""
        return self._selections("overlays", ("overlays", "overlay"))

    def _selections(self, word: str, kinds: tuple[str, ...]) -> tuple[tuple[str, Span], ...]:
        """The elements of a list that are attributes of inputs; the others are left."""
        found = []
        value = self._value(word)
        if not value or value[0].kind != "[":
            if value:
                self.draft.left(f"`{word}`", self._span(value), "it is computed by Nix")
            return ()
        for element in _elements(value):
            names = selection(element)
            span = self._span(element)
            if len(names) > 1 and names[1] in kinds:
                found.append((".".join(names), span))
            else:
                self.draft.left(f"an element of `{word}`", span, "it is no plain attribute of an input")
        return tuple(found)


def _elements(value: Sequence[Token]) -> list[tuple[Token, ...]]:
    """The elements of a list: what blanks part at its own depth, and dots do not."""
    depth = value[0].depth + 1
    found: list[list[Token]] = []
    previous = ""
    for token in value[1:-1]:
        begins = token.depth == depth and token.kind not in (")", "}", "]", ".") and previous != "."
        if begins or not found:
            found.append([])
        found[-1].append(token)
        previous = token.kind
    return list(map(tuple, found))


def _reference(node: Mapping[str, Any]) -> str:
    """What a node of a lock was asked for as, or is locked to where that was by a name of a registry."""
    asked = node.get("original", {})
    if asked.get("type") == "indirect":
        asked = node.get("locked", {})
    kind, at = asked.get("type"), asked.get("ref") or asked.get("rev")
    if kind in ("github", "gitlab", "sourcehut"):
        return f"{kind}:{asked.get('owner')}/{asked.get('repo')}" + (f"/{at}" if at else "")
    if kind == "git":
        query = "&".join(f"{name}={asked[name]}" for name in ("ref", "rev", "dir") if name in asked)
        return f"git+{asked.get('url')}" + (f"?{query}" if query else "")
    if kind == "path":
        return f"path:{asked.get('path')}"
    if kind in ("tarball", "file"):
        return str(asked.get("url", ""))
    return ""
