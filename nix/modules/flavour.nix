# The flavour that a role is evaluated for: the other modules of this folder ask it.
{ lib, ... }:

{
  options.nxcc.flavour = lib.mkOption {
    type = lib.types.str;
    default = "plain";
    description = ''
      Name of the flavour that the system is evaluated for; set by nxcc's Nix library. In "plain" a role is a NixOS
      system and nothing else.
    '';
  };
}
