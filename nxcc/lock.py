"""Locks of an environment's inputs: ``env.lock``, in the format of Nix's flake.lock, version 7.

Nix makes them; what is here calls it, reads them and takes out of one what a bundle needs. Format: the Nix manual,
"nix flake", section "Lock files".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias

from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Lock: TypeAlias = "Mapping[str, Any]"
"""A parsed lock file."""

_FEATURES = ("--extra-experimental-features", "nix-command flakes")


class LockError(Exception):
    """A lock that cannot be made or read; the message is for the user, one line, or a few of Nix's."""


class LockedSource(NamedTuple):
    """Where a locked input comes from: ``kind`` is tarball, git or path; ``hash`` the SRI hash of the unpacked tree."""

    kind: str
    url: str
    hash: str
    revision: str


def lock_path(source: str) -> str:
    """Where the lock of a source lies: ``env.lock`` beside ``env.nxc``; for -, in the current folder."""
    return "env.lock" if source == "-" else f"{os.path.splitext(source)[0]}.lock"


def lock_name(name: str, setup: str) -> str:
    """The name in a lock of an input that a setup replaces or adds; no name of the language contains ``--``."""
    return f"{setup}--{name}" if setup else name


def make_lock(
    inputs: Mapping[str, str], follows: Mapping[str, tuple[str, ...]] | None = None, *, previous: str = ""
) -> str:
    """The lock of inputs, by name to flake reference, as JSON text.

    ``follows`` names for an input those of its own inputs that are to be ours of the same name. What ``previous``, an
    older lock, has for an unchanged reference stays. Inputs that turn out to be no flakes are locked as plain sources.
    Raises LockError where Nix is missing or fails.
    """
    from shutil import which
    from tempfile import TemporaryDirectory

    nix = which("nix")
    if nix is None:
        raise LockError("locking inputs needs Nix: there is no program nix on the PATH")
    follows = follows or {}
    plain = _known_plain(previous, inputs)
    with TemporaryDirectory(prefix="nxcc-lock-") as folder:
        text, problem = _run(nix, folder, inputs, follows, plain, previous)
        # Nix does not say which input is no flake: each alone does. And one that was none may have another reference.
        doubtful = [name for name in inputs if name not in plain] if _no_flake(problem) else []
        if not problem:
            doubtful = [name for name in plain if _original(text, name) != _original(previous, name)]
        if doubtful:
            for name in doubtful:
                found = _run(nix, folder, {name: inputs[name]}, {}, frozenset(), "")[1]
                plain = plain | {name} if _no_flake(found) else plain - {name}
            text, problem = _run(nix, folder, inputs, follows, plain, previous)
    if problem:
        raise LockError(_shortened(problem))
    return text


def _run(
    nix: str,
    folder: str,
    inputs: Mapping[str, str],
    follows: Mapping[str, tuple[str, ...]],
    plain: frozenset[str],
    previous: str,
) -> tuple[str, str]:
    """The lock that Nix writes for a flake of these inputs, and what it complains about ("" if nothing)."""
    import subprocess

    from nxcc.emit.nix import AttrSet, Binding, Lambda, document

    flake = AttrSet(
        (
            Binding(("inputs",), AttrSet(input_bindings(inputs, follows, plain))),
            Binding(("outputs",), Lambda("_", AttrSet(()))),
        )
    )
    lock = os.path.join(folder, "flake.lock")
    _write(os.path.join(folder, "flake.nix"), document(flake))
    if previous:
        _write(lock, previous)
    elif os.path.exists(lock):
        os.unlink(lock)
    done = subprocess.run(
        [nix, *_FEATURES, "flake", "lock", f"path:{folder}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C"},
        check=False,
    )
    if done.returncode != 0:
        return "", done.stderr or f"nix exited with {done.returncode}"
    if not os.path.exists(lock):  # Nix writes none where there are no inputs
        return '{\n  "nodes": {\n    "root": {}\n  },\n  "root": "root",\n  "version": 7\n}\n', ""
    with open(lock, encoding="utf-8") as file:
        return file.read(), ""


