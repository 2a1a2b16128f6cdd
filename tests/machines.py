"""Machines in the place of those that Nix builds: Debian's kernel and systemd, with the project's own files.

`tests/machine/setup.sh` makes their kernel and ramdisk; `built` lays them out as docs/nodes.md has it, for the `run` of
a flavour; `Machine` starts one by hand.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import textwrap
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from guests import cpio
from identity_nodes import SCRIPT
from tools import missing, need

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).parent / "machine"
MODULES = Path(__file__).parent.parent / "nix" / "modules"


class Role(NamedTuple):
    """What a role's machines have beside what all have.

    ``ready``: conditions as nix/modules/readiness.nix has them, each (port, unit or command, its value); ``links``:
    arguments of links.sh; ``secrets``: names; ``units``: texts of systemd units by name; ``parameters``: those of the
    kernel.
    """

    ready: Sequence[tuple[str, str]] = ()
    links: Sequence[str] = ()
    secrets: Sequence[str] = ()
    units: Mapping[str, str] = {}
    parameters: str = "console=ttyS0 net.ifnames=0 quiet loglevel=4"


def fixture() -> Path:
    """The folder that setup.sh fills; skips the test, or fails it where CI=true, when there is none."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(os.environ.get("NXCC_TEST_CACHE") or f"{cache}/nxcc-tests") / "machine"
    if not (folder / "stamp").exists():
        missing(f"there is no machine in {folder}: run tests/machine/setup.sh")
    return folder


# ------------------------------------------------------------ what a build gives


def built(folder: Path, roles: Mapping[str, Role], tiny: bool = False) -> Path:
    """Lays out in ``folder`` what `nix-build -A vm-ramdisk` gives for these roles, and returns it.

    ``tiny`` machines have no systemd, and nothing of their roles: busybox, identity.sh and an SSH server.
    """
    pair = folder / "pairs" / "1"
    pair.mkdir(parents=True)
    shutil.copyfile(fixture() / "kernel", pair / "kernel")
    shutil.copyfile(fixture() / ("initrd-tiny" if tiny else "initrd"), pair / "initrd")
    with (pair / "initrd").open("ab") as initrd:
        initrd.write(tiny_segment() if tiny else segment(roles))
    for name, role in roles.items():
        place = folder / "roles" / name
        place.mkdir(parents=True)
        (place / "kernel").symlink_to("../../pairs/1/kernel")
        (place / "initrd").symlink_to("../../pairs/1/initrd")
        (place / "cmdline").write_text(f"init=/nxcc/{name}/init {role.parameters}\n")
    return folder


def built_in_store(folder: Path, roles: Mapping[str, Role]) -> Path:
    """Lays out in ``folder`` what `nix-build -A vm` gives for these roles, their systems in this machine's store."""
    pair = folder / "pairs" / "1"
    pair.mkdir(parents=True)
    shutil.copyfile(fixture() / "kernel", pair / "kernel")
    (pair / "initrd").write_bytes((fixture() / "initrd-small").read_bytes() + segment(roles))
    for name, role in roles.items():
        system = folder / f"nxcc-role-{name}"
        system.mkdir()
        (system / "init").write_text("#!/bin/sh\nexec /lib/systemd/systemd\n")
        (system / "init").chmod(0o755)
        (system / "sw").symlink_to("/usr/local")
        os.link(fixture() / "nix-store.squashfs", system / "nix-store.squashfs")
        command = [need("nix-store"), "--add", str(system)]
        added = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip()
        shutil.rmtree(system)
        place = folder / "roles" / name
        place.mkdir(parents=True)
        (place / "kernel").symlink_to("../../pairs/1/kernel")
        (place / "initrd").symlink_to("../../pairs/1/initrd")
        (place / "system").symlink_to(added)
        (place / "cmdline").write_text(f"init={added}/init {role.parameters}\n")
    return folder


