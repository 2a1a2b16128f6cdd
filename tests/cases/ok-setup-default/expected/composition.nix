# The environment lab
# Written by nxcc: change the source and compile again.
# Setup small.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  level = 1;
  big = false;
in
{
  roles = {
    a =
      { ... }:
      {
        environment.variables.LEVEL = toString level;
        environment.variables.SETUP = "<small>";
      };
  };
  rolesDistribution = {
    a = [ "a1" ];
  };
}
