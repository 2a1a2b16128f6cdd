# The small nixpkgs of a release: facts is a JSON file with what of it there is.
facts:

let
  inherit (builtins.fromJSON (builtins.readFile facts)) release record table functions packages;
  lib = import ./lib.nix { inherit release record; };
  only = names: set:
    lib.foldl' lib.recursiveUpdate { } (map
      (name:
        let path = lib.splitString "." name; in
        lib.setAttrByPath path (lib.attrByPath path (throw "tests/modules/lib.nix has no ${name}") set))
      names);
  shown = only functions lib;
  evalConfig = modulesPath: import ./eval-config.nix {
    inherit lib shown release table;
    modulesPath = toString modulesPath;
  };
in
{
  inherit shown evalConfig;
  pkgs = path: arguments: import ./pkgs.nix ({
    inherit lib shown path;
    names = packages;
    evalConfig = one: evalConfig (path + "/nixos/modules") (one // lib.optionalAttrs (lib.versionAtLeast release "24.05") { system = null; });
  } // arguments);
}
