"""identity.nix and peers.nix: on a real nixpkgs 20.09, and their parts for later releases on a few options of these."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import test_peers
from nix_systems import evaluate, make_bundle, nixpkgs, of_bundle

from nxcc.resources import resource

MODULES = Path(resource("nix")) / "modules"

ENVIRONMENT = {
    "name": "lab",
    "setup": "",
    "params": {},
    "network": {"subnet": "10.1.0.0/24", "trust": "peers"},
    "roles": [
        {"name": "web", "counted": True, "nodes": ["web1", "web2"]},
        {"name": "db", "counted": False, "nodes": ["db"]},
    ],
}

COMPOSITION = """{ lib, ... }:
let
  node = { imports = [ ./nix/modules/identity.nix ./nix/modules/peers.nix ]; documentation.enable = false; };
  distrust = { nxcc.environment = lib.mkForce { network.trust = "none"; }; };
in
{
  roles = {
    web = node;
    db = node;
    vm = { imports = [ node ]; nxcc.flavour = lib.mkForce "vm-ramdisk"; };
    bare = { imports = [ node ]; nxcc.environment = lib.mkForce { }; };
    distrusts = { imports = [ node distrust ]; };
    shares = { imports = [ node distrust ]; nxcc.shares."/data" = { }; };
    own = {
      imports = [ node ];
      networking = { hostName = "mine"; firewall.enable = false; };
      nxcc.role = lib.mkForce "db";
      services.openssh = { passwordAuthentication = true; hostKeys = [ { type = "rsa"; path = "/k"; } ]; };
    };
    silent = { imports = [ node ]; services.openssh.enable = false; };
    shut = { imports = [ node ]; services.openssh = { permitRootLogin = "no"; ports = [ 2222 ]; }; };
    weak = { imports = [ node ]; networking.hostName = lib.mkDefault "weak"; nxcc.role = lib.mkForce "db"; };
  };
}
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the tests ask about the composition above, evaluated once."""
    bundle = make_bundle(tmp_path_factory.mktemp("identity") / "bundle", COMPOSITION)
    (bundle / "environment.json").write_text(json.dumps(ENVIRONMENT))
    found: dict[str, Any] = of_bundle(
        bundle,
        """
        lib.mapAttrs (_: system: let c = system.config; in {
          units = lib.mapAttrs (_: unit: unit.text)
            (lib.filterAttrs (name: _: lib.hasPrefix "nxcc-" name) c.systemd.units);
          hosts = c.environment.etc.hosts.source;
          hostname = c.environment.etc.hostname.source;
          inherit (c) warnings;
          name = c.networking.hostName;
          firewall = c.networking.firewall.extraCommands;
          keys = c.services.openssh.authorizedKeysFiles;
          sshd = if c.services.openssh.enable then c.services.openssh.extraConfig else null;
          host_keys = map (key: key.path) c.services.openssh.hostKeys;
          denied = c.networking.dhcpcd.denyInterfaces;
          predictable = c.networking.usePredictableInterfaceNames;
          unmanaged = c.systemd.network.networks."01-nxcc".linkConfig.Unmanaged or null;
          command = (lib.findFirst (p: p.name or "" == "nxcc-identity") null c.environment.systemPackages).text;
          drv = c.system.build.toplevel.drvPath;
        }) bundle.systems.plain
        """,
    )
    return found


def lines(facts: dict[str, Any], role: str, unit: str) -> dict[str, str]:
    """The settings of a unit's text."""
    return dict(line.split("=", 1) for line in facts[role]["units"][unit].splitlines() if "=" in line)


def test_the_unit_runs_before_anyone_can_log_in(facts: dict[str, Any]) -> None:
    unit = lines(facts, "web", "nxcc-identity.service")
    assert unit["DefaultDependencies"] == "false"
    assert {"network-pre.target", "sshd.service", "sshd-keygen.service", "sshd.socket"} <= set(unit["Before"].split())
    assert unit["After"] == "local-fs.target systemd-modules-load.service"
    assert (unit["Type"], unit["TimeoutStartSec"], unit["StandardOutput"]) == ("oneshot", "300s", "journal+console")
    assert unit["ExecStart"].endswith("-nxcc-identity/bin/nxcc-identity")


