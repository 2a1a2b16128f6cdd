"""execo: the program that is written, and what it does with the real library on nodes that answer by ssh."""

from __future__ import annotations

import json
import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest
from clusters import within
from experiments import SOURCE, Lab, library, outcome, playing

if TYPE_CHECKING:
    from pathlib import Path

READY = {"nxcc-ready": "exit 0", "uname": 'echo "I am $NODE"'}

BODY = """
import execo, experiment

def body(roles):
    assert {role: [host.address for host in hosts] for role, hosts in roles.items()} == {
        "server": ["server"], "client": ["client1", "client2"]}
    said = execo.Remote("echo $NODE", roles["client"]).run()
    print([process.stdout.strip() for process in said.processes])
    execo.Put(roles["server"], ["mine.py"], "GOT").run()

sys.exit(experiment.main(body))
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    library("execo")
    made = Lab(tmp_path, SOURCE, "execo")
    made.start(READY)
    return made


def test_four_phases_on_real_nodes(lab: Lab) -> None:
    done = lab.play(lab.bundle / "execo/experiment.py", "--on", "vm")
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["client1: I am client1", "client2: I am client2", "server: I am server"]
    phases = ["build", "deploy", "provision"] if shutil.which("nix-build") else ["deploy", "provision"]
    expected = [*(("vm", phase) for phase in phases), ("execo", "run")]
    assert lab.phases("execo") == expected
    # The times of each experiment are its own.
    assert lab.play(lab.bundle / "execo/experiment.py", "--on", "vm").returncode == 0
    assert lab.phases("execo") == expected


def test_roles_for_engines_of_the_users(lab: Lab) -> None:
    asked = lab.script("execo", "import experiment\nprint(experiment.roles('vm'))\n")
    before = lab.play(asked)
    assert "no node is ready: `vm/run up` first" in before.stderr
    assert lab.play(lab.bundle / "execo/experiment.py").returncode == 0
    assert lab.play(asked).stdout.replace("'", "") == (
        "{server: [Host(server)], client: [Host(client1), Host(client2)]}\n"
    )


def test_a_body_of_the_users(lab: Lab) -> None:
    assert lab.play(lab.bundle / "execo/experiment.py").returncode == 0
    (lab.folder / "got").mkdir()
    done = lab.play(lab.script("execo", BODY.replace("GOT", str(lab.folder / "got"))), "--running")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['client1', 'client2']\n"
    assert (lab.folder / "got/mine.py").exists()
    assert lab.phases("execo") == [("execo", "run")]


def test_a_node_that_is_not_ready(lab: Lab) -> None:
    (lab.folder / "bin/nxcc-ready").write_text('#!/bin/sh\n[ "$NODE" != client2 ]\n')
    done = lab.play(lab.bundle / "execo/experiment.py", "--down")
    assert done.returncode == 1
    assert "experiment.py: not every node is ready" in done.stderr
    assert (lab.folder / "log").read_text() == "down\n"
    assert lab.phases("execo")[-1] == ("execo", "run")


def test_nodes_of_another_user_are_refused(lab: Lab) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root, to make files of another user's")
    assert lab.play(lab.bundle / "execo/experiment.py").returncode == 0
    os.chown(lab.state, 1000, 1000)
    done = lab.play(lab.bundle / "execo/experiment.py", "--running")
    assert done.returncode == 1
    assert f"experiment.py: {lab.state} is not yours" in done.stderr


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    library("execo")
    lab = Lab(tmp_path, SOURCE, "execo", "docker", "nixos-test")
    program = lab.bundle / "execo/experiment.py"
    for words, said in {
        (): "whose nodes? --on docker, --on vm",
        ("--on", "nixos-test"): "has no flavour nixos-test; it has docker, vm",
        ("--on", "vm", "--running"): "no node is ready: `vm/run up` first",
    }.items():
        done = lab.play(program, *words)
        assert (done.returncode, said in done.stderr) == (1, True), (words, done.stderr)
    assert lab.play(program, "--nonsense").returncode == 2
    dry = lab.play(program, "--on", "vm", "--dry-run", "--down")
    assert [line.split()[-1] for line in dry.stdout.splitlines()][-2:] == ["up", "down"]
    assert not lab.state.exists()
    # One of the nodes, another form, other nodes.
    (lab.state / "vm").mkdir(parents=True)
    node = {"name": "server", "role": "server", "address": None, "container": None}
    data = {
        "format": 1, "environment": "lab", "flavour": "vm", "ssh_config": "ssh_config", "engine": None, "nodes": [node],
    }  # fmt: skip
    for found, said in (
        (data, "not ready: client1, client2; `vm/run up` first"),
        ({"format": 2}, "has the form 2, and 1 is the one known here"),
        ([data], "has the form None, and 1 is the one known here"),
        ({**data, "environment": "other"}, "is about nodes of other, flavour vm: `vm/run up` writes it anew"),
        ({**data, "flavour": "docker"}, "is about nodes of lab, flavour docker: `vm/run up` writes it anew"),
    ):
        (lab.state / "vm/deployed.json").write_text(json.dumps(found))
        done = lab.play(program, "--running")
        assert (done.returncode, said in done.stderr) == (1, True), done.stderr
    (lab.state / "vm/deployed.json").write_text(json.dumps(data)[:50])
    assert "deployed.json is broken (" in lab.play(program, "--running").stderr


ENDINGS = """
import os, signal, experiment, nxcc_nodes

