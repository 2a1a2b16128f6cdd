"""The `run` of g5k-image, driven through its phases on a frontend that tests/grid5000/ plays."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from typing import TYPE_CHECKING, Any

import g5k_environments as make
import pytest
from grid5000 import lab as base
from grid5000.lab import HOST, fine, wait_for
from tools import missing, need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLUSTERS: dict[str, dict[str, Any]] = {
    "dahu": {"nodes": 11, "cores": 1},
    "yeti": {"nodes": 2, "exotic": True},
    "kinovis": {"nodes": 2, "queue": "production"},
    "pyxis": {"nodes": 2, "arch": "aarch64"},
}


class Lab(base.Lab):
    """A laboratory that is deployed by Kadeploy, its image built."""

    def __init__(self, folder: Path, source: str = "", built: bool = True, **facts: Any) -> None:
        super().__init__(folder, source or make.lab(), "g5k-image", CLUSTERS, **facts)
        store = make.image(folder / "store", {"server": "loglevel=4 mitigations=off", "agent": "loglevel=4"})
        if built:
            self.builds(store)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made("down")


def test_from_nothing_to_ready_and_back(lab: Lab) -> None:
    up = fine(lab("up"))
    assert "runs for another 1:" in up.stderr
    hosts = lab.table()
    assert hosts == {"server": HOST.format(9), "agent1": HOST.format(10), "agent2": HOST.format(11)}
    # What OAR and Kadeploy were told.
    (reserved,) = lab.frontend.log("oarsub")
    assert reserved == ["-n", "lab", "-t", "deploy", "-l", "{cluster='dahu'}/host=3,walltime=1:30:00", "sleep infinity"]
    deployments = lab.frontend.log("kadeploy3")
    assert sorted(words[1].rpartition("/")[2] for words in deployments) == ["agent.yaml", "server.yaml"]
    assert not lab.frontend.log("mistake")
    # The agents' units wait for the server.
    order = [
        (entry["program"], entry["arguments"][0].split(".")[0])
        for entry in entries(lab)
        if entry["program"] == "ready" or (entry["program"] == "systemctl" and "start" in entry["arguments"])
    ]
    first = order.index(("ready", "dahu-9"))
    assert {("systemctl", "dahu-10"), ("systemctl", "dahu-11")} <= set(order[first:])
    assert not {("systemctl", "dahu-10"), ("systemctl", "dahu-11")} & set(order[:first])
    # Each node has its name, the others' addresses, its own role's secrets and nothing else.
    told = fine(lab("ssh", "agent1", "hostname; cat /run/nxcc/hosts; ls /run/nxcc/host /run/nxcc/host/secrets"))
    assert told.stdout.split("\n")[:4] == ["agent1", "172.16.20.9 server", "172.16.20.10 agent1", "172.16.20.11 agent2"]
    assert "key\nkey.pub\ntoken\n" in told.stdout
    server = fine(
        lab("ssh", "server", "ls /run/nxcc/host/secrets; cat /run/nxcc/host/secrets/token; stat -c %a /run/nxcc/host")
    )
    assert server.stdout == f"token\n{(lab.own / 'secrets/token').read_text()}700\n"
    # Standard input, the exit code, and quoting get through.
    assert lab("ssh", "agent2", "cat; exit 7", stdin="x $y\n").stdout == "x $y\n"
    assert lab("ssh", "agent2", "exit 7").returncode == 7
    (lab.folder / "got").mkdir()
    fine(lab("ssh", "server", "mkdir -p '/run/a b'; echo 1 >'/run/a b/c'"))
    fine(lab("fetch", "server:/run/a b", str(lab.folder / "got")))
    assert (lab.folder / "got/a b/c").read_text() == "1\n"
    status = fine(lab("status")).stdout
    assert [line.split()[4] for line in status.splitlines()[1:]] == ["ready"] * 3
    # Again: nothing is reserved or installed twice, also when the job is named.
    fine(lab("up", "--job", "2101234"))
    assert len(lab.frontend.log("oarsub")) == 1
    assert len(lab.frontend.log("kadeploy3")) == 2
    files_are_private(lab)
    phases = json.loads((lab.own.parent / "phases.json").read_text())
    assert [phase["phase"] for phase in phases][:5] == ["build", "image", "reserve", "deploy", "provision"]
    fine(lab("down"))
    assert lab.frontend.site.jobs()[2101234]["state"] == "Terminated"
    assert json.loads((lab.own.parent / "phases.json").read_text())[-1]["phase"] == "run"
    assert "nothing is reserved" in lab("status").stderr
    fine(lab("down", "--all"))
    assert not lab.own.parent.exists()


def entries(lab: Lab) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (lab.frontend.folder / "log").read_text().splitlines()]


def files_are_private(lab: Lab) -> None:
    """Nothing of the state is anyone else's to read; the keys that log in are the user's and the bundle's."""
    for top, folders, files in os.walk(lab.own.parent):
        for name in (*folders, *files):
            found = os.lstat(os.path.join(top, name))
            assert stat.S_ISLNK(found.st_mode) or not found.st_mode & 0o077, os.path.join(top, name)
    assert not list(lab.own.glob("provision/*.files")), "archives with secrets are left"
    keys = (lab.own / "keys").read_text().splitlines()
    own = (lab.own / "id_ed25519.pub").read_text().split()[1]
    users = (lab.frontend.home / ".ssh/id_ed25519.pub").read_text().split()[1]
    assert [line.split()[1] for line in keys] == [own, users]


