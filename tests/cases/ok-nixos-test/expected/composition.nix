# The environment tested: a server, its clients, and tests of NixOS's driver
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
    # keeps the data
    db-main =
      { ... }:
      {
        imports = [ ./nix/modules/readiness.nix ];
        nxcc.ready = [
          {
            port = 5432;
          }
        ];
        services.postgresql = {
          enable = true;
          enableTCPIP = true;
        };
      };
    web = { ... }: { };
  };
  rolesDistribution = {
    db-main = [ "db-main" ];
    web = [
      "web1"
      "web2"
    ];
  };
  testScript = ''
    start_all()
    db_main.wait_for_open_port(5432)
    web1.succeed("ping -c 1 db-main")
  '';
  testScripts = {
    "at the second" = "web2.wait_until_succeeds('nxcc-ready')";
  };
}
