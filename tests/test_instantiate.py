"""Bundles of cases instantiate on a real nixpkgs, NXCC_TEST_NIXPKGS: those whose options the tested release has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from nix_systems import evaluate, nixpkgs, run_nix
from test_composition import compiled

if TYPE_CHECKING:
    from pathlib import Path

CASES = (
    "ok-smallest",
    "ok-network",
    "ok-tests",
    "ok-adopted",
    "ok-includes",
    "ok-setup-default",
    "ok-instantiates",
    "ok-own-input",
)


def written(name: str, folder: Path) -> Path:
    """The bundle of a case, on disk."""
    for path, content in compiled(name).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_docker(name: str, tmp_path: Path) -> None:
    source = nixpkgs()
    bundle = written(name, tmp_path / "bundle")
    done = run_nix("nix-instantiate", f"{bundle}/default.nix", "--arg", "nixpkgs", source, "-A", "docker")
    assert ".drv" in done.stdout


def test_on_and_secrets(tmp_path: Path) -> None:
    source = nixpkgs()
    bundle = written("ok-instantiates", tmp_path / "bundle")
    found = evaluate(
        f"let bundle = import {bundle}/default.nix {{ nixpkgs = {source}; }};"
        " of = flavour: builtins.mapAttrs (_: one: {"
        "   timesyncd = one.config.services.timesyncd.enable;"
        "   host = one.config.networking.hostName;"
        "   after = one.config.systemd.services.use.after or [ ];"
        "   ports = one.config.networking.firewall.allowedTCPPorts;"
        "   level = one.config.environment.variables.LEVEL or null;"
        ' }) bundle.systems.${flavour}; in { docker = of "docker"; plain = of "plain"; }'
    )
    docker, plain = found["docker"], found["plain"]
    assert (docker["server"]["timesyncd"], plain["server"]["timesyncd"]) == (False, True)
    assert 9100 in docker["server"]["ports"]
    assert 9100 not in plain["server"]["ports"]
    assert "nxcc-secrets.service" in plain["server"]["after"]
    assert (plain["server"]["level"], plain["client"]["level"]) == ("3", "7")
