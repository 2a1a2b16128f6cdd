"""Files of a bundle that were edited by hand, and files of the user's in its folder."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from bundles import ALL, a_bundle, compile_to, names, touched

from nxcc.bundle import (
    MANIFEST,
    HandEdited,
    WriteError,
    manifest,
)

if TYPE_CHECKING:
    from pathlib import Path


# Hand edits


def edit(path: Path, how: str) -> None:
    if how == "content":
        path.write_text("edited\n")
    elif how == "mode":
        path.chmod(path.stat().st_mode ^ 0o111)
    elif how == "link":
        path.rename(path.parent.parent / "moved")
        path.symlink_to("../moved")
    elif how == "fifo":
        path.unlink()
        os.mkfifo(path)
    elif how == "folder":
        path.unlink()
        path.mkdir()
        (path / "mine").write_text("x")


@pytest.mark.parametrize("how", ["content", "mode", "link", "fifo"])
@pytest.mark.parametrize(
    "new", [{}, {"docker__run": "#!/bin/new\n"}, {"docker__run": None}], ids=["same", "new", "gone"]
)
def test_hand_edit(tmp_path: Path, how: str, new: dict[str, str | None]) -> None:
    compile_to(tmp_path)
    edit(tmp_path / "docker/run", how)
    stands = touched(tmp_path / "docker/run")
    before = (tmp_path / MANIFEST).read_bytes()
    bundle = a_bundle(**new, composition="x")
    with pytest.raises(HandEdited) as caught:
        compile_to(tmp_path, bundle)
    assert caught.value.paths == ("docker/run",)
    assert (tmp_path / MANIFEST).read_bytes() == before
    assert not (tmp_path / "composition").exists()

    gone = new.get("docker__run", "") is None
    for number in range(3):
        done = compile_to(tmp_path, bundle, keep=True)
        assert touched(tmp_path / "docker/run") == stands
        assert done.kept == (() if gone and number else ("docker/run",))  # once dropped, it is the user's file
        assert not done.changed
        if not gone:
            with pytest.raises(HandEdited) as caught:
                compile_to(tmp_path, bundle)
            assert caught.value.paths == ("docker/run",)

    if not gone:
        assert compile_to(tmp_path, bundle, force=True).changed == ("docker/run",)
        found = (tmp_path / "docker/run").lstat()
        assert stat.S_ISREG(found.st_mode)
        assert found.st_mode & 0o100
        assert (tmp_path / "docker/run").read_bytes() == bundle.files[2].content
        assert "docker/run" in compile_to(tmp_path, bundle).unchanged
    if how == "link" and (tmp_path / "moved").exists():
        assert (tmp_path / "moved").read_text() == "#!/bin/sh\n"  # never written through


def test_forced_removal(tmp_path: Path) -> None:
    compile_to(tmp_path)
    edit(tmp_path / "docker/run", "content")
    assert compile_to(tmp_path, a_bundle(docker__run=None), force=True).removed == ("docker/run",)
    assert not (tmp_path / "docker/run").exists()


def test_edited_into_what_is_written_now(tmp_path: Path) -> None:
    compile_to(tmp_path)
    (tmp_path / "docker/run").write_text("#!/bin/new\n")
    assert "docker/run" in compile_to(tmp_path, a_bundle(docker__run="#!/bin/new\n")).unchanged


def test_all_edits_are_named(tmp_path: Path) -> None:
    compile_to(tmp_path)
    for name in ("nix/lib/one.nix", "composition.nix"):
        edit(tmp_path / name, "content")
    (tmp_path / "new").write_text("the user's")
    with pytest.raises(HandEdited) as caught:
        compile_to(tmp_path, a_bundle(new="ours"))
    assert caught.value.paths == ("composition.nix", "new", "nix/lib/one.nix")


def test_force_and_keep_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="exclude"):
        compile_to(tmp_path, force=True, keep=True)


# Files of the user's


def test_folder_in_use(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/mine").write_text("y")
    compile_to(tmp_path)
    assert names(tmp_path) == ALL | {"mine", "docker/mine"}


def test_collision(tmp_path: Path) -> None:
    (tmp_path / "composition.nix").write_text("the user's")
    with pytest.raises(HandEdited) as caught:
        compile_to(tmp_path)
    assert caught.value.paths == ("composition.nix",)
    assert names(tmp_path) == {"composition.nix"}
    assert compile_to(tmp_path, keep=True).kept == ("composition.nix",)
    assert (tmp_path / "composition.nix").read_text() == "the user's"
    with pytest.raises(HandEdited):
        compile_to(tmp_path)
    assert compile_to(tmp_path, force=True).changed == ("composition.nix",)


def test_a_lost_manifest(tmp_path: Path) -> None:
    compile_to(tmp_path)
    (tmp_path / MANIFEST).unlink()
    assert set(compile_to(tmp_path).unchanged) == ALL - {MANIFEST}
    assert manifest(str(tmp_path))


def test_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("the user's")
    with pytest.raises(HandEdited) as caught:
        compile_to(tmp_path)
    assert caught.value.paths == ("docker",)
    assert compile_to(tmp_path, keep=True).kept == ("docker/docker-compose.yml", "docker/run")
    assert (tmp_path / "docker").read_text() == "the user's"
    with pytest.raises(HandEdited):
        compile_to(tmp_path)
    assert compile_to(tmp_path, force=True).removed == ("docker",)
    assert names(tmp_path) == ALL


def test_folder_where_a_file_should_be(tmp_path: Path) -> None:
    compile_to(tmp_path)
    edit(tmp_path / "docker/run", "folder")
    with pytest.raises(HandEdited) as caught:
        compile_to(tmp_path)
    assert caught.value.paths == ("docker/run",)
    with pytest.raises(WriteError) as refused:
        compile_to(tmp_path, force=True)
    assert refused.value.path == str(tmp_path / "docker/run")
    assert compile_to(tmp_path, keep=True).kept == ("docker/run",)
    assert (tmp_path / "docker/run/mine").read_text() == "x"


@pytest.mark.parametrize("listed", [True, False])
def test_link_that_leads_out(tmp_path: Path, listed: bool) -> None:
    directory, outside = tmp_path / "x", tmp_path / "outside"
    compile_to(directory)
    if not listed:
        (directory / MANIFEST).unlink()
    (directory / "docker").rename(outside)
    (directory / "docker").symlink_to(outside)
    stands = {path: (path.read_bytes(), touched(path)) for path in outside.iterdir()}
    bundle = a_bundle(docker__run="new", docker__deep__file="new")
    with pytest.raises(HandEdited) as caught:
        compile_to(directory, bundle)
    assert caught.value.paths == ("docker",)
    assert len(compile_to(directory, bundle, keep=True).kept) == 3
    assert (directory / "docker").is_symlink()
    compile_to(directory, bundle, force=True)
    assert not (directory / "docker").is_symlink()
    assert (directory / "docker/run").read_text() == "new"
    assert {path: (path.read_bytes(), touched(path)) for path in outside.iterdir()} == stands


def test_nothing_is_removed_through_a_link(tmp_path: Path) -> None:
    directory, outside = tmp_path / "x", tmp_path / "outside"
    compile_to(directory)
    (directory / "nix").rename(outside)
    (directory / "nix").symlink_to(outside)
    compile_to(directory, a_bundle(**{"nix/lib/one.nix": None}))
    assert (outside / "lib/one.nix").exists()


def test_links_to_the_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    compile_to(tmp_path / "link")
    (tmp_path / "dangling").symlink_to(tmp_path / "later/on")
    compile_to(tmp_path / "dangling")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "dangling").is_symlink()
    assert names(tmp_path / "real") == names(tmp_path / "later/on") == ALL
