# Inputs as a composition sees them: `inputs.NAME.x` is a package, `inputs.NAME.nixosModules.x` a module.
#
# sources: { NAME = path, flake or { outPath }; } of every input; nixpkgs: the same of nixpkgs; lock: a parsed
# flake.lock or null. pkgs may depend on the result (overlays come out of it): nothing here forces it but packages of
# repositories without a flake.nix.
{ nixpkgs, sources, lock, system, pkgs }:

let
  all = sources // { inherit nixpkgs; };
  locked = import ./lock.nix { inherit lock; sources = all; };
  unlocked = import ./lock.nix { lock = { nodes.root = { }; root = "root"; }; };

  isFlake = source: builtins.isAttrs source && source ? outputs;
  folderOf = source: if builtins.isAttrs source then source.outPath else source;
  hasFlake = source: builtins.pathExists (folderOf source + "/flake.nix");

  # Without a lock, the inputs of an input are those that the environment has under the same names.
  guess = name: source:
    let
      wanted = removeAttrs (builtins.functionArgs (import (folderOf source + "/flake.nix")).outputs) [ "self" ];
    in
    unlocked.callFlake {
      source = folderOf source;
      inputs = builtins.mapAttrs
        (input: _:
          if all ? ${input} then resolve input all.${input}
          else throw "input ${name} has an input ${input} of its own: lock the environment (nxcc lock) or use flakes")
        wanted;
    };

  resolve = name: source:
    if isFlake source then source
    else if !hasFlake source then { outPath = folderOf source; }
    else if lock != null && locked.flakes ? ${name} then locked.flakes.${name}
    else guess name source;

  # A repository without a flake.nix: what its default.nix gives.
  legacy = source:
    let
      content = import (folderOf source);
      wanted = builtins.functionArgs content;
      known = { inherit pkgs system; inherit (pkgs) lib; };
    in
    if !(builtins.isFunction content) then content
    else if wanted == { } then content { inherit pkgs; }
    else content (builtins.intersectAttrs wanted known);

  view = name: source:
    let
      flake = resolve name source;
    in
    if isFlake flake then
      (flake.legacyPackages.${system} or { }) // (flake.packages.${system} or { }) // flake
    else if builtins.pathExists (folderOf flake + "/default.nix") then legacy flake // { inherit (flake) outPath; }
    else flake;
in
builtins.mapAttrs view sources
