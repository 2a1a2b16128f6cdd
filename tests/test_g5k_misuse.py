"""What people do to `run` on a frontend, and what frontends do to it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import g5k_environments as make
import pytest
from grid5000.lab import HOST, fine, wait_for
from test_g5k_run import Lab
from tools import need

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made("down")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([f"{HOST.format(1)} server", f"{HOST.format(1)} agent1"], "line 2: {0} cannot be both server and agent1"),
        ([f"{HOST.format(1)} server", f"{HOST.format(2)} server"], "line 2: server cannot be both {0} and"),
        (
            ["# mine", "", f"{HOST.format(1)} agent3"],
            "line 3: no node is called agent3; there are: server agent1 agent2",
        ),
        (["-oProxyCommand=reboot"], "line 1: -oProxyCommand=reboot is no host"),
        (["a/b"], "line 1: a/b is no host"),
        (["# nothing"], "nodes.given has no nodes"),
    ],
)
def test_lists_of_nodes_that_are_wrong(lab: Lab, lines: list[str], said: str) -> None:
    nodes = lab.folder / "nodes"
    nodes.write_text("\n".join(lines) + "\n")
    fine(lab("image"))
    done = lab("deploy", "--nodes", str(nodes))
    assert done.returncode in (1, 2)
    assert said.format(HOST.format(1)) in done.stderr
    assert not lab.frontend.log("kadeploy3")


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_a_list_of_nodes_as_other_systems_and_programs_write_it(lab: Lab, shell: str) -> None:
    job = lab.job(1, 2, 11)
    words = [need("busybox"), "sh"] if shell == "busybox" else [need(shell)]
    lines = [
        "# who is who",
        f"{HOST.format(11)} server # the big one",
        "",
        HOST.format(2),
        f"  {HOST.format(1)}\tagent2",
    ]
    text = "\r\n".join(lines) + "\r\n"
    fine(lab("image"))
    # From a pipe, which can be read once.
    run = [*words, str(lab.run), "--pause", "0.1"]
    lab.frontend.run([*run, "--nodes", "/dev/stdin", "deploy"], stdin=text)
    assert lab.table() == {"server": HOST.format(11), "agent1": HOST.format(2), "agent2": HOST.format(1)}
    assert fine(lab("status")).stdout.count("deployed") == 3
    fine(lab("--job", job, "status"))


def test_an_oar_that_does_not_answer(lab: Lab) -> None:
    fine(lab("reserve"))
    real = (lab.frontend.bin / "oarstat").read_text()
    lab.frontend.program("oarstat", "#!/bin/sh\necho 'cannot connect to the database' >&2\nexit 2\n")
    for command in ("release", "reserve", "deploy", "status"):
        done = lab(command)
        assert done.returncode == 1
        said = "OAR does not answer, and job 2101234 stays as it is: cannot connect to the database"
        assert said in done.stderr
    # Once is nothing.
    once = f"#!/bin/sh\n[ -e {lab.folder}/once ] || {{ : >{lab.folder}/once; exit 2; }}\n"
    lab.frontend.program("oarstat", real.replace("#!/bin/sh\n", once))
    fine(lab("release"))
    assert lab.frontend.site.jobs()[2101234]["state"] in ("Error", "Terminated")


def test_an_oar_that_never_answers(lab: Lab) -> None:
    fine(lab("reserve"))
    lab.frontend.shorter(60, 1)
    lab.frontend.program("oarstat", "#!/bin/sh\nexec sleep 1000\n")
    done = lab("release")
    assert done.returncode == 1
    assert "OAR does not answer, and job 2101234 stays as it is: oarstat takes more than a minute" in done.stderr


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_what_oar_says_of_a_job_is_read_whole(lab: Lab, shell: str) -> None:
    """Commas, braces, quotes and the other facts' names in a text are none of theirs."""
    words = [need("busybox"), "sh"] if shell == "busybox" else [need(shell)]
    message = 'R=32,W=1:0:0 {no "walltime" : 7} \\ "message" : é, (Karma=0.1)'
    now = int(time.time())
    facts = {
        "message": message,
        "startTime": str(now),
        "events": [{"type": "X", "description": 'the "startTime" : 3, ] }'}],
        "walltime": 3600,
        "name": 'a "scheduledStart" : 5',
        "scheduledStart": None,
    }
    text = json.dumps({"7": facts}, indent=3, separators=(",", " : "), ensure_ascii=False)
    (lab.folder / "facts").write_text(text)
    parts = lab.run.read_text().partition("\nfact() {")[2].partition("\n}\n")[0]
    script = f'fact() {{{parts}\n}}\nall=$(tr -d "\\n" <"$1")\n'
    script += 'for name in message startTime walltime scheduledStart; do fact "$name" "$all"; done\n'
    (lab.folder / "script").write_text(script)
    told = fine(lab.frontend.run([*words, str(lab.folder / "script"), str(lab.folder / "facts")]))
    assert told.stdout.splitlines() == [message, str(now), "3600", "null"]


