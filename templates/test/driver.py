"""Runs an environment's test scripts against its live nodes: ``python3 driver.py --run DIR/FLAVOUR/run [--name NAME]``.

A script finds what NixOS's test driver gives it (nixos/lib/test-driver of nixpkgs, 20.09 to 26.05), and a variable for
each node. What it copies from nodes goes to ``$out``, DIR.state/FLAVOUR/test/NAME. Python 3.8 and its standard library.

Exit: 0 passed, 1 failed, 2 wrong usage or something is missing on this machine, 130 interrupted.
"""
# ruff: noqa: E402

from __future__ import annotations

import sys

# Beside this file lie the scripts, under names such as json.py: nothing is imported from there, and nothing written.
if not getattr(sys.flags, "safe_path", False):
    del sys.path[0]
sys.path.insert(0, f"{__file__.rpartition('/')[0] or '.'}/lib")
sys.dont_write_bytecode = True

import argparse
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import traceback
import unittest
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

from channel import MachineError, RequestedAssertionFailed, Run, retry
from nodes import Machine

SHOWN = 200
"""Lines of a message that the log has at most: the first and the last ones."""


def file_name(name: str) -> str:
    """The file of a test in this folder; the one without a name is "test.py"."""
    if not name:
        return "test.py"
    if len(name.encode()) > 100:
        return f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.py"
    kept = "".join(c if c.isprintable() and c not in '/\\%:*?"<>|' else f"%{ord(c):02x}" for c in name)
    # A name of its own: no hidden file, and none that is there already.
    if name in ("test", "driver") or kept.startswith((".", " ", "-")):
        kept = f"%{ord(name[0]):02x}{kept[1:]}"
    return f"{kept}.py"


class Log:
    """What the driver says, on stderr."""

    def log(self, message: str, attributes: dict[str, str] | None = None) -> None:
        """Say something."""
        lines = message.rstrip("\n").split("\n")
        if len(lines) > SHOWN:
            half = SHOWN // 2
            lines[half:-half] = [f"… {len(lines) - 2 * half} lines …"]
        text = "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in "\n".join(lines))
        sys.stdout.flush()
        sys.stderr.write(text.encode("utf-8", "replace").decode(sys.stderr.encoding or "ascii", "replace") + "\n")
        sys.stderr.flush()

    info = warning = error = log_test_error = log

    @contextlib.contextmanager
    def nested(self, message: str, attributes: dict[str, str] | None = None) -> Iterator[None]:
        """Say something, and afterwards how long it took."""
        self.log(message)
        start = time.monotonic()
        yield
        self.log(f"({message.splitlines()[0] if message else ''}: {time.monotonic() - start:.2f} s)")


class Debug:
    """``debug`` of a script that nobody debugs."""

    def breakpoint(self, *_: Any) -> None:
        """Do nothing."""


class Assertions(unittest.TestCase):
    """``t`` of a script: unittest's assertions."""

    failureException = RequestedAssertionFailed


class PollingCondition:
    """A condition of a script's that must hold while its context is open."""

    def __init__(self, driver: Driver, fun: Callable[[], Any], interval: float, description: str | None) -> None:
        self.driver, self.fun, self.interval = driver, fun, interval
        self.description = description or fun.__doc__ or fun.__name__
        self.checked = float("-inf")
        self.checking = False

    def __enter__(self) -> None:
        self.driver.conditions.append(self)

    def __exit__(self, *_: Any) -> None:
        self.driver.conditions.remove(self)

    def holds(self) -> bool:
        """Whether it holds now; it does, too, while it is being asked, for it asks nodes itself."""
        if self.checking:
            return True
        self.checking = True
        try:
            found = self.fun()
            return found is None or bool(found)
        except Exception:
            return False
        finally:
            self.checking = False
            self.checked = time.monotonic()

    def maybe_raise(self) -> None:
        """RequestedAssertionFailed where it does not hold; asked no more often than its interval says."""
        if time.monotonic() - self.checked >= self.interval and not self.holds():
            raise RequestedAssertionFailed(f"polling condition failed: {self.description}")

    def wait(self, timeout: float = 900) -> None:
        """Wait until it holds."""
        with self.driver.log.nested(f"waiting for {self.description}"):
            retry(lambda _: self.holds(), timeout)


class Several:
    """``machine`` where there are several nodes."""

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def __getattr__(self, name: str) -> NoReturn:
        raise MachineError(f"machine: there are {len(self._names)} nodes: {', '.join(self._names)}")