def test_a_node_that_fails_once_is_tried_again(lab: Lab) -> None:
    job = lab.job(1, 2, 3)
    lab.frontend.scenario(ko={HOST.format(2): 1})
    fine(lab("image"))
    done = fine(lab("--job", job, "deploy"))
    assert f"once more: {HOST.format(2)}" in done.stderr
    assert sorted(words[1].rpartition("/")[2] for words in lab.frontend.log("kadeploy3")) == [
        "agent.yaml", "agent.yaml", "server.yaml",
    ]  # fmt: skip
    assert fine(lab("status")).stdout.count(" deployed") == 3


def test_a_node_that_keeps_failing_is_named_and_deployed_alone(lab: Lab) -> None:
    job = lab.job(1, 2, 3)
    lab.frontend.scenario(ko={HOST.format(3): 2})
    fine(lab("image"))
    done = lab("--job", job, "deploy")
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert f"-- agent2 ({HOST.format(3)}): BootNewEnv-wait_reboot: Timeout" in said
    assert any("agent.again.log; console: kaconsole3 -m dahu-3." in line for line in said)
    assert said[-1].endswith("not deployed: agent2; `run deploy agent2` tries these again, the others are deployed")
    assert "failed: BootNewEnv-wait_reboot: Timeout" in lab("status").stdout
    fine(lab("deploy", "agent2"))
    assert (lab.own / "deploy/agent.nodes").read_text() == HOST.format(3) + "\n"
    assert fine(lab("status")).stdout.count(" deployed") == 3
    assert lab("console", "agent2").stdout == f"the console of {HOST.format(3)}\n"
    lab.frontend.scenario()
    assert "all nodes are deployed already" in fine(lab("deploy")).stderr


@pytest.mark.parametrize(
    ("scenario", "options", "said"),
    [
        ({"server_down": True}, [], "server is unreachable"),
        ({"deploy_hangs": True}, ["--deploy-timeout", "1"], "kadeploy3 took more than 1 s (--deploy-timeout)"),
    ],
)
def test_kadeploy_itself_fails(lab: Lab, scenario: dict[str, Any], options: list[str], said: str) -> None:
    job = lab.job(1, 2, 3)
    fine(lab("image"))
    lab.frontend.scenario(**scenario)
    done = lab("--job", job, *options, "deploy")
    assert done.returncode == 1
    assert said in done.stderr
    assert "not deployed: server agent" in done.stderr
    lab.frontend.scenario()
    fine(lab("deploy"))


