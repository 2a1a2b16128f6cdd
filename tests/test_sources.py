"""Which files a bundle's sources/ gets."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tools import need

from nxcc import sources
from nxcc.diagnostics.core import Log, Source, Span
from nxcc.diagnostics.text import render
from nxcc.model.environment import NamedFile
from nxcc.sources import Collected, collect

if TYPE_CHECKING:
    from pathlib import Path

ENV = Source("env.nxc", "role a { import ./a.nix }\n")
SPAN = Span(ENV, 9, 23)


def tree(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


class Run:
    """One collection: ``names`` of the files, and what was reported."""

    def __init__(self, root: Path, *named: str, kind: str = "nix", secrets: tuple[str, ...] = ()) -> None:
        self.log = Log()
        self.root = root
        files = [NamedFile(os.path.join(root, name), kind == "nix", SPAN) for name in named]
        self.collected: Collected = collect(files, str(root), [str(root / secret) for secret in secrets], self.log)
        self.names = [file.path for file in self.collected.files]
        self.messages = [(d.code, d.message) for d in self.log.diagnostics]

    def at(self, name: str) -> str:
        return self.collected.locate[os.path.normpath(os.path.join(self.root, name))]


def test_what_nix_files_name_in_turn(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "a.nix": "{ imports = [ ./m/b.nix ./a.nix ]; x = ./data.bin; }",
            "m/b.nix": "{ imports = [ ../a.nix ./c ]; }",
            "m/c/default.nix": "{ x = ./../d.nix; }",
            "m/c/deep/e.nix": "import ../../../f.nix",
            "m/d.nix": "1",
            "f.nix": '"./g.nix" /* ./g.nix */',
            "g.nix": "not named",
            "data.bin": b"\xff\x00\xfe",
        },
    )
    run = Run(tmp_path, "a.nix")
    assert run.messages == []
    expected = ["a.nix", "data.bin", "f.nix", "m/b.nix", "m/c/deep/e.nix", "m/c/default.nix", "m/d.nix"]
    assert run.names == [f"sources/{name}" for name in sorted(expected)]
    assert run.at("m/b.nix") == "sources/m/b.nix"
    assert run.at("m/c") == "sources/m/c"
    assert next(file.content for file in run.collected.files if file.path.endswith(".bin")) == b"\xff\x00\xfe"


def test_files_beside_the_source_keep_their_places(tmp_path: Path) -> None:
    root = tmp_path / "x" / "env"
    tree(tmp_path, {"x/env/a.nix": "../parts/b.nix", "x/parts/b.nix": "./c.txt", "x/parts/c.txt": "c", "no": ""})
    run = Run(root, "a.nix")
    assert run.messages == []
    assert run.names == ["sources/env/a.nix", "sources/parts/b.nix", "sources/parts/c.txt"]
    assert run.at("../parts/b.nix") == "sources/parts/b.nix"
    elsewhere = Run(root, "../parts/c.txt", kind="data")
    assert elsewhere.names == ["sources/parts/c.txt"]


def test_nix_evaluates_the_copy(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "p/env/a.nix": "[ (import ../lib) (builtins.readFile ./t) (import ./m { x = ./n/o.nix; }) ]",
            "p/env/t": "t",
            "p/env/m/default.nix": "{ x }: import x + import ./k.nix",
            "p/env/m/k.nix": "10",
            "p/env/n/o.nix": "import ../m/k.nix",
            "p/lib/default.nix": "import ./sub/x.nix",
            "p/lib/sub/x.nix": "7",
        },
    )
    run = Run(tmp_path / "p" / "env", "a.nix")
    assert run.messages == []
    tree(tmp_path / "bundle", {file.path: file.content for file in run.collected.files})
    copy = tmp_path / "bundle" / run.at("a.nix")
    command = [need("nix-instantiate"), "--eval", "--strict", str(copy)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == '[ 7 "t" 20 ]'


def test_a_folder_is_taken_whole(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "site/index.html": "x",
            "site/bin/run": "#!/bin/sh\n",
            "site/x.nix": "../y.nix",
            "y.nix": "1",
            "site/.git/config": "no",
            "site/.hidden": "yes",
            "site/build/lab/manifest.json": "{}",
            "site/build/lab.state/secrets/token": "no",
            "site/build/gone.state/secrets/token": "no",
            "site/build/own.txt": "yes",
            "site/out/manifest.json": "{}",
            "site/out/environment.json": "{}",
            "site/out.state/key": "no",
            "site/web/manifest.json": "yes",
            "site/gas.state/x": "yes",
        },
    )
    os.chmod(tmp_path / "site/bin/run", 0o755)
    os.symlink("/nix/store/abc-x", tmp_path / "site/result")
    os.symlink("/nix/store/abc-x", tmp_path / "site/result-bin")
    os.mkfifo(tmp_path / "site/pipe")
    run = Run(tmp_path, "site", kind="data")
    assert run.messages == []
    inside = [".hidden", "bin/run", "build/own.txt", "gas.state/x", "index.html", "web/manifest.json", "x.nix"]
    assert run.names == [*(f"sources/site/{name}" for name in inside), "sources/y.nix"]
    assert [file.path for file in run.collected.files if file.executable] == ["sources/site/bin/run"]
    assert run.at("site") == "sources/site"


def test_a_data_file_is_not_read_as_nix(tmp_path: Path) -> None:
    tree(tmp_path, {"a.nix": "./missing.nix"})
    assert Run(tmp_path, "a.nix", kind="data").messages == []


def test_links_become_what_they_lead_to(tmp_path: Path) -> None:
    tree(tmp_path, {"root/d/file": "x", "root/d/sub/y": "y", "outside/z": "z", "outside/more/w": "w"})
    os.symlink("file", tmp_path / "root/d/link")
    os.symlink("../d", tmp_path / "root/d/loop")
    os.symlink("sub", tmp_path / "root/d/again")
    os.symlink("../../outside", tmp_path / "root/d/away")
    os.symlink("nowhere", tmp_path / "root/d/dead")
    run = Run(tmp_path / "root", "d", kind="data")
    assert run.messages == [("NX0529", "link `d/dead` leads nowhere")]
    expected = ["again/y", "away/more/w", "away/z", "file", "link", "sub/y"]
    assert run.names == [f"sources/d/{name}" for name in expected]
    assert run.collected.files[4].content == b"x"


def test_links_that_multiply(tmp_path: Path) -> None:
    for i in range(12):
        tree(tmp_path, {f"d/{i}/keep": ""})
        for j in range(12):
            if i != j:
                os.symlink(f"../{j}", tmp_path / f"d/{i}/to{j}")
    assert Run(tmp_path, "d", kind="data").messages == [("NX0524", "`d` is too large for a bundle")]


def test_missing_files(tmp_path: Path) -> None:
    tree(tmp_path, {"a.nix": "{\n  imports = [ ./m/b.nix ];\n}\n", "m/b.nix": "x:\nimport ./c.nix"})
    run = Run(tmp_path, "a.nix", "gone.nix")
    assert render(run.log.diagnostics, color=False) == (
        "error[NX0521]: `m/b.nix`, line 2, names `./c.nix`, which does not exist\n"
        " --> env.nxc:1:10\n"
        "  |\n"
        "1 | role a { import ./a.nix }\n"
        "  |          ^^^^^^^^^^^^^^\n"
        "  |\n"
        " ::: m/b.nix:2:8\n"
        "  |\n"
        "2 | import ./c.nix\n"
        "  |        ------- named here\n"
        "  |\n"
        "note: `nxcc explain NX0521` tells more\n\n"
        "error[NX0501]: there is no file or folder `gone.nix`\n"
        " --> env.nxc:1:10\n"
        "  |\n"
        "1 | role a { import ./a.nix }\n"
        "  |          ^^^^^^^^^^^^^^\n"
        "  |\n"
        "note: `nxcc explain NX0501` tells more\n\n"
        "error: 2 errors; nothing was written\n"
    )


def test_what_is_only_tested_may_be_missing(tmp_path: Path) -> None:
    tree(tmp_path, {"a.nix": "if builtins.pathExists ./local.nix then import ./local.nix else { }"})
    assert Run(tmp_path, "a.nix").messages == []
    tree(tmp_path, {"local.nix": "1"})
    assert Run(tmp_path, "a.nix").names == ["sources/a.nix", "sources/local.nix"]


def test_paths_that_cannot_be_followed(tmp_path: Path) -> None:
    tree(tmp_path, {"a.nix": "[ ./x/${y}.nix <nixpkgs> /etc/x\n~/y /nix/store/abc-z/q ]", "b.nix": "./c/${d}"})
    run = Run(tmp_path, "a.nix", "b.nix", "b.nix")
    assert run.names == ["sources/a.nix", "sources/b.nix"]
    assert run.messages == [
        ("NX0522", f"`{file}`, line {line}, uses `{path}`, which the bundle cannot contain")
        for file, line, path in (
            ("a.nix", 1, "./x/${y}.nix"),
            ("a.nix", 1, "<nixpkgs>"),
            ("a.nix", 1, "/etc/x"),
            ("a.nix", 2, "~/y"),
            ("b.nix", 1, "./c/${d}"),
        )
    ]
    assert not run.log.failed


@pytest.mark.parametrize("named", ["token", "a.nix", "d", "link"])
def test_secrets_stay_out(tmp_path: Path, named: str) -> None:
    tree(tmp_path, {"token": "s3cret", "a.nix": "./token", "d/b": "b"})
    os.symlink("../token", tmp_path / "d/token-link")
    os.symlink("token", tmp_path / "link")
    run = Run(tmp_path, named, kind="nix" if named.endswith(".nix") else "data", secrets=("token",))
    path = {"d": "d/token-link", "link": "link"}.get(named, "token")
    assert run.messages == [("NX0523", f"the content of secret file `{path}` would be copied into the bundle")]
    assert all(b"s3cret" not in file.content for file in run.collected.files)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", 100)
    monkeypatch.setattr(sources, "MAX_FILES", 3)
    tree(tmp_path, {"big/a": "x" * 60, "big/b": "x" * 60, "huge": "x" * 101, "fits/a": "x" * 100})
    tree(tmp_path, {f"many/{i}": "" for i in range(4)})
    run = Run(tmp_path, "big", "huge", "fits", "many", kind="data")
    assert run.messages == [("NX0524", f"`{name}` is too large for a bundle") for name in ("big", "huge", "many")]
    assert run.names == ["sources/fits/a"]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()
    tree(tmp_path, {"modules/a.nix": "1", "broken.nix": "{\n a = [ 1 ; }", "none.nix": "# nothing"})
    os.symlink("dangling", tmp_path / "link")
    run = Run(tmp_path, "pipe", "empty", "link", kind="data")
    assert run.messages == [
        ("NX0503", "cannot read `pipe`: not a regular file"),
        ("NX0528", "folder `empty` has no files"),
        ("NX0503", "cannot read `link`: No such file or directory"),
    ]
    run = Run(tmp_path, "modules", "broken.nix", "none.nix")
    assert run.messages == [
        ("NX0527", "folder `modules` has no default.nix"),
        ("NX0526", "`broken.nix`, line 2: `[` is never closed"),
        ("NX0526", "`none.nix`, line 1: a Nix file without an expression"),
    ]


def test_the_order_and_place_do_not_matter(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"a.nix": "./b.nix + ./c", "b.nix": "1", "c/d": "", "c/e": ""}
    tree(tmp_path / "one", files)
    tree(tmp_path / "two" / "three", dict(reversed(files.items())))
    first = Run(tmp_path / "one", "a.nix", "b.nix").collected.files
    second = Run(tmp_path / "two" / "three", "b.nix", "a.nix").collected.files
    assert first == second
    assert len(first) == 4
