# An archive that Kadeploy unpacks on a disk of Grid'5000's, for all roles. Written out by ../lib/image.sh rather than
# by nixpkgs' make-system-tarball.nix: that one copies the whole closure before it archives it, leaves out hidden files
# at the top, and gives other archives for other ways to keep the same store.
{ lib, pkgs, compat, environment, settings, ... }:

let
  setting = name: default: settings.g5k-image.${name} or default;

  oneOf = name: values: default:
    let
      value = setting name default;
    in
    if builtins.elem value values then value
    else throw "g5k-image: ${name} is ${toString value}; it can be ${lib.concatStringsSep ", " values}";

  # Command, extension and package. Each gives the same output on any number of cores.
  compressors = {
    gzip = { command = "pigz -nT"; extension = "gz"; package = pkgs.pigz; };
    bzip2 = { command = "pbzip2 -c"; extension = "bz2"; package = pkgs.pbzip2; };
    xz = { command = "pixz -t"; extension = "xz"; package = pkgs.pixz; };
    zstd = { command = "zstd -T0 -10"; extension = "zst"; package = pkgs.zstd; };
  };
  compressor = compressors.${oneOf "compression" (builtins.attrNames compressors) "zstd"};

  # GRUB reads the kernel from any of these.
  filesystem = oneOf "filesystem" [ "btrfs" "ext2" "ext3" "ext4" "xfs" ] "ext4";

  # What the role is booted with, beside `root=`, which Kadeploy adds.
  cmdlineOf = role: evaluated:
    let
      text = import ../lib/cmdline.nix { inherit lib; } role "/nxcc/${role}/init" evaluated.config;
    in
    if builtins.stringLength text > 2000 then
      throw "role ${role}: the kernel parameters have ${toString (builtins.stringLength text)} characters; Linux takes 2046 with root= and what a launcher adds"
    else text;

  writeCmdline = role: evaluated: ''
    mkdir -p $out/roles/${role}
    printf '%s\n' ${lib.escapeShellArg (cmdlineOf role evaluated)} > $out/roles/${role}/cmdline
  '';
in
{
  module = { config, lib, options, pkgs, ... }: {
    imports = [ ../modules/machine.nix ../modules/grid5000.nix ../modules/image.nix ];

    # The partition that Kadeploy chose, whatever the disk is called.
    fileSystems."/" = {
      device = lib.mkOverride 1100 "/dev/disk/by-partlabel/KDPL_DEPLOY_disk0";
      fsType = lib.mkOverride 1100 filesystem;
    };
  };

  packages = { systems, ... }:
    let
      toplevels = lib.mapAttrs (_: evaluated: evaluated.config.system.build.toplevel) systems;
      roles = lib.concatStringsSep " " (lib.mapAttrsToList (role: toplevel: "${role} ${toplevel}") toplevels);
    in
    {
      g5k-image = pkgs.runCommand "nxcc-${environment.name}-g5k-image"
        {
          nativeBuildInputs = [ compressor.package ];
          closure = pkgs.closureInfo { rootPaths = builtins.attrValues toplevels; };
          compress = compressor.command;
          inherit (compressor) extension;
        } ''
        ${lib.concatStrings (lib.mapAttrsToList writeCmdline systems)}
        sh ${../lib/image.sh} ${lib.escapeShellArg environment.name} ${roles}
      '';
    };
}