def test_a_refused_description(tmp_path: Path) -> None:
    lab = Lab(tmp_path, make.lab().replace("compression xz", "compression zstd"))
    (tmp_path / "store/image.tar.xz").rename(tmp_path / "store/image.tar.zst")
    done = lab("up")
    assert done.returncode == 1
    assert "Invalid value 'zstd', allowed values are" in done.stderr
    # What Grid'5000 runs takes it.
    facts = json.loads((lab.frontend.folder / "site.json").read_text())
    (lab.frontend.folder / "site.json").write_text(json.dumps({**facts, "kadeploy": "newer"}))
    fine(lab("deploy"))
    fine(lab("down"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"admission": "[ADMISSION RULE] you have too many jobs"}, "too many jobs"),
        ({"fails_to_start": True}, "ended before it ran (Error): CANNOT_CREATE_TMP_DIRECTORY"),
    ],
)
def test_oar_gives_nothing(lab: Lab, change: dict[str, Any], said: str) -> None:
    lab.frontend.scenario(**change)
    done = lab("reserve")
    assert done.returncode == 1
    assert said in done.stderr
    lab.frontend.scenario()
    fine(lab("reserve"))


def test_a_job_that_waits_is_gone_on_with(lab: Lab) -> None:
    lab.frontend.scenario(waits=1000)
    done = lab("--wait", "1", "reserve")
    assert done.returncode == 1
    assert "Waiting, starts" in done.stderr
    assert "it stays in the queue" in done.stderr
    assert "does not run yet (Waiting)" in lab("deploy").stderr
    lab.frontend.scenario()
    fine(lab("reserve"))
    assert len(lab.frontend.log("oarsub")) == 1
    # The walltime is over: what needs the job says so, and `reserve` asks for another.
    lab.frontend.scenario(ends_after=0)
    assert "job 2101234 is over (Terminated)" in lab("provision").stderr
    lab.frontend.scenario(waits=1000)
    assert "another one is asked for" in lab("--wait", "0", "reserve").stderr
    assert len(lab.frontend.log("oarsub")) == 2
    fine(lab("release"))
    assert lab.frontend.site.jobs()[2101235]["state"] == "Error"


def test_little_walltime_is_said(lab: Lab) -> None:
    fine(lab("--walltime", "0:10", "reserve"))
    assert "{cluster='dahu'}/host=3,walltime=0:10" in lab.frontend.log("oarsub")[0]
    done = lab("provision", "--dry-run")
    assert "job 2101234 has only 0:" in done.stderr


def test_everything_that_oar_can_be_told(tmp_path: Path) -> None:
    more = 'queue production; project lab-1; name "exp.1"; properties "memnode > 1000"; job-types night, deploy'
    source = make.lab(more, agent="flavour g5k-image { cluster kinovis }").replace("cluster dahu", "", 1)
    lab = Lab(tmp_path, source)
    done = lab("reserve", "--dry-run", "--at", "2030-01-02 03:04:05")
    said = "'{cluster='\\''kinovis'\\''}/host=2+{cpuarch='\\''x86_64'\\''}/host=1,walltime=1:30:00'"
    assert done.stdout == (
        "oarsub -n exp.1 -t deploy -t night -q production --project lab-1 -p 'memnode > 1000' "
        f"-r '2030-01-02 03:04:05' -l {said} 'sleep infinity'\n"
    )
    assert not lab.own.exists()


@pytest.mark.parametrize(
    ("cluster", "more", "count", "said"),
    [
        ("dahuu", "", 1, "this site has no cluster dahuu"),
        ("dahu", "", 12, "cluster dahu has 11 nodes, and the environment wants 12 of it"),
        ("yeti", "", 1, "cluster yeti is exotic"),
        ("pyxis", "", 1, "cluster pyxis has aarch64 processors, and the environment is built for x86_64"),
    ],
)
def test_clusters_are_looked_at_before_a_job_is_asked_for(
    tmp_path: Path, cluster: str, more: str, count: int, said: str
) -> None:
    agent = f"flavour g5k-image {{ cluster {cluster} }}"
    source = make.lab(agent=agent, count=count).replace("cluster dahu; ", "", 1)
    done = Lab(tmp_path, source)("reserve")
    assert done.returncode == 2
    assert said in done.stderr


