"""EnOSlib and Execo on real containers, which `run up` of the docker flavour has started."""

from __future__ import annotations

import json
import os
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import docker_environments as make
import pytest
from clusters import times, within
from docker_engines import Bundle
from experiments import library, outcome, playing
from test_schemas import errors

from nxcc.emit.description import description
from nxcc.flavours import find
from nxcc.model.environment import Settings
from nxcc.resources import resource

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from nxcc.model.environment import Environment

pytestmark = pytest.mark.docker

# What a NixOS has, for the stand-in.
LIKE_NIXOS = (
    "mkdir -p /run/current-system/sw/bin; ln -sf /usr/bin/python3 /run/current-system/sw/bin/;"
    " printf '#!/bin/sh\\nsystemctl is-active -q multi-user.target\\n' >/usr/local/bin/nxcc-ready;"
    " chmod +x /usr/local/bin/nxcc-ready"
)

ENOSLIB = """
import enoslib as en
import experiment

def body(roles, networks):
    experiment_default(roles, networks)
    with en.actions(roles=roles["agent"]) as play:
        play.copy(content="by Ansible", dest="/etc/copied", task_name="copy")

experiment_default = experiment.body
sys.exit(experiment.main(body))
"""


def with_programs(bundle: Bundle) -> Bundle:
    """The bundle, with the orchestrators' files and what they read."""
    (bundle.folder / "environment.json").write_text(description(bundle.made))
    for name in ("enoslib", "execo"):
        flavour = find(name)
        assert flavour
        for file in flavour.plan(bundle.made):
            path = bundle.folder / file.path
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(file.content)
            os.chmod(path, 0o755 if file.executable else 0o644)
    return bundle


