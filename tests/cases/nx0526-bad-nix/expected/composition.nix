# The environment lab
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  app = pkgs.callPackage ./sources/app.nix { };
in
{
  roles = {
    a =
      { ... }:
      {
        imports = [ ./sources/module.nix ];
        environment.systemPackages = [ app ];
      };
  };
  rolesDistribution = {
    a = [ "a" ];
  };
}