def test_nodes_to_roles_by_cluster_and_number(tmp_path: Path) -> None:
    agent = "flavour g5k-image { cluster dahu }"
    lab = Lab(tmp_path, make.lab(agent=agent).replace("cluster dahu; ", "", 1))
    nodes = tmp_path / "nodes"
    hosts = [HOST.format(10), "yeti-1.grenoble.grid5000.fr", HOST.format(9), HOST.format(2), HOST.format(10)]
    nodes.write_text("# mine\n" + "\n".join(hosts) + "\n\n")
    done = fine(lab("image", "--nodes", str(nodes)))
    lab("deploy", "--nodes", str(nodes))
    assert lab.table() == {
        "server": HOST.format(10),
        "agent1": HOST.format(2),
        "agent2": HOST.format(9),
    }
    # The nodes are remembered, and never released.
    done = lab("deploy")
    assert "these are not needed" not in done.stderr
    assert "stay as they are" in fine(lab("down")).stderr
    assert not lab.frontend.log("oarsub", "oardel")
    nodes.write_text(HOST.format(1) + "\n")
    few = lab("deploy", "--nodes", str(nodes))
    assert few.returncode == 2
    assert "1 more of cluster dahu\n" in few.stderr
    assert "1 more of any cluster\n" in few.stderr
    assert "has too few nodes: dahu-1.grenoble.grid5000.fr" in few.stderr


def test_inside_a_job(lab: Lab) -> None:
    job = lab.job(2, 10, 1, 3)
    inside = lab.frontend.job(int(job))
    fine(lab("image", **inside))
    done = fine(lab("deploy", **inside))
    assert f"these are not needed: {HOST.format(10)}" in done.stderr
    assert lab.table() == {"server": HOST.format(1), "agent1": HOST.format(2), "agent2": HOST.format(3)}
    assert "was not made here, and stays" in fine(lab("down")).stderr
    fine(lab("--job", job, "release"))
    assert lab.frontend.site.jobs()[int(job)]["state"] == "Terminated"


def test_registered_environments(tmp_path: Path) -> None:
    lab = Lab(tmp_path, make.lab("register true"))
    job = lab.job(1, 2, 3)
    fine(lab("image"))
    fine(lab("--job", job, "deploy"))
    assert sorted(words[:4] for words in lab.frontend.log("kadeploy3")) == [
        ["-e", "lab-agent", "--env-version", "1"],
        ["-e", "lab-server", "--env-version", "1"],
    ]
    assert [words[0] for words in lab.frontend.log("kaenv3")] == ["-a", "-a"]
    fine(lab("deploy", "agent1"))
    assert len(lab.frontend.log("kaenv3")) == 2
    # Another image: those of the last time go, and no other version.
    other = lab.folder / "other.yaml"
    text = (lab.own / "env/agent.yaml").read_text()
    other.write_text(text.replace("version: 1", "version: 2"))
    fine(lab.frontend.run(["kaenv3", "-a", str(other)]))
    (lab.folder / "store/roles/agent/cmdline").write_text("init=/nxcc/agent/init quiet\n")
    lab.builds(lab.folder / "store")
    fine(lab("build"))
    (lab.own / "copied").unlink()
    fine(lab("build"))
    fine(lab("image"))
    fine(lab("deploy"))
    assert lab.frontend.run(["kaenv3", "-l", "lab-agent"]).stdout.count("lab-agent") == 2
    fine(lab("clean"))
    assert lab.frontend.run(["kaenv3", "-l", "lab-server"]).stdout == "No environment has been found\n"
    assert " 2 " in lab.frontend.run(["kaenv3", "-l", "lab-agent"]).stdout
    assert not list(lab.own.glob("image/*"))


@pytest.mark.parametrize("kadeploy", ["3.3.11", "newer"])
def test_an_environment_of_somebody_elses_with_the_same_name_stays(tmp_path: Path, kadeploy: str) -> None:
    lab = Lab(tmp_path, make.lab("register true"), kadeploy=kadeploy)
    fine(lab("image"))
    fine(lab.frontend.run(["kaenv3", "-a", str(lab.own / "env/server.yaml")]))
    for command in ("register", "register"):
        done = lab(command)
        assert done.returncode == 1
        assert "`kaenv3 -d lab-server --env-version 1` removes it" in done.stderr
    fine(lab("clean"))
    assert "lab-server" in lab.frontend.run(["kaenv3", "-l", "lab-server"]).stdout
    yes = ["--yes"] if kadeploy == "newer" else []
    fine(lab.frontend.run(["kaenv3", *yes, "-d", "lab-server", "--env-version", "1"]))
    fine(lab("register"))
    # Changed: the one of the last time makes room.
    (lab.own / "env/server.registered").write_text("of an earlier image\n")
    assert "registered lab-server" in fine(lab("register")).stderr


