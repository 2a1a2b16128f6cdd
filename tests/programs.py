"""nxcc as a program of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import nxcc

if TYPE_CHECKING:
    from collections.abc import Sequence

HOME = os.path.dirname(os.path.dirname(os.path.abspath(nxcc.__file__)))
"""Where the nxcc lies that the tests import: programs that they start run the same one."""


class Nxcc(Protocol):
    """Runs nxcc with arguments in a folder; the result has returncode, stdout and stderr as text."""

    def __call__(
        self, *arguments: str, stdin: str | bytes = ..., env: dict[str, str] | None = ...
    ) -> subprocess.CompletedProcess[str]: ...


def command(arguments: Sequence[str]) -> list[str]:
    """The command line that runs nxcc."""
    return [sys.executable, "-m", "nxcc", *arguments]
