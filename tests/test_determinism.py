"""The same input gives the same bytes, whatever the folder, the machine's settings and the hash seed."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from programs import HOME, command

if TYPE_CHECKING:
    from pathlib import Path

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases")


def bundle(folder: Path, case: str, cwd: Path, umask: int, **environ: str) -> dict[str, tuple[bytes, bool]]:
    """Compile a copy of a case in a folder; the bundle's files by path, with whether they are executable."""
    source = folder / "source"
    shutil.copytree(os.path.join(CASES, case), source, symlinks=True)
    out = folder / "source" / "build" / "out"
    cwd.mkdir(parents=True, exist_ok=True)
    args = source / "args"
    words = args.read_text().split() if args.exists() else []
    done = subprocess.run(
        command(
            ("compile", os.path.relpath(source / "env.nxc", cwd), *words, "--flavour", "docker", "-o", str(out)),
        ),
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": HOME, **environ},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for top, _, names in os.walk(out):
        for name in names:
            path = os.path.join(top, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, out)] = (file.read(), os.access(path, os.X_OK))
    return found


@pytest.mark.parametrize("case", ["ok-statements", "ok-project", "ok-secrets", "ok-adopted", "ok-own-input"])
def test_same_bytes(case: str, tmp_path: Path) -> None:
    one = bundle(
        tmp_path / "a", case, tmp_path / "a", 0o022, PYTHONHASHSEED="1", LC_ALL="C", TZ="UTC", HOME="/nonexistent"
    )
    other = bundle(
        tmp_path / "another folder" / "é",
        case,
        tmp_path / "elsewhere" / "deep",
        0o077,
        PYTHONHASHSEED="4711",
        LC_ALL="C.UTF-8",
        TZ="Pacific/Kiritimati",
        SOURCE_DATE_EPOCH="1",
        PYTHONUTF8="0",
    )
    assert one.keys() == other.keys()
    assert "manifest.json" in one
    assert [path for path in one if one[path] != other[path]] == []
