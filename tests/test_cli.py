"""The command line as a user meets it: exit codes, what goes where, and no traceback ever."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from programs import HOME, command
from tools import need

from nxcc.flavours import BUILTIN

if TYPE_CHECKING:
    from pathlib import Path

    from programs import Nxcc

GOOD = """
environment lab "two web servers"
param servers: int = 2 in 1..9 "how many"
param memory: size = 1GiB
role web[servers] {
  packages git
  resources { memory memory }
}
role client { after web }
"""
WARNED = GOOD + "role store { resources { disk 5GiB } }  # a container's disk has no size\n"
BAD = "environment lab\nrole web { packages git\n"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "env.nxc"
    path.write_text(GOOD)
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.nxc"
    path.write_text(BAD)
    return path


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- the program ---


def test_version_and_help(nxcc: Nxcc) -> None:
    version = nxcc("--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout.startswith("nxcc 0.")
    helped = nxcc("--help")
    assert helped.returncode == 0
    for name in ("init", "compile", "check", "lock", "show", "flavours", "explain"):
        assert f"\n  {name} " in helped.stdout
        assert nxcc(name, "--help").returncode == 0


def test_no_command_and_unknown_command_are_wrong_usage(nxcc: Nxcc) -> None:
    assert nxcc().returncode == 2
    unknown = nxcc("comple")
    assert unknown.returncode == 2
    assert "compile" in unknown.stderr
    assert unknown.stdout == ""


def test_listed_commands_have_their_own_help_as_the_listing_says(nxcc: Nxcc) -> None:
    from nxcc.cli import COMMANDS

    for name, line in COMMANDS.items():
        first = " ".join(nxcc(name, "--help", env={"COLUMNS": "200"}).stdout.split("\n\n")[1].split())
        assert first.split()[0] == line.split()[0], (name, first, line)


def test_reader_that_goes_away(good: Path, nxcc: Nxcc, tmp_path: Path) -> None:
    program = " ".join(f"'{word}'" for word in command(["show", str(good)]))
    done = subprocess.run(
        ["bash", "-c", f"{program} | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": HOME},
        check=True,
    )
    assert done.stdout.strip() in ("0", "141")  # 0: all was written before `true` ended
    assert done.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk_under_the_output(good: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command(["show", str(good)]),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": HOME},
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "error: No space left on device\n"


def test_interrupt(tmp_path: Path) -> None:
    fifo = tmp_path / "env.nxc"
    os.mkfifo(fifo)
    with subprocess.Popen(
        command(["check", "-"]), stdin=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": HOME}
    ) as running:
        assert running.stdin is not None
        running.stdin.write(b"environment")
        running.stdin.flush()
        waited = 0.0
        while "pipe_read" not in _waits_in(running.pid) and waited < 10:
            signal.sigtimedwait([], 0.05)
            waited += 0.05
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate()
    assert running.returncode == 130
    assert b"Traceback" not in errors


def _waits_in(pid: int) -> str:
    """The system call in which a process sleeps; "" where the kernel does not tell."""
    try:
        with open(f"/proc/{pid}/wchan") as file:
            return file.read()
    except OSError:
        return ""


def test_a_bug_is_said_to_be_one(good: Path, tmp_path: Path) -> None:
    code = (
        "import sys, nxcc.compiler\n"
        "def broken(*a, **k): raise KeyError('surprise')\n"
        "nxcc.compiler.check_file = broken\n"
        "from nxcc.__main__ import main\n"
        f"sys.argv = ['nxcc', 'check', {str(good)!r}]\n"
        "sys.exit(main())\n"
    )
    for debug in ("", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": HOME, "NXCC_DEBUG": debug},
            check=False,
        )
        assert done.returncode == 2
        assert "internal error: KeyError: 'surprise'" in done.stderr
        assert "report" in done.stderr
        assert ("Traceback" in done.stderr) == bool(debug)


# --- check ---


def test_check_says_that_all_is_well(good: Path, nxcc: Nxcc) -> None:
    done = nxcc("check", "env.nxc")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "lab: no errors; 2 roles, 3 nodes\n"
    assert nxcc("check", "env.nxc", "--quiet").stdout == ""


def test_check_with_more_words(good: Path, nxcc: Nxcc) -> None:
    lines = nxcc("check", "env.nxc", "--verbose").stdout.splitlines()
    assert lines[1:3] == ["  web: web1, web2", "  client: client"]
    assert lines[3].startswith("took ")


def test_check_of_an_error(bad: Path, nxcc: Nxcc) -> None:
    done = nxcc("check", "bad.nxc")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error[NX01")
    assert "bad.nxc:2:10" in done.stderr


def test_missing_file_folder_and_unreadable_file(nxcc: Nxcc, tmp_path: Path) -> None:
    for arguments in (["check", "no.nxc"], ["compile", "no.nxc", "-f", "docker"], ["show", "no.nxc"], ["check", "."]):
        done = nxcc(*arguments)
        assert done.returncode == 2, arguments
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("error: "), done.stderr
        assert arguments[1] in done.stderr
    if os.getuid():
        (tmp_path / "closed.nxc").write_text(GOOD)
        (tmp_path / "closed.nxc").chmod(0)
        assert nxcc("check", "closed.nxc").returncode == 2


def test_standard_input(nxcc: Nxcc) -> None:
    assert nxcc("check", "-", stdin=GOOD).returncode == 0
    failed = nxcc("check", "-", stdin=BAD)
    assert failed.returncode == 1
    assert ":2:10" in failed.stderr
    assert nxcc("check", "-", stdin=b"\xff\xfe\x00").returncode == 1


def test_a_pipe_is_a_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(
        command(["check", str(tmp_path / "pipe")]), stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": HOME}
    ) as running:
        (tmp_path / "pipe").write_text(BAD)
        _, errors = running.communicate(timeout=60)
    assert (running.returncode, b"NX" in errors) == (1, True)


def test_pipes_that_a_source_names_are_not_waited_for(nxcc: Nxcc, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    shown = {
        "include ./pipe": "./pipe",
        "let x = read(./pipe)": "./pipe",
        "role b { user ann { keys ./pipe } }": "./pipe",
        "role b { import ./pipe }": "pipe",
        "secret x from ./pipe": "",
    }
    for statement, name in shown.items():
        (tmp_path / "env.nxc").write_text(f"environment e\nrole a\n{statement}\n")
        done = nxcc("check", "env.nxc", "--output-format", "concise")
        assert done.returncode == bool(name)
        assert not name or f"cannot read `{name}`: not a regular file" in done.stderr


def test_parameters_and_setups(good: Path, nxcc: Nxcc) -> None:
    assert "5 nodes" in nxcc("check", "env.nxc", "--set", "servers=4").stdout
    assert "4 nodes" in nxcc("check", "env.nxc", "--set", "servers=9", "--set", "servers=3").stdout
    for wrong in ("servers=99", "servers=x", "nodes=3", "servers="):
        assert nxcc("check", "env.nxc", "--set", wrong).returncode == 1, wrong
    assert nxcc("check", "env.nxc", "--set", "servers").returncode == 2
    assert nxcc("check", "env.nxc", "--setup", "nowhere").returncode == 1


@pytest.mark.parametrize("arguments", [["--output-format", "xml"], ["--color", "blue"], ["--deny", "notes"], ["--no"]])
def test_wrong_options(good: Path, nxcc: Nxcc, arguments: list[str]) -> None:
    done = nxcc("check", "env.nxc", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_parameter_without_name_or_value(good: Path, nxcc: Nxcc) -> None:
    for given, said in {
        "=1": "has no name\nhelp: write `--set NAME=1`",
        "servers": "write `--set servers=VALUE`",
    }.items():
        done = nxcc("check", "env.nxc", "--set", given)
        assert done.returncode == 2
        assert said in done.stderr


def test_unknown_flavour_is_wrong_usage(good: Path, nxcc: Nxcc) -> None:
    done = nxcc("check", "env.nxc", "--flavour", "doker")
    assert done.returncode == 2
    assert "did you mean `docker`?" in done.stderr
    assert nxcc("compile", "env.nxc", "-f", "doker").returncode == 2


def test_formats_for_programs_are_whole_documents(good: Path, bad: Path, nxcc: Nxcc) -> None:
    for format in ("json", "sarif"):
        for name, code in (("env.nxc", 0), ("bad.nxc", 1)):
            done = nxcc("check", name, "--output-format", format)
            assert done.returncode == code
            json.loads(done.stderr)
    assert nxcc("check", "bad.nxc", "--output-format", "github").stderr.startswith("::error ")
    concise = nxcc("check", "bad.nxc", "--output-format", "concise").stderr
    assert concise.startswith("bad.nxc:2:10: error[NX01")


def test_deny_warnings(nxcc: Nxcc, tmp_path: Path) -> None:
    (tmp_path / "env.nxc").write_text(WARNED)
    allowed = nxcc("compile", "env.nxc", "-f", "docker")
    assert allowed.returncode == 0
    assert "warning[NX0705]" in allowed.stderr
    shutil.rmtree(tmp_path / "build")
    denied = nxcc("compile", "env.nxc", "-f", "docker", "--deny", "warnings")
    assert denied.returncode == 1
    assert not (tmp_path / "build").exists()


def test_colour(bad: Path, tmp_path: Path, nxcc: Nxcc) -> None:
    assert "\x1b" not in nxcc("check", "bad.nxc").stderr
    assert "\x1b" in nxcc("check", "bad.nxc", "--color", "always", env={"NO_COLOR": "1"}).stderr

    def on_a_terminal(**variables: str) -> bytes:
        ours, theirs = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": HOME, **variables}
        with subprocess.Popen(command(["check", str(bad)]), stderr=theirs, env=environment) as running:
            os.close(theirs)
            seen = b""
            try:
                while piece := os.read(ours, 4096):
                    seen += piece
            except OSError:  # how Linux says that the other side is closed
                pass
            assert running.wait() == 1
        os.close(ours)
        return seen

    assert b"\x1b[" in on_a_terminal()
    assert b"\x1b" not in on_a_terminal(NO_COLOR="1")
    assert b"\x1b" not in on_a_terminal(TERM="dumb")


def test_a_locale_without_utf8(nxcc: Nxcc, tmp_path: Path) -> None:
    (tmp_path / "env.nxc").write_text('environment lab "Zürich →"\nrole web { packages gît }\n', encoding="utf-8")
    plain = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = nxcc("check", "env.nxc", env=plain)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (tmp_path / "env.nxc").write_text('environment lab "Zürich →"\nrole web\n', encoding="utf-8")
    shown = nxcc("show", "env.nxc", env=plain)
    assert shown.returncode == 0
    assert "Zürich →" in shown.stdout


# --- check --nix ---


def test_nix_parses_the_composition(good: Path, nxcc: Nxcc) -> None:
    need("nix-instantiate")
    assert nxcc("check", "env.nxc", "--nix").returncode == 0


def test_nix_refuses_a_fragment_at_its_place(nxcc: Nxcc, tmp_path: Path) -> None:
    need("nix-instantiate")
    (tmp_path / "env.nxc").write_text("environment lab\nrole web {\n  networking.domain = `1 + + 2`\n}\n")
    assert nxcc("check", "env.nxc").returncode == 0
    done = nxcc("check", "env.nxc", "--nix")
    assert done.returncode == 1
    assert "error[NX0125]" in done.stderr
    assert "env.nxc:3:23" in done.stderr


def test_nix_is_missing(good: Path, nxcc: Nxcc) -> None:
    done = nxcc("check", "env.nxc", "--nix", env={"PATH": "/nowhere"})
    assert done.returncode == 2
    assert "nix-instantiate" in done.stderr


# --- compile ---


def test_compile_writes_a_bundle_and_says_how_to_go_on(good: Path, nxcc: Nxcc, tmp_path: Path) -> None:
    done = nxcc("compile", "env.nxc", "--flavour", "docker")
    assert (done.returncode, done.stderr.count("error")) == (0, 0)
    bundle = tmp_path / "build" / "lab"
    assert {"composition.nix", "environment.json", "manifest.json", "docker/docker-compose.yml"} <= set(tree(bundle))
    assert done.stdout.startswith("build/lab: ")
    assert done.stdout.endswith("next: build/lab/docker/run build && build/lab/docker/run up\n")
    assert os.access(bundle / "docker" / "run", os.X_OK)
    again = nxcc("compile", "env.nxc")
    assert again.returncode == 0
    assert "nothing changed" in again.stdout
    assert nxcc("compile", "env.nxc", "--quiet").stdout == ""


def test_compile_names_what_changed(good: Path, nxcc: Nxcc) -> None:
    assert nxcc("compile", "env.nxc", "-f", "docker", "-o", "out").returncode == 0
    changed = nxcc("compile", "env.nxc", "-o", "out", "--set", "servers=3")
    assert changed.returncode == 0
    assert "  changed  docker/docker-compose.yml\n" in changed.stdout
    assert "  changed  composition.nix\n" in changed.stdout


def test_compile_without_a_flavour_lists_them(good: Path, nxcc: Nxcc, tmp_path: Path) -> None:
    for arguments in ([], ["-o", "out"]):
        done = nxcc("compile", "env.nxc", *arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        assert "\n  docker  " in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["env.nxc"]


def test_commands_to_go_on_with_can_be_pasted(nxcc: Nxcc, tmp_path: Path) -> None:
    (tmp_path / "my env.nxc").write_text('nixpkgs "github:NixOS/nixpkgs/nixos-25.11"\n' + GOOD)
    assert "`nxcc compile 'my env.nxc' --flavour NAME`" in nxcc("compile", "my env.nxc").stderr
    done = nxcc("compile", "my env.nxc", "-f", "docker", "-o", "my out")
    assert "`nxcc lock 'my env.nxc'` fixes them" in done.stderr
    assert done.stdout.endswith("next: 'my out/docker/run' build && 'my out/docker/run' up\n")


def test_compile_of_standard_input_again(nxcc: Nxcc, tmp_path: Path) -> None:
    assert nxcc("compile", "-", "-f", "docker", stdin=GOOD).returncode == 0
    again = nxcc("compile", "-", stdin=GOOD)
    assert again.returncode == 0
    assert "nothing changed" in again.stdout


def test_compile_with_a_setup_has_its_own_folder(nxcc: Nxcc, tmp_path: Path) -> None:
    (tmp_path / "env.nxc").write_text(GOOD + "setup large { servers = 8 }\n")
    assert nxcc("compile", "env.nxc", "-f", "all", "--setup", "large").returncode == 0
    assert (tmp_path / "build" / "lab@large" / "docker" / "run").exists()


def test_compile_of_an_error_writes_nothing(bad: Path, nxcc: Nxcc, tmp_path: Path) -> None:
    for arguments in (["-f", "docker"], ["-f", "all", "-o", "out"], ["-o", "-"]):
        assert nxcc("compile", "bad.nxc", *arguments).returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.nxc"]


def test_compile_to_standard_output(good: Path, nxcc: Nxcc, tmp_path: Path) -> None:
    assert nxcc("compile", "env.nxc", "-f", "docker").returncode == 0
    files = tree(tmp_path / "build" / "lab")
    assert nxcc("compile", "env.nxc", "-o", "-").stdout.encode() == files["composition.nix"]
    for path in ("docker/docker-compose.yml", "docker/run"):
        done = nxcc("compile", "env.nxc", "-o", "-", "--artifact", path)
        assert (done.returncode, done.stdout.encode()) == (0, files[path])
    missing = nxcc("compile", "env.nxc", "-o", "-", "--artifact", "docker/docker-compose.yaml")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "did you mean `docker/docker-compose.yml`" in missing.stderr


def test_options_that_exclude_each_other(good: Path, nxcc: Nxcc) -> None:
    assert nxcc("compile", "env.nxc", "-f", "docker", "--force", "--keep").returncode == 2
    assert nxcc("compile", "env.nxc", "-f", "docker", "--artifact", "composition.nix").returncode == 2
    assert nxcc("show", "env.nxc", "--nodes", "--params").returncode == 2


def test_files_edited_by_hand(good: Path, nxcc: Nxcc, tmp_path: Path) -> None:
    assert nxcc("compile", "env.nxc", "-f", "docker", "-o", "out").returncode == 0
    edited = tmp_path / "out" / "docker" / "docker-compose.yml"
    before = edited.read_bytes()
    edited.write_bytes(before + b"# mine\n")
    (tmp_path / "out" / "notes.txt").write_text("mine as well")
    refused = nxcc("compile", "env.nxc", "-o", "out", "--set", "servers=3")
    assert refused.returncode == 1
    assert "error[NX0801]" in refused.stderr
    assert "out/docker/docker-compose.yml" in refused.stderr
    assert "--force" in refused.stderr
    assert "servers=3" not in (tmp_path / "out" / "manifest.json").read_text()
    assert nxcc("compile", "env.nxc", "-o", "out", "--keep").returncode == 0
    assert edited.read_bytes() == before + b"# mine\n"
    assert nxcc("compile", "env.nxc", "-o", "out", "--force").returncode == 0
    assert edited.read_bytes() == before
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine as well"


def test_files_edited_by_hand_are_part_of_the_one_document(nxcc: Nxcc, tmp_path: Path) -> None:
    (tmp_path / "env.nxc").write_text(WARNED)
    assert nxcc("compile", "env.nxc", "-f", "docker", "-o", "out").returncode == 0
    (tmp_path / "out" / "README.md").write_text("mine")
    done = nxcc("compile", "env.nxc", "-o", "out", "--output-format", "json")
    assert done.returncode == 1
    found = json.loads(done.stderr)
    assert (found["errors"], found["warnings"]) == (1, 1)
    assert json.loads(nxcc("compile", "env.nxc", "-o", "out", "--output-format", "sarif").stderr)["runs"]
    assert "1 error, 1 warning" in nxcc("compile", "env.nxc", "-o", "out").stderr


def test_denied_warnings_write_nothing(nxcc: Nxcc, tmp_path: Path) -> None:
    (tmp_path / "env.nxc").write_text(WARNED)
    assert nxcc("compile", "env.nxc", "-f", "docker", "--deny", "warnings").returncode == 1
    assert not (tmp_path / "build").exists()


def test_a_file_in_the_way(good: Path, nxcc: Nxcc, tmp_path: Path) -> None:
    """A file that no compile wrote is not said to have been edited."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "README.md").write_text("theirs")
    refused = nxcc("compile", "env.nxc", "-f", "docker", "-o", "out")
    assert refused.returncode == 1
    assert "error[NX0805]: `out/README.md` is in the way" in refused.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["README.md"]
    assert nxcc("compile", "env.nxc", "-f", "docker", "-o", "out", "--keep").returncode == 0
    assert (tmp_path / "out" / "README.md").read_text() == "theirs"


