"""Twenty machines on the two processors of a small machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
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
    done = many.run("up", timeout=900)
    assert done.returncode == 0, done.stderr
    nodes = [f"web{number}" for number in range(1, 21)]
    assert many.states() == dict.fromkeys(nodes, "ready")
    assert many.on("web20", "hostname; ping -c 1 -W 5 web1 >/dev/null && echo reached").split() == ["web20", "reached"]
    many.succeed("down", "--grace", "0")
    assert many.processes() == {}
