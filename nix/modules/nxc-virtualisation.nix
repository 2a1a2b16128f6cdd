# Sizes and the like of a virtual machine, as roles of NixOS Compose's give them for NixOS's own ones. They mean nothing
# here: a node's size is said in the environment, where launchers read it.
{ config, lib, ... }:

let
  names = [ "cores" "diskSize" "emptyDiskImages" "forwardPorts" "graphics" "memorySize" "vlans" "writableStore" ];
  given = builtins.filter (name: config.virtualisation.${name} != null) names;
in
{
  options.virtualisation = lib.genAttrs names (name: lib.mkOption {
    type = lib.types.unspecified;
    default = null;
    description = ''
      Has no effect: it is about NixOS's own virtual machines. The sizes of a node are its role's `resources`.
    '';
  });

  config.warnings = lib.optional (given != [ ]) ''
    role ${config.nxcc.role}: ${lib.concatMapStringsSep ", " (name: "virtualisation.${name}") given} has no effect; sizes are said by `resources` in the environment's source
  '';
}
