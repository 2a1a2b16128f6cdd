"""The life of a node in test scripts: reached, started, rebooted, cut off. Python 3.8 and its standard library."""

from __future__ import annotations

import contextlib
import os
import shlex
from typing import TYPE_CHECKING, Any

from channel import GRACE, TIMEOUT, WRAPPER, MachineError, RequestedAssertionFailed, Run, retry

if TYPE_CHECKING:
    from channel import Seconds
    from driver import Driver


class Node:
    """What every node has: ``run`` is the bundle's, ``out_dir`` the folder for what is copied from the node."""

    def __init__(self, name: str, run: Run, out_dir: str, driver: Driver) -> None:
        self.name = name
        self.run = run
        self.out_dir = out_dir
        self.driver = driver
        self.connected = False
        self.stopping = False

    def __repr__(self) -> str:
        return f"<Machine '{self.name}'>"

    def __getattr__(self, name: str) -> Any:
        if name in NOT_HERE:
            raise MachineError(f"{self.name}.{name}: nodes are reached by `run` alone, which has no {NOT_HERE[name]}")
        raise AttributeError(f"a node has no method {name}")

    def log(self, msg: str) -> None:
        """Log a message about this node."""
        self.driver.log.log(f"{self.name}: {msg}")

    def nested(self, msg: str, attrs: dict[str, str] | None = None) -> contextlib.AbstractContextManager[None]:
        """A context whose log says how long it took."""
        return self.driver.log.nested(f"{self.name}: {msg}")

    def _ask(self, command: str, timeout: Seconds, may_vanish: bool = False) -> tuple[int, str]:
        """Status and output of a command as it is; a lost connection is a MachineError, or -1 where it may vanish.

        A node without bash is a RequestedAssertionFailed: no waiting helps.
        """
        mark = f"nxcc-{os.urandom(8).hex()}"
        prefix = "" if timeout is None else f"timeout -k 5 {timeout} "
        wrapped = WRAPPER.format(prefix=prefix, command=shlex.quote(command), mark=mark)
        status, out, err = self.run("ssh", self.name, wrapped, timeout=None if timeout is None else timeout + GRACE)
        said, found, ended = err.decode(errors="replace").partition(f"\n{mark} ")
        output = out.decode(errors="replace")
        if ended.strip() == "none":
            raise RequestedAssertionFailed(f"{self.name} has no bash, which runs the commands of test scripts")
        if found:
            for line in said.splitlines():
                self.driver.log.log(f"{self.name} # {line}")
            return int(ended.split()[0]), output
        if status is None:
            return 124, output
        if may_vanish:
            return -1, output
        self.connected = False
        lines = said.strip().splitlines() or [f"`run ssh` exits {status}"]
        raise MachineError(f"{self.name} does not answer: {lines[-1]}")

    def is_up(self) -> bool:
        """Whether the node answers."""
        try:
            self.connected = self._ask("true", 20)[0] == 0
        except MachineError:
            self.connected = False
        return self.connected

    def connect(self) -> None:
        """Reach the node; start it where it does not run."""
        if not self.connected:
            self.start()

    def start(self, allow_reboot: bool = True) -> None:
        """Start the node and wait until it is ready, where it does not run."""
        if self.connected or self.is_up():
            return
        with self.nested("starting"):
            status, _, _ = self.run("up", self.name, shown=True)
            if self.stopping and status != 0:
                # It had not stopped yet.
                status, _, _ = self.run("up", self.name, shown=True)
            self.stopping = False
            if status != 0 or not self.is_up():
                raise MachineError(f"{self.name} cannot be started: `run up` exits {status}")

    def shutdown(self) -> None:
        """Shut the node down, and wait until it is."""
        if self.is_up():
            with self.nested("shutting down"):
                self._ask("systemctl poweroff", 60, may_vanish=True)
            self.wait_for_shutdown()

    def wait_for_shutdown(self, timeout: float = TIMEOUT) -> None:
        """Wait until the node answers no more."""
        with self.nested("waiting for the node to power off"):
            # A connection may fail once for another reason.
            retry(lambda _: not self.is_up() and not self.is_up(), timeout)
        self.stopping = True

    def reboot(self, timeout: float = TIMEOUT) -> None:
        """Reboot the node in good order and wait until it answers again; a container is stopped and started."""
        with self.nested("rebooting"):
            self.connect()
            before = self._boot()
            if self._ask("test -e /run/systemd/container", 20)[0] == 0:
                self.shutdown()
                self.start()
            else:
                self._ask("systemctl reboot", 60, may_vanish=True)
            retry(lambda _: self.is_up() and self._boot() not in ("", before), timeout)

    def _boot(self) -> str:
        """What a node has in one boot only: the kernel's identifier, and when init was started; "" where unknown."""
        try:
            return self._ask("cat /proc/sys/kernel/random/boot_id; cut -d ' ' -f 22 /proc/1/stat", 20)[1]
        except MachineError:
            return ""

    def block(self) -> None:
        """Cut the node off the others, where it is reached another way than they are."""
        self._must("block", BLOCK.format(name=shlex.quote(self.name)))

    def unblock(self) -> None:
        """Undo ``block``."""
        self._must("unblock", UNBLOCK)

    def _must(self, what: str, command: str) -> None:
        with self.nested(what):
            self.connect()
            if self._ask(f"set -euo pipefail; {command}", 60)[0] != 0:
                raise MachineError(f"{self.name}.{what}: not possible on this node")


# Routes go with the device, and not all of them come back with it.
BLOCK = """
address=$(awk -v name={name} '$2 == name && $1 != "-" {{ print $1 }}' /run/nxcc/nodes 2>/dev/null || :)
[ -n "$address" ] || address=$(getent ahostsv4 {name} | awk 'NR == 1 {{ print $1 }}') || :
device=$(ip -o -4 address show | awk -v address="$address" '{{ split($4, a, "/"); if (a[1] == address) print $2 }}')
[ -n "$device" ] || {{ echo "no device has the address $address" >&2; exit 1; }}
case "${{SSH_CONNECTION:-}} " in *" $address "*)
    echo "this node is reached by $device, which the others use too" >&2; exit 1 ;;
esac
[ ! -e /run/nxcc-blocked ] || exit 0
ip route show dev "$device" >/run/nxcc-blocked.routes
ip link set "$device" down
echo "$device" >/run/nxcc-blocked"""
UNBLOCK = """
[ -e /run/nxcc-blocked ] || exit 0
device=$(cat /run/nxcc-blocked)
ip link set "$device" up
while read -r route; do ip route replace $route dev "$device"; done </run/nxcc-blocked.routes
rm -f /run/nxcc-blocked /run/nxcc-blocked.routes"""

_SCREEN = (
    "screenshot get_screen_text get_screen_text_variants wait_for_text wait_for_x wait_for_window get_window_names"
)
_CONSOLE = "send_console wait_for_console_text get_console_log console_interact"
_MONITOR = "send_monitor_command wait_for_monitor_prompt wait_for_qmp_event forward_port qmp_client"
NOT_HERE = {
    **dict.fromkeys(_SCREEN.split(), "screen"),
    **dict.fromkeys(["send_key", "send_chars"], "keyboard"),
    **dict.fromkeys(_CONSOLE.split(), "console to read or write"),
    **dict.fromkeys(_MONITOR.split(), "monitor of QEMU"),
    "crash": "switch for the power",
    "switch_root": "way into the first stage of the boot",
    "shell_interact": "terminal while a test runs",
    "cleanup_statedir": "state of a single node to remove",
    "release": "hold on a node to release",
}
"""Methods of NixOS's driver that want its own QEMU, each with what it would need."""
