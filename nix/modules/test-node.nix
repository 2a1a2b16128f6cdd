# A node of a NixOS test. Who it is stands in its system; the files that say so are those of the other flavours.
{ config, lib, options, pkgs, ... }:

let
  inherit (config.nxcc) environment secrets;
  node = config.nxcc.testNode;

  nodes = environment.nodes or [ ];
  addressOf = one: if (one.address or null) == null then "-" else one.address;
  peers = builtins.filter (one: one.name != node && (one.address or null) != null) nodes;
  lines = lib.concatMapStrings (line: line + "\n");

  files = {
    nodes = lines (map (one: "${addressOf one} ${one.name} ${one.role}") nodes);
    peers = lines (map addressOf peers);
    node = "${node}\n";
    role = "${config.nxcc.role}\n";
  };

  kinds = builtins.listToAttrs (map (one: lib.nameValuePair one.name one.kind) (environment.secrets or [ ]));
  wanted = lib.concatMap (name: [ name (kinds.${name} or "random") ]) (builtins.attrNames secrets);

  trusted = (environment.network.trust or "peers") == "peers";
in
{
  imports = [ ./flavour.nix ./secrets.nix ./shares.nix ];

  options.nxcc.testNode = lib.mkOption {
    type = lib.types.str;
    internal = true;
    default = config.nxcc.role;
    description = "Name of the node; of a system that belongs to none, its role.";
  };

  config = lib.mkMerge [
    {
      systemd.services.nxcc-identity = {
        description = "Identity of this node";
        wantedBy = [ "multi-user.target" ];
        before = [ "network-pre.target" ];
        wants = [ "network-pre.target" ];
        unitConfig.DefaultDependencies = false;
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
        };
        path = [ pkgs.coreutils ];
        script = ''
          mkdir -p -m 0755 /run/nxcc
          mkdir -p -m 0700 /run/nxcc/host
          ${lib.concatStrings (lib.mapAttrsToList
            (name: text: "cp ${pkgs.writeText "nxcc-${name}" text} /run/nxcc/${name}\n")
            files)}
        '';
      };

      # The nodes are alone on their network; with `trust none` they share directories and nothing else.
      networking.firewall = {
        trustedInterfaces = lib.mkIf trusted [ "eth1" ];
        interfaces.eth1.allowedTCPPorts = lib.mkIf (!trusted && config.nxcc.shares != { }) [ 2049 ];
      };
    }
    (lib.mkIf (secrets != { }) {
      systemd.services.nxcc-test-secrets = {
        description = "Secrets of the test";
        wantedBy = [ "multi-user.target" ];
        requires = [ "nxcc-identity.service" ];
        after = [ "nxcc-identity.service" ];
        # Shared between the nodes by the test driver.
        unitConfig.RequiresMountsFor = "/tmp/shared";
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
        };
        path = [ pkgs.coreutils pkgs.openssh ];
        script = ''
          exec ${pkgs.runtimeShell} ${./test-secrets.sh} /tmp/shared/nxcc-secrets /run/nxcc/host/secrets ${lib.escapeShellArgs wanted}
        '';
      };
    })
  ];
}
