"""Paths on a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Log, Span


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
