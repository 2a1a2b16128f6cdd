"""Three nodes of two roles, brought up once: names, order, sizes, links, secrets, tests, and what happens to a node."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import urllib.request
from typing import TYPE_CHECKING

import pytest
from clusters import times, within
from machines import Role, free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from clusters import Bundle

pytestmark = pytest.mark.slow

SOURCE = """
environment trio "three nodes of two roles"
secret token "one that all share"
role server {
  resources { cpus 2; memory 448MiB; disk 1GiB }
  environment.etc.token-at.text = secret.token
  publish 8080:80
  ready unit web.service
  ready port 80
}
role agent[2] {
  flavour vm-ramdisk { restrict false }
  after server
  environment.etc.token-at.text = secret.token
  resources { memory 384MiB }
}
link agent -> server { delay 60ms }
test \"\"\"
  server.wait_for_unit("web.service")
  server.wait_for_open_port(80)
  for agent in [agent1, agent2]:
      assert agent.succeed("hostname").startswith("agent")
      agent.succeed("ping -c 1 -w 60 server")
  \"\"\"
test "wrong" \"\"\"
  agent1.succeed("true")
  agent1.succeed("grep nothing /etc/hosts")
  \"\"\"
"""
WEB = """[Unit]
Description=Answers on port 80 once it is told to go
After=network.target

[Service]
Type=notify
NotifyAccess=all
TimeoutStartSec=infinity
ExecStartPre=/bin/sh -c 'until [ -e /var/go ]; do sleep 0.5; done'
ExecStartPre=iptables -I nixos-fw -p tcp --dport 80 -j ACCEPT
ExecStart=/bin/sh -c 'hostname >/run/name; systemd-notify --ready; exec busybox httpd -f -p 80 -h /run'

