"""The Python API: what compile_file and check_file take and give."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import nxcc
from nxcc import check_file, compile_file

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """\
environment lab "A lab"
param workers: int = 2 in 1..8
secret key from ./key
role worker[workers] { service openssh; publish 8080:80; file "/etc/key" = secret.key }
setup wide { workers = 5 }
"""


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "env.nxc"
    path.write_text(SOURCE)
    return str(path)


def test_compile(source: str) -> None:
    made = compile_file(source, ["docker"])
    assert made.ok
    assert made.flavours == ("docker",)
    assert made.environment is not None
    assert [node.name for node in made.environment.nodes] == ["worker1", "worker2"]
    paths = [file.path for file in made.files]
    assert len(set(paths)) == len(paths)
    assert {"composition.nix", "environment.json", "flake.nix", "default.nix", "docker/run"} <= set(paths)
    assert "manifest.json" not in paths
    assert made.facts["flavours"] == ["docker"]
    assert made.facts["params"] == {"workers": 2}


def test_nothing_is_written(source: str, tmp_path: Path) -> None:
    compile_file(source, ["all"])
    assert [path.name for path in tmp_path.iterdir()] == ["env.nxc"]


def test_parameters_and_setups(source: str) -> None:
    def nodes(**more: object) -> int:
        made = check_file(source, **more)  # type: ignore[arg-type]
        assert made.environment is not None
        return len(made.environment.nodes)

    assert nodes(parameters={"workers": "7"}) == 7
    assert nodes(setup="wide") == 5
    assert nodes(setup="wide", parameters={"workers": "3"}) == 3


def test_errors_are_values(source: str) -> None:
    made = check_file(source, parameters={"workers": "9"}, source=SOURCE + "role worker { }\n")
    assert not made.ok
    assert made.environment is None
    assert {diagnostic.code for diagnostic in made.diagnostics} == {"NX0201", "NX0303"}
    assert compile_file(source, ["nothing"]).diagnostics[-1].code == "NX0701"


def test_a_missing_file_is_the_callers() -> None:
    with pytest.raises(FileNotFoundError):
        check_file("missing.nxc")


def test_files_of_secrets_are_named_relative_to_the_bundle(source: str, tmp_path: Path) -> None:
    """So that the output does not depend on where the source lies; the file, even a missing one, is never opened."""
    made = compile_file(source, ["docker"], directory=str(tmp_path / "build" / "lab"))
    run = next(file.content.decode() for file in made.files if file.path == "docker/run")
    assert '"$bundle/"../../key' in run
    for file in made.files:
        assert str(tmp_path).encode() not in file.content, file.path


def test_the_package_is_typed_and_lazy() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import sys, nxcc; print([m for m in sys.modules if m.startswith(('nxcc.', 'lark'))])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "[]\n"
    assert set(nxcc.__all__) >= {"Compilation", "Diagnostic", "Environment", "check_file", "compile_file"}
    for name in nxcc.__all__:
        assert getattr(nxcc, name) is not None
    with pytest.raises(AttributeError):
        _ = nxcc.nothing
