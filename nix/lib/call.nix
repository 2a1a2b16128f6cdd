# A composition of NixOS Compose's called with what it wants of the arguments; one that is no function is itself.
#
# arguments  all that there is to pass
# content    what its file has
arguments: content:

let
  # A function that names its arguments gets those, or all where it ends with `...`; only its XML tells whether it does.
  takesMore = function: builtins.length (builtins.split "ellipsis=\"1\"" (builtins.toXML function)) > 1;
  namesArguments = function: builtins.length (builtins.split "<attrspat" (builtins.toXML function)) > 1;
in
if builtins.isFunction content && namesArguments content && !(takesMore content) then
  content (builtins.intersectAttrs (builtins.functionArgs content) arguments)
else if builtins.isFunction content || content ? __functor then content arguments
else content
