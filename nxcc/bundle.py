"""A bundle: ordered files with modes, and the one place that writes to disk.

``write`` brings a folder from whatever it holds to a bundle, all or nothing: ``bundle_plan`` decides what
changes, ``bundle_journal`` does it, ``bundle_lock`` keeps a second compile out meanwhile.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from nxcc import bundle_journal as journal
from nxcc.bundle_journal import JOURNAL, NotABundle, WriteError, ancestors, check_path, is_folder, place
from nxcc.bundle_lock import BundleError, Busy, FolderLock
from nxcc.bundle_plan import MANIFEST, HandEdited, check_folders, compare, steps_of
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "JOURNAL",
    "MANIFEST",
    "Bundle",
    "BundleError",
    "Busy",
    "File",
    "HandEdited",
    "NotABundle",
    "WriteError",
    "Written",
    "manifest",
    "recover",
    "write",
]

FORMAT = 1  # of the manifest, in its key bundle_format


class File(NamedTuple):
    """A file of a bundle: ``path`` relative to it with ``/``, ``content`` in bytes."""

    path: str
    content: bytes
    executable: bool = False


class Written(NamedTuple):
    """What ``write`` did, as paths of the bundle: the first two and the fourth in its order, the others sorted.

    ``kept`` are the hand-edited ones that stayed as they are; manifest.json is counted nowhere.
    """

    created: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    kept: tuple[str, ...]


class Bundle:
    """Files in the order in which they were added, each path once."""

    def __init__(self, files: Iterable[File] = ()) -> None:
        self._files: dict[str, File] = {}
        self._folders: set[str] = set()
        self.extend(files)

    def add(self, path: str, content: str | bytes, executable: bool = False) -> None:
        """Add a file; text is encoded as UTF-8.

        Raises ValueError for a path that is absolute, leaves the bundle (``..``), has an empty part, a backslash,
        NUL or newline, is there already, is a folder of another or has another as its folder, or is nxcc's own.
        """
        check_path(path)
        if path == MANIFEST:
            raise ValueError(f"{MANIFEST} is written by nxcc.bundle itself")
        above = ancestors(path)
        if path in self._files or path in self._folders or any(folder in self._files for folder in above):
            raise ValueError(f"twice in the bundle, or both file and folder: {path!r}")
        self._folders.update(above)
        self._files[path] = File(path, content.encode() if isinstance(content, str) else content, executable)

    def extend(self, files: Iterable[File]) -> None:
        """Add files, as ``add`` does."""
        for file in files:
            self.add(*file)

    @property
    def files(self) -> tuple[File, ...]:
        """The files in order."""
        return tuple(self._files.values())

    def digest(self) -> str:
        """SHA-256 over names, modes and contents, whatever the order in which they were added."""
        from hashlib import sha256

        total = sha256()
        for path, content, executable in sorted(self._files.values()):
            name = path.encode()
            total.update(b"%d:%s %d %d:" % (len(name), name, executable, len(content)))
            total.update(content)
        return total.hexdigest()


def write(
    bundle: Bundle,
    directory: str,
    *,
    facts: Mapping[str, object],
    force: bool = False,
    keep: bool = False,
) -> Written:
    """Bring ``directory`` to ``bundle``, and write manifest.json: ``facts`` (JSON values) and every file's hash.

    Files that are the same already are not touched, files of the last manifest that are no longer in the bundle go,
    files that no manifest lists stay. An interrupted compile is finished first.

    Raises HandEdited where a file of the last manifest was edited or a file of the user's is in the way; ``force``
    overwrites those, ``keep`` leaves them as they are. The manifest has the hash of what nxcc would have written, so
    a kept file is refused, or kept, again next time. Raises Busy, NotABundle and WriteError.
    """
    if force and keep:
        raise ValueError("force and keep exclude each other")
    with _root(directory) as root, contextlib.ExitStack() as undo:
        _make_folder(root, undo)
        with FolderLock(root, directory) as lock:
            journal.finish(root, lock)
            old = _read_manifest(root) or {"files": {}}
            listed = {path: (entry["sha256"], entry["executable"]) for path, entry in old["files"].items()}
            entries = {file.path: (_sha256(file.content), file.executable) for file in bundle.files}
            plan = compare(root, listed, entries, force, keep)
            contents = {file.path: file for file in bundle.files}
            steps, staged, undoable = steps_of(root, plan, contents, _manifest_text(facts, entries))
            if steps:
                check_folders(root, steps)
                try:
                    journal.stage(root, staged, lock)
                    journal.commit(root, steps, undoable, lock)
                except BaseException:
                    # What failed comes before the journal, or was undone: else the stage is needed to go on.
                    if not os.path.lexists(place(root, JOURNAL)):
                        with contextlib.suppress(OSError):
                            journal.clear(root)
                    raise
        undo.pop_all()
        return Written(*plan[:5])


def recover(directory: str) -> bool:
    """Finish what a killed compile left in ``directory``: True if it had to be finished; a mere stage is removed.

    Raises Busy while a compile is running there, NotABundle for a damaged journal, WriteError.
    """
    with _root(directory) as root:
        if not journal.left_behind(root):
            return False
        with FolderLock(root, directory) as lock:
            return journal.finish(root, lock)


def manifest(directory: str) -> dict[str, Any] | None:
    """The manifest of the bundle in ``directory``; None where there is none.

    Its ``files`` map a path to ``{"executable": bool, "sha256": hex}``; the other keys are the ``facts`` given to
    ``write``, and ``bundle_format``. Raises NotABundle for one that is damaged, not nxcc's or of a newer format.
    """
    with _root(directory) as root:
        return _read_manifest(root)


def _read_manifest(root: bytes) -> dict[str, Any] | None:
    import json
    import stat

    path = place(root, MANIFEST)
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(mode):
        raise NotABundle(f"{MANIFEST} is not a regular file")
    with open(path, "rb") as file:
        content = file.read()
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise NotABundle(f"{MANIFEST} is damaged: it is not JSON") from None
    if not isinstance(data, dict) or not isinstance(data.get("bundle_format"), int):
        raise NotABundle(f"{MANIFEST} is not one that nxcc wrote")
    if data["bundle_format"] > FORMAT:
        raise NotABundle(f"{MANIFEST} is from a newer nxcc (format {data['bundle_format']}, known is {FORMAT})")
    try:
        for name, entry in data["files"].items():
            check_path(name)
            if not isinstance(entry["sha256"], str) or not isinstance(entry["executable"], bool):
                raise TypeError
    except (ValueError, TypeError, KeyError, AttributeError):
        raise NotABundle(f"{MANIFEST} is damaged: its list of files is not one") from None
    return data


def _manifest_text(facts: Mapping[str, object], entries: dict[str, tuple[str, bool]]) -> bytes:
    import json

    if "files" in facts or "bundle_format" in facts:
        raise ValueError("files and bundle_format are the manifest's own keys")
    files = {path: {"executable": executable, "sha256": sha256} for path, (sha256, executable) in entries.items()}
    data = {**facts, "bundle_format": FORMAT, "files": files}
    return (json.dumps(data, ensure_ascii=False, allow_nan=False, indent=2, sort_keys=True) + "\n").encode()


def _sha256(content: bytes) -> str:
    from hashlib import sha256

    return sha256(content).hexdigest()


def _make_folder(root: bytes, undo: contextlib.ExitStack) -> None:
    missing = root
    wanted = []
    while not os.path.lexists(missing):
        wanted.append(missing)
        missing = os.path.dirname(missing)
    for folder in reversed(wanted):
        with contextlib.suppress(FileExistsError):  # another compile was faster
            os.mkdir(folder, 0o755)
            undo.callback(_remove_empty, folder)
    if not is_folder(root):
        raise WriteError(os.fsdecode(root), "this is not a folder")


def _remove_empty(folder: bytes) -> None:
    with contextlib.suppress(OSError):
        os.rmdir(folder)


@contextlib.contextmanager
def _root(directory: str) -> Iterator[bytes]:
    """The folder's real path, so that a link to it stays one; an OSError becomes a WriteError with the user's path."""
    root = os.path.realpath(os.fsencode(directory))

    def known(path: bytes) -> str:
        return (
            os.path.join(directory, os.fsdecode(path[len(root) + 1 :])) if path.startswith(root + b"/") else directory
        )

    try:
        yield root
    except WriteError as error:
        raise WriteError(known(os.fsencode(error.path)), error.reason) from None
    except OSError as error:
        at = error.filename2 or error.filename
        path = known(os.fsencode(at)) if isinstance(at, (bytes, str)) else directory
        raise WriteError(path, error.strerror or str(error)) from None
