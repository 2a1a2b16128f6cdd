# Nodes of Grid'5000 started by kexec, whose initrd brings the store of all roles.
{ lib, pkgs, compat, environment, ... }:

let
  pairs = import ../lib/pairs.nix { inherit lib pkgs environment; };
in
{
  module = {
    imports = [ ../modules/machine.nix ../modules/grid5000.nix ../modules/store-ramdisk.nix ];
  };

  packages = { systems, ... }:
    let
      squashfs = compat.squashfs pkgs (pairs.toplevelsOf systems);
    in
    {
      g5k-ramdisk = pairs.build {
        name = "g5k-ramdisk";
        inherit systems;
        initrd = pair: "${pairs.withStore squashfs pair}/initrd";
        extra = ''
          ln -s ${compat.staticKexec pkgs}/bin/kexec $out/kexec
        '';
      };
    };
}