def test_a_server_of_environments_that_never_answers(tmp_path: Path) -> None:
    lab = Lab(tmp_path, make.lab("register true"))
    lab.frontend.program("kaenv3", "#!/bin/sh\nexec sleep 1000\n")
    lab.frontend.shorter(600, 1)
    done = lab("register")
    assert done.returncode == 1
    assert "server.yaml: its server does not answer" in done.stderr


def test_a_vlan_and_a_partition(tmp_path: Path) -> None:
    lab = Lab(tmp_path, make.lab("vlan 7; partition 5", count=1))
    job = lab.job(1, 2)
    fine(lab("image"))
    fine(lab("--job", job, "deploy"))
    for words in lab.frontend.log("kadeploy3"):
        assert words[-4:] == ["-p", "5", "--vlan", "7"]
    assert lab.table() == {
        "server": "dahu-1-kavlan-7.grenoble.grid5000.fr",
        "agent1": "dahu-2-kavlan-7.grenoble.grid5000.fr",
    }
    fine(lab("provision"))
    assert "10.7.0.2 agent1\n" in fine(lab("ssh", "server", "cat /run/nxcc/hosts")).stdout
    fine(lab("down"))


def test_where_the_image_goes(tmp_path: Path) -> None:
    public = tmp_path / "public" / "images"
    url = "http://public.grenoble.grid5000.fr/~alice"
    lab = Lab(tmp_path, make.lab(f'image-folder "{public}"; image-url "{url}"'))
    fine(lab("image"))
    copy = public / "lab.tar.xz"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o644
    # A web server gets there.
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (public, public.parent)] == [0o755, 0o755]
    assert f'  file: "{url}/lab.tar.xz"\n' in (lab.own / "env/agent.yaml").read_text()
    before = copy.stat().st_ino
    assert "already" in fine(lab("image")).stderr
    assert copy.stat().st_ino == before
    fine(lab("down", "--all"))
    assert not copy.exists()


def test_a_quota_that_the_image_does_not_fit_into(tmp_path: Path) -> None:
    lab = Lab(tmp_path, make.lab(f'image-folder "{tmp_path}/images"'))
    lab.frontend.scenario(quota=0)
    done = lab("image")
    assert done.returncode == 2
    assert "your quota leaves 0 MiB, and the image takes 0 MiB" in done.stderr


@pytest.mark.parametrize("folder", ["my lab", "été"])
@pytest.mark.parametrize("more", ["", 'image-folder "/tmp/nxcc-images"'])
def test_a_path_that_kadeploy_cannot_read(tmp_path: Path, folder: str, more: str) -> None:
    """It reads the paths of the description and of the keys too, wherever the image is."""
    lab = Lab(tmp_path)
    odd = make.write(make.lab(more), lab.frontend.home / folder)
    done = lab.frontend.run([str(odd), "image"])
    assert done.returncode == 2
    assert f"{lab.frontend.home / folder}.state/g5k-image; move or rename the bundle" in done.stderr
    assert "bad URI" in lab.frontend.run(["kadeploy3", "-a", f"{odd.parent}/agent.yaml", "-m", HOST.format(1)]).stderr


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ('dyndbg="file x +p"', "holds a quote"),
        ("a=$b", "holds a quote"),
        ("a;b", "which GRUB reads in another way"),
        ("a&b", "which GRUB reads in another way"),
        ("{", "which GRUB reads in another way"),
        ("#a", "which GRUB reads in another way"),
        ("x" * 2046, "bytes, 2026 is the most"),
    ],
)
def test_parameters_that_only_the_evaluation_knew(lab: Lab, parameters: str, said: str) -> None:
    path = lab.folder / "store/roles/agent/cmdline"
    path.write_text(f"init=/nxcc/agent/init {parameters}\n")
    done = lab("image")
    assert done.returncode == 2
    assert "role agent: " in done.stderr
    assert said in done.stderr


