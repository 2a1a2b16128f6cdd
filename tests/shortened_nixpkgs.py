"""A nixpkgs for examples that reach pandoc, also where the checkout that tests have is without Haskell's packages.

The list of Haskell's packages is a quarter of nixpkgs, and a checkout for tests may leave it out. Slurm and Open MPI
use pandoc for a manual page; what is built instead makes no difference to whether they evaluate.
"""

from __future__ import annotations

from pathlib import Path

from nix_systems import nixpkgs

HASKELL = Path("pkgs", "development", "haskell-modules", "hackage-packages.nix")
# The whole list has millions.
EMPTY = 1000


def with_pandoc(folder: Path) -> str:
    """The nixpkgs to test with; without Haskell's packages one made in ``folder``, where pandoc is another package."""
    source = Path(nixpkgs())
    if (source / HASKELL).stat().st_size > EMPTY:
        return str(source)
    folder.mkdir()
    for path in source.iterdir():
        if path.name != "default.nix":
            (folder / path.name).symlink_to(path)
    (folder / "default.nix").write_text(
        f"arguments: import {source} (arguments // {{\n"
        "  overlays = (arguments.overlays or [ ]) ++ [ (_: super: { pandoc = super.hello; }) ];\n"
        "})\n"
    )
    return str(folder)
