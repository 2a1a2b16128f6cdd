"""What goes wrong before, while and after machines start: each time one clear line, and `down` cleans."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from clusters import within
from guests import cpio
from machines import Role, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clusters import Bundle

pytestmark = pytest.mark.slow

# Nobody's, on Debian.
USER = 65534

SOURCE = """
environment pair
role web[2] {
  resources { memory 256MiB }
  publish PORT:80
}
"""


@pytest.fixture(scope="module")
def port() -> int:
    """The port of web1, with that of web2 and another after it: none is anybody's."""
    while True:
        first = free_port()
        with contextlib.suppress(OSError, OverflowError), contextlib.ExitStack() as all_free:
            for number in range(3):
                all_free.enter_context(socket.create_server(("127.0.0.1", first + number)))
            return first


@pytest.fixture(scope="module")
def pair(cluster: Callable[..., Bundle], port: int) -> Bundle:
    return cluster(SOURCE.replace("PORT", str(port)), {"web": Role()}, tiny=True)


@pytest.fixture(autouse=True)
def _nothing_left(pair: Bundle) -> Iterator[None]:
    """After each test `down` ends well and nothing runs any more."""
    yield
    pair.succeed("down", "--grace", "0")
    assert pair.processes() == {}
    assert not (pair.state / "node").exists()
    assert not (pair.state / "sockets").exists()


@pytest.fixture
def other(pair: Bundle, tmp_path: Path) -> Path:
    """A copy of the result, for tests that break it."""
    return Path(shutil.copytree(pair.result, tmp_path / "other", symlinks=True))


@pytest.fixture
def silent(other: Path) -> Path:
    """A result whose nodes run and never answer, however quick the machine is."""
    with (other / "pairs" / "1" / "initrd").open("ab") as initrd:
        initrd.writelines(cpio({"init": b"#!/bin/busybox sh\nexec busybox sleep 100000\n"}))
    return other


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder of another user's."""
    folder = Path(tempfile.mkdtemp(prefix="nxcc-vm-"))
    os.chown(folder, USER, USER)
    yield folder
    shutil.rmtree(folder)


def copied(bundle: Bundle, folder: Path) -> Path:
    """The `run` of a bundle's copy in a folder of the other user's."""
    shutil.copytree(bundle.folder / "bundle", folder / "bundle", symlinks=True)
    return folder / "bundle" / "vm-ramdisk" / "run"


