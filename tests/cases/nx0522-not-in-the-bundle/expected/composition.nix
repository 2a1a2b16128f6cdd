# The environment lab
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
{
  roles = {
    a =
      { ... }:
      {
        imports = [ ./sources/modules/module.nix ];
      };
  };
  rolesDistribution = {
    a = [ "a" ];
  };
}
