"""The Nix library on a small nixpkgs of the tests' own, for each release that docs/nixos-compatibility.md knows.

Every flavour and module of nix/ is evaluated, guards included, without nixpkgs: an option, function, package or file
that a release lacks is an error, and so is a value of the wrong type.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from nix_systems import evaluate
from small_nixpkgs import LIBRARY, RELEASES, make_nixpkgs, small_bundle

if TYPE_CHECKING:
    from pathlib import Path

FLAVOURS = sorted(path.stem for path in (LIBRARY / "flavours").glob("*.nix"))

MACHINES = ("vm", "vm-ramdisk", "g5k-ramdisk", "g5k-image", "g5k-nfs-store")
VIRTUAL = ("vm", "vm-ramdisk")

FACTS = """
let
  unit = one: { inherit (one) after before requires wantedBy script serviceConfig; };
  of = system: let inherit (system) config; in {
    toplevel = config.system.build.toplevel.drvPath;
    initrd = config.system.build.initialRamdisk.drvPath;
    units = builtins.mapAttrs (_: unit) config.systemd.services;
    targets = builtins.attrNames config.systemd.targets;
    firewall = config.networking.firewall.enable;
    kernelModules = config.boot.kernelModules;
    kernelParams = config.boot.kernelParams;
    exports = config.services.nfs.server.exports;
    rules = config.systemd.tmpfiles.rules;
    sshd = config.services.openssh.extraConfig;
    mounts = builtins.mapAttrs (_: one: { inherit (one) device fsType options; }) config.fileSystems;
    hostName = config.networking.hostName;
    nix = config.nix.enable or null;
    grub = config.boot.loader.grub.enable;
  };
