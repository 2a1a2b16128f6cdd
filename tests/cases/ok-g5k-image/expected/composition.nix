# The environment lab: Un laboratoire: « données » № 1
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  memory = 96000;
  # Where nodes read the secrets; the secrets themselves never get here.
  secret = {
    token = "/run/nxcc/secrets/token";
  };
in
{
  roles = {
    # Le serveur: 'a' "b" #1, 数据 ☃
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
    agent = { ... }: { };
    # no
    yes =
      { ... }:
      {
        imports = lib.optionals (flavour.name == "g5k-image") [
          {
            boot.kernelParams = [ "hugepages=16" ];
          }
        ];
      };
  };
  rolesDistribution = {
    server = [ "server" ];
    agent = [
      "agent1"
      "agent2"
    ];
    yes = [ "yes" ];
  };
}
