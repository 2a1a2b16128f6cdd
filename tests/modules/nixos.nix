# The options of NixOS that nix/ uses, and as much of a system as follows from them.
#
# table: [ { name type … } ] of this release's options, as in docs/nixos-compatibility.md.
{ lib, table, pkgs, release }:

let
  # "list of str" and the like, in the words of the page.
  typeOf = word:
    let
      rest = prefix: lib.removePrefix prefix word;
      choice = lib.splitString " or " word;
    in
    if lib.hasPrefix "null or " word then lib.types.nullOr (typeOf (rest "null or "))
    else if lib.hasPrefix "list of " word then lib.types.listOf (typeOf (rest "list of "))
    else if lib.hasPrefix "attrs of " word then lib.types.attrsOf (typeOf (rest "attrs of "))
    else if lib.length choice > 1 then lib.types.oneOf (map typeOf choice)
    # Newer than 20.09's.
    else if word == "anything" then lib.types.anything or lib.types.unspecified
    else if word == "unit" then
      lib.types.strMatching "[a-zA-Z0-9@%:_.\\-]+[.](service|socket|device|mount|automount|swap|target|path|timer|scope|slice)"
    else lib.types.${word};

  # What an option is where nobody defines it; those that are missing here have no value then.
  defaultOf = name: word:
    lib.optionalAttrs (defaults ? ${name}) { default = defaults.${name}; }
    // lib.optionalAttrs (!(defaults ? ${name})) (
      if lib.hasPrefix "null or" word then { default = null; }
      else if lib.hasPrefix "list of" word then { default = [ ]; }
      else if lib.hasPrefix "attrs" word then { default = { }; }
      else if word == "bool" then { default = false; }
      else if word == "lines" || word == "str" then { default = ""; }
      else { }
    );
  thisFile = "tests/modules/nixos.nix";
  defaults = import ./defaults.nix { inherit lib pkgs release; };
  package = pkgs.smallPackage;

  # Options below `prefix`, from rows whose `path` is what remains of their names.
  tree = prefix: rows: lib.mapAttrs
    (name: rows:
      let
        here = prefix ++ [ name ];
        leaves = lib.filter (row: lib.length row.path == 1) rows;
        deeper = map (row: row // { path = lib.tail row.path; }) (lib.filter (row: lib.length row.path > 1) rows);
        # Those of a submodule stand below <name>, or below * where it is a list's.
        inside = map (row: row // { path = lib.tail row.path; })
          (lib.filter (row: lib.elem (lib.head row.path) [ "<name>" "*" ]) deeper);
        word = (lib.head leaves).type;
        submodule = lib.types.submodule { _file = thisFile; options = tree (here ++ [ "<name>" ]) inside; };
      in
      if leaves == [ ] then tree here deeper
      else if word == "gone" then
        lib.mkOption { apply = _: throw "${lib.concatStringsSep "." here} is defined, and this release has it no longer"; }
      else lib.mkOption ({
        type =
          if word == "attrs of submodule" then lib.types.attrsOf submodule
          else if word == "list of submodule" then lib.types.listOf submodule
          else typeOf word;
      } // defaultOf (lib.concatStringsSep "." here) word))
    (builtins.groupBy (row: lib.head row.path) rows);

  # Forces a value, and what a derivation is made of.
  force = value:
    if lib.isDerivation value then builtins.seq value.outPath true
    else if lib.isAttrs value then lib.all force (lib.attrValues value)
    else if lib.isList value then lib.all force value
    else builtins.seq value true;
  forceOptions = options: lib.all
    (name:
      let
        option = options.${name};
      in
      # What is built depends on all the others.
      if option.loc or [ ] == [ "system" "build" ] then true
      else if option._type or "" == "option" then option.files == [ ] || force option.value
      else forceOptions option)
    (lib.attrNames options);

  # Commands of the scripted stage 1, which systemd's does not run.
  hooks = [ "extraUtilsCommands" "postDeviceCommands" "postMountCommands" ];
in
{ config, options, ... }:
let
  inherit (config.boot) initrd;
  failed = map (one: one.message) (lib.filter (one: !one.assertion) (config.assertions ++ map
    (name: {
      assertion = !(initrd.systemd.enable or false) || initrd.${name} or "" == "";
      message = "boot.initrd.${name} is set, and stage 1 is systemd";
    })
    hooks));
  json = value: builtins.toJSON value;
in
{
  _file = thisFile;
  options = tree [ ] (map (row: row // { path = lib.splitString "." row.name; }) table);

  # systemd's stage 1 has the host name in it.
  config.boot.initrd = lib.optionalAttrs (lib.hasAttrByPath [ "boot" "initrd" "systemd" "contents" ] options) {
    systemd.contents = lib.mkIf initrd.systemd.enable { "/etc/hostname".text = config.networking.hostName; };
  };

  config.networking.firewall = lib.optionalAttrs (lib.hasAttrByPath [ "networking" "firewall" "backend" ] options) {
    backend = lib.mkOverride 1400 (if config.networking.nftables.enable then "nftables" else "iptables");
  };

  config.system.build = {
    kernel = config.boot.kernelPackages.kernel;
    # What the first stage depends on, so that systems with the same one share it.
    initialRamdisk = package "initrd" {
      kernel = config.boot.kernelPackages.kernel;
      content = json [
        initrd.availableKernelModules
        initrd.kernelModules
        (map (name: initrd.${name} or "") hooks)
        (lib.mapAttrs (_: one: { inherit (one) text; }) (initrd.systemd.contents or { }))
        (lib.filterAttrs (_: one: one.neededForBoot) config.fileSystems)
      ];
    };
    toplevel =
      if failed != [ ] then throw "failed assertions: ${lib.concatStringsSep "; " failed}"
      else builtins.seq (forceOptions (removeAttrs options [ "nixpkgs" "_module" ])) (package "nixos-system" {
        initrd = lib.optionals (!config.boot.isContainer) [ config.system.build.initialRamdisk ];
        content = json [
          config.boot.kernelParams
          (lib.mapAttrs (_: unit: removeAttrs unit [ "path" ]) config.systemd.services)
          (lib.mapAttrs (_: file: file.text) config.environment.etc)
        ];
      });
  };
}
