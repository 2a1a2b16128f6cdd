# The environment lab
# Written by nxcc: change the source and compile again.
# Setup s.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  big = { };
in
{
  roles = {
    a =
      { ... }:
      {
        imports = [ big ];
        boot.kernelPackages = pkgs.linuxPackages_latest;
        boot.kernelParams = [
          "quiet"
          "mitigations=off"
        ];
      };
    b =
      { ... }:
      {
        imports = lib.optionals (flavour.name == "vm") [
          {
            boot.kernelPackages = pkgs.linuxPackages;
          }
        ];
        boot.kernelParams = [ "mitigations=off" ];
      };
    c =
      { ... }:
      {
        imports = lib.optionals (flavour.name == "docker") [
          {
            boot.kernelParams = [ "x=1" ];
          }
        ];
        boot.kernelParams = [ "mitigations=off" ];
      };
  };
  rolesDistribution = {
    a = [ "a" ];
    b = [ "b" ];
    c = [ "c" ];
  };
}
