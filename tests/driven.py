"""Bundles for the tests of the test driver: their `run` reaches nodes that are shells on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nxcc.resources import resource

if TYPE_CHECKING:
    from collections.abc import Mapping

# A node is a shell in the folder root/; it is down while there is a file down-NODE, and up removes that. What one boot
# has only, and whether it is a container, are files here; systemctl is the program below.
RUN = """#!/bin/sh
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
fake=$(CDPATH='' cd -- "$here/../../nodes" && pwd -P)
printf '%s\\n' "$1 ${2:-}" >>"$fake/asked"
runs() {
    [ ! -e "$fake/down-$1" ] || { echo "fake/run: $1 does not run: \\`run up\\` first" >&2; exit 1; }
}
case $1 in
ssh)
    runs "$2"
    command=$(printf '%s' "$3" | sed "s,/proc/sys/kernel/random/boot_id,$fake/boot,
        s,/run/systemd/container,$fake/container,")
    cd "$fake/root"
    NODE=$2 FAKE=$fake TMPDIR=$fake/tmp PATH=$fake/bin:$PATH exec sh -c "$command"
    ;;
fetch)
    node=${2%%:*} path=${2#*:}
    runs "$node"
    cp -r -- "$fake/root/$path" "$3"
    ;;
up)
    echo "fake/run: starting ${2:-all}" >&2
    [ ! -e "$fake/broken" ] || exit 1
    rm -f "$fake"/down-*
    ;;
esac
"""

# Units are files in units/ that hold what `show` says; with a file jobs/, some are on their way.
SYSTEMCTL = """#!/bin/sh
case "$*" in
*list-jobs*) if [ -e "$FAKE/jobs" ]; then cat "$FAKE/jobs"; else echo "No jobs running."; fi ;;
poweroff) touch "$FAKE/down-$NODE" ;;
reboot)
    if [ -e "$FAKE/hangs" ]; then exit 0; fi
    touch "$FAKE/down-$NODE"
    { sleep 1; date +%s%N >"$FAKE/boot"; rm -f "$FAKE/down-$NODE"; } >/dev/null 2>&1 &
    ;;
*show*)
    unit=$(printf '%s' "$*" | sed 's/.*show //; s/ .*//')
    cat "$FAKE/units/$unit" 2>/dev/null || exit 4
    ;;
*status*) echo "journal of the unit" ;;
"start "*) echo "ActiveState=active" >"$FAKE/units/$2" ;;
"stop "*) echo "ActiveState=inactive" >"$FAKE/units/$2" ;;
esac
"""


class Driven:
    """A bundle of these nodes, in a folder; ``fake`` has what the nodes are made of, ``root`` their files."""

    def __init__(self, folder: Path, nodes: tuple[str, ...] = ("server", "web-1")) -> None:
        self.bundle = folder / "it's a bundle"
        self.run = self.bundle / "fake/run"
        self.fake = folder / "nodes"
        self.root = self.fake / "root"
        for path in (self.run.parent, self.root, self.fake / "bin", self.fake / "units", self.fake / "tmp"):
            path.mkdir(parents=True)
        self.nodes = nodes
        self.fake.joinpath("boot").write_text("1\n")
        for path, text in ((self.run, RUN), (self.fake / "bin/systemctl", SYSTEMCTL)):
            path.write_text(text)
            path.chmod(0o755)
        shutil.copytree(
            resource("templates", "test"), self.bundle / "test", ignore=shutil.ignore_patterns("__pycache__")
        )

    @property
    def out(self) -> Path:
        return self.bundle.with_name(f"{self.bundle.name}.state") / "fake/test/test"

    def command(self, scripts: Mapping[str, str], *arguments: str) -> list[str]:
        """The command that runs a test, after the scripts are written: texts by file name and test name at once."""
        nodes = [{"name": node} for node in self.nodes]
        (self.bundle / "environment.json").write_text(json.dumps({"nodes": nodes, "tests": list(scripts)}))
        for name, text in scripts.items():
            (self.bundle / "test" / f"{name or 'test'}.py").write_text(text)
        run = os.path.relpath(self.run, self.bundle)
        return [sys.executable, "test/driver.py", "--run", run, *arguments]

    def play(self, script: str, *arguments: str, env: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
        """What the driver says of one script, the unnamed test."""
        return subprocess.run(
            self.command({"": script}, *arguments),
            cwd=self.bundle,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **env},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=60,
        )

    def passes(self, script: str, *arguments: str) -> str:
        """What a script that must pass prints."""
        done = self.play(script, *arguments)
        assert done.returncode == 0, done.stderr
        assert "test/test.py passed after" in done.stderr
        return done.stdout

    def fails(self, script: str, *arguments: str) -> str:
        """What the driver says of a script that must fail."""
        done = self.play(script, *arguments)
        assert done.returncode == 1, done.stderr
        assert "test/test.py FAILED after" in done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr


def processes() -> str:
    """The command lines of what runs on this machine."""
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
