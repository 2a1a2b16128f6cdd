# What flake.nix and default.nix of a bundle give: its roles as NixOS systems, and what each flavour builds of them.
#
# nixpkgs       a path, or the flake
# system        "x86_64-linux"
# composition   path of composition.nix
# environment   environment.json, parsed: name, roles, params and setup are read
# sources       { NAME = path or flake; } of the environment's inputs
# places        { NAME = [ "nur" "repos" "x" ]; }: where an input's packages stand below pkgs as well
# overlays      { lib, pkgs, inputs, nxcc, modulesPath }: [ overlay … ]
# inputOverrides  likewise: { NAME = [ (packages of the input: those, changed) … ]; }
# unfree        true, or the names of the unfree packages that may be used
# insecure      names of packages with known holes that may be used, "openssl-1.1.1w"
# settings      { FLAVOUR = { setting = value; }; } of the environment, as far as the Nix side asks for them
# lock          flake.lock, parsed, or null
{ nixpkgs
, system
, composition
, environment
, sources ? { }
, places ? { }
, overlays ? (_: [ ])
, inputOverrides ? (_: { })
, unfree ? [ ]
, insecure ? [ ]
, settings ? { }
, lock ? null
}:

let
  lib = import (nixpkgs + "/lib");
  compat = import ./compat.nix { inherit lib; };
  overrides = import ./overrides.nix { inherit lib compat; };

  # One set of packages for all roles: importing nixpkgs again for each would cost a third of a second a role.
  pkgs = import nixpkgs {
    inherit system;
    config =
      (if unfree == true then { allowUnfree = true; }
      else lib.optionalAttrs (unfree != [ ]) {
        allowUnfreePredicate = package: builtins.elem (lib.getName package) unfree;
      })
      // lib.optionalAttrs (insecure != [ ]) { permittedInsecurePackages = insecure; };
    overlays =
      lib.mapAttrsToList (name: path: overrides.placed path inputs.${name}) places
      ++ overlays scope;
  };

  inputs = lib.mapAttrs
    (name: view: lib.foldl' (changed: change: change changed) view (inputOverrides scope).${name} or [ ])
    (import ./inputs.nix { inherit nixpkgs sources lock system pkgs; });

  # What overlays and overrides may name.
  scope = { inherit lib pkgs inputs modulesPath; nxcc = overrides; };

  modulesPath = toString (pkgs.path + "/nixos/modules");

  # What a composition is called with: the arguments of NixOS Compose, and inputs where the environment has some.
  compositionOf = flavour:
    let
      content = if builtins.isPath composition || builtins.isString composition then import composition else composition;
    in
    if builtins.isFunction content then
      content
        ({
          inherit pkgs lib system modulesPath flavour;
          helpers = import ./helpers.nix { inherit pkgs; };
          setup = { name = environment.setup or ""; params = environment.params or { }; };
          nur = pkgs.nur or { };
        } // lib.optionalAttrs (sources != { }) { inherit inputs; })
    else content;

  nixosSystem = compat.nixosSystem { inherit pkgs system; };

  # One file a flavour, named like it: its `module` is a part of every role, `packages` makes what its `run` builds of
  # the roles' systems, or of their modules, and of the tests' scripts.
  flavours = lib.mapAttrs'
    (file: _: lib.nameValuePair (lib.removeSuffix ".nix" file)
      (import (../flavours + "/${file}") { inherit lib pkgs compat environment settings modulesPath; }))
    (builtins.readDir ../flavours);

  compositions = lib.mapAttrs (name: _: compositionOf { inherit name; }) flavours;

  tests = lib.mapAttrs (_: called: { script = called.testScript or ""; scripts = called.testScripts or { }; }) compositions;

  # The module of each role in each flavour: all that its system consists of, nixpkgs aside.
  modules = lib.mapAttrs
    (name: flavour:
      lib.mapAttrs
        (role: module: {
          imports = [
            ../modules/flavour.nix
            { _file = "${toString ../flavours}/${name}.nix"; imports = [ flavour.module ]; }
            { _file = "role ${role} of ${toString composition}"; imports = [ module ]; }
          ] ++ lib.optional (name != "plain" && (settings.enoslib.python or "") == "yes") {
            # What EnOSlib's Ansible runs on the nodes.
            environment.systemPackages = [ pkgs.python3 ];
          };
          nxcc = { inherit environment role; flavour = name; };
        })
        (compositions.${name}.roles or compositions.${name}.nodes))
    flavours;

  systems = lib.mapAttrs (_: lib.mapAttrs (_: module: nixosSystem [ module ])) modules;

  packages = lib.foldl'
    (found: name: found // flavours.${name}.packages {
      systems = systems.${name};
      modules = modules.${name};
      tests = tests.${name};
    })
    { }
    (builtins.attrNames flavours);
in
packages // {
  # tests.FLAVOUR.script is the text of the main test script, tests.FLAVOUR.scripts.NAME that of a named one.
  inherit packages systems pkgs tests;

  # roles.FLAVOUR.ROLE is a system to build.
  roles = lib.mapAttrs (_: lib.mapAttrs (_: evaluated: evaluated.config.system.build.toplevel)) systems;
}
