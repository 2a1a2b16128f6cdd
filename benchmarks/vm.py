"""What `run up` of the vm flavours costs beside the machines themselves.

The nodes of an environment come up by `run up`, and by hand: the same command lines of QEMU, started at once, each
asked until its SSH server greets and `nxcc-ready` succeeds there. Medians of runs that take turns, so that a busy
moment hits both. And what `up` takes for itself: until the first machine starts, and from the last that is ready until
it ends.

    python benchmarks/vm.py [--nodes 3] [--runs 5] [--systemd]

Needs what tests/machine/setup.sh makes: the nodes have busybox and an SSH server, with --systemd a small Debian. Exit
code 1 where `up` takes more than 1.3 times as long as by hand, or more than 0.3 s for itself.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))

from clusters import Bundle
from machines import Role

MOST = 1.3
MOST_ITSELF = 0.3


def main() -> int:
    """Measure and print; exit code 1 where a limit is passed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--nodes", type=int, default=3, help="machines at once (default 3)")
    options.add_argument("--runs", type=int, default=5, help="runs of each way (default 5)")
    options.add_argument("--systemd", action="store_true", help="machines with systemd")
    chosen = options.parse_args()
    size = "384MiB" if chosen.systemd else "160MiB"
    source = f"environment bench\nrole web[{chosen.nodes}] {{ resources {{ memory {size} }} }}\n"
    with tempfile.TemporaryDirectory() as folder:
        bundle = Bundle(Path(folder) / "env", source, {"web": Role()}, tiny=not chosen.systemd)
        try:
            return report(bundle, chosen.runs)
        finally:
            kill(bundle)
            bundle.run("down", "--grace", "0", "--all")


def report(bundle: Bundle, runs: int) -> int:
    """Print both medians; returns how many limits were passed."""
    # What the first `up` alone makes: keys, and the answer whether KVM works.
    bundle.succeed("up")
    lines = [process.words[:-1] for process in bundle.processes().values()]
    ups, itself, hands = [], [], []
    for _ in range(runs):
        kill(bundle)
        hands.append(by_hand(bundle, lines))
        kill(bundle)
        took, own = by_run(bundle)
        ups.append(took)
        itself.append(own)
        lines = [process.words[:-1] for process in bundle.processes().values()]
        print(f"by hand {hands[-1]:6.2f} s   run up {took:6.2f} s   itself {own:5.2f} s")
    up, hand, own = (statistics.median(times) for times in (ups, hands, itself))
    print(f"{len(lines)} machines: by hand {hand:.2f} s, run up {up:.2f} s: {up / hand:.2f}x (limit {MOST}x)")
    print(f"run up itself: {own * 1000:.0f} ms (limit {MOST_ITSELF * 1000:.0f} ms)")
    return (up / hand > MOST) + (own > MOST_ITSELF)


def by_run(bundle: Bundle) -> tuple[float, float]:
    """Seconds of `run up`, and those in which it neither waits for a machine nor starts one."""
    began = time.time()
    bundle.succeed("up")
    ended = time.time()
    first = min(started(process.pid) for process in bundle.processes().values())
    last = max(path.stat().st_mtime for path in (bundle.state / "node").glob("*/ready"))
    return ended - began, max(0.0, first - began) + max(0.0, ended - last)


def started(pid: int) -> float:
    """When a process started, in seconds since 1970."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    up = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - up + ticks / os.sysconf("SC_CLK_TCK")


def by_hand(bundle: Bundle, lines: list[list[str]]) -> float:
    """Seconds from the start of these machines until all are ready."""
    began = time.monotonic()
    for line in lines:
        subprocess.run(line, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    with ThreadPoolExecutor(len(lines)) as pool:
        list(pool.map(lambda line: wait_ready(bundle, line), lines))
    return time.monotonic() - began


def wait_ready(bundle: Bundle, line: list[str]) -> None:
    """Asks a machine's SSH server for its greeting until there is one, then the machine whether it is ready."""
    name = line[line.index("-name") + 1]
    config = bundle.state / "node" / name / "ssh"
    port = int(next(row.split()[1] for row in config.read_text().splitlines() if row.split()[0] == "Port"))
    while not greets(port):
        time.sleep(0.3)
    while subprocess.run(["ssh", "-n", "-F", config, "-S", "none", name, "nxcc-ready"], check=False).returncode:
        time.sleep(0.3)


def greets(port: int) -> bool:
    """Whether an SSH server says its name within two seconds."""
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as one:
            return one.recv(4) == b"SSH-"
    except OSError:
        return False


def kill(bundle: Bundle) -> None:
    """Ends all machines at once, as a power cut would."""
    for process in bundle.processes().values():
        os.kill(process.pid, signal.SIGKILL)
    while bundle.processes():
        time.sleep(0.05)


if __name__ == "__main__":
    raise SystemExit(main())
