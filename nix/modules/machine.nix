# What all flavours that boot a kernel of their own share, on whatever machine.
{ lib, options, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };
in
{
  imports = [ ./flavour.nix ./identity.nix ./peers.nix ./readiness.nix ./secrets.nix ./slim.nix ];

  config = lib.mkMerge [
    {
      # Launchers load kernel and initrd; the image flavour has its own word on this.
      boot.loader.grub.enable = lib.mkOverride 1100 false;

      # Nodes live for one experiment: they have no state of an older release.
      system.stateVersion = lib.mkOverride 1100 compat.release;

      # NixOS's own default. peers.nix makes the holes in it, so it does not depend on what a later release says.
      networking.firewall.enable = lib.mkOverride 1100 true;
    }
    (compat.definitions options [
      # It watches nothing unless a role says what.
      [ "systemd.oomd.enable" (lib.mkOverride 1100 false) ]
    ])
  ];
}
