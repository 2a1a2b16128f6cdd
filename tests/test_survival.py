"""Inputs of any kind end in a diagnostic, quickly and in little memory: no traceback, no half a bundle."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

MEMORY = 512 * 1024 * 1024
SECONDS = 1.0
"""Of CPU, beyond what a correct small file takes: the machine may be busy."""


def run(folder: Path, *arguments: str, stdin: bytes | None = None) -> tuple[int, str, float]:
    """Exit code, standard error and CPU seconds of nxcc in a folder, with bounded memory."""

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "nxcc", *arguments],
        cwd=folder,
        input=stdin,
        stdin=None if stdin is not None else subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
        preexec_fn=bound,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.returncode, done.stderr.decode("utf-8", "replace"), seconds


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> float:
    """What a correct small file takes; the parser is built in memory where there are no tables."""
    folder = tmp_path_factory.mktemp("usual")
    (folder / "env.nxc").write_text("environment e\nrole a { }\n")
    return min(run(folder, "check", "env.nxc")[2] for _ in range(2))


def refused(folder: Path, content: bytes, usual: float, *arguments: str) -> str:
    """What is said about a file that must be refused with exit code 1, within the bounds, and with nothing written."""
    (folder / "env.nxc").write_bytes(content)
    before = sorted(os.listdir(folder))
    code, said, seconds = run(folder, "compile", "env.nxc", "--flavour", "docker", *arguments)
    assert code == 1, said[-2000:]
    assert "Traceback" not in said
    assert "error[NX" in said
    assert len(said) < 100_000
    assert seconds < usual + SECONDS
    assert sorted(os.listdir(folder)) == before
    return said


HEAD = b"environment e\nrole a { }\n"

INPUTS = {
    "empty": b"",
    "random": random.Random(7).randbytes(100_000),
    "random text": bytes(random.Random(8).choices(range(32, 127), k=100_000)),
    "NUL": HEAD + b"let x = 1\0\n",
    "latin-1": HEAD + 'let x = "é"\n'.encode("latin-1"),
    "ten megabytes": HEAD + b"let a = 1\n" * 1_000_000,
    "ten megabytes on one line": b"x" * 10_000_000,
    "braces": HEAD + b"let x = " + b"{a=" * 20_000,
    "brackets": HEAD + b"let x = " + b"[" * 20_000,
    "parentheses": HEAD + b"let x = " + b"(" * 20_000 + b")" * 20_000,
    "holes": HEAD + b'let x = "' + b'${"' * 20_000,
    "operators": HEAD + b"let x = " + b"1 + " * 20_000 + b"1\n",
    "signs": HEAD + b"let x = " + b"- " * 20_000 + b"1\n",
    "open string": HEAD + b'let x = "' + b"a" * 100_000,
    "open block": HEAD + b'let x = """' + b"a\n" * 50_000,
    "backticks": HEAD + b"let x = " + b"`" * 50_001,
    "open Nix": HEAD + b"let x = ```" + b"(" * 50_000 + b"```\n",
    "a huge range": HEAD + b"let x = 1..1000000000000\n",
    "lists of lists": HEAD + b"let x = [[y for y in 1..60000] for z in 1..60000]\n",
    "doubling": HEAD
    + b'let a0 = "xxxxxxxxxx"\n'
    + b"".join(b'let a%d = "${a%d}${a%d}"\n' % (i + 1, i, i) for i in range(60)),
    "doubling lists": HEAD + b"let a0 = [1]\n" + b"".join(b"let a%d = a%d ++ a%d\n" % (i + 1, i, i) for i in range(60)),
    "many nodes": b"environment e\nrole a[1000000000] { }\n",
    "many shares": HEAD + b'role b { share ["x${n}" for n in 1..10000] }\n',
    "many users": HEAD + b'role b { user (["${n}" for n in 1..10000]) { uid 1000 } }\n',
    "many mounts": HEAD
    + b'role b { share ["/x${n}" for n in 1..5000] }\nrole c { mount ["/y${n}" for n in 1..5000] from b }\n',
    "a cycle of lets": HEAD + b"let a = b\nlet b = a\n",
    "itself": HEAD + b"include ./env.nxc\n",
}


@pytest.mark.parametrize("name", INPUTS)
def test_refused(name: str, tmp_path: Path, usual: float) -> None:
    refused(tmp_path, INPUTS[name], usual)


def test_a_chain_of_lets_is_no_traceback(tmp_path: Path, usual: float) -> None:
    chain = b"".join(b"let a%d = a%d\n" % (i, i + 1) for i in range(6000)) + b"let a6000 = 1\n"
    (tmp_path / "env.nxc").write_bytes(HEAD + chain)
    code, said, _ = run(tmp_path, "check", "env.nxc")
    assert code in (0, 1)
    assert "Traceback" not in said
    assert "internal error" not in said


