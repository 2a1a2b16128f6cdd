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
        systemd.tmpfiles.rules = [
          "C \"/srv/50%% \\\"off\\\"\" 0600 - - - ${pkgs.writeText "srv-50---off" "100%"}"
          "L+ \"/srv/x\" - - - - ${pkgs.hello}/a%%b"
        ];
      };
  };
  rolesDistribution = {
    a = [ "a" ];
  };
}
