"""Environments for the tests of Grid'5000's flavours, compiled, with a build as Nix would give it."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

from nxcc.compiler import compile_file
from nxcc.diagnostics.render import render

if TYPE_CHECKING:
    from pathlib import Path

    from nxcc.compiler import Compilation

LAB = """environment lab "a laboratory"
secret token
secret key ssh-key
flavour g5k-image {{ cluster dahu; walltime 90min; compression xz{more} }}
role server "the server" {{
  ready port 80
  environment.etc.token.text = secret.token
  kernel-params "mitigations=off"
}}
role agent[{count}] {{
  after server
  environment.etc.token.text = "${{secret.token}} ${{secret.key}}"
{agent}}}
{rest}"""


def lab(more: str = "", agent: str = "", count: int = 2, rest: str = "") -> str:
    """A server and agents that come after it, with secrets."""
    return LAB.format(more=more and f"; {more}", agent=agent and f"  {agent}\n", count=count, rest=rest)


def compiled(source: str, bundle: Path, flavour: str = "g5k-image") -> Compilation:
    """What a source compiles to for a flavour."""
    return compile_file("env.nxc", (flavour,), source=source, directory=str(bundle))


def write(source: str, bundle: Path, flavour: str = "g5k-image") -> Path:
    """Compile a source and write its bundle; gives the path of ``run``."""
    compilation = compiled(source, bundle, flavour)
    assert compilation.ok, render(compilation.diagnostics, "text", color=False)
    for file in compilation.files:
        path = bundle / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        os.chmod(path, 0o755 if file.executable else 0o644)
    return bundle / flavour / "run"


def image(folder: Path, roles: dict[str, str], extension: str = "xz") -> Path:
    """What `nix-build -A g5k-image` gives: the archive, and each role's command line (``roles`` has its parameters)."""
    folder.mkdir(parents=True)
    with tarfile.open(folder / f"image.tar.{extension}", f"w:{extension}") as archive:
        for role, parameters in roles.items():
            for name in ("init", "kernel", "initrd"):
                link = tarfile.TarInfo(f"nxcc/{role}/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, f"/nix/store/{role}/{name}"
                archive.addfile(link)
                archive.addfile(tarfile.TarInfo(f"nix/store/{role}/{name}"), io.BytesIO())
            (folder / "roles" / role).mkdir(parents=True)
            (folder / "roles" / role / "cmdline").write_text(f"init=/nxcc/{role}/init {parameters}".strip() + "\n")
    return folder


def nfs_store(folder: Path, roles: dict[str, str], paths: tuple[str, ...]) -> Path:
    """What `nix-build -A g5k-nfs-store` gives, and the store's paths: folders as Nix leaves them, and one file."""
    pairs(folder, roles)
    store = folder.parent / "nix-store"
    store.mkdir(exist_ok=True)
    for name in paths:
        path = store / f"{'a' * 32}-{name}"
        if not path.exists():
            (path / "bin").mkdir(parents=True)
            (path / "bin" / "tool").write_text(f"#!/bin/sh\necho {name}\n")
            (path / "bin" / "tool").chmod(0o555)
            os.link(path / "bin" / "tool", path / "bin" / "same")
            (path / "link").symlink_to(f"{'a' * 32}-{name}/bin")
            for part in (path / "bin", path):
                part.chmod(0o555)
    single = store / f"{'b' * 32}-unit.service"
    if not single.exists():
        single.write_text("[Unit]\n")
        single.chmod(0o444)
    found = [*(str(store / f"{'a' * 32}-{name}") for name in paths), str(single)]
    (folder / "store-paths").write_text("".join(f"{path}\n" for path in found))
    (folder / "registration").write_text("".join(f"{path}\n\n0\n" for path in found))
    return folder


def pairs(folder: Path, roles: dict[str, str], size: int = 1000) -> Path:
    """What `nix-build -A g5k-ramdisk` gives, with one pair of kernel and ramdisk of that size."""
    (folder / "pairs/1").mkdir(parents=True)
    for name in ("kernel", "initrd"):
        (folder / "pairs/1" / name).write_bytes(name.encode() * (size // 6))
    for role, parameters in roles.items():
        (folder / "roles" / role).mkdir(parents=True)
        (folder / "roles" / role / "cmdline").write_text(f"init=/nix/store/{role}/init {parameters}\n")
        for name in ("kernel", "initrd"):
            (folder / "roles" / role / name).symlink_to(f"../../pairs/1/{name}")
    # The real one runs in the tests with QEMU.
    (folder / "kexec").write_text('#!/bin/sh\nexec kexec "$@"\n')
    (folder / "kexec").chmod(0o555)
    return folder
