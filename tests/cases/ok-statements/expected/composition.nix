# The environment statements: Every statement of a role
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  # whether to log more
  debug = false;
  api = 8080;
  tools = pkgs.jq;
  base = "/srv/more";
  people = [
    "paul"
    "mary"
  ];
  # Where nodes read the secrets; the secrets themselves never get here.
  secret = {
    door = "/run/nxcc/secrets/door";
    password = "/run/nxcc/secrets/password";
  };
  greeter = pkgs.callPackage ./sources/greeter.nix {
    greeting = "hi";
  };
  hello = pkgs.writers.writeBashBin "hello" "echo \"hello from $(hostname), ${toString api}\"\n";
in
{
  roles = {
    # all of it
    server =
      { ... }:
      let
        local = 16160;
        average =
          pkgs.writers.writePython3Bin "average"
            {
              libraries = [ pkgs.python3Packages.numpy ];
              flakeIgnore = [
                "E"
                "F"
                "W"
              ];
            }
            ''
              import numpy
              print(numpy.mean([1, 2]))
            '';
        ask = pkgs.writers.writeDashBin "ask" "echo asking";
        long = pkgs.writers.writeBashBin "long" (builtins.readFile ./sources/long.sh);
      in
      {
        imports = [
          ./sources/module.nix
          ./sources/folder
          ({ services.cron.enable = true; })
          (modulesPath + "/profiles/minimal.nix")
          ({ config, ... }: {
    # the user's own
    environment.etc."nodes".text = toString (builtins.length config.users.users.alice.extraGroups);
    services.fail2ban.enable = lib.mkForce debug;
})
          ({ time.timeZone = "Europe/Paris"; })
          ./nix/modules/keys.nix
          ./nix/modules/shares.nix
          ./nix/modules/readiness.nix
          ./nix/modules/secrets.nix
        ]
        ++ lib.optionals (flavour.name == "docker") [
          {
            services.timesyncd.enable = false;
          }
        ];
        environment.systemPackages = with pkgs; [
          htop
          git
          tmux
          python3Packages.numpy
          nodePackages."@angular/cli"
          hello
          greeter
          tools
          (pkgs.python3.withPackages (p: [ p.requests ]))
          vim
          average
          ask
          long
          lsof
        ];
        networking.firewall.allowedTCPPorts = [
          22
          api
          8081
        ];
        networking.firewall.allowedUDPPorts = [ 8472 ];
        networking.firewall.allowedTCPPortRanges = [
          {
            from = 30000;
            to = 32767;
          }
        ];
        networking.firewall.allowedUDPPortRanges = [
          {
            from = 60000;
            to = 61000;
          }
        ];
        services.openssh.enable = true;
        services.nginx.enable = true;
        services.postgresql.backup.enable = true;
        services.x-y = {
          enable = true;
          a = 1;
        };
        services.redis = {
          enable = true;
          port = 6379;
          settings = {
            maxmemory = 67108864;
            timeout = 120;
          };
        };
        programs.mosh.enable = true;
        programs.tmux.enable = true;
        boot.kernel.sysctl."net.ipv4.ip_forward" = lib.mkForce 1;
        networking.firewall.logRefusedConnections = lib.mkDefault false;
        environment.interactiveShellInit = lib.mkBefore "echo first";
        environment.loginShellInit = lib.mkAfter "echo last";
        environment.shellInit = lib.mkOrder 900 "echo middle";
        systemd.services.worker = {
          description = "Works";
          wantedBy = [ "multi-user.target" ];
          serviceConfig = {
            ExecStart = "${hello}/bin/hello";
            Restart = "always";
          };
        };
        environment.variables.LAB = "north";
        environment.variables.API = toString api;
        environment.variables.LIMIT = "2GiB";
        environment.etc.motd = {
          text = "Welcome\n";
        };
        environment.etc."lab/secret.conf" = {
          text = "password_file = ${secret.password}\n";
          mode = "0440";
          user = "nobody";
          group = "nogroup";
        };
        environment.etc."lab/htop" = {
          source = "${pkgs.htop}/bin/htop";
        };
        environment.etc."lab/key.pub" = {
          source = ./sources/key.pub;
        };
        systemd.tmpfiles.rules = [
          "C \"/var/lib/lab/config file\" 0600 root root - ${pkgs.writeText "var-lib-lab-config-file" "x = 1\n"}"
          "L+ \"/srv/link\" - - - - ${pkgs.hello}"
          "L+ \"/srv/nix\" - - - - ${(pkgs.writeText "x" "y")}"
        ];
        systemd.services.prepare = {
          wantedBy = [ "multi-user.target" ];
          after = [
            "network.target"
            "postgresql.service"
          ];
          path = [
            "/run/wrappers"
            "/run/current-system/sw"
          ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          script = "${hello}/bin/hello > /run/hello\n";
        };
        systemd.services.bare = {
          wantedBy = [ "multi-user.target" ];
          path = [
            "/run/wrappers"
            "/run/current-system/sw"
          ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          script = "true";
        };
        systemd.services.disk = {
          wantedBy = [ "multi-user.target" ];
          after = [
            "network-online.target"
            "local-fs.target"
            "dev-vdb.device"
          ];
          before = [ "postgresql.service" ];
          wants = [ "network-online.target" ];
          requires = [
            "local-fs.target"
            "dev-vdb.device"
          ];
          path = [
            pkgs.strace
            pkgs.jq
            tools
            "/run/wrappers"
            "/run/current-system/sw"
          ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          script = "jq . /dev/vdb";
        };
        users.users.alice = {
          isNormalUser = true;
          extraGroups = [
            "wheel"
            "docker"
          ];
          openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA alice@lab" ];
          openssh.authorizedKeys.keyFiles = [ ./sources/key.pub ];
          home = "/users/alice";
          shell = pkgs.zsh;
        };
        users.users.bob = {
          isNormalUser = true;
          extraGroups = [
            "wheel"
            "docker"
          ];
          openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA alice@lab" ];
          openssh.authorizedKeys.keyFiles = [ ./sources/key.pub ];
          home = "/users/bob";
          shell = pkgs.zsh;
        };
        security.sudo.extraRules = [
          {
            users = [
              "alice"
              "bob"
            ];
            commands = [
              {
                command = "ALL";
                options = [ "NOPASSWD" ];
              }
            ];
          }
        ];
        users.users.guest = {
          isNormalUser = true;
        };
        nxcc.keys.paul = [ "${secret.door}.pub" ];
        users.users.paul = {
          isNormalUser = true;
          uid = 3000;
          openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA lab" ];
        };
        nxcc.keys.mary = [ "${secret.door}.pub" ];
        users.users.mary = {
          isNormalUser = true;
          uid = 3001;
          openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA lab" ];
        };
        nxcc.keys.erin = [ "${secret.door}.pub" ];
        users.users.erin = {
          isNormalUser = true;
          uid = 3002;
          openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA lab" ];
        };
        users.users.carol = {
          isNormalUser = true;
          uid = 2080;
          home = "/users/carol";
        };
        users.users.dave = {
          isNormalUser = true;
          uid = 2081;
          home = "/users/dave";
        };
        nxcc.shares."/srv/data" = { };
        nxcc.shares."/srv/read me" = {
          readOnly = true;
        };
        nxcc.shares."/users/carol" = { };
        nxcc.shares."/users/dave" = { };
        nxcc.shares."/srv/more/scratch" = {
          group = "users";
          mode = "1777";
        };
        nxcc.shares."/srv/more" = {
          readOnly = true;
          owner = "carol";
        };
        nxcc.ready = [
          {
            port = api;
          }
          {
            unit = "nginx.service";
          }
          {
            unit = "postgresql.service";
          }
          {
            command = "test -e /run/hello";
          }
        ];
        boot.kernelPackages = pkgs.linuxPackages_latest;
        boot.kernelParams = [
          "quiet"
          "loglevel=3"
        ];
        environment.variables.LOCAL = toString local;
        nxcc.secrets.password = { };
        nxcc.secrets.door = { };
      };
    # uses it
    client =
      { ... }:
      let
        all = pkgs.writers.writeBashBin "all" "echo ${hello}/bin/hello 3";
      in
      {
        imports = [ ./nix/modules/shares.nix ];
        nxcc.mounts."/data" = {
          role = "server";
          host = "server";
          source = "/srv/data";
        };
        nxcc.mounts."/srv/read me" = {
          role = "server";
          host = "server";
          source = "/srv/read me";
        };
        nxcc.mounts."/srv/more/scratch" = {
          role = "server";
          host = "server";
          source = "/srv/more/scratch";
        };
        nxcc.mounts."/mnt" = {
          role = "server";
          host = "server";
          source = "/srv/more";
        };
        nxcc.mounts."/mnt/1" = {
          role = "server";
          host = "server";
          source = "/srv/more";
        };
        nxcc.mounts."/mnt/2" = {
          role = "server";
          host = "server";
          source = "/srv/more";
        };
        environment.variables.SERVER = "server";
        environment.variables.CLIENTS = "client1 client2 client3";
        environment.variables.NAME = flavour.name;
        environment.systemPackages = [ all ];
      };
  };
  rolesDistribution = {
    server = [ "server" ];
    client = [
      "client1"
      "client2"
      "client3"
    ];
  };
}
