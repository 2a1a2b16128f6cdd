"""g5k-image: the archive that its builder writes, the systems inside, and what they do at their first boot.

Nothing of NixOS can be built in the tests, so the builder runs on a store of stand-ins: paths that nix-store adds.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from nix_systems import DEFAULT, evaluate, make_bundle, nixpkgs, of_bundle, run_nix
from tools import need

from nxcc.resources import resource

BUILDER = Path(resource("nix")) / "lib" / "image.sh"
RULES = Path(resource("nix")) / "modules" / "site-rules.sh"
WITH_SETTINGS = DEFAULT.replace("  environment =", "  settings.g5k-image = SETTINGS;\n  environment =")

COMPOSITION = """
{ pkgs, ... }: {
  roles = {
    server = { boot.kernelPackages = pkgs.linuxPackages_latest; boot.kernelParams = [ "console=ttyS1" ]; };
    client = { nxcc.secrets.token = { }; imports = [ ./nix/modules/secrets.nix ]; };
  };
}
"""


class Store(NamedTuple):
    """Stand-ins in the store, and a folder as pkgs.closureInfo would make it."""

    server: str
    client: str
    kernel: str
    paths: tuple[str, ...]
    closure: Path


def add(folder: Path) -> str:
    """A folder's place in the store, once it is there."""
    return run_nix(need("nix-store"), "--add", str(folder)).stdout.strip()


def add_kernel(folder: Path, text: str) -> tuple[str, str]:
    kernel, initrd = folder / f"linux-{text}", folder / f"initrd-{text}"
    for path, name in ((kernel, "bzImage"), (initrd, "initrd")):
        path.mkdir()
        (path / name).write_text(f"{name} {text}")
    (kernel / ".config").write_text("hidden")
    return add(kernel), add(initrd)


def add_system(folder: Path, name: str, kernel: str, initrd: str, etc: str) -> str:
    system = folder / f"nixos-system-{name}"
    system.mkdir()
    (system / "kernel").symlink_to(f"{kernel}/bzImage")
    (system / "initrd").symlink_to(f"{initrd}/initrd")
    (system / "etc").symlink_to(etc)
    (system / "init").write_text("#!/bin/sh\n")
    (system / "init").chmod(0o755)
    return add(system)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("store")
    one, two = add_kernel(folder, "5.4"), add_kernel(folder, "6.6")
    fstab = folder / "fstab"
    fstab.write_text("/dev/disk/by-partlabel/KDPL_DEPLOY_disk0 / ext4\n")
    fstab_path = add(fstab)
    etc = folder / "etc"
    etc.mkdir()
    (etc / "fstab").symlink_to(fstab_path)
    (etc / "os-release").write_text("ID=nixos\n")
    etc_path = add(etc)
    client = add_system(folder, "client", *one, etc_path)
    server = add_system(folder, "server", *two, etc_path)
    paths = (*one, *two, fstab_path, etc_path, client, server)
    closure = folder / "closure"
    closure.mkdir()
    # As Nix writes it: in the order of the hashes, which is none.
    (closure / "store-paths").write_text("".join(f"{path}\n" for path in sorted(paths, reverse=True)))
    (closure / "registration").write_text("registered\n")
    return Store(server, client, two[0], paths, closure)