def test_includes_that_loop(tmp_path: Path, usual: float) -> None:
    for i in range(50):
        (tmp_path / f"f{i}.nxc").write_text(f"include ./f{(i + 1) % 50}.nxc\ninclude ./f{(i + 7) % 50}.nxc\n")
    said = refused(tmp_path, HEAD + b"include ./f0.nxc\n", usual)
    assert "NX0502" in said


@pytest.mark.parametrize("content", [b"\xff\xfe", b'"""', b"role a {", b"\n" * 50_000])
def test_standard_input(content: bytes, tmp_path: Path) -> None:
    code, said, _ = run(tmp_path, "check", "-", stdin=content)
    assert code == 1
    assert "Traceback" not in said
    assert "<stdin>" in said


def test_faults_of_the_machine_exit_with_2(tmp_path: Path) -> None:
    (tmp_path / "env.nxc").write_text("environment e\nrole a { }\n")
    assert run(tmp_path, "check", "missing.nxc")[0] == 2
    assert run(tmp_path, "check", ".")[0] == 2
    (tmp_path / "file").write_text("")
    code, said, _ = run(tmp_path, "compile", "env.nxc", "--flavour", "docker", "-o", "file/out")
    assert code == 2
    assert said.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in said


K3S = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "examples", "k3s", "env.nxc")
SHARED = """environment shared
param people: list = ["ann", "ben"]
let base = "/users"
secret jobs ssh-key owner ann mode 0440
profile users(first: int) {
  user (people), carol ("dora") { uid first; home "${base}/${name}"; groups wheel; keys secret.jobs.pub "ssh-rsa A" }
  user root { keys secret.jobs.pub }
}
role store : users(2000) {
  share ["${base}/${user}" for user in people] read-only owner ann group users mode 0750
  share "${base}/all" mode 1777
  on docker, vm { share "/some" }
  on-boot disk after network.target before sshd.service wants a.mount needs dev-vdb.device with e2fsprogs jq = "mkfs"
}
role node[2] : users(2000) {
  mount ["/a", "/b"] from store at ["${base}/${user}" for user in people]
  mount "${base}/all" from store
  on docker { mount "/some" from store }
  file "/etc/key" mode 0644 user ann = secret.jobs.pub
}
"""


@pytest.mark.parametrize("name", ["k3s", "shared"])
def test_mutations_of_a_correct_file(name: str, tmp_path: Path) -> None:
    """Whatever a finger does to the reference example, there is an answer: in one process, for speed."""
    from nxcc.compiler import compile_file

    text = SHARED
    if name == "k3s":
        with open(K3S, encoding="utf-8") as file:
            text = file.read()
    assert compile_file(str(tmp_path / "env.nxc"), ["docker", "vm"], source=text).ok
    picks = random.Random(3)
    alphabet = "{}[]()\"'`;,.:=+-*/<>$ \n\\#aA1_"
    start = time.process_time()
    refusals = 0
    while time.process_time() - start < 5:
        at = picks.randrange(len(text))
        kind = picks.randrange(4)
        end = at + picks.randrange(1, 12)
        broken = {
            0: text[:at] + text[end:],
            1: text[:at] + picks.choice(alphabet) + text[at:],
            2: text[:at] + text[at:end] * 2 + text[end:],
            3: text[:at],
        }[kind]
        made = compile_file(str(tmp_path / "env.nxc"), ["docker"], source=broken)
        refusals += not made.ok
        assert made.ok or any(d.severity == "error" for d in made.diagnostics)
    assert refusals


def test_thousands_of_directories_take_time_for_each_once(tmp_path: Path) -> None:
    from nxcc.compiler import compile_file

    def seconds(number: int) -> float:
        shares = f'["/x${{n}}" for n in 1..{number}]'
        text = f"environment e\nrole a {{ share {shares} }}\nrole b {{ mount {shares} from a }}\n"
        start = time.process_time()
        assert compile_file(str(tmp_path / "env.nxc"), ["docker"], source=text).ok
        return time.process_time() - start

    seconds(10)
    # Four times as many take four times as long; where each looked at all others, it was fifteen times.
    assert seconds(6000) < 9 * min(seconds(1500) for _ in range(2))


def test_thousands_of_roles_take_time_for_each_once(tmp_path: Path) -> None:
    from nxcc.compiler import compile_file

    def seconds(number: int) -> float:
        text = "environment e\n" + "".join(f'role a{n} {{ share "/x" }}\n' for n in range(number))
        start = time.process_time()
        assert compile_file(str(tmp_path / "env.nxc"), ["docker"], source=text).ok
        return time.process_time() - start

    seconds(10)
    # As above; where each role looked at all others for links and volumes, it was fourteen times.
    assert seconds(2400) < 9 * min(seconds(600) for _ in range(2))
