"""What is installed is what is tested: wheel, sdist, and installs from any folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from typing import TYPE_CHECKING

import pytest

import nxcc
from nxcc.resources import resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nxcc.bundle import File

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXAMPLE = os.path.join(ROOT, "examples", "k3s", "env.nxc")
CASES = os.path.join(ROOT, "tests", "cases")


def run(*arguments: str, cwd: Path | str = ROOT, env: dict[str, str] | None = None) -> str:
    """Run a program and return its output; fails with all that it said."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        arguments, cwd=cwd, env={**clean, **(env or {})}, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_data_is_found() -> None:
    assert os.path.isfile(resource("grammar", "nxc.lark"))
    assert os.path.isdir(resource("templates", "docker"))
    assert os.path.isdir(resource("nix", "lib"))


def test_every_data_folder_goes_into_the_wheel() -> None:
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {name: f"nxcc/data/{name}" for name in ("grammar", "templates", "nix")}
    assert project["project"]["scripts"] == {"nxcc": "nxcc.__main__:main"}
    assert nxcc.__version__.count(".") == 2


def test_tables_name_the_lark_that_made_them(tmp_path: Path) -> None:
    import lark

    from nxcc.syntax.parser import build_tables

    path = tmp_path / "nxc.tables"
    build_tables(str(path))
    first = path.read_bytes().partition(b"\n")[0].decode()
    assert first.endswith(f"lark {lark.__version__}")


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], object]]:
    """What loads nxcc's templates where the modules that they are compiled to lie in a folder, as in a wheel's data."""
    from nxcc.emit import shell

    name = shell._MODULES

    def loader(folder: Path) -> object:
        monkeypatch.setattr(shell, "_MODULES", str(folder / name))
        shell.templates.cache_clear()
        return shell.templates().loader

    yield loader
    shell.templates.cache_clear()


def compiled() -> dict[str, tuple[File, ...]]:
    """What is made of the example and of each case without errors, for all flavours that can honour it."""
    from nxcc.compiler import compile_file

    cases = [os.path.join(CASES, name, "env.nxc") for name in sorted(os.listdir(CASES)) if name.startswith("ok-")]
    return {path: compile_file(path, ["all"]).files for path in (EXAMPLE, *cases)}


def test_compiled_templates_write_the_same(tmp_path: Path, loaded: Callable[[Path], object]) -> None:
    from jinja2 import FileSystemLoader, ModuleLoader

    from nxcc.emit.shell import precompile

    sources = loaded(tmp_path)
    assert isinstance(sources, FileSystemLoader)
    assert sources.searchpath == [resource("templates")]
    expected = compiled()
    precompile(str(tmp_path))
    assert isinstance(loaded(tmp_path), ModuleLoader)
    assert compiled() == expected
    assert sum(file.path.endswith("/run") for files in expected.values() for file in files) > 100


def test_templates_that_another_jinja_compiled_are_ignored(tmp_path: Path, loaded: Callable[[Path], object]) -> None:
    from jinja2 import FileSystemLoader

    from nxcc.emit.shell import precompile

    os.rename(precompile(str(tmp_path)), tmp_path / "templates-jinja2-3.0.0")
    assert isinstance(loaded(tmp_path), FileSystemLoader)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The wheel of this checkout, built from another folder."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder / "direct"), ROOT, cwd=folder)
    (direct,) = (folder / "direct").iterdir()
    return str(direct)


def contents(path: str) -> dict[str, bytes]:
    """The files of a wheel but for the record of its own hashes."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}


@pytest.mark.slow
def test_wheel_holds_all_that_is_needed(wheel: str) -> None:
    files = contents(wheel)
    assert "nxcc/py.typed" in files
    assert "nxcc/data/grammar/nxc.lark" in files
    assert b"lark" in files["nxcc/data/nxc.tables"].partition(b"\n")[0]
    sources = [name for name in files if name.endswith(".j2")]
    modules = [name for name in files if re.fullmatch(r"nxcc/data/templates-jinja2-[0-9.]+/tmpl_[0-9a-f]+\.py", name)]
    assert len(modules) == len(sources) > 5
    assert "nxcc/diagnostics/explanations.md" in files
    for folder in ("grammar", "templates", "nix"):
        for path, _, names in os.walk(os.path.join(ROOT, folder)):
            inside = os.path.relpath(path, ROOT)
            assert {f"nxcc/data/{inside}/{name}" for name in names} <= set(files)
    assert not [name for name in files if name.startswith(("tests", "build", "benchmarks"))]


@pytest.mark.slow
def test_sdist_makes_the_same_wheel(wheel: str, tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path))
    (sdist,) = tmp_path.iterdir()
    out = tmp_path / "out"
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(out), str(sdist), cwd=tmp_path)
    (again,) = out.iterdir()
    assert set(contents(str(again))) == set(contents(wheel))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["wheel", "folder", "editable"])
def test_install_into_a_clean_venv(wheel: str, tmp_path: Path, how: str) -> None:
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", str(venv))
    what = {"wheel": [wheel], "folder": [ROOT], "editable": ["-e", ROOT]}[how]
    run(str(venv / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", *what, cwd=tmp_path)
    program = str(venv / "bin" / "nxcc")
    assert run(program, "--version", cwd="/").strip() == f"nxcc {nxcc.__version__}"
    said = run(program, "compile", EXAMPLE, "--flavour", "docker", "--output", "out", cwd=tmp_path)
    assert said.startswith("out: ")
    assert (tmp_path / "out" / "docker" / "docker-compose.yml").is_file()
    code = "import nxcc, nxcc.emit.shell; print(nxcc.__file__, nxcc.emit.shell.templates().loader)"
    found = run(str(venv / "bin" / "python"), "-c", code, cwd=tmp_path)
    assert found.startswith(ROOT if how == "editable" else str(venv))
    assert ("FileSystemLoader" if how == "editable" else "ModuleLoader") in found
