"""EnOSlib on virtual machines that `run up` has started: the links that it shapes there in the place of the nodes.

The machines get the Python of the stand-in image of tests/docker, which is of the same Debian.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from clusters import times, within
from experiments import library, outcome, playing
from machines import Role
from tools import missing, need

if TYPE_CHECKING:
    from collections.abc import Callable

    from clusters import Bundle

pytestmark = pytest.mark.slow

SOURCE = """
environment wan "a client far from its server"
flavour enoslib { emulation enoslib }
role server { resources { memory 448MiB } }
role client { resources { memory 448MiB }; after server }
link client -> server { delay 900ms; jitter 10ms; rate 1gbit }
"""
# Not what the source says: what the nodes do by themselves is told by its delay.
ROLES = {"server": Role(), "client": Role(links=["-", "delay 300ms", "server"])}

BODY = """
import enoslib as en
import experiment

def body(roles, networks):
    said = en.run_command("tc qdisc show; ping -c 12 -i 0.3 server", roles=roles["client"])
    open("body", "w").write(said[0].stdout)

sys.exit(experiment.main(body))
"""

PYTHON = re.compile(
    r"\./usr/bin/python3|\./usr/lib/python3\.\d+(?!.*/(test|idlelib|lib2to3|ensurepip)/)"
    r"|\./usr/lib/x86_64-linux-gnu/lib(expat|ffi|z)\."
)


def python(folder: Path) -> Path:
    """An archive of a Python for machines of the fixture."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    image = Path(os.environ.get("NXCC_TEST_CACHE") or f"{cache}/nxcc-tests") / "standin.tar.gz"
    if not image.exists():
        missing("no stand-in image: run tests/docker/setup.sh")
    path = folder / "python.tar"
    with tarfile.open(image) as source, tarfile.open(path, "w") as made:
        for member in source:
            if PYTHON.match(member.name):
                made.addfile(member, source.extractfile(member) if member.isreg() else None)
    return path


def test_delays_that_enoslib_makes(cluster: Callable[..., Bundle], tmp_path: Path) -> None:
    library("enoslib")
    wan = cluster(SOURCE, ROLES, beside=("enoslib",))
    wan.succeed("up", timeout=900)
    archive = python(tmp_path)
    for node in ("server", "client"):
        with archive.open("rb") as file:
            unpack = "tar -xf - -C / && ln -s /usr/bin/python3 /usr/local/bin/"
            command = [need("ssh"), "-F", str(wan.state / "ssh_config"), node, unpack]
            subprocess.run(command, stdin=file, check=True, timeout=300)

    def by_themselves() -> bool:
        """Whether the nodes shape the link; other programs of this machine make trips longer, none shorter."""
        return within(120, lambda: 300 <= min(times(wan.on("client", "ping -c 12 -i 0.3 server"))) < 890)

    assert by_themselves()
    mine = tmp_path / "mine.py"
    mine.write_text(f"import sys\nsys.path.insert(0, {str(wan.folder / 'bundle/enoslib')!r})\n{BODY}")
    with playing(tmp_path, mine, "--running", NXCC_RESULT=str(wan.result)) as process:
        done = outcome(process, 1800)
    assert done.returncode == 0, done.stdout + done.stderr
    body = (tmp_path / "body").read_text()
    assert "limit 151666 delay 900ms  10ms" in body
    assert 890 <= min(times(body)) < 1780
    assert by_themselves()
    phases = json.loads((wan.state.parent / "enoslib/phases.json").read_text())
    assert [(entry["flavour"], entry["phase"]) for entry in phases] == [("enoslib", "run")]
