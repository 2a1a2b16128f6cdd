"""A real kexec: g5k-ramdisk's `run` takes a machine of QEMU from one Debian kernel to the next, and provisions it.

The first system is a tiny one in the place of the site's own; the second is tests/machine's, laid out as a build gives
it. The kexec is Debian's with its libraries in one file, in the place of the static one.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
from typing import TYPE_CHECKING

import g5k_environments as make
import pytest
from machines import Machine, Role, built
from tools import need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

HOST = "dahu-1.grenoble.grid5000.fr"


def source(flavour: str, more: str = "") -> str:
    return f"""environment lab
secret token
flavour {flavour} {{ kernel-params "panic=30"{more} }}
role a {{ environment.etc.token.text = secret.token }}
"""


PARAMETERS = "console=ttyS0 net.ifnames=0 quiet loglevel=4"


def kexec(path: Path) -> None:
    """This machine's kexec with its libraries as one executable that needs sh, sed and tar."""
    program = need("kexec")
    told = subprocess.run([need("ldd"), program], capture_output=True, text=True, check=True).stdout
    files = dict.fromkeys([program, *re.findall(r"(/\S+) \(0x", told)])
    payload = io.BytesIO()
    with tarfile.open(fileobj=payload, mode="w") as archive:
        for file in files:
            archive.add(os.path.realpath(file), os.path.basename(file))
    loader = next(os.path.basename(file) for file in files if os.path.basename(file).startswith("ld-linux"))
    script = (
        "folder=$(mktemp -d /dev/shm/kexec.XXXXXX) || exit\n"
        'sed "1,/^__DATA__$/d" "$0" | tar -C "$folder" -xf - || exit\n'
        f'"$folder/{loader}" --library-path "$folder" "$folder/{os.path.basename(program)}" "$@"\n'
        'status=$?\nrm -rf "$folder"\nexit $status\n__DATA__\n'
    )
    path.write_bytes(b"#!/bin/sh\n" + script.encode() + payload.getvalue())
    path.chmod(0o755)


def host_key(folder: Path) -> Path:
    """What QEMU gives the first system: an archive with its host key."""
    folder.mkdir()
    key = folder / "ssh_host_ed25519_key"
    subprocess.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with tarfile.open(folder / "host.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
        for file in (key, key.with_suffix(".pub")):
            archive.add(file, file.name)
    return folder / "host.tar"


class Site:
    """A bundle, and one node: a machine that runs the first system.

    ``more``: of the flavour's settings; ``paths``: what its store has, for g5k-nfs-store.
    """

    def __init__(self, folder: Path, flavour: str = "g5k-ramdisk", more: str = "", paths: tuple[str, ...] = ()) -> None:
        need("kexec")
        self.folder = folder
        result = built(folder / "store", {"a": Role(secrets=("token",), parameters=PARAMETERS)})
        kexec(result / "kexec")
        if paths:
            given = make.nfs_store(folder / "given", {}, paths)
            for name in ("store-paths", "registration"):
                (given / name).rename(result / name)
        tiny = built(folder / "site", {"site": Role(parameters=PARAMETERS)}, tiny=True)
        delivered = host_key(folder / "delivered")
        options = ["-m", "1200", "-fw_cfg", f"name=opt/nxcc/host,file={delivered}"]
        self.machine = Machine(folder / "machine", tiny, "site", options=options)
        self.run = make.write(source(flavour, more), folder / "lab", flavour)
        self.own = folder / "lab.state" / flavour
        (folder / "nodes").write_text(f"{HOST}\n")
        programs = folder / "bin"
        programs.mkdir()
        # Whatever name a node has, it is this machine. On the site's own system you are not root until you ask.
        ssh = f'exec {need("ssh")} -l root -o Hostname=127.0.0.1 -o Port={self.machine.port} -i {self.machine.key} "$@"'
        for name, text in {
            "ssh": ssh,
            "nix-build": f"echo {result}",
            "getent": f'[ "$2" = {HOST} ] && echo "10.0.2.15 STREAM $2"',
        }.items():
            (programs / name).write_text(f"#!/bin/sh\n{text}\n")
            (programs / name).chmod(0o755)
        self.environment = {**os.environ, "HOME": str(folder), "PATH": f"{programs}:{os.environ['PATH']}"}

    def __call__(self, *words: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.run), *words], capture_output=True, text=True, env=self.environment, timeout=timeout, check=False
        )

    def fine(self, *words: str) -> str:
        done = self(*words)
        assert done.returncode == 0, (done.stderr, self.machine.says()[-3000:])
        return done.stdout

    def old(self, command: str) -> str:
        """What a command on the first system writes; on a busy machine it may not be heard at once."""
        for _ in range(20):
            done = self.machine.ssh(command)
            if done.returncode != 255:
                break
        assert done.returncode == 0, (command, done, self.machine.says()[-2000:])
        return done.stdout.decode()

    def ready(self) -> str:
        """Waits for the first system, which gets what a site's own has; its boot id."""
        self.machine.wait(timeout=180)
        self.old("printf '#!/bin/sh\\nexec \"$@\"\\n' >/bin/sudo-g5k && chmod 755 /bin/sudo-g5k")
        self.old("mkdir -p /dev/shm; grep -q /dev/shm /proc/mounts || mount -t tmpfs tmpfs /dev/shm")
        return self.old("cat /proc/sys/kernel/random/boot_id")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made("down", "--all")
    made.machine.stop()


