# The environment dollars without flakes: nix-build DIR -A docker
# Every input is an argument, a path: --arg nixpkgs /path/to/nixpkgs
{
  nixpkgs ? builtins.fetchTarball "https://github.com/NixOS/nixpkgs/archive/nixos-26.05.tar.gz",
  system ? "x86_64-linux",
}:
import ./nix/lib {
  inherit nixpkgs system;
  composition = ./composition.nix;
  environment = builtins.fromJSON (builtins.readFile ./environment.json);
}