def test_the_command_is_the_script_with_its_programs(facts: dict[str, Any]) -> None:
    command = facts["web"]["command"]
    assert [line.split("-", 1)[1] for line in command.splitlines() if line.startswith(". ")] == [
        "identity-archive.sh",
        "identity.sh",
    ]
    for package in ("coreutils", "gnutar", "iproute2", "kmod", "systemd"):
        assert f"-{package}-" in command
    assert "NXCC_HOSTS_BASE=/nix/store/" in command


def test_hosts_are_made_at_run_time(facts: dict[str, Any]) -> None:
    assert {role["hosts"] for role in facts.values()} == {"/run/nxcc/hosts"}


def test_the_name_is_made_at_run_time_whatever_dhcp_says(facts: dict[str, Any]) -> None:
    # systemd-hostnamed and NetworkManager take no other name where this file has one.
    assert {role["hostname"] for role in facts.values()} == {"/run/nxcc/node"}


def test_roles_that_lock_their_launcher_out_are_told(facts: dict[str, Any]) -> None:
    said = {role: [warning for warning in found["warnings"] if "log in" in warning] for role, found in facts.items()}
    assert {role: len(warnings) for role, warnings in said.items() if warnings} == {"silent": 1, "shut": 2}
    assert said["silent"] == ["role silent: services.openssh.enable is false; `run` of plain cannot log in"]
    assert "PermitRootLogin is no" in said["shut"][0]
    assert "does not have 22" in said["shut"][1]


def test_only_nodes_without_a_number_have_a_name(facts: dict[str, Any]) -> None:
    names = {role: facts[role]["name"] for role in ("web", "db", "own", "weak", "bare")}
    assert names == {"web": "", "db": "db", "own": "mine", "weak": "weak", "bare": "nixos"}


def test_root_logs_in_with_keys_of_run_time_alone(facts: dict[str, Any]) -> None:
    assert "/run/nxcc/authorized_keys/%u" in facts["web"]["keys"]
    assert "/etc/ssh/authorized_keys.d/%u" in facts["web"]["keys"]
    sshd = facts["web"]["sshd"].splitlines()
    assert {"PermitRootLogin prohibit-password", "PasswordAuthentication no", "ChallengeResponseAuthentication no"} <= {
        line.strip() for line in sshd
    }
    assert facts["web"]["host_keys"] == ["/etc/ssh/ssh_host_ed25519_key"]


def test_the_role_has_the_last_word(facts: dict[str, Any]) -> None:
    assert "PasswordAuthentication yes" in facts["own"]["sshd"]
    assert facts["own"]["host_keys"] == ["/k"]
    assert facts["silent"]["sshd"] is None
    # Without a firewall there is nothing to let anyone through.
    assert "nxcc-peers.service" not in facts["own"]["units"]


def test_provision_starts_what_is_needed_to_get_there(facts: dict[str, Any]) -> None:
    unit = lines(facts, "web", "nxcc-provision.target")
    wanted = set(unit["Wants"].split())
    assert {"sshd.service", "nxcc-identity.service", "nxcc-peers.service", "network-online.target"} <= wanted
    assert {"dhcpcd.service", "systemd-networkd.service", "firewall.service"} <= wanted
    assert (unit["Requires"], unit["AllowIsolate"]) == ("sysinit.target", "true")


def test_the_nodes_network_is_left_alone_in_virtual_machines(facts: dict[str, Any]) -> None:
    vm, bare_metal = facts["vm"], facts["web"]
    assert (vm["predictable"], "eth1" in vm["denied"], vm["unmanaged"]) == (False, True, "yes")
    assert (bare_metal["predictable"], "eth1" in bare_metal["denied"], bare_metal["unmanaged"]) == (True, False, None)


