# The environment lab
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  gzip = 9;
  tools =
    { jq }:
    {
      environment.systemPackages = with pkgs; [
        pkgs.jq
        pkgs.gzip
        htop
      ];
      environment.variables.JQ = toString jq;
      environment.variables.GZIP = "-${toString gzip}";
    };
in
{
  roles = {
    web =
      { ... }:
      let
        editor = pkgs.vim;
      in
      {
        imports = [
          (tools {
            jq = 2;
          })
        ];
        environment.systemPackages = [ editor ];
      };
  };
  rolesDistribution = {
    web = [ "web" ];
  };
}
