# The environment instantiates: Options that NixOS has had since 20.09
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  clients = 2;
  # Where nodes read the secrets; the secrets themselves never get here.
  secret = {
    token = "/run/nxcc/secrets/token";
  };
  greet = pkgs.writers.writeBashBin "greet" "echo hello";
  table = pkgs.writers.writePython3Bin "table" {
    flakeIgnore = [
      "E"
      "F"
      "W"
    ];
  } "print(1)";
  # what all have
  base = {
    services.openssh.enable = true;
    environment.systemPackages = with pkgs; [
      htop
      greet
    ];
    time.timeZone = "Europe/Paris";
    boot.kernel.sysctl."net.core.rmem_max" = lib.mkDefault 16777216;
  };
  levelled =
    { level }:
    {
      imports = [
        ({ config, ... }: { environment.etc."level".text = "${toString level} of ${config.networking.hostName}"; })
      ];
      environment.variables.LEVEL = toString level;
      environment.etc.loud.text = "${toString level}!";
    };
  levelled-2 =
    { level }:
    {
      imports = [
        ({ config, ... }: { environment.etc."level".text = "${toString level} of ${config.networking.hostName}"; })
      ];
      environment.variables.LEVEL = toString level;
    };
in
{
  roles = {
    server =
      { ... }:
      {
        imports = [
          base
          (levelled {
            level = 3;
          })
          (modulesPath + "/profiles/minimal.nix")
          ./nix/modules/shares.nix
          ./nix/modules/readiness.nix
          ./nix/modules/secrets.nix
        ]
        ++ lib.optionals (flavour.name == "docker") [
          {
            services.nginx.virtualHosts.localhost = {
              listen = [
                {
                  addr = "0.0.0.0";
                  port = 9100;
                }
              ];
            };
          }
        ]
        ++ lib.optionals (flavour.name == "docker") [
          {
            networking.firewall.allowedTCPPorts = [ 9100 ];
            services.timesyncd.enable = false;
          }
        ];
        networking.firewall.allowedTCPPorts = [ 80 ];
        networking.firewall.allowedTCPPortRanges = [
          {
            from = 8000;
            to = 8010;
          }
        ];
        networking.firewall.allowedUDPPorts = [ 53 ];
        services.nginx = {
          enable = true;
          virtualHosts.localhost = {
            root = "/srv/data";
          };
        };
        systemd.services.use = {
          wantedBy = [ "multi-user.target" ];
          after = [ "network.target" ];
          path = [
            "/run/wrappers"
            "/run/current-system/sw"
          ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          script = "cat ${secret.token} > /dev/null; ${greet}/bin/greet";
        };
        nxcc.shares."/srv/data" = { };
        environment.etc."lab/x" = {
          text = "x";
          mode = "0440";
          user = "nobody";
        };
        systemd.tmpfiles.rules = [ "L+ \"/srv/y\" - - - - ${pkgs.writeText "srv-y" "y"}" ];
        users.users.alice = {
          isNormalUser = true;
          extraGroups = [ "wheel" ];
          openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA alice" ];
        };
        security.sudo.extraRules = [
          {
            users = [ "alice" ];
            commands = [
              {
                command = "ALL";
                options = [ "NOPASSWD" ];
              }
            ];
          }
        ];
        nxcc.ready = [
          {
            port = 80;
          }
          {
            unit = "nginx.service";
          }
          {
            command = "true";
          }
        ];
        boot.kernelPackages = pkgs.linuxPackages;
        boot.kernelParams = [ "quiet" ];
        nxcc.secrets.token = {
          owner = "nobody";
        };
      };
    client =
      { ... }:
      {
        imports = [
          base
          (levelled-2 {
            level = 7;
          })
          ./nix/modules/shares.nix
          ./nix/modules/links.nix
        ];
        nxcc.mounts."/data" = {
          role = "server";
          host = "server";
          source = "/srv/data";
        };
        environment.systemPackages = with pkgs; [
          table
          python3Packages.numpy
          (pkgs.hello)
        ];
        systemd.services.nginx-like.serviceConfig.ExecStart = "${pkgs.hello}/bin/hello";
        nxcc.links = [
          {
            to = [ "server" ];
            delay = 1;
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
  testScript = ''
    start_all()
    server.wait_for_unit("nginx.service")
    client1.succeed("ls /data")
  '';
}
