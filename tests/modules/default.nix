# The small nixpkgs of a release: facts is a JSON file with what of it there is, and `real`: null, or a folder with lib/ of
# nixpkgs, which then takes the place of the small one.
facts:

let
  inherit (builtins.fromJSON (builtins.readFile facts)) release record real table functions packages;
  lib =
    if real == null then import ./lib.nix { inherit release record; }
    else
      let found = import (real + "/lib"); in found // { trivial = found.trivial // { inherit release; }; };
  only = names: set:
    lib.foldl' lib.recursiveUpdate { } (map
      (name:
        let path = lib.splitString "." name; in
        lib.setAttrByPath path (lib.attrByPath path (throw "tests/modules/lib.nix has no ${name}") set))
      names);
  shown = if real == null then only functions lib else lib;
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
