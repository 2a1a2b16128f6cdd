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
        environment.systemPackages = with pkgs; [ hello ];
      };
  };
  rolesDistribution = {
    a = [ "a" ];
  };
}
