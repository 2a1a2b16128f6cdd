"""A node of g5k-image that reboots: it waits for provision again, in a machine of QEMU with the deployed command line.

The machine is tests/machine's, its root on a disk that outlives a reboot; QEMU hands kernel and command line over each
time, as the boot loader that Kadeploy configures does. kadeploy3 is played by a program that takes every node.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import g5k_environments as make
import pytest
from machines import Machine, Role, built
from tools import need

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

HOST = "dahu-1.grenoble.grid5000.fr"
SOURCE = """environment lab
secret token
flavour g5k-image { compression xz }
role a { environment.etc.token.text = secret.token }
"""
PARAMETERS = "console=ttyS0 net.ifnames=0 quiet loglevel=4"
KADEPLOY = """#!/bin/sh
while [ "$#" -gt 0 ]; do
    case $1 in -f) nodes=$2 ;; -o) ok=$2 ;; esac
    shift
done
cp "$nodes" "$ok"
"""


def test_a_reboot_waits_for_provision_again(tmp_path: Path) -> None:
    run = make.write(SOURCE, tmp_path / "lab")
    own = tmp_path / "lab.state/g5k-image"
    image = make.image(tmp_path / "image", {"a": PARAMETERS})
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "nodes").write_text(f"{HOST}\n")

    def program(name: str, text: str) -> None:
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)

    program("nix-build", f"#!/bin/sh\necho {image}\n")
    program("kadeploy3", KADEPLOY)
    program("getent", f'#!/bin/sh\n[ "$2" = {HOST} ] && echo "10.0.2.15 STREAM $2"\n')
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": f"{programs}:{os.environ['PATH']}"}

    def fine(*words: str) -> str:
        command = [str(run), "--timeout", "300", *words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600, check=False)
        assert done.returncode == 0, (done.stderr, machine.says()[-3000:] if machine else "")
        return done.stdout

    machine = None
    fine("--nodes", str(tmp_path / "nodes"), "image")
    (line,) = re.findall(r'  kernel_params: "(.*)"', (own / "env/a.yaml").read_text())
    place, _, stop = line.rpartition(" ")
    assert stop == "systemd.unit=nxcc-provision.target"
    files = built(tmp_path / "build", {"a": Role(secrets=("token",), parameters=PARAMETERS)})
    assert (files / "roles/a/cmdline").read_text() == f"{place}\n"
    disk = tmp_path / "disk"
    disk.touch()
    os.truncate(disk, 1 << 30)
    options = ["-drive", f"file={disk},if=none,id=disk,format=raw,cache=unsafe"]
    options += ["-device", "virtio-blk-pci,drive=disk,serial=nxcc-root"]
    machine = Machine(tmp_path / "machine", files, "a", stop, options=options)
    try:
        # The key is in the place of those that kadeploy3 -k brings.
        address = f"-l root -o Hostname=127.0.0.1 -o Port={machine.port} -i {machine.key}"
        program("ssh", f'#!/bin/sh\nexec {need("ssh")} {address} "$@"\n')
        fine("--nodes", str(tmp_path / "nodes"), "deploy")
        fine("provision")
        told = fine("ssh", "a", "hostname; systemctl is-active multi-user.target; cat /run/nxcc/secrets/token")
        token = (own / "secrets/token").read_text()
        assert told == f"a\nactive\n{token}"
        boot = fine("ssh", "a", "cat /proc/sys/kernel/random/boot_id; touch /var/kept; sync")
        fine("ssh", "a", "systemctl reboot --no-block")

        machine.wait(f"test $(cat /proc/sys/kernel/random/boot_id) != {boot.strip()}", timeout=300)
        machine.wait("systemctl is-active --quiet nxcc-provision.target", timeout=60)
        machine.succeed("test -e /var/kept && ! systemctl is-active --quiet multi-user.target")
        machine.succeed("test ! -e /run/nxcc/host && ! grep -rqs " + token + " /etc /var /run")

        fine("provision", "a")
        assert fine("ssh", "a", "hostname; systemctl is-active multi-user.target; cat /run/nxcc/secrets/token") == told
        assert "ready" in fine("status")
    finally:
        fine("down")
        machine.stop()
