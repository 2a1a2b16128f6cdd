"""The Nix side of vm, vm-ramdisk, g5k-ramdisk and g5k-nfs-store: what docs/nodes.md says that a build gives.

Nothing of NixOS can be built in the tests: derivations are instantiated on a real nixpkgs (20.09's options), and their
builders run on stand-ins. What later releases get is evaluated with the small nixpkgs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from nix_systems import evaluate, make_bundle, nixpkgs, of_bundle, run_nix
from small_nixpkgs import make_nixpkgs
from tools import need

from nxcc.resources import resource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FLAVOURS = ("vm", "vm-ramdisk", "g5k-ramdisk", "g5k-nfs-store")
RAMDISKS = ("vm-ramdisk", "g5k-ramdisk")
MOUNT_STORE = Path(resource("nix")) / "modules" / "store-nfs.sh"

ROLES = ("server", "odd", "client")
COMPOSITION = """
{ pkgs, lib, flavour, ... }: {
  roles = {
    client = { networking.hostName = "mine"; services.nginx.enable = true; };
    odd = { boot.kernelPackages = pkgs.linuxPackages_latest; boot.kernelParams = [ "mitigations=off" "a.b=c,d" ]; };
    server = {
      environment.systemPackages = [ pkgs.hello ];
      networking.firewall.allowedTCPPorts = [ 6443 ];
      system.stateVersion = "19.09";
    };
  };
}
"""

FACTS = """
let
  systems = { inherit (bundle.systems) vm vm-ramdisk g5k-ramdisk g5k-nfs-store; };
  of = config: {
    inherit (config) warnings;
    ports = config.networking.firewall.allowedTCPPorts;
    firewall = config.networking.firewall.enable;
    hello = lib.any (package: lib.getName package == "hello") config.environment.systemPackages;
    version = config.system.stateVersion;
    grub = config.boot.loader.grub.enable;
    noXlibs = config.environment.noXlibs;
    documentation = config.documentation.enable;
    root = config.fileSystems."/".fsType;
    getty = config.systemd.services."serial-getty@ttyS0".serviceConfig.ExecStart or "";
    autologin = config.services.mingetty.autologinUser;
    daemon = config.systemd.services.nix-daemon.enable;
    registers = config.systemd.services ? nxcc-store;
    network = config.boot.initrd.network.enable;
    flushes = config.boot.initrd.network.flushBeforeStage2;
    timesyncd = config.services.timesyncd.enable;
  };
in {
  toplevels = lib.mapAttrs (_: lib.mapAttrs (_: e: e.config.system.build.toplevel.outPath)) systems;
  systems = lib.mapAttrs (_: lib.mapAttrs (_: e: of e.config)) systems;
}
"""


def describe(bundle: Path, roles: Sequence[Mapping[str, object]]) -> Path:
    """Gives a bundle's environment.json these roles."""
    environment = {"name": "lab", "setup": "", "params": {}, "roles": roles}
    (bundle / "environment.json").write_text(json.dumps(environment))
    return bundle


class Built(NamedTuple):
    """Derivations of a bundle: ``drvs`` by flavour; ``facts`` about its systems."""

    drvs: dict[str, str]
    facts: dict[str, Any]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    bundle = make_bundle(tmp_path_factory.mktemp("machines") / "bundle", COMPOSITION)
    # Server and client share a kernel; the order of the source is not that of the alphabet.
    describe(bundle, [{"name": role, "counted": True, "nodes": [f"{role}1"], "resources": []} for role in ROLES])
    chosen = [word for flavour in FLAVOURS for word in ("-A", flavour)]
    done = run_nix(
        need("nix-instantiate"), str(bundle / "default.nix"), *chosen, "--argstr", "nixpkgs", nixpkgs()
    ).stdout.split()
    return Built(dict(zip(FLAVOURS, done, strict=True)), of_bundle(bundle, FACTS))


class Derivation(NamedTuple):
    """A derivation: its builder's variables, the derivations that it needs, and its result."""

    variables: dict[str, str]
    needs: list[str]
    out: str


def derivation(path: str) -> Derivation:
    command = ("nix", "--extra-experimental-features", "nix-command", "show-derivation", path)
    (found,) = json.loads(run_nix(*command).stdout).values()
    return Derivation(found["env"], sorted(found["inputDrvs"]), found["outputs"]["out"]["path"])


