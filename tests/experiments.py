"""Bundles with an orchestrator's experiment, and nodes that answer by ssh: an sshd of this machine for each connection,
which ssh starts itself, so that there are no ports which others may take.

What stands for `vm/run` here writes what the real one writes, by the functions of templates/run/base.sh. The nodes'
files are this machine's.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from tools import missing, need

from nxcc.compiler import compile_file
from nxcc.resources import resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SOURCE = """
environment lab "x"
network { subnet "127.0.0.0/8" }
role server { ready port 22 }
role client[2] { after server }
"""

RUN = """#!/bin/sh
set -eu
umask 077
flavour=vm environment=lab dry='' all='' journal=none nodes=''
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
state=${here%/*}.state
own=$state/$flavour
. "$BASE"
make_state
case $1 in
build) begin build; finish ;;
up)
    begin deploy
    finish
    begin provision
    cp "$LAB/ssh_config" "$own/ssh_config"
    tell_deployed <"$LAB/nodes"
    finish
    ;;
down) rm -f "$own/deployed.json"; echo down >>"$LAB/log" ;;
*) exit 9 ;;
esac
"""


def library(name: str) -> None:
    """Skips the test where Python has no such library; fails it where CI=true."""
    if importlib.util.find_spec(name) is None:
        missing(f"Python has no {name}: pip install '.[orchestrators]'")


@contextlib.contextmanager
def playing(folder: Path, program: Path | str, *words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A program of Python that runs in ``folder``, in a process group of its own."""
    # Ansible keeps its sockets below the home, and their paths may have 108 bytes.
    with tempfile.TemporaryDirectory(prefix="home", ignore_cleanup_errors=True) as home:
        own = {"HOME": home, "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            [sys.executable, str(program), *words],
            env={**os.environ, **own, **environment},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def outcome(process: subprocess.Popen[str], timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """What a program says until it ends, and how it ends."""
    out, err = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


class Lab:
    """A bundle of ``source`` for vm and orchestrators, in a folder whose name has what paths may have."""

    def __init__(self, folder: Path, source: str = SOURCE, *flavours: str) -> None:
        self.folder = folder
        self.bundle = folder / "it's a $bundle"
        self.state = folder / "it's a $bundle.state"
        (folder / "env.nxc").write_text(source)
        found = compile_file(str(folder / "env.nxc"), ["vm", *flavours], directory=str(self.bundle))
        assert found.ok, found.diagnostics
        for file in found.files:
            path = self.bundle / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
            path.chmod(0o755 if file.executable else 0o644)
        (self.bundle / "vm/run").write_text(RUN)
        assert found.environment
        self.nodes = {node.name: node.role for node in found.environment.nodes}

    def start(self, tools: Mapping[str, str] | None = None) -> None:
        """Have the nodes answer; ``tools`` are programs that they have before all others, by name."""
        sshd = need("/usr/sbin/sshd")
        bin = self.folder / "bin"
        bin.mkdir()
        for name, text in (tools or {}).items():
            (bin / name).write_text(f"#!/bin/sh\n{text}\n")
            (bin / name).chmod(0o755)
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        for key in ("id", "host"):
            command = [need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / key)]
            subprocess.run(command, check=True)
        host_key = (self.folder / "host.pub").read_text()
        config = ""
        for name in self.nodes:
            (self.folder / f"sshd-{name}").write_text(
                f"HostKey {self.folder}/host\nAuthorizedKeysFile {self.folder}/id.pub\nStrictModes no\nUsePAM no\n"
                f"PermitRootLogin yes\nLogLevel QUIET\nSubsystem sftp internal-sftp\n"
                f"SetEnv NODE={name} PATH={bin}:{os.environ['PATH']}\n"
            )
            (self.folder / f"known-{name}").write_text(f"{name} {host_key}")
            config += (
                f"Host {name}\n ProxyCommand {sshd} -i -f {self.folder}/sshd-{name}\n User root\n"
                f" HostKeyAlias {name}\n IdentityFile {self.folder}/id\n IdentitiesOnly yes\n"
                f" UserKnownHostsFile {self.folder}/known-{name}\n GlobalKnownHostsFile /dev/null\n"
                " StrictHostKeyChecking yes\n LogLevel ERROR\n"
            )
        (self.folder / "ssh_config").write_text(config)
        (self.folder / "nodes").write_text("".join(f"{name} {role} 127.0.0.1 -\n" for name, role in self.nodes.items()))

    def play(self, program: Path | str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """What a program of Python says."""
        with playing(self.folder, program, *words, **self.variables, **environment) as process:
            return outcome(process)

    @property
    def variables(self) -> dict[str, str]:
        """What ``run`` here needs."""
        return {"BASE": os.path.join(resource("templates", "run"), "base.sh"), "LAB": str(self.folder)}

    def script(self, flavour: str, text: str) -> Path:
        """A program of a user's beside the bundle, which finds ``experiment``."""
        path = self.folder / "mine.py"
        path.write_text(f"import sys\nsys.path.insert(0, {str(self.bundle / flavour)!r})\n{text}")
        return path

    def phases(self, flavour: str) -> list[tuple[str, str]]:
        """Flavour and name of each phase of an experiment."""
        found: list[dict[str, Any]] = json.loads((self.state / flavour / "phases.json").read_text())
        assert all(entry["seconds"] >= 0 and entry["start"].endswith("Z") for entry in found)
        return [(entry["flavour"], entry["phase"]) for entry in found]
