"""The node's identity, nix/modules/identity.sh, in containers that find a nodes file of each kind at its mount."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest
from identity_nodes import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker_engines import Engine

pytestmark = pytest.mark.docker

MAIN = """
code=0
NXCC_HOSTS_BASE=/etc/hosts sh /identity.sh || code=$?
echo "@code $code"
for name in node role hosts peers; do echo "@$name $(tr '\\n' ';' <"/run/nxcc/$name" 2>/dev/null)"; done
"""

SUBNET, ADDRESS = "198.19.77.0/24", "198.19.77.11"
NODES = f"{ADDRESS} web1 web\n198.19.77.12 web2 web\n- db db\n"


class Run(NamedTuple):
    """What a container said."""

    values: dict[str, str]
    lines: list[str]
    seconds: float

    def says(self, text: str) -> bool:
        return any(line.startswith("nxcc-identity: ") and text in line for line in self.lines)


@pytest.fixture(scope="module")
def network(engine: Engine) -> Iterator[str]:
    """A network whose addresses the tests choose."""
    name = f"nxcc-test-identity-{os.getpid()}"
    engine.docker("network", "create", "--subnet", SUBNET, name)
    yield name
    engine.docker("network", "rm", name)


def contained(engine: Engine, network: str, folder: Path, nodes: bytes | None, name: str = "web1") -> Run:
    """A run in a container of the stand-in with this nodes file, or none, mounted as the docker flavour mounts it."""
    (folder / "main").write_text(MAIN)
    (folder / "identity.sh").write_bytes(SCRIPT)
    mounts = [f"{folder}/identity.sh:/identity.sh:ro", f"{folder}/main:/main:ro"]
    if nodes is not None:
        (folder / "nodes").write_bytes(nodes)
        mounts.append(f"{folder}/nodes:/run/nxcc/nodes:ro")
    options = ["--rm", "--tmpfs", "/run", "--network", network, "--ip", ADDRESS, "--hostname", name]
    for mount in mounts:
        options += ["-v", mount]
    started = time.monotonic()
    lines = engine.docker("run", *options, engine.image, "sh", "/main", timeout=600).splitlines()
    values = dict(line[1:].partition(" ")[::2] for line in lines if line.startswith("@"))
    return Run(values, lines, time.monotonic() - started)


def test_a_mounted_nodes_file(engine: Engine, network: str, tmp_path: Path) -> None:
    done = contained(engine, network, tmp_path, NODES.encode())
    assert done.values["code"] == "0", done.lines
    assert done.says(f"node: web1 of role web, by address {ADDRESS}")
    assert done.says("host name: web1 already")
    assert (done.values["node"], done.values["role"], done.values["peers"]) == ("web1;", "web;", "198.19.77.12;")
    assert done.values["hosts"].startswith(f"{ADDRESS} web1;198.19.77.12 web2;")
    assert "localhost" in done.values["hosts"]


def test_without_a_nodes_file(engine: Engine, network: str, tmp_path: Path) -> None:
    done = contained(engine, network, tmp_path, None)
    assert done.values["code"] == "0", done.lines
    assert done.says("there is no nodes file")
    assert "localhost" in done.values["hosts"]
    assert done.seconds < 20


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        (b"", "is broken: it has no line ADDRESS NAME ROLE"),
        (b"\0\xff\n" * 1000, "is broken: it has no line ADDRESS NAME ROLE"),
        (b"198.19.77.12 web2 web\n", "does not name this node: it has none of its addresses"),
        (NODES.encode() + b"oops\n", "line 4 of the nodes file is no ADDRESS NAME ROLE: skipped"),
    ],
)
def test_a_nodes_file_that_cannot_be_used(
    engine: Engine, network: str, tmp_path: Path, nodes: bytes, reason: str
) -> None:
    done = contained(engine, network, tmp_path, nodes)
    assert done.values["code"] == "1", done.lines
    assert done.says(reason)
    assert "localhost" in done.values["hosts"]
    assert done.seconds < 20


def test_the_engines_host_name_stays(engine: Engine, network: str, tmp_path: Path) -> None:
    # A container may not change it; that is said, and all else is done.
    done = contained(engine, network, tmp_path, NODES.encode(), "other")
    assert done.values["code"] == "1", done.lines
    assert done.says("cannot set the host name web1")
    assert done.values["node"] == "web1;"
