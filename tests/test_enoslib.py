"""enoslib: the program that is written, and what it does with the real library on nodes that answer by ssh."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from experiments import SOURCE, Lab, library
from nix_systems import nixpkgs, of_bundle

from nxcc.resources import resource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOOLS = {
    "nxcc-ready": "exit 0",
    "uname": 'echo "I am $NODE"',
    # The links of these nodes are the test machine's own: what would shape them is only noted.
    "tc": 'echo "$NODE tc $*" >>LOG',
    "systemctl": 'echo "$NODE systemctl $*" >>LOG',
}

# The nodes have no NixOS, and this Python.
MINE = f"""
import enoslib as en
import experiment
experiment.PYTHON = {sys.executable!r}
"""

BODY = """
def body(roles, networks):
    for result in en.run_command("echo $NODE {{ inventory_hostname }}", roles=roles["client"]):
        print(result.stdout)
    with en.actions(roles=roles["server"]) as play:
        play.copy(content="by Ansible", dest="COPY", task_name="copy")
    assert str(networks["nodes"][0].network) == "127.0.0.0/8"

sys.exit(experiment.main(body))
"""

LINKED = (
    SOURCE
    + """
flavour enoslib { emulation enoslib; nodes vm }
link client -> server { delay 10ms; rate 100mbit; loss 0.5% }
"""
)


def lab_of(folder: Path, source: str = SOURCE) -> Lab:
    library("enoslib")
    made = Lab(folder, source, "enoslib")
    made.start({name: text.replace("LOG", str(folder / "log")) for name, text in TOOLS.items()})
    return made


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = lab_of(tmp_path)
    yield made
    made.stop()


def test_four_phases_on_real_nodes(lab: Lab) -> None:
    done = lab.play(lab.script("enoslib", MINE + "sys.exit(experiment.main())"), "--on", "vm", "--down")
    assert done.returncode == 0, done.stdout + done.stderr
    said = [line for line in done.stdout.splitlines() if ": I am " in line]
    assert sorted(said) == ["client1: I am client1", "client2: I am client2", "server: I am server"]
    phases = ["build", "deploy", "provision"] if shutil.which("nix-build") else ["deploy", "provision"]
    assert lab.phases("enoslib") == [*(("vm", phase) for phase in phases), ("enoslib", "run")]
    assert (lab.folder / "log").read_text() == "down\n"


def test_a_body_of_the_users(lab: Lab) -> None:
    text = MINE + BODY.replace("COPY", str(lab.folder / "copy"))
    (lab.state / "vm").mkdir(parents=True)
    up = {"LAB": str(lab.folder), "BASE": f"{resource('templates', 'run')}/base.sh"}
    subprocess.run([str(lab.bundle / "vm/run"), "up"], env={**os.environ, **up}, check=True)
    done = lab.play(lab.script("enoslib", text), "--running")
    assert lab.phases("enoslib") == [("enoslib", "run")]
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert {"client1 client1", "client2 client2"} <= set(lines)
    assert (lab.folder / "copy").read_text() == "by Ansible"


def test_a_node_that_fails_is_an_error(lab: Lab) -> None:
    (lab.folder / "bin/nxcc-ready").write_text('#!/bin/sh\n[ "$NODE" != client2 ]\n')
    done = lab.play(lab.script("enoslib", MINE + "sys.exit(experiment.main())"))
    assert done.returncode == 1
    assert "client2" in done.stdout + done.stderr
    assert lab.phases("enoslib")[-1] == ("enoslib", "run")


@pytest.mark.slow
def test_enoslib_shapes_the_links_while_the_experiment_runs(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, LINKED)
    try:
        body = "def body(roles, networks):\n    open('log', 'a').write('body\\n')\nexperiment.main(body)\n"
        done = lab.play(lab.script("enoslib", MINE + body))
    finally:
        lab.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    log = (tmp_path / "log").read_text().splitlines()
    before, after = log[: log.index("body")], log[log.index("body") :]
    for node in ("client1", "client2"):
        of_node = [line for line in before if line.startswith(node)]
        assert of_node[0] == f"{node} systemctl stop nxcc-links.service"
        assert any("htb rate 100000kbit" in line for line in of_node)
        assert any("netem delay 10ms loss 0.5%" in line for line in of_node)
        assert any("match ip dst 127.0.0.1 " in line for line in of_node)
        assert after[-1].endswith("systemctl start nxcc-links.service")
    assert not any(line.startswith("server") and "netem" in line for line in log)


# What the nodes have for Ansible


@pytest.mark.parametrize(
    ("more", "flavours", "there"),
    [("", ("enoslib",), True), ("flavour enoslib { python false }", ("enoslib",), False), ("", (), False)],
)
def test_nodes_have_the_python_that_ansible_runs(
    more: str, flavours: tuple[str, ...], there: bool, tmp_path: Path
) -> None:
    nixpkgs()
    bundle = Lab(tmp_path, SOURCE + more, *flavours).bundle
    bundle.rename(tmp_path / "bundle")
    has = "builtins.any (one: one.outPath == bundle.pkgs.python3.outPath)"
    found = of_bundle(
        tmp_path / "bundle",
        f"builtins.mapAttrs (_: roles: {has} roles.server.config.environment.systemPackages)"
        " { inherit (bundle.systems) vm docker plain; }",
    )
    assert found == {"vm": there, "docker": there, "plain": False}


# What Grid'5000 is asked for

IMAGE = "flavour g5k-image { register true; cluster dahu; walltime 90min; queue production; job-types night }\n"


def constants(folder: Path, source: str) -> dict[str, Any]:
    """The constants of the program of a source."""
    folder.mkdir(exist_ok=True)
    text = (Lab(folder, source, "enoslib").bundle / "enoslib/experiment.py").read_text()
    found: dict[str, Any] = {"Any": Any}
    exec(text.partition("# --- the environment")[2].partition("\n")[2].partition("# --- the same")[0], found)
    return found


def test_a_job_for_each_role_that_enoslib_takes(tmp_path: Path) -> None:
    made = constants(tmp_path, SOURCE + IMAGE)["G5K"]
    assert made["client"] == {
        "job_name": "lab-client",
        "job_type": ["deploy", "night"],
        "walltime": "01:30:00",
        "queue": "production",
        "env_name": "lab-client",
        "resources": {"machines": [{"roles": ["client"], "cluster": "dahu", "nodes": 2}]},
    }


VALID = """
import experiment
from enoslib.infra.enos_g5k import configuration
from enoslib.infra.enos_g5k.schema import SCHEMA_USER

