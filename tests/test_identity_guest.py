"""The node's identity in a QEMU guest with busybox: real fw_cfg, kernel parameters, network cards and host name.

See tests/guest/identity for what the guest does.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from guests import HERE, boot
from identity_nodes import BASE, BASE_LEFT, HOSTS, KEY, NODES, SCRIPT, pack

pytestmark = pytest.mark.slow

# QEMU's own network first, then that of the nodes; their order is not what tells them apart.
MACS = ("52:54:00:00:00:01", "52:54:00:00:00:02")


class Guest:
    """What a guest said."""

    def __init__(self, folder: Path, parameters: str, items: dict[str, bytes]) -> None:
        options = []
        for number, mac in enumerate(MACS):
            options += ["-netdev", f"hubport,id=net{number},hubid={number}"]
            options += ["-device", f"e1000,netdev=net{number},mac={mac}"]
        for name, content in items.items():
            (folder / name).write_bytes(content)
            options += ["-fw_cfg", f"name=opt/nxcc/{name},file={folder / name}"]
        files = {"identity.sh": SCRIPT, "base": BASE.encode()}
        self.console = boot(folder, HERE / "identity", [], files, 120, options, parameters)
        self.values = dict(line[1:].partition(" ")[::2] for line in self.console if line.startswith("@"))
        assert self["end"] == "0", "\n".join(self.console)

    def __getitem__(self, name: str) -> str:
        assert name in self.values, "\n".join(self.console)
        return self.values[name].strip()

    def run(self, name: str) -> tuple[int, float]:
        """Exit code and seconds of a run."""
        code, after, before = self[name].split()
        return int(code), float(after) - float(before)

    def says(self, text: str) -> bool:
        return any(line.startswith("nxcc-identity: ") and text in line for line in self.console)


def one_line(text: str) -> str:
    return text.replace("\n", ";")


def test_all_that_qemu_gives(tmp_path: Path) -> None:
    host = pack({"secrets/token": "hidden", "ssh_host_ed25519_key": "private", "authorized_keys": "ssh-rsa AAAA me"})
    items = {"nodes": NODES.encode(), "host": host}
    guest = Guest(tmp_path, f"nxcc.key={KEY} nxcc.net={MACS[1]},10.1.0.1/24", items)
    assert guest.run("boot")[0] == 0, guest.console
    # The name follows from the address.
    assert (guest["hostname"], guest["node"], guest["role"]) == ("web1", "web1;", "web;")
    assert guest["hosts"] == one_line(HOSTS + BASE_LEFT)
    assert guest["peers"] == "10.1.0.2;10.1.0.3;"
    assert guest["nodes"] == one_line(NODES)
    assert guest["authorized_keys/root"] == f"ssh-ed25519 {KEY} nxcc;ssh-rsa AAAA me;"
    assert guest["host/secrets/token"] == "hidden"
    assert guest["key"] == "600 private"
    assert "inet 10.1.0.1/24 brd 10.1.0.255" in guest[MACS[1]]
    assert "inet" not in guest[MACS[0]]
    assert guest.run("again")[0] == 0
    assert guest["same"] == "yes"


def test_what_is_broken_does_not_stop_the_rest(tmp_path: Path) -> None:
    items = {"nodes": b"\0\xff" * 2000, "host": b"no archive" * 1000}
    guest = Guest(
        tmp_path, f"nxcc.node=web1 nxcc.key=AAAA nxcc.net=52:54:00:00:00:99,10.1.0.1/24 nxcc.key={KEY}", items
    )
    code, seconds = guest.run("boot")
    assert code == 1
    # The card is waited for, ten seconds by the guest's clock.
    assert 9 < seconds < 20
    assert guest.says("there is no network card 52:54:00:00:00:99")
    assert guest.says("the archive is empty or broken")
    assert guest.says("is broken: it has no line")
    assert guest.says("nxcc.key=AAAA is no ed25519 public key")
    assert (guest["hostname"], guest["node"], guest["hosts"]) == ("web1", "web1;", one_line(BASE))
    assert guest["authorized_keys/root"] == f"ssh-ed25519 {KEY} nxcc;"
    assert guest["same"] == "yes"


def test_nothing_at_all(tmp_path: Path) -> None:
    guest = Guest(tmp_path, "", {})
    code, seconds = guest.run("boot")
    assert code == 0
    assert seconds < 5
    assert guest.says("there is no nodes file")
    assert (guest["hostname"], guest["node"], guest["hosts"]) == ("(none)", "", one_line(BASE))
