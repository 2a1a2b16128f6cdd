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
  level = 3;
in
{
  roles = {
    a =
      { ... }:
      {
        environment.variables.LEVEL = toString level;
        environment.variables.SETUP = "<>";
      };
  };
  rolesDistribution = {
    a = [
      "a1"
      "a2"
      "a3"
    ];
  };
}
