# The environment lab
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  inputs,
  ...
}:
{
  roles = {
    a =
      { ... }:
      {
        environment.systemPackages = [ inputs.tools.x ];
      };
  };
  rolesDistribution = {
    a = [ "a" ];
  };
}
