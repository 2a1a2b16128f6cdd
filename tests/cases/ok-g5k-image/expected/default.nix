# The environment lab without flakes: nix-build DIR -A g5k-image
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
    g5k-image.site = "grenoble";
    g5k-image.cluster = "dahu";
    g5k-image.queue = "production";
    g5k-image.properties = "memnode >= 96000 and disktype='SSD'";
    g5k-image.project = "lab-1";
    g5k-image.name = "exp.1";
    g5k-image.filesystem = "xfs";
    g5k-image.compression = "bzip2";
    g5k-image.postinstall = "g5k-postinstall --net nixos --fstab nfs";
    g5k-image.postinstall-archive = "http://public.grenoble.grid5000.fr/~alice/post.tar.xz";
    g5k-image.image-folder = "/home/alice/public/images";
    g5k-image.image-url = "http://public.grenoble.grid5000.fr/~alice/images/";
  };
}
