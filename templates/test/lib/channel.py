"""The way to the nodes of a bundle: its ``run``, as test scripts use it. Python 3.8 and its standard library."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

TIMEOUT = 900
"""Seconds that everything which waits does so by default, as in NixOS's driver."""

GRACE = 20
"""Seconds after a command's own timeout when the connection that carries it is cut."""

# A command's errors go through a file: what it leaves running in the background would hold the connection open. The
# last line tells a status of the command, or that there is no shell for it, from one of the connection.
WRAPPER = (
    "PATH=$PATH:/run/wrappers/bin:/run/current-system/sw/bin:/usr/bin:/bin:/usr/sbin:/sbin; export PATH; "
    "command -v bash >/dev/null || {{ printf '\\n%s none\\n' {mark} >&2; exit; }}; "
    'e=$(mktemp) || exit; {prefix}bash -c {command} 2>"$e" </dev/null; s=$?; '
    'cat "$e" >&2; rm -f "$e"; printf \'\\n%s %s\\n\' {mark} $s >&2'
)

if TYPE_CHECKING:
    Seconds = float | None


class RequestedAssertionFailed(Exception):
    """What the script asks of a node is not so."""


class MachineError(Exception):
    """A node cannot be reached, or cannot do this."""


def retry(fn: Callable[[bool], Any], timeout_seconds: float = TIMEOUT, timeout: Seconds = None) -> None:
    """Call ``fn(last)`` once a second until it is true; RequestedAssertionFailed after ``timeout_seconds``.

    ``timeout`` is its older name in NixOS's driver.
    """
    timeout_seconds = timeout_seconds if timeout is None else timeout
    start = time.monotonic()
    while time.monotonic() - start < timeout_seconds:
        if fn(False):
            return
        time.sleep(min(1, max(0, start + timeout_seconds - time.monotonic())))
    elapsed = time.monotonic() - start
    if not fn(True):
        raise RequestedAssertionFailed(f"action timed out after {elapsed:.2f} seconds (timeout={timeout_seconds})")


class Run:
    """The bundle's ``run``, by its path."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(
        self, *words: str, stdin: IO[bytes] | None = None, timeout: Seconds = None, shown: bool = False
    ) -> tuple[int | None, bytes, bytes]:
        """Status, stdout and stderr of ``run WORDS``; a status of None after ``timeout`` seconds.

        With ``shown``, output goes where the driver's own messages go.
        """
        with tempfile.TemporaryFile() as said:
            # A group of its own, so that ending it ends ssh too. Errors go to a file: the connection that ssh keeps for
            # later ones (ControlPersist) would hold a pipe open.
            child = subprocess.Popen(
                [self.path, *words],
                stdin=stdin or subprocess.DEVNULL,
                stdout=2 if shown else subprocess.PIPE,
                stderr=2 if shown else said,
                start_new_session=True,
            )
            try:
                out = child.communicate(timeout=timeout)[0]
                status: int | None = child.returncode
            except subprocess.TimeoutExpired:
                out, status = self._end(child), None
            except BaseException:
                self._end(child)
                raise
            said.seek(0)
            return status, out or b"", said.read()

    @staticmethod
    def _end(child: subprocess.Popen[bytes]) -> bytes:
        """End a child with all that it started; what it has said."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.communicate(timeout=3)[0] or b""
        return b""
