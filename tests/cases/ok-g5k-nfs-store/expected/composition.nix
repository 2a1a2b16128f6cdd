# The environment lab: Λαβ № 3
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
  };
in
{
  roles = {
    # ο διακομιστής
    server =
      { ... }:
      {
        imports = [ ./nix/modules/secrets.nix ];
        environment.etc.token.text = secret.token;
        nxcc.secrets.token = { };
      };
    agent = { ... }: { };
  };
  rolesDistribution = {
    server = [ "server" ];
    agent = [
      "agent1"
      "agent2"
      "agent3"
    ];
  };
}
