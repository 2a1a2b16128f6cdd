# The environment secrets
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
    host-key = "/run/nxcc/secrets/host-key";
    password = "/run/nxcc/secrets/password";
    certificate = "/run/nxcc/secrets/certificate";
    unused = "/run/nxcc/secrets/unused";
  };
  login = pkgs.writers.writeBashBin "login" "curl --header @${secret.token} https://lab\n";
  authenticated = {
    imports = [ ./nix/modules/secrets.nix ];
    services.x.tokenFile = secret.token;
    nxcc.secrets.token = { };
  };
in
{
  roles = {
    server =
      { ... }:
      {
        imports = [
          authenticated
          ./nix/modules/secrets.nix
        ];
        environment.systemPackages = [ login ];
        services.postgresql = {
          enable = true;
          passwordFile = secret.password;
          settings.ssl_key_file = secret.certificate;
        };
        environment.etc."key.pub" = {
          text = "at ${secret.host-key}.pub";
        };
        systemd.services.use = {
          wantedBy = [ "multi-user.target" ];
          path = [
            "/run/wrappers"
            "/run/current-system/sw"
          ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          script = "${login}/bin/login ${secret.token}";
        };
        nxcc.secrets.password = { };
        nxcc.secrets.certificate = {
          owner = "postgres";
          mode = "0400";
        };
        nxcc.secrets.host-key = {
          owner = "nobody";
          group = "nogroup";
          mode = "0440";
        };
        nxcc.secrets.token = { };
      };
    client =
      { ... }:
      {
        imports = [
          ({ environment.etc.token.text = "${secret.token} ${secret.host-key}"; })
          ./nix/modules/secrets.nix
        ]
        ++ lib.optionals (flavour.name == "vm") [
          {
            imports = [ ./nix/modules/secrets.nix ];
            environment.variables.PASSWORD_FILE = secret.password;
            nxcc.secrets.password = { };
          }
        ];
        environment.systemPackages = [ login ];
        nxcc.secrets.token = { };
        nxcc.secrets.host-key = {
          owner = "nobody";
          group = "nogroup";
          mode = "0440";
        };
      };
    none =
      { ... }:
      {
        environment.systemPackages = with pkgs; [ htop ];
      };
  };
  rolesDistribution = {
    server = [ "server" ];
    client = [ "client" ];
    none = [ "none" ];
  };
}
