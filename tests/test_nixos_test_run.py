"""nixos-test's test.nix and `run`: what they say, what Nix makes of them, and what is done with Nix's drivers."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from nix_systems import evaluate, nixpkgs
from tools import need

from nxcc.compiler import compile_file

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
environment lab "x"
secret licence from ./licence
role db-main { resources { memory 1500MiB; cpus 1.5; disk 3GiB }; publish 8080:80 }
role web[2] { after db-main }
test "db_main.start()"
test "quick" "web1.start()"
test "a long: name" "web2.start()"
"""
ONLY_NODES = SOURCE.partition("test ")[0]


def bundle(folder: Path, source: str = SOURCE) -> Path:
    """The bundle of a source; gives its folder, whose name has what paths may have."""
    (folder / "licence").write_text("x")
    (folder / "env.nxc").write_text(source)
    made = folder / "it's a bundle"
    found = compile_file(str(folder / "env.nxc"), ["nixos-test"], directory=str(made))
    assert found.ok, found.diagnostics
    for file in found.files:
        path = made / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(0o755 if file.executable else 0o644)
    return made


def run(made: Path, *arguments: str, shell: str = "sh", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [need(shell), str(made / "nixos-test/run"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=300,
    )


def nix(folder: Path, driver: str, test: str = "exit 0") -> str:
    """A PATH with a nix-build that notes what it is asked for; ``driver`` is the script of every driver."""
    (folder / "built/bin").mkdir(parents=True)
    program = folder / "built/bin/nixos-test-driver"
    program.write_text(f"#!/bin/sh\n{driver}\n")
    program.chmod(0o755)
    text = (
        f'echo "$*" >>"{folder}/asked"\nfor link; do :; done\n'
        f'case "$link" in */result) {test} ;; esac\nln -sfn "{folder}/built" "$link"\necho "{folder}/built"\n'
    )
    (folder / "bin").mkdir()
    (folder / "bin/nix-build").write_text(f"#!/bin/sh\n{text}")
    (folder / "bin/nix-build").chmod(0o755)
    return f"{folder / 'bin'}:{os.environ['PATH']}"


def asked(folder: Path, made: Path) -> list[str]:
    """What nix-build was asked for, the test's file aside."""
    lines = (folder / "asked").read_text().splitlines()
    file, state = f"{made}/nixos-test/test.nix", f"{made}.state/nixos-test/"
    assert all(line.startswith(f"{file} ") for line in lines)
    return [line.removeprefix(f"{file} ").replace(state, "STATE/") for line in lines]


def test_test_nix_says_which_nodes_there_are(tmp_path: Path) -> None:
    text = (bundle(tmp_path) / "nixos-test/test.nix").read_text()
    rows = [line.split() for line in text.splitlines() if "MiB" in line]
    assert rows == [
        ["#", "db_main", "db-main", "db-main", "198.18.0.2", "1500", "MiB", "2", "3072", "MiB"],
        ["#", "web1", "web1", "web", "198.18.0.3", "1024", "MiB", "1", "-"],
        ["#", "web2", "web2", "web", "198.18.0.4", "1024", "MiB", "1", "-"],
    ]
    assert "which runs the script of the source." in text
    assert "-A 'tests.quick'" in text
    assert "-A 'tests.\"a long: name\"'" in text
    assert text.endswith("{ ... }@arguments: (import ../default.nix arguments).nixos-test\n")


def test_without_a_test_it_waits(tmp_path: Path) -> None:
    made = bundle(tmp_path, ONLY_NODES)
    assert "waits until every one is ready" in (made / "nixos-test/test.nix").read_text()
    assert run(made, "list").stdout == "ready\n"


def test_what_a_test_cannot_honour_is_said(tmp_path: Path) -> None:
    (tmp_path / "licence").write_text("x")
    (tmp_path / "env.nxc").write_text(SOURCE + 'test "it\'s \\"so\\"" "pass"\n')
    found = compile_file(str(tmp_path / "env.nxc"), ["nixos-test"])
    said = [(d.message, str(d.notes)) for d in found.diagnostics if d.code == "NX0705"]
    assert found.ok
    for word, why in {
        "publish": "no port of this machine leads to them",
        "secret": "32 random bytes",
        "cpus": "this one gets 2",
        "test": "quotation mark",
    }.items():
        assert any(f"`{word}`" in message and why in notes for message, notes in said), (word, said)


@pytest.mark.parametrize("source", [SOURCE, ONLY_NODES])
def test_test_nix_is_the_bundles_own_attribute(source: str, tmp_path: Path) -> None:
    made, packages = bundle(tmp_path, source), nixpkgs()
    quoted = json.dumps(str(made))
    found = evaluate(
        f"let arguments = {{ nixpkgs = {packages}; }};"
        f' test = import (/. + {quoted} + "/nixos-test/test.nix") arguments;'
        f' bundle = import (/. + {quoted} + "/default.nix") arguments; in {{'
        " same = test.drvPath == bundle.packages.nixos-test.drvPath; driver = test.driver.drvPath;"
        " interactive = test.interactive.drvPath;"
        " named = builtins.mapAttrs (_: one: [ one.interactive.name one.driver.testScript ]) test.tests; }"
    )
    assert found["same"]
    # 20.09 has one driver for both.
    assert found["interactive"] == found["driver"]
    scripts = {name: script for name, (_, script) in found["named"].items()}
    assert scripts == ({"quick": "web1.start()", "a long: name": "web2.start()"} if source == SOURCE else {})


@pytest.mark.parametrize("attribute", ["", "interactive", "driver", "tests.quick.interactive", 'tests."a long: name"'])
def test_nix_finds_each_attribute_that_run_asks_for(attribute: str, tmp_path: Path) -> None:
    made, packages = bundle(tmp_path), nixpkgs()
    words = ["-A", attribute] if attribute else []
    command = [need("nix-instantiate"), str(made / "nixos-test/test.nix"), "--arg", "nixpkgs", packages, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(".drv")


# run


def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    command = [need("shellcheck"), str(bundle(tmp_path) / "nixos-test/run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("shell", ["dash", "bash", "zsh"])
def test_a_dry_run_says_what_nix_is_asked_for(shell: str, tmp_path: Path) -> None:
    made = bundle(tmp_path)
    (tmp_path / "as-sh").mkdir()
    (tmp_path / "as-sh/sh").symlink_to(need(shell))
    command = [str(tmp_path / "as-sh/sh"), str(made / "nixos-test/run"), "--dry-run", "test", "quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.replace("'\\''", "'").splitlines()
    assert [line.partition(" -A ")[2].partition(" -o ")[0] for line in lines] == ["tests.quick.driver", "tests.quick"]
    assert not made.with_name(made.name + ".state").exists()


def test_wrong_usage(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    for arguments, said in {
        (): "usage: run",
        ("nonsense",): "no command nonsense",
        ("--what", "test"): "no option --what",
        ("test", "fast"): "no test is called fast; there are: 'test' 'quick' 'a long: name'",
        ("down",): "nothing runs between two commands",
    }.items():
        done = run(made, *arguments)
        assert (done.returncode, said in done.stderr) == (2, True), (arguments, done.stderr)
    assert run(made, "help").returncode == 0
    assert run(made, "list").stdout == "test\nquick\na long: name\n"
    assert not made.with_name(made.name + ".state").exists()


def test_a_machine_without_nix(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in "sed grep head cut dirname mkdir chmod rm date cat tr id find uname".split():
        (tools / tool).symlink_to(need(tool))
    done = run(bundle(tmp_path), "test", PATH=str(tools))
    assert done.returncode == 2
    assert "nix-build is not here" in done.stderr


def test_a_test_is_built_and_its_phases_are_timed(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    path = nix(tmp_path / "nix", "exit 9")
    done = run(made, "test", PATH=path)
    assert done.returncode == 0, done.stderr
    assert "test: passed" in done.stderr
    assert asked(tmp_path / "nix", made) == ["-A driver -o STATE/test/driver", "-o STATE/test/result"]
    phases = json.loads(made.with_name(made.name + ".state").joinpath("phases.json").read_text())
    assert [(one["flavour"], one["phase"]) for one in phases] == [("nixos-test", "build"), ("nixos-test", "test")]
    run(made, "test", "a long: name", PATH=path)
    assert asked(tmp_path / "nix", made)[2:] == [
        '-A tests."a long: name".driver -o STATE/a long%3a name/driver',
        '-A tests."a long: name" -o STATE/a long%3a name/result',
    ]


def test_a_test_that_fails(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    done = run(made, "test", "quick", PATH=nix(tmp_path / "nix", "exit 9", test="exit 100"))
    assert done.returncode == 100
    assert "quick: not passed" in done.stderr
    assert "passed;" not in done.stderr


@pytest.mark.parametrize("outcome", [0, 1])
def test_here_runs_the_driver_in_the_folder_of_what_it_makes(outcome: int, tmp_path: Path) -> None:
    made = bundle(tmp_path)
    path = nix(tmp_path / "nix", f'pwd >where; echo "$tests" >tests; echo "$out" >out; exit {outcome}')
    done = run(made, "here", PATH=path)
    assert done.returncode == outcome, done.stderr
    folder = made.with_name(made.name + ".state") / "nixos-test/test/out"
    assert (folder / "where").read_text() == (folder / "out").read_text() == f"{folder}\n"
    # For the driver of 20.09, which would be interactive without.
    assert (folder / "tests").read_text() == 'exec(os.environ["testScript"])\n'
    assert ("test: passed" in done.stderr) == (outcome == 0)
    assert not list((made.with_name(made.name + ".state") / "nixos-test").glob("lock.*"))


def test_interactive_leaves_standard_input_to_the_driver(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    path = nix(tmp_path / "nix", 'test -z "${tests+set}" && cat >said')
    done = subprocess.run(
        [str(made / "nixos-test/run"), "interactive", "quick"],
        input="start_all()\n",
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path, "tests": "pass"},
    )
    assert done.returncode == 0, done.stderr
    assert asked(tmp_path / "nix", made) == ["-A tests.quick.interactive -o STATE/quick/interactive"]
    state = made.with_name(made.name + ".state")
    assert (state / "nixos-test/quick/out/said").read_text() == "start_all()\n"
    assert run(made, "down", "--all").returncode == 0
    assert not state.exists()
