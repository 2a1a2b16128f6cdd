"""The test driver's nodes: every method's good and bad end. The nodes are shells on this machine."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import pytest
from driven import Driven, processes
from tools import need

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def driven(tmp_path: Path) -> Driven:
    return Driven(tmp_path)


# ---------------------------------------------------------------- commands


def test_commands_run_on_the_node_that_is_asked(driven: Driven) -> None:
    said = driven.passes('print(server.succeed("echo $NODE"), web_1.succeed("echo $NODE", "pwd"), web_1.name)')
    assert said == f"server\n web-1\n{driven.root}\n web-1\n"


CASES = [
    ("echo 'it''s' \"$((1+1))\"  'a  b'", 0, "its 2 a  b\n"),
    ("exit 7", 7, ""),
    ("false; echo not reached", 1, ""),
    ("false | true", 1, ""),
    ("echo $unset_variable", 1, ""),
    ("echo out; echo err >&2", 0, "out\n"),
    ("[[ a == a ]] && echo bash", 0, "bash\n"),
    ("exit 255", 255, ""),
    ("kill -9 $$", 137, ""),
    ("cat; echo no input", 0, "no input\n"),
    ("printf 'a\\0b\\377'", 0, "a\0b�"),
    ("echo 'nxcc-0 1' >&2; false", 1, ""),
    ("head -c 300000 /dev/zero | tr '\\0' x", 0, "x" * 300_000),
    ("# a comment\necho after it", 0, "after it\n"),
]


def test_execute(driven: Driven) -> None:
    script = f"for command, *expected in {CASES!r}:\n    found = server.execute(command)\n"
    driven.passes(script + "    assert found == tuple(expected), (command, found)")


def test_errors_of_a_command_are_shown(driven: Driven) -> None:
    done = driven.play("server.execute(\"echo what >&2; printf '\\\\033[31mred' >&2\")")
    assert "server # what\n" in done.stderr
    assert "\033" not in done.stderr


def test_what_runs_on_holds_nothing_up(driven: Driven) -> None:
    start = time.monotonic()
    driven.passes(
        'server.succeed("sleep 30 >/dev/null &")\nassert server.execute("sleep 30", check_output=False)[0] == -2'
    )
    assert time.monotonic() - start < 10


def test_a_timeout_ends_the_command(driven: Driven) -> None:
    start = time.monotonic()
    driven.passes('assert server.execute("echo early; exec sleep 987", timeout=1) == (124, "early\\n")')
    assert time.monotonic() - start < 8
    assert "sleep 987" not in processes()
    said = driven.fails('server.succeed("exec sleep 986", timeout=1)')
    assert "command `exec sleep 986` failed (exit code 124)" in said
    driven.passes('assert server.execute("trap : TERM; while :; do sleep 0.2 || :; done", timeout=1)[0] == 137')
    assert time.monotonic() - start < 16


def test_a_connection_that_hangs_is_cut(driven: Driven) -> None:
    driven.run.write_text("#!/bin/sh\nsleep 985 & wait\n")
    script = "import channel, life\nlife.GRACE = 0\nprint(server._ask('true', 1))"
    assert driven.passes(script) == "(124, '')\n"
    assert "sleep 985" not in processes()


def test_a_connection_that_is_kept_for_later_holds_nothing_up(driven: Driven) -> None:
    """ssh's ControlPersist leaves a process that has the errors' file."""
    driven.run.write_text(driven.run.read_text().replace("\nssh)\n", "\nssh)\n    sleep 20 >/dev/null &\n"))
    start = time.monotonic()
    driven.passes("server.succeed('true')")
    assert time.monotonic() - start < 10


def test_succeed_and_fail(driven: Driven) -> None:
    assert (
        driven.passes('print(server.fail("echo one; false", "exit 3") + server.succeed("echo two"))') == "one\ntwo\n\n"
    )
    said = driven.fails('x = 1\nserver.succeed("true", "echo the output; exit 3")\nprint("not reached")')
    assert "server: output: the output\n" in said
    assert 'test/test.py:2: server.succeed("true", "echo the output; exit 3")\n' in said
    assert "command `echo the output; exit 3` failed (exit code 3)\n" in said
    said = driven.fails('server.fail("false", "echo fine")')
    assert "command `echo fine` unexpectedly succeeded" in said


def test_a_lost_connection_is_no_failure_of_the_command(driven: Driven) -> None:
    """`fail` must not pass because the node is gone."""
    script = 'server.succeed("true")\nopen("../nodes/down-server", "w").close()\nserver.fail("true")'
    said = driven.fails(script)
    assert "test/test.py:3: server.fail" in said
    assert "server does not answer: fake/run: server does not run: `run up` first\n" in said
    driven.passes('server.succeed("true")\nassert server.execute("kill -9 $PPID", check_return=False)[0] == -1')


# ---------------------------------------------------------------- waiting


def test_wait_until(driven: Driven) -> None:
    count = "n=$(cat n 2>/dev/null || echo 0); echo $((n + 1)) >n; "
    assert driven.passes(f'print(server.wait_until_succeeds("{count}echo $n; [ $n -ge 2 ]"))') == "2\n\n"
    driven.passes(f'server.wait_until_fails("{count}[ $n -lt 4 ]")')
    assert driven.root.joinpath("n").read_text() == "5\n"
    for method, command in (("succeeds", "echo so far; false"), ("fails", "echo so far")):
        said = driven.fails(f'server.wait_until_{method}("{command}", timeout=1)')
        assert "server: output: so far" in said
        assert "action timed out after 1." in said


def test_wait_for_file(driven: Driven) -> None:
    driven.passes('server.execute("sleep 1; touch here", check_output=False)\nserver.wait_for_file("here")')
    assert "action timed out" in driven.fails('server.wait_for_file("there", timeout=1)')


def test_wait_for_ports(driven: Driven) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        driven.passes(f"server.wait_for_open_port({port})\nserver.wait_for_open_port({port}, '127.0.0.1', timeout=5)")
        assert f"TCP port {port}" in driven.fails(f"server.wait_for_closed_port({port}, timeout=1)")
    driven.passes(f"server.wait_for_closed_port({port})")
    assert "action timed out" in driven.fails(f"server.wait_for_open_port({port}, timeout=1)")


def test_wait_for_unix_sockets(driven: Driven, tmp_path: Path) -> None:
    path = str(tmp_path / "a socket")
    with socket.socket(socket.AF_UNIX) as stream:
        stream.bind(path)
        assert "action timed out" in driven.fails(f"server.wait_for_open_unix_socket({path!r}, timeout=1)")
        stream.listen()
        driven.passes(f"server.wait_for_open_unix_socket({path!r})")
    os.remove(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram:
        datagram.bind(path)
        driven.passes(f"server.wait_for_open_unix_socket({path!r}, is_datagram=True)")
        assert "action timed out" in driven.fails(f"server.wait_for_open_unix_socket({path!r}, timeout=1)")


def test_sleep(driven: Driven) -> None:
    start = time.monotonic()
    driven.passes("server.sleep(1)")
    assert time.monotonic() - start > 1


# ---------------------------------------------------------------- systemd


def test_units(driven: Driven) -> None:
    units = driven.fake / "units"
    (units / "web.service").write_text("ActiveState=active\nDescription=a = b\nempty=\n")
    (units / "bad.service").write_text("ActiveState=failed\n")
    (units / "off.service").write_text("ActiveState=inactive\n")
    driven.passes(
        'server.wait_for_unit("web.service")\nserver.wait_for_job("web.service")\n'
        'server.require_unit_state("web.service")\nserver.require_unit_state("bad.service", "failed")\n'
        'assert server.get_unit_property("web.service", "Description") == "a = b"\n'
        'assert server.get_unit_info("web.service")["empty"] == ""\n'
        'assert server.systemctl("list-jobs") == (0, "No jobs running.\\n")\n'
        'server.start_job("new")\nserver.stop_job("old")'
    )
    assert (units / "new").read_text() == "ActiveState=active\n"
    assert (units / "old").read_text() == "ActiveState=inactive\n"
    start = time.monotonic()
    for script, reason in {
        'server.wait_for_unit("bad.service")': 'unit "bad.service" reached state "failed"',
        'server.wait_for_unit("off.service")': 'unit "off.service" is inactive and there are no pending jobs',
        'server.wait_for_unit("none.service")': 'systemctl show of unit "none.service" failed with exit code 4',
        'server.require_unit_state("bad.service")': "to be in state 'active' but it is in state 'failed'",
        'server.get_unit_property("web.service", "X")': 'unit "web.service" has no property "X"',
    }.items():
        said = driven.fails(script)
        assert reason in said
        assert f"test/test.py:1: {script}" in said
    assert time.monotonic() - start < 20, "none of these waits"
    assert "journal of the unit" in driven.fails('server.wait_for_unit("bad.service")')
    (driven.fake / "jobs").write_text("1 off.service start waiting\n")
    assert "action timed out" in driven.fails('server.wait_for_unit("off.service", timeout=1)')


# ---------------------------------------------------------------- files


def test_copies_from_a_node(driven: Driven) -> None:
    (driven.root / "logs/a b").mkdir(parents=True)
    (driven.root / "logs/a b/c").write_bytes(b"\0\xff")
    driven.out.mkdir(parents=True)
    (driven.out / "of an earlier run").touch()
    said = driven.passes(
        'server.copy_from_vm("logs/a b")\nserver.copy_from_machine("logs/a b/c", "deep/er")\nprint(os.environ["out"])'
    )
    assert said == f"{driven.out}\n"
    assert (driven.out / "a b/c").read_bytes() == (driven.out / "deep/er/c").read_bytes() == b"\0\xff"
    assert not (driven.out / "of an earlier run").exists()
    said = driven.fails('server.copy_from_vm("nothing")')
    assert "cannot copy nothing from server" in said


def test_copies_to_a_node(driven: Driven, tmp_path: Path) -> None:
    source = tmp_path / "a folder"
    source.mkdir()
    (source / ".x").write_bytes(b"\0\xff" * 200_000)
    (source / ".x").chmod(0o640)
    driven.passes(
        f'server.copy_from_host({str(source)!r}, "deep/er/there")\nserver.copy_from_host({str(source / ".x")!r}, "y")\n'
        f'import pathlib\nserver.copy_from_host_via_shell(pathlib.Path({str(source / ".x")!r}), "deep/er/there")'
    )
    for path in ("deep/er/there/.x", "y"):
        assert (driven.root / path).read_bytes() == b"\0\xff" * 200_000
        assert (driven.root / path).stat().st_mode & 0o777 == 0o640
    driven.root.joinpath("file").touch()
    assert f"cannot copy {source} to server:file/x" in driven.fails(f'server.copy_from_host({str(source)!r}, "file/x")')
    assert "FileNotFoundError" in driven.fails('server.copy_from_host("/no/such", "x")')
    assert not [*(driven.fake / "tmp").iterdir()], "temporary files are gone"


# ---------------------------------------------------------------- life


def test_nodes_are_started_when_they_are_needed(driven: Driven) -> None:
    down = [driven.fake / f"down-{node}" for node in driven.nodes]
    for script in ("start_all()", "server.succeed('true')", "server.start()", "server.wait_until_succeeds('true')"):
        for one in down:
            one.touch()
        driven.passes(script)
        assert not any(one.exists() for one in down)
    driven.fake.joinpath("asked").unlink()
    driven.passes("start_all()\nserver.start()\nassert server.is_up()")
    assert "up" not in driven.fake.joinpath("asked").read_text()
    driven.fake.joinpath("broken").touch()
    down[1].touch()
    assert "not all nodes started: `run up` exits 1: web-1" in driven.fails("start_all()")
    assert "web-1 cannot be started: `run up` exits 1" in driven.fails("web_1.succeed('true')")


def test_shutdown(driven: Driven) -> None:
    driven.passes(
        "server.shutdown()\nassert not server.is_up()\nserver.shutdown()\nserver.wait_for_shutdown()\n"
        "assert web_1.is_up()\nserver.start()\nassert server.is_up()"
    )
    assert "action timed out" in driven.fails("server.wait_for_shutdown(timeout=1)")
    # A machine that has not quite stopped makes the first `up` fail.
    text = driven.run.read_text()
    driven.run.write_text(text.replace("\nup)\n", "\nup)\n    mkdir $fake/once 2>/dev/null && exit 1\n"))
    driven.passes("server.shutdown()\nserver.start()")
    assert driven.fake.joinpath("once").exists()


def test_reboot(driven: Driven) -> None:
    driven.passes("server.reboot()\nserver.succeed('true')")
    assert driven.fake.joinpath("boot").read_text() != "1\n"
    assert "up server" not in driven.fake.joinpath("asked").read_text()
    driven.fake.joinpath("hangs").touch()
    assert "action timed out" in driven.fails("server.reboot(timeout=2)")


def test_a_container_is_stopped_and_started(driven: Driven) -> None:
    driven.fake.joinpath("container").touch()
    # Init is the same here before and after, so it must be waited for in vain.
    driven.fails("server.reboot(timeout=1)")
    assert "up server" in driven.fake.joinpath("asked").read_text()


def test_a_node_that_is_away_for_a_while_is_waited_for(driven: Driven) -> None:
    script = (
        'server.succeed("true")\nopen("../nodes/down-server", "w").close()\n'
        'import threading\nthreading.Timer(2, os.remove, ["../nodes/down-server"]).start()\n'
        'server.wait_until_succeeds("true")'
    )
    done = driven.play(script)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("server does not answer") == 1


@pytest.mark.parametrize("method", ["screenshot", "send_key", "get_screen_text", "crash", "wait_for_console_text"])
def test_what_wants_nixos_own_qemu_is_refused(driven: Driven, method: str) -> None:
    said = driven.fails(f"server.succeed('true')\nserver.{method}('x')")
    assert f"server.{method}: nodes are reached by `run` alone, which has no " in said
    assert f"test/test.py:2: server.{method}('x')" in said


def test_a_misspelled_method(driven: Driven) -> None:
    assert "AttributeError: a node has no method sucede" in driven.fails("server.sucede('true')")


def test_block_is_refused_where_the_node_has_no_such_address(driven: Driven) -> None:
    need("ip")
    said = driven.fails("server.block()")
    assert "no device has the address" in said
    assert "server.block: not possible on this node" in said
