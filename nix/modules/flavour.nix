# What a role's system is evaluated for: the other modules of this folder ask it. Set by nxcc's Nix library.
{ lib, ... }:

{
  options.nxcc = {
    flavour = lib.mkOption {
      type = lib.types.str;
      default = "plain";
      description = ''
        Name of the flavour that the system is evaluated for. In "plain" a role is a NixOS system and nothing else.
      '';
    };

    role = lib.mkOption {
      type = lib.types.str;
      default = "";
      description = "Name of the role.";
    };

    environment = lib.mkOption {
      type = lib.types.attrs;
      internal = true;
      default = { };
      description = "What environment.json says.";
    };
  };
}
