"""The lock of all `run` scripts (templates/run/base.sh): one at a time, whatever dies and on whichever machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tools import need

PART = Path(__file__).parent.parent / "templates/run/base.sh"

# Whoever is inside makes a folder, which a second one cannot make. Every third ends as a process does that is killed.
ONE = """set -u
flavour=x dry= own=$1
. "$2"
lock
mkdir "$own/inside" || echo both >>"$own/wrong"
echo one >>"$own/times"
rmdir "$own/inside"
[ $(($3 % 3)) -ne 0 ] || kill -9 $$
"""

MANY = """one=$1 own=$2 part=$3
shift 3
turn=0
while [ "$turn" -lt 40 ]; do
    turn=$((turn + 1))
    "$@" -c "$one" one "$own" "$part" "$turn" 2>>"$own/said"
done
:
"""

SHELLS = [["dash"], ["busybox", "sh"], ["bash"]]


def one(shell: list[str], own: Path, turn: int = 1) -> subprocess.CompletedProcess[str]:
    """A run that takes the lock and gives it back."""
    words = [need(shell[0]), *shell[1:], "-c", ONE, "one", str(own), str(PART), str(turn)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
def test_never_two_at_once_while_some_are_killed(shell: list[str], tmp_path: Path) -> None:
    words = [need(shell[0]), *shell[1:]]
    many = [*words, "-c", MANY, "many", ONE, str(tmp_path), str(PART), *words]
    several = [subprocess.Popen(many, stderr=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait(240) for process in several] == [0] * 4
    assert not (tmp_path / "wrong").exists()
    assert (tmp_path / "times").read_text().count("one") > 3
    assert "removing the lock of process " in (tmp_path / "said").read_text()
    # Nothing is to be removed by hand.
    assert one(shell, tmp_path).returncode == 0
    assert not list(tmp_path.glob("lock.*"))


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
def test_a_run_on_another_machine_is_seen(shell: list[str], tmp_path: Path) -> None:
    """Two frontends have one home: a process of the other's cannot be looked for here."""
    own = tmp_path / "o[w]n *"
    own.mkdir()
    assert one(shell, own, 3).returncode == -9
    (here,) = own.glob("lock.*")
    assert here.name.endswith(f".{os.uname().nodename}")
    process = here.name.split(".")[1]
    there = here.rename(here.with_name(f"lock.{process}.1.fgrenoble-2.grenoble"))
    done = one(shell, own)
    assert (done.returncode, done.stderr) == (
        2,
        "x/run: another run is at work on this bundle "
        f"(process {process} on fgrenoble-2.grenoble); if it is gone, remove {there}\n",
    )
    assert list(own.glob("lock.*")) == [there]
    there.rename(here)
    done = one(shell, own)
    assert (done.returncode, done.stderr) == (0, f"removing the lock of process {process}, which is gone\n")