def test_nodes_that_do_not_answer_or_do_not_get_ready(lab: Lab) -> None:
    job = lab.job(1, 2, 3)
    fine(lab("image"))
    fine(lab("--job", job, "deploy"))
    lab.frontend.scenario(unreachable=[HOST.format(3)], never_ready=[HOST.format(1)])
    running = lab.start("--timeout", "600", "provision")
    expected = {
        "server": "not ready: nothing listens on port 80",
        "agent1": "waits for those that it comes after",
        "agent2": "no answer by ssh: ",
    }
    for node, said in expected.items():
        path = lab.own / "provision" / f"{node}.reason"
        wait_for(lambda path=path, said=said: path.exists() and said in path.read_text())
    running.terminate()
    assert running.wait(300) == 143
    assert "not provisioned: waits for those" in lab("status").stdout
    done = lab("--timeout", "0", "provision")
    assert done.returncode == 1
    assert f"-- agent2 ({HOST.format(3)}): " in done.stderr
    assert "agent2.log; console: kaconsole3 -m dahu-3." in done.stderr
    assert "not ready within 0 s (--timeout): server agent1 agent2; `run provision server agent1 agent2`" in done.stderr
    lab.frontend.scenario()
    fine(lab("provision"))
    # One alone, with the others as they are.
    fine(lab("provision", "agent2"))


def test_a_changed_host_key_is_refused(lab: Lab) -> None:
    job = lab.job(1, 2, 3)
    fine(lab("image"))
    fine(lab("--job", job, "deploy"))
    fine(lab("provision", "server"))
    # Somebody else answers at the node's address.
    key = lab.frontend.folder / "nodes" / HOST.format(1) / "ssh" / "ssh_host_ed25519_key"
    assert fine(lab("release", "--dry-run")).stderr == f"oardel {job}\n"
    for path in (key, key.with_suffix(".pub")):
        path.unlink()
    subprocess.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    sockets = (lab.own / "sockets").read_text().strip()
    subprocess.run(["ssh", "-F", str(lab.own / "ssh_config"), "-O", "exit", "server"], capture_output=True, check=False)
    assert os.path.isdir(sockets)
    done = lab("ssh", "server", "true")
    assert done.returncode == 255
    assert "HOST IDENTIFICATION HAS CHANGED" in done.stderr


def test_another_machine_than_a_frontend(tmp_path: Path) -> None:
    lab = Lab(tmp_path, make.lab("site nancy"))
    lab.frontend.program("hostname", "#!/bin/sh\necho fgrenoble.grenoble.grid5000.fr\n")
    done = lab("reserve")
    assert done.returncode == 2
    assert "this is fgrenoble.grenoble.grid5000.fr, and the environment is for the site nancy" in done.stderr
    lab.frontend.without("oarsub", "kadeploy3")
    assert "oarsub is not here: this command runs on a frontend of Grid'5000; `run push nancy`" in lab("up").stderr


def test_without_nix_and_without_a_build(tmp_path: Path) -> None:
    lab = Lab(tmp_path, built=False)
    if lab.frontend.run(["sh", "-c", "command -v nix-build"]).returncode == 0:
        lab.frontend.program("nix-build", "#!/bin/sh\nexit 1\n")
        assert lab("up").returncode == 1
    else:
        assert "nix-build is not here: build on a machine with Nix, and `run push`" in lab("up").stderr


