# What a flavour that boots kernels builds, after docs/nodes.md: a pair of kernel and initrd for each that differ, and
# the role's links to its own.
{ lib, pkgs, environment }:

let
  cmdlineOf = import ./cmdline.nix { inherit lib; };

  # Roles in the order of the source; those of a composition of somebody else's that are not in it come last.
  ordered = systems:
    let
      known = builtins.filter (role: systems ? ${role}) (map (role: role.name) (environment.roles or [ ]));
    in
    known ++ lib.subtractLists known (builtins.attrNames systems);

  kernelOf = config: "${config.system.build.kernel}/${config.system.boot.loader.kernelFile}";
  initrdOf = config: "${config.system.build.initialRamdisk}/${config.system.boot.loader.initrdFile}";

  # Systems whose kernel and initrd come out of the same derivations.
  identity = config: builtins.unsafeDiscardStringContext
    "${config.system.build.kernel.drvPath} ${config.system.build.initialRamdisk.drvPath}";

  # { pairs = [ { number kernel initrd roles } … ]; roles = { ROLE = { number cmdline toplevel }; }; } of systems.
  pairsOf = systems:
    let
      names = ordered systems;
      configs = lib.mapAttrs (_: evaluated: evaluated.config) systems;
      identities = lib.mapAttrs (_: identity) configs;
      distinct = lib.unique (map (role: identities.${role}) names);
      numbers = builtins.listToAttrs (lib.imap1 (number: one: lib.nameValuePair one number) distinct);
    in
    {
      pairs = lib.imap1
        (number: one:
          let
            roles = builtins.filter (role: identities.${role} == one) names;
            config = configs.${builtins.head roles};
          in
          { inherit number roles; kernel = kernelOf config; initrd = initrdOf config; })
        distinct;
      roles = lib.mapAttrs
        (role: config: {
          number = numbers.${identities.${role}};
          cmdline = cmdlineOf role "${config.system.build.toplevel}/init" config;
          inherit (config.system.build) toplevel;
        })
        configs;
    };

  toplevelsOf = systems: map (role: systems.${role}.config.system.build.toplevel) (ordered systems);

  # An initrd with a squashfs behind it, as a second archive that is not compressed: the squashfs is. It is a file of
  # its own there, not a link into a store, and begins where the kernel looks for it, at a multiple of four bytes.
  withStore = squashfs: pair: pkgs.runCommand "nxcc-${environment.name}-ramdisk-${toString pair.number}"
    {
      nativeBuildInputs = [ pkgs.cpio ];
      inherit (pair) initrd;
      inherit squashfs;
    } ''
    # Linux takes an archive of more for a broken one.
    size=$(stat -L -c %s "$squashfs")
    if [ "$size" -ge 2147483648 ]; then
      echo "the store of all roles takes $size bytes, compressed; a ramdisk holds less than 2147483648" >&2
      exit 1
    fi
    mkdir -p $out
    cat "$initrd" > $out/initrd
    truncate -s %4 $out/initrd
    ln -s "$squashfs" nix-store.squashfs
    echo nix-store.squashfs | cpio --quiet -o -L -H newc -R +0:+0 --reproducible >> $out/initrd
  '';

  # The derivation. `initrd` maps a pair to the initrd that it gets, `keep` makes links to the systems, `extra` is
  # shell that adds to $out.
  build = { name, systems, initrd ? (pair: pair.initrd), keep ? false, extra ? "" }:
    let
      found = pairsOf systems;
      pairText = pair: ''
        mkdir -p $out/pairs/${toString pair.number}
        ln -s ${pair.kernel} $out/pairs/${toString pair.number}/kernel
        ln -s ${initrd pair} $out/pairs/${toString pair.number}/initrd
      '';
      roleText = role: one: ''
        mkdir -p $out/roles/${role}
        ln -s ../../pairs/${toString one.number}/kernel $out/roles/${role}/kernel
        ln -s ../../pairs/${toString one.number}/initrd $out/roles/${role}/initrd
        echo ${lib.escapeShellArg one.cmdline} > $out/roles/${role}/cmdline
      '' + lib.optionalString keep "ln -s ${one.toplevel} $out/roles/${role}/system\n";
    in
    pkgs.runCommand "nxcc-${environment.name}-${name}" { } (
      lib.concatMapStrings pairText found.pairs
      + lib.concatStrings (lib.mapAttrsToList roleText found.roles)
      + extra
    );
in
{
  inherit build pairsOf toplevelsOf withStore;
}