class Driver:
    """Runs the script ``text``, which is shown under the name ``file``, against the nodes called ``names``."""

    def __init__(self, run: Run, names: list[str], text: str, file: str, out: str, keep_going: bool = False) -> None:
        self.log = Log()
        self.text, self.file, self.keep_going = text, file, keep_going
        self.subtests: list[tuple[str, float, bool]] = []
        self.conditions: list[PollingCondition] = []
        self.machines = [Machine(name, run, out, self) for name in names]

    # ---------------------------------------------------------------- what scripts see

    def symbols(self) -> dict[str, Any]:
        """The names that a script finds; its nodes last, which hide nothing: the compiler refuses such names."""
        found: dict[str, Any] = {
            "__name__": "__main__",
            **{name: getattr(self, name) for name in ("start_all", "join_all", "subtest", "machines", "log")},
            **{name: getattr(self, name) for name in ("polling_condition", "create_machine", "dump_machine_ssh")},
            **dict.fromkeys(["run_tests", "test_script"], self.test_script),
            **dict.fromkeys(["serial_stdout_on", "serial_stdout_off"], self.serial_stdout),
            **dict.fromkeys(["Machine", "BaseMachine", "QemuMachine", "NspawnMachine"], Machine),
            "machines_qemu": self.machines,
            "machines_nspawn": [],
            "vlans": [],
            "driver": self,
            "os": os,
            "retry": retry,
            "t": Assertions(),
            "debug": Debug(),
        }
        names = [machine.name for machine in self.machines]
        found["machine"] = self.machines[0] if len(names) == 1 else Several(names)
        found.update((machine.name.replace("-", "_"), machine) for machine in self.machines)
        return found

    def start_all(self) -> None:
        """Start every node that does not run, all at once."""
        with self.log.nested("starting all nodes"), ThreadPoolExecutor(8) as pool:
            if not all(pool.map(Machine.is_up, self.machines)):
                status, _, _ = self.machines[0].run("up", shown=True)
                lacking = [machine.name for machine in self.machines if not machine.is_up()]
                if status != 0 or lacking:
                    raise MachineError(f"not all nodes started: `run up` exits {status}: {', '.join(lacking)}")

    def join_all(self) -> None:
        """Wait until no node runs."""
        for machine in self.machines:
            machine.wait_for_shutdown()

    @contextlib.contextmanager
    def subtest(self, name: str) -> Iterator[None]:
        """A named part of the script."""
        start, passed = time.monotonic(), False
        try:
            with self.log.nested(f"subtest: {name}"):
                yield
            passed = True
        except Exception as error:
            self.log.log(f'Test "{name}" failed with error: "{error}"')
            if not self.keep_going:
                raise
            self.tell(error)
        finally:
            self.subtests.append((name, time.monotonic() - start, passed))

    def polling_condition(
        self,
        fun_: Callable[[], Any] | None = None,
        *,
        seconds_interval: float = 2.0,
        description: str | None = None,
    ) -> Any:
        """Makes a context of a function: while it is open, the function must not be false."""

        def make(fun: Callable[[], Any]) -> PollingCondition:
            return PollingCondition(self, fun, seconds_interval, description)

        return make if fun_ is None else make(fun_)

    def check_polling_conditions(self) -> None:
        """RequestedAssertionFailed where a condition of an open context does not hold."""
        for condition in self.conditions:
            condition.maybe_raise()

    def create_machine(self, *_: Any, **__: Any) -> NoReturn:
        """No: the nodes are those of the environment."""
        raise MachineError("create_machine: the nodes are those of the environment, and it cannot get more")

    def test_script(self) -> NoReturn:
        """No: that is what runs."""
        raise MachineError("run_tests, test_script: the script is running already")

    def serial_stdout(self) -> None:
        """Nothing: consoles are not shown."""

    def dump_machine_ssh(self, offset: int = 0) -> None:
        """Say how to reach each node by hand."""
        for machine in self.machines:
            self.log.log(f"    {machine.name}:  {machine.run.path} ssh {machine.name}")

    # ---------------------------------------------------------------- running it

    def main(self) -> int:
        """Run the script; the exit code."""
        start = time.monotonic()
        code = 0
        try:
            exec(compile(self.text, self.file, "exec", dont_inherit=True), self.symbols())
        except KeyboardInterrupt as error:
            self.tell(error)
            code = 130
        except SystemExit as error:
            if error.code not in (None, 0):
                self.tell(error)
                code = 1
        except BaseException as error:
            self.tell(error)
            code = 1
        if not all(passed for _, _, passed in self.subtests):
            code = code or 1
        said = {0: "passed", 130: "interrupted"}.get(code, "FAILED")
        for name, seconds, passed in self.subtests:
            self.log.log(f"  {'ok' if passed else 'FAILED':6} {seconds:8.2f} s  {name}")
        self.log.log(f"{self.file} {said} after {time.monotonic() - start:.2f} s")
        return code

    def tell(self, error: BaseException) -> None:
        """Say what went wrong, and in which lines of the script: those of the driver mean nothing to its author."""
        lines = self.text.split("\n")
        if isinstance(error, SyntaxError) and error.filename == self.file:
            calls = [(error.lineno or 1, "")]
        else:
            calls = [
                (f.lineno or 1, f.name) for f in traceback.extract_tb(error.__traceback__) if f.filename == self.file
            ]
        for number, function in calls:
            where = f", in {function}" if function not in ("", "<module>") else ""
            self.log.log(f"{self.file}:{number}{where}: {lines[number - 1].strip()}")
        if os.environ.get("NXCC_DEBUG") == "1":
            self.log.log("".join(traceback.format_exception(type(error), error, error.__traceback__)))
        said = str(error.msg if isinstance(error, SyntaxError) else error)
        kind = type(error).__name__
        plain = isinstance(error, (RequestedAssertionFailed, MachineError, KeyboardInterrupt))
        self.log.log(("interrupted" if isinstance(error, KeyboardInterrupt) else said) if plain else f"{kind}: {said}")


