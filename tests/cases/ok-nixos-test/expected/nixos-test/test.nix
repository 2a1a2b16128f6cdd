# The environment tested as a test of NixOS's own driver, which runs the script of the source.
#
#   nix-build test.nix                  runs it
#   nix-build test.nix -A interactive   result/bin/nixos-test-driver is a Python prompt with the nodes in it
#   nix-build test.nix -A 'tests."at the second"'
#
# The nodes, as variables of the script, all on VLAN 1:
#
#   variable  node     role     address     memory    cpus  disk
#   db_main   db-main  db-main  198.18.0.2  1500 MiB  2     3072 MiB
#   web1      web1     web      198.18.0.3  700 MiB   1     -
#   web2      web2     web      198.18.0.4  700 MiB   1     -
#
# Their systems are made of ../composition.nix, the rest of this in ../nix/flavours/nixos-test.nix.
# Every input is an argument, as of ../default.nix: --arg nixpkgs /path/to/nixpkgs
{ ... }@arguments: (import ../default.nix arguments).nixos-test