@pytest.mark.parametrize(
    ("role", "arguments"), [("web", "iptables"), ("bare", "iptables"), ("shares", "iptables 2049")]
)
def test_peers_pass_the_firewall(facts: dict[str, Any], role: str, arguments: str) -> None:
    unit = lines(facts, role, "nxcc-peers.service")
    assert unit["ExecStart"].endswith(f"-peers.sh {arguments}")
    assert unit["ExecReload"] == unit["ExecStart"]
    assert (unit["PartOf"], unit["ReloadPropagatedFrom"]) == ("firewall.service", "firewall.service")
    assert unit["After"] == "firewall.service nxcc-identity.service"
    assert "network-pre.target" in unit["Before"]
    added = [line for line in facts[role]["firewall"].splitlines() if "nxcc-peers" in line]
    assert len(added) == 2
    for line in added:
        # What tests/test_peers.py runs.
        assert f"    {line.replace(' || true', '')}" in test_peers.IPTABLES


def test_without_trust_and_shares_nothing_opens(facts: dict[str, Any]) -> None:
    assert "nxcc-peers.service" not in facts["distrusts"]["units"]
    assert "nxcc-peers" not in facts["distrusts"]["firewall"]


# The options that later releases have, of the types that matter here.
LATER = """
let
  lib = import %(nixpkgs)s/lib;
  option = lib.mkOption { default = { }; type = lib.types.attrsOf lib.types.unspecified; };
  value = type: default: lib.mkOption { inherit type default; };
  options = { lib, ... }: {
    options = {
      networking.nftables.enable = value lib.types.bool false;
      networking.nftables.tables = lib.mkOption {
        default = { };
        type = lib.types.attrsOf (lib.types.submodule { options.content = value lib.types.lines ""; });
      };
      networking.firewall = {
        enable = value lib.types.bool true;
        package = value lib.types.str "/firewall";
        extraCommands = value lib.types.lines "";
        extraInputRules = value lib.types.lines "";
      } // %(more)s;
      warnings = value (lib.types.listOf lib.types.str) [ ];
      assertions = value (lib.types.listOf lib.types.unspecified) [ ];
      networking.hostFiles = value (lib.types.listOf lib.types.str) [ ];
      networking.hostName = value lib.types.str "nixos";
      networking.usePredictableInterfaceNames = value lib.types.bool true;
      networking.dhcpcd.denyInterfaces = value (lib.types.listOf lib.types.str) [ ];
      networking.networkmanager.unmanaged = value (lib.types.listOf lib.types.str) [ ];
      services.openssh = {
        enable = value lib.types.bool false;
        authorizedKeysFiles = value (lib.types.listOf lib.types.str) [ ];
        ports = value (lib.types.listOf lib.types.int) [ 22 ];
        hostKeys = value (lib.types.listOf lib.types.attrs) [ ];
        passwordAuthentication = value lib.types.bool true;
        settings = lib.mkOption {
          default = { };
          type = lib.types.submodule {
            options.PasswordAuthentication = value lib.types.bool true;
            options.KbdInteractiveAuthentication = value lib.types.bool true;
            options.PermitRootLogin = value (lib.types.nullOr lib.types.str) "prohibit-password";
          };
        };
      };
      services.nfs.server = { enable = value lib.types.bool false; exports = value lib.types.lines ""; };
      users.allowNoPasswordLogin = value lib.types.bool false;
      fileSystems = option;
      environment.etc = option;
      environment.systemPackages = value (lib.types.listOf lib.types.unspecified) [ ];
      boot.initrd.systemd.contents = lib.mkOption {
        default = { };
        type = lib.types.attrsOf (lib.types.submodule { options.text = value lib.types.str ""; });
      };
      systemd = { services = option; targets = option; network.networks = option;
        tmpfiles.rules = value (lib.types.listOf lib.types.str) [ ]; };
    };
  };
  release = lib // { trivial = lib.trivial // { release = "26.05"; }; };
  pkgs = {
    runtimeShell = "/sh";
    runCommand = name: _: _: "/" + name;
    writeScriptBin = name: text: { inherit name text; outPath = "/" + name; };
    coreutils = "/"; gnutar = "/"; iproute2 = "/"; kmod = "/"; systemd = "/";
  };
  config = (lib.evalModules {
    specialArgs = { lib = release; inherit pkgs; };
    modules = [ options %(modules)s/identity.nix %(modules)s/peers.nix
      { boot.initrd.systemd.contents."/etc/hostname".text = "nixos"; }
      (%(role)s)
    ];
  }).config;
in
{
  inherit (config.networking) hostName;
  inherit (config.networking.firewall) extraCommands extraInputRules;
  inherit (config.services.openssh) settings passwordAuthentication;
  inherit (config.users) allowNoPasswordLogin;
  inherit (config) warnings;
  set = config.networking.nftables.tables.nixos-fw.content or "";
  initrd = config.boot.initrd.systemd.contents."/etc/hostname".text;
  peers = config.systemd.services.nxcc-peers or null;
}
"""


