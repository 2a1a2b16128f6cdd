"""docs/nixos-compatibility.md names what nix/ uses of nixpkgs, no more and no less, and says right where it is there.

NXCC_TEST_NIXPKGS (20.09) and NXCC_TEST_OPTIONS (options.json of NixOS 24.11, gzipped or not; for its default see
test_examples.py) are what its columns are compared with; without them those tests skip.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from nix_systems import evaluate, nixpkgs
from small_nixpkgs import LIBRARY, RELEASES, Row, make_nixpkgs, names, rows, small_bundle, traces
from test_examples import options as options  # a fixture

if TYPE_CHECKING:
    from pathlib import Path

# Names that code has only to ask whether there is something, or that an environment brings.
NOT_NIXPKGS = {"nur"}
# Folders, and files of inputs.
NO_FILES = {"/default.nix", "/flake.nix", "/nixos", "/nixos/modules"}
TITLES = ("Options", "Functions of lib", "Packages", "Files of nixpkgs")
# Marks options that NixOS's manual leaves out.
UNLISTED = "(not listed)"


def of_page(title: str) -> set[str]:
    return {row.name for row in rows(title)}


def code() -> str:
    """The text of nix/ without comments that fill a line."""
    files = sorted(LIBRARY.rglob("*.nix"))
    return "\n".join(re.sub(r"^\s*#.*$", "", path.read_text(), flags=re.MULTILINE) for path in files)


def test_options_are_those_that_nix_defines_and_reads(tmp_path: Path) -> None:
    used = set()
    # With `trust none` the firewall is another.
    for trust, releases in (("peers", RELEASES), ("none", RELEASES[-1:])):
        bundle = small_bundle(tmp_path / trust, network={"subnet": "198.18.0.0/15", "trust": trust})
        for release in releases:
            small = make_nixpkgs(tmp_path / f"{release}-{trust}", release, record=f"{bundle}/")
            found = traces(
                f"let bundle = import {bundle}/default.nix {{ nixpkgs = {small}; }};"
                " drv = builtins.mapAttrs (_: one: one.drvPath);"
                " in [ (drv bundle.packages) (builtins.mapAttrs (_: drv) bundle.roles) ]"
            )
            used |= {line.split()[1] for line in found if line.startswith(("defines ", "reads "))}
    page = of_page("Options")
    assert used - page == set(), "used and not in the page"
    # What is read of a user is not traced, as whole users are read: `user.home` in the text is.
    of_users = {f"users.users.<name>.{name}" for name in re.findall(r"(?<![\w-])user\.(\w+)", code())}
    assert of_users <= page
    assert page - used - of_users == set(), "in the page and not used"


def test_releases_are_told_apart_in_one_file() -> None:
    # The release itself, and options that one of them lacks: `config.a.b or c`.
    guard = re.compile(
        r"\batLeast\b|versionAtLeast|trivial\.release|\b(?:config|firewall|openssh)\.(?!nxcc)[\w.-]+ or\b"
    )
    found = {
        f"{path.name}: {line.strip()}"
        for path in LIBRARY.rglob("*.nix")
        if path.name != "compat.nix"
        for line in path.read_text().splitlines()
        if guard.search(line)
    }
    assert found == set()
    assert guard.search((LIBRARY / "lib" / "compat.nix").read_text())


def test_functions_are_those_that_nix_calls() -> None:
    called = set(re.findall(r"\blib\.([A-Za-z][A-Za-z0-9_']*(?:\.[A-Za-z][A-Za-z0-9_']*)?)", code()))
    page = of_page("Functions of lib")
    assert (called - page, page - called) == (set(), set())


def test_packages_are_those_that_nix_names() -> None:
    named = set(re.findall(r"\b(?:pkgs|prev)\.([A-Za-z][A-Za-z0-9_'-]*(?:\.[A-Za-z][A-Za-z0-9_'-]*)*)", code()))
    tops = {name.split(".")[0] for name in of_page("Packages")}
    assert sorted(name for name in named if name.split(".")[0] not in tops | NOT_NIXPKGS | {"path"}) == []
    assert sorted(name for name in of_page("Packages") if name not in named) == []


def test_files_are_those_that_nix_reads() -> None:
    read = set(re.findall(r'\+ "(/[a-z0-9/._-]+)"', code())) - {
        "/default.nix",
        "/flake.nix",
        "/nixos",
        "/nixos/modules",
    }
    page = {f"/{name}" for name in of_page("Files of nixpkgs")}
    assert sorted(tail for tail in read if not any(name.endswith(tail) for name in page)) == []
    assert sorted(name for name in page if not any(name.endswith(tail) for tail in read)) == []


@pytest.mark.parametrize("title", TITLES)
def test_rows_are_in_order_and_guarded(title: str) -> None:
    found = rows(title)
    assert [row.name for row in found] == sorted({row.name for row in found})
    for row in found:
        assert row.types, f"{row.name} is in no release"
        # What some release lacks wants a guard.
        assert row.guard or set(row.types) == set(RELEASES), row.name


# ------------------------------------------------------------ the columns


def wrong(found: dict[str, bool], release: str, table: list[Row]) -> list[str]:
    return [row.name for row in table if found[row.name] != (release in row.types)]


def test_column_of_20_09(tmp_path: Path) -> None:
    source = nixpkgs()
    asked = {title: [row.name for row in rows(title)] for title in TITLES}
    file = tmp_path / "asked.json"
    file.write_text(json.dumps(asked))
    found = evaluate(f"""
        let
          lib = import {source}/lib;
          pkgs = import {source} {{ system = "x86_64-linux"; config.allowAliases = true; }};
          machine = import {source}/nixos/lib/eval-config.nix {{
            system = "x86_64-linux";
            modules = [ {{ imports = [ {source}/nixos/modules/virtualisation/qemu-vm.nix ]; }} ];
          }};
          asked = builtins.fromJSON (builtins.readFile {file});
          # Options within a submodule are asked of its type.
          within = loc: path: tree:
            if path == [ ] then true
            else if tree._type or "" == "option" then
              let sub = tree.type.getSubOptions loc; in
              if builtins.elem (builtins.head path) [ "<name>" "*" ] then within loc (builtins.tail path) sub else false
            else tree ? ${{builtins.head path}} && within loc (builtins.tail path) tree.${{builtins.head path}};
          has = lib.genAttrs;
        in {{
          "Options" = has asked."Options" (name: within [ ] (lib.splitString "." name) machine.options);
          "Functions of lib" = has asked."Functions of lib" (name: lib.hasAttrByPath (lib.splitString "." name) lib);
          "Packages" = has asked."Packages" (name: lib.hasAttrByPath (lib.splitString "." name) pkgs);
          "Files of nixpkgs" = has asked."Files of nixpkgs" (name: builtins.pathExists ({source} + "/${{name}}"));
        }}
    """)
    for title, each in found.items():
        assert wrong(each, "20.09", rows(title)) == [], title


def test_column_of_24_11(options: dict[str, Any]) -> None:
    unlisted = [row.name for row in rows("Options") if row.file.endswith(UNLISTED)]
    table = [row for row in rows("Options") if row.name not in unlisted]
    assert wrong({row.name: row.name in options for row in table}, "24.11", table) == []
    assert [name for name in unlisted if name in options] == []


def test_small_nixpkgs_has_what_the_page_names(tmp_path: Path) -> None:
    for release in RELEASES:
        small = make_nixpkgs(tmp_path / release, release)
        assert [path for path in names("Files of nixpkgs", release) if not (small / path).exists()] == []
