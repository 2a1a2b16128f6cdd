# Nix on a node knows what the store holds that came with it.
{ config, lib, pkgs, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };
  inherit (config.nxcc) registration;
in
{
  options.nxcc.registration = lib.mkOption {
    type = lib.types.str;
    internal = true;
    default = "/nix/store/nix-path-registration";
    description = "File on the node that lists what came in its store, as `nix-store --load-db` reads it.";
  };

  # Without Nix nobody asks. The boot does not wait for it, as with nixpkgs' own: a node that is ready has it.
  config.systemd.services = lib.mkIf (compat.hasNix config) {
    nxcc-store = {
      description = "Database of the store that came with this node";
      wantedBy = [ "multi-user.target" ];
      before = [ "nix-daemon.service" ];
      unitConfig.ConditionPathExists = registration;
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
      environment.HOME = "/root";
      path = [ config.nix.package pkgs.coreutils ];
      script = ''
        nix-store --load-db < ${registration}
        # What `nixos-rebuild` starts from, and what no collection of garbage removes.
        nix-env --profile /nix/var/nix/profiles/system --set "$(readlink -f /run/current-system)"
      '';
    };
  };
}
