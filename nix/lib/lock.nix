# Sources and flakes by a lock file in flake.lock's format, for evaluation without flakes.
#
# lock: the parsed file. sources: what the caller gives instead, { name = path or flake; }, by names of root inputs.
{ lock, sources ? { } }:

let
  nodes = lock.nodes;
  rootInputs = nodes.${lock.root}.inputs or { };

  # The name of a node: an input is one, or a list of names to walk from the root ("follows").
  nodeOf = input:
    if builtins.isList input then walk lock.root input else input;
  walk = node: path:
    if path == [ ] then node
    else walk (nodeOf nodes.${node}.inputs.${builtins.head path}) (builtins.tail path);

  # Sources given by the caller, by name of node.
  given = builtins.listToAttrs (map
    (name: { name = nodeOf rootInputs.${name}; value = sources.${name}; })
    (builtins.filter (name: rootInputs ? ${name}) (builtins.attrNames sources)));

  tarball = locked: url: builtins.fetchTarball { name = "source"; inherit url; sha256 = locked.narHash; };

  fetch = locked:
    if locked.type == "github" then
      tarball locked "https://${locked.host or "github.com"}/${locked.owner}/${locked.repo}/archive/${locked.rev}.tar.gz"
    else if locked.type == "gitlab" then
      tarball locked ("https://${locked.host or "gitlab.com"}/api/v4/projects/${locked.owner}%2F${locked.repo}"
        + "/repository/archive.tar.gz?sha=${locked.rev}")
    else if locked.type == "sourcehut" then
      tarball locked "https://${locked.host or "git.sr.ht"}/${locked.owner}/${locked.repo}/archive/${locked.rev}.tar.gz"
    else if locked.type == "tarball" then
      tarball locked locked.url
    else if locked.type == "git" then
      builtins.fetchGit
        ({ inherit (locked) url rev; }
          // (if locked ? ref then { inherit (locked) ref; } else { allRefs = true; })
          // (if locked.submodules or false then { submodules = true; } else { }))
    else if locked.type == "path" then
      builtins.path { name = "source"; path = locked.path; sha256 = locked.narHash; }
    else
      throw "an input of type ${locked.type} needs flakes, or its source as an argument";

  sourceOfNode = name:
    let
      node = nodes.${name};
      source = given.${name} or (fetch node.locked);
    in
    if (node.locked.dir or "") == "" || given ? ${name} then source else source + "/${node.locked.dir}";

  inputsOfNode = name: builtins.mapAttrs (_: input: flakeOfNode (nodeOf input)) (nodes.${name}.inputs or { });

  flakeOfNode = name:
    let
      node = nodes.${name};
      source = sourceOfNode name;
    in
    if builtins.isAttrs source && source ? outPath && source ? outputs then source
    else if node.flake or true then callFlake { inherit source; inputs = inputsOfNode name; locked = node.locked; }
    else (about node.locked) // { outPath = source; };

  about = locked:
    (if locked ? rev then { inherit (locked) rev; shortRev = builtins.substring 0 7 locked.rev; } else { })
    // (if locked ? lastModified then { inherit (locked) lastModified; } else { })
    // (if locked ? narHash then { inherit (locked) narHash; } else { });

  # What a flake in a folder gives when its inputs are flakes already.
  callFlake = { source, inputs, locked ? { } }:
    let
      facts = about locked // { outPath = source; };
      flake = import (source + "/flake.nix");
      outputs = flake.outputs (inputs // { self = result; });
      result = outputs // facts // { inherit inputs outputs; sourceInfo = facts; _type = "flake"; };
    in
    result;
in
{
  inherit callFlake;

  # { name = path in the store; } and { name = flake, or { outPath } of what is none; }
  sources = builtins.mapAttrs (_: input: sourceOfNode (nodeOf input)) rootInputs;
  flakes = builtins.mapAttrs (_: input: flakeOfNode (nodeOf input)) rootInputs;
}