def test_packed_and_pushed_to_a_site(lab: Lab) -> None:
    """The archive that goes to a site is all that the frontend needs, and has no secrets."""
    fine(lab("up", "--dry-run"))
    fine(lab("build"))
    arrived = lab.folder / "arrived"
    arrived.mkdir()
    # A site's ssh, as far as `push` needs one: it notes its words and runs the command.
    ssh = f'#!/bin/sh\nprintf "%s\\n" "$@" >{lab.folder}/words\nfor last; do :; done\n'
    ssh += f'cd {arrived} && exec sh -c "$last"\n'
    real = (lab.frontend.bin / "ssh").read_text()
    lab.frontend.program("ssh", ssh)
    done = lab("push")
    assert done.returncode == 2
    assert "push SITE: the source names none" in done.stderr
    done = lab("--login", "alice", "push", "nancy")
    assert fine(done).stderr.endswith("on nancy: nxcc/lab/g5k-image/run up\n")
    words = (lab.folder / "words").read_text().splitlines()
    assert words[:3] == ["-J", "alice@access.grid5000.fr", "alice@nancy"]
    # Once more: only what is another one goes there, and what this build has no more is removed.
    assert "nancy has 0 of 3 files of the build already" in done.stderr
    result = arrived / "nxcc/lab.state/g5k-image/result"
    (result / "image.tar.gz").write_text("of an earlier build")
    (result / "roles/agent/cmdline").write_text("of an earlier build")
    kept = (result / "image.tar.xz").stat()
    assert "nancy has 2 of 3 files of the build already" in fine(lab("--login", "alice", "push", "nancy")).stderr
    assert (result / "image.tar.xz").stat().st_ino == kept.st_ino
    assert not (result / "image.tar.gz").exists()
    assert (result / "roles/agent/cmdline").read_bytes() == (lab.own / "result/roles/agent/cmdline").read_bytes()
    lab.frontend.program("ssh", real)
    names = {str(path.relative_to(arrived / "nxcc")) for path in arrived.rglob("*") if path.is_file()}
    state = {name for name in names if name.startswith("lab.state")}
    assert state == {f"lab.state/g5k-image/{name}" for name in (
        "built", "result/image.tar.xz", "result/roles/server/cmdline", "result/roles/agent/cmdline",
    )}  # fmt: skip
    lab.frontend.without("nix-build")
    there = arrived / "nxcc/lab/g5k-image/run"
    assert fine(lab.frontend.run([str(there), "image"])).stderr.startswith("== image\n")
    fine(lab("pack", str(lab.folder / "a.tar"), "--no-build"))
    told = subprocess.run(["tar", "-tf", str(lab.folder / "a.tar")], capture_output=True, text=True, check=True).stdout
    assert {line for line in told.splitlines() if not line.endswith("/")} == names


def test_the_configuration_for_a_laptop(lab: Lab) -> None:
    job = lab.job(1, 2, 3)
    fine(lab("image"))
    fine(lab("--job", job, "deploy"))
    fine(lab("provision", "server"))
    path = lab.folder / "config"
    path.write_text(fine(lab("ssh-config")).stdout)
    told = subprocess.run(
        [need("ssh"), "-G", "-F", str(path), "server"], capture_output=True, text=True, check=True
    ).stdout
    facts = dict(line.split(" ", 1) for line in told.splitlines() if " " in line)
    assert facts["hostname"] == HOST.format(1)
    assert facts["proxyjump"] == "alice@access.grid5000.fr,alice@grenoble"
    assert facts["user"] == "root"
    assert facts["stricthostkeychecking"] in ("true", "yes")
    blob = (lab.own / "host-keys/server.pub").read_text().split()[1]
    assert facts["knownhostscommand"].split()[2:] == ["server", "ssh-ed25519", blob]


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_help_and_wrong_usage(lab: Lab, shell: str) -> None:
    need(shell)
    helped = lab.frontend.run([shell, str(lab.run), "help"])
    assert (helped.returncode, helped.stderr) == (0, "")
    for words, said in {
        (): "usage: run",
        ("nonsense",): "no command nonsense",
        ("--what", "up"): "no option --what",
        ("--job", "x", "up"): "--job takes the number of a job",
        ("--nodes", "/none", "up"): "cannot read /none",
        ("--walltime", "1h", "up"): "--walltime takes",
        ("--at", "tomorrow", "up"): "--at takes",
        ("--wait", "soon", "up"): "--wait takes seconds",
        ("--login", "a b", "push"): "--login takes",
        ("--launcher", "ssh", "up"): "--launcher is for kexec",
        ("--old", "clean"): "--old goes with",
        ("--secret", "none=/x", "up"): "no secret is called none",
        ("ssh",): "ssh NODE [COMMAND]",
        ("up", "nobody"): "no node is called nobody; there are: server agent1 agent2",
        ("fetch", "server"): "fetch NODE:PATH",
        ("test",): "declares no test",
        ("push", "a;b"): "a;b is no site",
    }.items():
        done = lab.frontend.run([shell, str(lab.run), *words])
        assert (done.returncode, words) == (2, words), done.stderr
        assert said in done.stderr, words