def run_builder(found: Derivation, out: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a builder's shell as Nix would, with $out elsewhere."""
    environment = {"PATH": os.environ["PATH"], "out": str(out), **variables}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", found.variables["buildCommand"]],
        env=environment,
        cwd=out.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# ------------------------------------------------------------ the layout


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_layout_is_the_contract_s(flavour: str, built: Built, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = derivation(built.drvs[flavour])
    done = run_builder(found, out)
    assert done.returncode == 0, done.stderr

    expected = {f"pairs/{number}/{file}" for number in (1, 2) for file in ("kernel", "initrd")}
    expected |= {f"roles/{role}/{file}" for role in ROLES for file in ("kernel", "initrd", "cmdline")}
    if flavour == "vm":
        expected |= {f"roles/{role}/system" for role in ROLES}
    if flavour.startswith("g5k"):
        expected.add("kexec")
    if flavour == "g5k-nfs-store":
        expected |= {"store-paths", "registration"}
    assert {str(path.relative_to(out)) for path in out.rglob("*") if path.is_symlink() or path.is_file()} == expected

    for role in ROLES:
        number = 2 if role == "odd" else 1
        toplevel = built.facts["toplevels"][flavour][role]
        for file in ("kernel", "initrd"):
            assert os.readlink(out / "roles" / role / file) == f"../../pairs/{number}/{file}"
        text = (out / "roles" / role / "cmdline").read_text()
        assert text.startswith(f"init={toplevel}/init ")
        assert text.count("\n") == 1
        assert text.endswith("\n")
        assert (" mitigations=off a.b=c,d" in text) == (role == "odd")
        assert ("console=ttyS0" in text.split()) == flavour.startswith("vm")
        if flavour == "vm":
            assert os.readlink(out / "roles" / role / "system") == toplevel
    kernels = [os.readlink(out / "pairs" / str(number) / "kernel") for number in (1, 2)]
    assert re.findall(r"linux-5\.[47]", " ".join(kernels)) == ["linux-5.4", "linux-5.7"]
    if flavour.startswith("g5k"):
        assert re.search(r"kexec-tools.*musl/bin/kexec$", os.readlink(out / "kexec"))


def closure(drv: str) -> set[str]:
    return set(run_nix(need("nix-store"), "-qR", drv).stdout.split())


@pytest.mark.parametrize("flavour", RAMDISKS)
def test_roles_of_one_kernel_share_one_initrd_and_all_one_squashfs(flavour: str, built: Built) -> None:
    needs = derivation(built.drvs[flavour]).needs
    ramdisks = [derivation(path) for path in needs if re.search(r"-nxcc-lab-ramdisk-\d\.drv$", path)]
    assert len(ramdisks) == 2
    assert len({ramdisk.variables["initrd"] for ramdisk in ramdisks}) == 2
    squashfs = {path for ramdisk in ramdisks for path in ramdisk.needs if "squashfs.img" in path}
    assert len(squashfs) == 1
    (image,) = squashfs
    toplevels = {derivation(path).out for path in closure(image) if "-nixos-system-" in path}
    assert toplevels == set(built.facts["toplevels"][flavour].values())
    command = derivation(image).variables["buildCommand"]
    assert "-comp zstd" in command
    assert "nix-path-registration" in command


def test_nfs_store_lists_all_systems_and_its_initrd_is_small(built: Built) -> None:
    needs = derivation(built.drvs["g5k-nfs-store"]).needs
    (info,) = [path for path in needs if path.endswith("-closure-info.drv")]
    toplevels = {derivation(path).out for path in closure(info) if "-nixos-system-" in path}
    assert toplevels == set(built.facts["toplevels"]["g5k-nfs-store"].values())
    initrds = [path for path in needs if "-initrd-linux-" in path]
    assert len(initrds) == 2
    assert not [path for initrd in initrds for path in closure(initrd) if "-nixos-system-" in path]


def test_systems_are_kept_by_vm_alone(built: Built) -> None:
    """Elsewhere the result must not drag them to another machine: they are in the ramdisk, or behind NFS."""
    direct = {flavour: derivation(drv).needs for flavour, drv in built.drvs.items()}
    assert {flavour: any("-nixos-system-" in path for path in needs) for flavour, needs in direct.items()} == {
        "vm": True,
        "vm-ramdisk": False,
        "g5k-ramdisk": False,
        "g5k-nfs-store": False,
    }


def archive(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Files of a cpio archive of the format newc (Linux, initramfs-buffer-format): mode and content by name."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * field : at + 14 + 8 * field], 16) for field in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = data[at + 110 : at + 110 + name_size - 1].decode()
        start = (at + 110 + name_size + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        assert fields[2:4] == [0, 0]
        found[name] = (mode, data[start : start + size])
        at = (start + size + 3) // 4 * 4


@pytest.mark.parametrize("size", [4096, 4097, 4099])
def test_squashfs_is_an_archive_of_its_own_behind_the_initrd(size: int, built: Built, tmp_path: Path) -> None:
    (drv,) = [path for path in derivation(built.drvs["vm-ramdisk"]).needs if path.endswith("-ramdisk-1.drv")]
    need("cpio")
    (tmp_path / "initrd").write_bytes(b"\1" * size)
    (tmp_path / "squashfs").write_bytes(b"hsqs" + bytes(5000))
    variables = {"initrd": str(tmp_path / "initrd"), "squashfs": str(tmp_path / "squashfs")}
    done = run_builder(derivation(drv), tmp_path / "out", **variables)
    assert done.returncode == 0, done.stderr
    data = (tmp_path / "out" / "initrd").read_bytes()
    start = (size + 3) // 4 * 4
    assert data[:start] == b"\1" * size + bytes(start - size)
    ((name, (mode, content)),) = archive(data[start:]).items()
    assert (name, mode & 0o170444) == ("nix-store.squashfs", 0o100444)
    assert content == b"hsqs" + bytes(5000)


def test_a_store_that_no_ramdisk_holds_is_refused(built: Built, tmp_path: Path) -> None:
    (drv,) = [path for path in derivation(built.drvs["vm-ramdisk"]).needs if path.endswith("-ramdisk-1.drv")]
    (tmp_path / "initrd").write_bytes(b"")
    with (tmp_path / "squashfs").open("wb") as file:
        file.truncate(2**31)
    variables = {"initrd": str(tmp_path / "initrd"), "squashfs": str(tmp_path / "squashfs")}
    done = run_builder(derivation(drv), tmp_path / "out", **variables)
    assert done.returncode == 1
    assert "takes 2147483648 bytes" in done.stderr


# ------------------------------------------------------------ the systems


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_what_a_role_says_holds(flavour: str, built: Built) -> None:
    server, client = (built.facts["systems"][flavour][role] for role in ("server", "client"))
    assert (server["hello"], client["hello"]) == (True, False)
    assert 6443 in server["ports"]
    assert {80, 6443}.isdisjoint(client["ports"])
    assert (server["version"], client["version"]) == ("19.09", "20.09")
    for one in (server, client):
        assert (one["firewall"], one["grub"], one["noXlibs"], one["documentation"]) == (True, False, False, False)
        assert one["warnings"] == []
        assert one["root"] == "tmpfs"


def test_root_is_logged_in_on_the_serial_console_of_virtual_machines_alone(built: Built) -> None:
    for flavour in FLAVOURS:
        server = built.facts["systems"][flavour]["server"]
        assert ("--autologin root" in server["getty"]) == flavour.startswith("vm")
        # That of every terminal.
        assert server["autologin"] is None
        assert server["timesyncd"] is not flavour.startswith("vm")


def test_a_store_without_its_database_has_no_daemon(built: Built) -> None:
    one = {flavour: built.facts["systems"][flavour]["server"] for flavour in FLAVOURS}
    assert {flavour: (facts["daemon"], facts["registers"]) for flavour, facts in one.items()} == {
        "vm": (False, False),
        "vm-ramdisk": (True, True),
        "g5k-ramdisk": (True, True),
        "g5k-nfs-store": (True, True),
    }
    assert {flavour: (facts["network"], facts["flushes"]) for flavour, facts in one.items()} == {
        "vm": (False, True),
        "vm-ramdisk": (False, True),
        "g5k-ramdisk": (False, True),
        "g5k-nfs-store": (True, False),
    }


PAIRS = """
let
  pairs = flavour: (import {bundle}/nix/lib/pairs.nix {{
    inherit lib; inherit (bundle) pkgs; environment = builtins.fromJSON (builtins.readFile {bundle}/environment.json);
  }}).pairsOf bundle.systems.${{flavour}};
in
"""


def test_a_disk_is_a_role_s_own_root(tmp_path: Path) -> None:
    resources = [
        {"cpus": None, "memory": None, "disk": 10**10, "flavours": ["vm-ramdisk", "g5k-ramdisk"]},
        {"cpus": 2, "memory": None, "disk": None},
    ]
    roles: list[Mapping[str, object]]
    roles = [{"name": "a", "resources": resources}, {"name": "b", "resources": []}, {"name": "c", "resources": []}]
    own = 'fileSystems."/" = { device = "/dev/vdb"; fsType = "xfs"; };'
    bundle = describe(
        make_bundle(tmp_path / "bundle", f"_: {{ roles = {{ a = {{ }}; b = {{ }}; c = {{ {own} }}; }}; }}"), roles
    )
    found = of_bundle(
        bundle,
        PAIRS.format(bundle=bundle)
        + """
        lib.genAttrs [ "vm" "vm-ramdisk" "g5k-ramdisk" ] (flavour: {
          pairs = map (pair: pair.roles) (pairs flavour).pairs;
          mounts = lib.mapAttrs (_: e: {
            root = { inherit (e.config.fileSystems."/") device fsType options; };
            layer = e.config.fileSystems ? "/nix/.rw-store";
            formats = lib.hasInfix "mke2fs" e.config.boot.initrd.postDeviceCommands;
          }) bundle.systems.${flavour};
        })
        """,
    )
    assert {flavour: one["pairs"] for flavour, one in found.items()} == {
        "vm": [["a", "b"], ["c"]],
        "vm-ramdisk": [["a"], ["b"], ["c"]],
        "g5k-ramdisk": [["a", "b"], ["c"]],
    }
    mounts = found["vm-ramdisk"]["mounts"]
    assert mounts["a"]["root"] == {
        "device": "/dev/disk/by-id/virtio-nxcc-root",
        "fsType": "ext4",
        "options": ["defaults"],
    }
    assert (mounts["a"]["layer"], mounts["a"]["formats"]) == (False, True)
    assert (mounts["b"]["root"]["fsType"], mounts["b"]["layer"], mounts["b"]["formats"]) == ("tmpfs", True, False)
    # Nothing of the tmpfs is left in it.
    assert mounts["c"]["root"] == {"device": "/dev/vdb", "fsType": "xfs", "options": ["defaults"]}


@pytest.mark.parametrize("parameter", ['"a=b c"', '"a=\\"b\\""', '"a=$b"', '"a\\nb"'])
def test_parameters_that_cannot_be_handed_on_are_refused(parameter: str, tmp_path: Path) -> None:
    folder = make_nixpkgs(tmp_path / "nixpkgs", "20.09")
    bundle = make_bundle(tmp_path / "bundle", f"_: {{ roles.node.boot.kernelParams = [ {parameter} ]; }}")
    expression = f"(import {bundle}/default.nix {{ nixpkgs = {folder}; }}).packages.vm.drvPath"
    # Two words in one string are two parameters.
    if parameter == '"a=b c"':
        evaluate(expression)
    else:
        assert "role node: a kernel parameter holds " in evaluate(expression, expect=1)


# ------------------------------------------------------------ stage 1


class Stage1(NamedTuple):
    """What stage 1 of a release is told."""

    disk: dict[str, Any]
    store: dict[str, Any]
    format_hook: str
    mount_hook: str
    units: dict[str, Any]


@pytest.fixture(scope="module", params=["20.09", "24.11", "26.05"])
def stage1(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Stage1]:
    folder = tmp_path_factory.mktemp("stage1")
    source = make_nixpkgs(folder / "nixpkgs", request.param)
    roles = [{"name": "a", "resources": [{"cpus": None, "memory": None, "disk": 10**10}]}]
    bundle = describe(make_bundle(folder / "bundle", "_: { roles.a = { }; }"), roles)
    found = evaluate(
        f"""
        let
          bundle = import {bundle}/default.nix {{ nixpkgs = {source}; }};
          of = flavour: bundle.systems.${{flavour}}.a.config;
          disk = of "vm-ramdisk";
          nfs = of "g5k-nfs-store";
        in {{
          disk = {{ inherit (disk.fileSystems."/") device fsType autoFormat; }};
          store = {{ overlay = null; }} // disk.fileSystems."/nix/store";
          format_hook = disk.boot.initrd.postDeviceCommands;
          mount_hook = nfs.boot.initrd.postMountCommands;
          units = nfs.boot.initrd.systemd.services or {{ }};
        }}
        """
    )
    return request.param, Stage1(**found)


def test_a_disk_is_formatted_by_whatever_stage_1_there_is(stage1: tuple[str, Stage1]) -> None:
    release, found = stage1
    assert (found.disk["device"], found.disk["fsType"]) == ("/dev/disk/by-id/virtio-nxcc-root", "ext4")
    by_systemd = release == "26.05"
    assert found.disk["autoFormat"] is by_systemd
    assert ("mke2fs -q -t ext4 /dev/disk/by-id/virtio-nxcc-root" in found.format_hook) is not by_systemd
    assert bool(found.format_hook) is not by_systemd


def test_stage_1_knows_where_the_store_s_layers_are(stage1: tuple[str, Stage1]) -> None:
    release, found = stage1
    if release == "20.09":
        layers = ["lowerdir=/nix/.ro-store", "upperdir=/nix/.rw-store/store", "workdir=/nix/.rw-store/work"]
        assert (found.store["fsType"], found.store["options"]) == ("overlay", layers)
    else:
        assert found.store["overlay"]["lowerdir"] == ["/nix/.ro-store"]
        assert found.store["overlay"]["upperdir"] == "/nix/.rw-store/store"
    assert found.store["neededForBoot"] is True


def test_store_over_nfs_is_mounted_before_the_role_s_system_is_looked_for(stage1: tuple[str, Stage1]) -> None:
    release, found = stage1
    if release == "26.05":
        assert found.mount_hook == ""
        unit = found.units["nxcc-store"]
        assert "initrd-find-nixos-closure.service" in unit["before"]
        assert unit["requiredBy"] == ["initrd.target"]
        assert {"network-online.target", "sysroot.mount"} <= set(unit["after"])
        assert unit["script"] == f"set -- /sysroot\n{MOUNT_STORE.read_text()}"
    else:
        assert found.units == {}
        assert found.mount_hook == f"( set -- /mnt-root\n{MOUNT_STORE.read_text()}) || fail\n"


# A function: busybox would run a mount of its own. No server of NFS that knows 4.1.
RUN = """
mount() {
    printf '%s\\n' "$*" >>"$MOUNTED"
    case $* in *vers=4.2* | *vers=4.1*) return 32 ;; esac
}
. "$0"
"""


@pytest.mark.parametrize("shell", ["dash", "busybox sh", "bash -eo pipefail"])
def test_store_over_nfs(shell: str, tmp_path: Path) -> None:
    """Without a server and the rights to mount: what mount is asked for."""
    need(shell.split()[0])
    (tmp_path / "cmdline").write_text("init=/nix/store/x/init nxcc.store=10.0.0.1:/home/me/a=b:c quiet\n")
    root = tmp_path / "root"
    environment = {"PATH": os.environ["PATH"], "MOUNTED": str(tmp_path / "mounted")}

    def run(cmdline: Path) -> subprocess.CompletedProcess[str]:
        command = [*shell.split(), "-c", RUN, str(MOUNT_STORE), str(root), str(cmdline)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)

    done = run(tmp_path / "cmdline")
    assert done.returncode == 0, done.stderr
    nfs = [
        f"-i -t nfs -o ro,nolock,vers={version},addr=10.0.0.1 10.0.0.1:/home/me/a=b:c {root}/nix/.ro-store"
        for version in ("4.2", "4.1", "4.0")
    ]
    layers = f"lowerdir={root}/nix/.ro-store,upperdir={root}/nix/.rw-store/store,workdir={root}/nix/.rw-store/work"
    assert (tmp_path / "mounted").read_text().splitlines() == [*nfs, f"-t overlay -o {layers} overlay {root}/nix/store"]
    assert {path.name for path in (root / "nix").iterdir()} == {".ro-store", ".rw-store", "store"}

    shutil.rmtree(root)
    (tmp_path / "empty").write_text("init=/nix/store/x/init\n")
    done = run(tmp_path / "empty")
    assert done.returncode == 1
    assert "has no nxcc.store=ADDRESS:FOLDER" in done.stderr
    assert not root.exists()