[Install]
WantedBy=multi-user.target
"""
ROLES = {
    "server": Role(ready=[("unit", "web.service"), ("port", "80")], units={"web.service": WEB}, secrets=["token"]),
    "agent": Role(secrets=["token"], links=["-", "delay 60ms limit 100000", "server"]),
}
NODES = ["server", "agent1", "agent2"]


@pytest.fixture(scope="module")
def trio(cluster: Callable[..., Bundle]) -> Bundle:
    return cluster(SOURCE, ROLES)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def up(trio: Bundle, port: int) -> list[str]:
    """What `up` said while all came up; the server went on only after it was found not to be ready."""
    process = trio.start("up", "--port", f"8080={port}")
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line.rstrip())
        if said[-1] == "server: not ready: web.service is not active":
            assert set(trio.processes()) == {"server"}
            assert trio.states() == {"server": "starting", "agent1": "-", "agent2": "-"}
            trio.on("server", "touch /var/go")
    assert process.wait(timeout=60) == 0, said
    return said


def test_comes_up_in_order(trio: Bundle, up: list[str]) -> None:
    """Agents start once the server is ready, and it is not ready before its conditions hold."""
    position = {line: index for index, line in enumerate(up)}
    assert position["server: not ready: web.service is not active"] < position["server: ready (1 of 3)"]
    assert position["server: ready (1 of 3)"] < position["agent1: starts"]
    assert position["server: ready (1 of 3)"] < position["agent2: starts"]
    ready = (trio.state / "node" / "server" / "ready").stat().st_mtime
    assert all((trio.state / "node" / agent / "pid").stat().st_mtime > ready for agent in ("agent1", "agent2"))
    assert within(120, lambda: trio.states() == dict.fromkeys(NODES, "ready"))
    phases = [(one["phase"], one["flavour"]) for one in json.loads((trio.state.parent / "phases.json").read_text())]
    assert phases == [("deploy", "vm-ramdisk"), ("provision", "vm-ramdisk")]


def test_names(trio: Bundle, up: list[str]) -> None:
    """Every node has its name, resolves the others and reaches them, through the firewall where that matters."""
    for node in NODES:
        others = [other for other in NODES if other != node]
        pings = "; ".join(f"ping -q -c 1 -w 60 {other} >/dev/null && echo {other}" for other in others)
        assert trio.on(node, f"hostname; {pings}").split() == [node, *others]
    assert trio.on("agent1", "busybox wget -q -O - http://server/name") == "server"
    # A port that no rule but that of the peers opens.
    trio.on("server", "systemd-run --quiet sh -c 'busybox nc -l -p 4000 >/run/got'")
    assert within(120, lambda: ":4000 " in trio.on("server", "ss -Hltn"))
    trio.on("agent2", "echo hello | busybox nc -w 60 server 4000")
    assert within(120, lambda: trio.on("server", "cat /run/got") == "hello")


def test_sizes(trio: Bundle, up: list[str]) -> None:
    """Processors, memory and disks are as the roles ask for, read inside the guests."""
    disk = "cat /sys/block/vda/serial; echo; cat /sys/block/vda/size"
    seen = f"nproc; sed -n 's/MemTotal: *//p' /proc/meminfo; {disk}"
    server = trio.on("server", seen).split()
    agent = trio.on("agent1", f"{seen} 2>/dev/null || :").split()
    assert (server[0], agent[0]) == ("2", "1")
    # The kernel keeps some for itself.
    assert 448 * 1024 * 0.8 < int(server[1]) < 448 * 1024
    assert 384 * 1024 * 0.8 < int(agent[1]) < 384 * 1024
    assert server[3:5] == ["nxcc-root", str(1024**3 // 512)]
    assert "nxcc-root" not in agent
    # What is written to the root goes to the disk: more than a tmpfs of this memory holds.
    trio.on("server", "dd if=/dev/zero of=/var/big bs=1M count=300 conv=fsync 2>/dev/null; rm /var/big")
    (disk_file,) = (trio.state / "node" / "server").glob("disk.*w*")
    assert 250 * 1024**2 < disk_file.stat().st_blocks * 512 < 500 * 1024**2


def test_link(trio: Bundle, up: list[str]) -> None:
    """Agents reach the server with the delay of the link, each other without."""
    # A machine that has much to do adds what it will: the quickest trip says most.
    quickest = []

    def trips(other: str) -> float:
        quickest.append(min(times(trio.on("agent1", f"ping -c 8 -i 0.2 {other}"))))
        return quickest[-1]

    assert within(120, lambda: trips("server") < 100), quickest
    assert min(quickest) > 60, quickest
    assert within(120, lambda: trips("agent2") < 40), quickest


def test_secrets(trio: Bundle, up: list[str]) -> None:
    """The same on all nodes, for root alone, on a tmpfs; nowhere in the bundle, on a command line or a console."""
    look = "cat /run/nxcc/secrets/token; stat -c ' %a %U' /run/nxcc/secrets/token; stat -f -c %T /run/nxcc/secrets"
    secret = (trio.state / "secrets" / "token").read_text()
    for node in NODES:
        assert trio.on(node, look).split() == [secret, "400", "root", "tmpfs"]
        assert secret not in trio.succeed("logs", node)
    assert all(secret not in " ".join(process.words) for process in trio.processes().values())


def test_ssh_config(trio: Bundle, up: list[str]) -> None:
    """A plain ssh takes the configuration that `up` wrote, and trusts no other host key."""
    done = subprocess.run(
        ["ssh", "-F", str(trio.state / "ssh_config"), "-o", "BatchMode=yes", "agent2", "hostname"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.returncode) == ("agent2\n", 0), done.stderr
    assert trio.run("ssh", "server", "exit 7").returncode == 7


def test_published(trio: Bundle, up: list[str], port: int) -> None:
    """A port of the server's answers at this machine."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/name", timeout=60) as answer:
        assert answer.read() == b"server\n"


def test_restrict(trio: Bundle, up: list[str]) -> None:
    """Nodes of a role that is let out reach this machine, others do not; what leads to those works (test_published)."""
    with socket.create_server(("127.0.0.1", 0)) as outside:
        threading.Thread(target=greet, args=(outside,), daemon=True).start()
        ask = f"busybox nc -w 60 10.0.2.2 {outside.getsockname()[1]} </dev/null"
        assert trio.on("agent1", ask) == "reached"
        done = trio.run("ssh", "server", ask)
        assert (done.returncode, done.stdout, "refused" in done.stderr) == (1, "", True), done


