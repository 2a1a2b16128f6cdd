"""A nixpkgs small enough to evaluate anywhere, for the releases of docs/nixos-compatibility.md.

That page says which options, functions, packages and files a release has; tests/modules/ has what they do.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from nix_systems import make_bundle, run_nix
from tools import need

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "nixos-compatibility.md"
MODULES = HERE / "modules"
LIBRARY = HERE.parent / "nix"
GONE = re.compile(r"removed|renamed")
RELEASES = ("20.09", "24.11", "26.05")


class Row(NamedTuple):
    """Something of nixpkgs: ``types`` by release for options, empty words for the rest; ``file`` declares an option."""

    name: str
    types: dict[str, str]
    file: str
    guard: str


def rows(title: str) -> list[Row]:
    """The table below a heading of the page."""
    section = PAGE.read_text().split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    header, found = table[0], []
    for cells in table[2:]:
        one = dict(zip(header, cells, strict=True))
        usual, *others = one.get("type", "").split("; ")
        words = dict(other.split(": ") for other in others)
        types = {release: words.get(release, usual) for release in RELEASES if one[release] == "yes"}
        assert {one[release] for release in RELEASES} <= {"yes", "no"}, one
        found.append(Row(cells[0].strip("`"), types, one.get("declared in", ""), one["guard"]))
    return found


def names(title: str, release: str) -> list[str]:
    return [row.name for row in rows(title) if release in row.types]


def make_nixpkgs(folder: Path, release: str, record: str | None = None, real: str | None = None) -> Path:
    """Writes the nixpkgs of a release.

    With ``record`` it traces what modules of that folder define and read; ``real`` is a folder with lib/ of a nixpkgs,
    which is taken instead of the small one.
    """

    def write(path: str, text: str) -> None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)

    # NixOS keeps an option of which the name is gone, to say so to those who define it.
    gone = {row.name for row in rows("Options") if release not in row.types and GONE.search(row.guard)}
    table = [
        {"name": row.name, "type": row.types.get(release, "gone"), "test": "qemu-vm.nix" in row.file}
        for row in rows("Options")
        if release in row.types or row.name in gone
    ]
    facts = {
        "release": release,
        "record": record,
        "real": real,
        "table": table,
        "functions": names("Functions of lib", release),
        "packages": names("Packages", release),
    }
    write("facts.json", json.dumps(facts))
    common = f"import {MODULES} ./{{}}facts.json"
    write("lib/default.nix", f"({common.format('../')}).shown\n")
    write("default.nix", f"({common.format('')}).pkgs ./.\n")
    write("nixos/lib/eval-config.nix", f"({common.format('../../')}).evalConfig ../modules\n")
    for path in names("Files of nixpkgs", release):
        if (folder / path).exists():
            continue
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(MODULES / "nixpkgs" / path)
    return folder


def small_bundle(folder: Path, composition: str | None = None, **changes: Any) -> Path:
    """A bundle of tests/modules' composition, or another, and of its environment with what ``changes`` in it."""
    text = (MODULES / "composition.nix").read_text() if composition is None else composition
    bundle = make_bundle(folder, text)
    environment = json.loads((MODULES / "environment.json").read_text()) | changes
    (bundle / "environment.json").write_text(json.dumps(environment))
    return bundle


def traces(expression: str) -> list[str]:
    """What is traced while an expression is evaluated."""
    done = run_nix(need("nix-instantiate"), "--eval", "--strict", "-E", expression)
    return re.findall(r"^trace: (.*)$", done.stderr, re.MULTILINE)
