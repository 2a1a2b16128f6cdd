# The environment measured: Execo on virtual machines
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
{
  roles = {
    server = { ... }: { };
    client-node = { ... }: { };
  };
  rolesDistribution = {
    server = [ "server" ];
    client-node = [
      "client-node1"
      "client-node2"
      "client-node3"
      "client-node4"
      "client-node5"
      "client-node6"
      "client-node7"
      "client-node8"
      "client-node9"
      "client-node10"
      "client-node11"
      "client-node12"
    ];
  };
}
