"""Decides what writing a bundle to a folder changes: compares what stands there with the last manifest and the bundle.

Reads, and writes nothing: ``bundle_journal`` does the steps that come out of here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

from nxcc.bundle_journal import Step, WriteError, ancestors, is_folder, place
from nxcc.bundle_lock import BundleError
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST = "manifest.json"

Entries = dict[str, tuple[str, bool]]
"""Path to SHA-256 in hex and whether it is executable."""


class HandEdited(BundleError):
    """``paths`` of the bundle are not as nxcc wrote them: edited since, or files of the user's in its way."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__(", ".join(paths))
        self.paths = paths


class Plan(NamedTuple):
    """What happens to each path: ``created``, ``changed`` and ``unchanged`` in the bundle's order, the others sorted.

    ``kept`` were edited and stay, ``late`` are those of ``created`` whose place ``removed`` and ``folders`` must clear
    first, ``folders`` go where they are empty.
    """

    created: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    kept: tuple[str, ...]
    late: frozenset[str]
    folders: frozenset[str]


class _Found(NamedTuple):
    """What stands at a path: ``kind`` is absent, file, folder, other (link, socket …) or blocked (below ``at``)."""

    kind: str
    at: str = ""
    sha256: str = ""
    executable: bool = False


def compare(root: bytes, old: Entries, new: Entries, force: bool, keep: bool) -> Plan:
    """Decide what happens to each path of the last manifest and of the new bundle.

    Raises HandEdited without ``force`` and ``keep``; WriteError where even ``force`` would have to remove the user's
    own files: a folder of theirs where a file should be.
    """
    no_bits = _no_executable_bits(root)

    def same(found: _Found, entry: tuple[str, bool]) -> bool:
        bits = found.executable == entry[1] or (found.executable and no_bits)
        return found.kind == "file" and found.sha256 == entry[0] and bits

    created, changed, unchanged, kept = [], [], [], []
    removed: set[str] = set()
    edited: set[str] = set()
    late: set[str] = set()
    folders: set[str] = set()
    for path, entry in old.items():
        if path in new:
            continue
        folders.update(ancestors(path))
        found = _look(root, path)
        if same(found, entry):
            removed.add(path)
        elif found.kind in ("file", "other"):
            edited.add(path)
            if force:
                removed.add(path)
            else:
                kept.append(path)
    folders -= {folder for path in new for folder in ancestors(path)}
    for path, entry in new.items():
        found = _look(root, path)
        if same(found, entry):
            unchanged.append(path)
        elif found.kind == "absent":
            created.append(path)
        elif found.kind == "blocked" and (force or found.at in removed):
            if found.at not in removed:
                edited.add(found.at)
                removed.add(found.at)
            created.append(path)
            late.add(path)
        elif found.kind == "folder" and (inside := _only_ours(root, path, removed)) is not None:
            folders.update(inside)
            created.append(path)
            late.add(path)
        elif found.kind == "folder" and force:
            raise WriteError(os.fsdecode(place(root, path)), "a folder with other files stands where a file should be")
        elif found.kind in ("file", "other") and (force or (path in old and same(found, old[path]))):
            changed.append(path)
        else:
            edited.add(found.at or path)
            kept.append(path)
    if edited and not force and not keep:
        raise HandEdited(tuple(sorted(edited)))
    return Plan(
        tuple(created),
        tuple(changed),
        tuple(sorted(removed)),
        tuple(unchanged),
        tuple(sorted(kept)),
        frozenset(late),
        frozenset(folders),
    )


def steps_of(
    root: bytes, plan: Plan, contents: Mapping[str, tuple[str, bytes, bool]], manifest: bytes
) -> tuple[list[Step], list[tuple[str, bytes, bool]], int]:
    """The steps in order, the files to stage, and how many of the steps can be undone.

    What may fail for want of space comes first, while it can be undone: new folders, then files under new names.
    The manifest comes last. No steps at all where it is the same already and nothing else changes.
    """
    staged: list[tuple[str, bytes, bool]] = []
    steps: list[Step] = []
    made: set[str] = set()

    def put(path: str, content: bytes, executable: bool) -> None:
        standing = True
        for folder in ancestors(path):
            # Below a link nothing stands that counts, whatever the link leads to.
            standing = standing and is_folder(place(root, folder))
            if not standing and folder not in made:
                made.add(folder)
                steps.append(Step("mkdir", folder))
        steps.append(Step("rename", path, str(len(staged))))
        staged.append((path, content, executable))

    for path in plan.created:
        if path not in plan.late:
            put(*contents[path])
    undoable = len(steps)
    for path in plan.changed:
        put(*contents[path])
    steps.extend(Step("unlink", path) for path in plan.removed)
    deepest_first = sorted(plan.folders, key=lambda path: (-path.count("/"), path))
    steps.extend(Step("rmdir", path) for path in deepest_first if is_folder(place(root, path)))
    for path in plan.created:
        if path in plan.late:
            put(*contents[path])
    if _content(place(root, MANIFEST)) != manifest:
        put(MANIFEST, manifest, False)
    return steps, staged, undoable


def check_folders(root: bytes, steps: list[Step]) -> None:
    """Refuse, before anything is written, what would fail half-way: folders that take no change. Raises WriteError."""
    device = os.stat(root).st_dev
    for folder in sorted({place(root, step.path).rpartition(b"/")[0] for step in steps}):
        if is_folder(folder):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise WriteError(os.fsdecode(folder), "this folder may not be written to")
            if os.stat(folder).st_dev != device:
                raise WriteError(os.fsdecode(folder), "this folder is on another file system than the bundle")


def _no_executable_bits(root: bytes) -> bool:
    """Whether the file system makes everything executable (vfat, a Windows drive under WSL): then the manifest is."""
    try:
        return bool(os.lstat(place(root, MANIFEST)).st_mode & 0o100)
    except FileNotFoundError:
        return False


def _look(root: bytes, path: str) -> _Found:
    import stat

    for folder in ancestors(path):
        above = place(root, folder)
        if not is_folder(above):
            return _Found("blocked", folder) if os.path.lexists(above) else _Found("absent")
    try:
        mode = os.lstat(place(root, path)).st_mode
    except FileNotFoundError:
        return _Found("absent")
    if not stat.S_ISREG(mode):
        return _Found("folder" if stat.S_ISDIR(mode) else "other")
    from hashlib import file_digest

    with open(place(root, path), "rb") as file:
        return _Found("file", "", file_digest(file, "sha256").hexdigest(), bool(mode & 0o100))


def _only_ours(root: bytes, path: str, removed: set[str]) -> list[str] | None:
    """The folder ``path`` and those below it; None where anything stands in them that will not be removed."""
    folders = []
    for folder, below, files in os.walk(place(root, path), onerror=_raise):
        name = folder[len(root) + 1 :].decode(errors="replace")
        folders.append(name)
        if any(os.path.islink(folder + b"/" + link) for link in below):
            return None
        if any(f"{name}/{file.decode(errors='replace')}" not in removed for file in files):
            return None
    return folders


def _raise(error: OSError) -> NoReturn:
    raise error


def _content(path: bytes) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
