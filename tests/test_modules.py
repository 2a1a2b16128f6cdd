"""The Nix library on a small nixpkgs of the tests' own, for each release that docs/nixos-compatibility.md knows.

Every flavour and module of nix/ is evaluated, guards included, without nixpkgs: an option, function, package or file
that a release lacks is an error, and so is a value of the wrong type.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from nix_systems import evaluate
from small_nixpkgs import LIBRARY, RELEASES, make_nixpkgs, small_bundle

if TYPE_CHECKING:
    from pathlib import Path

FLAVOURS = sorted(path.stem for path in (LIBRARY / "flavours").glob("*.nix"))

FACTS = """
let
  lib = import (nixpkgs + "/lib");
  unit = one: { inherit (one) after requires wantedBy script; };
  of = system: let inherit (system) config options; in {
    toplevel = config.system.build.toplevel.drvPath;
    units = builtins.mapAttrs (_: unit) config.systemd.services;
    firewall = config.networking.firewall.enable;
    kernelModules = config.boot.kernelModules;
    kernelParams = config.boot.kernelParams;
    exports = config.services.nfs.server.exports;
    mounts = builtins.mapAttrs (_: one: { inherit (one) device fsType options; }) config.fileSystems;
    hostName = config.networking.hostName;
    nix = config.nix.enable or null;
  };
in {
  systems = builtins.mapAttrs (_: builtins.mapAttrs (_: of)) bundle.systems;
  packages = builtins.mapAttrs (_: one: one.drvPath) bundle.packages;
}
"""


def evaluated(
    folder: Path, release: str, composition: str | None = None, expect: int = 0, facts: str = FACTS, **changes: Any
) -> Any:
    """Facts about a bundle with that composition, or the message of the error."""
    nixpkgs = make_nixpkgs(folder / release, release)
    bundle = small_bundle(folder / "bundle", composition, **changes)
    return evaluate(
        f"let nixpkgs = {nixpkgs}; bundle = import {bundle}/default.nix {{ inherit nixpkgs; }}; in {facts}", expect
    )


@pytest.fixture(scope="module", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def facts(release: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found: dict[str, Any] = evaluated(tmp_path_factory.mktemp("modules"), release)
    return found


def systems(facts: dict[str, Any], role: str) -> dict[str, dict[str, Any]]:
    """A role's systems by flavour."""
    return {flavour: roles[role] for flavour, roles in facts["systems"].items()}


def test_every_role_and_package_evaluates(facts: dict[str, Any]) -> None:
    assert sorted(facts["systems"]) == FLAVOURS
    assert {"docker", "docker-host"} <= set(facts["packages"])


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_units_wait_for_the_secrets_that_they_read(flavour: str, facts: dict[str, Any]) -> None:
    units = systems(facts, "server")[flavour]["units"]
    for name in ("user", "other"):
        assert "nxcc-secrets.service" in units[name]["after"]
        assert "nxcc-secrets.service" in units[name]["requires"]
    assert units["none"]["after"] == units["none"]["requires"] == []
    assert "nxcc-secrets" not in systems(facts, "bare")[flavour]["units"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_links_and_shares_are_each_flavour_s(flavour: str, facts: dict[str, Any]) -> None:
    server, agent = systems(facts, "server")[flavour], systems(facts, "agent")[flavour]
    assert "'1000000' 'delay 10ms 0.500000ms loss 1% limit 1000' 'agent'" in server["units"]["nxcc-links"]["script"]
    if flavour == "docker":
        assert server["exports"] == ""
        assert "/data" not in agent["mounts"]
        assert "sch_netem" not in server["kernelModules"]
    else:
        assert [line.split("fsid=")[1] for line in server["exports"].split()[1:] if "fsid" in line] == ["1)", "2)"]
        assert agent["mounts"]["/data"]["device"] == "server:/data"
        assert agent["mounts"]["/data"]["fsType"] == "nfs"
        assert "sch_netem" in server["kernelModules"]


def test_containers_leave_network_and_wall_to_the_engine(facts: dict[str, Any], release: str) -> None:
    docker = systems(facts, "server")["docker"]
    assert (docker["firewall"], docker["hostName"]) == (False, "")
    assert docker["nix"] is (None if release == "20.09" else False)
    assert systems(facts, "server")["plain"]["firewall"] is True


# ------------------------------------------------------------ what is found


def role(text: str) -> str:
    return f"{{ lib, pkgs, ... }}: {{ roles.node = {{ imports = [ ./nix/modules/links.nix ]; {text} }}; }}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('boot.kernelParams = "a";', "boot.kernelParams .* is no list of str but a string"),
        ("boot.kernelParams = [ 1 ];", "boot.kernelParams.1 .* is no str but a int"),
        ('boot.initrd.postMountCommands = "x";', "boot.initrd.postMountCommands is set, and stage 1 is systemd"),
        ('systemd.services.a.after = [ "b" ];', "is no str matching"),
        ("systemd.services.a.afters = [ ];", "`systemd.services.a.afters' does not exist"),
        ('nxcc.links = [ { to = "a"; } ];', "nxcc.links.1.to .* is no list of str"),
        ('networking.hostName = lib.mkMerge [ "a" "b" ];', "networking.hostName has different values"),
        ("nxcc.links = [ { delay = 1; } ];", "nxcc.links.1.to is read, but nothing defines it"),
        ("nxcc.nothing = lib.mkIf false 1;", "`nxcc.nothing' does not exist"),
        ("options.nxcc.more = lib.mkOption { }; nxcc.x = 1;", "has config or options, and beside them"),
    ],
)
def test_mistakes_are_found(text: str, message: str, tmp_path: Path) -> None:
    found = evaluated(tmp_path, "26.05", role(text), expect=1, facts="bundle.roles.plain.node.drvPath")
    assert re.search(message, found), found


def test_priorities_conditions_and_order(tmp_path: Path) -> None:
    text = """
        networking.hostName = lib.mkMerge [ (lib.mkDefault "weak") "usual" (lib.mkForce "strong") ];
        boot.kernelParams = lib.mkMerge [ [ "b" ] (lib.mkBefore [ "a" ]) (lib.mkIf false [ "x" ]) ];
        services.nfs = lib.mkIf true (lib.mkMerge [ { server.enable = lib.mkForce false; } { server.enable = true; } ]);
    """
    config = "bundle.systems.plain.node.config"
    facts = f"with {config}; [ networking.hostName boot.kernelParams services.nfs.server.enable ]"
    assert evaluated(tmp_path, "20.09", role(text), facts=facts) == ["strong", ["a", "b"], False]
