"""Locks: made by Nix, offline from folders; read, and cut down to what a bundle needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tools import need

from nxcc.lock import (
    LockError,
    locked_source,
    make_lock,
    parse_lock,
    plain_inputs,
    read_lock,
    select,
    write_text,
)

if TYPE_CHECKING:
    from pathlib import Path

FLAKE = """{ inputs.base.url = "path:/nowhere"; outputs = { self, base }: { value = base.value + 1; }; }"""


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, str]:
    """A flake, one that takes it as input, and a folder that is no flake."""
    need("nix")
    for name, file, text in (
        ("base", "flake.nix", "{ outputs = _: { value = 1; }; }"),
        ("other", "flake.nix", FLAKE),
        ("plain", "default.nix", "{ }"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text)
    return {name: f"path:{tmp_path / name}" for name in ("base", "other", "plain")}


def lock_of(**nodes: object) -> dict[str, object]:
    return {"nodes": nodes, "root": "root", "version": 7}


def github(rev: str, **inputs: object) -> dict[str, object]:
    locked = {"type": "github", "owner": "o", "repo": "r", "rev": rev, "narHash": f"sha256-{rev}"}
    return {"locked": locked, "original": {"type": "github", "owner": "o", "repo": "r"}, "inputs": inputs}


def test_lock_follows_and_finds_out_what_is_no_flake(inputs: dict[str, str]) -> None:
    text = make_lock(inputs, {"other": ("base",)})
    lock = parse_lock(text)
    assert set(lock["nodes"]["root"]["inputs"]) == {"base", "other", "plain"}
    assert lock["nodes"]["other"]["inputs"] == {"base": ["base"]}
    assert plain_inputs(lock) == ("plain",)
    assert write_text(lock) == text


def test_previous_lock_holds(inputs: dict[str, str], tmp_path: Path) -> None:
    first = make_lock(inputs, {"other": ("base",)})
    (tmp_path / "base" / "new").write_text("")
    assert make_lock(inputs, {"other": ("base",)}, previous=first) == first
    assert make_lock(inputs, {"other": ("base",)}) != first


def test_plain_input_that_becomes_a_flake(inputs: dict[str, str]) -> None:
    first = make_lock({"one": inputs["plain"]})
    assert plain_inputs(parse_lock(first)) == ("one",)
    assert plain_inputs(parse_lock(make_lock({"one": inputs["base"]}, previous=first))) == ()


def test_no_inputs() -> None:
    need("nix")
    assert parse_lock(make_lock({}))["nodes"]["root"] == {}


def test_missing_nix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LockError, match="needs Nix"):
        make_lock({"base": "path:/x"})


def test_failure_in_the_words_of_nix(tmp_path: Path) -> None:
    need("nix")
    with pytest.raises(LockError) as caught:
        make_lock({"base": f"path:{tmp_path}/nowhere"})
    message = str(caught.value)
    assert "nowhere" in message
    assert "warning" not in message
    assert "--show-trace" not in message


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nodes": {}, "root": "root", "version": 7}', "[" * 100000])
def test_no_lock_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "env.lock").write_text(text)
    with pytest.raises(LockError, match=r"env\.lock: this is no lock file"):
        read_lock(str(tmp_path / "env.lock"))


def test_unknown_version() -> None:
    with pytest.raises(LockError, match="version 9"):
        parse_lock(json.dumps({"nodes": {"root": {}}, "root": "root", "version": 9}))


@pytest.mark.parametrize(
    ("locked", "url"),
    [
        ({"type": "github", "owner": "o", "repo": "r"}, "https://github.com/o/r/archive/abc.tar.gz"),
        (
            {"type": "gitlab", "owner": "o", "repo": "r", "host": "gitlab.inria.fr"},
            "https://gitlab.inria.fr/api/v4/projects/o%2Fr/repository/archive.tar.gz?sha=abc",
        ),
        ({"type": "tarball", "url": "https://x.org/a.tar.gz"}, "https://x.org/a.tar.gz"),
        ({"type": "git", "url": "https://x.org/a.git"}, "https://x.org/a.git"),
        ({"type": "path", "path": "/a"}, "/a"),
    ],
)
def test_locked_source(locked: dict[str, str], url: str) -> None:
    lock = lock_of(root={"inputs": {"x": "n"}}, n={"locked": {**locked, "rev": "abc", "narHash": "sha256-x"}})
    source = locked_source(lock, "x")
    assert (source.url, source.hash, source.revision) == (url, "sha256-x", "abc")


def test_select_renames_follows_and_drops() -> None:
    lock = lock_of(
        root={"inputs": {"nixpkgs": "nixpkgs", "large--nixpkgs": "nixpkgs_2", "lib": "lib", "unused": "unused"}},
        nixpkgs=github("1"),
        nixpkgs_2=github("2"),
        lib=github("3", nixpkgs=["nixpkgs"], extra="extra"),
        extra=github("4", deep=["unused"]),
        unused=github("5"),
        orphan=github("6"),
    )
    small = select(lock, {"nixpkgs": "nixpkgs", "lib": "lib"}, {"lib": ("nixpkgs",)})
    assert set(small["nodes"]) == {"root", "nixpkgs", "lib", "extra", "unused"}
    assert small["nodes"]["extra"]["inputs"] == {"deep": "unused"}
    assert small["nodes"]["root"]["inputs"] == {"lib": "lib", "nixpkgs": "nixpkgs"}

    large = select(lock, {"nixpkgs": "large--nixpkgs", "lib": "lib"}, {"lib": ("nixpkgs",)})
    assert large["nodes"]["root"]["inputs"]["nixpkgs"] == "nixpkgs_2"
    assert large["nodes"]["lib"]["inputs"]["nixpkgs"] == ["nixpkgs"]
    assert "nixpkgs" not in large["nodes"]
    with pytest.raises(KeyError):
        select(lock, {"nixpkgs": "nixpkgs", "more": "more"})


def test_selection_is_the_lock_that_nix_makes(inputs: dict[str, str]) -> None:
    follows = {"other": ("base",)}
    everything = parse_lock(make_lock({**inputs, "large--base": inputs["plain"]}, follows))
    assert write_text(select(everything, {name: name for name in inputs}, follows)) == make_lock(inputs, follows)
