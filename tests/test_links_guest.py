"""What links do to packets, measured in a guest: many a machine's own kernel lacks netem. See tests/guest/links."""

from __future__ import annotations

import fcntl
import math
import os
from pathlib import Path
from statistics import mean, median, quantiles

import pytest
from guests import HERE, boot
from nix_systems import make_bundle, of_bundle

from nxcc.resources import resource

pytestmark = pytest.mark.slow

MODULE = """[
  { to = [ "a" "b1" "b2" ]; delay = 40; jitter = 5; loss = 10; rate = 20000000; }
  { to = [ "d" ]; delay = 15.5; }
]"""
ARGUMENTS = "'20000000' 'delay 40ms 5ms loss 10% limit 1000' 'a b1 b2' '-' 'delay 15.500000ms limit 25833' 'd'"

# What the packets' way and ping itself take besides, in ms, at most: usually 0.3.
SLACK = 1


class Measured:
    """What the guest said in lines "@NAME VALUES"."""

    def __init__(self, console: list[str]) -> None:
        self.console = console
        self.values = dict(line[1:].partition(" ")[::2] for line in console if line.startswith("@"))

    def __getitem__(self, name: str) -> str:
        assert name in self.values, "\n".join(self.console[-40:])
        return self.values[name].strip()

    def trips(self, name: str) -> tuple[float, list[float]]:
        """The share of packets lost, and the round trips of the others in milliseconds."""
        sent, *times = map(float, self[name].split())
        assert times, f"{name}: no packet came back"
        return 1 - len(times) / sent, times

    def rate(self, name: str) -> float:
        """Mbit/s that arrived."""
        return mean(map(float, self[name].split()))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """A guest's life, below a minute; one for all workers of a run."""
    files = {
        "links.sh": (Path(resource("nix")) / "modules" / "links.sh").read_bytes(),
        "network": (HERE / "network").read_bytes(),
        "arguments": ARGUMENTS.encode(),
    }
    # links.nix gives it coreutils, getent, grep and iproute2; the rest is busybox.
    programs = ["ip", "tc", "getent", "grep", "cut", "sort", "rm", "mkdir", "sleep"]
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "guest"
    folder.mkdir(exist_ok=True)
    done = folder / "done"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            done.write_text("\n".join(boot(folder, HERE / "links", programs, files, timeout=240)))
    found = Measured(done.read_text().splitlines())
    assert found["end"] == "0", "\n".join(found.console[-40:])
    return found


def test_the_module_gives_these_arguments(tmp_path: Path) -> None:
    role = f"{{ imports = [ ./nix/modules/links.nix ]; nxcc.links = {MODULE}; }}"
    bundle = make_bundle(tmp_path / "bundle", f"_: {{ roles.a = {role}; }}")
    script = of_bundle(bundle, "bundle.systems.plain.a.config.systemd.services.nxcc-links.script")
    assert script.endswith(f"links.sh {ARGUMENTS}")


@pytest.mark.parametrize("name", ["b1", "b1-ipv6", "b2", "from-b1"])
def test_peers_are_reached_later_and_with_jitter(measured: Measured, name: str) -> None:
    # from-b1: what comes from the peer is delayed on neither way; the answers to it are, once.
    _, times = measured.trips(name)
    assert min(times) >= 35
    # Some wait for the guest's other programs.
    assert quantiles(times, n=20)[-1] <= 45 + SLACK
    # Evenly in between. The quartiles of 90 such numbers are within two of what they should be.
    first, middle, third = quantiles(times, n=4)
    assert first == pytest.approx(37.5, abs=2 + SLACK)
    assert middle == pytest.approx(40, abs=2 + SLACK)
    assert third == pytest.approx(42.5, abs=2 + SLACK)


def test_packets_are_lost(measured: Measured) -> None:
    lost, times = measured.trips("b1")
    # Five standard deviations of what 500 packets with a tenth lost have.
    assert abs(lost - 0.1) < 5 * math.sqrt(0.1 * 0.9 / 500), f"{len(times)} of 500"
    others = [measured.trips(name)[0] for name in ("b2", "b1-ipv6", "from-b1")]
    assert abs(mean(others) - 0.1) < 5 * math.sqrt(0.1 * 0.9 / 300)


@pytest.mark.parametrize("name", ["plain", "c", "c-ipv6", "b1-c", "itself", "stopped"])
def test_nothing_else_is_shaped(measured: Measured, name: str) -> None:
    lost, times = measured.trips(name)
    assert lost == 0
    assert median(times) < SLACK


def test_another_link_has_a_shape_of_its_own(measured: Measured) -> None:
    lost, times = measured.trips("d")
    assert lost == 0
    assert min(times) >= 15.5
    assert median(times) <= 15.5 + SLACK


def test_names_that_come_later_are_waited_for(measured: Measured) -> None:
    assert measured["early"].endswith("waiting for names: b2;")
    assert "10.0.0.3" not in measured["early"]
    assert sorted(measured["said"].split(";")[:-1]) == [
        *(f"shaped: 10.0.0.{number} on eth0" for number in (2, 3, 5)),
        *(f"shaped: fd00::{number} on eth0" for number in (2, 3, 5)),
        "waiting for names: b2",
    ]


def test_a_second_run_changes_nothing(measured: Measured) -> None:
    # Three queues, two classes, three addresses of one word and three of four: a difference would be text.
    assert measured["again"] == "20"


def test_stop_leaves_the_device_as_it_was(measured: Measured) -> None:
    assert measured["stopped-queues"] == "qdisc noqueue 0: root refcnt 2"


def test_peers_share_the_rate(measured: Measured) -> None:
    assert measured.rate("together") == pytest.approx(20, rel=0.15)
    assert measured.rate("alone") == pytest.approx(20, rel=0.15)


def test_the_rate_is_reached_by_single_packets(measured: Measured) -> None:
    # With tc's own burst, one packet, it is 47.
    assert measured.rate("packets") == pytest.approx(50, rel=0.04)


@pytest.mark.parametrize("name", ["to-c", "back"])
def test_the_rate_is_that_of_the_link_only(measured: Measured, name: str) -> None:
    assert measured.rate(name) > 60
