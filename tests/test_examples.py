"""The examples compile for all flavours, are Nix, evaluate, and set only options that NixOS has.

NXCC_TEST_OPTIONS names NixOS's options.json, gzipped or not, for the last (default: one in ../shared/data beside the
repository, if it is there); NXCC_TEST_NIXPKGS a nixpkgs that they are evaluated with, nur-kapack replaced by
tests/kapack. Without them those tests skip.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from nix_systems import run_nix
from shortened_nixpkgs import with_pandoc
from tools import missing, need

from nxcc.compiler import compile_file
from nxcc.flavours import names
from nxcc.model.definitions import bodies
from nxcc.model.values import Attributes, Modified, Value, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nxcc.compiler import Compilation

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/env.nxc"))
SOURCES = sorted(EXAMPLES.glob("*/*.nxc"))
KAPACK = Path(__file__).resolve().parent / "kapack"
BESIDE = EXAMPLES.parent.parent / "shared" / "data" / "nixos-options-24.11.json.gz"
UNLOCKED = "NX0802"
# Options of a module of an input.
OF_INPUTS = {"oar": ("services", "oar")}
# 20.09 has other options of Hadoop, and reads K3s's token from no file.
NEWER = {"hpc-bigdata", "k3s"}
# tests/test_flavours_evaluate.py has it.
ELSEWHERE = {"webserver"}
# Where an option of this type ends, its value may have any names.
FREE = ("attribute set of anything", "attribute set of (sysctl", "INI file", "JSON value", "YAML value", "raw value")


def source(name: str) -> str:
    return str(EXAMPLES / name / "env.nxc")


def compiled(name: str, setup: str | None = None) -> Compilation:
    return compile_file(source(name), ["all"], setup=setup)


def write(compilation: Compilation, folder: Path) -> None:
    for file in compilation.files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)


def setups() -> list[tuple[str, str]]:
    """Each example's setups, as (example, setup)."""
    found = []
    for path in SOURCES:
        found += [(path.parent.name, name) for name in re.findall(r"^setup (\S+)", path.read_text(), re.MULTILINE)]
    return found


def test_there_are_some() -> None:
    assert set(NAMES) == {
        *("adopted", "hpc-bigdata", "k3s", "kernel", "melissa", "mpi", "netem", "nfs-users", "oar", "slurm"),
        "webserver",
    }
    assert ("k3s", "large") in setups()


@pytest.mark.parametrize("name", NAMES)
def test_compiles_for_all_flavours_without_a_warning(name: str) -> None:
    found = compiled(name)
    locked = (EXAMPLES / name / "env.lock").exists()
    # Not every flavour has a counterpart of everything: a kernel in a container, a published port in a test.
    codes = [d.code for d in found.diagnostics if d.code != "NX0705"]
    assert codes == ([] if locked else [UNLOCKED])
    assert found.flavours == names()


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_says_what_there_is(name: str) -> None:
    """Its commands name this example, and flavours, nodes and tests that there are."""
    readme = (EXAMPLES / name / "README.md").read_text()
    environment = compiled(name).environment
    assert environment is not None
    assert readme.startswith("# ")
    (flavour,) = re.findall(rf"^nxcc compile examples/{name}/env\.nxc --flavour (\S+)", readme, re.MULTILINE)
    assert flavour in names()
    runs = re.findall(r"^build/(\S+)/(\S+)/run (\S+)(?: +(?!#)(\S+))?", readme, re.MULTILINE)
    assert {"build", "up", "down"} <= {command for _, _, command, _ in runs}
    assert {(folder, used) for folder, used, _, _ in runs} == {(name, flavour)}
    nodes = {node.name for role in environment.roles for node in role.nodes}
    assert {word for _, _, command, word in runs if command == "ssh"} <= nodes
    tests = {"", *(test.name or "" for test in environment.tests)}
    assert {word for _, _, command, word in runs if command == "test"} <= tests
    assert set(re.findall(r"--setup (\S+?)[`\s]", readme)) <= {setup for example, setup in setups() if example == name}


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_s_ports_parameters_and_files(name: str) -> None:
    """What it says besides its commands: addresses are published, parameters are the source's, files are there."""
    readme = (EXAMPLES / name / "README.md").read_text()
    environment = compiled(name).environment
    assert environment is not None
    published = {publish.host_port for role in environment.roles for publish in role.publish}
    asked = {int(port) for port in re.findall(r"https?://127\.0\.0\.1:(\d+)", readme)}
    assert asked <= published
    assert {int(port) for port in re.findall(r"--port (\d+)=", readme)} <= published
    for parameter, value in re.findall(r"--set\s+(\w+)=([^`\s]+)", readme):
        assert compile_file(source(name), ["docker"], parameters={parameter: value}).ok, parameter
    files = re.findall(r"`([\w/-]+\.(?:nxc|nix|py|html|c))`", readme)
    assert [file for file in files if not (EXAMPLES / name / file).exists()] == []
    assert set(re.findall(r"`build/([\w-]+@\w+)`", readme)) <= {f"{example}@{setup}" for example, setup in setups()}


@pytest.mark.parametrize("name", NAMES)
def test_is_nix(name: str, tmp_path: Path) -> None:
    need("nix-instantiate")
    write(compiled(name), tmp_path)
    run_nix("nix-instantiate", "--parse", *map(str, sorted(tmp_path.rglob("*.nix"))))


@pytest.mark.parametrize(("name", "setup"), setups())
def test_setups_compile(name: str, setup: str) -> None:
    assert compiled(name, setup).ok


