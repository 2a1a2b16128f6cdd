# The environment adopted: Roles of an existing composition
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}@args:
let
  adopted = import ./nix/lib/adopt.nix args ./sources/old/composition.nix;
  adopted-2 = import ./nix/lib/adopt.nix args ./sources/second.nix;
in
{
  roles = {
    server =
      { ... }:
      {
        imports = [
          adopted.server
          ./nix/modules/shares.nix
        ];
        nxcc.shares."/shared" = { };
      };
    client =
      { ... }:
      {
        imports = [
          adopted.client
          ./nix/modules/links.nix
        ]
        ++ lib.optionals (flavour.name == "vm") [
          {
            services.chrony.enable = true;
          }
        ];
        environment.systemPackages = with pkgs; [ tmux ];
        nxcc.links = [
          {
            to = [ "server" ];
            delay = 5;
          }
        ];
      };
    other =
      { ... }:
      {
        imports = [ adopted-2.other ];
      };
    own =
      { ... }:
      {
        imports = [ ./nix/modules/shares.nix ];
        nxcc.mounts."/shared" = {
          role = "server";
          host = "server";
          source = "/shared";
        };
      };
  };
  rolesDistribution = {
    server = [ "server" ];
    client = [
      "client1"
      "client2"
    ];
    other = [ "other" ];
    own = [ "own" ];
  };
  testScript = ''
    server.wait_for_unit("nginx.service")
    client1.succeed("curl http://server")
  '';
}
