# The firewall lets the nodes of the environment reach each other: at every port, or with `trust none` at none but that
# of shared directories. Which addresses these are is known at run time: docs/nodes.md.
{ config, lib, options, pkgs, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };

  firewall = config.networking.firewall;
  # firewalld, the third value, has zones of its own.
  backend = compat.firewallBackend config;
  unit = if backend == "nftables" then "nftables.service" else "firewall.service";

  # Of NFS 4, which needs no other.
  port = "2049";
  trusted = (config.nxcc.environment.network.trust or "peers") == "peers";
  wanted = firewall.enable && backend != "firewalld" && (trusted || config.nxcc.shares != { });

  fill = "${pkgs.runtimeShell} ${./peers.sh} "
    + (if backend == "nftables" then "nft" else "iptables" + lib.optionalString (!trusted) " ${port}");
in
{
  imports = [ ./flavour.nix ./shares.nix ];

  config = lib.mkMerge [
    (lib.mkIf wanted {
      systemd.services.nxcc-peers = {
        description = "Other nodes of the environment pass the firewall";
        wantedBy = [ "multi-user.target" "nxcc-provision.target" ];
        wants = [ "network-pre.target" ];
        before = [ "network-pre.target" "shutdown.target" ];
        after = [ unit "nxcc-identity.service" ];
        # Filled anew whenever the firewall is.
        partOf = [ unit ];
        conflicts = [ "shutdown.target" ];
        unitConfig = {
          DefaultDependencies = false;
          ReloadPropagatedFrom = unit;
        };
        path = [ firewall.package ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          TimeoutStartSec = "60s";
          ExecStart = fill;
          ExecReload = fill;
        };
      };
    })

    (lib.mkIf (wanted && backend == "iptables") {
      # The chain stays when the firewall stops or reloads: what is in it holds. It must not name another chain of the
      # firewall, which could then not be made anew.
      networking.firewall.extraCommands = ''
        iptables -w -N nxcc-peers 2>/dev/null || true
        iptables -w -A nixos-fw -j nxcc-peers
      '';
    })

    (lib.mkIf (wanted && backend == "nftables") (compat.definitions options [
      [ "networking.nftables.tables" { nixos-fw.content = lib.mkBefore "set nxcc-peers { type ipv4_addr; }\n"; } ]
      [
        "networking.firewall.extraInputRules"
        "ip saddr @nxcc-peers ${lib.optionalString (!trusted) "tcp dport ${port} "}accept\n"
      ]
    ]))
  ];
}
