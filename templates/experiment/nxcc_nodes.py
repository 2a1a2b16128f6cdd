"""The nodes of an environment that nxcc compiled, for programs that experiment with them, and the time of each phase.

Read are environment.json of the bundle and DIR.state/FLAVOUR/deployed.json, which `run up` writes; nxcc itself is not
needed. Python 3.9 and its standard library.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

BUNDLE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
STATE = BUNDLE + ".state"

FORMAT = 1
"""The form of deployed.json that is read here."""

PATH = 'PATH="$PATH:/run/wrappers/bin:/run/current-system/sw/bin:/usr/bin:/bin:/usr/sbin:/sbin"'
"""Before a command: where the programs of a node are. What Ansible runs in a container does not know it by itself."""

WITHOUT_NODES = ("nixos-test",)
"""Flavours with a `run` whose nodes last as long as a test."""


class NodesError(Exception):
    """Something is not as an experiment needs it; the message says what to do."""


class Node(NamedTuple):
    """A node that is ready; ``address`` and ``container`` are None where it has none."""

    name: str
    role: str
    address: str | None
    container: str | None


class Deployed(NamedTuple):
    """The nodes of a flavour; ``ssh_config`` is an absolute path, or None where ssh reaches none."""

    flavour: str
    ssh_config: str | None
    engine: str | None
    nodes: list[Node]


def flavours() -> list[str]:
    """The flavours of the bundle that have nodes."""
    return sorted(
        name
        for name in os.listdir(BUNDLE)
        if name not in WITHOUT_NODES and os.access(os.path.join(BUNDLE, name, "run"), os.X_OK)
    )


def choose(wanted: str) -> str:
    """The flavour whose nodes an experiment is about: the one named, else the only one, else the only one that runs."""
    known = flavours()
    if wanted:
        if wanted not in known:
            raise NodesError(f"{BUNDLE} has no flavour {wanted}; it has {', '.join(known) or 'none with nodes'}")
        return wanted
    running = [name for name in known if os.path.exists(_file(name))]
    for found in (known, running):
        if len(found) == 1:
            return found[0]
    if not known:
        raise NodesError(f"{BUNDLE} has no flavour with nodes: compile one more, `nxcc compile env.nxc --flavour vm`")
    raise NodesError(f"whose nodes? --on {', --on '.join(known)}")


def _file(flavour: str) -> str:
    return os.path.join(STATE, flavour, "deployed.json")


def deployed(flavour: str) -> Deployed:
    """The nodes of a flavour, all of the environment's; NodesError where one of them is not ready."""
    path = _file(flavour)
    # What another user has put there would be run: an ssh_config names programs.
    if os.path.exists(STATE) and os.stat(STATE).st_uid != os.getuid():
        raise NodesError(f"{STATE} is not yours")
    try:
        with open(path, encoding="utf-8") as file:
            data: Any = json.load(file)
    except FileNotFoundError:
        raise NodesError(f"no node is ready: `{flavour}/run up` first") from None
    except ValueError as error:
        raise NodesError(f"{path} is broken ({error}): `{flavour}/run up` writes it anew") from None
    form = data.get("format") if isinstance(data, dict) else None
    if form != FORMAT:
        raise NodesError(f"{path} has the form {form}, and {FORMAT} is the one known here: compile again")
    with open(os.path.join(BUNDLE, "environment.json"), encoding="utf-8") as file:
        environment = json.load(file)
    if (data["environment"], data["flavour"]) != (environment["name"], flavour):
        of = f"{data['environment']}, flavour {data['flavour']}"
        raise NodesError(f"{path} is about nodes of {of}: `{flavour}/run up` writes it anew")
    nodes = [Node(node["name"], node["role"], node["address"], node["container"]) for node in data["nodes"]]
    wanted = {node["name"]: node["role"] for node in environment["nodes"]}
    missing = [name for name, role in wanted.items() if (name, role) not in {(node.name, node.role) for node in nodes}]
    if missing:
        raise NodesError(f"not ready: {', '.join(missing)}; `{flavour}/run up` first")
    config = data["ssh_config"]
    return Deployed(
        flavour,
        os.path.join(STATE, flavour, config) if config else None,
        data["engine"],
        [node for node in nodes if node.name in wanted],
    )


