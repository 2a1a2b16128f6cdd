# The environment network
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
        imports = [ ./nix/modules/links.nix ];
        nxcc.links = [
          {
            to = [
              "b1"
              "b2"
            ];
            delay = 10;
            jitter = 1;
            loss = 0.5;
            rate = 100000000;
          }
        ];
      };
    b =
      { ... }:
      {
        imports = [ ./nix/modules/links.nix ];
        nxcc.links = [
          {
            to = [ "c" ];
            delay = 1000;
          }
          {
            to = [
              "b1"
              "b2"
            ];
            rate = 2500000000;
          }
        ];
      };
    c =
      { ... }:
      {
        imports = [ ./nix/modules/links.nix ];
        nxcc.links = [
          {
            to = [
              "b1"
              "b2"
            ];
            delay = 1000;
          }
        ];
      };
  };
  rolesDistribution = {
    a = [ "a" ];
    b = [
      "b1"
      "b2"
    ];
    c = [ "c" ];
  };
}
