# The environment lab: Machines of several sizes
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  # Where nodes read the secrets; the secrets themselves never get here.
  secret = {
    token = "/run/nxcc/secrets/token";
    deploy = "/run/nxcc/secrets/deploy";
  };
in
{
  roles = {
    # serves
    server =
      { ... }:
      {
        imports = [
          ./nix/modules/readiness.nix
          ./nix/modules/secrets.nix
        ]
        ++ lib.optionals (flavour.name == "vm") [
          {
            imports = [ ./nix/modules/secrets.nix ];
            environment.variables.KEY = secret.deploy;
            nxcc.secrets.deploy = { };
          }
        ];
        nxcc.ready = [
          {
            port = 80;
          }
        ];
        environment.variables.TOKEN = secret.token;
        nxcc.secrets.token = { };
      };
    client = { ... }: { };
  };
  rolesDistribution = {
    server = [ "server" ];
    client = [
      "client1"
      "client2"
    ];
  };
}
