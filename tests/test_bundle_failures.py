"""All or nothing: kills, full disks, damage, and folders that refuse."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest
from bundles import ALL, REPOSITORY, a_bundle, compile_to, contents, names

from nxcc import bundle_journal
from nxcc.bundle import (
    JOURNAL,
    MANIFEST,
    NotABundle,
    WriteError,
    manifest,
    recover,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


# Damage


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("\udcff", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not one that nxcc wrote"),
        ('{"name": "a web page", "icons": []}', "not one that nxcc wrote"),
        ('{"bundle_format": 2}', "newer nxcc"),
        ('{"bundle_format": 1}', "list of files"),
        ('{"bundle_format": 1, "files": {"../x": {"sha256": "", "executable": false}}}', "list of files"),
        ('{"bundle_format": 1, "files": {"x": {"sha256": 1, "executable": false}}}', "list of files"),
    ],
)
def test_damaged_manifest(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / MANIFEST).write_text(text, errors="surrogateescape")
    for action in (manifest, compile_to):
        with pytest.raises(NotABundle, match=reason):
            action(str(tmp_path))
    assert os.listdir(tmp_path) == [MANIFEST]


def test_no_manifest(tmp_path: Path) -> None:
    assert manifest(str(tmp_path)) is None
    assert manifest(str(tmp_path / "missing")) is None
    (tmp_path / MANIFEST).symlink_to("elsewhere")
    with pytest.raises(NotABundle, match="regular"):
        manifest(str(tmp_path))


@pytest.mark.parametrize(
    "journal",
    [
        "",
        "{}",
        "[1]",
        '{"nxcc_journal": 1, "steps": [["rename", "../out", "0"]]}',
        '{"nxcc_journal": 1, "steps": [["rename", "x", "../../out"]]}',
        '{"nxcc_journal": 1, "steps": [["unlink", "/etc/nothing", ""]]}',
        '{"nxcc_journal": 1, "steps": [["chmod", "x", ""]]}',
        '{"nxcc_journal": 1, "steps": [["unlink", 5]]}',
        '{"nxcc_journal": 2, "steps": [["new", "x"]]}',
    ],
)
def test_damaged_journal(tmp_path: Path, journal: str) -> None:
    (tmp_path / JOURNAL).write_text(journal)
    with pytest.raises(NotABundle, match=re.escape(JOURNAL)):
        recover(str(tmp_path))
    assert os.listdir(tmp_path) == [JOURNAL]


def test_journal_does_not_lead_out(tmp_path: Path) -> None:
    directory, outside = tmp_path / "x", tmp_path / "outside"
    (directory / bundle_journal.STAGE).mkdir(parents=True)
    (directory / bundle_journal.STAGE / "0").write_text("new")
    (outside / "empty").mkdir(parents=True)
    (outside / "file").write_text("the user's")
    (directory / "link").symlink_to(outside)
    steps = [["unlink", "link/file", ""], ["rmdir", "link/empty", ""], ["rename", "link/new", "0"]]
    (directory / JOURNAL).write_text(json.dumps({"nxcc_journal": 1, "steps": steps}))
    with pytest.raises(WriteError):
        recover(str(directory))
    assert sorted(os.listdir(outside)) == ["empty", "file"]


def test_recover_where_nothing_happened(tmp_path: Path) -> None:
    assert recover(str(tmp_path)) is False
    assert recover(str(tmp_path / "missing")) is False
    (tmp_path / bundle_journal.STAGE).mkdir()
    (tmp_path / bundle_journal.STAGE / "0").write_text("")
    assert recover(str(tmp_path)) is False
    assert os.listdir(tmp_path) == []


# All or nothing


@pytest.mark.parametrize(("scenario", "moments"), [("update", 200), ("first", 200), ("recovery", 80)])
def test_killed_at_every_moment(scenario: str, moments: int) -> None:
    script = os.path.join(REPOSITORY, "tests", "kill_moments.py")
    env = {**os.environ, "PYTHONPATH": REPOSITORY}
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # thousands of small files: twice as fast
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        done = subprocess.run([sys.executable, script, folder, scenario], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= moments


def failing_at(patch: pytest.MonkeyPatch, moment: int, action: Callable[[], object]) -> tuple[bool, WriteError | None]:
    """Run ``action`` with its ``moment``-th system call failing: whether there were as many, and what was raised."""
    calls = 0

    def failing(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls == moment:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*args, **options)

        return call

    for name in ("open", "write", "rename", "mkdir", "unlink", "rmdir"):
        patch.setattr(os, name, failing(getattr(os, name)))
    try:
        action()
    except WriteError as error:
        return True, error
    return calls >= moment, None


def test_every_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever system call fails: the old bundle stands, or the journal does and the next compile goes on."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    new = a_bundle(composition="new", docker__run="new", fresh__a__b="x", **{"nix/lib/one.nix": None})
    intact = journals = 0
    reached = True
    moment = 0
    while reached:
        moment += 1
        directory = tmp_path / str(moment)
        compile_to(directory)
        before = contents(directory)
        with monkeypatch.context() as patch:
            reached, error = failing_at(patch, moment, lambda: compile_to(directory, new))  # noqa: B023
        if error:
            assert error.reason == "No space left on device"
            assert error.path.startswith(str(directory))
            if (directory / JOURNAL).exists():
                journals += 1
            elif contents(directory) == before:
                intact += 1
            else:  # the last of all: taking away the empty stage and the lock
                assert set(contents(directory)) == (ALL | {"composition", "fresh/a/b"}) - {"nix/lib/one.nix"}
        compile_to(directory, new)
        assert names(directory) == (ALL | {"composition", "fresh/a/b"}) - {"nix/lib/one.nix"}
        assert sorted(os.listdir(directory)) == ["composition", "composition.nix", "docker", "fresh", MANIFEST]
    assert intact > 20
    assert 0 < journals < 20


def test_failure_before_replacing_cleans_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_to(tmp_path)
    real = os.rename

    def rename(source: bytes, target: bytes) -> None:
        if target.endswith(b"fresh/b"):
            raise OSError(28, "No space left on device", source, None, target)
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(WriteError) as caught:
        compile_to(tmp_path, a_bundle(docker__run="new", fresh__a="x", fresh__b="y"))
    assert caught.value.path == str(tmp_path / "fresh/b")
    assert names(tmp_path) == ALL
    assert not (tmp_path / "fresh").exists()
    assert (tmp_path / "docker/run").read_text() == "#!/bin/sh\n"


# What the system refuses


def test_folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    for directory in (tmp_path / "x", tmp_path / "x/below"):
        with pytest.raises(WriteError):
            compile_to(directory)
    assert manifest(str(tmp_path / "x")) is None
    assert os.listdir(tmp_path) == ["x"]


def test_path_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(WriteError) as caught:
        compile_to(tmp_path / "x", a_bundle(**{"n" * 300: ""}))
    assert caught.value.reason == "File name too long"
    assert os.listdir(tmp_path) == []


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """An empty file system of 256 kB; tests run as root have no other way to be refused."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_disk_full(mounted: Path) -> None:
    directory = mounted / "x"
    compile_to(directory)
    before = contents(directory)
    with pytest.raises(WriteError) as caught:
        compile_to(directory, a_bundle(docker__run="new", big="x" * 300_000))
    assert (caught.value.path, caught.value.reason) == (str(directory / "big"), "No space left on device")
    assert contents(directory) == before
    assert sorted(os.listdir(directory)) == ["composition.nix", "docker", MANIFEST, "nix"]
    with pytest.raises(WriteError):
        compile_to(mounted / "new", a_bundle(big="x" * 300_000))
    assert not (mounted / "new").exists()