AT = ("--at", "2030-01-02 03:04:05")


def asked(lab: Lab) -> bool:
    """Whether the job that OAR validates now is noted."""
    return (lab.own / "job").exists() and (lab.own / "job").read_text() == "2101234 made\n"


def test_an_interrupt_while_oar_validates_takes_the_reservation_back(lab: Lab) -> None:
    lab.frontend.scenario(validates_after=1000)
    running = lab.start(*AT, "reserve")
    wait_for(lambda: asked(lab))
    # As a terminal does: to all of it.
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(300) == 130
    assert lab.frontend.site.jobs()[2101234]["state"] == "Error"
    lab.frontend.scenario()
    assert "is over" not in fine(lab("reserve")).stderr
    assert sorted(lab.frontend.site.jobs()) == [2101234, 2101235]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_run_that_ends_while_oar_validates_leaves_the_reservation_to_the_next(lab: Lab, sent: signal.Signals) -> None:
    lab.frontend.scenario(validates_after=3)
    running = lab.start(*AT, "reserve")
    wait_for(lambda: asked(lab))
    running.send_signal(sent)
    assert running.wait(300) in (143, -9)
    wait_for(lambda: not lab.frontend.site.jobs()[2101234]["client"])
    assert asked(lab)
    done = lab("--wait", "0", "reserve")
    assert "job 2101234: Waiting, starts about 2030-01-02 03:04:05" in done.stderr
    assert len(lab.frontend.log("oarsub")) == 1


def test_an_interrupt_after_the_validation_leaves_the_reservation(lab: Lab) -> None:
    running = lab.start(*AT, "reserve")
    # It looks at the job only when OAR's client has ended.
    wait_for(lambda: ["-f", "-J", "-j", "2101234"] in lab.frontend.log("oarstat"))
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(300) == 130
    assert lab.frontend.site.jobs()[2101234]["state"] == "Waiting"
    assert asked(lab)


def test_a_reservation_that_is_not_valid(lab: Lab) -> None:
    lab.frontend.scenario(not_valid="This reservation could be launched at 2030-01-03 00:00:00")
    done = lab(*AT, "reserve")
    assert done.returncode == 1
    assert "   # Reservation not valid --> KO (This reservation could be launched at" in done.stderr
    assert "OAR gives no job: oarsub -n lab" in done.stderr
    assert not (lab.own / "job").exists()


@pytest.mark.parametrize("state", ["Finishing", "toError"])
def test_a_job_that_is_about_to_end(lab: Lab, state: str) -> None:
    fine(lab("reserve"))
    site = lab.frontend.site
    site.save({**site.job(2101234), "state": state})
    assert "job 2101234 is over: another one is asked for" in fine(lab("reserve")).stderr
    site.save({**site.job(2101235), "state": state})
    assert "job 2101235 is over already" in fine(lab("release")).stderr


def test_a_full_disk_is_known_before_a_job_is_asked_for(lab: Lab) -> None:
    real = shutil.which("head")
    lab.frontend.program("head", f'#!/bin/sh\ncase $* in *1048576*) exit 1 ;; esac\nexec {real} "$@"\n')
    done = lab("reserve")
    assert done.returncode == 1
    assert f"no space left in {lab.own}" in done.stderr
    assert not lab.frontend.log("oarsub")


