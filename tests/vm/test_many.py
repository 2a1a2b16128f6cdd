"""Twenty machines on the two processors of a small machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from clusters import within
from machines import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from clusters import Bundle

pytestmark = pytest.mark.slow

SOURCE = """
environment many
role web[20] { resources { memory 160MiB } }
"""


def test_twenty(cluster: Callable[..., Bundle]) -> None:
    """All become ready, each with its own name, and the last reaches the first."""
    many = cluster(SOURCE, {"web": Role()}, tiny=True)
    done = many.run("up", "--timeout", "1800", timeout=2000)
    assert done.returncode == 0, done.stderr
    nodes = [f"web{number}" for number in range(1, 21)]
    assert within(300, lambda: many.states() == dict.fromkeys(nodes, "ready"))
    # busybox's ping sends as often as it is told, whatever comes back.
    reach = "until ping -c 1 -W 5 web1 >/dev/null; do :; done; echo reached"
    assert many.on("web20", f"hostname; {reach}").split() == ["web20", "reached"]
    many.succeed("down", "--grace", "0")
    assert many.processes() == {}