def test_read_only(mounted: Path) -> None:
    directory = mounted / "x"
    compile_to(directory)
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    for target in (directory, mounted / "new"):
        with pytest.raises(WriteError) as caught:
            compile_to(target, a_bundle(docker__run="new"))
        assert caught.value.reason == "Read-only file system"
    assert recover(str(directory)) is False
    assert manifest(str(directory))


def test_folder_on_another_file_system(mounted: Path, tmp_path: Path) -> None:
    directory = tmp_path / "x"
    compile_to(directory, a_bundle(**{"nix/lib/one.nix": None}))
    (directory / "nix").mkdir()
    subprocess.run(["mount", "--bind", mounted, directory / "nix"], check=True)
    try:
        with pytest.raises(WriteError, match="another file system"):
            compile_to(directory, a_bundle(docker__run="new"))
        assert (directory / "docker/run").read_text() == "#!/bin/sh\n"
        assert JOURNAL not in os.listdir(directory)
    finally:
        subprocess.run(["umount", directory / "nix"], check=True)


@pytest.mark.parametrize(
    ("folder", "named", "reason"), [("", "x", "Permission denied"), ("docker", "x/docker", "not be")]
)
def test_no_permission(folder: str, named: str, reason: str) -> None:
    """As another user than root: a bundle that may not be written to, and one with such a folder in it."""
    program = (
        "import os, sys; from nxcc.bundle import *; import fcntl, hashlib, json, time\n"
        "os.geteuid() or os.setuid(65534)\n"
        "bundle = Bundle([File('docker/run', b'1'), File('nix/x', b'1')])\n"
        "write(bundle, 'x', facts={}); os.chmod(sys.argv[1], 0o555)\n"
        "try: write(Bundle([File('docker/run', b'2'), File('nix/x', b'2')]), 'x', facts={})\n"
        "except WriteError as e: print(e)\n"
        "finally: os.chmod(sys.argv[1], 0o755)\n"
        "assert write(bundle, 'x', facts={}).unchanged == ('docker/run', 'nix/x')\n"
    )
    with tempfile.TemporaryDirectory() as base:  # pytest's own folders are closed to other users
        os.chmod(base, 0o777)
        command = [sys.executable, "-c", program, os.path.join("x", folder)]
        env = {**os.environ, "PYTHONPATH": REPOSITORY, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=base, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{named}")
    assert reason in done.stdout
