# The helpers that NixOS Compose hands to a composition, for those that are adopted as they stand.
{ pkgs }:

let
  inherit (pkgs) lib;
  numbers = builtins.genList (index: index + 1);

  # What functions return, as one set; of an attribute that two of them have, the later one's counts.
  joined = lib.foldl' (found: more: found // more) { };
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

  # mapListToAttrs (name: { ${name} = 1; }) [ "a" "b" ] -> { a = 1; b = 1; }
  mapListToAttrs = f: list: joined (map f list);

  # mapAttrNamesToAttrs (name: { ${name} = name; }) { a = 1; } -> { a = "a"; }
  mapAttrNamesToAttrs = f: set: mapListToAttrs f (builtins.attrNames set);

  # mapAttrsToAttrs (name: value: { "${name}2" = value + 1; }) { a = 1; } -> { a2 = 2; }
  mapAttrsToAttrs = f: set: mapListToAttrs (name: f name set.${name}) (builtins.attrNames set);
}
