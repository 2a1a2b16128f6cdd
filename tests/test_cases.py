"""Cases: a folder with env.nxc, and in expected/ what nxcc makes of it.

A case with errors has expected/diagnostics.txt: what nxcc prints, colour off, and its exit code. One without errors
is compiled for docker too, and expected/ has the bundle's main files. A file ``args`` has further arguments of the
command line, a word a line. ``pytest tests/test_cases.py --snapshot-update`` writes what is expected anew.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest
from programs import HOME, command

from nxcc.cli.common import parameters
from nxcc.compiler import check_file, compile_file
from nxcc.diagnostics.catalogue import CATALOGUE
from nxcc.diagnostics.render import render

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_snapshot.plugin import Snapshot

    from nxcc.compiler import Compilation

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases")
# Those of the syntax alone are checked by test_syntax_errors.py.
NAMES = sorted(
    name
    for name in os.listdir(CASES)
    if os.path.isfile(os.path.join(CASES, name, "env.nxc")) and not name.startswith("syntax-")
)
ARTIFACTS = ("composition.nix", "default.nix", "flake.nix", "environment.json", "docker/docker-compose.yml")
# Of other flavours what is theirs: each node's script, a test, an experiment; `run` is tested elsewhere.
OTHERS = re.compile(
    r"vm(-ramdisk)?/(nodes|node/.*\.sh)|nixos-test/test\.nix|(enoslib|execo)/experiment\.py|g5k-image/.*\.yaml"
)
DIAGNOSTICS = "diagnostics.txt"
ROOT = "/case"
"""Stands for the absolute path of a case's folder in what is expected."""

# Codes that no readable env.nxc in a folder can give, each with a test that covers it.
ELSEWHERE: dict[str, str] = {
    "NX0103": "test_cases.py::test_a_file_that_is_too_large",
    "NX0125": "test_cli.py::test_nix_refuses_a_fragment_at_its_place",
    "NX0524": "test_sources.py::test_limits",
    "NX0528": "test_sources.py::test_what_cannot_be_read",
    "NX0529": "test_sources.py::test_links_become_what_they_lead_to",
    "NX0707": "test_honour.py::test_all_leaves_out_what_cannot",
    "NX0801": "test_cli.py::test_files_edited_by_hand",
    "NX0805": "test_cli.py::test_a_file_in_the_way",
    "NX0802": "test_locked.py::test_without_a_lock_it_is_said",
    "NX1001": "test_init.py::test_a_project",
    "NX1002": "test_init.py::test_compositions_without_roles",
    "NX1003": "test_init.py::test_projects_that_are_damaged",
}


class Arguments(NamedTuple):
    """The arguments of a case that matter to the compiler."""

    parameters: dict[str, str]
    setup: str | None
    flavours: tuple[str, ...]


def words_of(folder: str) -> list[str]:
    """The words of a case's file ``args``."""
    path = os.path.join(folder, "args")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def arguments(words: Sequence[str]) -> Arguments:
    """What the command line makes of the words of a case: ``--set``, ``--setup`` and ``--flavour``, each with one."""
    assert len(words) % 2 == 0, "a word for each option, a line each"
    pairs = list(zip(words[::2], words[1::2], strict=True))
    setup = [value for option, value in pairs if option == "--setup"]
    flavours = tuple(value for option, value in pairs if option == "--flavour")
    assert {option for option, _ in pairs} <= {"--set", "--setup", "--flavour"}
    return Arguments(
        parameters(value for option, value in pairs if option == "--set"), setup[0] if setup else None, flavours
    )


def run(given: Arguments) -> Compilation:
    """Check the env.nxc of the current folder, and compile it where that finds no error."""
    checked = check_file("env.nxc", parameters=given.parameters, setup=given.setup, flavours=given.flavours)
    if not checked.ok:
        return checked
    flavours = given.flavours or ("docker",)
    return compile_file("env.nxc", flavours, parameters=given.parameters, setup=given.setup, directory="build")


def said(compilation: Compilation, folder: str) -> str:
    """What a case prints, and its exit code; "" where there is nothing to say."""
    unlocked = [diagnostic for diagnostic in compilation.diagnostics if diagnostic.code != "NX0802"]
    if compilation.ok and not unlocked:
        return ""
    text = render(unlocked, "text", color=False).replace(folder, ROOT)
    return text + f"exit {0 if compilation.ok else 1}\n"


