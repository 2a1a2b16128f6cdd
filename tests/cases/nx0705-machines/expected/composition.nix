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
    web = { ... }: { };
  };
  rolesDistribution = {
    web = [ "web" ];
  };
}
