"""The examples compile for all flavours without a warning, are Nix, and set only options that NixOS has.

NXCC_TEST_OPTIONS names NixOS's options.json, gzipped or not, for the last (default: one in ../shared/data beside the
repository, if it is there); NXCC_TEST_NIXPKGS a nixpkgs that the web
server is evaluated with. Without them those tests skip.
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from nix_systems import nixpkgs, run_nix
from tools import missing, need

from nxcc.compiler import compile_file
from nxcc.flavours import names
from nxcc.model.check import bodies
from nxcc.model.values import Attributes, Modified, Value, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nxcc.compiler import Compilation

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/env.nxc"))
BESIDE = EXAMPLES.parent.parent / "shared" / "data" / "nixos-options-24.11.json.gz"
UNLOCKED = "NX0802"
# Where an option of this type ends, its value may have any names.
FREE = ("attribute set of anything", "attribute set of (sysctl", "JSON value", "YAML value", "raw value")


def source(name: str) -> str:
    return str(EXAMPLES / name / "env.nxc")


def compiled(name: str, setup: str | None = None) -> Compilation:
    return compile_file(source(name), ["all"], setup=setup)


def write(compilation: Compilation, folder: Path) -> None:
    for file in compilation.files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)


def test_there_are_some() -> None:
    assert {"k3s", "webserver"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_compiles_for_all_flavours_without_a_warning(name: str) -> None:
    found = compiled(name)
    locked = (EXAMPLES / name / "env.lock").exists()
    assert [d.code for d in found.diagnostics] == ([] if locked else [UNLOCKED])
    assert found.flavours == names()


@pytest.mark.parametrize("name", NAMES)
def test_has_a_readme_and_no_backtick(name: str) -> None:
    assert (EXAMPLES / name / "README.md").read_text().startswith("# ")
    assert "`" not in (EXAMPLES / name / "env.nxc").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_is_nix(name: str, tmp_path: Path) -> None:
    need("nix-instantiate")
    write(compiled(name), tmp_path)
    run_nix("nix-instantiate", "--parse", *map(str, sorted(tmp_path.rglob("*.nix"))))


def test_setups_compile() -> None:
    large = compiled("k3s", "large").environment
    assert large is not None
    assert len(large.role("agent").nodes) == 32


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
    assert paths
    unknown = [".".join(path) for path in sorted(paths) if path[0] != "nxcc" and not exists(path, options)]
    assert unknown == []


def test_an_unknown_option_would_be_found(options: dict[str, Any]) -> None:
    assert exists(("services", "k3s", "tokenFile"), options)
    assert exists(("services", "nginx", "virtualHosts", "web", "root"), options)
    assert exists(("environment", "variables", "PAGE"), options)
    assert not exists(("services", "k3s", "tokenFil"), options)
    assert not exists(("services", "nginx", "virtualHosts", "web", "rout"), options)


# ------------------------------------------------------------------ on a real nixpkgs


@pytest.mark.parametrize("attribute", ["roles.plain.web", "roles.plain.client", "docker"])
def test_the_web_server_evaluates(attribute: str, tmp_path: Path) -> None:
    """Down to the derivation, with a nixpkgs as old as 20.09."""
    folder = nixpkgs()
    write(compiled("webserver"), tmp_path)
    made = run_nix("nix-instantiate", f"{tmp_path}/default.nix", "-A", attribute, "--arg", "nixpkgs", folder)
    assert made.stdout.strip().endswith(".drv")
