# nixos/lib/eval-config.nix of the small nixpkgs.
#
# lib, and what of it the release shows; table: its options; then the arguments of the real one.
{ lib, shown, modulesPath, release, table }:

{ system ? "x86_64-linux", modules }:

let
  result = lib.evalModules {
    modules = [ (import ./nixos.nix { inherit lib table pkgs release; }) ] ++ modules;
    specialArgs = { inherit modulesPath pkgs; lib = shown; };
  };
  pkgs = result.config.nixpkgs.pkgs;
in
# Where packages are read-only, the platform is theirs.
assert lib.versionAtLeast release "24.05" -> system == null;
{
  inherit pkgs;
  inherit (result) options;
  config = result.watched;
}
