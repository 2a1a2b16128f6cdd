"""How kernel and ramdisk get to nodes that do not see the user's home: taktuk, clush, or ssh to each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import g5k_environments as make
import pytest
from grid5000 import lab as base
from grid5000.lab import HOST, fine, lab_source, wait_for
from tools import need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

NAME = "g5k-ramdisk"
LAUNCHERS = ("taktuk", "clush", "ssh")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[base.Lab]:
    made = base.Lab(tmp_path, lab_source(NAME), NAME)
    store = make.pairs(tmp_path / "store", {"server": "loglevel=4", "agent": "loglevel=4"}, size=3_000_000)
    made.builds(store)
    fine(made("reserve"))
    yield made
    made("down")


def files(lab: base.Lab, index: int) -> dict[str, bytes]:
    """What a node that did not jump has in its memory."""
    (folder,) = (lab.frontend.folder / "nodes" / HOST.format(index) / "shm").iterdir()
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def copied(lab: base.Lab) -> set[str]:
    """The hosts to which run itself copied."""
    return {host for _, host, command in lab.frontend.log("ssh") if "tar -C /dev/shm" in command and "-xf" in command}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_to_all_nodes(lab: base.Lab, launcher: str) -> None:
    need(launcher)
    lab.frontend.scenario(unseen="lab.state", no_kexec=[HOST.format(3)])
    running = lab.start("--launcher", launcher, "deploy")
    reason = lab.own / "deploy/agent1.reason"
    wait_for(lambda: reason.exists() and "the old system still answers" in reason.read_text())
    wait_for(lambda: all((lab.own / "deployed" / HOST.format(n)).exists() for n in (2, 4)))
    running.terminate()
    assert running.wait(120) == 143
    assert running.stderr
    said = running.stderr.read()
    assert f"{launcher} copies to: server agent1 agent2\n" in said
    found = files(lab, 3)
    assert set(found) == {"kernel", "initrd", "kexec"} | ({"known_hosts"} if launcher == "taktuk" else set())
    for name in ("kernel", "initrd"):
        assert found[name] == (lab.folder / "store/pairs/1" / name).read_bytes()
    assert copied(lab) == ({HOST.format(n) for n in (2, 3, 4)} if launcher == "ssh" else set()), said
    assert fine(lab("status")).stdout.count(" deployed") == 2


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_node_that_does_not_take_it_is_named(lab: base.Lab, launcher: str) -> None:
    need(launcher)
    lab.frontend.scenario(unseen="lab.state", no_files=[HOST.format(3)])
    done = lab("deploy", NXCC_LAUNCHER=launcher)
    assert done.returncode == 1
    assert f"-- agent1 ({HOST.format(3)}): the files cannot be copied ({lab.own}/deploy/agent1.log)" in done.stderr
    assert "cannot load kernel and ramdisk: agent1; `run deploy agent1`" in done.stderr
    assert not [words for words in lab.frontend.log("systemctl") if "kexec" in words], "some have jumped"
    lab.frontend.scenario(unseen="lab.state")
    fine(lab("deploy", NXCC_LAUNCHER=launcher))


# taktuk at its narrowest: the frontend connects to one node, that to the next.
NARROW = {"TAKTUK_DYNAMIC": "1", "TAKTUK_WINDOW": "1"}


def test_a_tree(lab: base.Lab) -> None:
    need("taktuk")
    lab.frontend.scenario(unseen="lab.state")
    fine(lab("--launcher", "taktuk", "deploy", **NARROW))
    assert lab.frontend.log("hop"), "no node has connected to another"
    assert not copied(lab)


def test_nodes_that_others_do_not_reach(lab: base.Lab) -> None:
    need("taktuk")
    lab.frontend.scenario(unseen="lab.state", shut=[HOST.format(n) for n in (2, 3, 4)])
    done = fine(lab("--launcher", "taktuk", "deploy", **NARROW))
    refused = {to for _, to in lab.frontend.log("hop")}
    assert refused
    assert copied(lab) >= refused
    for node, host in lab.table().items():
        assert (f"-- {node}: taktuk did not copy to it, ssh did; log: " in done.stderr) == (host in copied(lab))


@pytest.mark.parametrize("launcher", ["taktuk", "clush"])
def test_another_host_key_than_at_the_first_answer(lab: base.Lab, launcher: str) -> None:
    """While the launcher is at work somebody else answers in a node's place: no file goes there."""
    lab.frontend.scenario(unseen="lab.state")
    host = HOST.format(4)
    key, kept, other = (
        lab.frontend.folder / "nodes" / host / "ssh/ssh_host_ed25519_key",
        lab.folder / "kept",
        lab.folder / "other",
    )
    lab.frontend.program(
        launcher,
        f"""#!/bin/sh
{need("ssh-keygen")} -q -t ed25519 -N '' -f "{other}"
mv "{key}" "{kept}" && cp "{other}" "{key}"
{need(launcher)} "$@"
mv "{kept}" "{key}"
""",
    )
    done = fine(lab("--launcher", launcher, "deploy"))
    assert copied(lab) == {host}
    assert f"-- agent2: {launcher} did not copy to it, ssh did" in done.stderr
    assert "verification failed" in (lab.own / "deploy" / f"{launcher}.log").read_text()


@pytest.mark.parametrize(("turns", "overlaps"), [("1", False), ("3", True)])
def test_so_many_at_once(lab: base.Lab, turns: str, overlaps: bool) -> None:
    lab.frontend.scenario(unseen="lab.state")
    real = lab.frontend.bin / "ssh.real"
    (lab.frontend.bin / "ssh").rename(real)
    lab.frontend.program(
        "ssh",
        f"""#!/bin/sh
case " $* " in *" -O exit "*) exit ;; esac
mkdir {lab.folder}/busy 2>/dev/null || echo "$*" >>{lab.folder}/overlaps
"{real}" "$@"
status=$?
rmdir {lab.folder}/busy 2>/dev/null
exit $status
""",
    )
    fine(lab("--launcher", "ssh", "--at-once", turns, "deploy"))
    assert (lab.folder / "overlaps").exists() == overlaps


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        (("--launcher", "rsh"), {}, "--launcher takes taktuk, clush or ssh"),
        ((), {"NXCC_LAUNCHER": "rsh"}, "--launcher takes taktuk, clush or ssh"),
        (("--at-once", "0"), {}, "--at-once takes a number"),
    ],
)
def test_wrong_usage(lab: base.Lab, options: tuple[str, ...], environment: dict[str, str], said: str) -> None:
    done = lab(*options, "deploy", **environment)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
