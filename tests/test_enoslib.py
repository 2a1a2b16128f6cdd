"""enoslib: the program that is written, and what it does with the real library on nodes that answer by ssh."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from experiments import SOURCE, Lab, library
from nix_systems import nixpkgs, of_bundle

from nxcc.resources import resource

if TYPE_CHECKING:
    from pathlib import Path

TOOLS = {
    "nxcc-ready": "exit 0",
    "uname": 'echo "I am $NODE"',
    # The links of these nodes are the test machine's own: what would shape them is only noted.
    "tc": """echo "$NODE tc $*" >>LOG
        [ "$*" != "qdisc show" ] || sed -n "s/^$NODE tc qdisc add .*\\(netem .*\\)/qdisc \\1/p" LOG""",
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
def lab(tmp_path: Path) -> Lab:
    return lab_of(tmp_path)


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
@pytest.mark.parametrize("subnet", ["127.0.0.0/8", "198.18.0.0/16"])
def test_enoslib_shapes_the_links_while_the_experiment_runs(subnet: str, tmp_path: Path) -> None:
    """In the environment's own network, and where nodes have other addresses, as on Grid'5000."""
    lab = lab_of(tmp_path, LINKED.replace("127.0.0.0/8", subnet))
    body = "def body(roles, networks):\n    open('log', 'a').write('body\\n')\nexperiment.main(body)\n"
    done = lab.play(lab.script("enoslib", MINE + body))
    assert done.returncode == 0, done.stdout + done.stderr
    log = (tmp_path / "log").read_text().splitlines()
    before, after = log[: log.index("body")], log[log.index("body") :]
    for node in ("client1", "client2"):
        of_node = [line for line in before if line.startswith(node)]
        assert of_node[0] == f"{node} systemctl stop nxcc-links.service"
        assert any("htb rate 100000kbit" in line for line in of_node)
        assert any("netem delay 10ms loss 0.5%" in line for line in of_node)
        assert of_node[-1] == f"{node} tc qdisc show"
        assert any("match ip dst 127.0.0.1 " in line for line in of_node)
        assert after[-1].endswith("systemctl start nxcc-links.service")
    assert not any(line.startswith("server") and "netem" in line for line in log)


@pytest.mark.slow
def test_links_that_enoslib_cannot_shape_are_not_left_unshaped(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, LINKED)
    (tmp_path / "nodes").write_text((tmp_path / "nodes").read_text().replace(" 127.0.0.1 ", " - "))
    done = lab.play(lab.script("enoslib", MINE + "sys.exit(experiment.main(lambda *_: print('ran')))\n"))
    assert (done.returncode, "ran" in done.stdout.splitlines()) == (1, False)
    said = "experiment.py: EnOSlib cannot shape links of client1, client2, server: no address of theirs is known"
    assert done.stderr.splitlines()[-1] == said
    # The nodes shape them as before.
    assert not (tmp_path / "log").exists()


@pytest.mark.slow
def test_an_experiment_without_its_links_is_none(tmp_path: Path) -> None:
    """A kernel may have no netem; EnOSlib does not see that tc fails."""
    lab = lab_of(tmp_path, LINKED)
    (tmp_path / "bin/tc").write_text(f'#!/bin/sh\necho "$NODE tc $*" >>{tmp_path}/log\n')
    done = lab.play(lab.script("enoslib", MINE + "sys.exit(experiment.main(lambda *_: print('ran')))\n"))
    assert (done.returncode, "ran" in done.stdout.splitlines()) == (1, False)
    refused = "experiment.py: the links of client1, client2 are not shaped: is there netem in the kernel"
    assert done.stderr.splitlines()[-1].startswith(refused)
    log = (tmp_path / "log").read_text().splitlines()
    for node in ("client1", "client2"):
        assert [line for line in log if line.startswith(node)][-1] == f"{node} systemctl start nxcc-links.service"


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

# The tests' folder is the last: it has a `grid5000` as well.
RESERVED = f"""
import os
sys.path.append({os.path.dirname(os.path.abspath(__file__))!r})
import grid5000_api
grid5000_api.install(os.environ["LAB"])
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
register)
    mkdir -p "$own/env"
    echo "ssh-ed25519 AAAA nxcc" >"$own/keys"
    for role in server client; do cp "$LAB/image" "$own/env/$role.registered"; done
    ;;
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


@pytest.fixture
def reserved(tmp_path: Path) -> Lab:
    """A bundle whose nodes EnOSlib reserves."""
    lab = lab_of(tmp_path, SOURCE + IMAGE)
    (lab.bundle / "g5k-image").mkdir()
    (lab.bundle / "g5k-image/run").write_text(RUN)
    (lab.bundle / "g5k-image/run").chmod(0o755)
    (tmp_path / "image").write_text("1\n")
    return lab


def reserve(lab: Lab, *words: str, text: str = RESERVED, code: int = 0) -> list[str]:
    """What an experiment on Grid'5000 has asked for, of the API and of `run`."""
    (lab.folder / "log").write_text("")
    done = lab.play(lab.script("enoslib", MINE + text), "--on", "g5k-image", *words)
    assert done.returncode == code, done.stdout + done.stderr
    return [line for line in (lab.folder / "log").read_text().splitlines() if line != "build"]


