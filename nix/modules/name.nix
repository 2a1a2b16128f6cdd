# The name that a role's configuration knows: its node's where it has one; nodes of a role with a count share a system.
{ config, lib, ... }:

let
  role = lib.findFirst (one: (one.name or null) == config.nxcc.role) null (config.nxcc.environment.roles or [ ]);
in
{
  imports = [ ./flavour.nix ];

  config = lib.mkIf (role != null) {
    networking.hostName = lib.mkOverride 1100 (
      if role.counted or true then "" else builtins.head (role.nodes or [ config.nxcc.role ])
    );
  };
}
