# The environment dollars: for $agents agents
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  agents = 2;
  domain = "lab.example";
  api-port = 6443;
  checks = "echo $agents of $domain\n";
  boot-script = "echo $domain";
  # Where nodes read the secrets; the secrets themselves never get here.
  secret = {
    token = "/run/nxcc/secrets/token";
  };
  tool = pkgs.callPackage ./sources/tool.nix { };
  web = {
    environment.variables.TITLE = "on $title";
  };
in
{
  roles = {
    server =
      { ... }:
      let
        inner = "i";
      in
      {
        imports = [ web ];
        environment.variables.URL = "https://$server.host:$api-port/?agents=$agents&inner=$inner";
        environment.variables.INFO = "host=$server.host dbname=$domain-1";
        environment.variables.TOKEN = "$secret.token $tool/bin/tool";
        services.nginx = {
          enable = true;
          user = "$domain";
          more.domain = [
            "a.$domain"
            "b"
          ];
        };
        environment.etc."lab.conf" = {
          text = ''
            agents = $agents
            domain = ${domain}
          '';
        };
        users.users.ann = {
          isNormalUser = true;
          home = "/users/$name";
        };
        a.squares = [
          "n$n"
          "n$n"
        ];
      };
    quiet =
      { ... }:
      let
        lab = pkgs.writers.writeBashBin "lab" "echo $domain";
      in
      {
        imports = [
          ({ services.x.text = "$domain"; })
          ./nix/modules/readiness.nix
        ];
        environment.variables.PATHS = "$HOME/bin:$domain";
        environment.variables.PRICE = "costs $agents";
        environment.variables.ROLE = "$server $quiet.name $secret $secret.other $web";
        environment.variables.HASH = "$6$agents$domain";
        environment.shellAliases.lab = "echo $domain";
        environment.etc."profile.d/lab.sh" = {
          text = "export LAB=$domain";
        };
        systemd.tmpfiles.rules = [
          "C \"/usr/local/bin/lab\" 0755 - - - ${
              pkgs.writeText "usr-local-bin-lab" ''
                #!/bin/sh
                echo $domain
              ''
            }"
        ];
        environment.etc."lab.txt" = {
          source = pkgs.writeText "lab" "$domain";
        };
        environment.systemPackages = [ lab ];
        systemd.services.lab = {
          wantedBy = [ "multi-user.target" ];
          path = [
            "/run/wrappers"
            "/run/current-system/sw"
          ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
            ExecStart = "/bin/echo $agents";
          };
          script = lib.mkMerge [
            "echo $domain $agents"
            "echo $domain"
          ];
        };
        systemd.services.checks = {
          wantedBy = [ "multi-user.target" ];
          path = [
            "/run/wrappers"
            "/run/current-system/sw"
          ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          script = checks;
        };
        systemd.services.said = {
          wantedBy = [ "multi-user.target" ];
          path = [
            "/run/wrappers"
            "/run/current-system/sw"
          ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          script = boot-script;
        };
        nxcc.ready = [
          {
            command = "test $agents -gt 1";
          }
        ];
        services.nginx = {
          enable = true;
          appendConfig = ''
            set $domain example;
            server_name $domain;
          '';
          more = "for agents in 1 2; do echo $agents; done";
          host = "domain=x; echo $domain";
        };
        environment.etc.nix.text = ("$domain");
      };
  };
  rolesDistribution = {
    server = [ "server" ];
    quiet = [ "quiet" ];
  };
  testScript = "server.succeed('test $agents -gt 1')";
}