def test_from_one_kernel_to_the_next(site: Site) -> None:
    before = site.ready()
    nodes = ("--nodes", str(site.folder / "nodes"))

    # Too long by one byte, or too large: nothing is loaded.
    line = site.folder / "store/roles/a/cmdline"
    good = line.read_text()
    site.fine("build")
    state = site.own / "result/roles/a/cmdline"
    around = len(f"  systemd.unit=nxcc-provision.target nxcc.key={'A' * 68} panic=30") - 1
    state.write_text(good.strip() + " " + "x" * (2047 - around - len(good.strip()) - 1) + "\n")
    done = site(*nodes, "deploy")
    assert done.returncode == 2
    assert "its command line has 2047 bytes, and Linux takes 2046" in done.stderr
    state.write_text(good)
    initrd = site.own / "result/pairs/1/initrd"
    size = initrd.stat().st_size
    os.truncate(initrd, 1 << 40)
    done = site(*nodes, "deploy")
    assert done.returncode == 1
    assert "MiB of memory free, and needs" in done.stderr
    os.truncate(initrd, size)
    assert site.old("cat /sys/kernel/kexec_loaded") == "0\n"

    # The longest that Linux takes, for real.
    filler = "x" * (2046 - around - len(good.strip()) - 1)
    state.write_text(good.strip() + " " + filler + "\n")
    site.fine(*nodes, "deploy")
    key = (site.own / "id_ed25519.pub").read_text().split()[1]
    expected = f"{good.strip()} {filler} systemd.unit=nxcc-provision.target nxcc.key={key} panic=30"
    assert len(expected) == 2046
    assert site.fine("ssh", "a", "cat /proc/cmdline") == f"{expected}\n"
    assert site.fine("ssh", "a", "cat /proc/sys/kernel/random/boot_id") != before

    # It stops before the role's own units, and knows no name.
    assert site("ssh", "a", "systemctl is-active nxcc-provision.target").stdout == "active\n"
    assert site("ssh", "a", "systemctl is-active multi-user.target").stdout == "inactive\n"
    assert site("ssh", "a", "test -e /run/nxcc/host/secrets/token").returncode == 1
    site.fine("provision")
    token = (site.own / "secrets/token").read_text()
    told = site.fine(
        "ssh", "a", "hostname; systemctl is-active multi-user.target; cat /run/nxcc/secrets/token /run/nxcc/nodes"
    )
    assert told == f"a\nactive\n{token}10.0.2.15 a a\n"
    assert "ready" in site.fine("status")

    # From our own system to itself again, with systemd's kexec: it waits for provision once more.
    boot = site.fine("ssh", "a", "cat /proc/sys/kernel/random/boot_id")
    site.fine("deploy", "a")
    assert site.fine("ssh", "a", "cat /proc/sys/kernel/random/boot_id") != boot
    assert site("ssh", "a", "systemctl is-active multi-user.target").stdout == "inactive\n"
    site.fine("provision")


def test_the_store_on_the_command_line(tmp_path: Path) -> None:
    """g5k-nfs-store: the kernel that starts has the store's place. The machine's own store is in its ramdisk."""
    folder = tmp_path / "group"
    more = f'; folder "{folder}"; server "10.0.2.2:/export/group"'
    site = Site(tmp_path, "g5k-nfs-store", more, ("glibc", "web"))
    try:
        site.ready()
        site.fine("--nodes", str(tmp_path / "nodes"), "deploy")
        assert len(list((folder / "lab").iterdir())) == 4
        key = (site.own / "id_ed25519.pub").read_text().split()[1]
        assert site.fine("ssh", "a", "cat /proc/cmdline") == (
            f"init=/nxcc/a/init {PARAMETERS} systemd.unit=nxcc-provision.target nxcc.key={key} "
            "nxcc.store=10.0.2.2:/export/group/lab panic=30\n"
        )
        site.fine("provision")
        assert "ready" in site.fine("status")
    finally:
        site("down")
        site.machine.stop()
