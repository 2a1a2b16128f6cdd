# Links: what this node sends to some of its peers is delayed, lost and limited.
{ config, lib, pkgs, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };
  links = config.nxcc.links;

  # Numbers of the options, floats as Nix 2.8 prints them without an exponent in this range.
  number = value: toString value;
  orZero = value: if value == null then 0 else value;

  # netem holds back at most 1000 packets unless told otherwise: a fast link with a long delay has more under way.
  # Twice what fits into the delay at full rate, counted in packets of 1500 bytes.
  limit = link:
    let
      rate = if link.rate == null then 10 * 1000 * 1000 * 1000 else link.rate;
      packets = builtins.floor (2.0 * rate / 8000 * (orZero link.delay + orZero link.jitter) / 1500);
    in
    lib.min 1000000 (lib.max 1000 packets);

  netem = link: lib.concatStringsSep " " (
    lib.optional (link.delay != null || link.jitter != null) "delay ${number (orZero link.delay)}ms"
    ++ lib.optional (link.jitter != null) "${number link.jitter}ms"
    ++ lib.optional (link.loss != null) "loss ${number link.loss}%"
  );

  # "-" for what is not shaped: the arguments of links.sh.
  shape = link:
    let
      emulated = netem link;
    in
    lib.escapeShellArgs [
      (if link.rate == null then "-" else toString link.rate)
      (if emulated == "" then "-" else "${emulated} limit ${toString (limit link)}")
      (lib.concatStringsSep " " link.to)
    ];
in
{
  imports = [ ./flavour.nix ];

  options.nxcc.links = lib.mkOption {
    default = [ ];
    example = [{ to = [ "server" ]; delay = 10; loss = 1; rate = 100000000; }];
    description = "How packets of this node to its peers are shaped; the peers of one element share its rate.";
    type = lib.types.listOf (lib.types.submodule {
      options = {
        to = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          description = "Host names of the peers.";
        };
        delay = lib.mkOption {
          type = lib.types.nullOr (lib.types.either lib.types.int lib.types.float);
          default = null;
          description = "Delay of each packet, in milliseconds.";
        };
        jitter = lib.mkOption {
          type = lib.types.nullOr (lib.types.either lib.types.int lib.types.float);
          default = null;
          description = "Most that the delay differs from that, in milliseconds.";
        };
        loss = lib.mkOption {
          type = lib.types.nullOr (lib.types.either lib.types.int lib.types.float);
          default = null;
          description = "Packets lost, in percent.";
        };
        rate = lib.mkOption {
          type = lib.types.nullOr lib.types.int;
          default = null;
          description = "Rate in bits per second.";
        };
      };
    });
  };

  config = lib.mkIf (links != [ ]) {
    # For whoever looks at the link, and for launchers that probe the kernel with it.
    environment.systemPackages = [ (compat.iproute pkgs) ];

    # A container has the kernel of its host.
    boot.kernelModules = lib.mkIf (config.nxcc.flavour != "docker") [ "sch_htb" "sch_netem" "cls_u32" ];

    systemd.services.nxcc-links = {
      description = "Shaped links to other nodes";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      path = [ (compat.iproute pkgs) (compat.getent pkgs) pkgs.coreutils pkgs.gnugrep ];
      serviceConfig = {
        # Not oneshot: the names of peers that are started later resolve later, and the boot goes on meanwhile.
        Type = "simple";
        RemainAfterExit = true;
      };
      # Scripts rather than ExecStart: there a % would have to be doubled.
      script = "exec ${pkgs.runtimeShell} ${./links.sh} ${lib.concatMapStringsSep " " shape links}";
      preStop = "exec ${pkgs.runtimeShell} ${./links.sh} stop";
    };
  };
}
