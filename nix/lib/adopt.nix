# The roles of an existing composition of NixOS Compose's, called with the arguments that ours is called with.
args: path:

let
  content = import path;
  found = if builtins.isFunction content then content args else content;
in
found.roles or found.nodes
