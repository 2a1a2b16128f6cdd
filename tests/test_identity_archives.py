"""The node's identity, nix/modules/identity-archive.sh: what it takes from archives, and which it refuses."""

from __future__ import annotations

import os
import subprocess
import tarfile
import time
from typing import TYPE_CHECKING

import pytest
from identity_nodes import HOSTS, KEY, NODES, member, node, pack

if TYPE_CHECKING:
    from identity_nodes import Machine

__all__ = ["node"]


@pytest.mark.parametrize("prefix", ["", "./"])
def test_receive(node: Machine, prefix: str) -> None:
    first = {"nodes": NODES, "secrets/token": "one", "secrets/key": b"\0\n\xff", "authorized_keys": "ssh-rsa AAAA me"}
    named = {prefix + name: content for name, content in first.items()}
    folders = (".", "./secrets") if prefix else ("secrets",)
    node.write("cmdline", f"nxcc.key={KEY}")
    done = node.run("receive", "web2", archive=pack(named, folders=folders))
    assert done.code == 0, done.lines
    assert (node["node"], node["role"], node["hosts"][: len(HOSTS)]) == ("web2\n", "web\n", HOSTS)
    assert (node.run_folder / "host/secrets/key").read_bytes() == b"\0\n\xff"
    assert node["authorized_keys/root"] == f"ssh-ed25519 {KEY} nxcc\nssh-rsa AAAA me\n"
    # Another delivery replaces what it has, and nothing else.
    again = {"nodes": "10.1.0.7 web3 web\n", "secrets/token": "two"}
    assert node.run("receive", "web3", archive=pack(again)).code == 0
    assert (node["hosts"].splitlines()[0], node.hostname) == ("10.1.0.7 web3", "web3")
    assert node["host/secrets/token"] == "two"
    assert node.has("host/secrets/key")


def test_what_was_received_is_not_replaced_by_qemus(node: Machine) -> None:
    node.fw_cfg("host", pack({"secrets/token": "old", "secrets/other": "other"}))
    assert node.run("receive", "web1", archive=pack({"secrets/token": "new"})).code == 0
    assert node.run().code == 0
    assert (node["host/secrets/token"], node["host/secrets/other"]) == ("new", "other")


