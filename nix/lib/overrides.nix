# Overlays made of the environment's own statements.
{ lib, compat }:

let
  # `existing` with the package at `path` replaced by `change` of itself; scopes keep their packages connected.
  replace = path: change: existing:
    let
      name = builtins.head path;
      rest = builtins.tail path;
      next = previous:
        if !(previous ? ${name}) then throw "override: there is no package ${name} here"
        else if rest == [ ] then change previous.${name}
        else replace rest change previous.${name};
    in
    if compat.isScope existing then compat.overrideScope existing (_: previous: { ${name} = next previous; })
    else existing // { ${name} = next existing; };

  nest = path: value: existing:
    if path == [ ] then value
    else existing // {
      ${builtins.head path} = nest (builtins.tail path) value (existing.${builtins.head path} or { });
    };

  isPython = name: builtins.match "python3[0-9]*Packages" name != null;
  # A package with { args, attrs, src, version, patches }, none of them required.
  changed = changes: old:
    let
      called = if changes ? args then old.override changes.args else old;
    in
    called.overrideAttrs (previous:
      lib.filterAttrs (name: _: name == "src" || name == "version") changes
      // lib.optionalAttrs (changes ? patches) { patches = (previous.patches or [ ]) ++ changes.patches; }
      // (changes.attrs or { }));
in
{
  # An overlay: the package at `path` below pkgs built differently.
  package = path: changes: _: prev:
    let
      change = changed changes;
      top = builtins.head path;
    in
    if isPython top && builtins.length path == 2 then
      compat.extendPython top
        (_: previous: { ${builtins.elemAt path 1} = change previous.${builtins.elemAt path 1}; })
        prev
    else {
      ${top} = (replace path change { ${top} = prev.${top}; }).${top};
    };

  # The packages of an input with the one at `path` built differently; what the input itself makes of it stays.
  inInput = path: changes: replace path (changed changes);

  # A value at `path` below pkgs, beside what is there.
  placed = path: value: _: prev: {
    ${builtins.head path} = (nest path value prev).${builtins.head path};
  };
}
