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
      system.stateVersion = lib.mkDefault compat.release;

      # Whoever leaves this unset gets NixOS's own default; said here because nothing else keeps the nodes apart.
      networking.firewall.enable = lib.mkOverride 1100 true;
    }
    (compat.definitions options [
      # Units that a slow node has not finished with must not be killed for memory that their role asked for.
      [ "systemd.oomd.enable" (lib.mkOverride 1100 false) ]
    ])
  ];
}
