"""What the tests of bundles share: a small bundle, and how to look at a folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nxcc.bundle import MANIFEST, Bundle, File, Written, write

if TYPE_CHECKING:
    from pathlib import Path

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FACTS = {"nxcc": "1.0", "params": {"b": 1, "a": [True, None]}}


def a_bundle(**changes: str | None) -> Bundle:
    files: dict[str, str | None] = {
        "composition.nix": "{ }\n",
        "docker/docker-compose.yml": "services: {}\n",
        "docker/run": "#!/bin/sh\n",
        "nix/lib/one.nix": "1\n",
    }
    files.update({name.replace("__", "/"): text for name, text in changes.items()})
    return Bundle(File(name, text.encode(), name.endswith("run")) for name, text in files.items() if text is not None)


def compile_to(directory: object, bundle: Bundle | None = None, **options: bool) -> Written:
    return write(bundle or a_bundle(), str(directory), facts=FACTS, **options)


def names(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}


ALL = {"composition.nix", "docker/docker-compose.yml", "docker/run", "nix/lib/one.nix", MANIFEST}


def contents(directory: Path) -> dict[str, bytes]:
    return {name: (directory / name).read_bytes() for name in names(directory) if ".nxcc-" not in name}


def touched(path: Path) -> tuple[int, ...]:
    """What differs once a file was written, renamed or changed in mode; reading it changes nothing here."""
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns
