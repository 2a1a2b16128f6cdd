"""Test scripts against containers of the stand-in image, through the docker flavour's `run test`."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import docker_environments as make
import pytest
from docker_engines import USER, Bundle, Engine

from nxcc.emit.description import description
from nxcc.emit.testscripts import test_files as files_of
from nxcc.model.environment import Test as Script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import CompletedProcess

pytestmark = pytest.mark.docker

RIGHT = """
start_all()
server.wait_for_open_port(80)
with subtest("names"):
    for node in machines:
        node.wait_for_unit("multi-user.target")
        assert node.succeed("hostname").strip() == node.name
        node.succeed("ping -c 1 -W 5 server", "getent hosts broken-1")
with subtest("units"):
    assert server.get_unit_property("standin-serve.service", "SubState") == "running"
    before = server.succeed("systemctl show --property MainPID standin-serve.service")
    server.succeed("systemctl restart standin-serve.service")
    server.wait_for_open_port(80)
    assert server.succeed("systemctl show --property MainPID standin-serve.service") != before
    broken_1.require_unit_state("standin-broken.service", "failed")
    server.stop_job("standin-serve.service")
    server.wait_for_closed_port(80)
with subtest("files"):
    server.succeed("mkdir -p '/run/a b'; head -c 3000000 /dev/urandom >'/run/a b/c'")
    server.copy_from_vm("/run/a b", "logs")
    server.copy_from_host(os.environ["out"] + "/logs/a b/c", "/srv/new folder/c")
    server.succeed("cmp '/run/a b/c' '/srv/new folder/c'")
    server.wait_for_file("'/srv/new folder/c'")
    assert server.execute("echo out; echo err >&2; exit 3") == (3, "out\\n")
    assert server.execute("sleep 100", timeout=1)[0] == 124
    server.fail("pgrep -f '[s]leep 100'")
    # What is left behind holds nothing up.
    server.succeed("sleep 300 >/dev/null &")
"""
WRONG = """
server.wait_for_unit("multi-user.target")
with subtest("broken"):
    broken_1.wait_for_unit("standin-broken.service")
"""
LIFE = """
server.succeed("echo kept >/root/kept", "touch /run/gone")
server.reboot()
server.succeed("grep kept /root/kept")
server.fail("test -e /run/gone")
server.wait_for_unit("multi-user.target")
broken_1.shutdown()
broken_1.succeed("hostname")
"""
BLOCKED = """
server.succeed("ping -c 1 -W 5 broken-1")
before = broken_1.succeed("ip route")
broken_1.block()
server.fail("ping -c 1 -W 2 broken-1")
broken_1.unblock()
server.wait_until_succeeds("ping -c 1 -W 5 broken-1", timeout=200)
assert broken_1.succeed("ip route") == before
server.block()
"""
SCRIPTS = {"": RIGHT, "wrong": WRONG, "life": LIFE, "blocked": BLOCKED, "crash": "server.crash()"}


@pytest.fixture(scope="module")
def pair(engine: Engine) -> Iterator[Bundle]:
    """A server and a node with a unit that fails; not started."""
    folder = Path(tempfile.mkdtemp(prefix="nxcc-docker-"))
    made = make.environment(
        "driven",
        make.role("broken", 1)._replace(nodes=(make.role("broken-1").nodes[0]._replace(role="broken"),)),
        make.role("server", ready=(make.ready("unit", "multi-user.target"),)),
        links=(make.link("broken", "server", delay=1.0),),
        tests=tuple(Script(name, script, make.SPAN) for name, script in SCRIPTS.items()),
    )
    bundle = Bundle(engine, folder / "driven", made, USER)
    (bundle.folder / "environment.json").write_text(description(made))
    for file in files_of(made, {}):
        path = bundle.folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER)
    try:
        # This kernel may lack the queues of links; the right to change its network is what the node gets by it.
        bundle.up("--ignore-links")
        yield bundle
    finally:
        down = bundle.run("down", "--all")
        state = bundle.state.exists()
        shutil.rmtree(folder)
    assert down.returncode == 0, down.stderr
    assert not state


def test_a_right_script_passes(pair: Bundle) -> None:
    done = pair.run("test")
    assert done.returncode == 0, done.stderr
    *_, names, units, files, last = done.stderr.splitlines()
    assert [line.split()[0] for line in (names, units, files)] == ["ok"] * 3
    assert last.startswith("test/test.py passed after ")
    assert (pair.state / "docker/test/test/logs/a b/c").stat().st_size == 3_000_000
    phases = json.loads((pair.state / "phases.json").read_text())
    assert phases[-1]["phase"] == "test"
    assert phases[-1]["seconds"] > 1


def test_a_wrong_one_fails_with_its_line(pair: Bundle) -> None:
    start = time.monotonic()
    done = pair.run("test", "wrong")
    assert time.monotonic() - start < 300, "a unit that has failed is not waited for"
    assert done.returncode == 1
    assert 'test/wrong.py:4: broken_1.wait_for_unit("standin-broken.service")' in done.stderr
    assert 'unit "standin-broken.service" reached state "failed"' in done.stderr
    assert "Traceback" not in done.stderr


def test_nodes_reboot(pair: Bundle) -> None:
    passed(pair.run("test", "--ignore-links", "life"))


def test_nodes_are_cut_off(pair: Bundle) -> None:
    done = pair.run("test", "blocked")
    # The server may not change its network: only that last line fails.
    assert "test/blocked.py:9: server.block()" in done.stderr, done.stderr
    assert "server.block: not possible on this node" in done.stderr


def test_a_crash_is_refused(pair: Bundle) -> None:
    done = pair.run("test", "crash")
    assert (done.returncode, "server.crash: nodes are reached by `run` alone" in done.stderr) == (1, True)


def test_wrong_usage(pair: Bundle) -> None:
    done = pair.run("test", "none")
    assert done.returncode == 2
    assert "no test is called none; there are: test, wrong, life, blocked, crash" in done.stderr
    assert "driver.py --run" in pair.run("--dry-run", "test").stdout


def passed(done: CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
