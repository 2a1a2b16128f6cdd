"""Docker Compose reads every file that the flavour plans. No engine is asked."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import docker_environments as make
import pytest
from tools import missing, need

from nxcc.flavours.docker import CGROUP_CASES

if TYPE_CHECKING:
    from pathlib import Path

    from nxcc.model.environment import Environment

pytestmark = pytest.mark.docker

STATE = {"NXCC_STATE": "/state", "NXCC_TOPLEVEL_A": "/nix/store/a", "NXCC_TOPLEVEL_B_C": "/nix/store/b"}

ENVIRONMENTS: dict[str, Environment] = {
    "three nodes": make.three_nodes(),
    "one node": make.environment("One", make.role("a")),
    "no role has two nodes": make.environment("pair", make.role("a"), make.role("b-c", after=(make.after("a"),))),
    "subnet": make.environment("net", make.role("a", 3), subnet="198.18.0.0/15"),
    "host's store": make.environment(
        "hosted", make.role("a"), make.role("b-c", 2), settings=(make.settings(store="host"),)
    ),
    "rights and links": make.environment(
        "rights",
        make.role("a", 2, settings=(make.settings(privileged=True),), publish=(make.publish(53, 53, "::1", "udp"),)),
        make.role("b-c"),
        links=(make.link("a", "b-c", delay=10),),
    ),
    "awkward texts": make.environment(
        "awkward",
        make.role(
            "a",
            ready=(make.ready("command", "echo \"$HOME ${x:-y}\" '$$' `id` | grep -q 'é: #'\n\ttrue \\"),),
            shares=(make.share("/a $dir/it's: #1"),),
        ),
        make.role("b-c", mounts=(make.mount("/b ${x}", "a", "/a $dir/it's: #1"),)),
    ),
}


def config(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("NXCC_", "COMPOSE_"))}
    return subprocess.run(
        [need("docker"), "compose", *arguments],
        cwd=folder,
        env={**clean, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(autouse=True)
def _compose(tmp_path: Path) -> None:
    if config(tmp_path, "version").returncode != 0:
        missing("Docker Compose v2 is not installed")


@pytest.mark.parametrize("case", [*CGROUP_CASES, "none"])
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_compose_accepts_every_file(tmp_path: Path, name: str, case: str) -> None:
    make.write(tmp_path, ENVIRONMENTS[name])
    files = ["-f", "docker-compose.yml"]
    if case != "none":
        files += ["-f", f"docker-compose.{case}.yml"]
    done = config(tmp_path / "docker", *files, "config", "-q", **STATE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def data(folder: Path, *arguments: str) -> dict[str, Any]:
    done = config(folder, *arguments, "config", "--format", "json", **STATE)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_what_a_node_runs_is_the_users_text(tmp_path: Path) -> None:
    """`config` writes a dollar as two, as its output may be read again."""
    made = ENVIRONMENTS["awkward texts"]
    make.write(tmp_path, made)
    services = data(tmp_path / "docker")["services"]
    script = services["a"]["healthcheck"]["test"][3].replace("$$", "$")
    command = made.role("a").ready[0].argument
    done = subprocess.run(
        ["sh", "-c", f'sh() {{ printf %s "$2"; }}\n{script}'], capture_output=True, text=True, check=True
    )
    assert done.stdout == command
    targets = [volume["target"].replace("$$", "$") for volume in services["a"]["volumes"]]
    assert "/a $dir/it's: #1" in targets
    targets = [volume["target"].replace("$$", "$") for volume in services["b-c"]["volumes"]]
    assert "/b ${x}" in targets


def test_docker_28_s_case_is_checked_by_config_only(tmp_path: Path) -> None:
    """`writable-cgroups` needs Docker 28, which Debian does not have: that nodes boot with it is not tested."""
    make.write(tmp_path, ENVIRONMENTS["three nodes"])
    # Without -f: what .env names, the default of a plain `docker compose`.
    for service in data(tmp_path / "docker")["services"].values():
        assert service["cgroup"] == "private"
        assert service["security_opt"] == ["apparmor=unconfined", "writable-cgroups=true"]


def test_without_run_the_way_to_the_secrets_is_told(tmp_path: Path) -> None:
    make.write(tmp_path, ENVIRONMENTS["three nodes"])
    done = config(tmp_path / "docker", "config", "-q")
    assert done.returncode != 0
    assert "docker/run sets it and makes the secrets" in done.stderr


def test_names_follow_the_variables(tmp_path: Path) -> None:
    make.write(tmp_path, ENVIRONMENTS["three nodes"])
    variables = {"NXCC_PROJECT": "other", "NXCC_IMAGE_AGENT": "mine:1", "NXCC_PORT_18080": "80"}
    done = config(tmp_path / "docker", "config", "--format", "json", **STATE, **variables)
    found = json.loads(done.stdout)
    assert found["name"] == "other"
    assert found["services"]["agent2"]["image"] == "mine:1"
    assert found["services"]["server"]["image"] == "nxcc/trio-server:latest"
    assert found["services"]["server"]["ports"][0]["published"] == "80"
