# The environment measured: EnOSlib reserves, deploys, and shapes the links
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
    server =
      { ... }:
      {
        imports = [ ./nix/modules/readiness.nix ];
        nxcc.ready = [
          {
            port = 5201;
          }
        ];
      };
    client =
      { ... }:
      {
        imports = [ ./nix/modules/links.nix ];
        nxcc.links = [
          {
            to = [ "server" ];
            delay = 10;
            loss = 0.5;
            rate = 100000000;
          }
        ];
      };
  };
  rolesDistribution = {
    server = [ "server" ];
    client = [
      "client1"
      "client2"
    ];
  };
}