def as_user(script: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a copy as the other user."""
    return subprocess.run(
        [str(script), *arguments],
        user=USER,
        group=USER,
        extra_groups=(),
        cwd=script.parent,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def test_taken_port(pair: Bundle, port: int) -> None:
    with socket.create_server(("127.0.0.1", port + 1)):
        done = pair.run("up")
    assert done.returncode == 1
    line = next(line for line in done.stderr.splitlines() if line.startswith("-- "))
    assert line == f"-- node web2: port {port + 1} of this machine is taken, or not yours to open: " + (
        "--port PORT=OTHER publishes it elsewhere"
    )


def test_no_qemu(pair: Bundle, tmp_path: Path) -> None:
    """A PATH with everything but QEMU, and a QEMU that is none."""
    for name in os.listdir("/usr/bin"):
        if not name.startswith("qemu"):
            (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    said = pair.refused("up", PATH=str(tmp_path))
    assert said.startswith("vm-ramdisk/run: qemu-system-x86_64 is not installed (Debian, Ubuntu: qemu-system-x86;")
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no libraries >&2\nexit 127\n")
    broken.chmod(0o755)
    assert pair.refused("up", NXCC_QEMU=str(broken)) == f"vm-ramdisk/run: {broken} does not run: no libraries"


def test_unreadable_kernel(pair: Bundle, other: Path, tmp_path: Path, theirs: Path) -> None:
    """One that is missing, one that is none, one that the user may not read."""
    kernel = other / "pairs" / "1" / "kernel"
    kernel.rename(tmp_path / "away")
    assert pair.refused("up", NXCC_RESULT=str(other)).endswith("it has no roles/web/kernel")
    kernel.write_bytes(b"no kernel\n" * 1000)
    done = pair.run("up", NXCC_RESULT=str(other))
    assert done.returncode == 1
    assert re.search("^-- node web[12]: QEMU does not start: .*kernel", done.stderr, re.MULTILINE), done.stderr
    kernel.chmod(0)
    copy = copied(pair, theirs)
    result = theirs / "result"
    other.rename(result)
    for path in (result, *result.rglob("*")):
        os.lchown(path, USER, USER)
    said = as_user(copy, "up", NXCC_RESULT=str(result))
    assert said.returncode == 2
    assert said.stderr.splitlines()[-1] == f"vm-ramdisk/run: cannot read {result}/roles/web/kernel"


@pytest.fixture
def small(pair: Bundle, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    """The state is on a file system of its own, of this size."""
    state = pair.state.parent
    state.mkdir(exist_ok=True)
    state.rename(tmp_path / "state")
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={request.param},mode=0700", "tmpfs", str(state)], check=True)
    yield
    pair.succeed("down", "--grace", "0")
    subprocess.run(["umount", "--lazy", str(state)], check=True)
    state.rmdir()
    (tmp_path / "state").rename(state)


@pytest.mark.parametrize("small", ["64k"], indirect=True)
@pytest.mark.usefixtures("small")
def test_no_room(pair: Bundle) -> None:
    """The state is on a file system that is full."""
    done = pair.run("up")
    assert done.returncode == 1, done
    assert done.stderr.splitlines()[-1] == f"vm-ramdisk/run: no space left in {pair.state}"
    assert pair.processes() == {}


@pytest.mark.parametrize("small", ["16m"], indirect=True)
@pytest.mark.usefixtures("small")
def test_no_room_any_more(pair: Bundle, silent: Path) -> None:
    """QEMU stops a node whose disk cannot grow: nothing would ever come of waiting for it."""
    process = pair.start("up", NXCC_RESULT=str(silent))
    assert process.stderr
    started = (line for line in process.stderr if line.endswith(": starts\n"))
    assert {next(started, ""), next(started, "")} == {"web1: starts\n", "web2: starts\n"}
    full = ["dd", "if=/dev/zero", f"of={pair.state}/full"]
    assert subprocess.run(full, capture_output=True, check=False).returncode == 1
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1
    assert said.splitlines()[-1] == f"vm-ramdisk/run: no space left in {pair.state}"


def test_interrupted(pair: Bundle, silent: Path) -> None:
    """Ctrl-C while nodes start: `status` knows them, the next `run` is not locked out, `down` ends them."""
    process = pair.start("up", NXCC_RESULT=str(silent))
    assert within(120, lambda: len(pair.processes()) == 2)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert set(pair.states().values()) == {"starting"}
    assert len(pair.processes()) == 2
    sockets = pair.sockets()
    pair.succeed("down", "--grace", "0")
    assert pair.processes() == {}
    assert not sockets.exists()


def test_deadline(pair: Bundle, silent: Path) -> None:
    """Nodes that are not ready in time are named, with what they last said; they are left as they are."""
    done = pair.run("up", "--timeout", "15", NXCC_RESULT=str(silent))
    assert done.returncode == 1
    assert "-- node web1: not ready within 15 s (--timeout)" in done.stderr.splitlines()
    assert done.stderr.splitlines()[-1].startswith("vm-ramdisk/run: not all nodes are ready; they are left as they are")
    assert set(pair.processes()) == {"web1", "web2"}


def test_silence(pair: Bundle, silent: Path) -> None:
    """Somebody who looks at the terminal sees that something is waited for."""
    process = pair.start("up", NXCC_RESULT=str(silent))
    assert process.stderr
    told = next((line for line in process.stderr if " nodes are ready after " in line), "")
    assert re.fullmatch("0 of 2 nodes are ready after [0-9]+ s of [0-9]+ \\(--timeout\\)\n", told)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=120)


def test_panic(pair: Bundle, other: Path) -> None:
    """A kernel that stops for good is not waited for, and what it said is shown."""
    (other / "pairs" / "1" / "initrd").write_bytes(b"no archive")
    done = pair.run("up", NXCC_RESULT=str(other), timeout=900)
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert re.fullmatch("-- node web[12]: its kernel panicked", next(line for line in said if line.startswith("-- ")))
    assert any("end Kernel panic - not syncing: VFS: Unable to mount root fs" in line for line in said)
    assert within(300, lambda: set(pair.states().values()) == {"panicked"})


def test_panics_again_and_again(pair: Bundle, other: Path) -> None:
    """A kernel that panics and starts anew is not waited for either; what it said before its end is shown."""
    (other / "pairs" / "1" / "initrd").write_bytes(b"no archive")
    with (other / "roles" / "web" / "cmdline").open("r+") as file:
        parameters = file.read().strip()
        file.seek(0)
        file.write(f"{parameters} panic=1\n")
    assert "Kernel panic - not syncing: VFS: Unable to mount root fs" in looping(pair, other)


def test_reboots_again_and_again(pair: Bundle, other: Path) -> None:
    """As where a unit that the boot needs has FailureAction=reboot."""
    init = (
        b"#!/bin/busybox sh\n/bin/busybox mount -t devtmpfs dev /dev\necho no way >/dev/ttyS0\n/bin/busybox reboot -f\n"
    )
    with (other / "pairs" / "1" / "initrd").open("ab") as initrd:
        initrd.writelines(cpio({"init": init}))
    said = looping(pair, other)
    assert re.search("^   [|] no way\n   [|] .*reboot: Restarting system$", said, re.MULTILINE), said


def looping(pair: Bundle, result: Path) -> str:
    """What `up` says of nodes that never stay; its last line of the console is one with which a kernel ends."""
    done = pair.run("up", "--timeout", "600", NXCC_RESULT=str(result), timeout=700)
    assert done.returncode == 1
    said = done.stderr.splitlines()
    what = next(line for line in said if line.startswith("-- "))
    assert re.fullmatch("-- node web[12]: it panics or reboots again and again, [0-9]+ times by now", what), said
    assert re.search("Kernel panic - not syncing|reboot: Restarting system", said[-2]), said
    return done.stderr


def test_too_little_memory(pair: Bundle, other: Path) -> None:
    """A ramdisk that stands twice in the memory while it is unpacked."""
    with (other / "pairs" / "1" / "initrd").open("ab") as initrd:
        initrd.truncate(200 * 1024**2)
    assert "256 MiB of memory are too few for an initrd of 200 MiB: web1 needs 496" in pair.refused(
        "up", NXCC_RESULT=str(other)
    )


def test_two_users(pair: Bundle, port: int, theirs: Path) -> None:
    """The same environment twice, of two users: same names and addresses, and neither sees the other's nodes."""
    copy = copied(pair, theirs)
    result = {"NXCC_RESULT": str(theirs / "result")}
    shutil.copytree(pair.result, theirs / "result", symlinks=True)
    try:
        mine = pair.start("up", "web1")
        done = as_user(copy, "up", "--port", f"{port + 1}={port + 2}", "web2", **result)
        _, said = mine.communicate(timeout=900)
        assert (mine.returncode, done.returncode) == (0, 0), said + done.stderr
        assert within(120, lambda: pair.states() == {"web1": "ready", "web2": "-"})
        # It has the address that web1's own nodes file gives to web2, in another network.
        assert as_user(copy, "ssh", "web2", "ip -4 address", **result).stdout.count("198.18.0.3/15") == 1
        assert pair.run("ssh", "web1", "ping -c 2 -W 2 web2").returncode == 1
        assert pair.run("ssh", "web1", "ping -c 1 -W 60 web1").returncode == 0
    finally:
        assert as_user(copy, "down", "--grace", "0", **result).returncode == 0
