# The store of all roles is a squashfs in the initrd, laid out as nixpkgs' own netboot.nix has it: /nix-store.squashfs,
# and in it /nix-path-registration. That module is not imported: until 24.05 it puts three GRUBs into every system and
# a root into fileSystems that no disk can replace, later it sets passwords from the kernel's command line; and its
# ramdisk holds one system, and compresses the squashfs a second time.
{ config, lib, pkgs, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };
in
{
  imports = [ ./store-overlay.nix ./store-database.nix ];

  fileSystems."/nix/.ro-store" = lib.mkOverride 60 {
    device = "../nix-store.squashfs";
    fsType = "squashfs";
    options = [ "loop" ] ++ compat.squashfsOptions config.boot.kernelPackages.kernel;
    neededForBoot = true;
  };
  boot.initrd.availableKernelModules = [ "squashfs" ];
  boot.initrd.kernelModules = [ "loop" ];
}