def segment(roles: Mapping[str, Role]) -> bytes:
    """What follows the cached ramdisk: stage 1, and the files of all machines and of each role's."""
    programs = {"init": (HERE / "init").read_bytes()}
    texts: dict[str, bytes] = {}
    links: dict[str, str] = {}
    common = common_files()
    for place, owner in [("common", common), *((name, role_files(name, role)) for name, role in roles.items())]:
        for path, data in owner.items():
            target = f"tree/{place}/{path}"
            (programs if data.startswith(b"#!") else texts)[target] = data
            if path.startswith("etc/systemd/system/"):
                unit = Path(path).name
                for wanted in re.findall(r"^WantedBy=(.*)$", data.decode(), re.MULTILINE):
                    for other in wanted.split():
                        links[f"tree/{place}/etc/systemd/system/{other}.wants/{unit}"] = f"../{unit}"
    for name in roles:
        links[f"tree/{name}/nxcc/{name}/init"] = "/lib/systemd/systemd"
        links[f"tree/{name}/nxcc/{name}/sw"] = "/usr/local"
    links["tree/common/etc/hosts"] = "/run/nxcc/hosts"
    return b"".join([*cpio(programs), *cpio(texts, 0o100644), *cpio(links, 0o120777)])


def tiny_segment() -> bytes:
    """What follows the ramdisk of tiny machines."""
    files = {
        "init": (HERE / "tiny").read_bytes(),
        "usr/local/bin/nxcc-identity": b"#!/bin/sh\n" + SCRIPT,
        "usr/local/bin/nxcc-ready": b"#!/bin/sh\n",
        "usr/local/sbin/standin-network": (HERE / "tree/usr/local/sbin/standin-network").read_bytes(),
    }
    # The SSH server looks for commands nowhere else.
    links = {"bin/nxcc-ready": "../usr/local/bin/nxcc-ready", "etc/hosts": "/run/nxcc/hosts"}
    config = {"etc/ssh/sshd_config": (HERE / "tree/etc/ssh/sshd_config").read_bytes().replace(b"UsePAM", b"#UsePAM")}
    return b"".join([*cpio(files), *cpio(config, 0o100644), *cpio(links, 0o120777)])


