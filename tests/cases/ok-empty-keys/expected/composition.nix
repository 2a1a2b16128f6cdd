# The environment empty-keys
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  site = "";
in
{
  roles = {
    node =
      { ... }:
      {
        services.a."" = 1;
        services.b."".c = 2;
        services.c = {
          "" = 3;
          x = {
            d = 1;
          };
        };
        services.d."" = {
          "" = { };
        };
        services.e = "x";
      };
  };
  rolesDistribution = {
    node = [ "node" ];
  };
}
