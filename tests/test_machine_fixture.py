"""The stand-in machines against what the Nix library says of real ones: the build's layout, and the texts of units."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import machines
import pytest
from machines import Role
from nix_systems import evaluate
from small_nixpkgs import make_nixpkgs, small_bundle
from tools import need

if TYPE_CHECKING:
    from pathlib import Path

COMPOSITION = """{ ... }:
{
  roles.server = {
    imports = [ ./nix/modules/secrets.nix ./nix/modules/readiness.nix ./nix/modules/links.nix ];
    nxcc.secrets.token = { };
    nxcc.ready = [ { port = 80; } { unit = "it's.service"; } { command = "test -e '/a b'"; } ];
    nxcc.links = [ { to = [ "agent1" "agent2" ]; delay = 60; } ];
  };
  roles.agent = { };
}
"""
FACTS = """
let
  config = bundle.systems.vm-ramdisk.server.config;
  unit = one: { inherit (one) after before requires wantedBy wants conflicts script serviceConfig unitConfig; };
in {
  units = builtins.mapAttrs (_: unit) {
    inherit (config.systemd.services) nxcc-identity nxcc-peers nxcc-secrets nxcc-links;
  };
  provision = config.systemd.targets.nxcc-provision;
  parameters = config.boot.kernelParams;
  build = bundle.packages.vm-ramdisk.buildCommand;
}
"""
ROLES = {
    "server": Role(
        secrets=["token"],
        links=["-", "delay 60ms limit 100000", "agent1 agent2"],
        ready=[("port", "80"), ("unit", "it's.service"), ("command", "test -e '/a b'")],
    ),
    "agent": Role(),
}
# Units of NixOS's that the stand-in has otherwise.
PLAYED = {"firewall.service": "standin-firewall.service"}


@pytest.fixture(scope="module")
def nix(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the Nix library makes of the same two roles, on a nixpkgs of the tests' own."""
    need("nix-instantiate")
    folder = tmp_path_factory.mktemp("fixture")
    nixpkgs = make_nixpkgs(folder / "nixpkgs", "26.05")
    roles = [{"name": name, "counted": False, "nodes": [name], "resources": []} for name in ROLES]
    bundle = small_bundle(folder / "bundle", COMPOSITION, roles=roles)
    found: dict[str, Any] = evaluate(
        f"let nixpkgs = {nixpkgs}; bundle = import {bundle}/default.nix {{ inherit nixpkgs; }}; in {FACTS}"
    )
    return found


def listed(folder: Path) -> dict[str, str]:
    """Everything that is no folder, by path: where a relative link goes, else "file"."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_symlink() and not os.readlink(path).startswith("/"):
            found[str(path.relative_to(folder))] = os.readlink(path)
        elif path.is_symlink() or path.is_file():
            found[str(path.relative_to(folder))] = "file"
    return found


def test_layout(nix: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build's own commands and `built` lay out the same files and links."""
    out = tmp_path / "out"
    subprocess.run([need("bash"), "-euc", nix["build"]], env={**os.environ, "out": str(out)}, check=True, timeout=60)
    cached = tmp_path / "cache" / "machine"
    cached.mkdir(parents=True)
    for name in ("kernel", "initrd", "stamp"):
        (cached / name).write_bytes(b"")
    monkeypatch.setenv("NXCC_TEST_CACHE", str(cached.parent))
    ours = machines.built(tmp_path / "ours", ROLES)
    assert listed(ours) == listed(out)
    for role in ROLES:
        theirs, mine = ((folder / "roles" / role / "cmdline").read_text() for folder in (out, ours))
        assert re.fullmatch(r"init=/\S+/init( \S+)*\n", theirs)
        assert re.fullmatch(rf"init=/nxcc/{role}/init( \S+)*\n", mine)
        assert {"console=ttyS0"} <= set(theirs.split()) & set(mine.split())


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """The stand-in's files of the same role."""
    found = machines.common_files() | machines.role_files("server", ROLES["server"])
    return {path: data.decode() for path, data in found.items()}


@pytest.mark.parametrize("name", ["nxcc-identity", "nxcc-peers", "nxcc-secrets", "nxcc-links"])
def test_units(name: str, nix: dict[str, Any], files: dict[str, str]) -> None:
    """What starts before and after what, and how: as the modules have it."""
    unit = nix["units"][name]
    text = files[f"etc/systemd/system/{name}.service"]
    for key in ("after", "before", "requires", "wantedBy", "wants", "conflicts"):
        wanted = {PLAYED.get(one, one) for one in unit[key]}
        given = {
            word for line in re.findall(rf"^{key}=(.*)$", text, re.MULTILINE | re.IGNORECASE) for word in line.split()
        }
        assert {one for one in given if not one.startswith("standin-")} | (wanted & given) == wanted, key
    settings = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    for key, value in {**unit["serviceConfig"], **unit["unitConfig"]}.items():
        if key.startswith("Exec"):
            continue
        said = {True: "yes", False: "no"}[value] if isinstance(value, bool) else PLAYED.get(value, value)
        assert settings[key] == said, key


def test_scripts(nix: dict[str, Any], files: dict[str, str]) -> None:
    """Secrets and links are delivered and shaped by the same text."""

    def lines(text: str) -> list[str]:
        # Releases differ in what they quote without need.
        return [line.strip().replace("'", "") for line in text.splitlines() if line.strip()]

    head, wish, *ours = lines(files["usr/local/lib/nxcc/secrets"])
    assert (head, wish) == ("#!/bin/sh", "set -e")
    assert ours == lines(nix["units"]["nxcc-secrets"]["script"])
    arguments = nix["units"]["nxcc-links"]["script"].split("links.sh ", 1)[1].strip()
    started = re.search(r"^ExecStart=.*links\.sh (.*)$", files["etc/systemd/system/nxcc-links.service"], re.MULTILINE)
    assert started
    shell = ["sh", "-c", f"printf '%s|' {arguments}; echo; printf '%s|' {started[1]}"]
    theirs, mine = subprocess.run(shell, capture_output=True, text=True, check=True).stdout.splitlines()
    assert mine == theirs


def test_provision_target(nix: dict[str, Any], files: dict[str, str]) -> None:
    text = files["etc/systemd/system/nxcc-provision.target"]
    assert "AllowIsolate=yes" in text
    assert nix["provision"]["unitConfig"]["AllowIsolate"] is True
    for key in ("requires", "after", "conflicts"):
        (line,) = re.findall(rf"^{key}=(.*)$", text, re.MULTILINE | re.IGNORECASE)
        assert line.split() == nix["provision"][key], json.dumps(nix["provision"])
