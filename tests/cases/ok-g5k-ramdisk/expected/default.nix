# The environment lab without flakes: nix-build DIR -A g5k-ramdisk
# Every input is an argument, a path: --arg nixpkgs /path/to/nixpkgs
{
  nixpkgs ? builtins.fetchTarball "https://github.com/NixOS/nixpkgs/archive/nixos-26.05.tar.gz",
  system ? "x86_64-linux",
}:
import ./nix/lib {
  inherit nixpkgs system;
  composition = ./composition.nix;
  environment = builtins.fromJSON (builtins.readFile ./environment.json);
  settings = {
    g5k-ramdisk.site = "nancy";
    g5k-ramdisk.cluster = "gros";
    g5k-ramdisk.queue = "besteffort";
    g5k-ramdisk.properties = "memnode > 96000";
    g5k-ramdisk.project = "lab-1";
    g5k-ramdisk.name = "lab.2";
    g5k-ramdisk.kernel-params = "console=ttyS0";
  };
}
