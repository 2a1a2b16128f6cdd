"""EnOSlib and Execo on real containers, which `run up` of the docker flavour has started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import docker_environments as make
import pytest
from docker_engines import Bundle
from experiments import library
from test_schemas import errors

from nxcc.emit.description import description
from nxcc.flavours import find

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nxcc.model.environment import Environment

pytestmark = pytest.mark.docker

# What a NixOS has, for the stand-in.
LIKE_NIXOS = (
    "mkdir -p /run/current-system/sw/bin; ln -sf /usr/bin/python3 /run/current-system/sw/bin/;"
    " printf '#!/bin/sh\\nsystemctl is-active -q multi-user.target\\n' >/usr/local/bin/nxcc-ready;"
    " chmod +x /usr/local/bin/nxcc-ready"
)

ENOSLIB = """
import enoslib as en
import experiment

def body(roles, networks):
    experiment_default(roles, networks)
    with en.actions(roles=roles["agent"]) as play:
        play.copy(content="by Ansible", dest="/etc/copied", task_name="copy")

experiment_default = experiment.body
sys.exit(experiment.main(body))
"""


def with_programs(bundle: Bundle) -> Bundle:
    """The bundle, with the orchestrators' files and what they read."""
    (bundle.folder / "environment.json").write_text(description(bundle.made))
    for name in ("enoslib", "execo"):
        flavour = find(name)
        assert flavour
        for file in flavour.plan(bundle.made):
            path = bundle.folder / file.path
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(file.content)
            os.chmod(path, 0o755 if file.executable else 0o644)
    return bundle


def play(bundle: Bundle, folder: Path, program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What a program says that finds the bundle's engine."""
    environment = {**bundle.engine.environment(), **bundle.images, "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, str(program), *words],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def test_roles_of_containers(bundle: Callable[[Environment], Bundle], tmp_path: Path) -> None:
    library("enoslib")
    library("execo")
    made = make.environment("lab", make.role("server"), make.role("agent", 2, after=(make.after("server"),)))
    lab = with_programs(bundle(made))
    lab.up()
    data = json.loads((lab.state / "docker/deployed.json").read_text())
    assert errors("deployed", data) == []
    assert [(node["name"], node["role"]) for node in data["nodes"]] == [
        ("server", "server"),
        ("agent1", "agent"),
        ("agent2", "agent"),
    ]
    for node in data["nodes"]:
        assert lab.engine.docker("inspect", "--format", "{{.Config.Hostname}}", node["container"]) == node["name"]
        assert lab.ssh(node["name"], "hostname -I").split()[0] == node["address"]
        lab.ssh(node["name"], LIKE_NIXOS)

    mine = tmp_path / "mine.py"
    mine.write_text(f"import sys\nsys.path.insert(0, {str(lab.folder / 'enoslib')!r})\n{ENOSLIB}")
    done = play(lab, tmp_path, mine, "--running")
    assert done.returncode == 0, done.stdout + done.stderr
    said = sorted(" ".join(line.split()[:2]) for line in done.stdout.splitlines() if ": " in line)
    assert [line for line in said if line.split(": ")[0] in ("server", "agent1", "agent2")] == [
        "agent1: agent1",
        "agent2: agent2",
        "server: server",
    ]
    assert [lab.ssh(node, "cat /etc/copied") for node in ("agent1", "agent2")] == ["by Ansible"] * 2

    done = play(lab, tmp_path, lab.folder / "execo/experiment.py", "--running", "--down")
    assert done.returncode == 0, done.stdout + done.stderr
    found = [" ".join(line.split()[:2]) for line in done.stdout.splitlines() if ": " in line]
    assert found == ["server: server", "agent1: agent1", "agent2: agent2"]
    assert not (lab.state / "docker/deployed.json").exists()