def greet(server: socket.socket) -> None:
    """Says to one that connects that it did."""
    with server.accept()[0] as one:
        one.sendall(b"reached")


def test_console(trio: Bundle, up: list[str]) -> None:
    """Root is logged in on the serial console."""
    with subprocess.Popen(
        [str(trio.script), "console", "agent1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as console:
        assert console.stdin
        assert console.stdout
        # It ends when nothing is to be sent and nothing comes any more: not before the answer.
        alarm = threading.Timer(120, console.kill)
        alarm.start()
        console.stdin.write(b"\necho it is $((40 + 2)) on $(hostname)\n")
        console.stdin.flush()
        said = b""
        while b"it is 42 on agent1" not in said and (more := os.read(console.stdout.fileno(), 4096)):
            said += more
        console.stdin.close()
        assert console.wait() == 0, said
        alarm.cancel()


def test_fetch(trio: Bundle, up: list[str]) -> None:
    """Files of a node's come here."""
    trio.succeed("fetch", "agent1:/run/nxcc/nodes", "fetched")
    assert (trio.folder / "fetched" / "nodes").read_text() == (trio.script.parent / "nodes").read_text()


def test_test_script(trio: Bundle, up: list[str]) -> None:
    """The environment's test passes; a wrong one fails, and says in which line."""
    assert trio.run("test", timeout=900).returncode == 0
    done = trio.run("test", "wrong", timeout=900)
    assert done.returncode == 1
    wrong = 'agent1.succeed("grep nothing /etc/hosts")'
    written = (trio.script.parent.parent / "test" / "wrong.py").read_text().splitlines()
    number = next(number for number, line in enumerate(written, 1) if line.strip() == wrong)
    assert f"test/wrong.py:{number}: {wrong}" in done.stderr.splitlines()


def test_up_again(trio: Bundle, up: list[str]) -> None:
    """`up` on nodes that run changes nothing and takes no time."""
    before = {node: process.pid for node, process in trio.processes().items()}
    assert len(before) == 3
    done = trio.run("up")
    assert done.returncode == 0, done.stderr
    assert {node: process.pid for node, process in trio.processes().items()} == before


def test_killed(trio: Bundle, up: list[str]) -> None:
    """A node that was killed shows in `status`, and `up` brings it back, its disk as it was."""
    trio.on("server", "echo kept >/var/kept; sync")
    os.kill(trio.processes()["server"].pid, signal.SIGKILL)
    assert within(60, lambda: "server" not in trio.processes())
    assert within(120, lambda: trio.states() == {"server": "killed", "agent1": "ready", "agent2": "ready"})
    assert re.search("server does not run", trio.refused("ssh", "server", "true", code=1))
    agents = {node: process.pid for node, process in trio.processes().items()}
    trio.succeed("up", "server", timeout=1000)
    assert within(120, lambda: trio.states() == dict.fromkeys(NODES, "ready"))
    assert agents.items() <= {node: process.pid for node, process in trio.processes().items()}.items()
    assert trio.on("server", "cat /var/kept; hostname") == "kept\nserver"
    assert trio.on("agent1", "ping -q -c 1 -w 60 server >/dev/null && echo reached") == "reached"


def test_down(trio: Bundle, up: list[str]) -> None:
    """The last: no process, no sockets, no disks are left; keys, secrets and the known hosts are."""
    sockets = trio.sockets()
    assert sockets.is_dir()
    trio.succeed("down")
    assert trio.processes() == {}
    assert not sockets.exists()
    assert not (trio.state / "node").exists()
    assert (trio.state / "secrets" / "token").exists()
    assert trio.states() == dict.fromkeys(NODES, "-")
    trio.succeed("down")
    trio.succeed("down", "--all")
    assert not trio.state.exists()
