"""A frontend for tests: a site in a folder, and the environment in which `run` finds its programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tools import missing, need

from grid5000.oar import properties
from grid5000.site import VARIABLE, Site

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = (
    "oarsub", "oarstat", "oardel", "oarprint", "oarnodes", "kadeploy3", "kaenv3", "kaconsole3", "getent", "quota", "df",
)  # fmt: skip


class Frontend:
    """A site's frontend. ``clusters`` has each cluster's facts: nodes; exotic, queue, arch, cores where they differ."""

    def __init__(self, folder: Path, clusters: dict[str, dict[str, Any]], **facts: Any) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.home = folder / "home"
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        (folder / "site.json").write_text(json.dumps({"site": "grenoble", "clusters": clusters, **facts}))
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in PROGRAMS:
            # Without what site-packages brings they start faster; YAML is in there.
            python = f'"{sys.executable}"' if name.startswith("ka") else f'"{sys.executable}" -I -S'
            self.program(name, f'#!/bin/sh\nexec {python} "{HERE}/program.py" {name} "$@"\n')
        self.program("ssh", f'#!/bin/sh\nexec "{sys.executable}" -I -S "{HERE}/program.py" ssh {need("ssh")} "$@"\n')
        self._need_sshd()
        key = self.home / ".ssh" / "id_ed25519"
        subprocess.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "alice", "-f", str(key)], check=True)
        public = key.with_suffix(".pub").read_text()
        (self.home / ".ssh" / "authorized_keys").write_text(public)
        self.scenario()

    def shorter(self, seconds: int, fewer: int) -> None:
        """From now on `timeout` takes fewer seconds, or with -k: for those that are too many for a test."""
        lines = (
            "option=",
            'if [ "$1" = -k ]; then option=-k; shift; fi',
            f'if [ "$1" = {seconds} ]; then shift; set -- {fewer} "$@"; fi',
            f'exec {need("timeout")} $option "$@"',
        )
        self.program("timeout", "#!/bin/sh\n" + "\n".join(lines) + "\n")

    def program(self, name: str, text: str) -> None:
        """Put a program first on the PATH."""
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    @staticmethod
    def _need_sshd() -> None:
        if not shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin"):
            missing("there is no program sshd")
        if os.getuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        tried = ["unshare", "--mount", "--uts", *(["--map-root-user"] if os.getuid() else []), "true"]
        if subprocess.run(tried, capture_output=True, check=False).returncode:
            missing("no namespaces can be made")

    def scenario(self, **what: Any) -> None:
        """What goes wrong from now on; see site.DEFAULT_SCENARIO."""
        # Programs that run now read the one or the other.
        new = self.folder / "scenario.json.new"
        new.write_text(json.dumps(what))
        new.replace(self.folder / "scenario.json")

    @property
    def site(self) -> Site:
        return Site(str(self.folder))

    def deployments(self) -> dict[str, Any]:
        """What Kadeploy's server is at."""
        with self.site.locked():
            return self.site.deployments()

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a login on the frontend."""
        drop = ("NXCC_", "OAR", "SSH_", "G5K_")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(drop)}
        path = f"{self.bin}:{os.environ['PATH']}"
        return {**clean, "PATH": path, "HOME": str(self.home), "USER": "alice", VARIABLE: str(self.folder), **more}

    def without(self, *programs: str) -> None:
        """A frontend that lacks some of its programs."""
        for name in programs:
            (self.bin / name).unlink()

    def job(self, number: int) -> dict[str, str]:
        """What a shell inside a job has in its environment more."""
        job = self.site.job(number)
        nodes = self.folder / f"nodes.{number}"
        nodes.write_text("".join(f"{host}\n" * self.site.nodes[host]["cores"] for host in job["hosts"]))
        lines = self.folder / f"properties.{number}"
        lines.write_text("\n".join(properties(self.site, job)) + "\n")
        return {"OAR_JOB_ID": str(number), "OAR_NODEFILE": str(nodes), "OAR_RESOURCE_PROPERTIES_FILE": str(lines)}

    def log(self, *programs: str) -> list[list[str]]:
        """The arguments of each call of these programs, or of all, in order."""
        try:
            lines = (self.folder / "log").read_text().splitlines()
        except FileNotFoundError:
            return []
        entries = [json.loads(line) for line in lines]
        return [entry["arguments"] for entry in entries if not programs or entry["program"] in programs]

    def run(
        self, command: Sequence[str], stdin: str = "", timeout: float = 60, cwd: str | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the frontend."""
        return subprocess.run(
            list(command),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env=self.environment(**more),
            timeout=timeout,
            cwd=cwd or str(self.home),
        )
