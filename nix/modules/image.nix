# A system that Kadeploy unpacks from an archive: what it finds at its first boot, and leaves for the next.
{ config, lib, options, pkgs, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };
  inherit (config.nxcc) environment role;
in
{
  imports = [ ./flavour.nix ./store-database.nix ];

  config = lib.mkMerge [
    {
      # Kadeploy's own grub.cfg or its kexec starts the node; the site's scripts may want to run grub-install from
      # within the image. Stronger than machine.nix, weaker than anyone's mkDefault.
      boot.loader.grub.enable = lib.mkOverride 1050 true;
      boot.loader.grub.device = lib.mkOverride 1100 "nodev";

      # systemd mounts the root that the loader names read-only without it, and activation writes.
      boot.kernelParams = [ "rw" ];

      # Beside the store, where the archive has it.
      nxcc.registration = "/nix-path-registration";

      # The words of an environment's name, and a version: tools ask it which image a node has.
      environment.etc."grid5000/release".text = lib.mkOverride 1100 "${environment.name or "nxcc"}-${role}-1\n";

      # The site's postinstall put udev rules of its own into a real folder, where NixOS has a link. They are kept
      # apart and given to udev at each boot; NixOS's folder gets its place.
      systemd.services.nxcc-site-rules = {
        description = "Device names of the site";
        wantedBy = [ "sysinit.target" ];
        before = [ "systemd-udevd.service" "systemd-udev-trigger.service" ];
        unitConfig.DefaultDependencies = false;
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
        };
        path = [ pkgs.coreutils ];
        script = "exec ${pkgs.runtimeShell} ${./site-rules.sh}";
      };
    }
    (lib.mkIf (compat.hasNix config) {
      # The disk keeps the database: it is read once.
      systemd.services.nxcc-store.serviceConfig.ExecStartPost = "${pkgs.coreutils}/bin/rm ${config.nxcc.registration}";
    })
    (compat.definitions options (
      [
        # Kadeploy writes the user's key into root's home.
        [ "services.openssh.authorizedKeysInHomedir" (lib.mkOverride 1100 true) ]
      ]
      # Kadeploy names the root unless somebody did; NixOS does, in its stage 1 of systemd.
      ++ lib.optional (compat.rootOfLoader options) [ "boot.initrd.systemd.root" (lib.mkOverride 1100 null) ]
    ))
  ];
}
