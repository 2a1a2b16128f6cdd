# The environment lab without flakes: nix-build DIR -A g5k-nfs-store
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
    g5k-nfs-store.site = "nancy";
    g5k-nfs-store.cluster = "gros";
    g5k-nfs-store.kernel-params = "console=ttyS0";
    g5k-nfs-store.folder = "/srv/storage/lab@nancy/alice";
    g5k-nfs-store.server = "storage.nancy.grid5000.fr:/export/lab/alice";
  };
}
