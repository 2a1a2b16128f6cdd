"""The node's identity, nix/modules/identity.sh: nodes files, names, keys, cards, and what goes wrong with them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from identity_nodes import BASE, BASE_LEFT, HOSTS, KEY, NODES, node, pack
from tools import need

if TYPE_CHECKING:
    from identity_nodes import Machine, Run

__all__ = ["node"]

OWN = """Main:
  +-- 10.1.0.0/24 2 0 2
     |-- 10.1.0.2
        /24 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 10.1.0.1
        /32 host LOCAL
     |-- 10.1.0.255
        /32 link BROADCAST
"""


def test_everything_from_qemu(node: Machine) -> None:
    node.fw_cfg("nodes", NODES)
    node.fw_cfg("host", pack({"secrets/token": "hidden\n", "secrets/key.pub": "public\n"}))
    node.write("cmdline", f"nxcc.key={KEY} a=b nxcc.node=web1 nxcc.key={KEY}\n")
    done = node.run(NXCC_HOSTS_BASE=str(node.write("base", BASE)))
    assert done.code == 0, done.lines
    assert all(line.startswith("nxcc-identity: ") for line in done.lines)
    assert node["nodes"] == NODES
    assert (node["node"], node["role"], node.hostname) == ("web1\n", "web\n", "web1")
    assert node["hosts"] == HOSTS + BASE_LEFT
    assert node["peers"] == "10.1.0.2\n10.1.0.3\n"
    assert node["authorized_keys/root"] == f"ssh-ed25519 {KEY} nxcc\n" * 2
    assert node["host/secrets/token"] == "hidden\n"
    modes = {name: mode for name, (mode, _) in node.state().items()}
    run = str(node.run_folder)
    assert {modes[f"{run}/{name}"] for name in ("hosts", "peers", "nodes", "node", "role", "authorized_keys/root")} == {
        0o644
    }
    assert modes[f"{run}/authorized_keys"] == 0o755
    assert (node.run_folder.stat().st_mode & 0o7777) == 0o755
    assert {modes[f"{run}/host"], modes[f"{run}/host/secrets"]} == {0o700}
    assert modes[f"{run}/host/secrets/token"] == 0o600
    assert done.says("nodes file: ")
    assert done.says("host name: web1")
    # Nothing else is left there.
    assert {path.name for path in node.run_folder.iterdir()} == {
        *("authorized_keys", "host", "hosts", "node", "nodes", "peers", "role")
    }
    assert [path.name for path in (node.run_folder / "host").iterdir()] == ["secrets"]


def test_a_second_run_gives_the_same(node: Machine) -> None:
    node.fw_cfg("nodes", NODES)
    node.fw_cfg("host", pack({"secrets/token": "t", "ssh_host_ed25519_key": "k", "authorized_keys": "ssh-rsa AAAA"}))
    node.write("cmdline", f"nxcc.node=web2 nxcc.key={KEY}")
    node.run()
    once = node.state()
    done = node.run()
    assert done.code == 0
    assert node.state() == once
    assert done.says("host name: web2 already")
    assert not done.says("host key")


def test_nodes_come_from_what_was_delivered_then_qemu_then_a_mount(node: Machine) -> None:
    for place, address in (("run/nodes", "10.1.0.1"), ("fw_cfg/opt/nxcc/nodes/raw", "10.1.0.2")):
        node.write(place, f"{address} n r\n")
        assert node.run().says("nodes file: " + str(node.folder / place))
        assert node["hosts"].startswith(f"{address} n\n")
    assert node.run("receive", "n", archive=pack({"nodes": "10.1.0.3 n r"})).code == 0
    assert node["hosts"].startswith("10.1.0.3 n\n")
    assert node["nodes"] == "10.1.0.3 n r"
    # What was delivered holds, also for runs without anything new.
    assert node.run().code == 0
    assert node["hosts"].startswith("10.1.0.3 n\n")


def test_the_name_is_what_was_delivered_then_the_kernels_then_by_address(node: Machine) -> None:
    node.fw_cfg("nodes", NODES)
    node.write("fib_trie", OWN)
    by_address = node.run()
    assert (by_address.code, node["node"]) == (0, "web1\n")
    assert by_address.says("node: web1 of role web, by address 10.1.0.1")
    node.write("cmdline", "nxcc.node=web2")
    assert node.run().says("node: web2 of role web, by nxcc.node=")
    # Its own address is no peer's, whatever it is called.
    assert node["peers"] == "10.1.0.3\n"
    assert node.run("receive", "db", archive=pack({"secrets/token": "t"})).says("node: db of role db, by receive")
    assert node.run().says("node: db of role db, by receive")
    assert (node["role"], node.hostname) == ("db\n", "db")


def test_without_a_nodes_file(node: Machine) -> None:
    base = str(node.write("base", BASE))
    done = node.run(NXCC_HOSTS_BASE=base)
    assert done.code == 0
    assert done.says("there is no nodes file")
    assert node["hosts"] == BASE
    assert (node["peers"], node.hostname) == ("", "old")
    assert not node.has("node")
    for missing in ({}, {"NXCC_HOSTS_BASE": "/nonexistent"}):
        assert node.run(**missing).code == 0
        assert node["hosts"] == "127.0.0.1 localhost\n::1 localhost\n"


def test_a_name_without_nodes(node: Machine) -> None:
    node.write("cmdline", "nxcc.node=web1")
    assert node.run().code == 0
    assert (node["node"], node.hostname) == ("web1\n", "web1")
    assert not node.has("role")


@pytest.mark.parametrize("content", ["", "# nothing\n", "web1 10.1.0.1 web\n", "\0\xff\n", "10.1.0.1 web1 web more\n"])
def test_a_broken_nodes_file(node: Machine, content: str) -> None:
    node.fw_cfg("nodes", content)
    node.write("cmdline", "nxcc.node=web1")
    base = str(node.write("base", BASE))
    done = node.run(NXCC_HOSTS_BASE=base)
    assert done.code == 1
    assert done.says("is broken")
    assert (node["hosts"], node["peers"], node.hostname) == (BASE, "", "web1")
    assert not node.has("nodes")
    # The next place may have a better one.
    node.write("run/nodes", NODES)
    done = node.run(NXCC_HOSTS_BASE=base)
    assert done.code == 1
    assert done.says("is broken")
    assert node["hosts"] == HOSTS + BASE_LEFT


# A line of each is no node; the first stands in line 2.
MALFORMED = [
    *("10.1.0 a r", "10.1.0.256 a r", "10.1.0.01 a r", "10.1.0.1. a r", "10.1.0.1.1 a r", "1..2.3 a r", "::1 a r"),
    *("10.1.0.9 a_b r", "10.1.0.9 -a r", "10.1.0.9 a- r", f"10.1.0.9 {'a' * 64} r", "10.1.0.9 $(id) r", "10.1.0.9"),
    *("10.1.0.9 a", "10.1.0.9 a r\r", "10.1.0.9 a r more", "10.1.0.9 a r -", "* * *", "-- a r", "10.1.0.9 a\\ r"),
]


def test_malformed_lines_are_named_and_skipped(node: Machine) -> None:
    node.fw_cfg("nodes", "\n".join(["10.1.0.1 web1 web", *MALFORMED, "", "- web2 web", "10.1.0.3 db db"]))
    node.write("cmdline", "nxcc.node=web1")
    done = node.run()
    assert done.code == 1
    assert [line for line in done.lines if "skipped" in line] == [
        f"nxcc-identity: line {2 + number} of the nodes file is no ADDRESS NAME ROLE: skipped"
        for number in range(len(MALFORMED))
    ]
    assert node["hosts"].startswith("10.1.0.1 web1\n10.1.0.3 db\n127.0.0.1 localhost\n")
    assert node["peers"] == "10.1.0.3\n"


def test_a_nodes_file_that_does_not_name_this_node(node: Machine) -> None:
    node.fw_cfg("nodes", NODES)
    node.write("fib_trie", OWN.replace("10.1.0.1", "10.9.0.1"))
    base = str(node.write("base", BASE))
    done = node.run(NXCC_HOSTS_BASE=base)
    assert done.code == 1
    assert done.says("does not name this node: it has none of its addresses")
    # The own name still resolves, as the role's configuration has it.
    assert node["hosts"] == HOSTS + BASE
    assert node["peers"] == "10.1.0.1\n10.1.0.2\n10.1.0.3\n"
    assert not node.has("node")
    node.write("cmdline", "nxcc.node=cache")
    done = node.run()
    assert done.code == 1
    assert done.says("does not name this node, cache")
    assert node.hostname == "cache"
    assert not node.has("role")


def test_a_node_whose_address_nobody_knows(node: Machine) -> None:
    node.fw_cfg("nodes", "- web1 web\n- web2 web\n10.1.0.3 db db\n")
    node.write("cmdline", "nxcc.node=web1")
    assert node.run(NXCC_HOSTS_BASE=str(node.write("base", BASE))).code == 0
    assert node["hosts"] == "10.1.0.3 db\n" + BASE
    assert (node["role"], node["peers"]) == ("web\n", "10.1.0.3\n")


def test_loopback_lines_keep_their_other_names(node: Machine) -> None:
    node.fw_cfg("nodes", NODES)
    node.write("cmdline", "nxcc.node=db")
    base = "127.0.0.1\tdb localhost # own\n::1\tdb.lan\n127.0.1.1 db other\n127.0.0.2 other\n#127.0.0.1 db\n10.0.0.9 db"
    node.run(NXCC_HOSTS_BASE=str(node.write("base", base)))
    assert node["hosts"] == HOSTS + "127.0.0.1 localhost\n127.0.1.1 other\n#127.0.0.1 db\n10.0.0.9 db\n"


def test_a_host_name_that_cannot_be_set(node: Machine) -> None:
    node.fw_cfg("nodes", NODES)
    node.write("cmdline", "nxcc.node=web1")
    done = node.run(NXCC_HOSTNAME="/nonexistent/hostname")
    assert done.code == 1
    assert done.says("cannot set the host name web1")
    assert node["hosts"].startswith(HOSTS)


@pytest.mark.parametrize("name", ["-a", "a/b", "$(id)"])
def test_kernel_names_that_are_none(node: Machine, name: str) -> None:
    node.write("cmdline", f"nxcc.node={name}")
    done = node.run()
    assert done.code == 1
    assert done.says(f"nxcc.node={name} is no host name")
    assert node.hostname == "old"


@pytest.mark.parametrize(
    "arguments", [["receive"], ["receive", "a b"], ["receive", "a", "b"], ["other"], ["", "a"], [""]]
)
def test_usage(node: Machine, arguments: list[str]) -> None:
    done = node.run(*arguments)
    assert (done.code, done.says("usage: ")) == (2, True)
    assert not node.run_folder.exists()


CARDS = """set -e
mount -t sysfs sysfs /sys
card() { ip link add "$1" address "$2" type veth peer name "other-$1"; }
card nodes1 02:00:00:00:00:05
card nodes2 02:00:00:00:00:06
(sleep 0.6; card late 02:00:00:00:00:07) &
code=0
"$@" || code=$?
wait
echo "@code $code"
PATH=/usr/sbin:/usr/bin:/sbin:/bin ip -o -4 addr show
PATH=/usr/sbin:/usr/bin:/sbin:/bin ip -o link show up
"""


def on_cards(node: Machine, *values: str, patience: str = "20", twice: bool = False) -> Run:
    """A run on a machine with two cards, and one that comes after 0.6 seconds."""
    unshare = need("unshare")
    node.write("cmdline", " ".join(f"nxcc.net={value}" for value in values))
    path = os.environ["PATH"]
    inner = f'PATH={node.programs} "$@"'
    script = CARDS.replace('"$@"', f"{inner} && {inner}" if twice else inner).replace(
        "set -e", f"set -e; PATH={path}:/usr/sbin:/sbin"
    )
    node.wrapper = [unshare, "-rnm", "/bin/sh", "-c", script, "cards"]
    return node.run(NXCC_WAIT=patience, NXCC_FIB_TRIE="/proc/net/fib_trie", PATH=path)


@pytest.mark.parametrize("twice", [False, True])
def test_the_card_with_that_mac_gets_the_address(node: Machine, twice: bool) -> None:
    node.fw_cfg("nodes", NODES)
    done = on_cards(node, "02:00:00:00:00:06,10.1.0.2/16", twice=twice)
    assert done.says("@code 0"), done.lines
    assert done.says("nxcc-identity: address 10.1.0.2/16 on nodes2")
    addresses = [line for line in done.lines if " inet " in line]
    assert len(addresses) == 1
    assert "nodes2    inet 10.1.0.2/16 brd 10.1.255.255" in addresses[0]
    assert any(line.split()[1].startswith("nodes2@") for line in done.lines if "<" in line)
    # By which it knows itself.
    assert node["node"] == "web2\n"


def test_a_card_that_comes_later_is_waited_for(node: Machine) -> None:
    done = on_cards(node, "02:00:00:00:00:07,10.1.0.2/24")
    assert done.says("@code 0"), done.lines
    assert done.says("address 10.1.0.2/24 on late")


def test_a_card_that_does_not_come_blocks_nothing(node: Machine) -> None:
    node.fw_cfg("nodes", NODES)
    done = on_cards(node, "02:00:00:00:00:99,10.1.0.2/24", "02:00:00:00:00:05,10.1.0.3/24", patience="4")
    assert done.says("@code 1")
    assert done.says("there is no network card 02:00:00:00:00:99 for 10.1.0.2/24")
    assert done.says("address 10.1.0.3/24 on nodes1")
    assert done.seconds < 5
    assert node["node"] == "db\n"


NO_ADDRESSES = [
    *("", "02:00:00:00:00:05", "02:00:00:00:00:05,10.1.0.2", "02:00:00:00:00:05,10.1.0.2/33"),
    *("02:00:00:00:00:05,10.1.0.300/24", "02:00:00:00:00:0G,10.1.0.2/24", "02-00-00-00-00-05,10.1.0.2/24"),
    *("10.1.0.2/24,02:00:00:00:00:05", "02:00:00:00:00:05,10.1.0.2/024", "02:00:00:00:00:05,10.1.0.2/"),
]


def test_addresses_that_are_none(node: Machine) -> None:
    node.write("cmdline", " ".join(f"nxcc.net={value}" for value in NO_ADDRESSES))
    done = node.run()
    assert done.code == 1
    for value in NO_ADDRESSES:
        assert f"nxcc-identity: nxcc.net={value} is no MAC,ADDRESS/PREFIX" in done.lines