def later(role: str, more: str = "{ }") -> dict[str, Any]:
    """What a role gets in a release with the options of LATER and those of the firewall's own in ``more``."""
    found: dict[str, Any] = evaluate(LATER % {"nixpkgs": nixpkgs(), "modules": MODULES, "role": role, "more": more})
    return found


def test_later_releases_log_in_and_start_alike() -> None:
    found = later("{ }")
    settings = {"PasswordAuthentication": False, "KbdInteractiveAuthentication": False}
    assert found["settings"] == {"PermitRootLogin": "prohibit-password", **settings}
    assert found["warnings"] == []
    # To set the old name would warn.
    assert found["passwordAuthentication"] is True
    assert found["allowNoPasswordLogin"] is True
    assert found["initrd"] == ""
    assert found["peers"]["path"] == ["/firewall"]


def test_later_releases_tell_roles_that_lock_their_launcher_out() -> None:
    (said,) = later('{ services.openssh.settings.PermitRootLogin = "no"; }')["warnings"]
    assert "PermitRootLogin is no" in said
    assert later("{ services.openssh.settings.PermitRootLogin = null; }")["warnings"] == []


@pytest.mark.parametrize(
    ("role", "rule"),
    [
        ("{ }", "ip saddr @nxcc-peers accept\n"),
        (
            '{ nxcc.environment.network.trust = "none"; nxcc.shares."/data" = { }; }',
            "ip saddr @nxcc-peers tcp dport 2049 accept\n",
        ),
    ],
)
def test_nftables(role: str, rule: str) -> None:
    found = later(f"{{ imports = [ {role} ]; networking.nftables.enable = true; }}")
    assert found["set"].strip() == "set nxcc-peers { type ipv4_addr; }"
    assert found["set"].strip() in test_peers.NFT
    assert found["extraInputRules"] == rule
    # The other backend's option would be an error.
    assert found["extraCommands"] == ""
    assert found["peers"]["serviceConfig"]["ExecStart"].endswith("peers.sh nft")
    assert found["peers"]["partOf"] == ["nftables.service"]
    assert found["peers"]["unitConfig"]["ReloadPropagatedFrom"] == "nftables.service"


@pytest.mark.parametrize(("backend", "unit"), [("iptables", "firewall.service"), ("nftables", "nftables.service")])
def test_the_firewall_names_its_backend(backend: str, unit: str) -> None:
    found = later("{ }", f'{{ backend = value lib.types.str "{backend}"; }}')
    assert found["peers"]["partOf"] == [unit]


def test_firewalld_is_left_alone() -> None:
    found = later("{ }", '{ backend = value lib.types.str "firewalld"; }')
    assert (found["peers"], found["extraCommands"], found["extraInputRules"]) == (None, "", "")
