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
    node = { ... }: { };
  };
  rolesDistribution = {
    node = [ "node" ];
  };
}
