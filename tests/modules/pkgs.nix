# As much of nixpkgs as nix/ uses: real derivations that nobody builds, named like the packages.
#
# lib: what lib.nix gives; shown: what of it this release has. path: the folder that plays nixpkgs. names: packages that
# the release has, "a.b" within sets. evalConfig: what evaluates the nodes of a test. The other arguments are those of nixpkgs itself.
{ lib, shown, path, names, evalConfig, system, config ? { }, overlays ? [ ] }:

let
  package = name: content: builtins.derivation ({ inherit name system; builder = "/bin/sh"; } // content) // {
    # A second derivation with other attributes, as far as anybody needs one.
    override = _: package name content;
    overrideAttrs = change: package name (content // change content);
  };
  text = name: content: package name { inherit content; } // { text = content; };
  run = name: environment: command: package name (environment // { buildCommand = command; }) // { buildCommand = command; };

  # NixOS's test driver: the nodes with the framework's own words on them, which ours must be stronger than.
  test = { name, nodes, testScript, ... }:
    let
      systems = lib.mapAttrs
        (node: module: evalConfig {
          test = true;
          modules = [
            module
            {
              _file = "tests/modules/pkgs.nix";
              nixpkgs.pkgs = all;
              networking.hostName = lib.mkDefault node;
              networking.primaryIPAddress = "192.168.1.1";
              networking.interfaces.eth1.ipv4.addresses = [{ address = "192.168.1.1"; prefixLength = 24; }];
            }
          ];
        })
        nodes;
    in
    package "vm-test-run-${name}" {
      inherit testScript;
      nodes = lib.mapAttrsToList (_: one: one.config.system.build.toplevel) systems;
    } // { nodes = lib.mapAttrs (_: one: one.config) systems; };

  # What is more than a package.
  known = {
    runtimeShell = "/bin/sh";
    runCommand = run;
    runCommandNoCC = run;
    writeText = text;
    writeScript = text;
    writeScriptBin = text;
    writeShellScript = text;
    writeShellScriptBin = text;
    nixosTest = test;
    testers.runNixOSTest = test;
    pythonPackagesExtensions = [ ];
    callPackage = file: arguments:
      let
        function = if lib.isFunction file then file else import file;
        wanted = builtins.intersectAttrs (lib.functionArgs function) all;
        result = function (wanted // arguments);
      in
      if lib.isAttrs result then result // { override = more: all.callPackage file (arguments // more); } else result;
    dockerTools.streamLayeredImage = { name, contents, extraCommands, config }:
      package "stream-${baseNameOf name}" { inherit contents extraCommands; config = builtins.toJSON config; }
      // { imageName = name; imageTag = "tag"; };
    closureInfo = { rootPaths }: package "closure-info" { inherit rootPaths; };
  };

  # The rest of nixpkgs is missing here, and so is what this release does not have.
  pathOf = lib.splitString ".";
  own = lib.foldl' lib.recursiveUpdate { inherit path; lib = shown; smallPackage = package; } (map
    (name:
      lib.setAttrByPath (pathOf name) (lib.attrByPath (pathOf name) (package (lib.last (pathOf name)) { }) known))
    names);
  all = lib.foldl' (found: overlay: found // overlay all found) own overlays;
in
all