def test_an_empty_output_is_wrong_usage(good: Path, nxcc: Nxcc, tmp_path: Path) -> None:
    done = nxcc("compile", "env.nxc", "-f", "docker", "-o", "")
    assert done.returncode == 2
    assert "names no folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["env.nxc"]


def test_a_folder_that_cannot_be_written(good: Path, nxcc: Nxcc, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for output in ("file", "file/below", "/proc/nxcc"):
        done = nxcc("compile", "env.nxc", "-f", "docker", "-o", output)
        assert done.returncode == 2, output
        assert done.stdout == ""
        assert done.stderr.splitlines()[-1].startswith("error: "), done.stderr
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "manifest.json").write_text("[]")
    assert nxcc("compile", "env.nxc", "-f", "docker", "-o", "theirs").returncode == 2


# --- show, flavours, explain ---


def test_show(good: Path, nxcc: Nxcc) -> None:
    done = nxcc("show", "env.nxc")
    assert done.returncode == 0
    assert json.loads(done.stdout)["name"] == "lab"
    nodes = nxcc("show", "env.nxc", "--nodes", "--set", "servers=1").stdout.splitlines()
    assert [line.split()[:2] for line in nodes[1:]] == [["web1", "web"], ["client", "client"]]
    params = nxcc("show", "env.nxc", "--params", "--set", "memory=2GiB").stdout.splitlines()
    assert [line.split()[:3] for line in params[1:]] == [["servers", "int", "2"], ["memory", "size", "2GiB"]]


