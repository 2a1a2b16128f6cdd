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
        imports = [ inputs.modules.nixosModules.cron ];
        environment.systemPackages = with pkgs; [
          inputs.tools.wrench
          lab-tools.hammer
        ];
      };
  };
  rolesDistribution = {
    a = [ "a" ];
  };
}
