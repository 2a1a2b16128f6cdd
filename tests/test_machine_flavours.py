"""The Nix side of vm, vm-ramdisk, g5k-ramdisk and g5k-nfs-store: what docs/nodes.md says that a build gives.

Nothing of NixOS can be built in the tests: derivations are instantiated on a real nixpkgs (20.09's options), and their
builders run on stand-ins.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from guests import cpio
from machines import fixture
from nix_systems import make_bundle, nixpkgs, of_bundle, run_nix
from tools import need

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FLAVOURS = ("vm", "vm-ramdisk", "g5k-ramdisk", "g5k-nfs-store")
RAMDISKS = ("vm-ramdisk", "g5k-ramdisk")

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


def ramdisk(built: Built, initrd: Path, squashfs: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Runs the builder of a pair's ramdisk on these files."""
    need("cpio")
    (drv,) = [path for path in derivation(built.drvs["vm-ramdisk"]).needs if path.endswith("-ramdisk-1.drv")]
    return run_builder(derivation(drv), out, initrd=str(initrd), squashfs=str(squashfs))


@pytest.mark.parametrize("size", [4096, 4097, 4099])
def test_squashfs_is_an_archive_of_its_own_behind_the_initrd(size: int, built: Built, tmp_path: Path) -> None:
    (tmp_path / "initrd").write_bytes(b"\1" * size)
    (tmp_path / "squashfs").write_bytes(b"hsqs" + bytes(5000))
    done = ramdisk(built, tmp_path / "initrd", tmp_path / "squashfs", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    data = (tmp_path / "out" / "initrd").read_bytes()
    start = (size + 3) // 4 * 4
    assert data[:start] == b"\1" * size + bytes(start - size)
    ((name, (mode, content)),) = archive(data[start:]).items()
    assert (name, mode & 0o170444) == ("nix-store.squashfs", 0o100444)
    assert content == b"hsqs" + bytes(5000)


def test_a_store_that_no_ramdisk_holds_is_refused(built: Built, tmp_path: Path) -> None:
    (tmp_path / "initrd").write_bytes(b"")
    with (tmp_path / "squashfs").open("wb") as file:
        file.truncate(2**31)
    done = ramdisk(built, tmp_path / "initrd", tmp_path / "squashfs", tmp_path / "out")
    assert done.returncode == 1
    assert "takes 2147483648 bytes" in done.stderr


# What NixOS's stage 1 does with the file systems of store-overlay.nix and store-ramdisk.nix.
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module" 2>/dev/null; done </modules/order
mkdir -p /root/nix/.ro-store /root/nix/.rw-store /root/nix/store
mount -t squashfs -o loop ../nix-store.squashfs /root/nix/.ro-store && echo "MOUNTED the squashfs"
mount -t tmpfs tmpfs /root/nix/.rw-store
mkdir /root/nix/.rw-store/store /root/nix/.rw-store/work
cd /root
mount -t overlay -o lowerdir=nix/.ro-store,upperdir=nix/.rw-store/store,workdir=nix/.rw-store/work overlay nix/store
cat nix/store/said && touch nix/store/new && echo "WRITTEN above it"
poweroff -f
"""


@pytest.mark.slow
def test_linux_finds_the_squashfs_behind_a_compressed_initrd(built: Built, tmp_path: Path) -> None:
    need("mksquashfs")
    machine = fixture()
    # As NixOS makes it on 20.09; its length is no multiple of four.
    plain = (machine / "initrd-small").read_bytes() + b"".join(cpio({"init": INIT}))
    packed = gzip.compress(plain, 1, mtime=0)
    while len(packed) % 4 == 0:
        plain += bytes(4)
        packed = gzip.compress(plain, 1, mtime=0)
    (tmp_path / "initrd").write_bytes(packed)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "said").write_text("SAID by the store\n")
    command = ["mksquashfs", str(tmp_path / "store"), str(tmp_path / "squashfs"), "-comp", "zstd", "-quiet"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    done = ramdisk(built, tmp_path / "initrd", tmp_path / "squashfs", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    qemu = [
        need("qemu-system-x86_64"),
        "-m",
        "256",
        "-nodefaults",
        "-display",
        "none",
        "-no-reboot",
        "-serial",
        "stdio",
    ]
    qemu += ["-kernel", str(machine / "kernel"), "-initrd", str(tmp_path / "out" / "initrd")]
    qemu += ["-append", "console=ttyS0 quiet panic=-1"]
    boot = subprocess.run(qemu, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
    for line in ("MOUNTED the squashfs", "SAID by the store", "WRITTEN above it"):
        assert line in boot.stdout, boot.stdout


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