def test_flavours(nxcc: Nxcc) -> None:
    assert "docker" in nxcc("flavours").stdout
    found = json.loads(nxcc("flavours", "--output-format", "json").stdout)
    assert [flavour["name"] for flavour in found["flavours"]] == [*BUILTIN]


def test_explain(nxcc: Nxcc) -> None:
    done = nxcc("explain", "nx0203")
    assert done.returncode == 0
    assert "Wrong:" in done.stdout
    assert "Right:" in done.stdout
    unknown = nxcc("explain", "NX02O3")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "NX0203" in unknown.stderr


def test_lock_holds_the_inputs_of_every_setup(nxcc: Nxcc, tmp_path: Path) -> None:
    need("nix")
    for name in ("plain", "other", "tools"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "flake.nix").write_text("{ outputs = _: { }; }\n")
    (tmp_path / "env.nxc").write_text(
        f'environment lab\nnixpkgs "path:{tmp_path}/plain"\nrole web\n'
        f'setup new {{ input tools "path:{tmp_path}/tools" }}\n'
    )
    first = nxcc("lock", "env.nxc")
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("env.lock: written\n")
    lock = json.loads((tmp_path / "env.lock").read_text())
    assert set(lock["nodes"][lock["root"]]["inputs"]) == {"nixpkgs", "tools"}
    assert nxcc("lock", "env.nxc").stdout.startswith("env.lock: unchanged\n")
    missing = nxcc("lock", "env.nxc", env={"PATH": "/nowhere"})
    assert missing.returncode == 2
    assert "nix" in missing.stderr


