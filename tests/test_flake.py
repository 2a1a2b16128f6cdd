"""flake.nix and default.nix evaluate to the same, with and without flakes and locks; inputs and overrides hold."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from nix_systems import evaluate, nixpkgs_in_store, run_nix
from tools import need

from nxcc.diagnostics.core import Source, Span
from nxcc.emit import references
from nxcc.emit.flake import default, flake, inputs_of
from nxcc.emit.nix import document
from nxcc.lock import make_lock, parse_lock
from nxcc.model.environment import (
    Constant,
    Environment,
    Input,
    Network,
    Nixpkgs,
    Override,
    Settings,
)
from nxcc.model.values import Attributes, Entry, Fragment, Named, Reference, SourcePath
from nxcc.resources import resource

if TYPE_CHECKING:
    from pathlib import Path

HERE = Span(Source("env.nxc", ""), 0, 0)
LOCATE = {"/home/me/fix it.patch": "sources/fix it.patch"}
HASH = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

COMPOSITION = """{ pkgs, inputs, lib, ... }: {
  roles.node = {
    imports = [ inputs.modern.nixosModules.flag inputs.legacy.modules.flag ];
    documentation.enable = false;
    environment.systemPackages = [ inputs.modern.tool inputs.legacy.tool pkgs.nur.repos.old.tool pkgs.hello ];
    environment.variables.FACTS = builtins.toJSON {
      modern = inputs.modern.tool.name;
      legacy = inputs.legacy.tool.name;
      placed = pkgs.nur.repos.old.tool.name;
      overlay = pkgs.fromModern.name;
      mine = pkgs.mine.name;
      hello = pkgs.hello.name;
      numpy = pkgs.python3Packages.numpy.version;
      scipy = builtins.elem pkgs.python3Packages.numpy pkgs.python3Packages.scipy.propagatedBuildInputs;
      patches = map (p: builtins.substring 33 (-1) (baseNameOf p)) inputs.legacy.tool.patches;
      unfree = builtins.isString pkgs.unrar.outPath;
    };
  };
}"""

MODERN = """{
  inputs.nixpkgs.url = "path:/nowhere";
  outputs = { self, nixpkgs }: {
    packages.x86_64-linux.tool = nixpkgs.legacyPackages.x86_64-linux.runCommand "modern-tool" { } "touch $out";
    nixosModules.flag.environment.variables.MODERN = "1";
    overlays.all = final: prev: { fromModern = final.runCommand "from-modern" { } "touch $out"; };
  };
}"""

LEGACY = """{ pkgs, lib }: {
  tool = pkgs.stdenv.mkDerivation { pname = "legacy-tool"; version = "1"; };
  modules.flag.environment.variables.LEGACY = lib.concatStrings [ "1" ];
}"""

EXPECTED = {
    "modern": "modern-tool",
    "legacy": "legacy-tool-2",
    "placed": "legacy-tool-2",
    "overlay": "from-modern",
    "mine": "mine-7.7",
    "hello": "hello-3.0",
    "numpy": "9.9",
    "scipy": True,
    "patches": ["fix-it.patch"],
    "unfree": True,
}


def override(*target: str, version: str, of_input: str = "", attributes: Attributes | None = None) -> Override:
    return Override(target, None, "", version, (), attributes, None, HERE, of_input)


def environment(folder: Path, nixpkgs_path: str) -> Environment:
    """An environment with everything that concerns flake.nix and default.nix."""
    text = 'final: prev: { mine = prev.runCommand "mine-${version}" { } "touch $out"; }'
    return Environment(
        "lab",
        'A "lab" with ${braces}',
        "",
        Nixpkgs("", nixpkgs_path, "x86_64-linux", ("unrar",), ("openssl-1.0",), HERE),
        Network("198.18.0.0/15", False, True),
        (),
        inputs=(
            Input("modern", f"path:{folder}/modern", "", ("nixpkgs",), (), HERE),
            Input("legacy", "", f"{folder}/legacy", (), ("nur", "repos", "old"), HERE),
        ),
        overlays=(Reference("input", "modern", ("overlays", "all")), Fragment(text, HERE)),
        overrides=(
            override("hello", version="3.0", attributes=Attributes((Entry(("doCheck",), False, HERE),)))._replace(
                source="github:o/r/abc", hash=HASH
            ),
            override("python3Packages", "numpy", version="9.9"),
            override("tool", version="2", of_input="legacy")._replace(patches=(SourcePath("/home/me/fix it.patch"),)),
        ),
        constants=(Constant("version", "7.7", HERE), Constant("unused", Named("version", "7.7"), HERE)),
        settings=(Settings("docker", (("store", ("host",), HERE),), HERE),),
    )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Environment]:
    """The bundle without a lock, and its environment."""
    source = nixpkgs_in_store()
    folder = tmp_path_factory.mktemp("flake")
    for name, file, text in (("modern", "flake.nix", MODERN), ("legacy", "default.nix", LEGACY)):
        (folder / name).mkdir()
        (folder / name / file).write_text(text)
    model = environment(folder, source)
    bundle = folder / "bundle"
    shutil.copytree(resource("nix"), bundle / "nix")
    (bundle / "composition.nix").write_text(COMPOSITION)
    (bundle / "environment.json").write_text(json.dumps({"name": "lab"}))
    (bundle / "sources").mkdir()
    (bundle / "sources" / "fix it.patch").write_text("")
    (bundle / "flake.nix").write_text(flake(model, None, ("docker",)))
    (bundle / "default.nix").write_text(default(model, None, ("docker",), LOCATE))
    return bundle, model


FACTS = "systems.plain.node.config.environment.variables"


def check(variables: dict[str, Any]) -> None:
    assert (variables["MODERN"], variables["LEGACY"]) == ("1", "1")
    assert json.loads(variables["FACTS"]) == EXPECTED


def drv_paths(bundle: Path) -> dict[str, str]:
    names = "{ inherit (b.roles.plain) node; inherit (b) docker docker-host; }"
    found: dict[str, str] = evaluate(
        f"let b = import {bundle}/default.nix {{ }}; in builtins.mapAttrs (_: one: one.drvPath) {names}"
    )
    return found


def test_default_without_a_lock(lab: tuple[Path, Environment]) -> None:
    bundle, _ = lab
    check(evaluate(f"(import {bundle}/default.nix {{ }}).{FACTS}"))
    paths = drv_paths(bundle)
    assert paths["docker"] == paths["docker-host"]  # flavour docker { store host }


def test_flake_equals_default(lab: tuple[Path, Environment]) -> None:
    bundle, _ = lab
    nix = (need("nix"), "--extra-experimental-features", "nix-command flakes")
    override_input = ("--override-input", "nixpkgs", f"path:{nixpkgs_in_store()}")
    done = run_nix(
        *nix,
        "eval",
        "--json",
        "--no-write-lock-file",
        *override_input,
        f"path:{bundle}#legacyPackages.x86_64-linux",
        "--apply",
        f"b: {{ variables = b.{FACTS}; drv = b.roles.plain.node.drvPath; }}",
    )
    found = json.loads(done.stdout)
    check(found["variables"])
    # nixpkgs as an input lies elsewhere, and roles keep no trace of where.
    assert os.path.basename(found["drv"]).partition("-")[2] == "nixos-system-nixos-20.09pre-git.drv"
    run_nix(*nix, "flake", "check", "--no-build", "--no-write-lock-file", *override_input, f"path:{bundle}")
    assert not (bundle / "flake.lock").exists()


def test_locked(lab: tuple[Path, Environment], tmp_path: Path) -> None:
    unlocked, model = lab
    bundle = tmp_path / "bundle"
    shutil.copytree(unlocked, bundle)
    references_, follows = inputs_of(model)
    text = make_lock(references_, follows)
    lock = parse_lock(text)
    (bundle / "flake.lock").write_text(text)
    (bundle / "flake.nix").write_text(flake(model, lock, ("docker",)))
    (bundle / "default.nix").write_text(default(model, lock, ("docker",), LOCATE))
    assert "nixpkgs ? lockedSources.nixpkgs" in (bundle / "default.nix").read_text()
    check(evaluate(f"(import {bundle}/default.nix {{ }}).{FACTS}"))
    given = f"import {bundle}/default.nix {{ nixpkgs = {nixpkgs_in_store()}; modern = {unlocked.parent}/modern; }}"
    check(evaluate(f"({given}).{FACTS}"))
    nix = (need("nix"), "--extra-experimental-features", "nix-command flakes")
    done = run_nix(*nix, "eval", "--json", "--no-write-lock-file", f"path:{bundle}#legacyPackages.x86_64-linux.{FACTS}")
    check(json.loads(done.stdout))
    assert (bundle / "flake.lock").read_text() == text


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (
            "github:NixOS/nixpkgs/nixos-25.11",
            'fetchTarball "https://github.com/NixOS/nixpkgs/archive/nixos-25.11.tar.gz"',
        ),
        ("github:o/r?rev=abc", 'fetchTarball "https://github.com/o/r/archive/abc.tar.gz"'),
        ("github:o/r?dir=a/b", '"https://github.com/o/r/archive/HEAD.tar.gz" + "/a/b"'),
        (
            "gitlab:o/r/v1?host=gitlab.inria.fr",
            "https://gitlab.inria.fr/api/v4/projects/o%2Fr/repository/archive.tar.gz?sha=v1",
        ),
        ("https://x.org/a.tar.gz", 'fetchTarball "https://x.org/a.tar.gz"'),
        ("tarball+https://x.org/a?b=1", 'fetchTarball "https://x.org/a?b=1"'),
        ("git+https://x.org/a.git?ref=main", 'url = "https://x.org/a.git"'),
        ("git+https://x.org/a.git?rev=abc", "allRefs = true"),
        ("path:/a/b", "/a/b"),
        ("nixpkgs", "throw"),
        ("hg+https://x.org/a", "throw"),
    ],
)
def test_unlocked_reference(reference: str, expected: str, tmp_path: Path) -> None:
    text = document(references.unlocked("x", reference))
    assert expected in text
    (tmp_path / "x.nix").write_text(text)
    run_nix(need("nix-instantiate"), "--parse", str(tmp_path / "x.nix"))
