"""DIR.state/FLAVOUR/deployed.json, which `run up` writes for other programs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from test_g5k_run import HOST, Lab, fine
from test_schemas import errors
from tools import need

from nxcc.resources import resource

BASE = Path(resource("templates", "run")) / "base.sh"


def told(folder: Path, lines: str, *words: str, shell: str = "sh", before: str = "") -> Any:
    """The data that tell_deployed writes for lines NODE ROLE ADDRESS CONTAINER."""
    text = f'flavour=vm environment=lab dry= own=$1; shift\n. "{BASE}"\n{before}\ntell_deployed "$@"\n'
    command = [need(shell), "-euc", text, "run", str(folder), *words]
    subprocess.run(command, input=lines, text=True, check=True, timeout=30)
    data = json.loads((folder / "deployed.json").read_text())
    assert errors("deployed", data) == []
    return data


@pytest.mark.parametrize("shell", ["dash", "bash", "zsh"])
def test_nodes_that_are_ready(shell: str, tmp_path: Path) -> None:
    assert told(tmp_path, "a1 a 10.0.0.1 -\nb b - x-b-1\n", "docker", shell=shell) == {
        "format": 1,
        "environment": "lab",
        "flavour": "vm",
        "ssh_config": None,
        "engine": "docker",
        "nodes": [
            {"name": "a1", "role": "a", "address": "10.0.0.1", "container": None},
            {"name": "b", "role": "b", "address": None, "container": "x-b-1"},
        ],
    }
    (tmp_path / "ssh_config").write_text("Host a1\n")
    data = told(tmp_path, "a1 a - -\n", shell=shell)
    assert (data["ssh_config"], data["engine"]) == ("ssh_config", None)


def test_an_engine_at_an_odd_place_and_no_nodes(tmp_path: Path) -> None:
    data = told(tmp_path, "", '/a "dir"\\/docker')
    assert (data["engine"], data["nodes"]) == ('/a "dir"\\/docker', [])


def test_a_dry_run_writes_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        told(tmp_path, "a a - -\n", before="dry=yes")


def test_g5k_image_tells_of_its_nodes_until_they_are_released(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    nodes = tmp_path / "nodes"
    # Who names the node of a host decides who is who.
    hosts = {"agent2": 1, "server": 3}
    nodes.write_text("".join(f" {HOST.format(number)}\t{name} \n" for name, number in hosts.items()) + HOST.format(2))
    lab.job(1, 2, 3)
    fine(lab("up", "--nodes", str(nodes)))
    assert lab.table() == {"server": HOST.format(3), "agent1": HOST.format(2), "agent2": HOST.format(1)}
    data = json.loads((lab.own / "deployed.json").read_text())
    assert errors("deployed", data) == []
    assert (data["flavour"], data["ssh_config"]) == ("g5k-image", "ssh_config")
    assert [(node["name"], node["role"], node["address"]) for node in data["nodes"]] == [
        ("server", "server", "172.16.20.3"),
        ("agent1", "agent", "172.16.20.2"),
        ("agent2", "agent", "172.16.20.1"),
    ]
    fine(lab("down"))
    assert not (lab.own / "deployed.json").exists()


def test_environments_are_registered_without_a_deployment(tmp_path: Path) -> None:
    import g5k_environments as make

    lab = Lab(tmp_path, make.lab("register true"))
    fine(lab("register"))
    assert [words[0] for words in lab.frontend.log("kaenv3")].count("-a") == 2
    assert (lab.own / "keys").read_text().startswith("ssh-ed25519 ")
    assert not lab.frontend.log("kadeploy3")
    (tmp_path / "other").mkdir()
    refused = Lab(tmp_path / "other")("register")
    assert refused.returncode == 2
    assert "register true" in refused.stderr


def test_machines_that_are_ready(tmp_path: Path) -> None:
    """Of the nodes of vm those that `up` has found ready."""
    for node in ("a1", "a2"):
        (tmp_path / "node" / node).mkdir(parents=True)
    (tmp_path / "node/a2/ready").touch()
    (tmp_path / "ssh_config").write_text("Host a2\n")
    up = Path(resource("templates", "vm")) / "up.sh"
    text = (
        f'flavour=vm environment=lab dry= own=$1 nodes="a1 a 1 10.0.0.1\na2 a 2 10.0.0.2"\n'
        f'. "{BASE}"\n. "{up}"\ntell_ready\n'
    )
    subprocess.run([need("sh"), "-euc", text, "run", str(tmp_path)], check=True, timeout=30)
    data = json.loads((tmp_path / "deployed.json").read_text())
    assert errors("deployed", data) == []
    assert data["nodes"] == [{"name": "a2", "role": "a", "address": "10.0.0.2", "container": None}]