# --- completion, by the real shells ---


def test_completion_in_bash(tmp_path: Path) -> None:
    bash = need("bash")
    script = _completion("bash")
    for typed, wanted in (
        ("nxcc com", "compile"),
        ("nxcc compile --flavour d", "docker"),
        ("nxcc explain NX020", "NX0203"),
    ):
        words = typed.split()
        code = (
            f"{script}\nCOMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}\n"
            '_nxcc_completion nxcc; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            [bash, "-c", code], capture_output=True, text=True, env=_with_nxcc_on_path(tmp_path), check=True
        )
        assert wanted in done.stdout.split(), (typed, done)


def test_completion_in_fish(tmp_path: Path) -> None:
    fish = need("fish")
    code = f"{_completion('fish')}\ncomplete --do-complete 'nxcc com'\ncomplete --do-complete 'nxcc check --flavour d'"
    done = subprocess.run(
        [fish, "--no-config", "-c", code], capture_output=True, text=True, env=_with_nxcc_on_path(tmp_path), check=True
    )
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["compile", "docker"]


def test_completion_in_zsh(tmp_path: Path) -> None:
    zsh = need("zsh")
    script = _completion("zsh").replace("compdef", ": compdef")
    code = f"_arguments() {{ print -r -- $* }}\n{script}\nwords=(nxcc compile --flavour d); CURRENT=4; _nxcc_completion"
    done = subprocess.run(
        [zsh, "-f", "-c", code], capture_output=True, text=True, env=_with_nxcc_on_path(tmp_path), check=True
    )
    assert "docker" in done.stdout


def _completion(shell: str) -> str:
    """The script that nxcc prints for a shell."""
    environment = {**os.environ, "PYTHONPATH": HOME, "_NXCC_COMPLETE": f"source_{shell}"}
    return subprocess.run(command([]), capture_output=True, text=True, env=environment, check=True).stdout


def _with_nxcc_on_path(folder: Path) -> dict[str, str]:
    """An environment in which `nxcc` is the one under test."""
    program = folder / "bin" / "nxcc"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m nxcc \"$@\"\n")
    program.chmod(0o755)
    return {**os.environ, "PYTHONPATH": HOME, "PATH": f"{program.parent}:{os.environ['PATH']}", "HOME": str(folder)}