def fails(roles):
    raise ValueError("no such thing")

def interrupted(roles):
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()

sys.exit(experiment.main({"fails": fails, "interrupted": interrupted}[sys.argv.pop(1)]))
"""


def test_nodes_end_whatever_went_wrong(lab: Lab) -> None:
    script, log = lab.script("execo", ENDINGS), lab.folder / "log"
    done = lab.play(script, "interrupted", "--on", "vm", "--down")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (130, "experiment.py: interrupted")
    assert log.read_text() == "down\n"
    # Also where they did not get up, and where ending them fails: what went wrong first is told last.
    run = lab.bundle / "vm/run"
    run.write_text(run.read_text().replace("begin provision", "exit 3"))
    done = lab.play(lab.bundle / "execo/experiment.py", "--on", "vm", "--down")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "experiment.py: vm/run up exits 3")
    assert log.read_text() == "down\n" * 2
    run.write_text(run.read_text().replace("exit 3", "begin provision").replace("down)", "down) exit 4;;\nno)"))
    done = lab.play(script, "fails", "--on", "vm", "--down")
    assert done.returncode == 1
    assert "experiment.py: vm/run down exits 4" in done.stderr
    assert done.stderr.splitlines()[-1] == "ValueError: no such thing"


# A `run up` that takes a while to end what it has begun: longer than subprocess.run has patience with.
BEGUN = """up)
    cleanup() { trap '' INT TERM HUP; sleep 2; echo ended >>"$LAB/log"; }
    touch "$LAB/begun"
    while :; do pause; done
    ;;
no)"""


@pytest.mark.parametrize("sent", ["Ctrl-C", "SIGINT", "SIGTERM"])
def test_nodes_end_once_what_started_them_has_ended(sent: str, lab: Lab) -> None:
    run = lab.bundle / "vm/run"
    run.write_text(run.read_text().replace("up)", BEGUN, 1))
    with playing(lab.folder, lab.bundle / "execo/experiment.py", "--on", "vm", "--down", **lab.variables) as process:
        assert within(120, (lab.folder / "begun").exists)
        # A terminal tells all that run there.
        if sent == "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.Signals[sent])
        done = outcome(process)
    assert done.returncode == (143 if sent == "SIGTERM" else 130), done.stderr
    assert (lab.folder / "log").read_text() == "ended\ndown\n"