def test_a_state_that_was_moved_or_copied_has_connections_of_its_own(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    job = lab.job(1, 2, 3)
    fine(lab("image"))
    fine(lab("--job", job, "deploy"))
    fine(lab("provision", "server"))
    sockets = (lab.own / "sockets").read_text()
    other = lab.frontend.home / "other"
    shutil.copytree(lab.frontend.home / "lab", other)
    shutil.copytree(lab.state, lab.frontend.home / "other.state", symlinks=True)
    copied = str(other / "g5k-image/run")
    assert fine(lab.frontend.run([copied, "ssh", "server", "hostname"])).stdout == "server\n"
    own = lab.frontend.home / "other.state/g5k-image"
    assert (own / "sockets").read_text() != sockets
    # Its end is not the other's.
    fine(lab.frontend.run([copied, "down", "--all"]))
    assert fine(lab("ssh", "server", "hostname")).stdout == "server\n"
    # A system that removes what is old in /tmp may take a link alone.
    (Path(sockets.strip()) / "id_ed25519").unlink()
    assert fine(lab("ssh", "server", "hostname")).stdout == "server\n"
    assert (Path(sockets.strip()) / "id_ed25519").readlink() == lab.own / "id_ed25519"
    assert (lab.own / "sockets").read_text() == sockets
    # Moved, and cleaned up by a system that removes what is old in /tmp.
    shutil.rmtree(sockets.strip())
    shutil.move(lab.frontend.home / "lab", other.with_name("moved"))
    shutil.move(lab.state, other.with_name("moved.state"))
    moved = str(other.with_name("moved") / "g5k-image/run")
    assert fine(lab.frontend.run([moved, "ssh", "server", "hostname"])).stdout == "server\n"
    fine(lab.frontend.run([moved, "down", "--all"]))


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_the_folder_of_connections_is_that_of_who_calls_sudo(lab: Lab) -> None:
    job = lab.job(1, 2, 3)
    fine(lab("image"))
    fine(lab("--job", job, "deploy"))
    fine(lab("provision", "server"))
    sockets = Path((lab.own / "sockets").read_text().strip())
    # Nobody's: root does not take it, but for whom it works.
    os.chown(sockets, 65534, 65534)
    fine(lab("ssh", "server", "true", SUDO_UID="65534"))
    assert (lab.own / "sockets").read_text().strip() == str(sockets)
    fine(lab("ssh", "server", "true"))
    assert (lab.own / "sockets").read_text().strip() != str(sockets)
    shutil.rmtree(sockets)


def test_another_cluster_in_the_source_is_another_table(lab: Lab) -> None:
    job = lab.job(1, 2, 3)
    fine(lab("image"))
    fine(lab("--job", job, "deploy"))
    make.write(make.lab().replace("cluster dahu", "cluster yeti"), lab.frontend.home / "lab")
    done = lab("deploy", "--no-build")
    assert done.returncode == 2
    assert "3 more of cluster yeti" in done.stderr


def test_another_build_is_deployed_without_being_asked_for(lab: Lab) -> None:
    job = lab.job(1, 2, 3)
    fine(lab("--job", job, "deploy"))
    store = make.image(lab.folder / "store2", {"server": "loglevel=7", "agent": "loglevel=4"})
    lab.builds(store)
    fine(lab("build"))
    assert "loglevel=7" in fine(lab("deploy")).stderr
    assert len(lab.frontend.log("kadeploy3")) == 3


def test_a_job_on_nodes_of_another_processor(tmp_path: Path) -> None:
    lab = Lab(tmp_path, make.lab().replace("cluster dahu; ", "", 1))
    done = lab.frontend.run(
        ["oarsub", "-t", "deploy", "-l", "{cluster='pyxis'}/host=2+{cluster='dahu'}/host=1", "sleep 1d"]
    )
    done = lab("--job", fine(done).stdout.strip().partition("=")[2], "deploy")
    assert done.returncode == 2
    assert "job 2101234 has nodes with aarch64 processors, and the environment is built for x86_64" in done.stderr


def test_the_way_to_nodes_whose_names_have_no_site(lab: Lab) -> None:
    nodes = lab.folder / "nodes"
    nodes.write_text(f"dahu-1 server\n172.16.20.2 agent1\n{HOST.format(3)} agent2\n")
    lab.frontend.program("hostname", "#!/bin/sh\necho grenoble.grid5000.fr\n")
    lab("--nodes", str(nodes), "--timeout", "0", "provision")
    said = fine(lab("ssh-config")).stdout
    assert said.count("ProxyJump alice@access.grid5000.fr,alice@grenoble\n") == 3


def programs(lab: Lab, number: int, **texts: str) -> None:
    """Other programs on a node of dahu that is deployed."""
    folder = lab.frontend.folder / "nodes" / HOST.format(number) / "run/current-system/sw/bin"
    for name, text in texts.items():
        (folder / name.replace("_", "-")).write_text(f"#!/bin/sh\n{text}\n")


def fails_later(lab: Lab, number: int) -> Path:
    """A node that cannot be provisioned once there is this file: the others are as far as they get by then."""
    path = lab.folder / "fail"
    programs(lab, number, nxcc_identity=f"until [ -e {path} ]; do sleep 0.2; done\necho no room\nexit 1")
    return path


def test_what_a_node_says_does_nothing_to_the_terminal(lab: Lab) -> None:
    job = lab.job(1, 2, 3)
    fine(lab("--job", job, "deploy"))
    says = "printf 'n\\303\\251 \\033]0;x\\007 \\033[2J\\n'\nexit 1"
    programs(lab, 1, nxcc_ready=says, journalctl=says)
    fail = fails_later(lab, 2)
    running = lab.start("provision", "server", "agent1")
    reason = lab.own / "provision/server.reason"
    wait_for(lambda: reason.exists() and "né" in reason.read_text())
    fail.touch()
    assert running.wait(300) == 1
    assert running.stderr
    said = running.stderr.read()
    assert "né ]0;x [2J" in said
    assert "   | né ]0;x [2J" in said
    assert "\033" not in said + lab("status").stdout


def test_a_node_that_never_tells_of_its_failures(lab: Lab) -> None:
    job = lab.job(1, 2, 3)
    fine(lab("--job", job, "deploy"))
    lab.frontend.scenario(never_ready=[HOST.format(1)])
    programs(lab, 1, journalctl=f"sleep 60\n: >{lab.folder}/told")
    fail = fails_later(lab, 2)
    lab.frontend.shorter(30, 2)
    running = lab.start("provision", "server", "agent1")
    reason = lab.own / "provision/server.reason"
    wait_for(lambda: reason.exists() and "nothing listens" in reason.read_text())
    fail.touch()
    assert running.wait(300) == 1
    assert running.stderr
    assert "agent1 (dahu-2.grenoble.grid5000.fr): no room" in running.stderr.read()
    assert not (lab.folder / "told").exists()


def test_nobody_goes_on_for_a_run_that_was_killed(lab: Lab) -> None:
    job = lab.job(1, 2, 3)
    fine(lab("--job", job, "deploy"))
    lab.frontend.scenario(unreachable=[HOST.format(1)], never_ready=[HOST.format(2)])
    running = lab.start("provision")

    def of_its_session() -> list[str]:
        told = subprocess.run(
            ["ps", "-ww", "-o", "args=", "-s", str(running.pid)], capture_output=True, text=True, check=False
        )
        return [line for line in told.stdout.splitlines() if str(lab.run) in line]

    for node, said in {"server": "no answer", "agent1": "waits for those", "agent2": "waits for those"}.items():
        path = lab.own / f"provision/{node}.reason"
        wait_for(lambda path=path, said=said: path.exists() and said in path.read_text())
    assert len(of_its_session()) > 3
    running.kill()
    running.wait()
    wait_for(lambda: not of_its_session())


def test_a_job_that_ends_while_nodes_are_waited_for(lab: Lab) -> None:
    job = lab.job(1, 2, 3)
    fine(lab("image"))
    fine(lab("--job", job, "deploy"))
    fail = fails_later(lab, 2)
    running = lab.start("provision", "agent1")
    wait_for(lambda: (lab.own / "provision/agent1.log").exists())
    lab.frontend.run(["oardel", job])
    fail.touch()
    assert running.wait(300) == 1
    assert running.stderr
    assert f"job {job} is over: `run up` asks for another one" in running.stderr.read()


def test_a_push_that_ends_in_the_middle(lab: Lab) -> None:
    """The site has no build then, whatever came of it."""
    fine(lab("build"))
    arrived = lab.folder / "arrived"
    arrived.mkdir()
    # In French, and at the second time a connection that breaks.
    (lab.folder / "there").mkdir()
    french = lab.folder / "there/sha256sum"
    french.write_text(
        '#!/bin/sh\n[ "${LC_ALL:-fr}" = C ] || exec /usr/bin/sha256sum "$@" | sed "s/: OK$/: Réussi/"\n'
        'exec /usr/bin/sha256sum "$@"\n'
    )
    french.chmod(0o755)
    ssh = f"#!/bin/sh\nfor last; do :; done\nPATH={lab.folder}/there:$PATH\ncd {arrived}\n"
    broken = f'case $last in tar*) [ ! -e {lab.folder}/break ] || {{ head -c 3000 | sh -c "$last"; exit; }} ;; esac\n'
    lab.frontend.program("ssh", f'{ssh}{broken}exec sh -c "$last"\n')
    fine(lab("--login", "alice", "push", "nancy"))
    assert "nancy has 3 of 3 files of the build already" in fine(lab("--login", "alice", "push", "nancy")).stderr
    there = arrived / "nxcc/lab/g5k-image/run"
    lab.frontend.without("nix-build")
    fine(lab.frontend.run([str(there), "image"]))
    (lab.folder / "break").touch()
    done = lab("--login", "alice", "push", "nancy")
    assert done.returncode == 1
    assert "nancy does not take it" in done.stderr
    if lab.frontend.run(["sh", "-c", "command -v nix-build"]).returncode:
        assert "build on a machine with Nix, and `run push`" in lab.frontend.run([str(there), "image"]).stderr
    assert not (arrived / "nxcc/lab.state/g5k-image/built").exists()
    (lab.folder / "break").unlink()
    fine(lab("--login", "alice", "push", "nancy"))
    fine(lab.frontend.run([str(there), "image"]))
