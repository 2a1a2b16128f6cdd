"""Two compiles at once on one folder."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from bundles import ALL, REPOSITORY, a_bundle, compile_to, names

from nxcc import bundle_lock
from nxcc.bundle import (
    Busy,
    manifest,
    recover,
)

if TYPE_CHECKING:
    from pathlib import Path


# Two at a time


def test_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import sys, os\nfrom nxcc.bundle_lock import FolderLock\n"
        "with FolderLock(os.fsencode(os.path.realpath('.')), '.'):\n    print('held', flush=True); sys.stdin.read()\n"
    )
    env = {**os.environ, "PYTHONPATH": REPOSITORY}
    compile_to(tmp_path)
    monkeypatch.setattr(bundle_lock, "WAIT", 0.3)

    def holder() -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [sys.executable, "-c", program], cwd=tmp_path, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        return child

    with holder() as child:
        with pytest.raises(Busy):
            compile_to(tmp_path)
        assert manifest(str(tmp_path))
        assert recover(str(tmp_path)) is False
        child.kill()
    assert bundle_lock.LOCK in os.listdir(tmp_path)
    compile_to(tmp_path)  # no lock outlives its owner
    assert names(tmp_path) == ALL

    monkeypatch.setattr(bundle_lock, "WAIT", 10)
    with holder() as child:
        timer = threading.Timer(0.3, child.communicate)
        timer.start()
        compile_to(tmp_path)
        timer.join()
    assert names(tmp_path) == ALL


@pytest.mark.parametrize("locks", [True, False], ids=["locks", "leases"])
def test_many_at_once(tmp_path: Path, locks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not locks:
        without_locks(monkeypatch)
    monkeypatch.setattr(bundle_lock, "WAIT", 30)
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(4):
                compile_to(tmp_path, a_bundle(docker__run=f"{number} {turn}", **{f"own{number}": "x"}))
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    compile_to(tmp_path)
    assert names(tmp_path) == ALL


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def lockf(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "lockf", lockf)


def test_leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_locks(monkeypatch)
    compile_to(tmp_path)
    assert names(tmp_path) == ALL
    lease = tmp_path / bundle_lock.LEASE
    lease.touch()
    monkeypatch.setattr(bundle_lock, "WAIT", 0.6)
    monkeypatch.setattr(bundle_lock, "STALE", 0.3)
    stop = threading.Event()

    def alive() -> None:
        while not stop.wait(0.05):
            os.utime(lease)

    owner = threading.Thread(target=alive)
    owner.start()
    with pytest.raises(Busy):
        compile_to(tmp_path)
    stop.set()
    owner.join()
    started = time.monotonic()
    compile_to(tmp_path)  # its owner gives no more sign of life
    assert time.monotonic() - started >= 0.25
    assert names(tmp_path) == ALL