@pytest.mark.parametrize("name", NAMES)
def test_case(name: str, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = os.path.join(CASES, name)
    monkeypatch.chdir(folder)
    compilation = run(arguments(words_of(folder)))
    snapshot.snapshot_dir = os.path.join(folder, "expected")
    found: dict[str, str] = {}
    if compilation.ok:
        contents = {file.path: file.content for file in compilation.files}
        scripts = [path for path in contents if path.startswith("test/") and path.count("/") == 1]
        artifacts = [*ARTIFACTS, *(path for path in scripts if path != "test/driver.py")]
        artifacts += filter(OTHERS.fullmatch, contents)
        found.update((path, contents[path].decode()) for path in artifacts if path in contents)
    if text := said(compilation, folder):
        found[DIAGNOSTICS] = text
    for path, content in found.items():
        snapshot.assert_match(content.encode() if "\r" in content else content, path)
    assert expected(name) <= {*found}, "files that are expected no more"


def expected(name: str) -> set[str]:
    """The files in a case's expected/."""
    folder = os.path.join(CASES, name, "expected")
    return {os.path.relpath(os.path.join(top, file), folder) for top, _, files in os.walk(folder) for file in files}


@pytest.mark.parametrize("name", NAMES)
def test_every_case_is_what_its_name_says(name: str) -> None:
    code, fails = name.partition("-")[0].upper(), DIAGNOSTICS in expected(name)
    if name.startswith("ok-"):
        assert "composition.nix" in expected(name)
        return
    assert fails, "a case that expects no diagnostics is named ok-…"
    if code in CATALOGUE:
        with open(os.path.join(CASES, name, "expected", DIAGNOSTICS), encoding="utf-8") as file:
            assert f"[{code}]" in file.read()


def test_every_code_has_a_case() -> None:
    seen = ""
    for name in os.listdir(CASES):
        path = os.path.join(CASES, name, "expected", DIAGNOSTICS)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                seen += file.read()
    missing = {code for code in CATALOGUE if f"[{code}]" not in seen}
    assert missing == {*ELSEWHERE}


@pytest.mark.parametrize(("code", "test"), ELSEWHERE.items())
def test_what_has_no_case_has_a_test(code: str, test: str) -> None:
    file, _, function = test.partition("::")
    with open(os.path.join(os.path.dirname(CASES), file), encoding="utf-8") as source:
        text = source.read()
    assert f"def {function}(" in text
    assert code in text


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "env.nxc").write_text("environment lab\nrole web { }\n" + "# padding\n" * 30_000)
    (found,) = check_file(str(tmp_path / "env.nxc")).diagnostics
    assert (found.code, found.message) == ("NX0103", "the file is larger than 256 KiB")


@pytest.mark.parametrize("name", ["nx0203-unknown-role", "nx0303-set"])
def test_the_program_says_the_same(name: str) -> None:
    folder = os.path.join(CASES, name)
    done = program("check", "env.nxc", *words_of(folder), folder=folder)
    with open(os.path.join(folder, "expected", DIAGNOSTICS), encoding="utf-8") as file:
        assert f"{done.stderr}exit {done.returncode}\n".replace(folder, ROOT) == file.read()
    assert done.stdout == ""


def test_the_program_writes_the_same(tmp_path: Path) -> None:
    name = next(name for name in NAMES if name.startswith("ok-"))
    folder = os.path.join(CASES, name)
    words = words_of(folder)
    flavour = () if "--flavour" in words else ("--flavour", "docker")
    done = program("compile", "env.nxc", *words, *flavour, "-o", str(tmp_path / "out"), folder=folder)
    assert done.returncode == 0, done.stderr
    for path in expected(name) - {DIAGNOSTICS}:
        with open(os.path.join(folder, "expected", path), "rb") as file:
            assert (tmp_path / "out" / path).read_bytes() == file.read()


def program(*words: str, folder: str) -> subprocess.CompletedProcess[str]:
    """Run nxcc as a program of its own in a folder."""
    return subprocess.run(
        command(words),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": HOME},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