in {
  systems = builtins.mapAttrs (_: builtins.mapAttrs (_: of)) bundle.systems;
  packages = builtins.mapAttrs (_: one: { inherit (one) drvPath; text = one.buildCommand or ""; }) bundle.packages;
  test = builtins.mapAttrs (_: one: {
    inherit (one.networking) hostName primaryIPAddress;
    inherit (one.virtualisation) memorySize cores diskSize;
  }) bundle.packages.nixos-test.nodes;
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


def by_role(facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {role: systems(facts, role) for role in facts["systems"]["plain"]}


def test_every_role_and_package_evaluates(facts: dict[str, Any]) -> None:
    assert sorted(facts["systems"]) == FLAVOURS
    assert sorted(facts["packages"]) == sorted([name for name in FLAVOURS if name != "plain"] + ["docker-host"])


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
    words = shlex.split(server["units"]["nxcc-links"]["script"])
    assert words[-3:] == ["1000000", "delay 10ms 0.500000ms loss 1% limit 1000", "agent"]
    if flavour == "docker":
        assert server["exports"] == ""
        assert "/data" not in agent["mounts"]
        assert "sch_netem" not in server["kernelModules"]
    else:
        assert [line.split("fsid=")[1] for line in server["exports"].split()[1:] if "fsid" in line] == [
            *("1)", "2)", "3)")
        ]
        assert agent["mounts"]["/data"]["device"] == "server:/data"
        assert agent["mounts"]["/data"]["fsType"] == "nfs"
        assert "sch_netem" in server["kernelModules"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_keys_on_the_node_are_beside_those_that_nix_knows(flavour: str, facts: dict[str, Any]) -> None:
    lines = systems(facts, "server")[flavour]["sshd"].splitlines()
    assert lines[-3::2] == ["Match User alice", "Match All"]
    word, *files = lines[-2].split()
    assert word == "AuthorizedKeysFile"
    assert files[-1] == "/run/nxcc/secrets/key.pub"
    # Whoever starts a machine logs in by a file of nxcc's; it stays for this user, too.
    assert ("/run/nxcc/authorized_keys/%u" in files) == (flavour in MACHINES)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_shared_home_has_the_mode_of_homes(flavour: str, release: str, facts: dict[str, Any]) -> None:
    mode = "0700" if release == "20.09" else "0750"
    assert f'd "/home/alice" {mode} alice users -' in systems(facts, "server")[flavour]["rules"]


def test_containers_leave_network_and_wall_to_the_engine(facts: dict[str, Any], release: str) -> None:
    docker = systems(facts, "server")["docker"]
    assert docker["firewall"] is False
    # What is made of the name stays; nothing sets it, nor writes the engine's file.
    for role, found in by_role(facts).items():
        assert found["docker"]["hostName"] == found["vm"]["hostName"], role
    assert docker["nix"] is (None if release == "20.09" else False)
    assert systems(facts, "server")["plain"]["firewall"] is True


@pytest.mark.parametrize("flavour", MACHINES)
def test_machines_have_an_identity_and_wait_where_they_are_told_to(flavour: str, facts: dict[str, Any]) -> None:
    for role in ("server", "agent", "bare", "other"):
        found = systems(facts, role)[flavour]
        assert "nxcc-provision" in found["targets"]
        identity = found["units"]["nxcc-identity"]
        assert {"multi-user.target", "nxcc-provision.target"} <= set(identity["wantedBy"])
        assert "sshd.service" in identity["before"]
        peers = found["units"]["nxcc-peers"]
        assert "nxcc-identity.service" in peers["after"]
        assert ("nftables.service" if role == "other" else "firewall.service") in peers["after"]
        assert found["firewall"] is True


def test_containers_and_tests_have_their_identity_from_others(facts: dict[str, Any]) -> None:
    for flavour in ("docker", "plain", "nixos-test"):
        assert "nxcc-provision" not in systems(facts, "bare")[flavour]["targets"]
    assert "nxcc-identity" not in systems(facts, "bare")["docker"]["units"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_root_is_logged_in_on_serial_consoles_of_virtual_machines_alone(flavour: str, facts: dict[str, Any]) -> None:
    text = repr(systems(facts, "bare")[flavour]["units"])
    assert ("--autologin root" in text) == (flavour in VIRTUAL)
    assert "assword" not in text


@pytest.mark.parametrize("flavour", MACHINES)
def test_names_are_in_a_system_where_its_role_has_one_node(flavour: str, facts: dict[str, Any]) -> None:
    assert systems(facts, "server")[flavour]["hostName"] == "server"
    assert systems(facts, "agent")[flavour]["hostName"] == ""


@pytest.mark.parametrize("flavour", [name for name in MACHINES if name not in VIRTUAL])
def test_roles_with_one_kernel_share_their_initrd(flavour: str, facts: dict[str, Any]) -> None:
    initrds = {role: system[flavour]["initrd"] for role, system in by_role(facts).items()}
    assert initrds["server"] == initrds["agent"] == initrds["bare"]
    assert initrds["other"] != initrds["server"]


@pytest.mark.parametrize("flavour", ["vm", "vm-ramdisk", "g5k-ramdisk", "g5k-nfs-store"])
def test_each_role_boots_the_pair_that_it_names(flavour: str, facts: dict[str, Any]) -> None:
    text = facts["packages"][flavour]["text"]
    pairs = dict(re.findall(r"ln -s ../../pairs/(\d+)/kernel \$out/roles/(\w+)/kernel", text)[::-1])
    pair_of = {role: pair for pair, role in re.findall(r"ln -s \.\./\.\./pairs/(\d+)/kernel \$out/roles/(\w+)/", text)}
    assert pairs
    assert pair_of["server"] == pair_of["bare"] != pair_of["other"]
    cmdlines = dict(re.findall(r"echo '([^']*)' > \$out/roles/(\w+)/cmdline", text))
    by_name = {role: line for line, role in cmdlines.items()}
    assert "isolcpus=1" in by_name["other"]
    assert "isolcpus=1" not in by_name["server"]


def test_disks_are_the_root_of_roles_that_ask_for_one(facts: dict[str, Any]) -> None:
    for flavour in VIRTUAL:
        assert systems(facts, "agent")[flavour]["mounts"]["/"]["device"] == "/dev/disk/by-id/virtio-nxcc-root"
        assert systems(facts, "server")[flavour]["mounts"]["/"]["fsType"] == "tmpfs"
    assert systems(facts, "agent")["g5k-ramdisk"]["mounts"]["/"]["fsType"] == "tmpfs"


def test_nodes_of_a_test_have_the_addresses_and_sizes_of_the_environment(facts: dict[str, Any]) -> None:
    test = facts["test"]
    assert sorted(test) == ["adopted", "agent_1", "agent_2", "bare", "other", "server"]
    assert test["agent_2"] == {
        "hostName": "agent-2",
        "primaryIPAddress": "198.18.0.4",
        "memorySize": 1024,
        "cores": test["bare"]["cores"],
        "diskSize": 1024,
    }
    assert (test["server"]["memorySize"], test["server"]["cores"]) == (2048, 2)


def test_without_trust_only_shares_pass_the_firewall(release: str, tmp_path: Path) -> None:
    facts = """
        builtins.mapAttrs (_: role: role.config.systemd.services.nxcc-peers.serviceConfig.ExecStart or null)
        bundle.systems.vm
    """
    network = {"subnet": "198.18.0.0/15", "trust": "none"}
    found = evaluated(tmp_path, release, facts=facts, network=network)
    assert found["bare"] is None
    assert found["server"].endswith("iptables 2049")
    trusting = evaluated(tmp_path / "peers", release, facts=facts)
    assert trusting["bare"].endswith("iptables")
    assert trusting["other"].endswith("nft")


def test_nixpkgs_own_module_system_makes_the_same_of_it(release: str, tmp_path: Path) -> None:
    """NXCC_TEST_LIB names folders with lib/ of nixpkgs, from 24.11 on, separated by colons: old Nix can read those."""
    libraries = list(filter(None, os.environ.get("NXCC_TEST_LIB", "").split(":")))
    if not libraries:
        pytest.skip("NXCC_TEST_LIB names no lib of nixpkgs")
    if release == "20.09":
        pytest.skip("20.09 is evaluated as a whole")
    bundle = small_bundle(tmp_path / "bundle")

    def paths(name: str, real: str | None) -> Any:
        small = make_nixpkgs(tmp_path / name, release, real=real)
        return evaluate(
            f"let bundle = import {bundle}/default.nix {{ nixpkgs = {small}; }};"
            " of = builtins.mapAttrs (_: one: one.drvPath);"
            " in { packages = of bundle.packages; roles = builtins.mapAttrs (_: of) bundle.roles; }"
        )

    expected = paths("small", None)
    for number, library in enumerate(libraries):
        assert paths(str(number), os.path.abspath(library)) == expected


# ------------------------------------------------------------ what is found


def role(text: str) -> str:
    imports = "[ ./nix/modules/links.nix ./nix/modules/shares.nix ]"
    return f"{{ lib, pkgs, ... }}: {{ roles.node = {{ imports = {imports}; {text} }}; }}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('boot.kernelParams = "a";', "boot.kernelParams .* is no list of str but a string"),
        ("boot.kernelParams = [ 1 ];", "boot.kernelParams.1 .* is no str but a int"),
        ('boot.initrd.postMountCommands = "x";', "boot.initrd.postMountCommands is set, and stage 1 is systemd"),
        ("environment.noXlibs = false;", "environment.noXlibs is defined, and this release has it no longer"),
        ('systemd.services.a.after = [ "b" ];', "is no str matching"),
        ("systemd.services.a.afters = [ ];", "`systemd.services.a.afters' does not exist"),
        ('nxcc.links = [ { to = "a"; } ];', "nxcc.links.1.to .* is no list of str"),
        ('networking.hostName = lib.mkMerge [ "a" "b" ];', "networking.hostName has different values"),
        ("nxcc.links = [ { delay = 1; } ];", "nxcc.links.1.to is read, but nothing defines it"),
        ("nxcc.nothing = lib.mkIf false 1;", "`nxcc.nothing' does not exist"),
        ('nxcc.shares."/x".owner = "zoe";', "the owner of the share /x is no user of the node: zoe"),
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


# ------------------------------------------------------------ the role's word


# Options of which some flavour says something, and what a role says that means it no more than `mkDefault`.
WEAK = {
    "boot.loader.grub.enable": "false",
    "boot.loader.grub.device": '"/dev/sda"',
    "documentation.enable": "true",
    'environment.etc."grid5000/release".text': '"mine"',
    'fileSystems."/".device': '"/dev/mine"',
    'fileSystems."/".fsType': '"xfs"',
    "networking.hostName": '"mine"',
    "networking.useDHCP": "false",
    "services.journald.console": '"/dev/mine"',
    "services.openssh.enable": "false",
    "services.openssh.hostKeys": "[ ]",
    "system.stateVersion": '"19.09"',
}


@pytest.mark.parametrize("flavour", [name for name in FLAVOURS if name != "nixos-test"])
def test_a_role_s_defaults_win(flavour: str, release: str, tmp_path: Path) -> None:
    # The engine's, by force.
    said = {name: value for name, value in WEAK.items() if (flavour, name) != ("docker", "networking.useDHCP")}
    text = " ".join(f"{name} = lib.mkDefault {value};" for name, value in said.items())
    composition = f"{{ lib, ... }}: {{ roles.server = {{ {text} }}; }}"
    values = " ".join(f"(config.{name} == {value})" for name, value in said.items())
    facts = f"let config = bundle.systems.{flavour}.server.config; in [ {values} ]"
    found = evaluated(tmp_path, release, composition, facts=facts)
    assert [name for name, wins in zip(said, found, strict=True) if not wins] == []


def test_containers_say_what_the_engine_s_hosts_leave_out(release: str, tmp_path: Path) -> None:
    composition = '_: { roles.server.networking.extraHosts = "10.0.0.1 other"; roles.bare = { }; }'
    facts = "builtins.mapAttrs (_: roles: builtins.mapAttrs (_: one: one.config.warnings) roles) bundle.systems"
    found = evaluated(tmp_path, release, composition, facts=facts)
    assert "networking.extraHosts" in found["docker"]["server"][0]
    assert found["docker"]["bare"] == found["vm"]["server"] == found["plain"]["server"] == []


@pytest.mark.parametrize("flavour", ["docker", *MACHINES])
def test_users_may_be_fixed_without_a_password(flavour: str, release: str, tmp_path: Path) -> None:
    facts = f"bundle.systems.{flavour}.server.config.users.allowNoPasswordLogin or null"
    found = evaluated(tmp_path, release, "_: { roles.server = { }; }", facts=facts)
    assert found is (None if release == "20.09" else True)
