# The root of a node whose store comes from elsewhere: a tmpfs, or a disk where the role asks for one. Where the store
# comes from, read-only, is said by the module that imports this; what is written to it goes to /nix/.rw-store.
{ config, lib, ... }:

{
  imports = [ ./disk.nix ];

  fileSystems = {
    # As a whole, and weaker than anyone's own: half of this and half of theirs would be no root.
    "/" = lib.mkIf (!config.nxcc.rootDisk) (lib.mkOverride 1100 {
      fsType = "tmpfs";
      options = [ "mode=0755" ];
    });

    # On a disk it is a folder, so that what was added to the store stays as long as its database. 60 is what NixOS's
    # own images have for what they cannot do without.
    "/nix/.rw-store" = lib.mkIf (!config.nxcc.rootDisk) (lib.mkOverride 60 {
      fsType = "tmpfs";
      options = [ "mode=0755" ];
      neededForBoot = true;
    });
  };
}
