# Nodes of Grid'5000 started by kexec, which mount their store over NFS.
{ lib, pkgs, compat, environment, ... }:

let
  pairs = import ../lib/pairs.nix { inherit lib pkgs environment; };
in
{
  module = {
    imports = [ ../modules/machine.nix ../modules/grid5000.nix ../modules/store-nfs.nix ];
  };

  packages = { systems, ... }:
    let
      closure = pkgs.closureInfo { rootPaths = pairs.toplevelsOf systems; };
    in
    {
      g5k-nfs-store = pairs.build {
        name = "g5k-nfs-store";
        inherit systems;
        extra = ''
          ln -s ${compat.staticKexec pkgs}/bin/kexec $out/kexec
          ln -s ${closure}/store-paths $out/store-paths
          ln -s ${closure}/registration $out/registration
        '';
      };
    };
}
