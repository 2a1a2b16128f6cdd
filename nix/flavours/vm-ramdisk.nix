# Virtual machines whose initrd brings the store of all roles.
{ lib, pkgs, compat, environment, ... }:

let
  pairs = import ../lib/pairs.nix { inherit lib pkgs environment; };
in
{
  module = {
    imports = [ ../modules/virtual.nix ../modules/store-ramdisk.nix ];
  };

  packages = { systems, ... }:
    let
      squashfs = compat.squashfs pkgs (pairs.toplevelsOf systems);
    in
    {
      vm-ramdisk = pairs.build {
        name = "vm-ramdisk";
        inherit systems;
        initrd = pair: "${pairs.withStore squashfs pair}/initrd";
      };
    };
}
