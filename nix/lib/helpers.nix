# The helpers that NixOS Compose hands to a composition, for those that are adopted as they stand.
{ pkgs }:

let
  inherit (pkgs) lib;
  numbers = builtins.genList (index: index + 1);
in
rec {
  # makeManyById (id: role) "node" 2 -> { node1 = role 1; node2 = role 2; }
  makeManyById = roleOf: name: count:
    builtins.listToAttrs (map
      (id: lib.nameValuePair "${name}${toString id}" (roleOf id))
      (numbers count));

  # makeMany role "node" 2 -> { node1 = role; node2 = role; }
  makeMany = role: makeManyById (_: role);

  # The package that a file describes, with arguments from pkgs.
  callPackage = file: arguments: pkgs.callPackage file arguments;

  # mapListToAttrs f [ "a" ] -> { a = f "a"; }
  mapListToAttrs = f: names: lib.genAttrs names f;

  # mapAttrNamesToAttrs f { a = 1; } -> { a = f "a"; }
  mapAttrNamesToAttrs = f: set: lib.mapAttrs (name: _: f name) set;

  # mapAttrsToAttrs f { a = 1; } -> { a = f "a" 1; }
  mapAttrsToAttrs = lib.mapAttrs;
}
