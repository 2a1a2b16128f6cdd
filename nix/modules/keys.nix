# Public keys that the node has when it runs, such as the public half of a secret: users log in with them, beside the keys
# that NixOS knows when it builds.
{ config, lib, ... }:

let
  keys = config.nxcc.keys;
  known = toString config.services.openssh.authorizedKeysFiles;
  # The last line ends the block: what other modules put behind it is for all users again.
  match = user: ''
    Match User ${user}
      AuthorizedKeysFile ${known} ${toString keys.${user}}
    Match All
  '';
in
{
  options.nxcc.keys = lib.mkOption {
    type = lib.types.attrsOf (lib.types.listOf lib.types.str);
    default = { };
    example = { alice = [ "/run/nxcc/secrets/lab.pub" ]; };
    description = "Files on the node with public keys that log in a user, by the user's name.";
  };

  config = lib.mkIf (keys != { }) {
    services.openssh.extraConfig = lib.mkAfter (lib.concatMapStrings match (builtins.attrNames keys));
  };
}
