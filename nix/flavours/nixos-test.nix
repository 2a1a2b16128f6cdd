# The environment as a NixOS test: NixOS's own driver starts the nodes in QEMU and runs the environment's test script;
# without one, it brings the nodes up in their order and waits until every one is ready.
#
# Names and addresses are those that the nodes have in the other flavours. Nothing is delivered: who a node is stands in
# its system, and secrets are made by the nodes, ../modules/test-secrets.sh.
{ lib, pkgs, compat, environment, ... }:

let
  roles = environment.roles or [ ];
  nodes = environment.nodes or [ ];

  # What the test script calls a node.
  variable = builtins.replaceStrings [ "-" ] [ "_" ];

  prefixLength = lib.last (lib.splitString "/" (environment.network.subnet or "198.18.0.0/15"));

  inTest = one: !(one ? flavours) || builtins.elem "nixos-test" one.flavours;

  # The last word on each size of a role, null without one; bytes.
  sizeOf = role: name:
    let
      said = builtins.filter (one: inTest one && (one.${name} or null) != null)
        (lib.concatMap (one: lib.optionals (one.name == role) (one.resources or [ ])) roles);
    in
    if said == [ ] then null else (lib.last said).${name};

  mebibytes = bytes: (bytes + 1048575) / 1048576;

  # A machine has whole processors.
  whole = count: if builtins.isFloat count then -builtins.floor (-count) else count;

  # Weaker than the role's own word on its virtual machine, stronger than what the test framework says by default.
  sized = option: value: lib.optionalAttrs (value != null) { ${option} = lib.mkDefault value; };

  sizes = role: {
    # Below, systemd and the driver's own shell are short of it.
    virtualisation =
      sized "memorySize" (let memory = sizeOf role "memory"; in if memory == null then 1024 else mebibytes memory)
      // sized "cores" (let cpus = sizeOf role "cpus"; in if cpus == null then null else whole cpus)
      // sized "diskSize" (let disk = sizeOf role "disk"; in if disk == null then null else mebibytes disk);
  };

  # The framework's addresses count the nodes in the order of their names, in a network of its own.
  network = node: { config, options, ... }: let inherit (config.virtualisation) vlans; in {
    config = lib.mkMerge [
      {
        warnings = lib.optional (vlans == [ ] || builtins.head vlans != 1)
          "node ${node.name}: its first VLAN is not 1, so that nodes whose first one is do not reach it at ${node.address}";
        networking.interfaces.eth1.ipv4.addresses = lib.mkForce [{
          inherit (node) address;
          prefixLength = lib.toInt prefixLength;
        }];
        networking.primaryIPAddress = lib.mkForce node.address;
      }
      # Since 24.05 there is one of IPv6 as well; no other flavour has it.
      (compat.definitions options [ [ "networking.primaryIPv6Address" (lib.mkForce "") ] ])
    ];
  };

  identity = node: {
    networking.hostName = lib.mkOverride 75 node.name;
    # What the driver makes a variable of. Until 21.11 it took the name as it is.
    system.name = variable node.name;
    nxcc.testNode = node.name;
  };

  # The framework leaves a node no file systems but its own.
  mounts = { config, ... }: {
    fileSystems = lib.mkVMOverride (import ../lib/mounts.nix { inherit lib; } config.nxcc.mounts);
  };

  # What the framework says as a role would: the two would contradict each other. `force` in a role is still stronger.
  # Nodes have QEMU's clock and the framework's names of network cards, and the driver shows what kernels say.
  framework = {
    services.timesyncd.enable = lib.mkOverride 60 false;
    networking.usePredictableInterfaceNames = lib.mkOverride 60 false;
    boot.consoleLogLevel = lib.mkOverride 60 7;
  };

  machine = modules: node: {
    imports = [ modules.${node.role} (identity node) (sizes node.role) mounts framework ]
      ++ lib.optional ((node.address or null) != null) (network node);
  };

  # A composition that came without an environment has a node for each of its roles.
  nodesOf = modules: if nodes != [ ] then nodes else map (role: { name = role; inherit role; }) (builtins.attrNames modules);

  machines = modules: builtins.listToAttrs (map
    (node: lib.nameValuePair (variable node.name) (machine modules node))
    (nodesOf modules));

  # The test of an environment that has none: roles in their order, the nodes of one level at once.
  readiness = modules:
    let
      levels = environment.order or [ (builtins.attrNames modules) ];
      of = level: map (node: variable node.name) (builtins.filter (node: builtins.elem node.role level) (nodesOf modules));
      lines = level: map (node: "${node}.start()\n") level ++ map (node: "${node}.wait_until_succeeds(\"nxcc-ready\")\n") level;
    in
    lib.concatStrings (lib.concatMap (level: lines (of level)) levels);

  # The driver's sockets have this in their paths, which may have 108 bytes.
  name = lib.substring 0 50 "nxcc-${environment.name}";

  # `interactive` is the program that starts Python with the nodes in it.
  testOf = modules: script:
    let
      test = compat.nixosTest pkgs {
        inherit name;
        nodes = machines modules;
        testScript = script;
      };
    in
    test // { interactive = test.driverInteractive or test.driver; };
in
{
  module = { lib, ... }: {
    imports = [
      ../modules/flavour.nix
      ../modules/readiness.nix
      ../modules/secrets.nix
      ../modules/shares.nix
      ../modules/slim.nix
      ../modules/test-node.nix
    ];

    # For those who look at a role by itself; the framework has its own words.
    boot.loader.grub.enable = lib.mkOverride 1100 false;
    fileSystems."/".fsType = lib.mkOverride 1100 "tmpfs";
    system.stateVersion = lib.mkDefault compat.release;
  };

  # Named tests are attributes of it.
  packages = { modules, tests, ... }: {
    nixos-test = testOf modules (if tests.script != "" then tests.script else readiness modules) // {
      tests = lib.mapAttrs (_: testOf modules) tests.scripts;
    };
  };
}
