"""Three nodes of the stand-in image, started by `run up` as a user who is not root, on cgroup v1 and on cgroup v2."""

from __future__ import annotations

import datetime
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import docker_environments as make
import pytest
from docker_engines import USER, Bundle, Engine

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.docker

PORT = 18080


@pytest.fixture(scope="module", params=["machine", "cgroup-v2"])
def trio(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Bundle]:
    """server, agent1 and agent2, ready."""
    if request.param == "cgroup-v2" and engine.cgroup == 2:
        pytest.skip("the machine's own engine has cgroup v2")
    used = engine if request.param == "machine" else request.getfixturevalue("engine2")
    folder = Path(tempfile.mkdtemp(prefix="nxcc-docker-"))
    # An engine in namespaces of its own has no memory and cpu controllers: they are bound to the machine's v1.
    bundle = Bundle(used, folder / "trio", make.three_nodes(port=PORT, limits=used is engine), USER)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER)
    try:
        bundle.up()
        yield bundle
    finally:
        project = bundle.project
        down = bundle.run("down", "--all")
        left = bundle.left(project)
        state = bundle.state.exists()
        shutil.rmtree(folder)
    assert down.returncode == 0, down.stderr
    assert not left
    assert not state


def test_systemd_runs_in_every_node(trio: Bundle) -> None:
    for node in ("server", "agent1", "agent2"):
        assert trio.ssh(node, "systemctl is-system-running") == "running"
        assert trio.ssh(node, "hostname") == node


def test_the_cgroup_file_is_the_right_one(trio: Bundle) -> None:
    case = "cgroup-v1" if trio.engine.cgroup == 1 else "cgroup-v2"
    assert f"docker-compose.{case}" in trio.run("--dry-run", "compose", "ps").stdout


def test_nodes_leave_the_hosts_cgroups_alone(trio: Bundle) -> None:
    if trio.engine.cgroup == 1:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
        assert all(mount[3].startswith("rw") for mount in mounts if mount[1].startswith("/sys/fs/cgroup"))


def test_names_resolve(trio: Bundle) -> None:
    for node in ("server", "agent1", "agent2"):
        for peer in ("server", "agent1", "agent2"):
            assert trio.ssh(node, f"getent hosts {peer}").split()[1] == peer
        assert "0% packet loss" in trio.ssh(node, "ping -c 1 -W 5 server")
    assert trio.ssh("agent1", "cat /run/nxcc/nodes").splitlines() == [
        "- server server",
        "- agent1 agent",
        "- agent2 agent",
    ]


def test_after_waits_for_ready(trio: Bundle) -> None:
    state = json.loads(trio.engine.docker("inspect", "--format", "{{json .State}}", trio.container("server")))
    assert state["Health"]["Status"] == "healthy"
    # The stand-in's server listens no earlier than four seconds after its boot.
    started = trio.engine.docker("inspect", "--format", "{{.State.StartedAt}}", trio.container("server"))
    for agent in ("agent1", "agent2"):
        other = trio.engine.docker("inspect", "--format", "{{.State.StartedAt}}", trio.container(agent))
        assert _moment(other) - _moment(started) > datetime.timedelta(seconds=4)


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text[:19])


def test_a_published_port_answers_on_127_0_0_1_and_nowhere_else(trio: Bundle, engine: Engine) -> None:
    if trio.engine is not engine:
        pytest.skip("its ports are in another network namespace")
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"server"
    others = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split()
    addresses = [address for address in others if ":" not in address]
    assert addresses
    for address in addresses:
        with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
            socket.create_connection((address, PORT), timeout=3)


def test_limits(trio: Bundle, engine: Engine) -> None:
    if trio.engine is not engine:
        pytest.skip("this engine has no controllers for limits")
    for node, memory, cpus in (("server", 268435456, 0.5), ("agent2", 134217728, 1)):
        format_ = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}"
        asked = trio.engine.docker("inspect", "--format", format_, trio.container(node)).split()
        assert asked == [str(memory), str(int(cpus * 1e9))]
        if trio.engine.cgroup == 1:
            assert trio.ssh(node, "cat /sys/fs/cgroup/memory/memory.limit_in_bytes") == str(memory)
            quota, period = trio.ssh(node, "cd /sys/fs/cgroup/cpu; cat cpu.cfs_quota_us cpu.cfs_period_us").split()
        else:
            assert trio.ssh(node, "cat /sys/fs/cgroup/memory.max") == str(memory)
            quota, period = trio.ssh(node, "cat /sys/fs/cgroup/cpu.max").split()
        assert int(quota) / int(period) == cpus


