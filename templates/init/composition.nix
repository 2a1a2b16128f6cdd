# What `nxcc init` asks about a composition of NixOS Compose's, or about one of a set of them.
#
# file        its absolute path
# name        the one of the set that is meant, "" for the file itself
# library     the folder of nxcc's Nix library
# setup       what the composition gets as `setup`, as JSON
# flavour     the name of the flavour that it is called for
#
# nixpkgs is taken from the search path. Without one there are no packages, and of its library only what compositions
# compute the names of roles with; Nix evaluates no more than it must, so that mostly suffices.
{ file, name ? "", library, setup ? "{ }", flavour ? "vm" }:

let
  searched = builtins.tryEval <nixpkgs>;

  few = rec {
    inherit (builtins)
      add attrNames attrValues catAttrs concatLists concatMap concatStringsSep elem elemAt filter foldl' genList head
      intersectAttrs isAttrs isFunction length listToAttrs map mapAttrs removeAttrs replaceStrings stringLength tail;
    concatMapStrings = f: list: concatStringsSep "" (map f list);
    concatMapStringsSep = separator: f: list: concatStringsSep separator (map f list);
    filterAttrs = keep: set: listToAttrs (map (name: nameValuePair name set.${name}) (filter (name: keep name set.${name}) (attrNames set)));
    flip = f: a: b: f b a;
    foldr = f: last: list: if list == [ ] then last else f (head list) (foldr f last (tail list));
    genAttrs = names: f: listToAttrs (map (name: nameValuePair name (f name)) names);
    id = value: value;
    imap1 = f: list: genList (index: f (index + 1) (elemAt list index)) (length list);
    mapAttrs' = f: set: listToAttrs (map (name: f name set.${name}) (attrNames set));
    mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
    max = a: b: if a > b then a else b;
    min = a: b: if a < b then a else b;
    mergeAttrs = a: b: a // b;
    mkDefault = value: value;
    mkForce = value: value;
    nameValuePair = name: value: { inherit name value; };
    optional = condition: value: if condition then [ value ] else [ ];
    optionalAttrs = condition: set: if condition then set else { };
    optionalString = condition: text: if condition then text else "";
    optionals = condition: list: if condition then list else [ ];
    range = first: last: if first > last then [ ] else genList (index: first + index) (last - first + 1);
    recursiveUpdate = a: b: a // mapAttrs (name: value: if isAttrs value && isAttrs (a.${name} or null) then recursiveUpdate a.${name} value else value) b;
    replicate = count: value: genList (_: value) count;
    toInt = builtins.fromJSON;
    zipListsWith = f: a: b: genList (index: f (elemAt a index) (elemAt b index)) (min (length a) (length b));
    attrsets = few;
    lists = few;
    strings = few;
    trivial = few;
  };

  pkgs =
    if searched.success then import searched.value { system = "x86_64-linux"; config = { }; overlays = [ ]; }
    else { lib = few; };
  lib = if searched.success then import (searched.value + "/lib") else few;

  arguments = {
    inherit pkgs lib;
    system = "x86_64-linux";
    modulesPath = if searched.success then toString searched.value + "/nixos" else "/nixpkgs/nixos";
    helpers = import (library + "/lib/helpers.nix") { inherit pkgs; };
    setup = builtins.fromJSON setup;
    flavour = { name = flavour; };
    nur = pkgs.nur or { repos = { }; };
    inputs = { };
  };
  call = import (library + "/lib/call.nix") arguments;

  content = import (/. + file);
  found = call (if name == "" then content else content.${name});

  isComposition = set: builtins.isAttrs set && (set ? roles || set ? nodes);
  couldBe = value: builtins.isFunction value || isComposition value;
  test = found.testScript or "";
in
{
  # Names only: what a role is made of is not looked at.
  names =
    if isComposition found then { roles = builtins.attrNames (found.roles or found.nodes); }
    else if builtins.isAttrs found && found != { } && builtins.all couldBe (builtins.attrValues found) then
      { compositions = builtins.attrNames found; }
    else { };

  distribution = found.rolesDistribution or { };

  # A text with places in the store is right on the machine that evaluates it, and nowhere else.
  test =
    if !(builtins.isString test) then { kind = builtins.typeOf test; }
    else if builtins.hasContext test then { kind = "context"; }
    else { kind = "text"; text = test; };

  others = builtins.filter (name: builtins.elem name [ "dockerPorts" "extraVolumes" "nspawnPorts" ])
    (builtins.attrNames found);

  dockerPorts = found.dockerPorts or { };
}
