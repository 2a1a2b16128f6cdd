"""All or nothing: stages files inside a folder, writes a journal, then renames them into place.

Killed before the journal stands, nothing has changed; killed after it, ``finish`` does the rest, as often as needed:
every step may be repeated. Only renames within one folder tree are used, no hard links, so it works on NFS. Paths are
relative to the bundle, with ``/``, and reach the disk as UTF-8 whatever the locale.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nxcc.bundle_lock import BundleError
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nxcc.bundle_lock import FolderLock

JOURNAL = ".nxcc-journal"
STAGE = ".nxcc-stage"
FORMAT = 1


class WriteError(BundleError):
    """The system refused to read or write ``path``, for ``reason``; what was there before is intact.

    Unless the journal still stands, that is: then the next command goes on where this one failed.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class NotABundle(BundleError):
    """The folder's manifest or journal is damaged, someone else's, or from a newer nxcc."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Step(NamedTuple):
    """One change: ``kind`` is mkdir, rename (of the staged file ``staged`` to ``path``), unlink or rmdir."""

    kind: str
    path: str
    staged: str = ""


def check_path(path: str) -> None:
    """Raise ValueError unless ``path`` is relative, plain, and names something below its folder."""
    if any(char in path for char in "\\\0\n") or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError(f"not a path of a bundle: {path!r}")
    path.encode()  # a lone surrogate has no bytes
    if path.partition("/")[0] in (JOURNAL, STAGE) or path.startswith(".nxcc-"):
        raise ValueError(f"a name that nxcc keeps for itself: {path!r}")


def place(root: bytes, path: str) -> bytes:
    """Where a path of the bundle lies on disk."""
    return root + b"/" + path.encode()


def ancestors(path: str) -> list[str]:
    """The folders above a path, the outermost first: ``a``, ``a/b`` for ``a/b/c``."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def is_folder(path: bytes) -> bool:
    """Whether a folder stands there, and no link to one."""
    import stat

    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def stage(root: bytes, files: Sequence[tuple[str, bytes, bool]], lock: FolderLock) -> None:
    """Write the contents of ``(path, content, executable)`` to the stage as ``0``, ``1`` …, safe from a power cut.

    Written first and flushed after: so one flush carries many files, several times faster on a disk.
    """
    os.mkdir(place(root, STAGE), 0o755)
    for flushing in (False, True):
        for number, (path, content, executable) in enumerate(files):
            lock.renew()
            try:
                if flushing:
                    _flush(_staged(root, str(number)))
                else:
                    _create(_staged(root, str(number)), content, executable)
            except OSError as error:
                error.filename = place(root, path)  # what the user knows it by
                raise
    _flush_folder(place(root, STAGE))


def commit(root: bytes, steps: Sequence[Step], undoable: int, lock: FolderLock) -> None:
    """Write the journal and do ``steps``.

    An OSError among the first ``undoable`` steps (new folders, renames to names that were free), or at the one after
    them, is undone before it is raised; a later one leaves the journal for ``finish``.
    """
    import json

    journal = json.dumps({"nxcc_journal": FORMAT, "steps": steps}, ensure_ascii=False).encode()
    draft = _staged(root, "journal")
    _create(draft, journal, False)
    _flush(draft)
    os.rename(draft, place(root, JOURNAL))
    done = 0
    try:
        _flush_folder(root)
        for step in steps:
            lock.renew()
            _do(root, step, again=False)
            done += 1
    except OSError:
        if done <= undoable:
            for step in reversed(steps[:done]):
                if step.kind == "mkdir":
                    os.rmdir(place(root, step.path))
                else:
                    os.rename(place(root, step.path), _staged(root, step.staged))
            os.unlink(place(root, JOURNAL))
        raise
    _close(root, steps)


def finish(root: bytes, lock: FolderLock) -> bool:
    """Finish what a killed compile left: True if a journal stood there; a stage without one is removed.

    Raises NotABundle for a journal that nxcc cannot have written.
    """
    steps = _read(root)
    for step in steps or ():
        lock.renew()
        _do(root, step, again=True)
    if steps is None:
        clear(root)
    else:
        _close(root, steps)
    return steps is not None


def clear(root: bytes) -> None:
    """Remove the stage, if there is one."""
    folder = place(root, STAGE)
    if is_folder(folder):
        for name in os.listdir(folder):
            os.unlink(folder + b"/" + name)
        os.rmdir(folder)
    elif os.path.lexists(folder):
        os.unlink(folder)


def left_behind(root: bytes) -> bool:
    """Whether a journal or a stage is there: a compile is running, or was killed."""
    return any(os.path.lexists(place(root, name)) for name in (JOURNAL, STAGE))


def _do(root: bytes, step: Step, again: bool) -> None:
    """Do a step; ``again``: it may be done already, wholly or in part, and that is fine."""
    import errno

    path = place(root, step.path)
    in_place = all(is_folder(place(root, folder)) for folder in ancestors(step.path))
    if step.kind in ("unlink", "rmdir"):
        # Never through a link that someone put there since: what lies behind it is not the bundle's.
        if in_place and step.kind == "unlink" and not is_folder(path):
            if os.path.lexists(path):
                os.unlink(path)
        elif in_place and step.kind == "rmdir" and is_folder(path):
            try:
                os.rmdir(path)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
        return
    staged = _staged(root, step.staged)
    if again and (is_folder(path) if step.kind == "mkdir" else not os.path.lexists(staged)):
        return
    if not in_place:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    if step.kind == "mkdir":
        os.mkdir(path, 0o755)
    else:
        os.rename(staged, path)


def _close(root: bytes, steps: Sequence[Step]) -> None:
    """Make the steps last, then take the journal away: from here on the bundle is the new one."""
    for folder in sorted({place(root, step.path).rpartition(b"/")[0] for step in steps} | {root}):
        if is_folder(folder):
            _flush_folder(folder)
    os.unlink(place(root, JOURNAL))
    clear(root)


def _read(root: bytes) -> list[Step] | None:
    import json

    path = place(root, JOURNAL)
    if not os.path.lexists(path):
        return None
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            data = json.loads(file.read())
        version = int(data["nxcc_journal"])
        if version != FORMAT:
            raise NotABundle(f"another version of nxcc was interrupted here ({JOURNAL} has format {version})")
        steps = [Step(*map(_text, step)) for step in data["steps"]]
        for step in steps:
            check_path(step.path)
            if step.kind not in ("mkdir", "rename", "unlink", "rmdir"):
                raise ValueError(step.kind)
            if step.kind == "rename" and not (step.staged.isascii() and step.staged.isdigit()):
                raise ValueError(step.staged)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise NotABundle(f"{JOURNAL}, which an interrupted compile left, is damaged") from None
    return steps


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _staged(root: bytes, name: str) -> bytes:
    return place(root, STAGE) + b"/" + name.encode()


def _create(path: bytes, content: bytes, executable: bool) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755 if executable else 0o644)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(fd, rest) :]
    finally:
        os.close(fd)


def _flush(path: bytes) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _flush_folder(path: bytes) -> None:
    import errno

    try:
        _flush(path)
    except OSError as error:  # FUSE and old NFS servers know no such thing
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF):
            raise
