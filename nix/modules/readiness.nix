# When a node counts as ready: `nxcc-ready` exits 0 once it is, and says on standard error what is missing before.
{ config, lib, pkgs, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };

  condition = { port, unit, command }:
    if port != null then ''
      ss -Hltn "sport = :${toString port}" | grep -q . || missing ${lib.escapeShellArg "nothing listens on port ${toString port}"}
    ''
    else if unit != null then ''
      systemctl is-active --quiet ${lib.escapeShellArg unit} || missing ${lib.escapeShellArg "${unit} is not active"}
    ''
    else ''
      sh -c ${lib.escapeShellArg command} >/dev/null 2>&1 || missing ${lib.escapeShellArg "fails: ${command}"}
    '';

  conditions =
    if config.nxcc.ready == [ ] then [{ port = null; unit = "multi-user.target"; command = null; }]
    else map (one: { inherit (one) port unit command; }) config.nxcc.ready;

  # Commands of the user's run with the PATH of a login; the tools of this script come behind it.
  script = pkgs.writeScriptBin "nxcc-ready" ''
    #!${pkgs.runtimeShell}
    export PATH=/run/wrappers/bin:/run/current-system/sw/bin:${lib.makeBinPath [ pkgs.bash (compat.iproute pkgs) pkgs.gnugrep pkgs.systemd ]}
    missing() {
      printf 'not ready: %s\n' "$1" >&2
      exit 1
    }
    ${lib.concatMapStrings condition conditions}
    exit 0
  '';
in
{
  imports = [ ./flavour.nix ];

  options.nxcc.ready = lib.mkOption {
    default = [ ];
    example = [{ port = 6443; } { unit = "k3s.service"; }];
    description = ''
      What must hold before the node counts as ready, all of it; without any, multi-user.target must have been reached.
      /run/current-system/sw/bin/nxcc-ready tells.
    '';
    type = lib.types.listOf (lib.types.submodule {
      options = {
        port = lib.mkOption {
          type = lib.types.nullOr lib.types.int;
          default = null;
          description = "TCP port on which something must listen, on any address of the node.";
        };
        unit = lib.mkOption {
          type = lib.types.nullOr lib.types.str;
          default = null;
          description = "Unit that must be active.";
        };
        command = lib.mkOption {
          type = lib.types.nullOr lib.types.str;
          default = null;
          description = "Shell command that must succeed.";
        };
      };
    });
  };

  config = {
    assertions = map
      (one: {
        assertion = lib.count (value: value != null) [ one.port one.unit one.command ] == 1;
        message = "each element of nxcc.ready takes one of port, unit and command";
      })
      config.nxcc.ready;
    environment.systemPackages = [ script ];
  };
}
