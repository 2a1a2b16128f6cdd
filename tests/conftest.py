"""What every test shares: a clean environment, and how to run nxcc as a program."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import pytest

import nxcc as package

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HOME = os.path.dirname(os.path.dirname(os.path.abspath(package.__file__)))
"""Where the nxcc lies that the tests import: programs that they start run the same one."""


class Nxcc(Protocol):
    """Runs nxcc with arguments in a folder; the result has returncode, stdout and stderr as text."""

    def __call__(
        self, *arguments: str, stdin: str | bytes = ..., env: dict[str, str] | None = ...
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's own reaches a test."""
    for name in ("NO_COLOR", "NXCC_DEBUG", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def nxcc(tmp_path: Path) -> Nxcc:
    """nxcc as a program of its own, in the test's folder."""

    def run(
        *arguments: str, stdin: str | bytes = "", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command(arguments),
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": HOME, **(env or {})},
            check=False,
            timeout=60,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


def command(arguments: Sequence[str]) -> list[str]:
    """The command line that runs nxcc."""
    return [sys.executable, "-m", "nxcc", *arguments]