def input_bindings(
    inputs: Mapping[str, str], follows: Mapping[str, tuple[str, ...]], plain: Iterable[str]
) -> tuple[Any, ...]:
    """The bindings of a flake's ``inputs`` set; those in ``plain`` are sources that are no flakes."""
    from nxcc.emit.nix import AttrSet, Binding

    plain = frozenset(plain)
    bindings = []
    for name, reference in inputs.items():
        inner = [Binding(("url",), reference)]
        if name in plain:
            inner.append(Binding(("flake",), False))
        else:
            inner += [Binding(("inputs", other, "follows"), other) for other in follows.get(name, ())]
        if len(inner) == 1:
            bindings.append(Binding((name, "url"), reference))
        else:
            bindings.append(Binding((name,), AttrSet(tuple(inner))))
    return tuple(bindings)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _no_flake(problem: str) -> bool:
    """Whether Nix complains about a source without a flake.nix: in 2.8 by the first words, later by the second."""
    return "flake.nix'" in problem and ("getting status of" in problem or "does not contain a" in problem)


def _original(text: str, name: str) -> object:
    """What an input of a lock was asked for as."""
    lock = parse_lock(text)
    return lock["nodes"][_node(lock, name)].get("original")


def asked_for(lock: Lock, name: str, reference: str) -> bool:
    """Whether an input of a lock was locked for this reference; true where its form does not tell."""
    original = lock["nodes"][_node(lock, name)].get("original", {})
    scheme, _, rest = reference.partition(":")
    path, _, query = rest.partition("?")
    if scheme in ("github", "gitlab", "sourcehut"):
        owner, repo, at = (*path.split("/", 2), "", "")[:3]
        if original.get("type") != scheme or (original.get("owner"), original.get("repo")) != (owner, repo):
            return False
        return not at or at in (original.get("ref"), original.get("rev"))
    if scheme.startswith("git+"):
        url = reference.removeprefix("git+").partition("?")[0]
        return bool(
            original.get("url") == url
            and all(part.partition("=")[2] in original.values() for part in query.split("&") if part)
        )
    if scheme in ("http", "https", "tarball+https", "tarball+http"):
        return bool(original.get("url") == reference.removeprefix("tarball+"))
    return True


def _known_plain(previous: str, inputs: Mapping[str, str]) -> frozenset[str]:
    if not previous:
        return frozenset()
    return frozenset(name for name in plain_inputs(parse_lock(previous)) if name in inputs)


def _shortened(problem: str) -> str:
    """Nix's own words without its warnings, retries and hints: at most four lines."""
    kept = []
    for line in problem.splitlines():
        line = line.strip()
        if line and not line.startswith(("warning:", "(use '--show-trace'", "… ", "at /", "|")) and set(line) != {"^"}:
            kept.append(line.removeprefix("error:").strip())
    lines = [line for line in kept if line][:4]
    return "Nix cannot lock the inputs: " + ("\n".join(lines) if lines else "it gave no reason")


def parse_lock(text: str) -> dict[str, Any]:
    """A lock file's content as data; LockError where it is none."""
    import json

    try:
        lock: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LockError(f"this is no lock file: {error}") from None
    nodes = lock.get("nodes") if isinstance(lock, dict) else None
    if not isinstance(nodes, dict) or not isinstance(nodes.get(lock.get("root")), dict):
        raise LockError("this is no lock file: it has no nodes with a root among them")
    if lock.get("version") not in (5, 6, 7):
        raise LockError(f"a lock file of version {lock.get('version')}: only 5, 6 and 7 are known")
    return lock


def read_lock(path: str) -> dict[str, Any]:
    """A lock file as data. LockError where it is none, OSError where it cannot be read."""
    from nxcc.model.paths import read_regular

    text = read_regular(path).decode("utf-8", "replace")
    try:
        return parse_lock(text)
    except LockError as error:
        raise LockError(f"{path}: {error}") from None