def build(
    store: Store, out: Path, compress: str = "cat", umask: int = 0o022, **changes: str
) -> subprocess.CompletedProcess[str]:
    environment = {"closure": str(store.closure), "out": str(out), "compress": compress, "extension": "x", **changes}
    return subprocess.run(
        [need("bash"), str(BUILDER), "lab", "client", store.client, "server", store.server],
        env={**os.environ, **environment},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def members(archive: Path) -> dict[str, tarfile.TarInfo]:
    """What an archive holds by name; fails where a name is in it twice."""
    with tarfile.open(archive) as opened:
        found = opened.getmembers()
    assert len({member.name for member in found}) == len(found)
    return {member.name: member for member in found}


@pytest.fixture(scope="module")
def image(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("image")
    done = build(store, out)
    assert done.returncode == 0, done.stderr
    return out / "image.tar.x"


def test_layout_is_that_of_grid5000s_own_image(image: Path) -> None:
    found = members(image)
    folders = {
        name: oct(member.mode) for name, member in found.items() if member.isdir() and not name.startswith("nix/store/")
    }
    assert folders == {
        "boot": "0o755",
        "dev": "0o755",
        "etc": "0o755",
        "etc/NetworkManager": "0o755",
        "etc/NetworkManager/system-connections": "0o700",
        "etc/grid5000": "0o755",
        "etc/ssh": "0o755",
        "etc/udev": "0o755",
        "etc/udev/rules.d": "0o755",
        "nix": "0o755",
        "nix/store": "0o755",
        "nix/var": "0o755",
        "nix/var/nix": "0o755",
        "nix/var/nix/profiles": "0o755",
        "nxcc": "0o755",
        "nxcc/client": "0o755",
        "nxcc/server": "0o755",
        "proc": "0o755",
        "root": "0o700",
        "run": "0o755",
        "sys": "0o755",
        "tmp": "0o1777",
        "var": "0o755",
        "var/log": "0o755",
    }
    files = {name for name, member in found.items() if member.isreg() and not name.startswith("nix/store/")}
    assert files == {"etc/NIXOS", "etc/fstab", "etc/grid5000/release", "etc/os-release", "nix-path-registration"}
    assert {oct(found[name].mode) for name in files} == {"0o644"}


def test_all_is_roots_and_as_old_as_the_store(image: Path) -> None:
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members(image).values()} == {(0, 0, "", "", 1)}


def test_store_is_complete_with_hidden_files(image: Path, store: Store) -> None:
    found = members(image)
    assert {path[1:] for path in store.paths} <= set(found)
    assert found[f"{store.kernel[1:]}/.config"].isreg()


def test_links_of_a_role(image: Path, store: Store) -> None:
    found = members(image)
    links = {name: member.linkname for name, member in found.items() if name.startswith("nxcc/") and member.issym()}
    assert links["nxcc/server/init"] == f"{store.server}/init"
    assert links["nxcc/client/init"] == f"{store.client}/init"
    # The file itself, not a link in the system that points on.
    assert links["nxcc/server/kernel"] == f"{store.kernel}/bzImage"
    assert sorted(links) == [
        f"nxcc/{role}/{link}" for role in ("client", "server") for link in ("init", "initrd", "kernel")
    ]
    for target in links.values():
        assert found[target[1:]].isreg()
    assert found["nix/var/nix/profiles/system"].linkname == store.client


def test_files_that_the_site_edits_have_their_content(image: Path) -> None:
    with tarfile.open(image) as opened:

        def text(name: str) -> str:
            file = opened.extractfile(name)
            assert file is not None
            return file.read().decode()

        assert "KDPL_DEPLOY_disk0" in text("etc/fstab")
        assert text("etc/os-release") == "ID=nixos\n"
        assert text("etc/grid5000/release") == "lab\n"
        assert text("nix-path-registration") == "registered\n"


def test_the_same_input_gives_the_same_archive(image: Path, store: Store, tmp_path: Path) -> None:
    shuffled = tmp_path / "closure"
    shuffled.mkdir()
    (shuffled / "store-paths").write_text("".join(f"{path}\n" for path in store.paths))
    (shuffled / "registration").write_text("registered\n")
    other = tmp_path / "other"
    other.mkdir()
    done = build(
        store,
        tmp_path / "out",
        umask=0o077,
        closure=str(shuffled),
        TMPDIR=str(other),
        TZ="Asia/Tokyo",
        LC_ALL="C.UTF-8",
    )
    assert done.returncode == 0, done.stderr
    again = (tmp_path / "out" / "image.tar.x").read_bytes()
    assert hashlib.sha256(again).hexdigest() == hashlib.sha256(image.read_bytes()).hexdigest()
    assert list(other.iterdir()) == []


def test_nothing_of_the_builders_own_machine(store: Store, tmp_path: Path) -> None:
    # A store as an optimising daemon or another user keeps it.
    folder = tmp_path / "path"
    folder.mkdir()
    for name in ("b", "c", "a"):
        (folder / name).write_text(name)
    os.link(folder / "b", folder / "d")
    if os.geteuid() == 0:
        os.chown(folder / "a", 1234, 1234)
    closure = tmp_path / "closure"
    closure.mkdir()
    (closure / "store-paths").write_text(f"{folder}\n")
    (closure / "registration").write_text("")
    assert build(store, tmp_path / "out", closure=str(closure)).returncode == 0
    found = members(tmp_path / "out" / "image.tar.x")
    inside = {name: member for name, member in found.items() if name.startswith(f"{folder}/"[1:])}
    assert [name[-1] for name in inside] == ["a", "b", "c", "d"]
    assert all(member.isreg() for member in inside.values())
    assert {(member.uid, member.gid) for member in inside.values()} == {(0, 0)}


@pytest.mark.parametrize("command", ["gzip -n", "bzip2", "xz -T0", "zstd -T0"])
def test_compressions_unpack_with_tar(command: str, store: Store, tmp_path: Path) -> None:
    program = need(command.split()[0])
    assert build(store, tmp_path / "out", compress=command).returncode == 0
    archive = tmp_path / "out" / "image.tar.x"
    target = tmp_path / "disk"
    target.mkdir()
    subprocess.run(
        [need("tar"), f"--use-compress-program={program}", "-xf", str(archive), "-C", str(target)],
        check=True,
        timeout=60,
    )
    # As whoever boots from the disk sees it: links start at the disk's root.
    kernel = os.readlink(target / "nxcc" / "server" / "kernel")
    assert Path(f"{target}{kernel}").read_text() == "bzImage 6.6"
    subprocess.run(["chmod", "-R", "u+w", str(target)], check=True)


def test_no_image_where_a_store_path_is_missing(store: Store, tmp_path: Path) -> None:
    closure = tmp_path / "closure"
    closure.mkdir()
    (closure / "store-paths").write_text("/nix/store/00000000000000000000000000000000-none\n")
    (closure / "registration").write_text("")
    done = build(store, tmp_path / "out", closure=str(closure))
    assert done.returncode == 1
    assert "there is no image" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_no_image_where_the_compressor_fails(store: Store, tmp_path: Path) -> None:
    assert build(store, tmp_path / "out", compress="false").returncode != 0


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    bundle = make_bundle(tmp_path_factory.mktemp("image") / "bundle", COMPOSITION)
    found: dict[str, Any] = of_bundle(
        bundle,
        """
        let
          client = bundle.systems.g5k-image.client.config;
          server = bundle.systems.g5k-image.server.config;
        in {
          build = bundle.g5k-image.buildCommand;
          inherit (bundle.g5k-image) name compress extension;
          drv = bundle.g5k-image.drvPath;
          root = { inherit (client.fileSystems."/") device fsType; };
          grub = { inherit (client.boot.loader.grub) enable device; };
          release = client.environment.etc."grid5000/release".text;
          keys = client.users.users.root.openssh.authorizedKeys.keys;
          password = client.users.users.root.initialHashedPassword;
          firmware = client.hardware.enableRedistributableFirmware;
          drivers = client.boot.initrd.availableKernelModules;
          blacklist = client.boot.blacklistedKernelModules;
          rules = client.systemd.units."nxcc-site-rules.service".text;
          store = client.systemd.units."nxcc-store.service".text;
          kernels = [ client.boot.kernelPackages.kernel.version server.boot.kernelPackages.kernel.version ];
          sshd = client.services.openssh.enable;
          tops = map (one: one.system.build.toplevel.outPath) [ client server ];
        }
        """,
    )
    return found


def test_command_line_of_a_role(facts: dict[str, Any]) -> None:
    lines = [line for line in facts["build"].splitlines() if line.startswith("printf")]
    client, server = (line.split("'")[3] for line in lines)
    assert client.startswith("init=/nxcc/client/init console=tty0 console=ttyS0,115200n8 ")
    assert " rw" in client
    # A role's own console comes last, so it is the one.
    assert server.split().index("console=ttyS1") > server.split().index("console=ttyS0,115200n8")
    assert "root=" not in client


def test_one_archive_for_all_roles(facts: dict[str, Any]) -> None:
    call = facts["build"].strip().splitlines()[-1]
    client, server = facts["tops"]
    assert call.endswith(f"-image.sh 'lab' client {client} server {server}")
    assert facts["name"] == "nxcc-lab-g5k-image"
    assert (facts["compress"], facts["extension"]) == ("zstd -T0 -10", "zst")
    assert facts["drv"].endswith("nxcc-lab-g5k-image.drv")
    assert facts["kernels"][0] != facts["kernels"][1]


def test_system_fits_what_kadeploy_does(facts: dict[str, Any]) -> None:
    assert facts["root"] == {"device": "/dev/disk/by-partlabel/KDPL_DEPLOY_disk0", "fsType": "ext4"}
    assert facts["grub"] == {"enable": True, "device": "nodev"}
    assert facts["release"] == "lab-client-1\n"
    assert facts["sshd"] is True
    assert "ConditionPathExists=/nix-path-registration" in facts["store"]
    # The disk keeps what was read.
    assert re.search(r"^ExecStartPost=\S+/bin/rm /nix-path-registration$", facts["store"], re.MULTILINE)
    assert "Before=systemd-udevd.service" in facts["rules"]


def test_hardware_of_the_testbed(facts: dict[str, Any]) -> None:
    assert facts["firmware"] is True
    assert {"megaraid_sas", "mpt3sas", "mpi3mr", "nvme", "ahci"} <= set(facts["drivers"])
    assert "nouveau" in facts["blacklist"]


def test_no_key_and_no_password_in_it(facts: dict[str, Any]) -> None:
    assert facts["keys"] == []
    assert facts["password"] in (None, "!")


def with_settings(folder: Path, settings: str, composition: str = "_: { roles.node = { }; }") -> Path:
    return make_bundle(folder / "bundle", composition, WITH_SETTINGS.replace("SETTINGS", settings))


def test_settings(tmp_path: Path) -> None:
    bundle = with_settings(tmp_path, '{ compression = "xz"; filesystem = "xfs"; }')
    found = of_bundle(
        bundle,
        "{ inherit (bundle.g5k-image) compress extension;"
        ' filesystem = bundle.systems.g5k-image.node.config.fileSystems."/".fsType; }',
    )
    assert found == {"compress": "pixz -t", "extension": "xz", "filesystem": "xfs"}


@pytest.mark.parametrize(
    ("settings", "parameters", "message"),
    [
        ('{ compression = "lzma"; }', "[ ]", "g5k-image: compression is lzma; it can be bzip2, gzip, xz, zstd"),
        ("{ }", "[ ''dyndbg=\"file x +p\"'' ]", "role node: a kernel parameter holds"),
        ("{ }", 'builtins.genList (n: "a=${toString (n + 1000)}") 300', "2046"),
    ],
)
def test_refused_before_anything_is_built(settings: str, parameters: str, message: str, tmp_path: Path) -> None:
    bundle = with_settings(tmp_path, settings, f"_: {{ roles.node.boot.kernelParams = {parameters}; }}")
    assert message in of_bundle(bundle, "bundle.g5k-image.drvPath", expect=1)


def test_instantiates(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", COMPOSITION)
    done = run_nix("nix-instantiate", f"{bundle}/default.nix", "--arg", "nixpkgs", nixpkgs(), "-A", "g5k-image")
    assert ".drv" in done.stdout


def rules(root: Path) -> None:
    subprocess.run([need("sh"), str(RULES), str(root)], check=True, timeout=20)


def test_rules_of_the_site_reach_udev_at_every_boot(tmp_path: Path) -> None:
    folder = tmp_path / "etc" / "udev" / "rules.d"
    folder.mkdir(parents=True)
    (folder / "70-disk aliases.rules").write_text("site")
    (folder / "99-local.rules").symlink_to("/etc/static/udev/rules.d/99-local.rules")
    (tmp_path / "etc" / "static" / "udev" / "rules.d").mkdir(parents=True)
    for _ in ("first boot", "second boot"):
        rules(tmp_path)
        assert os.readlink(folder) == "/etc/static/udev/rules.d"
        given = tmp_path / "run" / "udev" / "rules.d"
        assert [path.name for path in given.iterdir()] == ["70-disk aliases.rules"]
        assert (given / "70-disk aliases.rules").read_text() == "site"
        subprocess.run(["rm", "-r", str(tmp_path / "run")], check=True)


def test_nothing_happens_without_rules_of_the_site(tmp_path: Path) -> None:
    (tmp_path / "etc" / "udev").mkdir(parents=True)
    (tmp_path / "etc" / "udev" / "rules.d").symlink_to("/etc/static/udev/rules.d")
    rules(tmp_path)
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "var").exists()


def test_bare_metal_module_alone_is_a_system() -> None:
    source = nixpkgs()
    found = evaluate(
        f"""let evaluated = import ({source}/nixos/lib/eval-config.nix) {{
          system = "x86_64-linux";
          modules = [ {resource("nix")}/modules/grid5000.nix {{
            boot.loader.grub.enable = false; fileSystems."/".fsType = "tmpfs"; documentation.enable = false;
          }} ];
        }}; in evaluated.config.system.build.toplevel.drvPath"""
    )
    assert found.endswith(".drv")