configuration.get_cluster_site = lambda cluster: "grenoble"
for role, conf in experiment.G5K.items():
    experiment.en.G5kConf.validate({**conf, "key": "/x"}, SCHEMA_USER)
for role, conf in experiment.configurations().items():
    conf.finalize()
    print(role, conf.job_name, conf.env_name, conf.walltime, conf.key, [m.to_dict()["nodes"] for m in conf.machines])
"""

# What the network would do: a host for each node asked for, in another order than that of their names.
RESERVED = """
from enoslib.infra.enos_g5k import configuration
configuration.get_cluster_site = lambda cluster: "grenoble"
start = {"lab-server": 7, "lab-client": 3}

class Job:
    def __init__(self, conf):
        self.conf = conf
    def init(self):
        roles = en.Roles()
        for machine in self.conf.machines:
            hosts = [f"dahu-{start[self.conf.job_name] + n}.grenoble" for n in reversed(range(machine.nodes))]
            roles[machine.roles[0]] += [en.Host(host) for host in hosts]
        return roles, en.Networks()
    def destroy(self):
        open("log", "a").write(f"destroy {self.conf.job_name}\\n")

class Both(Job):
    def __init__(self, jobs):
        self.jobs = jobs
    def init(self):
        roles = en.Roles()
        for job in self.jobs:
            roles.extend(job.init()[0])
        return roles, en.Networks()
    def destroy(self):
        for job in self.jobs:
            job.destroy()

en.G5k, en.Providers = Job, Both
sys.exit(experiment.main())
"""

RUN = """#!/bin/sh
set -eu
flavour=g5k-image environment=lab dry=''
state=$(dirname "$0")/../../"it's a \\$bundle.state"
own=$state/g5k-image
mkdir -p "$own"
. "$BASE"
echo "$*" >>"$LAB/log"
case $* in
*provision)
    cat "$2" >>"$LAB/log"
    cp "$LAB/ssh_config" "$own/"
    tell_deployed <"$LAB/nodes"
    ;;
esac
"""


def test_real_configurations_of_what_is_reserved(tmp_path: Path) -> None:
    library("enoslib")
    lab = Lab(tmp_path, SOURCE + IMAGE, "enoslib")
    done = lab.play(lab.script("enoslib", VALID))
    assert done.returncode == 0, done.stderr
    key = f"{lab.state}/g5k-image/keys"
    assert done.stdout.splitlines() == [
        f"server lab-server lab-server 01:30:00 {key} [1]",
        f"client lab-client lab-client 01:30:00 {key} [2]",
    ]


def test_enoslib_deploys_and_run_provisions(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, SOURCE + IMAGE)
    (lab.bundle / "g5k-image").mkdir()
    (lab.bundle / "g5k-image/run").write_text(RUN)
    (lab.bundle / "g5k-image/run").chmod(0o755)
    try:
        script = lab.script("enoslib", MINE + RESERVED)
        dry = lab.play(script, "--on", "g5k-image", "--dry-run")
        assert not (tmp_path / "log").exists()
        done = lab.play(script, "--on", "g5k-image", "--down")
    finally:
        lab.stop()
    assert "# EnOSlib: lab-server, lab-client" in dry.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "log").read_text().splitlines() == [
        *(["build"] if shutil.which("nix-build") else []),
        "register",
        f"--nodes {lab.state}/enoslib/hosts provision",
        "dahu-7.grenoble server",
        "dahu-3.grenoble client1",
        "dahu-4.grenoble client2",
        "destroy lab-server",
        "destroy lab-client",
        "down",
    ]
    assert [phase for _, phase in lab.phases("enoslib")] == ["build", "deploy", "provision", "run"]


@pytest.mark.parametrize(
    "more",
    ["cluster dahu", "register true", "register true; cluster dahu; vlan 3",
     'register true; cluster dahu; properties "memnode >= 96000"', "register true; cluster dahu; partition 4"],
)  # fmt: skip
def test_nodes_are_reserved_otherwise_where_enoslib_cannot(more: str, tmp_path: Path) -> None:
    assert constants(tmp_path, f"{SOURCE}flavour g5k-image {{ {more} }}\n")["G5K"] == {}


def test_links_as_enoslib_writes_them(tmp_path: Path) -> None:
    source = SOURCE + (
        "link client -> server { delay 0.5ms; rate 1gbit }\nlink server -> client { loss 1%; delay 2s }\n"
    )
    assert constants(tmp_path, source)["LINKS"] == [
        {"src": "client", "dest": "server", "delay": "0.5ms", "rate": "1000000kbit", "loss": None},
        {"src": "server", "dest": "client", "delay": "2000ms", "rate": "100gbit", "loss": "1%"},
    ]