def test_a_setup_changes_what_it_says() -> None:
    large = compiled("k3s", "large").environment
    assert large is not None
    assert len(large.role("agent").nodes) == 32


# ------------------------------------------------------------------ secrets


@pytest.mark.parametrize("name", NAMES)
def test_munge_has_no_other_key_than_a_secret(name: str) -> None:
    composition = next(file for file in compiled(name).files if file.path == "composition.nix").content.decode()
    keys = set(re.findall(r"services\.munge\.password = (.*);", composition))
    assert keys == ({"secret.munge"} if "services.slurm" in composition else set())
    assert not re.search(r"password123|snakeoil|BEGIN .*PRIVATE KEY", composition)


def test_the_token_of_k3s_is_in_no_file() -> None:
    """Each node is told where to read it, and nothing else."""
    found = compiled("k3s")
    composition = next(file for file in found.files if file.path == "composition.nix").content.decode()
    assert composition.count("tokenFile = secret.token;") == 2
    assert 'token = "/run/nxcc/secrets/token";' in composition
    assert not any(file.path.startswith("sources/") for file in found.files)


def test_the_bundle_s_readme_lists_ports_in_order() -> None:
    readme = next(file for file in compiled("k3s").files if file.path == "README.md").content.decode()
    assert "| server | server | 6443, 8472/udp, 10250 |" in readme


@pytest.mark.parametrize("name", NAMES)
def test_the_bundle_s_readme_names_what_is_there(name: str) -> None:
    files = {file.path: file.content.decode() for file in compiled(name).files}
    assert ("`sources/`" in files["README.md"]) == any(path.startswith("sources/") for path in files)


# ------------------------------------------------------------------ options


@pytest.fixture(scope="session")
def options() -> dict[str, Any]:
    """Options of NixOS by name, as its manual has them: {"a.b": {"loc": […], "type": "…"}}."""
    path = os.environ.get("NXCC_TEST_OPTIONS", "")
    if not path and BESIDE.exists():
        path = str(BESIDE)
    if not path:
        pytest.skip("NXCC_TEST_OPTIONS names no options.json")
    if not os.path.exists(path):
        missing(f"there is no {path}")
    data = Path(path).read_bytes()
    found: dict[str, Any] = json.loads(gzip.decompress(data) if path.endswith(".gz") else data)
    return found


def leaves(path: tuple[str, ...], value: Value) -> Iterator[tuple[str, ...]]:
    """The paths of the values in a definition that are no sets."""
    value = plain(value)
    while isinstance(value, Modified):
        value = plain(value.value)
    if isinstance(value, Attributes) and value.entries:
        for entry in value.entries:
            yield from leaves(path + entry.path, entry.value)
    else:
        yield path


def exists(path: tuple[str, ...], options: dict[str, Any]) -> bool:
    """Whether a path is an option's, or within one whose names are free."""
    for option in options.values():
        loc, kind = option["loc"], option["type"]
        if len(loc) > len(path) or not all(
            theirs in (ours, "*") or theirs.startswith("<") for ours, theirs in zip(path, loc, strict=False)
        ):
            continue
        below = len(path) - len(loc)
        if below == 0 or any(word in kind for word in FREE) or (below == 1 and "attribute set of" in kind):
            return True
    return False


@pytest.mark.parametrize("name", NAMES)
def test_sets_only_options_that_there_are(name: str, options: dict[str, Any]) -> None:
    environment = compiled(name).environment
    assert environment is not None
    paths = {
        path
        for role in environment.roles
        for _, body in bodies(environment, role)
        for definition in body.definitions
        for path in leaves(definition.path, definition.value)
    }
    assert paths or name == "adopted"
    known = [("nxcc",), *([OF_INPUTS[name]] if name in OF_INPUTS else [])]
    asked = [path for path in sorted(paths) if not any(path[: len(start)] == start for start in known)]
    assert [".".join(path) for path in asked if not exists(path, options)] == []


def test_an_unknown_option_would_be_found(options: dict[str, Any]) -> None:
    assert exists(("services", "k3s", "tokenFile"), options)
    assert exists(("services", "nginx", "virtualHosts", "web", "root"), options)
    assert exists(("environment", "variables", "PAGE"), options)
    assert not exists(("services", "k3s", "tokenFil"), options)
    assert not exists(("services", "nginx", "virtualHosts", "web", "rout"), options)


# ------------------------------------------------------------------ on a real nixpkgs


@pytest.mark.parametrize(
    "name",
    [
        name if name == "nfs-users" else pytest.param(name, marks=pytest.mark.slow)
        for name in NAMES
        if name not in NEWER | ELSEWHERE
    ],
)
def test_every_flavour_evaluates(name: str, tmp_path: Path) -> None:
    """Down to the derivations, with a nixpkgs as old as 20.09."""
    folder = with_pandoc(tmp_path / "nixpkgs")
    write(compiled(name), tmp_path / "bundle")
    inputs = f"kapack = {KAPACK};" if "\ninput kapack " in Path(source(name)).read_text() else ""
    made = run_nix(
        *(need("nix-instantiate"), "--eval", "--strict", "--json", "--read-write-mode", "-E"),
        f"let bundle = import {tmp_path}/bundle/default.nix {{ nixpkgs = {folder}; {inputs} }};"
        " in builtins.mapAttrs (_: one: one.drvPath) bundle.packages",
    )
    paths = json.loads(made.stdout)
    assert {"docker", "g5k-image", "g5k-nfs-store", "g5k-ramdisk", "nixos-test", "vm", "vm-ramdisk"} <= set(paths)
    assert len(set(paths.values())) == len(paths)
