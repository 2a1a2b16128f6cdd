# The environment project: What stands around the roles
# Written by nxcc: change the source and compile again.
# Setup next.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  inputs,
  ...
}:
let
  level = 3;
  name-of-lab = "south";
  setup = {
    name = "next";
  };
  app = pkgs.callPackage ./sources/app.nix {
    inherit-me = level;
    dep = inputs.kapack.oar;
    deep.set = [
      1
      2
    ];
  };
  report = pkgs.writers.writePython3Bin "report" {
    libraries = [
      pkgs.python3Packages.numpy
      inputs.kapack.oar
    ];
    flakeIgnore = [
      "E"
      "F"
      "W"
    ];
  } "print('${name-of-lab}')";
in
{
  roles = {
    a =
      { ... }:
      {
        imports = [
          inputs.kapack.nixosModules.oar
          inputs.agenix.nixosModules.default
          ({ environment.etc.setup.text = "${setup.name} ${toString level} ${toString (builtins.attrNames inputs)}"; })
        ];
        environment.systemPackages = with pkgs; [
          app
          report
          inputs.kapack.oar
          inputs.extra.thing
          inputs.tools.wrench
          nur.repos.kapack.batsim
          hello
        ];
        services.oar.package = inputs.kapack.oar;
        environment.variables.SETUP = "next";
        boot.kernelParams = [
          "mitigations=off"
          "lab=south"
        ];
      };
    b =
      { ... }:
      {
        environment.systemPackages = [
          inputs.tools."odd name"
          app.doc
        ];
        boot.kernelParams = [
          "mitigations=off"
          "lab=south"
        ];
      };
  };
  rolesDistribution = {
    a = [ "a" ];
    b = [
      "b1"
      "b2"
    ];
  };
}
