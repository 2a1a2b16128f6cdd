# The store is that of the machine that runs the node, shared by QEMU over 9p with the tag nix-store.
{ lib, options, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };
in
{
  imports = [ ./store-overlay.nix ];

  config = lib.mkMerge [
    {
      fileSystems."/nix/.ro-store" = lib.mkOverride 60 {
        device = "nix-store";
        fsType = "9p";
        # Nothing changes a path of the store once it is there, so what was read may be kept.
        options = [ "trans=virtio" "version=9p2000.L" "cache=loose" "msize=131072" "ro" ];
        neededForBoot = true;
      };
      boot.initrd.availableKernelModules = [ "9p" ];
      # Loaded first: systemd's stage 1 mounts without waiting for the device that has the tag.
      boot.initrd.kernelModules = [ "virtio_pci" "9pnet_virtio" ];
    }
    # The database of that store is not shared. To a Nix without it every path here would be garbage.
    (compat.withoutNix options)
  ];
}
