# Virtual machines that run from the store of the machine below them.
{ lib, pkgs, environment, ... }:

let
  pairs = import ../lib/pairs.nix { inherit lib pkgs environment; };
in
{
  module = {
    imports = [ ../modules/virtual.nix ../modules/store-9p.nix ];
  };

  packages = { systems, ... }: {
    # The links to the systems keep the store as long as the result is there.
    vm = pairs.build { name = "vm"; inherit systems; keep = true; };
  };
}
