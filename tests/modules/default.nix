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
in
{
  inherit shown;
  pkgs = path: arguments: import ./pkgs.nix ({ inherit lib shown path; names = packages; } // arguments);
  evalConfig = modulesPath: import ./eval-config.nix {
    inherit lib shown release table;
    modulesPath = toString modulesPath;
  };
}
