"""What `run` of the vm flavours does at the edges: links to it, copies of its state, numbers, other users, pipes."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import docker_environments as make
import pytest
from test_vm import MIB, programs, result, run, up_with, write
from tools import need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY = 65534


@pytest.fixture
def single(tmp_path: Path) -> Iterator[Path]:
    made = make.environment(
        "lab", make.role("a", publish=(make.publish(8080, 80),), secrets=("key",)), secrets=(make.secret("key"),)
    )
    yield (folder := write(tmp_path / "b", made))
    # The folder of its sockets lies elsewhere.
    if (tmp_path / "b.state/vm-ramdisk/sockets").exists():
        assert run(folder / "run", "down").returncode == 0


@pytest.fixture
def state(single: Path) -> Path:
    return single.parent.with_name("b.state") / "vm-ramdisk"


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_a_link_leads_back_to_the_bundle(single: Path, state: Path, tmp_path: Path, shell: str) -> None:
    """Also one to a link, and a relative one; nothing is made beside the link."""
    need(shell.split()[0])
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "one").symlink_to(os.path.relpath(single / "run", place))
    (place / "two").symlink_to("one")
    (place / "node").symlink_to(single / "node/a.sh")
    assert run(place / "two", "down", shell=shell).returncode == 0
    assert state.exists()
    assert sorted(os.listdir(tmp_path)) == ["b", "b.state", "elsewhere"]
    line = run(place / "node", "--print", shell=shell).stdout
    assert f"file={single}/nodes" in line


@pytest.mark.parametrize("value", ["08", "0010", "0"])
def test_numbers_are_decimal(single: Path, value: str) -> None:
    assert run(single / "run", "down", "--grace", value, "--timeout", value).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--timeout", "99999999"), "--timeout takes seconds"),
        (("--port", "8080=080"), "--port takes PORT=OTHER"),
        (("--port", "8080=65536"), "there is no port 65536"),
        (("--port", "8080=100000"), "--port takes PORT=OTHER"),
    ],
)
def test_numbers_that_are_none(single: Path, arguments: tuple[str, str], said: str) -> None:
    done = run(single / "run", "up", *arguments)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_an_option_wins_over_the_environment(single: Path, tmp_path: Path) -> None:
    """In what is checked, and in what QEMU gets."""
    result(tmp_path / "other", "a")
    log = tmp_path / "log"
    stub = f'case $* in --version) echo version 9.0.0 ;; *) echo "$*" >>{log}; exit 1 ;; esac\n'
    path = programs(tmp_path / "bin", {"qemu-system-x86_64": stub, "uname": "echo none\n"})
    build = str(result(tmp_path / "build", "a"))
    done = run(single / "run", "up", "--result", build, PATH=path, NXCC_RESULT=str(tmp_path / "other"))
    assert "QEMU does not start" in done.stderr
    assert f"-kernel {tmp_path}/build/roles/a/kernel" in log.read_text()


def test_kvm_is_tried_with_the_machine_of_the_nodes(tmp_path: Path) -> None:
    """QEMU of aarch64 has no machine of its own accord."""
    made = make.environment("lab", make.role("a"))
    folder = write(tmp_path / "b", made._replace(nixpkgs=made.nixpkgs._replace(system="aarch64-linux")))
    text = (folder / "run").read_text()
    board = next(shlex.split(line)[0] for line in text.splitlines() if line.startswith("board="))
    node = (folder / "node/a.sh").read_text()
    assert board == "board=virt,gic-version=max"
    assert f"-machine {board.removeprefix('board=')} " in node
    assert '-machine "$board,accel=kvm"' in text


def test_a_copy_of_the_state_has_sockets_of_its_own(single: Path, state: Path, tmp_path: Path) -> None:
    """Else the copy's `down` would take those of the first, and a node of one the other's socket."""
    up_with(single, tmp_path, "9.0.0")
    first = (state / "sockets").read_text().strip()
    try:
        assert os.readlink(f"{first}/id_ed25519") == str(state / "id_ed25519")
        shutil.copytree(tmp_path / "b", tmp_path / "c")
        shutil.copytree(tmp_path / "b.state", tmp_path / "c.state", symlinks=True)
        copy = tmp_path / "c/vm-ramdisk"
        assert run(copy / "run", "down").returncode == 0
        assert os.path.isdir(first)
        shutil.copy(state / "sockets", tmp_path / "c.state/vm-ramdisk/sockets")
        up_with(copy, tmp_path, "9.0.0", again=True)
        assert (tmp_path / "c.state/vm-ramdisk/sockets").read_text().strip() != first
        assert run(copy / "run", "down").returncode == 0
    finally:
        assert run(single / "run", "down").returncode == 0
    assert not os.path.exists(first)


def test_a_link_that_a_cleaner_took_comes_back(single: Path, state: Path, tmp_path: Path) -> None:
    """The sockets of nodes that run stay where they are."""
    up_with(single, tmp_path, "9.0.0")
    sockets = (state / "sockets").read_text().strip()
    os.unlink(f"{sockets}/id_ed25519")
    up_with(single, tmp_path, "9.0.0", again=True)
    assert (state / "sockets").read_text().strip() == sockets
    assert os.readlink(f"{sockets}/id_ed25519") == str(state / "id_ed25519")


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("link", [False, True])
def test_a_state_of_another_user_is_not_used(single: Path, state: Path, tmp_path: Path, link: bool) -> None:
    """Its configuration of ssh and its settings would be run."""
    (tmp_path / "theirs/vm-ramdisk").mkdir(parents=True)
    (tmp_path / "theirs/vm-ramdisk/settings").write_text(f"touch {tmp_path}/run-by-us\n")
    if link:
        state.parent.symlink_to("theirs")
    else:
        (tmp_path / "theirs").rename(state.parent)
    os.lchown(state.parent, NOBODY, NOBODY)
    for arguments in (["status"], ["--dry-run", "up"], ["ssh", "a"], ["down"]):
        done = run(single / "run", *arguments)
        assert (done.returncode, done.stderr) == (2, f"vm-ramdisk/run: {state.parent} is not yours\n")
    done = run(single / "node/a.sh", "--print")
    assert (done.returncode, done.stderr) == (2, f"vm-ramdisk/node/a.sh: {state.parent} is not yours\n")
    assert not (tmp_path / "run-by-us").exists()
    # Who calls sudo is no other.
    for script, argument in ((single / "run", "status"), (single / "node/a.sh", "--print")):
        done = run(script, argument, SUDO_UID=str(NOBODY))
        assert (done.returncode, done.stderr) == (0, "")


def test_a_secret_from_a_pipe_is_read_once(single: Path, state: Path, tmp_path: Path) -> None:
    """As bash's <(command) gives it, at a second `up` too; and over what an interrupted one has left."""
    stub = "case $* in --version) echo version 9.0.0 ;; *) exit 1 ;; esac\n"
    path = programs(tmp_path / "bin", {"qemu-system-x86_64": stub, "uname": "echo none\n"})
    result(tmp_path / "build", "a")
    for value in ("one", "one", "two"):
        words = shlex.join([str(single / "run"), "up", "--result", str(tmp_path / "build")])
        subprocess.run(
            [need("bash"), "-c", f"exec {words} --secret key=<(printf {value})"],
            env={**os.environ, "PATH": path},
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert (state / "secrets/key").read_text() == value
        assert (state / "secrets/key").stat().st_mode & 0o777 == 0o400
    assert os.listdir(state / "secrets") == ["key"]


@pytest.fixture
def running(single: Path, state: Path, tmp_path: Path) -> str:
    """A PATH with an ssh that runs the node's part here, and a node that seems to run."""
    node = state / "node/a"
    node.mkdir(parents=True)
    (node / "pid").write_text(f"{os.getpid()}\n")
    ssh = 'while [ "$1" != a ]; do shift; done; shift; PATH=/usr/bin:/bin; eval "$*"\n'
    # `run` knows a QEMU by its command line.
    return programs(tmp_path / "bin", {"ssh": ssh, "grep": "exit 0\n"})


def test_a_machine_that_nobody_buries_has_stopped(single: Path, tmp_path: Path) -> None:
    """In a container whose first process waits for no other, its number stays in use."""
    result(tmp_path / "build", "a")
    with subprocess.Popen(["true"]) as dead:
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
        start = f'while [ "$1" != -pidfile ]; do shift; done; echo {dead.pid} >"$2"'
        stub = f"case $* in --version) echo version 9.0.0 ;; *) {start} ;; esac\n"
        path = programs(tmp_path / "bin", {"qemu-system-x86_64": stub, "ssh": "exit 255\n"})
        arguments = ("up", "--accel", "tcg", "--timeout", "30", "--result", str(tmp_path / "build"))
        done = run(single / "run", *arguments, PATH=path)
    assert (done.returncode, "-- node a: its machine has stopped\n" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize(
    ("was_ready", "answer", "console", "state_now"),
    [
        (True, 0, "", "ready"),
        (True, 1, "", "unready"),
        (True, 255, "", "silent"),
        (False, 0, "", "ready"),
        (False, 1, "", "starting"),
        (False, 255, "", "starting"),
        (False, 255, "---[ end Kernel panic - not syncing: x ]---\n", "panicked"),
        (True, 255, "---[ end Kernel panic - not syncing: x ]---\n", "panicked"),
        (True, 255, "---[ end Kernel panic - not syncing: x ]---\n" + "started again\n" * 5, "silent"),
    ],
)
def test_status_asks_the_nodes(
    single: Path, state: Path, tmp_path: Path, was_ready: bool, answer: int, console: str, state_now: str
) -> None:
    """What `up` has seen once may be otherwise now."""
    node = state / "node/a"
    node.mkdir(parents=True)
    (node / "settings").write_text("ssh_port=20022\n")
    (node / "console.log").write_text(console)
    if was_ready:
        (node / "ready").touch()
    path = programs(tmp_path / "bin", {"ssh": f"exit {answer}\n"})
    # `run` knows a QEMU by its command line, which a process has not yet when Popen returns.
    command = ["/bin/sh", "-c", "echo; sleep 60; :", f"{node}/pid"]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE) as machine:
        assert machine.stdout
        machine.stdout.readline()
        (node / "pid").write_text(f"{machine.pid}\n")
        done = run(single / "run", "status", PATH=path)
        os.killpg(machine.pid, signal.SIGKILL)
    assert done.stdout.splitlines()[1].split()[:5] == ["a", "a", "198.18.0.1", state_now, "20022"]


def test_fetch_tells_when_this_machine_cannot_take_it(single: Path, running: str, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("x")
    (tmp_path / "to").mkdir()
    arguments = ("fetch", f"a:{tmp_path}/there", str(tmp_path / "to"))
    assert run(single / "run", *arguments, PATH=running).returncode == 0
    assert (tmp_path / "to/there").read_text() == "x"
    (tmp_path / "to/there").unlink()
    (tmp_path / "to/there/in-the-way").mkdir(parents=True)
    done = run(single / "run", *arguments, PATH=running)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        f"vm-ramdisk/run: cannot fetch {tmp_path}/there of a",
    )


def test_fetch_of_what_is_not_there(single: Path, running: str, tmp_path: Path) -> None:
    """In one line, not in tar's words; a folder that cannot be entered is one that has no such file."""
    for path in ("none", "none/of/it"):
        done = run(single / "run", "fetch", f"a:{tmp_path}/{path}", str(tmp_path / "to"), PATH=running)
        assert (done.returncode, done.stderr) == (1, f"vm-ramdisk/run: there is no {tmp_path}/{path} on a\n")


def test_fetch_of_a_link_gives_the_file(single: Path, running: str, tmp_path: Path) -> None:
    """On NixOS most of /etc are links into the store; links in a folder stay what they are."""
    (tmp_path / "store").write_text("x")
    (tmp_path / "there").mkdir()
    for name, target in {"link": "../store", "dangling": "/nowhere", "folder": "."}.items():
        (tmp_path / "there" / name).symlink_to(target)
    for path in ("there/link", "there/dangling", "there/folder", "there"):
        done = run(single / "run", "fetch", f"a:{tmp_path}/{path}", str(tmp_path / "to"), PATH=running)
        assert done.returncode == 0, done.stderr
    assert not (tmp_path / "to/link").is_symlink()
    assert (tmp_path / "to/link").read_text() == "x"
    assert [os.readlink(tmp_path / "to" / name) for name in ("dangling", "folder", "there/link")] == [
        "/nowhere",
        ".",
        "../store",
    ]


def test_a_console_cannot_speak_to_the_terminal(single: Path, state: Path) -> None:
    """What nodes write there is theirs: no title, no answer-back, no colours; letters and tabs stay."""
    (state / "node/a").mkdir(parents=True)
    (state / "node/a/console.log").write_bytes(b"\x1b[31mr\xc3\xa9d\x1b[0m\r\n\x1b]0;title\x07a\tb\x05\x00\x7f\n")
    done = run(single / "run", "logs", "a")
    assert done.stdout == "réd\n]0;titlea\tb\n"


def test_an_archive_named_like_a_machine(single: Path, state: Path, tmp_path: Path) -> None:
    """To tar, HOST:FILE is on another machine."""
    built = result(tmp_path / "store", "a")
    path = programs(tmp_path / "bin", {"nix-build": f"echo {built}\n"}, ("nix-build",))
    done = subprocess.run(
        [str(single / "run"), "pack", "a:b.tar"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a:b.tar").stat().st_size > MIB


def test_no_room_for_the_lock_is_no_other_run(single: Path, tmp_path: Path) -> None:
    # A file in a folder that is not there cannot be written either.
    path = programs(tmp_path / "bin", {"uname": 'if [ "$1" = -n ]; then echo no/room; else exec /bin/uname "$@"; fi\n'})
    done = run(single / "run", "down", PATH=path)
    assert (done.returncode, done.stderr) == (
        1,
        f"vm-ramdisk/run: cannot write in {tmp_path}/b.state/vm-ramdisk: no space left?\n",
    )


@pytest.mark.skipif(not os.access("/dev/kvm", os.R_OK | os.W_OK), reason="no /dev/kvm to open")
def test_a_kvm_that_fails_without_a_word(single: Path, tmp_path: Path) -> None:
    assert "KVM does not work here (QEMU ends with 3)" in up_with(single, tmp_path, "9.0.0", "exit 3")[0]
    assert "KVM does not work here (QEMU ends with 3)" in up_with(single, tmp_path, "9.0.0", "exit 1", again=True)[0]
