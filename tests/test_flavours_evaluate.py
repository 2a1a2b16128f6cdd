"""Every flavour of real environments on a real nixpkgs (NXCC_TEST_NIXPKGS): it instantiates, keeps what roles say, and
no secret or password gets into a derivation."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from nix_systems import nixpkgs, run_nix
from tools import need

from nxcc.compiler import compile_file
from nxcc.resources import resource

HERE = Path(__file__).resolve().parent
FLAVOURS = sorted(path.stem for path in Path(resource("nix"), "flavours").glob("*.nix"))
BUILT = sorted({*FLAVOURS, "docker-host"} - {"plain"})

# tests/equality/k3s.nxc, a role with a secret and a user, and a test.
K3S = (HERE / "equality" / "k3s.nxc").read_text()
MORE = """
secret licence from ./licence.key
secret deploy ssh-key from ./deploy
role guard {
  documentation.enable = false
  user alice { admin }
  systemd.services.guard.script = "cat ${secret.licence} ${secret.deploy}"
  networking.firewall.allowedUDPPorts = [53]
}
test "start_all()"
"""
CONTENTS = {"licence.key": "known-licence-4711", "deploy": "known-private-half-4712"}


def compiled(source: Path, folder: Path) -> Path:
    """The bundle of a source for all flavours, on disk."""
    found = compile_file(str(source), ["all"])
    assert found.ok, found.diagnostics
    for file in found.files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    return folder


def looked_at(bundle: Path, expression: str) -> Any:
    """Data about ``bundle``, by one process that also writes every derivation that it comes across."""
    done = run_nix(
        need("nix-instantiate"),
        *("--eval", "--strict", "--json", "--read-write-mode"),
        *("-E", f"let bundle = import {bundle}/default.nix {{ nixpkgs = {nixpkgs()}; }}; in {expression}"),
    )
    return json.loads(done.stdout)


DERIVATIONS = "builtins.mapAttrs (_: one: one.drvPath) bundle.packages"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of K3s and a guard."""
    nixpkgs()
    folder = tmp_path_factory.mktemp("lab")
    (folder / "env.nxc").write_text(K3S + MORE)
    for name, content in CONTENTS.items():
        (folder / name).write_text(content)
    return compiled(folder / "env.nxc", folder / "build")


@pytest.fixture(scope="module")
def found(lab: Path) -> dict[str, Any]:
    """The derivations of a bundle, and what roles come to in each flavour."""
    data: dict[str, Any] = looked_at(
        lab,
        f"""
        let
          given = user: builtins.filter (name: user.${{name}} or null != null)
            ["password" "passwordFile" "hashedPassword" "hashedPasswordFile" "initialPassword" "initialHashedPassword"];
          of = role: let inherit (role) config; in {{
            tcp = config.networking.firewall.allowedTCPPorts;
            udp = config.networking.firewall.allowedUDPPorts;
            trusted = config.networking.firewall.trustedInterfaces;
            refused = config.networking.firewall.logRefusedConnections;
            packages = map (package: package.pname or package.name) config.environment.systemPackages;
            k3s = config.systemd.units."k3s.service".text or null;
            guard = config.systemd.units."guard.service".text or null;
            passwords = builtins.mapAttrs (_: given) config.users.users;
          }};
        in {{
          derivations = {DERIVATIONS};
          roles = builtins.mapAttrs (_: builtins.mapAttrs (_: of)) bundle.systems;
        }}
        """,
    )
    return data


@pytest.fixture(scope="module")
def derivations(found: dict[str, Any]) -> dict[str, str]:
    paths: dict[str, str] = found["derivations"]
    return paths


@pytest.fixture(scope="module")
def facts(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    roles: dict[str, dict[str, Any]] = found["roles"]
    return roles


@pytest.mark.parametrize(
    "source",
    ["examples/webserver", pytest.param("tests/cases/ok-instantiates", marks=pytest.mark.slow)],
)
def test_every_attribute_instantiates(source: str, tmp_path: Path) -> None:
    nixpkgs()
    paths = looked_at(compiled(HERE.parent / source / "env.nxc", tmp_path / "build"), DERIVATIONS)
    assert sorted(paths) == BUILT
    assert len(set(paths.values())) == len(BUILT)
    assert all(map(os.path.exists, paths.values()))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_k3s_with_a_plain_token_keeps_its_options(flavour: str, facts: dict[str, dict[str, Any]]) -> None:
    server, agent = facts[flavour]["server"], facts[flavour]["agent"]
    assert (6443 in server["tcp"], server["udp"]) == (True, [8472])
    assert "cni0" in server["trusted"]
    assert "cni0" in agent["trusted"]
    assert (server["refused"], agent["refused"]) == (True, False)
    for role in (server, agent):
        assert {"k3s", "gzip"} <= set(role["packages"])
    assert "--token 'no \"secret\"' --https-listen-port 6443" in start(server["k3s"])
    assert "--server https://server:6443" in start(agent["k3s"])
    # To the letter what the role is as a system of its own.
    assert server["k3s"] == facts["plain"]["server"]["k3s"]
    assert agent["k3s"] == facts["plain"]["agent"]["k3s"]


def start(unit: str) -> str:
    """What a unit starts, on one line."""
    found = re.search(r"ExecStart=((?:.*\\\n)*.*)", unit)
    assert found
    return " ".join(found[1].replace("\\\n", " ").split())


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_units_with_secrets_wait_and_nobody_has_a_password(flavour: str, facts: dict[str, dict[str, Any]]) -> None:
    guard = facts[flavour]["guard"]
    assert "After=nxcc-secrets.service" in guard["guard"]
    assert "Requires=nxcc-secrets.service" in guard["guard"]
    assert 53 in guard["udp"]
    for role, found in facts[flavour].items():
        assert {user: given for user, given in found["passwords"].items() if given} == {}, role


def test_no_secret_is_in_any_derivation(derivations: dict[str, str]) -> None:
    assert sorted(derivations) == BUILT
    done = run_nix(need("nix-store"), "--query", "--requisites", *derivations.values())
    paths = done.stdout.split()
    assert len([path for path in paths if path.endswith(".drv")]) > 100
    words = [content.encode() for content in CONTENTS.values()]
    found = [path for path in map(Path, paths) if path.is_file() and any(word in path.read_bytes() for word in words)]
    assert found == []
    # The looking itself finds what is there: the token of K3s is no secret.
    assert any(b"--https-listen-port" in path.read_bytes() for path in map(Path, paths) if path.is_file())
