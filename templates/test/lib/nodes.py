"""Nodes in test scripts: the methods of the NixOS test driver's machines, on top of a bundle's ``run``.

Names and meanings are those of nixos/lib/test-driver of nixpkgs, 20.09 to 26.05. Nothing but the commands
``run ssh``, ``run fetch`` and ``run up`` reaches a node. Python 3.8 and its standard library.
"""

from __future__ import annotations

import os
import re
import shlex
import tarfile
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING

from channel import TIMEOUT, MachineError, RequestedAssertionFailed, retry
from life import Node

if TYPE_CHECKING:
    from channel import Seconds


class Machine(Node):
    """A node, by the name of its own; each is a variable of the script."""

    # ---------------------------------------------------------------- commands

    def execute(
        self, command: str, check_return: bool = True, check_output: bool = True, timeout: Seconds = TIMEOUT
    ) -> tuple[int, str]:
        """Status and output of a command of bash, run with ``set -euo pipefail``; status 124 after ``timeout`` seconds.

        The output is stdout, what is not UTF-8 in it replaced; stderr goes to the log. Without ``check_return`` the
        node may vanish meanwhile, and the status is -1; without ``check_output`` nothing is waited for.
        """
        self.driver.check_polling_conditions()
        self.connect()
        command = f"set -euo pipefail; {command}"
        if not check_output:
            self._ask(f"bash -c {shlex.quote(command)} >/dev/null 2>&1 &", 60)
            return -2, ""
        status, output = self._ask(command, timeout, may_vanish=not check_return)
        return (status if check_return else -1), output

    def succeed(self, *commands: str, timeout: Seconds = None) -> str:
        """Run commands that must succeed; their output."""
        output = ""
        for command in commands:
            with self.nested(f"must succeed: {command}"):
                status, out = self.execute(command, timeout=timeout)
                if status != 0:
                    self.log(f"output: {out}")
                    raise RequestedAssertionFailed(f"command `{command}` failed (exit code {status})")
                output += out
        return output

    def fail(self, *commands: str, timeout: Seconds = None) -> str:
        """Run commands that must fail; their output."""
        output = ""
        for command in commands:
            with self.nested(f"must fail: {command}"):
                status, out = self.execute(command, timeout=timeout)
                if status == 0:
                    self.log(f"output: {out}")
                    raise RequestedAssertionFailed(f"command `{command}` unexpectedly succeeded")
                output += out
        return output

    # ---------------------------------------------------------------- waiting

    def _wait(self, what: str, check: Callable[[], bool], timeout: float) -> None:
        """Wait until ``check()``; a node that does not answer for a while, as in a reboot, is waited for too."""
        told = ""

        def answers_and_holds(last: bool) -> bool:
            nonlocal told
            try:
                return check()
            except MachineError as error:
                if last:
                    raise
                if told != str(error):
                    told = str(error)
                    self.log(told)
                return False

        with self.nested(f"waiting for {what}"):
            self.connect()
            retry(answers_and_holds, timeout)

    def wait_until_succeeds(self, command: str, timeout: float = TIMEOUT) -> str:
        """Run a command every second until it succeeds; its output."""
        return self._until(f"success: {command}", command, timeout, lambda status: status == 0)

    def wait_until_fails(self, command: str, timeout: float = TIMEOUT) -> str:
        """Run a command every second until it fails; its output."""
        return self._until(f"failure: {command}", command, timeout, lambda status: status != 0)

    def _until(self, what: str, command: str, timeout: float, good: Callable[[int], bool]) -> str:
        output = ""

        def check() -> bool:
            nonlocal output
            status, output = self.execute(command, timeout=timeout)
            return good(status)

        try:
            self._wait(what, check, timeout)
        except RequestedAssertionFailed:
            self.log(f"output: {output}")
            raise
        return output

    def wait_for_unit(self, unit: str, user: str | None = None, timeout: float = TIMEOUT) -> None:
        """Wait until a unit is active; fails at once where it has failed, or is inactive and nothing will start it."""

        def check() -> bool:
            state = self.get_unit_property(unit, "ActiveState", user)
            if state == "failed":
                self.log(self.systemctl(f'--no-pager --lines 20 status "{unit}"', user)[1])
                raise RequestedAssertionFailed(f'unit "{unit}" reached state "{state}"')
            idle = state == "inactive" and "No jobs" in self.systemctl("list-jobs --full 2>&1", user)[1]
            # It may have come up between the questions.
            if idle and self.get_unit_property(unit, "ActiveState", user) == state:
                raise RequestedAssertionFailed(f'unit "{unit}" is inactive and there are no pending jobs')
            return state == "active"

        self._wait(f"unit {unit}" + ("" if user is None else f" with user {user}"), check, timeout)

    def wait_for_job(self, jobname: str) -> None:
        """The same as ``wait_for_unit``."""
        self.wait_for_unit(jobname)

    def wait_for_file(self, filename: str, timeout: float = TIMEOUT) -> None:
        """Wait until a file exists."""
        self._wait(f"file '{filename}'", lambda: self._holds(f"test -e {filename}"), timeout)

    def wait_for_open_port(self, port: int, addr: str = "localhost", timeout: float = TIMEOUT) -> None:
        """Wait until something listens on a TCP port."""
        self._wait(f"TCP port {port} on {addr}", lambda: self._listens(port, addr), timeout)

    def wait_for_closed_port(self, port: int, addr: str = "localhost", timeout: float = TIMEOUT) -> None:
        """Wait until nothing listens on a TCP port."""
        self._wait(f"TCP port {port} on {addr} to be closed", lambda: not self._listens(port, addr), timeout)

    def wait_for_open_unix_socket(self, addr: str, is_datagram: bool = False, timeout: float = TIMEOUT) -> None:
        """Wait until something listens on a UNIX-domain socket."""

        def check() -> bool:
            # proc(5): number, references, protocol, flags (00010000 listens), type (0002 is a datagram's), …, path
            lines = [line.split(None, 7) for line in self.execute("cat /proc/net/unix")[1].splitlines()]
            found = [line for line in lines if len(line) == 8 and line[7] == addr]
            return any(line[4] == "0002" if is_datagram else line[3] == "00010000" for line in found)

        self._wait(f"UNIX-domain {'datagram' if is_datagram else 'stream'} on '{addr}'", check, timeout)

    def _holds(self, command: str) -> bool:
        return self.execute(command)[0] == 0

    def _listens(self, port: int, addr: str) -> bool:
        # What NixOS's driver asks nc, which not every node has.
        return self._holds(f"(exec 3<>/dev/tcp/{addr}/{int(port)}) 2>/dev/null")

    def get_tty_text(self, tty: str) -> str:
        """What stands on a virtual terminal."""
        return self.execute(f"fold -w$(stty -F /dev/tty{tty} size | awk '{{print $2}}') /dev/vcs{tty}")[1]

    def wait_until_tty_matches(self, tty: str, regexp: str, timeout: float = TIMEOUT) -> None:
        """Wait until what stands on a virtual terminal matches."""
        wanted = re.compile(regexp)
        what = f"{regexp} to appear on tty {tty}"
        self._wait(what, lambda: wanted.search(self.get_tty_text(tty)) is not None, timeout)

    def dump_tty_contents(self, tty: str) -> None:
        """Write what stands on a virtual terminal to the journal."""
        self.execute(f"fold -w 80 /dev/vcs{tty} | systemd-cat")

    def sleep(self, secs: float) -> None:
        """Sleep, by the node's clock."""
        self.succeed(f"sleep {secs}")

    # ---------------------------------------------------------------- systemd

    def systemctl(self, q: str, user: str | None = None) -> tuple[int, str]:
        """Status and output of systemctl, of a user's own where one is given."""
        if user is None:
            return self.execute(f"systemctl {q}")
        command = f"XDG_RUNTIME_DIR=/run/user/$(id -u) systemctl --user {q}"
        return self.execute(f"su -l {user} --shell /bin/sh -c {shlex.quote(command)}")

    def start_job(self, jobname: str, user: str | None = None) -> tuple[int, str]:
        """Start a unit."""
        return self.systemctl(f"start {jobname}", user)

    def stop_job(self, jobname: str, user: str | None = None) -> tuple[int, str]:
        """Stop a unit."""
        return self.systemctl(f"stop {jobname}", user)

    def get_unit_info(self, unit: str, user: str | None = None) -> dict[str, str]:
        """The properties of a unit, by name."""
        return self._show(unit, "", user)

    def get_unit_property(self, unit: str, property: str, user: str | None = None) -> str:
        """One property of a unit."""
        found = self._show(unit, f' --property="{property}"', user)
        if property not in found:
            raise RequestedAssertionFailed(f'unit "{unit}" has no property "{property}"')
        return found[property]

    def _show(self, unit: str, more: str, user: str | None) -> dict[str, str]:
        status, lines = self.systemctl(f'--no-pager show "{unit}"{more}', user)
        if status != 0:
            who = "" if user is None else f' under user "{user}"'
            raise RequestedAssertionFailed(f'systemctl show of unit "{unit}"{who} failed with exit code {status}')
        return {name: value for name, equals, value in (line.partition("=") for line in lines.split("\n")) if equals}

    def require_unit_state(self, unit: str, require_state: str = "active") -> None:
        """A unit must be in a state now."""
        with self.nested(f"checking if unit '{unit}' has reached state '{require_state}'"):
            state = self.get_unit_property(unit, "ActiveState")
            if state != require_state:
                raise RequestedAssertionFailed(
                    f"Expected unit '{unit}' to be in state '{require_state}' but it is in state '{state}'"
                )

    # ---------------------------------------------------------------- files

    def copy_from_machine(self, source: str, target_dir: str = "") -> None:
        """Copy a file or folder of the node into ``target_dir`` below ``$out``."""
        target = os.path.join(self.out_dir, target_dir)
        with self.nested(f"copying {source} to {target}"):
            self.connect()
            os.makedirs(target, exist_ok=True)
            self._copied(self.run("fetch", f"{self.name}:{source}", target), f"{source} from {self.name}")

    def copy_from_vm(self, source: str, target_dir: str = "") -> None:
        """The same as ``copy_from_machine``."""
        self.copy_from_machine(source, target_dir)

    def copy_from_host(self, source: str, target: str) -> None:
        """Copy a file or folder of this machine to a path of the node's, as ``cp -r`` does; it is root's there."""
        self.driver.check_polling_conditions()
        name, folder = os.path.basename(os.path.abspath(source)), os.path.dirname(os.fspath(target)) or "."
        unpack = (
            f'set -e; t=$(mktemp -d); trap \'rm -rf "$t"\' EXIT; tar -C "$t" -xpf -; '
            f'mkdir -p -- {shlex.quote(folder)}; cp -rp -- "$t"/{shlex.quote(name)} {shlex.quote(os.fspath(target))}'
        )

        def of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            return entry

        with self.nested(f"copying {source} to {target}"), tempfile.TemporaryFile() as spool:
            self.connect()
            with tarfile.open(fileobj=spool, mode="w") as archive:
                archive.add(source, arcname=name, filter=of_root)
            spool.seek(0)
            self._copied(self.run("ssh", self.name, unpack, stdin=spool), f"{source} to {self.name}:{target}")

    def copy_from_host_via_shell(self, source: str, target: str) -> None:
        """The same as ``copy_from_host``."""
        self.copy_from_host(source, target)

    def _copied(self, done: tuple[int | None, bytes, bytes], what: str) -> None:
        if done[0] != 0:
            self.log(done[2].decode(errors="replace").strip())
            raise RequestedAssertionFailed(f"cannot copy {what}")