SERVER, CLIENT = "dahu-1.grenoble.grid5000.fr", ("dahu-2.grenoble.grid5000.fr", "dahu-3.grenoble.grid5000.fr")
WHO = [f"{SERVER} server", f"{CLIENT[0]} client1", f"{CLIENT[1]} client2"]
ENDED = ["delete lab-server", "delete lab-client", "down"]


def test_enoslib_deploys_and_run_provisions(reserved: Lab) -> None:
    dry = reserved.play(reserved.script("enoslib", MINE + RESERVED), "--on", "g5k-image", "--dry-run")
    assert "# EnOSlib: lab-server, lab-client" in dry.stdout.splitlines()
    assert not (reserved.folder / "log").exists()
    found = reserve(reserved, "--down")
    jobs = [re.sub(r"walltime=01:\d\d:\d\d", "walltime", line) for line in found[1:3]]
    provision = f"--nodes {reserved.state}/enoslib/hosts provision"
    assert [found[0], *jobs, *found[3:]] == [
        "register",
        "job lab-server {cluster='dahu'}/nodes=1,walltime production deploy night origin=enoslib_g5k",
        "job lab-client {cluster='dahu'}/nodes=2,walltime production deploy night origin=enoslib_g5k",
        f"deploy lab-server {SERVER}",
        f"deploy lab-client {' '.join(CLIENT)}",
        provision,
        *WHO,
        *ENDED,
    ]
    assert [phase for _, phase in reserved.phases("enoslib")] == ["build", "deploy", "provision", "run"]


def test_jobs_go_on_and_an_image_that_changed_is_deployed(reserved: Lab) -> None:
    reserve(reserved)
    provision = f"--nodes {reserved.state}/enoslib/hosts provision"
    assert reserve(reserved) == ["register", provision, *WHO]
    (reserved.folder / "image").write_text("2\n")
    deploys = [f"deploy lab-server {SERVER}", f"deploy lab-client {' '.join(CLIENT)}"]
    assert reserve(reserved) == ["register", *deploys, provision, *WHO]
    assert reserve(reserved) == ["register", provision, *WHO]
    # Jobs of an earlier program.
    assert reserve(reserved, "--running", "--down") == ENDED


def test_nodes_are_released_whatever_went_wrong(reserved: Lab) -> None:
    (reserved.bundle / "g5k-image/run").write_text(RUN.replace('cat "$2"', "exit 5; cat"))
    assert reserve(reserved, "--down", code=1)[-3:] == ENDED
    assert reserve(reserved, code=1)[-1] == f"--nodes {reserved.state}/enoslib/hosts provision"


@pytest.mark.parametrize(
    "more",
    ["cluster dahu", "register true", "register true; cluster dahu; vlan 3",
     'register true; cluster dahu; properties "memnode >= 96000"', "register true; cluster dahu; partition 4",
     "register true; cluster dahu; walltime 24h"],
)  # fmt: skip
def test_nodes_are_reserved_otherwise_where_enoslib_cannot(more: str, tmp_path: Path) -> None:
    assert constants(tmp_path, f"{SOURCE}flavour g5k-image {{ {more} }}\n")["G5K"] == {}


# EnOSlib checks what it is given.
SHAPED = """
import experiment
from enoslib.service.emul.htb import HTBConstraint

for link in experiment.LINKS:
    shape = {name: link[name] for name in ("delay", "rate", "loss")}
    experiment.en.NetemHTB().add_constraints([], [], **shape)
    print(*HTBConstraint(device="eth1", target="198.18.0.2", **shape).commands(0)[:2], sep="; ")
"""


def test_links_as_enoslib_writes_them(tmp_path: Path) -> None:
    library("enoslib")
    source = SOURCE + (
        "link client -> server { delay 0.5ms; rate 1gbit }\nlink server -> client { loss 1%; delay 2s }\n"
        "link client -> client { rate 0.1mbit; loss 0.0001% }\n"
        "link server -> server { delay 20ms; jitter 1.5ms; rate 1gbit }\n"
    )
    assert constants(tmp_path / "constants", source)["LINKS"] == [
        {"src": "client", "dest": "server", "delay": "0.5ms", "rate": "1000000kbit", "loss": None},
        {"src": "server", "dest": "client", "delay": "2000ms limit 1000000", "rate": "100gbit", "loss": "1%"},
        {"src": "client", "dest": "client", "delay": "0ms", "rate": "100kbit", "loss": "0.0001%"},
        # Twice the packets of 1500 bytes that fit into 21.5 ms at that rate, as nix/modules/links.nix has it.
        {"src": "server", "dest": "server", "delay": "20ms 1.5ms limit 3583", "rate": "1000000kbit", "loss": None},
    ]
    lab = Lab(tmp_path, source, "enoslib")
    done = lab.play(lab.script("enoslib", SHAPED))
    assert done.returncode == 0, done.stderr
    class_ = "tc class add dev eth1 parent 1: classid 1:1 htb rate"
    netem = "tc qdisc add dev eth1 parent 1:1 handle 10: netem delay"
    assert done.stdout.splitlines() == [
        f"{class_} 1000000kbit; {netem} 0.5ms",
        f"{class_} 100gbit; {netem} 2000ms limit 1000000 loss 1%",
        f"{class_} 100kbit; {netem} 0ms loss 0.0001%",
        f"{class_} 1000000kbit; {netem} 20ms 1.5ms limit 3583",
    ]
