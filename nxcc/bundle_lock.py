"""The lock on a bundle's folder: one compile writes to it at a time.

A POSIX record lock on a file in the folder: the kernel (or the NFS server) drops it when its owner dies, so no lock
outlives a kill. Where the file system has no locks (NFS without lockd), a lease stands in: a file created exclusively
that its owner touches at every step; who sees it untouched for ``STALE`` seconds of his own clock takes it over.
"""

from __future__ import annotations

import contextlib
import os

LOCK = ".nxcc-lock"
LEASE = ".nxcc-lease"
WAIT = 5.0  # seconds until a compile gives up waiting for another
STALE = 4.0  # seconds without a sign of life after which a lease is void; shorter than WAIT

# Record locks belong to the process: between threads of one this table decides.
_HELD: dict[tuple[int, bytes], FolderLock] = {}


class BundleError(Exception):
    """What can go wrong between a bundle and its folder without being a bug of nxcc's."""


class Busy(BundleError):
    """Another compile is writing to the folder, and was not done after ``WAIT`` seconds."""

    def __init__(self, directory: str) -> None:
        super().__init__(f"{directory}: another nxcc is writing to this folder")
        self.directory = directory


class FolderLock:
    """Exclusive right to write to ``root``, as a context manager.

    Raises Busy when another holds it for longer than ``WAIT``, OSError when the folder cannot be written to.
    """

    def __init__(self, root: bytes, directory: str) -> None:
        self._key = (os.getpid(), root)
        self._lock = os.path.join(root, LOCK.encode())
        self._lease = os.path.join(root, LEASE.encode())
        self._directory = directory
        self._fd = -1
        self._leased = False
        self._seen: tuple[int, int] | None = None
        self._since = 0.0

    def __enter__(self) -> FolderLock:
        import time

        deadline = time.monotonic() + WAIT
        while not self._try():
            if time.monotonic() >= deadline:
                raise Busy(self._directory)
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        # Removed while held: who opened the file before notices that its name is gone, and starts again.
        try:
            for path in (self._lock, self._lease) if self._leased else (self._lock,):
                _unlink(path)
        finally:
            if self._fd >= 0:
                os.close(self._fd)
            self._fd, self._leased = -1, False
            del _HELD[self._key]

    def renew(self) -> None:
        """Sign of life, to be given at every step; costs nothing where the file system has locks."""
        if self._leased:
            os.utime(self._lease)

    def _try(self) -> bool:
        if _HELD.setdefault(self._key, self) is not self:
            return False
        held = False
        try:
            held = self._try_lock()
        finally:
            if not held:
                del _HELD[self._key]
        return held

    def _try_lock(self) -> bool:
        import errno
        import fcntl

        fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.lstat(self._lock)):
                self._fd = fd
                return True
        except FileNotFoundError:
            pass  # its owner removed it between our opening and locking
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS):
                return self._try_lease()
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
        finally:
            if self._fd != fd:
                os.close(fd)
        return False

    def _try_lease(self) -> bool:
        import time

        try:
            os.close(os.open(self._lease, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
            self._leased = True
        except FileExistsError:
            try:
                found = os.lstat(self._lease)
            except FileNotFoundError:
                return False
            # Compared with itself only: the server's clock may differ from ours.
            if self._seen != (found.st_ino, found.st_mtime_ns):
                self._seen, self._since = (found.st_ino, found.st_mtime_ns), time.monotonic()
            elif time.monotonic() - self._since >= STALE:
                self._seen = None
                _unlink(self._lease)
        return self._leased


def _unlink(path: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
