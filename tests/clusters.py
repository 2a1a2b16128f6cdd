"""Bundles of the vm flavours whose nodes are stand-in machines, started by the `run` that nxcc writes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from machines import built, built_in_store
from programs import HOME, command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from machines import Role


class Process(NamedTuple):
    """A node's QEMU: its process and the words of its command line."""

    pid: int
    words: list[str]


class Bundle:
    """A compiled environment and the result that its nodes boot from."""

    def __init__(
        self,
        folder: Path,
        text: str,
        roles: Mapping[str, Role],
        tiny: bool = False,
        flavour: str = "vm-ramdisk",
        beside: Sequence[str] = (),
    ) -> None:
        """``beside`` are flavours that the bundle has as well."""
        self.folder = folder
        folder.mkdir(parents=True)
        (folder / "env.nxc").write_text(text)
        flavours = [word for name in (flavour, *beside) for word in ("--flavour", name)]
        done = subprocess.run(
            command(["compile", "env.nxc", *flavours, "--output", "bundle"]),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": HOME},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        if flavour == "vm":
            self.result = built_in_store(folder / "result", roles)
        else:
            self.result = built(folder / "result", roles, tiny)
        self.script = folder / "bundle" / flavour / "run"
        self.state = folder / "bundle.state" / flavour

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """`run`, in a process group of its own."""
        return subprocess.Popen(
            [str(self.script), *arguments],
            cwd=self.folder,
            env={**os.environ, "NXCC_RESULT": str(self.result), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, timeout: float = 300, **environment: str) -> subprocess.CompletedProcess[str]:
        """What `run` says and how it ends."""
        process = self.start(*arguments, **environment)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"run {' '.join(arguments)} takes more than {timeout} s:\n{out}{err}") from None
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def succeed(self, *arguments: str, timeout: float = 300, **environment: str) -> str:
        """The output of a `run` that must end well."""
        done = self.run(*arguments, timeout=timeout, **environment)
        assert done.returncode == 0, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def refused(self, *arguments: str, code: int = 2, **environment: str) -> str:
        """The one line with which a `run` says why it cannot."""
        done = self.run(*arguments, **environment)
        assert done.returncode == code, (arguments, done)
        return done.stderr.strip().splitlines()[-1]

    def on(self, node: str, script: str) -> str:
        """The output of a command on a node."""
        return self.succeed("ssh", node, script).strip()

    def states(self) -> dict[str, str]:
        """What `status` says of each node."""
        rows = [line.split() for line in self.succeed("status").splitlines()[1:]]
        return {row[0]: row[3] for row in rows}

    def processes(self) -> dict[str, Process]:
        """The QEMUs that run for this bundle, by node."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            where = next(
                (word for word in words if word.startswith(f"{self.state}/node/") and word.endswith("/pid")), ""
            )
            if where and "qemu" in words[0]:
                found[where.split("/")[-2]] = Process(int(folder.name), words)
        return found

    def sockets(self) -> Path:
        """The folder of the nodes' sockets."""
        return Path((self.state / "sockets").read_text().strip())


def within(seconds: float, what: Callable[[], bool]) -> bool:
    """Whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def times(text: str) -> list[float]:
    """The round trips that ping tells of, in ms."""
    return [float(found) for found in re.findall(r"time=([\d.]+) ms", text)]