def _resolve(lock: Lock, target: str | list[str]) -> str:
    """The node that an input's value means: its name, or the path to it from the root ("follows")."""
    if isinstance(target, str):
        return target
    node: str = lock["root"]
    for step in target:
        node = _resolve(lock, lock["nodes"][node]["inputs"][step])
    return node


def _node(lock: Lock, name: str) -> str:
    """The node of one of the root's inputs; KeyError where the lock has none."""
    return _resolve(lock, [name])


def plain_inputs(lock: Lock) -> tuple[str, ...]:
    """The root's inputs that are no flakes."""
    names = lock["nodes"][lock["root"]].get("inputs", {})
    return tuple(name for name in names if lock["nodes"][_node(lock, name)].get("flake") is False)


def locked_source(lock: Lock, name: str) -> LockedSource:
    """Where an input comes from. KeyError where the lock does not have it, LockError for a kind that is not known."""
    locked = lock["nodes"][_node(lock, name)]["locked"]
    kind, narhash, revision = locked["type"], locked.get("narHash", ""), locked.get("rev", "")
    if kind == "github":
        host = locked.get("host", "github.com")
        url = f"https://{host}/{locked['owner']}/{locked['repo']}/archive/{revision}.tar.gz"
    elif kind == "gitlab":
        host = locked.get("host", "gitlab.com")
        project = f"{locked['owner']}%2F{locked['repo']}"
        url = f"https://{host}/api/v4/projects/{project}/repository/archive.tar.gz?sha={revision}"
    elif kind == "sourcehut":
        host = locked.get("host", "git.sr.ht")
        url = f"https://{host}/{locked['owner']}/{locked['repo']}/archive/{revision}.tar.gz"
    elif kind in ("tarball", "git"):
        return LockedSource(kind, locked["url"], narhash, revision)
    elif kind == "path":
        return LockedSource(kind, locked["path"], narhash, revision)
    else:
        raise LockError(f"input {name} is locked as {kind}, which nxcc does not know")
    return LockedSource("tarball", url, narhash, revision)


def select(
    lock: Lock, names: Mapping[str, str], follows: Mapping[str, tuple[str, ...]] | None = None
) -> dict[str, Any]:
    """The part of a lock that a bundle needs: ``names`` maps its inputs to those of the lock's root.

    Setups may bring inputs of their own: env.lock holds them all, a bundle those of its setup. ``follows`` is as in
    make_lock, by the bundle's names. KeyError where the lock misses an input.
    """
    nodes: Mapping[str, Any] = lock["nodes"]
    renamed = {theirs: ours for ours, theirs in names.items()}
    ours_instead = {_node(lock, names[name]): follows[name] for name in follows} if follows else {}
    kept: dict[str, Any] = {}

    def visit(name: str) -> None:
        if name in kept:
            return
        kept[name] = node = dict(nodes[name])
        if "inputs" in node:
            own = ours_instead.get(name, ())
            node["inputs"] = {key: [key] if key in own else target(value) for key, value in node["inputs"].items()}

    def target(value: str | list[str]) -> str | list[str]:
        # A path begins at the root, whose inputs may have other names now. One that begins at an input that is left
        # out becomes the node that it leads to.
        if not isinstance(value, str) and (not value or value[0] in renamed):
            return [renamed[value[0]], *value[1:]] if value else value
        node = _resolve(lock, value)
        visit(node)
        return node

    inputs = {ours: target(_node(lock, theirs)) for ours, theirs in sorted(names.items())}
    kept[lock["root"]] = {"inputs": inputs} if inputs else {}
    return {"nodes": dict(sorted(kept.items())), "root": lock["root"], "version": lock["version"]}


def write_text(lock: Lock) -> str:
    """A lock as Nix writes it: two blanks a level, keys sorted, a newline at the end."""
    import json

    return json.dumps(lock, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
