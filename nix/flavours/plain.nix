# A role as a NixOS system and nothing else: to compare with what was written by hand, and to look at.
{ lib, ... }:

{
  # What no system evaluates without; whatever a role says about either is stronger.
  module = {
    boot.loader.grub.enable = lib.mkOverride 1100 false;
    fileSystems."/".fsType = lib.mkOverride 1100 "tmpfs";
  };

  packages = _: { };
}
