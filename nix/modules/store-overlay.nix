# /nix/store over a file system that is mounted read-only at /nix/.ro-store.
{ lib, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };
in
{
  imports = [ ./store.nix ];

  fileSystems."/nix/store" = lib.mkOverride 60 (compat.overlay {
    lowerdir = "/nix/.ro-store";
    upperdir = "/nix/.rw-store/store";
    workdir = "/nix/.rw-store/work";
  } // { neededForBoot = true; });
  boot.initrd.availableKernelModules = [ "overlay" ];
  boot.initrd.kernelModules = [ "overlay" ];
}
