"""Paths on a node, and files of the machine that nxcc runs on."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Log, Span


class Irregular(OSError):
    """Raised for a pipe, a device and the like; ``strerror`` says so, ``filename`` is its path."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EINVAL, "not a regular file", path)


def read_regular(path: str, limit: int = -1) -> bytes:
    """The content of a file, at most ``limit`` bytes of it. Raises OSError, and Irregular where it may have no end.

    A pipe that is named in a source has nobody at its other end, and would be waited for.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise Irregular(path)
    with open(path, "rb") as file:
        return file.read(limit)


def absolute(path: str, span: Span, log: Log) -> bool:
    """Whether a path on a node is absolute and clean; reported where not."""
    parts = path.split("/")[1:]
    clean = path.startswith("/") and path != "/" and not any(part in ("", ".", "..") for part in parts)
    # Files of systemd, of NFS and of users have a path on a line.
    control = any(char < " " or char == "\x7f" for char in path)
    if not clean or control:
        help = "a path on the node begins with `/` and has no `..`"
        log.add("NX0415", span, path=path, help="a path has no control characters" if control else help)
    return clean and not control
