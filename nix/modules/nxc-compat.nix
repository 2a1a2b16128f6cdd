# What roles of NixOS Compose's rely on: its options `nxc.*`, and the files below /etc/nxc. For adopted roles alone.
{ config, lib, pkgs, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };
  cfg = config.nxc;
  inherit (config.nxcc) environment flavour role;

  inDocker = flavour == "docker";
  directories = lib.filterAttrs (_: directory: directory.export) cfg.sharedDirs;
  remote = lib.filterAttrs (_: directory: directory.server != "") cfg.sharedDirs;

  nodes = environment.nodes or [ ];
  roleOf = host:
    let
      node = lib.findFirst (one: one.name == host) null nodes;
    in
    if node == null then host else node.role;

  # What the source says of this role's directories: volumes come from there.
  described = lib.findFirst (one: one.name == role) { } (environment.roles or [ ]);
  saysShare = directory: lib.any (one: one.directory == directory) (described.shares or [ ]);
  saysMount = directory: lib.any (one: one.directory == directory) (described.mounts or [ ]);

  # Directories that another node's cover must not be touched at boot.
  isLocal = directory: !(remote ? ${directory}) && !(config.nxcc.mounts ? ${directory});

  # Written as the nodes are known: here for containers, whose engine resolves names, and where launchers take the
  # addresses of the description; by deployment.sh once the node knows its peers.
  known = nodes != [ ]
    && (inDocker || (builtins.elem flavour [ "nixos-test" "vm" "vm-ramdisk" ] && lib.all (one: (one.address or null) != null) nodes));
  list = lib.concatMapStrings
    (one: "${if (one.address or null) == null || inDocker then "-" else one.address} ${one.name} ${one.role}\n")
    nodes;
  files = "${pkgs.runtimeShell} ${./deployment.sh}";
