"""Bundles: what may be added, and what writing one does to a folder."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from bundles import ALL, REPOSITORY, a_bundle, compile_to, names, touched

from nxcc.bundle import (
    JOURNAL,
    MANIFEST,
    Bundle,
    File,
    Written,
    manifest,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path


# What may be in a bundle


REFUSED = ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a/.", "a\\b", "a\0b", "a\nb", "\udcff"]
REFUSED += [MANIFEST, JOURNAL, ".nxcc-lock", ".nxcc-stage/0"]


@pytest.mark.parametrize("path", REFUSED)
def test_refused_paths(path: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Bundle().add(path, "")


@pytest.mark.parametrize(
    ("first", "second"), [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a/b/c", "a/b"), ("a", "a/b/c")]
)
def test_file_and_folder_at_once(first: str, second: str) -> None:
    bundle = Bundle()
    bundle.add(first, "")
    with pytest.raises(ValueError, match="twice"):
        bundle.add(second, "")


def test_accepted_paths() -> None:
    bundle = Bundle()
    for path in ("a..b", "..a", "sources/manifest.json", "é/ü b", "a/.nxcc-journal", "-x"):
        bundle.add(path, path)
    assert [file.path for file in bundle.files][:2] == ["a..b", "..a"]
    assert bundle.files[3] == File("é/ü b", "é/ü b".encode(), False)


def test_digest() -> None:
    one, two = Bundle([File("a", b"1"), File("b", b"2")]), Bundle([File("b", b"2"), File("a", b"1")])
    assert one.digest() == two.digest()
    others = [[File("a", b"1")], [File("a", b"1"), File("b", b"2", True)], [File("a", b"12"), File("b", b"")]]
    others += [[File("a", b"1"), File("c", b"2")], []]
    assert len({one.digest(), *(Bundle(files).digest() for files in others)}) == 6


# Writing


def test_first_write(tmp_path: Path) -> None:
    directory = tmp_path / "build" / "k3s@large"
    done = compile_to(directory)
    assert set(done.created) == ALL - {MANIFEST}
    assert done[1:] == ((), (), (), ())
    assert names(directory) == ALL
    assert (directory / "docker/run").read_text() == "#!/bin/sh\n"
    listed = manifest(str(directory))
    assert listed is not None
    assert listed["nxcc"] == "1.0"
    assert listed["params"] == {"a": [True, None], "b": 1}
    assert set(listed["files"]) == ALL - {MANIFEST}
    assert listed["files"]["docker/run"]["executable"] is True


@pytest.mark.parametrize(
    ("umask", "file", "executable"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0, 0o644, 0o755)]
)
def test_modes(tmp_path: Path, umask: int, file: int, executable: int) -> None:
    before = os.umask(umask)
    try:
        compile_to(tmp_path / "x")
    finally:
        os.umask(before)
    modes = {name: stat.S_IMODE((tmp_path / "x" / name).stat().st_mode) for name in (*ALL, ".", "docker", "nix/lib")}
    assert {modes.pop(name) for name in ("docker/run", ".", "docker", "nix/lib")} == {executable}
    assert set(modes.values()) == {file}
    assert not compile_to(tmp_path / "x").changed


def test_same_bytes_everywhere(tmp_path: Path) -> None:
    program = (
        "import sys; from nxcc.bundle import *; b = Bundle()\n"
        "for n in ('z', '\\xe9/x', 'b/run', 'a'): b.add(n, n, n == 'b/run')\n"
        "write(b, 'x', facts={k: {k: k} for k in {'q', 'w', 'e', '\\xfc'}}); print(b.digest())\n"
    )
    seen = []
    for number, (seed, locale, zone) in enumerate(
        [("0", "C", "UTC"), ("1", "C.UTF-8", "Asia/Tokyo"), ("7", "en_US", "")]
    ):
        folder = tmp_path / f"at {number}"
        folder.mkdir()
        env = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "TZ": zone, "PYTHONPATH": REPOSITORY}
        # The names on disk are UTF-8 even where Python would not encode them so.
        env |= {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        digest = subprocess.run(
            [sys.executable, "-c", program], cwd=folder, env=env, capture_output=True, check=True
        ).stdout
        root = os.fsencode(folder / "x")
        files = sorted(os.path.join(at, name) for at, _, found in os.walk(root) for name in found)
        seen.append((digest, [(path[len(root) :], open(path, "rb").read()) for path in files]))  # noqa: SIM115
    assert "é/x".encode() in b"".join(path for path, _ in seen[0][1])
    assert seen[0] == seen[1] == seen[2]


def test_unchanged_files_are_not_touched(tmp_path: Path) -> None:
    compile_to(tmp_path)
    before = {name: touched(tmp_path / name) for name in ALL}
    again = compile_to(tmp_path)
    assert set(again.unchanged) == ALL - {MANIFEST}
    assert {name: touched(tmp_path / name) for name in ALL} == before
    done = compile_to(tmp_path, a_bundle(docker__run="#!/bin/bash\n"))
    assert done.changed == ("docker/run",)
    after = {name: touched(tmp_path / name) for name in ALL}
    assert {name for name in ALL if after[name] != before[name]} == {"docker/run", MANIFEST}


def test_facts_alone(tmp_path: Path) -> None:
    compile_to(tmp_path)
    done = write(a_bundle(), str(tmp_path), facts={"nxcc": "2.0"})
    assert (manifest(str(tmp_path)) or {})["nxcc"] == "2.0"
    assert not done.changed
    with pytest.raises(ValueError, match="own keys"):
        write(a_bundle(), str(tmp_path), facts={"files": {}})


def test_removed_files(tmp_path: Path) -> None:
    compile_to(tmp_path)
    (tmp_path / "docker/mine").write_text("x")
    done = compile_to(tmp_path, a_bundle(docker__run=None, docker__extra="", **{"nix/lib/one.nix": None}))
    assert done.removed == ("docker/run", "nix/lib/one.nix")
    assert not (tmp_path / "nix").exists()
    assert (tmp_path / "docker/mine").read_text() == "x"


def test_deleted_files_come_back(tmp_path: Path) -> None:
    compile_to(tmp_path)
    (tmp_path / "docker/run").unlink()
    (tmp_path / "nix/lib/one.nix").unlink()
    (tmp_path / "nix/lib").rmdir()
    assert set(compile_to(tmp_path).created) == {"docker/run", "nix/lib/one.nix"}


def test_executable_bit_follows(tmp_path: Path) -> None:
    compile_to(tmp_path, Bundle([File("a", b"x"), File("b", b"x", True)]))
    assert compile_to(tmp_path, Bundle([File("a", b"x", True), File("b", b"x")])).changed == ("a", "b")
    assert os.access(tmp_path / "a", os.X_OK)
    assert not (tmp_path / "b").stat().st_mode & 0o111


def test_file_system_without_executable_bits(tmp_path: Path) -> None:
    compile_to(tmp_path)
    for name in ALL:  # as vfat and Windows drives show them
        (tmp_path / name).chmod(0o777)
    assert set(compile_to(tmp_path).unchanged) == ALL - {MANIFEST}


def test_files_and_folders_change_places(tmp_path: Path) -> None:
    compile_to(tmp_path, Bundle([File("a", b"1"), File("b/c/d", b"2"), File("b/e", b"2")]))
    (tmp_path / "b/c/empty").mkdir()
    done = compile_to(tmp_path, Bundle([File("a/x/y", b"1"), File("b", b"2")]))
    assert done == Written(("a/x/y", "b"), (), ("a", "b/c/d", "b/e"), (), ())
    assert names(tmp_path) == {"a/x/y", "b", MANIFEST}


def test_a_shell_in_the_folder_stays(tmp_path: Path) -> None:
    compile_to(tmp_path / "x")
    before = (tmp_path / "x").stat().st_ino, (tmp_path / "x/docker").stat().st_ino
    compile_to(tmp_path / "x", a_bundle(docker__run="new"))
    assert ((tmp_path / "x").stat().st_ino, (tmp_path / "x/docker").stat().st_ino) == before
