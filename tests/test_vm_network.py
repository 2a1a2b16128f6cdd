"""The private network of the vm flavours, by two real QEMUs without guests: it never leaves this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import docker_environments as make
import pytest
from test_vm import options, run, up_with, write
from tools import need

if TYPE_CHECKING:
    from collections.abc import Iterator

ON_A_CABLE = Path(__file__).parent / "machine" / "cable.py"


@pytest.fixture
def netdev(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """What `up` has a QEMU of some version take for the network between the nodes."""
    folder = write(tmp_path / "b", make.environment("lab", make.role("a")))
    _, line = up_with(folder, tmp_path, request.param)
    yield next(word for word in options(line.split(), "-netdev") if word.endswith(",id=nodes"))
    assert run(folder / "run", "down").returncode == 0


@pytest.mark.parametrize("netdev", ["7.1.0", "7.2.0"], indirect=True)
@pytest.mark.parametrize("cable", [False, True])
def test_frames_stay_on_the_loopback_device(netdev: str, cable: bool) -> None:
    """Also where a default route leads out; without any, the nodes still reach each other; and nobody there gets in."""
    qemu = need("qemu-system-x86_64")
    need("ip")
    if netdev.startswith("dgram,") and "dgram" not in subprocess.getoutput(f"{qemu} -netdev help"):
        pytest.skip("this QEMU is older than 7.2")
    arguments = ["cable"] if cable else []
    done = subprocess.run(
        [need("unshare"), "-rn", sys.executable, str(ON_A_CABLE), qemu, netdev, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
