"""Docker engines for the tests: the machine's own, and one that sees cgroup v2; and bundles that are always removed.

As root. `tests/docker/setup.sh` installs what is needed and makes the stand-in image, a Debian with systemd that keeps
docs/flavours/docker.md's contract in the place of one that Nix builds.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from docker_engines import USER, Bundle, Engine
from tools import missing, need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nxcc.model.environment import Environment

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The machine's engine; started here, and stopped again, where none runs."""
    need("docker")
    made = Engine("unix:///var/run/docker.sock")
    daemon = None
    if not made.answers():
        with _log("dockerd") as log:
            daemon = subprocess.Popen([need("dockerd")], stdout=log, stderr=log, start_new_session=True)
        _wait_for(made, daemon)
    try:
        made.prepare(*_standin())
        yield made
    finally:
        if daemon:
            daemon.terminate()
            daemon.wait(timeout=300)


@pytest.fixture(scope="session")
def engine2(engine: Engine) -> Iterator[Engine]:
    """An engine that sees cgroup v2 only, in namespaces of its own; on a machine of cgroup v2, the machine's."""
    if engine.cgroup == 2:
        yield engine
        return
    folder = Path(tempfile.mkdtemp(prefix="nxcc-cgroup2-"))
    os.chmod(folder, 0o755)
    made = Engine(f"unix://{folder}/docker.sock")
    with _log("cgroup2") as log:
        daemon = subprocess.Popen(
            [need("unshare"), "-m", "-n", "--propagation", "private", os.path.join(HERE, "cgroup2.sh"), str(folder)],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_for(made, daemon)
        made.prepare(*_standin())
        assert made.cgroup == 2
        yield made
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=300)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def bundle(engine: Engine, tmp_path: Path) -> Iterator[Callable[..., Bundle]]:
    """Makes bundles of environments on the machine's engine; afterwards nothing of theirs is left."""
    made: list[Bundle] = []

    def new(environment: Environment, name: str = "bundle") -> Bundle:
        made.append(Bundle(engine, tmp_path / name, environment))
        return made[-1]

    yield new
    for one in made:
        one.run("down", "--all")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of USER's, whom pytest's own folders would not let in."""
    folder = Path(tempfile.mkdtemp(prefix="nxcc-docker-"))
    os.chown(folder, USER, USER)
    yield folder
    shutil.rmtree(folder)


def _log(name: str) -> Any:
    return open(os.path.join(tempfile.gettempdir(), f"nxcc-test-{name}.log"), "ab")


def _wait_for(engine: Engine, daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 300
    while not engine.answers():
        if daemon.poll() is not None or time.monotonic() > deadline:
            missing("dockerd does not start; its log is in the temporary folder (nxcc-test-*.log)")
        time.sleep(0.3)


def _standin() -> tuple[Path, str]:
    """The stand-in's archive and a tag that follows its content."""
    cache = os.environ.get("NXCC_TEST_CACHE")
    if not cache:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        cache = os.path.join(home, "nxcc-tests")
    archive = Path(cache, "standin.tar.gz")
    if not archive.exists():
        missing("no stand-in image: run tests/docker/setup.sh")
    return archive, Path(cache, "standin.stamp").read_text().split()[0]
