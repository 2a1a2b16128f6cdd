# The environment included
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  text-of-base = "the base's text\n";
  tool = pkgs.callPackage ./sources/tool.nix { };
  base = {
    imports = [ ./sources/common/base.nix ];
    environment.etc."base.txt" = {
      source = ./sources/common/base.txt;
    };
  };
  nested = {
    users.users.deep = {
      isNormalUser = true;
      openssh.authorizedKeys.keyFiles = [ ./sources/key.pub ];
    };
  };
in
{
  roles = {
    a =
      { ... }:
      {
        imports = [ base ];
        environment.systemPackages = [ tool ];
        environment.etc.x = {
          text = text-of-base;
        };
      };
    b =
      { ... }:
      {
        imports = [
          base
          nested
        ];
      };
  };
  rolesDistribution = {
    a = [ "a" ];
    b = [ "b" ];
  };
}