def test_a_secret_is_readable_by_root_alone(trio: Bundle) -> None:
    """The files on this machine belong to uid 1000: a user of that number in a node must get at none of them."""
    mine = trio.state / "docker" / "secrets" / "token"
    assert (mine.stat().st_uid, mine.stat().st_mode & 0o777) == (USER, 0o400)
    assert trio.state.stat().st_mode & 0o777 == 0o700
    secret = mine.read_text()
    assert len(secret) == 43
    assert not set(secret) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    for node in ("server", "agent1"):
        for path in ("/run/nxcc/secrets/token", "/run/nxcc/host/secrets/token"):
            assert trio.ssh(node, f"cat {path}") == secret
            read = ["docker", "exec", "-u", f"{USER}:{USER}", trio.container(node), "cat", path]
            done = subprocess.run(read, env=trio.engine.environment(), capture_output=True, text=True, check=False)
            assert done.returncode != 0
            assert "Permission denied" in done.stderr
        assert trio.ssh(node, "stat -c '%u %g %a' /run/nxcc/secrets/token /run/nxcc/secrets") == "0 0 400\n0 0 700"
    assert (
        trio.ssh("agent1", "ssh-keygen -y -f /run/nxcc/secrets/deploy-key").split()[:2]
        == (trio.ssh("agent1", "cat /run/nxcc/secrets/deploy-key.pub").split()[:2])
    )
    # What a role does not use, its nodes do not have; and what nobody uses is not made.
    assert trio.ssh("server", "ls /run/nxcc/secrets") == "token"
    assert not mine.with_name("unused").exists()
    assert secret not in trio.engine.docker("inspect", trio.container("server"))


def test_a_secret_outlives_a_restart(trio: Bundle) -> None:
    secret = (trio.state / "docker" / "secrets" / "token").read_text()
    trio.engine.docker("restart", trio.container("agent2"))
    trio.up()
    assert trio.ssh("agent2", "cat /run/nxcc/secrets/token") == secret


def test_a_shared_directory(trio: Bundle) -> None:
    trio.ssh("server", "echo shared > /srv/data/file")
    for agent in ("agent1", "agent2"):
        assert trio.ssh(agent, "cat /mnt/data/file") == "shared"


def test_up_again_changes_nothing(trio: Bundle) -> None:
    before = [trio.container(node) for node in ("server", "agent1", "agent2")]
    started = [trio.engine.docker("inspect", "--format", "{{.State.StartedAt}}", one) for one in before]
    done = trio.up()
    assert "3 of 3 nodes ready" in done.stderr
    assert [trio.container(node) for node in ("server", "agent1", "agent2")] == before
    assert [trio.engine.docker("inspect", "--format", "{{.State.StartedAt}}", one) for one in before] == started


def test_commands_about_single_nodes(trio: Bundle, tmp_path: Path) -> None:
    assert trio.ssh("agent1", "echo 'two  blanks' \"$(id -u)\"") == "two  blanks 0"
    assert trio.run("ssh", "agent1", "exit 7").returncode == 7
    assert "Startup finished" in trio.run("logs", "agent1").stdout
    everything = trio.run("logs").stdout
    assert [line for line in everything.splitlines() if line.startswith("-- ") and len(line) < 12] == [
        "-- server",
        "-- agent1",
        "-- agent2",
    ]
    # A tmpfs, which `docker cp` would not see.
    trio.ssh("server", "mkdir -p '/run/a b/c'; echo fetched > '/run/a b/c/d'")
    os.chmod(trio.folder.parent, 0o777)
    to = trio.folder.parent / "fetched"
    assert trio.run("fetch", "server:/run/a b/", str(to)).returncode == 0
    assert (to / "a b/c/d").read_text() == "fetched\n"
    # What is fetched is for whom the user's umask says, not for the launcher's eyes only.
    mask = os.umask(0o22)
    os.umask(mask)
    assert to.stat().st_mode & 0o777 == 0o777 & ~mask
    lacking = trio.run("fetch", "server:/no/such", str(to))
    assert (lacking.returncode, lacking.stderr) == (1, "docker/run: there is no /no/such on server\n")


def test_status_and_phases(trio: Bundle) -> None:
    rows = [line.split() for line in trio.run("status").stdout.splitlines()]
    assert [row[:2] for row in rows] == [
        ["NODE", "ROLE"],
        ["server", "server"],
        ["agent1", "agent"],
        ["agent2", "agent"],
    ]
    assert all("(healthy)" in row for row in rows[1:])
    assert f"127.0.0.1:{PORT}->80/tcp" in rows[1]
    phases = json.loads((trio.state / "phases.json").read_text())
    assert {phase["phase"] for phase in phases} == {"deploy", "provision"}
    provision = next(phase for phase in phases if phase["phase"] == "provision")
    assert provision["flavour"] == "docker"
    assert 4 < provision["seconds"] < 600
