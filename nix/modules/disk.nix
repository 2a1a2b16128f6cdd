# A disk as root, for roles whose resources name one: the disk with the serial number nxcc-root, formatted when it is
# empty.
{ config, lib, options, pkgs, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };
  inherit (config.nxcc) environment flavour role;

  device = "/dev/disk/by-id/virtio-nxcc-root";

  # Flavours whose launcher makes disks.
  hasDisks = builtins.elem flavour [ "vm" "vm-ramdisk" ];

  holds = one: !(one ? flavours) || builtins.elem flavour one.flavours;
  asks = one: (one.disk or null) != null && holds one;
  resources = lib.concatMap
    (one: if (one.name or null) == role then one.resources or [ ] else [ ])
    (environment.roles or [ ]);
in
{
  imports = [ ./flavour.nix ];

  options.nxcc.rootDisk = lib.mkOption {
    type = lib.types.bool;
    internal = true;
    default = hasDisks && lib.any asks resources;
    description = "Whether the root file system is on a disk that the launcher made for this node.";
  };

  config = lib.mkIf config.nxcc.rootDisk (lib.mkMerge [
    {
      fileSystems."/" = lib.mkOverride 1100 {
        inherit device;
        fsType = "ext4";
        autoFormat = compat.systemdInStage1 config;
      };
    }
    # NixOS formats a root itself with systemd in stage 1 only. Where there is such a stage 1, these are refused.
    (lib.mkIf (!compat.systemdInStage1 config) (compat.definitions options [
      [ "boot.initrd.extraUtilsCommands" "copy_bin_and_libs ${lib.getBin pkgs.e2fsprogs}/bin/mke2fs\n" ]
      [
        "boot.initrd.postDeviceCommands"
        ''
          waitDevice ${device}
          if [ -z "$(blkid -o value -s TYPE ${device})" ]; then
            mke2fs -q -t ext4 ${device}
          fi
        ''
      ]
    ]))
  ]);
}
