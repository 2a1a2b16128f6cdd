# The environment lab: Ein Prüfstand: « α » № 2
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
    # Der Server ☃
    server =
      { ... }:
      {
        imports = [
          ./nix/modules/readiness.nix
          ./nix/modules/secrets.nix
        ];
        nxcc.ready = [
          {
            port = 80;
          }
        ];
        environment.etc.token.text = secret.token;
        boot.kernelParams = [ "mitigations=off" ];
        nxcc.secrets.token = { };
      };
    # агент
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
