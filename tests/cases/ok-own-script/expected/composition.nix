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
  everywhere = pkgs.writers.writeDashBin "everywhere" "echo everywhere";
  script = {
    everywhere = "${everywhere}/bin/everywhere";
  };
in
{
  roles = {
    web =
      { ... }:
      let
        here = pkgs.writers.writeBashBin "here" "echo here";
        script = {
          everywhere = "${everywhere}/bin/everywhere";
          here = "${here}/bin/here";
        };
      in
      {
        environment.systemPackages = [ here ];
        services.web.hook = ("${script.here} && ${script.everywhere}");
        services.web.other = "${here}/bin/here";
      };
    client =
      { ... }:
      let
        there = pkgs.writers.writeBashBin "there" "echo there";
        script = {
          everywhere = "${everywhere}/bin/everywhere";
          there = "${there}/bin/there";
        };
      in
      {
        imports = [
          ({
    services.client.hook = script.there;
})
        ];
        environment.systemPackages = [ there ];
      };
  };
  rolesDistribution = {
    web = [ "web" ];
    client = [ "client" ];
  };
}
