"""g5k-ramdisk: what it refuses at compile time, and its `run` on the stand-ins. With a real kexec: tests/kexec/."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import g5k_environments as make
import pytest
from grid5000 import lab as base
from grid5000.lab import HOST, fine, lab_source, wait_for
from tools import need

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "g5k-ramdisk"


def source(more: str = "") -> str:
    return lab_source(NAME, more)


class Lab(base.Lab):
    """A laboratory whose kernels are started by kexec, its ramdisks built."""

    def __init__(self, folder: Path, more: str = "", rest: str = "") -> None:
        super().__init__(folder, source(more) + rest, NAME)
        self.store = make.pairs(folder / "store", {"server": "loglevel=4 mitigations=off", "agent": "loglevel=4"})
        self.builds(self.store)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made("down")


def test_from_the_sites_system_to_ready(lab: Lab) -> None:
    fine(lab("up"))
    assert lab.frontend.log("oarsub") == [
        ["-n", "lab", "-l", "{cluster='dahu'}/host=3,walltime=1:30:00", "sleep infinity"]
    ]
    assert not lab.frontend.log("kadeploy3", "mistake")
    loaded = [words for words in lab.frontend.log("kexec") if "-l" in words]
    assert sorted(words[0] for words in loaded) == [HOST.format(n) for n in (2, 3, 4)]
    for words in loaded:
        assert sum(word.startswith("--initrd=") for word in words) == 1
        assert "--reuse-cmdline" not in words
    told = fine(lab("ssh", "agent1", "hostname; cat /proc/cmdline; ls /run/nxcc/host/secrets")).stdout.splitlines()
    key = (lab.own / "id_ed25519.pub").read_text().split()[1]
    line = f"init=/nix/store/agent/init loglevel=4 systemd.unit=nxcc-provision.target nxcc.key={key}"
    assert told == ["agent1", line, "key", "key.pub", "token"]
    # Again: nothing jumps. One by name: from our own system, where no home is.
    fine(lab("up"))
    assert len([words for words in lab.frontend.log("kexec") if "-l" in words]) == 3
    fine(lab("deploy", "agent2"))
    assert "deployed" in next(text for text in fine(lab("status")).stdout.splitlines() if text.startswith("agent2"))
    assert len([words for words in lab.frontend.log("kexec") if "-l" in words]) == 4


def test_the_home_of_the_site(tmp_path: Path) -> None:
    lab = Lab(tmp_path, "home true")
    lab.frontend.scenario(no_mount=[HOST.format(3)])
    done = lab("up")
    assert done.returncode == 1
    assert f"-- agent1 ({HOST.format(3)}): your home cannot be mounted" in done.stderr
    lab.frontend.scenario()
    fine(lab("up"))
    mounts = [words for words in lab.frontend.log("mount") if words[0] == HOST.format(4)]
    home = os.path.realpath(lab.frontend.home)
    source = "nfs:/export/home/alice"
    versions = ("4.2", "4.1", "4.0")
    assert mounts[:3] == [
        [HOST.format(4), "-i", "-t", "nfs", "-o", f"vers={version},nolock,addr=172.16.16.1", source, home]
        for version in versions
    ]
    # A second time nothing is mounted above it.
    count = len(lab.frontend.log("mount"))
    fine(lab("provision"))
    assert len(lab.frontend.log("mount")) == count
    fine(lab("down"))


def test_a_reservation_in_advance(lab: Lab) -> None:
    start = datetime.now() + timedelta(seconds=8)
    fine(lab("--at", start.strftime("%Y-%m-%d %H:%M:%S"), "reserve"))
    assert datetime.now() >= start.replace(microsecond=0)
    (words,) = lab.frontend.log("oarsub")
    assert words[words.index("-r") + 1] == start.strftime("%Y-%m-%d %H:%M:%S")
    assert fine(lab("status")).stdout.count(" reserved\n") == 3


def test_the_test_script_runs_on_the_nodes(tmp_path: Path) -> None:
    script = 'server.succeed("hostname | grep -x server")\nassert agent1.succeed("hostname") == "agent1\\n"\n'
    (tmp_path / "lab").mkdir()
    lab = Lab(tmp_path, rest=f'test """\n{script}"""\n')
    fine(lab("up"))
    fine(lab("test"))
    fine(lab("down"))


@pytest.mark.slow
def test_a_node_whose_kexec_leads_nowhere(lab: Lab) -> None:
    lab.frontend.scenario(no_kexec=[HOST.format(3)])
    fine(lab("reserve"))
    done = lab("--deploy-timeout", "60", "deploy")
    assert done.returncode == 1
    assert f"-- agent1 ({HOST.format(3)}): the old system still answers" in done.stderr
    assert "do not run their kernel within 60 s (--deploy-timeout): agent1; `run deploy agent1` tries" in done.stderr
    assert "failed: the old system still answers" in lab("status").stdout
    lab.frontend.scenario()
    assert "loading: agent1 \n" in fine(lab("deploy")).stderr


@pytest.mark.parametrize("shell", ["dash", "busybox", "bash"])
def test_a_kernel_gets_its_parameters_as_they_are(tmp_path: Path, shell: str) -> None:
    """Through the shells of the frontend, of ssh, of sudo-g5k and of the node."""
    odd = "a;b&&c|d<e>(f){g}[h]*?!~%:^@,+=#i"
    lab = Lab(tmp_path, f'kernel-params "{odd}", "#k", "*", "~"')
    words = [need("busybox"), "sh"] if shell == "busybox" else [need(shell)]
    fine(lab("reserve"))
    key = "nxcc.key="
    # From the site's own system, and from ours.
    for _ in range(2):
        fine(lab.frontend.run([*words, str(lab.run), "--pause", "0.1", "deploy", "server"], timeout=300))
        line = fine(lab("ssh", "server", "cat /proc/cmdline")).stdout
        assert line.partition(key)[2].partition(" ")[2] == f"{odd} #k * ~\n"
    assert len([words for words in lab.frontend.log("kexec") if "-l" in words]) == 2
    lab("down")


def test_a_shell_that_says_more_than_it_is_asked(lab: Lab) -> None:
    """A file of its own that greets is none of ours; one that ends it is said."""
    fine(lab("reserve"))
    for index in (2, 3, 4):
        sudo = Path(lab.frontend.site.node(HOST.format(index))) / "bin/sudo-g5k"
        sudo.write_text(sudo.read_text().replace("#!/bin/sh\n", "#!/bin/sh\necho Welcome\n"))
    lab.frontend.scenario(babbles={HOST.format(3): "standard"})
    done = lab("deploy")
    assert done.returncode == 1
    said = 'it tells no boot id but "[1mHave a lot of fun": does a file of its shell (.bashrc) end it?'
    assert f"-- agent1 ({HOST.format(3)}): {said}" in done.stderr.splitlines()
    assert "cannot load kernel and ramdisk: agent1;" in done.stderr
    assert not lab.frontend.log("kexec")
    # Nor is it another kernel that runs when the new one's says something else.
    lab.frontend.scenario(babbles={HOST.format(3): "kexec"})
    running = lab.start("deploy")
    reason = lab.own / "deploy/agent1.reason"
    wait_for(lambda: reason.exists() and "it tells no boot id" in reason.read_text())
    assert not (lab.own / "deployed" / HOST.format(3)).exists()
    lab.frontend.scenario()
    assert running.wait(300) == 0


def test_a_node_whose_shell_never_answers(lab: Lab) -> None:
    """As where the home is gone: sshd answers."""
    fine(lab("reserve"))
    lab.frontend.shorter(60, 5)
    lab.frontend.scenario(hangs=[HOST.format(3)])
    done = lab("deploy")
    assert done.returncode == 1
    said = "its shell does not answer within a minute: is your home there?"
    assert f"-- agent1 ({HOST.format(3)}): {said}" in done.stderr
    (lab.frontend.bin / "timeout").unlink()
    lab.frontend.scenario()
    fine(lab("deploy"))


def test_nobody_jumps_where_one_cannot_load(lab: Lab) -> None:
    lab.frontend.scenario(unreachable=[HOST.format(3)])
    fine(lab("reserve"))
    done = lab("deploy")
    assert done.returncode == 1
    assert f"-- agent1 ({HOST.format(3)}): " in done.stderr
    assert not [words for words in lab.frontend.log("systemctl") if "kexec" in words]


@pytest.mark.parametrize("over", [0, 1])
def test_the_longest_command_line(lab: Lab, over: int) -> None:
    # init=…, the stop, and the key stand around it.
    around = len("init=/nix/store/agent/init  systemd.unit=nxcc-provision.target nxcc.key=") + 68
    line = f"init=/nix/store/agent/init {'x' * (2046 - around + over)}\n"
    (lab.store / "roles/agent/cmdline").write_text(line)
    done = lab("up", "--wait", "0") if over else lab("reserve")
    if not over:
        fine(lab("build"))
        fine(lab("deploy"))
        return
    assert done.returncode == 2
    assert "role agent: its command line has 2047 bytes, and Linux takes 2046" in done.stderr
    assert not lab.frontend.log("oarsub")


def test_a_quote_that_only_the_evaluation_knew(lab: Lab) -> None:
    (lab.store / "roles/agent/cmdline").write_text("init=/x/init dyndbg='file x'\n")
    done = lab("up")
    assert done.returncode == 2
    assert "role agent: a kernel parameter holds a quote" in done.stderr
    assert not lab.frontend.log("oarsub")


def test_a_ramdisk_that_does_not_fit(lab: Lab) -> None:
    os.truncate(lab.store / "pairs/1/initrd", 1 << 40)  # a hole: it takes no room
    fine(lab("reserve"))
    done = lab("deploy")
    assert done.returncode == 1
    assert "MiB of memory free, and needs 2097" in done.stderr
    assert not lab.frontend.log("kexec")


def test_at_compile_time(tmp_path: Path) -> None:
    for length, fits in ((1700, True), (2000, False)):
        text = f'environment lab\nrole a {{\n  kernel-params "{"x" * length}"\n}}'
        errors = [d for d in make.compiled(text, tmp_path, NAME).diagnostics if d.severity == "error"]
        assert [d.code for d in errors] == ([] if fits else ["NX0704"])
    (error,) = [
        d for d in make.compiled(source("filesystem ext4"), tmp_path, NAME).diagnostics if d.severity == "error"
    ]
    assert error.code == "NX0702"


def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    run = make.write(source("home true"), tmp_path / "bundle", NAME)
    done = subprocess.run([need("shellcheck"), str(run)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def test_what_the_image_flavour_alone_has(lab: Lab) -> None:
    for command in ("image", "clean"):
        done = lab(command)
        assert (done.returncode, f"no command {command}" in done.stderr) == (2, True)
