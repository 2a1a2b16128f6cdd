"""Links between two QEMU guests with Debian's kernel: what a sends to b through a network card. See tests/guest/pair.

Their clocks are this machine's, so that others who use it make packets later and fewer, never earlier and more: what is
asked for is far from what they do, and medians and lowest values are compared.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles

import pytest
from guests import HERE, boot
from nix_systems import make_bundle, of_bundle

from nxcc.resources import resource

pytestmark = pytest.mark.slow

MODULE = """[
  { to = [ "slow" ]; delay = 400; loss = 25; }
  { to = [ "narrow" ]; rate = 2000000; }
]"""
ARGUMENTS = "'-' 'delay 400ms loss 25% limit 666666' 'slow' '2000000' '-' 'narrow'"

# What the way through two emulated machines adds to a round trip, in ms: usually 2.
SLACK = 250


class Pair:
    """What the two guests said in lines "@NAME VALUES"."""

    def __init__(self, folder: Path) -> None:
        files = {
            "links.sh": (Path(resource("nix")) / "modules" / "links.sh").read_bytes(),
            "arguments": ARGUMENTS.encode(),
        }
        programs = ["ip", "tc", "getent", "grep", "cut", "sort", "rm", "mkdir", "sleep"]

        def guest(node: str, peer: str) -> list[str]:
            own = folder / node
            own.mkdir()
            # Datagrams over a path: no ports, and whoever comes second finds the first.
            network = f"dgram,id=net,local.type=unix,local.path={folder / node}.net"
            network += f",remote.type=unix,remote.path={folder / peer}.net"
            card = f"e1000,netdev=net,mac=52:54:00:00:00:0{node}"
            options = ["-netdev", network, "-device", card]
            return boot(own, HERE / "pair", programs, files, 300, options, f"node={node}", clock=["-accel", "tcg"])

        with ThreadPoolExecutor() as pool:
            consoles = [*pool.map(guest, "ab", "ba")]
        self.console = "\n".join("\n".join(console[-40:]) for console in consoles)
        self.values = dict(
            line[1:].partition(" ")[::2] for console in consoles for line in console if line.startswith("@")
        )
        assert all("@end 0" in console for console in consoles), self.console

    def trips(self, name: str) -> tuple[float, list[float]]:
        """The share of packets lost, and the round trips of the others in milliseconds, the shortest first."""
        sent, *times = map(float, self[name].split())
        assert times, f"{name}: no packet came back"
        return 1 - len(times) / sent, sorted(times)

    def rate(self, name: str) -> float:
        """Mbit/s that arrived at b by its own clock."""
        start, before, end, after = map(float, self[name].split())
        return (after - before) * 8 / (end - start) / 1e6

    def __getitem__(self, name: str) -> str:
        assert name in self.values, self.console
        return self.values[name]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Their life, a minute or two."""
    return Pair(tmp_path_factory.mktemp("pair"))


def test_the_module_gives_these_arguments(tmp_path: Path) -> None:
    role = f"{{ imports = [ ./nix/modules/links.nix ]; nxcc.links = {MODULE}; }}"
    bundle = make_bundle(tmp_path / "bundle", f"_: {{ roles.a = {role}; }}")
    script = of_bundle(bundle, "bundle.systems.plain.a.config.systemd.services.nxcc-links.script")
    assert script.endswith(f"links.sh {ARGUMENTS}")


def test_packets_arrive_later(pair: Pair) -> None:
    _, times = pair.trips("slow")
    assert times[0] >= 400, "earlier than the link lets them"
    plain, _, _ = quantiles(pair.trips("plain")[1], n=4)
    first, _, _ = quantiles(times, n=4)
    # Once, on the way there, not on the way back.
    assert 400 <= first < 400 + plain + SLACK


def test_packets_are_lost(pair: Pair) -> None:
    lost, times = pair.trips("slow")
    # Five standard deviations of what 400 packets with a quarter lost have.
    assert abs(lost - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 400), f"{len(times)} of 400"


@pytest.mark.parametrize("name", ["plain", "narrow", "free", "stopped"])
def test_nothing_else_is_delayed_or_lost(pair: Pair, name: str) -> None:
    lost, times = pair.trips(name)
    assert lost <= 0.02
    assert quantiles(times, n=4)[0] < SLACK


def test_the_rate_is_that_of_the_link(pair: Pair) -> None:
    # More than asked for never arrives but for what is under way; less does, where the sender is held up.
    assert 1.0 < pair.rate("rate") < 2.3


@pytest.mark.parametrize("name", ["plain-rate", "free-rate", "stopped-rate"])
def test_the_rate_is_that_of_the_link_only(pair: Pair, name: str) -> None:
    assert pair.rate(name) > 5
