# nixos/lib/eval-config.nix of the small nixpkgs.
#
# lib, and what of it the release shows; table: its options; then the arguments of the real one, and whether the system
# is a node of a test, which has more options.
{ lib, shown, modulesPath, release, table }:

{ system ? "x86_64-linux", modules, test ? false }:

let
  result = lib.evalModules {
    modules = [ (import ./nixos.nix { inherit lib pkgs release; table = known; }) ] ++ modules;
    specialArgs = { inherit modulesPath pkgs; lib = shown; };
  };
  known = lib.filter (row: test || !row.test) table;
  pkgs = result.config.nixpkgs.pkgs;
in
# Where packages are read-only, the platform is theirs.
assert lib.versionAtLeast release "24.05" -> system == null;
{
  inherit pkgs;
  inherit (result) options;
  config = result.watched or result.config;
}
