# The environment lab without flakes: nix-build DIR -A docker
# Every input is an argument, a path: --arg nixpkgs /path/to/nixpkgs
let
  flakeLock = builtins.fromJSON (builtins.readFile ./flake.lock);
  lockedSources =
    (import ./nix/lib/lock.nix {
      lock = flakeLock;
    }).sources;
in
{
  nixpkgs ? lockedSources.nixpkgs,
  system ? "x86_64-linux",
}:
import ./nix/lib {
  inherit nixpkgs system;
  composition = ./composition.nix;
  environment = builtins.fromJSON (builtins.readFile ./environment.json);
  lock = flakeLock;
}