def run(flavour: str, *words: str, dry: bool = False) -> None:
    """Call a flavour's `run`, or print how; NodesError where it fails."""
    command = [os.path.join(BUNDLE, flavour, "run"), *words]
    if dry:
        print(shlex.join(command))
        return
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        code = process.wait()
    except BaseException:
        # It takes its time to end what it has begun, and what called it may not go on before: subprocess.run kills it.
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    if code != 0:
        raise NodesError(f"{flavour}/run {shlex.join(words)} exits {code}")


class Phases:
    """How long each phase took: DIR.state/NAME/phases.json, in the form of the phases.json of `run`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = os.path.join(STATE, name)
        self.entries: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what is done inside; a phase that fails counts too."""
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        clock = time.monotonic()
        try:
            yield
        finally:
            seconds = round(time.monotonic() - clock, 2)
            self.add([{"flavour": self.name, "phase": name, "start": start, "seconds": seconds}])

    def add(self, entries: list[dict[str, Any]]) -> None:
        """Add phases, and write all."""
        self.entries += entries
        for folder in (STATE, self.folder):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        path = os.path.join(self.folder, "phases.json")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write("[\n" + ",\n".join("  " + json.dumps(entry) for entry in self.entries) + "\n]\n")
        os.replace(path + ".new", path)


def build(flavour: str, dry: bool = False) -> None:
    """Build where Nix is; elsewhere `run` takes what was brought there."""
    if shutil.which("nix-build"):
        run(flavour, "build", dry=dry)


def bring_up(flavour: str, phases: Phases, dry: bool = False) -> None:
    """Build where Nix is, start what does not run, and wait; the times of these phases are those that `run` took."""
    before = len(_recorded(flavour))
    try:
        build(flavour, dry)
        run(flavour, "up", dry=dry)
    finally:
        if not dry:
            phases.add(_recorded(flavour)[before:])


def _recorded(flavour: str) -> list[dict[str, Any]]:
    """The phases of a flavour's `run`."""
    try:
        with open(os.path.join(STATE, "phases.json"), encoding="utf-8") as file:
            return [entry for entry in json.load(file) if entry["flavour"] == flavour]
    except FileNotFoundError:
        return []


def options(name: str, environment: str, nodes: str, arguments: list[str] | None) -> argparse.Namespace:
    """The command line of an experiment: ``name`` is its orchestrator's, ``nodes`` the flavour where none is named."""
    parser = argparse.ArgumentParser(
        description=f"Run an experiment on the nodes of {environment}: build, deploy, provision, run. They stay up.",
        epilog=f"Times: {STATE}/{name}/phases.json. Exit: 0 done, 1 something failed, 2 wrong usage,"
        " 130 interrupted, 143 ended.",
    )
    parser.add_argument("--on", metavar="FLAVOUR", default=nodes, help="whose nodes: docker, vm, g5k-image …")
    parser.add_argument("--running", action="store_true", help="take the nodes that are ready; nothing is started")
    parser.add_argument("--down", action="store_true", help="stop or release the nodes afterwards")
    parser.add_argument("--dry-run", action="store_true", help="print the commands that would be run")
    return parser.parse_args(arguments)


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Have SIGTERM, which `timeout` and batch schedulers send, end a program as Ctrl-C does, with the exit code 143."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    own = os.getpid()

    def end(number: int, _: object) -> None:
        # What Ansible forks has this handler too, and nothing to undo.
        if os.getpid() != own:
            os._exit(128 + number)
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@_ended_by_sigterm()
def play(
    given: argparse.Namespace,
    up: Callable[[str], None],
    body: Callable[[Deployed], None],
    down: Callable[[str], None],
) -> int:
    """Bring the nodes up, hand them to ``body``, and with --down end them whatever came of it; gives the exit code.

    What ``body`` raises is raised, the nodes being ended.
    """
    try:
        flavour = choose(given.on)
    except NodesError as error:
        return _failed(error)
    code = 0
    try:
        if not given.running:
            up(flavour)
        if not given.dry_run:
            body(deployed(flavour))
    except NodesError as error:
        code = _failed(error)
    except KeyboardInterrupt:
        print("experiment.py: interrupted", file=sys.stderr)
        code = 130
    finally:
        if given.down:
            # What went wrong before matters more.
            try:
                down(flavour)
            except NodesError as error:
                code = max(code, _failed(error))
    return code


def _failed(error: NodesError) -> int:
    """Say what is wrong; gives the exit code."""
    print(f"experiment.py: {error}", file=sys.stderr)
    return 1
