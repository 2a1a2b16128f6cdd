# What a node of an experiment does not need. Priority 1100 is weaker than any module's mkDefault, so whatever asks
# for one of these gets it.
{ lib, options, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };
  off = name: [ name (lib.mkOverride 1100 false) ];
in
{
  config = lib.mkMerge [
    (compat.definitions options (map off [
      "boot.bcache.enable"
      "boot.enableContainers"
      "boot.swraid.enable"
      "documentation.doc.enable"
      "documentation.enable"
      "documentation.info.enable"
      "documentation.man.enable"
      "documentation.nixos.enable"
      "environment.stub-ld.enable"
      "fonts.fontconfig.enable"
      "programs.command-not-found.enable"
      "security.polkit.enable"
      "services.logrotate.enable"
      "services.lvm.enable"
      "services.udisks2.enable"
      "system.switch.enable"
      "xdg.autostart.enable"
      "xdg.icons.enable"
      "xdg.menus.enable"
      "xdg.mime.enable"
      "xdg.sounds.enable"
    ] ++ [
      [ "system.disableInstallerTools" (lib.mkOverride 1100 true) ]
      [ "programs.less.lessopen" (lib.mkOverride 1100 null) ]
    ]))
    (compat.withXlibs options)
  ];
}
