"""A bundle: ordered files with modes, and the one place that writes to disk."""

from __future__ import annotations

from typing import NamedTuple


class File(NamedTuple):
    """A file of a bundle: ``path`` relative to it with ``/``, ``content`` in bytes."""

    path: str
    content: bytes
    executable: bool = False