def test_secrets_are_complete_when_they_are_there(node: Machine) -> None:
    size = 30_000_000
    process = subprocess.Popen(
        node.command("receive", "web1"), env=node.environment(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert process.stdin is not None
    place = node.run_folder / "host/secrets/big"
    archive = pack({"secrets/big": os.urandom(size)})
    process.stdin.write(archive[: size // 2])
    process.stdin.flush()
    time.sleep(0.2)
    assert not place.exists()
    process.stdin.write(archive[size // 2 :])
    process.stdin.close()
    seen = set()
    while process.poll() is None:
        if place.exists():
            seen.add(place.stat().st_size)
    assert seen | {place.stat().st_size} == {size}
    assert process.returncode == 0


BAD = {
    "absolute": pack({"secrets/token": "t", "/etc/passwd": "x"}),
    "above": pack({"secrets/token": "t", "secrets/../../x": "x"}),
    "unknown": pack({"secrets/token": "t", "motd": "x"}),
    "hidden": pack({"secrets/token": "t", "secrets/.x": "x"}),
    "deeper": pack({"secrets/token": "t", "secrets/a/b": "x"}),
    "blank": pack({"secrets/token": "t", "secrets/a b": "x"}),
    "two lines": pack({"secrets/token": "t", "nodes\n/etc/passwd": "x"}),
    "twice": pack({"secrets/token": "t", "./secrets/token": "x"}),
    "link": pack({"secrets/token": "t"}, member("secrets/x", tarfile.SYMTYPE, "/etc/passwd")),
    "folder that is a link": pack({"secrets/token": "t"}, member("secrets", tarfile.SYMTYPE, "/tmp"), folders=()),
    "hard link": pack({"secrets/token": "t"}, member("secrets/x", tarfile.LNKTYPE, "/etc/passwd")),
    "pipe": pack({"secrets/token": "t"}, member("secrets/x", tarfile.FIFOTYPE)),
    "device": pack({"secrets/token": "t"}, member("nodes", tarfile.CHRTYPE)),
    "cut": pack({"secrets/token": "t" * 5000})[:4000],
    "no archive": b"hello\n" * 1000,
    "empty": b"",
    "empty archive": pack({}, folders=()),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_archives_are_refused_as_a_whole(node: Machine, what: str) -> None:
    node.run("receive", "web1", archive=pack({"nodes": NODES, "secrets/token": "good"}))
    done = node.run("receive", "web2", archive=BAD[what])
    assert done.code == 1, done.lines
    assert len([line for line in done.lines if "nothing of it is taken" in line]) == 1
    kept = node["host/secrets/token"], [path.name for path in (node.run_folder / "host/secrets").iterdir()]
    assert kept == ("good", ["token"])
    # All else is done.
    assert (node["node"], node.hostname, node["hosts"][: len(HOSTS)]) == ("web2\n", "web2", HOSTS)
    assert not list((node.run_folder / "host").glob(".*"))


@pytest.mark.parametrize("archive", [b"", b"\0" * 10, BAD["link"]])
def test_a_broken_archive_of_qemus(node: Machine, archive: bytes) -> None:
    node.fw_cfg("nodes", NODES)
    node.fw_cfg("host", archive)
    node.write("cmdline", "nxcc.node=web1")
    assert node.run().code == 1
    assert node["hosts"].startswith(HOSTS)
    assert not node.has("host/secrets/token")


NO_KEYS = ["", KEY[:-1], KEY + "a", "B" + KEY[1:], KEY[:-1] + '"', KEY[:-1] + "*", "ssh-ed25519", KEY[:-4] + "a,bc"]


def test_keys_that_are_none(node: Machine) -> None:
    node.write("cmdline", " ".join(f"nxcc.key={blob}" for blob in (*NO_KEYS, KEY)))
    done = node.run()
    assert done.code == 1
    for blob in NO_KEYS:
        assert f"nxcc-identity: nxcc.key={blob} is no ed25519 public key" in done.lines
    assert node["authorized_keys/root"] == f"ssh-ed25519 {KEY} nxcc\n"


def test_keys_that_are_gone(node: Machine) -> None:
    node.write("cmdline", f"nxcc.key={KEY}")
    node.run()
    node.write("cmdline", "")
    node.run()
    assert not node.has("authorized_keys/root")


def test_host_keys(node: Machine) -> None:
    place = node.folder / "ssh" / "ssh_host_ed25519_key"
    node.write("ssh/ssh_host_ed25519_key", "generated\n").chmod(0o644)
    archive = pack({"ssh_host_ed25519_key": "private\n", "ssh_host_ed25519_key.pub": "public\n"})
    done = node.run("receive", "web1", archive=archive)
    assert done.says(f"host key: {place}")
    assert (place.read_text(), place.with_suffix(".pub").read_text()) == ("private\n", "public\n")
    assert (place.stat().st_mode & 0o777, place.with_suffix(".pub").stat().st_mode & 0o777) == (0o600, 0o644)
    inode = place.stat().st_ino
    assert not node.run("receive", "web1", archive=archive).says("host key: ")
    assert place.stat().st_ino == inode


def test_units_that_must_run_again(node: Machine) -> None:
    # systemctl is what a node has, and a test machine may not: this one says what it was asked.
    program = node.programs / "systemctl"
    program.write_text('#!/bin/sh\necho "$@" >>"$NXCC_RUN/asked"\ncase $1 in show) echo LoadState=loaded;; esac\n')
    program.chmod(0o755)
    node.run("receive", "web1", archive=pack({"nodes": NODES, "ssh_host_ed25519_key": "k"}))
    asked = [line for line in node["asked"].splitlines() if not line.startswith("show")]
    assert asked == ["try-restart nxcc-peers.service", "try-restart sshd.service"]
    # The boot starts them itself.
    (node.run_folder / "asked").unlink()
    node.run()
    assert not node.has("asked")
    program.write_text("#!/bin/sh\ncase $1 in show) echo LoadState=loaded;; *) exit 1;; esac\n")
    assert node.run("receive", "web1", archive=pack({"nodes": NODES})).code == 1
    program.write_text("#!/bin/sh\ncase $1 in show) echo LoadState=not-found;; *) exit 1;; esac\n")
    assert node.run("receive", "web1", archive=pack({"nodes": NODES})).code == 0
