"""NixOS systems in tests: bundles around a composition, and what Nix evaluates of them.

Needs nix-instantiate, and NXCC_TEST_NIXPKGS naming a folder with nixpkgs; tests skip without it.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from tools import need

from nxcc.resources import resource

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT = """{ nixpkgs, system ? "x86_64-linux" }:
import ./nix/lib {
  inherit nixpkgs system;
  composition = ./composition.nix;
  environment = builtins.fromJSON (builtins.readFile ./environment.json);
}
"""


def nixpkgs() -> str:
    """The nixpkgs to test with."""
    need("nix-instantiate")
    folder = os.environ.get("NXCC_TEST_NIXPKGS", "")
    if not folder:
        pytest.skip("NXCC_TEST_NIXPKGS names no nixpkgs")
    return os.path.abspath(folder)


@functools.cache
def nixpkgs_in_store() -> str:
    """The same, copied to the store, as an input of a flake is: later uses copy nothing more."""
    # With the hash, Nix copies only what is not in the store yet.
    digest = run_nix("nix-hash", "--type", "sha256", "--base32", nixpkgs()).stdout.strip()
    expression = f'builtins.path {{ name = "source"; path = {nixpkgs()}; sha256 = "{digest}"; }}'
    return run_nix("nix-instantiate", "--eval", "--read-write-mode", "-E", expression).stdout.strip().strip('"')


def make_bundle(folder: Path, composition: str, default: str = DEFAULT, name: str = "lab") -> Path:
    """A folder with what Nix needs of a bundle."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "composition.nix").write_text(composition)
    (folder / "default.nix").write_text(default)
    (folder / "environment.json").write_text(json.dumps({"name": name, "setup": "", "params": {}}))
    (folder / "nix").symlink_to(resource("nix"))
    return folder


def run_nix(*command: str, expect: int = 0, cwd: str | None = None) -> subprocess.CompletedProcess[str]:
    """A Nix program's result; fails the test where it exits with another code than ``expect``."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=cwd)
    assert done.returncode == expect, f"{' '.join(command)}\n{done.stderr}"
    return done


def evaluate(expression: str, expect: int = 0) -> Any:
    """The value of an expression as JSON data; with ``expect`` 1 the message of Nix."""
    done = run_nix("nix-instantiate", "--eval", "--strict", "--json", "-E", expression, expect=expect)
    return json.loads(done.stdout) if expect == 0 else done.stderr


def of_bundle(folder: Path, expression: str, expect: int = 0) -> Any:
    """The value of an expression about ``bundle``, what default.nix gives, and ``lib``, as JSON data."""
    source = nixpkgs()
    return evaluate(
        f"let bundle = import {folder}/default.nix {{ nixpkgs = {source}; }};"
        f" lib = import {source}/lib; in {expression}",
        expect,
    )