def common_files() -> dict[str, bytes]:
    """Files of every machine by path: those of tests/machine/tree, and the project's."""
    tree = HERE / "tree"
    files = {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    files["usr/local/bin/nxcc-identity"] = b"#!/bin/sh\n" + SCRIPT
    for name in ("links.sh", "peers.sh"):
        files[f"usr/local/lib/nxcc/{name}"] = (MODULES / name).read_bytes()
    return files


def role_files(name: str, role: Role) -> dict[str, bytes]:
    """Files of a role's machines by path, with the texts of nix/modules/ for what the role has."""
    files = {"usr/local/bin/nxcc-ready": ready_script(role.ready)}
    units = dict(role.units)
    if role.secrets:
        files["usr/local/lib/nxcc/secrets"] = secrets_script(role.secrets)
        units["nxcc-secrets.service"] = _SECRETS_UNIT
    if role.links:
        units["nxcc-links.service"] = _LINKS_UNIT.format(arguments=shlex.join(role.links))
    for unit, text in units.items():
        files[f"etc/systemd/system/{unit}"] = text.encode()
    return {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}


def ready_script(conditions: Sequence[tuple[str, str]]) -> str:
    """nxcc-ready as nix/modules/readiness.nix writes it."""
    lines = []
    for kind, value in conditions or [("unit", "multi-user.target")]:
        if kind == "port":
            said = shlex.quote(f"nothing listens on port {value}")
            lines.append(f'ss -Hltn "sport = :{value}" | grep -q . || missing {said}\n')
        elif kind == "unit":
            said = shlex.quote(f"{value} is not active")
            lines.append(f"systemctl is-active --quiet {shlex.quote(value)} || missing {said}\n")
        else:
            said = shlex.quote(f"fails: {value}")
            lines.append(f"sh -c {shlex.quote(value)} >/dev/null 2>&1 || missing {said}\n")
    return f"{_READY_HEAD}{''.join(lines)}exit 0\n"


def secrets_script(names: Sequence[str]) -> str:
    """The script of nix/modules/secrets.nix, from there."""
    text = (MODULES / "secrets.nix").read_text()
    script = text[text.index("      script = ''\n") :].split("''", 2)[1].lstrip("\n")
    script = textwrap.dedent(script).replace("${folder}", "/run/nxcc/secrets")
    copies = "".join(
        f"deliver /run/nxcc/host/secrets/{name} /run/nxcc/secrets/{name} root root 0400\n"
        for name in map(shlex.quote, names)
    )
    script = script.replace("${lib.concatStrings (lib.mapAttrsToList copy secrets)}", copies)
    assert "${" not in script, "nix/modules/secrets.nix has changed"
    return f"#!/bin/sh\nset -e\n{script}"


_READY_HEAD = """#!/bin/sh
missing() {
  printf 'not ready: %s\\n' "$1" >&2
  exit 1
}
"""
_SECRETS_UNIT = """[Unit]
Description=Secrets of this node

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
UMask=0077
ExecStart=/usr/local/lib/nxcc/secrets

[Install]
WantedBy=multi-user.target
"""
_LINKS_UNIT = """[Unit]
Description=Shaped links to other nodes
Wants=network-online.target
After=network-online.target

[Service]
Type=simple
RemainAfterExit=yes
ExecStart=/bin/sh /usr/local/lib/nxcc/links.sh {arguments}
ExecStop=/bin/sh /usr/local/lib/nxcc/links.sh stop

[Install]
WantedBy=multi-user.target
"""


# ------------------------------------------------------------ one machine, started by hand


class Machine:
    """A machine of a build's files that a test starts itself, reached by ssh through a forwarded port."""

    def __init__(self, folder: Path, result: Path, role: str, *parameters: str, options: Sequence[str] = ()) -> None:
        """Starts it; ``folder`` takes the key, console.log and whatever else the machine has."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.key = folder / "key"
        if not self.key.exists():
            subprocess.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self.port = free_port()
        place = result / "roles" / role
        words = [(place / "cmdline").read_text().strip(), *parameters, f"nxcc.key={self.public}"]
        command = [need("qemu-system-x86_64"), "-accel", "tcg,tb-size=128", "-cpu", "max", "-m", "512"]
        command += ["-nodefaults", "-display", "none", "-serial", f"file:{self.console}"]
        command += ["-kernel", str(place / "kernel"), "-initrd", str(place / "initrd"), "-append", " ".join(words)]
        command += ["-device", "virtio-rng-pci", "-device", "virtio-net-pci,netdev=user"]
        command += ["-netdev", f"user,id=user,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:22", *options]
        self._output: IO[bytes] = (folder / "qemu.log").open("wb")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT
        )

    @property
    def public(self) -> str:
        """The base64 part of the key that may log in."""
        return (self.folder / "key.pub").read_text().split()[1]

    @property
    def console(self) -> Path:
        """Where the machine's console goes."""
        return self.folder / "console.log"

    def says(self) -> str:
        """The console up to now."""
        return self.console.read_text(errors="replace").replace("\r", "") if self.console.exists() else ""

    def ssh(self, command: str, stdin: bytes = b"", timeout: float = 60) -> subprocess.CompletedProcess[bytes]:
        """Runs a command as root."""
        options = "-F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        options += f" -o LogLevel=ERROR -o ConnectTimeout=5 -o IdentitiesOnly=yes -i {self.key} -p {self.port}"
        return subprocess.run(
            [need("ssh"), *options.split(), "root@127.0.0.1", command],
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )

    def succeed(self, command: str, stdin: bytes = b"") -> str:
        """What a command that must succeed writes."""
        done = self.ssh(command, stdin)
        assert done.returncode == 0, (command, done, self.says()[-2000:])
        return done.stdout.decode()

    def wait(self, command: str = "true", timeout: float = 120) -> None:
        """Waits until ssh answers and a command succeeds."""
        deadline = time.monotonic() + timeout
        while (done := self.ssh(command)).returncode != 0:
            assert self.process.poll() is None, f"QEMU ended: {(self.folder / 'qemu.log').read_text()}"
            assert time.monotonic() < deadline, (command, done, self.says()[-3000:])
            time.sleep(0.3)

    def stop(self) -> None:
        """Ends it at once."""
        self.process.kill()
        self.process.wait()
        self._output.close()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