@pytest.mark.parametrize("given", [("--deploy-timeout=008",), ("--deploy-timeout", "008")])
def test_seconds_with_and_without_a_sign_and_never_octal(lab: Lab, given: tuple[str, ...]) -> None:
    job = lab.job(1, 2, 3)
    fine(lab("image"))
    lab.frontend.scenario(deploy_hangs=True)
    done = lab("--job", job, *given, "deploy")
    assert done.returncode == 1
    assert "kadeploy3 took more than 8 s (--deploy-timeout)" in done.stderr
    assert "--timeout takes seconds" in lab("--timeout=99999999", "status").stderr


def test_a_kadeploy_that_does_not_end_when_told_to(lab: Lab) -> None:
    """Its client gives the server 120 s; here it has one."""
    job = lab.job(1, 2, 3)
    fine(lab("image"))
    lab.frontend.program("kadeploy3", "#!/bin/sh\ntrap '' INT\nwhile :; do sleep 1; done\n")
    lab.frontend.shorter(150, 1)
    # It does not hear it from its first words on, which a busy machine runs late.
    done = lab("--job", job, "--deploy-timeout", "6", "deploy")
    assert done.returncode == 1
    assert "and did not end when told to: its server may still deploy" in done.stderr


def test_a_state_of_somebody_elses_is_refused(lab: Lab) -> None:
    """Where the bundle lies among others' files, one of them may have made it, with a configuration of ssh in it."""
    if os.getuid() != 0:
        missing("only root can give files away")
    lab.state.mkdir()
    os.chown(lab.state, 12345, 12345)
    for words in (("status",), ("ssh", "server", "true"), ("up",)):
        done = lab(*words)
        assert (done.returncode, f"{lab.state} is not yours" in done.stderr) == (2, True), done.stderr
    os.chown(lab.state, 0, 0)


def test_an_archive_whose_name_has_a_colon(lab: Lab) -> None:
    """To tar, HOST:FILE is on another machine."""
    fine(lab("build"))
    fine(lab("pack", "nancy:lab.tar"))
    assert (lab.frontend.home / "nancy:lab.tar").stat().st_size > 1000


def test_dry_runs_are_the_same_in_every_shell_and_make_nothing(lab: Lab) -> None:
    said = []
    for shell in ("dash", "bash"):
        need(shell)
        for command in ("up", "deploy", "provision", "release", "down"):
            done = lab.frontend.run([shell, str(lab.run), "--dry-run", command])
            assert done.returncode == 0, done.stderr
            said.append((shell, done.stdout))
    assert [text for shell, text in said if shell == "dash"] == [text for shell, text in said if shell == "bash"]
    assert not lab.own.parent.exists()


def test_one_at_a_time_and_an_interrupt_ends_kadeploy(lab: Lab) -> None:
    job = lab.job(1, 2, 3)
    fine(lab("image"))
    lab.frontend.scenario(deploy_hangs=True)
    first = lab.start("--job", job, "deploy")
    wait_for(lambda: len(lab.frontend.deployments()) == 2)
    done = lab("deploy")
    assert done.returncode == 2
    assert "another run is at work on this bundle" in done.stderr
    first.send_signal(signal.SIGTERM)
    assert first.wait(300) == 143
    assert first.stderr
    first.stderr.read()  # to its end: nothing that it started holds it
    lab.frontend.scenario()
    # Kadeploy was told: no node stays in the deployment that was ended.
    wait_for(lambda: not lab.frontend.deployments())
    assert "once more" not in fine(lab("deploy")).stderr


def test_a_kadeploy_whose_exit_says_that_nodes_failed(lab: Lab) -> None:
    job = lab.job(1, 2, 3)
    lab.frontend.scenario(ko={HOST.format(3): 1})
    fine(lab("image"))
    real = lab.frontend.bin / "kadeploy3"
    real.rename(lab.frontend.bin / "kadeploy3-real")
    lab.frontend.program("kadeploy3", '#!/bin/sh\nkadeploy3-real "$@" >&2 || exit\nexit 1\n')
    assert f"once more: {HOST.format(3)}" in fine(lab("--job", job, "deploy")).stderr
