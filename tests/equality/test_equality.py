"""A role's evaluated system equals, derivation for derivation, what a NixOS user would have written by hand.

Beside each NAME.nxc lies NAME.nix, the same systems by hand; a NAME.nix alone is of examples/NAME. 20.09's module
options: newer releases have others.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from nix_systems import evaluate, make_bundle, nixpkgs, run_nix
from shortened_nixpkgs import with_pandoc

from equality.derivations import explain

if TYPE_CHECKING:
    from conftest import Nxcc

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent.parent / "examples"
NAMES = ("full", "k3s", "kernel", "slurm", "webserver")


def source_of(name: str) -> Path:
    """The .nxc of the systems in NAME.nix."""
    own = HERE / f"{name}.nxc"
    return own if own.exists() else EXAMPLES / name / "env.nxc"


def assert_equal(bundle: Path, by_hand: Path, source: str) -> None:
    """Each role of the bundle is the system of that name in ``by_hand``, and there are no others."""
    both = (
        f"let ours = (import {bundle}/default.nix {{ nixpkgs = {source}; }}).roles.plain;"
        f" theirs = builtins.mapAttrs (_: one: one.config.system.build.toplevel)"
        f" (import {by_hand} {{ nixpkgs = {source}; }}); in {{ inherit ours theirs; }}"
    )
    paths = evaluate(f"builtins.mapAttrs (_: builtins.mapAttrs (_: one: one.drvPath)) ({both})")
    if paths["ours"] != paths["theirs"]:
        assert paths["ours"].keys() == paths["theirs"].keys()
        run_nix("nix-instantiate", "-E", both, "-A", "ours")
        run_nix("nix-instantiate", "-E", both, "-A", "theirs")
        differing = [role for role in paths["ours"] if paths["ours"][role] != paths["theirs"][role]]
        pytest.fail(
            "\n\n".join(f"role {role}\n{explain(paths['ours'][role], paths['theirs'][role])}" for role in differing)
        )


@pytest.mark.parametrize("name", NAMES)
def test_compiled_equals_hand_written(name: str, tmp_path: Path, nxcc: Nxcc) -> None:
    source = with_pandoc(tmp_path / "nixpkgs")
    target = tmp_path / "bundle"
    done = nxcc("compile", str(source_of(name)), "--flavour", "docker", "-o", str(target))
    assert done.returncode == 0, done.stderr
    assert_equal(target, HERE / f"{name}.nix", source)


def test_harness_accepts_the_same(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", (HERE / "k3s.composition.nix").read_text())
    assert_equal(bundle, HERE / "k3s.nix", nixpkgs())


def test_harness_shows_what_differs(tmp_path: Path) -> None:
    text = (HERE / "k3s.composition.nix").read_text()
    bundle = make_bundle(tmp_path / "bundle", text.replace('"cni0"', '"cni1"'))
    with pytest.raises(pytest.fail.Exception, match="cni1"):
        assert_equal(bundle, HERE / "k3s.nix", nixpkgs())
