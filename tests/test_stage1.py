"""How a machine's kernel is started: its parameters, and stage 1 with disks and stores, of both kinds.

The releases are those of the small nixpkgs: 20.09 and 24.11 have a scripted stage 1, in 26.05 it is systemd.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from nix_systems import evaluate, make_bundle
from small_nixpkgs import make_nixpkgs
from tools import need

from nxcc.resources import resource

MOUNT_STORE = Path(resource("nix")) / "modules" / "store-nfs.sh"


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
    bundle = make_bundle(folder / "bundle", "_: { roles.a = { }; }")
    (bundle / "environment.json").write_text(json.dumps({"name": "lab", "roles": roles}))
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
    client = tmp_path / "nfs4_unique_id"
    client.write_text("\n")

    def run(cmdline: Path) -> subprocess.CompletedProcess[str]:
        command = [*shell.split(), "-c", RUN, str(MOUNT_STORE), str(root), str(cmdline), str(tmp_path)]
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
    assert client.read_text() == Path("/proc/sys/kernel/random/boot_id").read_text()

    shutil.rmtree(root)
    (tmp_path / "empty").write_text("init=/nix/store/x/init\n")
    done = run(tmp_path / "empty")
    assert done.returncode == 1
    assert "has no nxcc.store=ADDRESS:FOLDER" in done.stderr
    assert not root.exists()


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


# Cards by DHCP whatever the role has: NetworkManager turns the option off.
@pytest.mark.parametrize("release", ["20.09", "24.11", "26.05"])
def test_stage_1_asks_dhcp_whatever_the_role_has(release: str, tmp_path: Path) -> None:
    source = make_nixpkgs(tmp_path / "nixpkgs", release)
    composition = "_: { roles = { a.networking.useDHCP = false; b = { }; }; }"
    bundle = make_bundle(tmp_path / "bundle", composition)
    found = evaluate(
        f"""
        let
          bundle = import {bundle}/default.nix {{ nixpkgs = {source}; }};
          of = role: let inherit (role) config; in {{
            asks = config.boot.initrd.network.udhcpc.enable or null;
            networks = config.boot.initrd.systemd.network.networks or {{ }};
            refused = map (one: one.message) (builtins.filter (one: !one.assertion) config.assertions);
          }};
        in builtins.mapAttrs (_: of) bundle.systems.g5k-nfs-store
        """
    )
    if release == "20.09":
        # There is no option for it yet.
        assert "networking.useDHCP" in found["a"]["refused"][0]
    else:
        by_systemd = release == "26.05"
        assert found["a"]["refused"] == []
        assert found["a"]["asks"] is not by_systemd
        assert ("99-nxcc" in found["a"]["networks"]) is by_systemd
        assert found["a"]["networks"].get("99-nxcc", {}).get("DHCP", "yes") == "yes"
    assert found["b"]["refused"] == []
