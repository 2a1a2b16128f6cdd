# The store is a folder of a file server, which `nxcc.store=` on the kernel's command line names: store-nfs.sh. Which
# one is known at the start only, so it cannot stand in fileSystems.
{ config, lib, options, pkgs, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };
  script = builtins.readFile ./store-nfs.sh;
in
{
  imports = [ ./store.nix ./store-database.nix ];

  config = lib.mkMerge [
    {
      boot.initrd.availableKernelModules = [
        "nfsv3"
        "nfsv4"
        # Cards of Grid'5000's nodes.
        "bnx2"
        "bnx2x"
        "bnxt_en"
        "e1000e"
        "i40e"
        "ice"
        "igb"
        "ixgbe"
        "mlx4_en"
        "mlx5_core"
        "tg3"
      ];
      boot.initrd.kernelModules = [ "nfs" "overlay" ];

      # Addresses by DHCP in stage 1, and the store goes on living on them.
      boot.initrd.network.enable = true;
      boot.initrd.network.flushBeforeStage2 = lib.mkForce false;
      networking.dhcpcd.persistent = lib.mkForce true;
    }

    # A role with NetworkManager, or with networks of its own, has no DHCP there otherwise, and never finds its store.
    (compat.dhcpInStage1 options config)

    (lib.mkIf (!compat.systemdInStage1 config) (compat.definitions options [
      [ "boot.initrd.postMountCommands" "( set -- /mnt-root\n${script}) || fail\n" ]
    ]))

    (lib.mkIf (compat.systemdInStage1 config) (compat.definitions options [
      [
        "boot.initrd.systemd.services"
        {
          nxcc-store = {
            description = "Store of this node over NFS";
            requiredBy = [ "initrd.target" ];
            before = [ "initrd.target" "initrd-find-nixos-closure.service" "shutdown.target" ];
            wants = [ "network-online.target" ];
            # The script tells the NFS client who it is.
            after = [ "network-online.target" "sysroot.mount" "systemd-modules-load.service" ];
            conflicts = [ "shutdown.target" ];
            unitConfig = {
              DefaultDependencies = false;
              RequiresMountsFor = "/sysroot/nix/.rw-store";
            };
            serviceConfig = {
              Type = "oneshot";
              RemainAfterExit = true;
            };
            script = "set -- /sysroot\n${script}";
          };
        }
      ]
    ]))

    # Files that a user put there are that user's, and sudo loads no plugin of anyone's but root's. A copy of it in the
    # writable layer is root's.
    (lib.mkIf config.security.sudo.enable {
      systemd.services.nxcc-sudo = {
        description = "Sudo belongs to root in a store that does not";
        wantedBy = [ "multi-user.target" ];
        path = [ pkgs.coreutils (compat.utilLinux pkgs) ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          # /nix/store is read-only for all but this.
          PrivateMounts = true;
        };
        script = ''
          sudo=$(readlink -f ${compat.sudo config pkgs})
          if [ "$(stat -c %u "$sudo")" != 0 ]; then
            mount -o remount,rw,bind /nix/store
            chown -hR 0:0 "$sudo"
          fi
        '';
      };
    })
  ];
}
