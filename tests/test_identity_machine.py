"""Who a node is, under systemd in QEMU: every source of the nodes file, and what is missing or broken never blocks."""

from __future__ import annotations

import io
import subprocess
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from machines import Machine, Role, built
from tools import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., Machine]

pytestmark = pytest.mark.slow

NODES = "# of the tests\n192.168.77.1 server server\n\n192.168.77.2 agent1 agent\n- agent2 agent\n"
# A card of its own between QEMU's own network and none: it has the address that nxcc.net= gives it.
MAC = "52:54:00:00:00:02"
CARD = ["-netdev", "hubport,hubid=0,id=nodes", "-device", f"virtio-net-pci,netdev=nodes,mac={MAC}"]
NET = f"nxcc.net={MAC},192.168.77.2/24"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a machine with a nodes file and an archive over fw_cfg, where given; ends it after the test."""
    result = built(tmp_path / "result", {"agent": Role(secrets=["token"])})
    made: list[Machine] = []

    def new(*parameters: str, nodes: bytes | None = None, archive: bytes | None = None) -> Machine:
        options = list(CARD)
        for name, content in {"nodes": nodes, "host": archive}.items():
            if content is not None:
                (tmp_path / name).write_bytes(content)
                options += ["-fw_cfg", f"name=opt/nxcc/{name},file={tmp_path / name}"]
        made.append(Machine(tmp_path / "machine", result, "agent", *parameters, options=options))
        return made[-1]

    yield new
    for one in made:
        one.stop()


def archive(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.mode = 0o600
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def test_delivered_by_qemu(start: Start, tmp_path: Path) -> None:
    """The name comes from the address; hosts, keys, the host key and secrets are there."""
    subprocess.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "host_key")], check=True)
    private, public = (tmp_path / "host_key").read_bytes(), (tmp_path / "host_key.pub").read_bytes()
    delivered = {"secrets/token": b"s3cret", "ssh_host_ed25519_key": private, "ssh_host_ed25519_key.pub": public}
    machine = start(NET, nodes=NODES.encode(), archive=archive(delivered))
    machine.wait("nxcc-ready")
    assert machine.succeed("hostname; cat /run/nxcc/node /run/nxcc/role").split() == ["agent1", "agent1", "agent"]
    hosts = machine.succeed("cat /etc/hosts").splitlines()
    assert hosts[:2] == ["192.168.77.1 server", "192.168.77.2 agent1"]
    assert "127.0.0.1 localhost" in hosts
    assert machine.succeed("cat /run/nxcc/peers") == "192.168.77.1\n"
    assert machine.succeed("getent hosts server").split() == ["192.168.77.1", "server"]
    assert "192.168.77.2/24" in machine.succeed("ip -o -4 address show").split()
    assert machine.succeed("cat /run/nxcc/secrets/token; stat -c ' %a %U %G' /run/nxcc/secrets/token") == (
        "s3cret 400 root root\n"
    )
    assert machine.succeed("stat -c '%a %U' /run/nxcc/host; stat -f -c %T /run/nxcc/host /run/nxcc/secrets") == (
        "700 root\ntmpfs\ntmpfs\n"
    )
    assert machine.succeed("cat /etc/ssh/ssh_host_ed25519_key.pub").encode() == public
    scanned = subprocess.run(
        [need("ssh-keyscan"), "-t", "ed25519", "-p", str(machine.port), "127.0.0.1"],
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert public.split()[1] in scanned.stdout
    assert machine.succeed("systemctl --failed --plain --no-legend") == ""
    # Journal and console tell.
    said = machine.succeed("journalctl -b -o cat -u nxcc-identity")
    for part in ("by address 192.168.77.2", "host name: agent1", "opt/nxcc/nodes/raw", "secrets/token"):
        assert part in said
        assert part in machine.says()
    assert "s3cret" not in said + machine.says()


def test_provision(start: Start) -> None:
    """Nothing was delivered: the machine waits, takes over ssh what makes it a node, and waits again after a reboot."""
    machine = start(NET, "systemd.unit=nxcc-provision.target")
    for round_ in range(2):
        machine.wait("systemctl is-active nxcc-provision.target")
        state = machine.ssh("systemctl is-active sshd nxcc-provision.target multi-user.target nxcc-secrets").stdout
        assert state.split() == [b"active", b"active", b"inactive", b"inactive"]
        assert machine.succeed("test -e /run/nxcc/node || echo none") == "none\n"
        boot = machine.succeed("cat /proc/sys/kernel/random/boot_id")
        if round_ == 0:
            delivered = archive({"nodes": NODES.encode(), "secrets/token": b"s3cret"})
            machine.succeed("nxcc-identity receive agent1", delivered)
            machine.succeed("systemctl start default.target")
            machine.wait("nxcc-ready")
            seen = machine.succeed("hostname; cat /run/nxcc/role /run/nxcc/secrets/token; getent hosts server")
            assert seen.split() == ["agent1", "agent", "s3cret192.168.77.1", "server"]
            assert machine.succeed("systemctl --failed --plain --no-legend") == ""
            machine.ssh("systemctl reboot")
            machine.wait(f"test $(cat /proc/sys/kernel/random/boot_id) != {boot.strip()}")


@pytest.mark.parametrize(
    ("nodes", "parameters", "says", "name"),
    [
        (b"\x00\xff garbage\nno line of it is one\n", ["nxcc.node=agent1"], "broken", "agent1"),
        (b"192.168.77.9 other agent\n", [], "does not name this node", None),
    ],
    ids=["broken", "another's"],
)
def test_never_blocks(start: Start, nodes: bytes, parameters: list[str], says: str, name: str | None) -> None:
    """A nodes file that is of no use is named on the console; the boot goes on, and root can log in to look."""
    began = time.monotonic()
    machine = start(NET, *parameters, nodes=nodes, archive=b"no archive at all")
    machine.wait("systemctl is-active multi-user.target || systemctl list-jobs | grep -q nxcc-secrets")
    assert time.monotonic() - began < 90
    assert says in machine.says()
    assert "archive is empty or broken" in machine.says()
    assert machine.ssh("systemctl is-failed nxcc-identity").stdout == b"failed\n"
    assert machine.ssh("cat /run/nxcc/node").stdout.decode().split() == ([name] if name else [])
    # What is delivered later is taken, and the unit that waited for it goes on.
    # (Its exit code tells that what QEMU has is still broken.)
    machine.ssh("nxcc-identity receive agent1", archive({"nodes": NODES.encode(), "secrets/token": b"later"}))
    machine.wait("nxcc-ready")
    assert machine.succeed("hostname; cat /run/nxcc/secrets/token").split() == ["agent1", "later"]