# What the compiler puts for the parts of a script that it does not know. "@nxcc:@" is a text that looks like one.
MARK = re.compile("@nxcc:(flavour|bundle|nix|)@")


def script_text(bundle: str, flavour: str, name: str) -> str:
    """The text of a test; where parts of it are known to Nix alone, Nix tells it. ValueError says why it cannot."""
    with open(os.path.join(bundle, "test", file_name(name)), encoding="utf-8") as file:
        text = file.read()
    if not any(found == "nix" for found in MARK.findall(text)):
        known = {"flavour": flavour, "bundle": bundle, "": "@nxcc:"}
        return MARK.sub(lambda found: known[found[1]], text)
    if not shutil.which("nix-instantiate"):
        raise ValueError("parts of this test are known to Nix alone (${pkgs.…}), which is not here: nix-instantiate")
    expression = (
        "{ bundle, flavour, name }: with (import (/. + bundle) { }).tests.${flavour};"
        ' if name == "" then script else scripts.${name}'
    )
    command = ["nix-instantiate", "--eval", "--strict", "--json", "-E", expression]
    for word, value in (("bundle", bundle), ("flavour", flavour), ("name", name)):
        command += ["--argstr", word, value]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise ValueError("Nix cannot tell the text of this test: see above")
    found = json.loads(done.stdout)
    assert isinstance(found, str)
    return found


def refuse(message: str) -> NoReturn:
    """Say what is wrong, and exit with 2."""
    print(f"test/driver.py: {message}", file=sys.stderr)
    sys.exit(2)


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(description="Run an environment's test script against its live nodes.")
    parser.add_argument("--run", required=True, metavar="PATH", help="the `run` of the flavour whose nodes these are")
    parser.add_argument("--name", metavar="NAME", help="which test (default: the one without a name, or the first)")
    parser.add_argument(
        "--keep-going", choices=["no", "yes"], default="no", help="go on after a subtest that failed (default: no)"
    )
    given = parser.parse_args()
    run = os.path.abspath(given.run)
    flavour = os.path.basename(os.path.dirname(run))
    bundle = os.path.dirname(os.path.dirname(run))
    with open(os.path.join(bundle, "environment.json"), encoding="utf-8") as file:
        environment = json.load(file)
    tests = environment["tests"]
    if not tests:
        refuse("this environment declares no test")
    name = given.name if given.name is not None else "" if "" in tests else tests[0]
    if name not in tests and name == "test":
        name = ""
    if name not in tests:
        refuse(f"no test is called {name}; there are: {', '.join(one or 'test' for one in tests)}")
    try:
        text = script_text(bundle, flavour, name)
    except (OSError, ValueError) as error:
        refuse(str(error))
    script = file_name(name)
    out = os.path.join(f"{bundle}.state", flavour, "test", script[: -len(".py")])
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out, mode=0o700)
    os.environ["out"] = out  # noqa: SIM112, it is what derivations have
    names = [node["name"] for node in environment["nodes"]]
    # What ends a process by itself would leave what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit("ended by a signal"))
    return Driver(Run(run), names, text, f"test/{script}", out, given.keep_going == "yes").main()


if __name__ == "__main__":
    sys.exit(main())
