"""Puts a bundle together: what all flavours share, and each flavour's own files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from nxcc import __version__
from nxcc.bundle import File
from nxcc.diagnostics.core import Span
from nxcc.emit.composition import composition
from nxcc.emit.description import description, plain_data
from nxcc.emit.flake import default, flake, inputs_of, inside
from nxcc.emit.readme import readme
from nxcc.emit.shell import word
from nxcc.emit.testscripts import test_files
from nxcc.resources import resource
from nxcc.sources import collect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nxcc.diagnostics.core import Log
    from nxcc.flavours.base import Flavour
    from nxcc.model.environment import Environment


def assemble(
    environment: Environment, flavours: Sequence[Flavour], path: str, directory: str | None, log: Log
) -> tuple[tuple[File, ...], dict[str, object]]:
    """The files of the bundle, in order, and the facts for its manifest.

    ``path`` is the source, ``directory`` where the bundle will lie. What is wrong with the user's files is in the log.
    """
    secrets = [secret.file for secret in environment.secrets if secret.file]
    sources = collect(environment.files, environment.folder, secrets, log)
    lock = _lock(environment, path, log)
    if log.failed:
        return (), {}
    planned = tuple(flavour.name for flavour in flavours)
    placed = _placed(environment, directory)
    texts = [
        ("composition.nix", composition(environment, sources.locate)),
        ("environment.json", description(environment)),
        ("flake.nix", flake(environment, lock, planned, sources.locate)),
        ("default.nix", default(environment, lock, planned, sources.locate)),
        ("README.md", readme(environment, flavours, locked=lock is not None, sources=bool(sources.files))),
    ]
    if lock is not None:
        from nxcc.lock import write_text

        texts.insert(3, ("flake.lock", write_text(lock)))
    files = [File(name, text.encode("utf-8")) for name, text in texts]
    files += _library()
    files += test_files(environment, sources.locate)
    files += sources.files
    for flavour in flavours:
        files += flavour.plan(placed)
    facts: dict[str, object] = {
        "nxcc": __version__,
        "environment": environment.name,
        "setup": environment.setup,
        "params": {parameter.name: plain_data(parameter.value) for parameter in environment.parameters},
        "flavours": list(planned),
        "inputs": _locked_inputs(environment, lock, inside(environment, sources.locate)),
    }
    return tuple(files), facts


def _placed(environment: Environment, directory: str | None) -> Environment:
    """The environment with the files of secrets as ``run`` finds them: relative to the bundle, unless fixed."""
    name = f"{environment.name}@{environment.setup}" if environment.setup else environment.name
    bundle = os.path.abspath(directory if directory is not None else os.path.join("build", name))
    secrets = (
        secret._replace(file=os.path.relpath(secret.file, bundle)) if secret.file and not secret.fixed else secret
        for secret in environment.secrets
    )
    return environment._replace(secrets=tuple(secrets))


def _library() -> list[File]:
    """The Nix library, as it is."""
    root = resource("nix")
    found = []
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found.append(File("nix/" + os.path.relpath(path, root).replace(os.sep, "/"), file.read()))
    return found


def _lock(environment: Environment, path: str, log: Log) -> dict[str, Any] | None:
    """The part of env.lock that this compile needs; None, with a note, where there is no lock.

    A lock that does not fit is reported, and not used.
    """
    from nxcc.lock import LockError, asked_for, lock_name, lock_path, read_lock, select

    wanted = inputs_of(environment)
    remote = {name: reference for name, reference in wanted.references.items() if not reference.startswith("path:")}
    span = environment.nixpkgs.span or Span(environment.sources[0], 0, 0)
    file, typed = lock_path(path), word(path)
    if not os.path.exists(file):
        if remote:
            log.add("NX0802", span, help=f"`nxcc lock {typed}` fixes them, so that everybody builds the same")
        return None
    try:
        lock = read_lock(file)
        root = lock["nodes"][lock["root"]].get("inputs", {})
        chosen: dict[str, str] = {}
        for name, reference in remote.items():
            own = lock_name(name, environment.setup) if environment.setup else name
            theirs = own if own in root else name
            if theirs not in root or not asked_for(lock, theirs, reference):
                place = next((one.span for one in environment.inputs if one.name == name), span)
                log.add("NX0803", place, name=name, help=f"`nxcc lock {typed}` brings it up to date")
                return None
            chosen[name] = theirs
        return select(lock, chosen, {name: found for name, found in wanted.follows.items() if name in chosen})
    except LockError as error:
        log.add("NX0804", span, reason=str(error))
    except (KeyError, TypeError, AttributeError):
        log.add(
            "NX0804", span, reason=f"{os.path.basename(file)} is damaged", help=f"`nxcc lock {typed}` makes it anew"
        )
    return None


def _locked_inputs(
    environment: Environment, lock: Mapping[str, Any] | None, own: Mapping[str, str]
) -> dict[str, object]:
    """Each input's reference, and what it is locked to; ``own`` has the place of those that the bundle contains."""
    found: dict[str, object] = {}
    for name, reference in inputs_of(environment).references.items():
        entry: dict[str, object] = {"reference": f"path:{own[name]}" if name in own else reference}
        if lock is not None:
            node = lock["nodes"][lock["root"]].get("inputs", {}).get(name)
            if isinstance(node, str):
                entry["locked"] = lock["nodes"][node].get("locked", {})
        found[name] = entry
    return found
