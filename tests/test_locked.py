"""env.lock in a compile: what the bundle takes of it, and what is said of one that does not fit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nxcc import compile_file

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """\
environment lab
nixpkgs "github:NixOS/nixpkgs/nixos-25.11"
input kapack "github:oar-team/nur-kapack/master" { follows nixpkgs }
role a { }
setup dev { input kapack "github:oar-team/nur-kapack/dev" { follows nixpkgs } }
"""


def node(owner: str, repo: str, ref: str, number: int, **more: Any) -> dict[str, Any]:
    locked = {
        "lastModified": number,
        "narHash": f"sha256-{str(number) * 43}=",
        "owner": owner,
        "repo": repo,
        "rev": str(number) * 40,
        "type": "github",
    }
    return {"locked": locked, "original": {"owner": owner, "ref": ref, "repo": repo, "type": "github"}, **more}


def lock() -> dict[str, Any]:
    """As `nxcc lock` writes it for SOURCE: the setup's own input beside the usual one."""
    inputs = {"kapack": "kapack", "dev--kapack": "dev--kapack", "nixpkgs": "nixpkgs"}
    return {
        "nodes": {
            "dev--kapack": node("oar-team", "nur-kapack", "dev", 3, inputs={"nixpkgs": ["nixpkgs"]}),
            "kapack": node("oar-team", "nur-kapack", "master", 2, inputs={"nixpkgs": ["nixpkgs"]}),
            "nixpkgs": node("NixOS", "nixpkgs", "nixos-25.11", 1),
            "root": {"inputs": inputs},
        },
        "root": "root",
        "version": 7,
    }


def compiled(folder: Path, text: str | None, setup: str | None = None) -> tuple[dict[str, str], list[str], Any]:
    (folder / "env.nxc").write_text(SOURCE)
    if text is not None:
        (folder / "env.lock").write_text(text)
    made = compile_file(str(folder / "env.nxc"), ["docker"], setup=setup)
    files = {file.path: file.content.decode() for file in made.files}
    return files, [diagnostic.code for diagnostic in made.diagnostics], made.facts


def test_without_a_lock_it_is_said(tmp_path: Path) -> None:
    files, codes, facts = compiled(tmp_path, None)
    assert codes == ["NX0802"]
    assert "flake.lock" not in files
    assert facts["inputs"]["nixpkgs"] == {"reference": "github:NixOS/nixpkgs/nixos-25.11"}


def test_the_bundle_has_its_part_of_the_lock(tmp_path: Path) -> None:
    files, codes, facts = compiled(tmp_path, json.dumps(lock()))
    assert codes == []
    found = json.loads(files["flake.lock"])
    assert set(found["nodes"]) == {"root", "nixpkgs", "kapack"}
    assert found["nodes"]["kapack"]["locked"]["rev"] == "2" * 40
    assert facts["inputs"]["nixpkgs"]["locked"]["rev"] == "1" * 40
    assert "flake.lock" in files["default.nix"]


def test_a_setup_has_its_own_inputs(tmp_path: Path) -> None:
    files, codes, _ = compiled(tmp_path, json.dumps(lock()), "dev")
    assert codes == []
    found = json.loads(files["flake.lock"])
    root = found["nodes"]["root"]["inputs"]
    assert found["nodes"][root["kapack"]]["locked"]["rev"] == "3" * 40


def test_a_lock_of_another_reference_is_not_used(tmp_path: Path) -> None:
    old = lock()
    old["nodes"]["nixpkgs"]["original"]["ref"] = "nixos-25.05"
    files, codes, _ = compiled(tmp_path, json.dumps(old))
    assert codes == ["NX0803"]
    assert "flake.lock" not in files


def test_a_lock_that_misses_an_input_is_not_used(tmp_path: Path) -> None:
    old = lock()
    del old["nodes"]["root"]["inputs"]["kapack"]
    assert compiled(tmp_path, json.dumps(old))[1] == ["NX0803"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"nodes": 1, "root": "root", "version": 7}', '{"version": 99}', "\udcff"]
)
def test_a_damaged_lock_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "env.lock").write_bytes(text.encode("utf-8", "surrogateescape"))
    files, codes, _ = compiled(tmp_path, None)
    assert codes == ["NX0804"]
    assert files == {}