in
{
  imports = [ ./flavour.nix ./shares.nix ];

  options.nxc = {
    users.names = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "user1" "user2" ];
      description = "Names of users that the node has.";
    };

    users.prefixHome = lib.mkOption {
      type = lib.types.str;
      default = "/home";
      example = "/users";
      description = "Directory that has the homes of these users.";
    };

    sharedDirs = lib.mkOption {
      default = { };
      example = { "/users".export = true; };
      description = ''
        Directories shared between nodes, as nxcc.shares and nxcc.mounts have them. Containers share volumes, which the
        environment's source has to name.
      '';
      type = lib.types.attrsOf (lib.types.submodule {
        options.export = lib.mkOption {
          type = lib.types.bool;
          default = false;
          description = "Whether this node has the directory, for the others.";
        };
        options.server = lib.mkOption {
          type = lib.types.str;
          default = "";
          example = "server";
          description = "Host name of the node that has the directory, which this node mounts.";
        };
      });
    };

    sharedDirsBootCommands = lib.mkOption {
      type = lib.types.lines;
      default = "";
      example = "mkdir -p /data/in";
      description = "Shell commands that are run before systemd is.";
    };

    postBootCommands = lib.mkOption {
      type = lib.types.lines;
      default = "";
      example = "touch /etc/foo";
      description = "Shell commands that are run before systemd is.";
    };

    baseBootCommands.enable = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = ''
        Whether there is /bin/bash, and executables /etc/post-boot-script* are run before systemd is. Name, hosts and
        keys of the node are nxcc's business in any case.
      '';
    };

    wait-online.enable = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether multi-user.target waits for a route to other networks.";
    };

    root-sshKeys.enable = lib.mkOption {
      type = lib.types.nullOr lib.types.bool;
      default = null;
      description = ''
        Has no effect. NixOS Compose gives root a key pair that everybody has; here whoever starts the node says who may
        log in. Nodes whose users are to log in on each other need a secret of kind ssh-key.
      '';
    };

    qemu-script.enable = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Has no effect: what starts virtual machines is part of the bundle.";
    };
  };

  config = lib.mkMerge [
    {
      assertions = lib.optionals inDocker (
        lib.mapAttrsToList
          (directory: _: {
            assertion = saysShare directory;
            message = ''
              role ${role}: nxc.sharedDirs."${directory}".export makes no volume; write `share "${directory}"` in the role's braces, and in those of the roles that have it as server `mount "${directory}" from ${role}`
            '';
          })
          directories
        ++ lib.mapAttrsToList
          (directory: shared: {
            assertion = saysMount directory;
            message = ''
              role ${role}: nxc.sharedDirs."${directory}".server makes no volume; write `mount "${directory}" from ${roleOf shared.server}` in the role's braces, and in those of ${roleOf shared.server} `share "${directory}"`
            '';
          })
          remote
      );

      warnings = lib.optional (cfg.root-sshKeys.enable == true) ''
        role ${role}: nxc.root-sshKeys.enable has no effect; the key that NixOS Compose gives root is one that everybody has
      '';

      nxcc.shares = lib.mapAttrs (_: _: { }) directories;
      nxcc.mounts = lib.mapAttrs
        (directory: shared: {
          role = lib.mkDefault (roleOf shared.server);
          host = lib.mkDefault shared.server;
          source = lib.mkDefault directory;
        })
        remote;

      boot.postBootCommands = lib.concatStrings [
        (lib.optionalString cfg.baseBootCommands.enable ''
          mkdir -p /bin
          ln -sfn /run/current-system/sw/bin/bash /bin/bash
          for script in /etc/post-boot-script*; do
            if [ -x "$script" ]; then
              "$script"
            fi
          done
        '')
        cfg.sharedDirsBootCommands
        cfg.postBootCommands
      ];

      environment.etc."nxc-composition".text = "${environment.name or ""}\n";

      # First of all in the order of their names, in which they run: other scripts read these files.
      system.activationScripts."00-nxc" = ''
        ${files} links
      '' + lib.optionalString known ''
        ${files} write ${if inDocker then "docker" else "machine"} ${lib.escapeShellArg "${environment.name or ""}"} ${lib.escapeShellArg role} ${pkgs.writeText "nxc-nodes" list}
      '';
    }

    (lib.mkIf (!inDocker) {
      systemd.services.nxc-deployment = {
        description = "Nodes of the environment, as NixOS Compose tells them";
        wantedBy = [ "multi-user.target" "nxcc-provision.target" ];
        wants = [ "network-pre.target" ];
        after = [ "nxcc-identity.service" ];
        before = [ "network-pre.target" ];
        unitConfig.DefaultDependencies = false;
        serviceConfig.Type = "oneshot";
        path = [ pkgs.coreutils ];
        script = ''
          exec ${files} write machine ${lib.escapeShellArg "${environment.name or ""}"} ${lib.escapeShellArg role} /run/nxcc/nodes
        '';
      };
      # Again whenever the launcher delivers another list.
      systemd.paths.nxc-deployment = {
        wantedBy = [ "multi-user.target" "nxcc-provision.target" ];
        pathConfig.PathChanged = "/run/nxcc/nodes";
      };
    })

    (lib.mkIf (cfg.users.names != [ ]) {
      users.users = lib.genAttrs cfg.users.names (name: {
        isNormalUser = true;
        home = "${cfg.users.prefixHome}/${name}";
        group = "users";
      });
      systemd.tmpfiles.rules =
        lib.optional
          (cfg.users.prefixHome != "/home" && isLocal cfg.users.prefixHome && !(config.nxcc.shares ? ${cfg.users.prefixHome}))
          "d \"${cfg.users.prefixHome}\" 0755 root root -";
    })

    (lib.mkIf cfg.wait-online.enable {
      systemd.services.nxc-network-wait-online = {
        description = "Route to other networks";
        wantedBy = [ "multi-user.target" "network-online.target" ];
        before = [ "network-online.target" ];
        after = [ "network.target" ];
        path = [ (compat.iproute pkgs) pkgs.coreutils ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
        };
        script = ''
          until ip route get 1.0.0.0 >/dev/null 2>&1; do
            sleep 0.2
          done
        '';
      };
    })
  ];
}
