"""A bundle in the home of a frontend, and its ``run``."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

import g5k_environments as make

from grid5000.frontend import Frontend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOST = "dahu-{}.grenoble.grid5000.fr"

DAHU: dict[str, dict[str, Any]] = {"dahu": {"nodes": 4, "cores": 1}}


class Lab:
    """A bundle that is compiled for one flavour, in the home of a frontend of its own; ``facts`` are the site's.

    ``state`` is the folder of the state that all flavours share, ``own`` the flavour's part of it.
    """

    def __init__(
        self, folder: Path, source: str, flavour: str, clusters: dict[str, dict[str, Any]] = DAHU, **facts: Any
    ) -> None:
        self.frontend = Frontend(folder / "site", clusters, **facts)
        self.folder = folder
        self.flavour = flavour
        self.run = make.write(source, self.frontend.home / "lab", flavour)
        self.state = self.frontend.home / "lab.state"
        self.own = self.state / flavour

    def builds(self, store: Path) -> None:
        """What Nix gives from now on."""
        text = f'#!/bin/sh\n[ "$2 $3 $4" = "-A {self.flavour} --no-out-link" ] || exit 9\necho "{store}"\n'
        self.frontend.program("nix-build", text)

    def __call__(self, *words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        options = [] if words[:1] in (("ssh",), ("help",)) else ["--pause", "0.1"]
        return self.frontend.run([str(self.run), *options, *words], stdin=stdin, timeout=900, **environment)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command, and go on."""
        return subprocess.Popen(
            [str(self.run), "--pause", "0.1", *words],
            env=self.frontend.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )

    def job(self, *nodes: int, deploy: bool = True) -> str:
        """The number of a job on these nodes of dahu, made by hand."""
        hosts = " or ".join(f"host='{HOST.format(node)}'" for node in nodes)
        words = ["-t", "deploy"] if deploy else []
        done = self.frontend.run(["oarsub", *words, "-l", f"{{{hosts}}}/host={len(nodes)},walltime=2", "sleep 1d"])
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().partition("=")[2]

    def table(self) -> dict[str, str]:
        """Node -> host."""
        lines = (self.own / "table").read_text().splitlines()
        return {line.split()[0]: line.split()[2] for line in lines}


def lab_source(flavour: str, more: str = "", **parts: Any) -> str:
    """g5k_environments.lab for one of the flavours that have no image."""
    return make.lab(more, **parts).replace("g5k-image", flavour).replace("; compression xz", "")


def fine(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """What was done, which must have gone well."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def wait_for(holds: Callable[[], Any], seconds: float = 300) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
