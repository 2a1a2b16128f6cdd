"""The flavour vm: a machine whose system lies in this machine's own store, shared over 9p."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from clusters import within
from machines import Role
from tools import need

if TYPE_CHECKING:
    from collections.abc import Callable

    from clusters import Bundle

pytestmark = pytest.mark.slow

SOURCE = """
environment stored
role web { resources { memory 384MiB } }
"""


def test_store(cluster: Callable[..., Bundle]) -> None:
    """It boots what the store has, reads it, and cannot write it."""
    need("nix-store")
    stored = cluster(SOURCE, {"web": Role()}, flavour="vm")
    system = os.readlink(stored.result / "roles" / "web" / "system")
    try:
        stored.succeed("up", timeout=1000)
        assert within(120, lambda: stored.states() == {"web": "ready"})
        assert stored.on("web", "hostname; readlink /run/current-system").split() == ["web", system]
        assert stored.on("web", f"cat {system}/init") == "#!/bin/sh\nexec /lib/systemd/systemd"
        assert stored.on("web", "grep -c '^nix-store /nix/store 9p ro,' /proc/mounts") == "1"
        assert stored.run("ssh", "web", f"touch {system}/here").returncode != 0
        stored.succeed("down", "--grace", "0")
        assert not os.path.exists(f"{system}/here")
    finally:
        stored.run("down", "--grace", "0")
        subprocess.run(["nix-store", "--delete", system], check=False, capture_output=True, timeout=60)