def play(bundle: Bundle, folder: Path, program: Path, *words: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """A program that finds the bundle's engine."""
    variables = {name: value for name, value in bundle.engine.environment().items() if name != "HOME"}
    return playing(folder, program, *words, **{**variables, **bundle.images})


def script(bundle: Bundle, folder: Path, flavour: str, text: str) -> Path:
    """A program of a user's, which finds ``experiment``."""
    path = folder / f"with-{flavour}.py"
    path.write_text(f"import sys\nsys.path.insert(0, {str(bundle.folder / flavour)!r})\n{text}")
    return path


def test_roles_of_containers(bundle: Callable[[Environment], Bundle], tmp_path: Path) -> None:
    library("enoslib")
    library("execo")
    made = make.environment("lab", make.role("server"), make.role("agent", 2, after=(make.after("server"),)))
    lab = with_programs(bundle(made))
    lab.up()
    data = json.loads((lab.state / "docker/deployed.json").read_text())
    assert errors("deployed", data) == []
    assert [(node["name"], node["role"]) for node in data["nodes"]] == [
        ("server", "server"),
        ("agent1", "agent"),
        ("agent2", "agent"),
    ]
    for node in data["nodes"]:
        assert lab.engine.docker("inspect", "--format", "{{.Config.Hostname}}", node["container"]) == node["name"]
        assert lab.ssh(node["name"], "hostname -I").split()[0] == node["address"]
        lab.ssh(node["name"], LIKE_NIXOS)

    with play(lab, tmp_path, script(lab, tmp_path, "enoslib", ENOSLIB), "--running") as process:
        done = outcome(process)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = sorted(" ".join(line.split()[:2]) for line in done.stdout.splitlines() if ": " in line)
    assert [line for line in lines if line.split(": ")[0] in ("server", "agent1", "agent2")] == [
        "agent1: agent1",
        "agent2: agent2",
        "server: server",
    ]
    assert [lab.ssh(node, "cat /etc/copied") for node in ("agent1", "agent2")] == ["by Ansible"] * 2

    with play(lab, tmp_path, lab.folder / "execo/experiment.py", "--running", "--down") as process:
        done = outcome(process)
    assert done.returncode == 0, done.stdout + done.stderr
    found = [" ".join(line.split()[:2]) for line in done.stdout.splitlines() if ": " in line]
    assert found == ["server: server", "agent1: agent1", "agent2: agent2"]
    assert not (lab.state / "docker/deployed.json").exists()


# What nix/modules/links.nix gives a node, with a link of its own: a rate, which every kernel of these tests has.
LINKS_UNIT = """[Service]
Type=simple
RemainAfterExit=yes
ExecStart=/bin/sh /usr/local/sbin/links.sh 20000000 - server
ExecStop=/bin/sh /usr/local/sbin/links.sh stop
"""

PING = """
import enoslib as en
import experiment

def body(roles, networks):
    for result in en.run_command("ping -c 5 server", roles=roles["agent"]):
        open(result.host, "w").write(result.stdout)

sys.exit(experiment.main(body))
"""


def test_links_that_enoslib_shapes(bundle: Callable[[Environment], Bundle], tmp_path: Path) -> None:
    """Where the kernel can delay packets they are delayed, where it cannot there is no experiment."""
    library("enoslib")
    made = make.environment(
        "far",
        make.role("server"),
        make.role("agent", 2, after=(make.after("server"),)),
        links=(make.link("agent", "server", delay=400),),
        settings=(Settings("enoslib", (("emulation", ("enoslib",), make.SPAN),), make.SPAN),),
    )
    lab = with_programs(bundle(made))
    able = "this kernel has no netem" not in lab.run("up", "--timeout", "120").stderr
    lab.up("--ignore-links")
    own = (Path(resource("nix")) / "modules/links.sh").read_text()
    lab.ssh("server", LIKE_NIXOS)
    for agent in ("agent1", "agent2"):
        lab.ssh(agent, f"{LIKE_NIXOS}; printf %s {shlex.quote(own)} >/usr/local/sbin/links.sh")
        lab.ssh(agent, f"printf %s {shlex.quote(LINKS_UNIT)} >/etc/systemd/system/nxcc-links.service")
        lab.ssh(agent, "systemctl daemon-reload; systemctl start nxcc-links")
    with play(lab, tmp_path, script(lab, tmp_path, "enoslib", PING), "--running") as process:
        done = outcome(process)
    found = [
        min(times((tmp_path / agent).read_text())) for agent in ("agent1", "agent2") if (tmp_path / agent).exists()
    ]
    if able:
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(found) == 2
        assert all(400 <= trip < 800 for trip in found)
    else:
        assert (done.returncode, found) == (1, []), done.stdout + done.stderr
        assert done.stderr.splitlines()[-1].startswith("experiment.py: the links of agent1, agent2 are not shaped")
    # The nodes shape them again, with their own class.
    for agent in ("agent1", "agent2"):
        assert within(60, lambda agent=agent: "htb 1:10 root" in lab.ssh(agent, "tc class show dev eth0"))  # type: ignore[misc]


# The image is not one that Nix builds.
WAITS = {
    "enoslib": """
import enoslib as en
import experiment
import nxcc_nodes

nxcc_nodes.build = lambda *_: None

def body(roles, networks):
    en.run_command("touch /run/begun; sleep 1000", roles=roles["agent"])

sys.exit(experiment.main(body))
""",
    "execo": """
import execo
import experiment
import nxcc_nodes

nxcc_nodes.build = lambda *_: None

def body(roles):
    execo.Remote("touch /run/begun; sleep 1000", roles["agent"]).run()

sys.exit(experiment.main(body))
""",
}


@pytest.mark.parametrize("flavour", ["enoslib", "execo"])
def test_interrupts(flavour: str, bundle: Callable[[Environment], Bundle], tmp_path: Path) -> None:
    """Ctrl-C while nodes start and in the middle of the experiment, then SIGTERM: --down leaves nothing."""
    library(flavour)
    lab = with_programs(bundle(make.environment("lab", make.role("server"), make.role("agent"))))
    waits = script(lab, tmp_path, flavour, WAITS[flavour])

    def begun() -> bool:
        return lab.run("ssh", "agent", "test -e /run/begun").returncode == 0

    def interrupted(*words: str, when: Callable[[], bool]) -> None:
        with play(lab, tmp_path, waits, *words) as process:
            assert within(240, lambda: when() or process.poll() is not None)
            assert process.poll() is None, outcome(process)
            os.killpg(process.pid, signal.SIGINT)
            done = outcome(process)
        assert (done.returncode, "experiment.py: interrupted" in done.stderr.splitlines()) == (130, True), done.stderr

    project = lab.state / "docker/project"
    interrupted(
        when=lambda: project.exists() and bool(lab.engine.docker("ps", "-q", "--filter", f"name={lab.project}"))
    )
    assert not list((lab.state / "docker").glob("lock*"))
    lab.up()
    lab.ssh("agent", LIKE_NIXOS)
    interrupted("--running", when=begun)
    # Nothing tells the nodes: what began there goes on.
    assert lab.ssh("agent", "pidof sleep")
    lab.ssh("agent", "rm /run/begun")
    name = lab.project
    with play(lab, tmp_path, waits, "--running", "--down") as process:
        assert within(240, lambda: begun() or process.poll() is not None)
        process.terminate()
        done = outcome(process)
    assert done.returncode == 143, done.stdout + done.stderr
    assert not lab.left(name)
    assert not (lab.state / "docker/deployed.json").exists()
