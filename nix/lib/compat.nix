# Every difference between nixpkgs releases that this library knows, in one place.
#
# Evaluated on 20.09, written for 24.11 to 26.05. A guard tests the release or asks whether an option exists;
# `mkIf false` would not do, it does not protect a definition of an option that is not there.
{ lib }:

let
  release = lib.trivial.release or "20.03";
  atLeast = lib.versionAtLeast release;
in
rec {
  inherit release atLeast;

  # Definitions for those of the given option paths that this release has: [ [ path value ] … ] -> a config set.
  # Call it with a module's `options`.
  definitions = options: pairs:
    lib.foldl' lib.recursiveUpdate { } (map
      (pair:
        let
          path = lib.splitString "." (builtins.elemAt pair 0);
        in
        lib.optionalAttrs (lib.hasAttrByPath path options) (lib.setAttrByPath path (builtins.elemAt pair 1)))
      pairs);

  # Packages that were renamed.
  iproute = pkgs: pkgs.iproute2 or pkgs.iproute;
  utilLinux = pkgs: pkgs.util-linux or pkgs.utillinux;
  getent = pkgs: lib.getBin pkgs.stdenv.cc.libc;

  # Mode of a user's home, an option since 22.05.
  homeMode = user: user.homeMode or "0700";

  # Whether there is Nix on a node: always, until 22.05 brought the option.
  hasNix = config: config.nix.enable or true;

  # No Nix where nobody asks for it; before 22.05, its daemon alone can be left out.
  withoutNix = options:
    if lib.hasAttrByPath [ "nix" "enable" ] options then { nix.enable = lib.mkOverride 1100 false; }
    else {
      systemd.services.nix-daemon.enable = lib.mkOverride 900 false;
      systemd.sockets.nix-daemon.enable = lib.mkOverride 900 false;
    };

  # Passwords open no door by ssh. Until 22.11 options of their own, since then names that warn.
  keysAlone = options:
    let
      off = lib.mkOverride 1100 false;
    in
    definitions options (
      [ [ "services.openssh.settings" { PasswordAuthentication = off; KbdInteractiveAuthentication = off; } ] ]
      ++ lib.optionals (!atLeast "23.05") [
        [ "services.openssh.passwordAuthentication" off ]
        [ "services.openssh.challengeResponseAuthentication" off ]
      ]
    );

  # An overlay of a role's own that rebuilds half of nixpkgs; minimal.nix turns it on by mkDefault, so this is stronger
  # than that. From 24.05 on, to set it is an error.
  withXlibs = options:
    lib.optionalAttrs (!atLeast "24.05")
      (definitions options [ [ "environment.noXlibs" (lib.mkOverride 900 false) ] ]);

  # No random numbers out of a busy processor, where a launcher has a device for them. Removed in 21.05.
  withoutRngd = options:
    lib.optionalAttrs (!atLeast "21.05")
      (definitions options [ [ "security.rngd.enable" (lib.mkOverride 1100 false) ] ]);

  # What makes the firewall's rules: an option since 25.11.
  firewallBackend = config:
    config.networking.firewall.backend or (if config.networking.nftables.enable then "nftables" else "iptables");

  # An option since 23.11.
  sudo = config: pkgs: config.security.sudo.package or pkgs.sudo;

  # Whether root may log in by ssh: an option of its own until 22.11. OpenSSH has a word on it where nobody else does.
  permitRootLogin = config:
    let
      inherit (config.services) openssh;
      said = if openssh ? settings then openssh.settings.PermitRootLogin or null else openssh.permitRootLogin;
    in
    if said == null then "prohibit-password" else said;

  # A module with drivers and firmware for most machines: an option since 25.05, a profile before.
  allHardware = modulesPath:
    if builtins.pathExists (modulesPath + "/hardware/all-hardware.nix") then
      { hardware.enableAllHardware = lib.mkOverride 1100 true; }
    else
      { imports = [ (modulesPath + "/profiles/all-hardware.nix") ]; };

  # Stage 1 asks DHCP on every card, whatever the role says of its network. An option of the scripted one since 22.11,
  # before it did so for networking.useDHCP alone; systemd's has networkd.
  dhcpInStage1 = options: config:
    let
      option = "boot.initrd.network.udhcpc.enable";
      asks = config.networking.useDHCP || lib.any (card: card.useDHCP == true) (builtins.attrValues config.networking.interfaces);
    in
    lib.mkMerge [
      (lib.mkIf (systemdInStage1 config) (definitions options [
        [
          "boot.initrd.systemd.network.networks"
          { "99-nxcc" = { matchConfig = { Type = "ether"; Kind = "!*"; }; DHCP = "yes"; }; }
        ]
      ]))
      (lib.mkIf (!systemdInStage1 config) (definitions options [ [ option (lib.mkOverride 60 true) ] ]))
      (lib.optionalAttrs (!lib.hasAttrByPath (lib.splitString "." option) options) {
        assertions = [{
          assertion = asks;
          message = "role ${config.nxcc.role}: its store comes over the network, and before NixOS 22.11 stage 1 asks DHCP only where networking.useDHCP is true";
        }];
      })
    ];

  # Whether boot.initrd.systemd.root can be null, which leaves `root=` to the boot loader: somewhere from 24.11 on.
  rootOfLoader = options:
    lib.hasAttrByPath [ "boot" "initrd" "systemd" "root" ] options && options.boot.initrd.systemd.root.type.check null;

  # Options of an overlay in fileSystems. `overlay` is there since 24.05; it knows where stage 1 mounts the root, which
  # systemd's stage 1 does not see in options. The scripted one always did.
  overlay = directories@{ lowerdir, upperdir, workdir }:
    if atLeast "24.05" then { overlay = directories // { lowerdir = [ lowerdir ]; }; }
    else {
      device = "overlay";
      fsType = "overlay";
      options = lib.mapAttrsToList (name: directory: "${name}=${directory}") directories;
    };

  # More threads than one for a squashfs: chosen at the mount since Linux 6.2, as nixpkgs' own images do since 24.11;
  # before, the kernel was built for several.
  squashfsOptions = kernel:
    lib.optional (atLeast "24.11" && lib.versionAtLeast kernel.version "6.2") "threads=multi";

  # Whether stage 1 is systemd, the default since 26.05. It formats file systems with `autoFormat`, and the options
  # for commands in stage 1 must be empty; the scripted one does neither.
  systemdInStage1 = config: config.boot.initrd.systemd.enable or false;

  # A kexec that runs on any Linux: kexec-tools had no hyphen until 21.11.
  staticKexec = pkgs: lib.getBin (pkgs.pkgsStatic.kexec-tools or pkgs.pkgsStatic.kexectools);

  # A squashfs of the closures of some paths, with /nix-path-registration in it. `comp` has always been an argument;
  # without it 20.09 takes xz, which costs minutes.
  squashfs = pkgs: storeContents:
    pkgs.callPackage (pkgs.path + "/nixos/lib/make-squashfs.nix") {
      inherit storeContents;
      # On 450 MB of programs: level 3 has 8 % more bytes, 15 has 1 % less in four times the time.
      comp = "zstd -Xcompression-level 9";
    };

  # Extends a package scope by `final: prev: { … }`: until 23.11 `overrideScope` took its arguments the other way round.
  overrideScope = scope: scope.${if atLeast "23.11" then "overrideScope" else "overrideScope'"};
  isScope = value: builtins.isAttrs value && value ? ${if atLeast "23.11" then "overrideScope" else "overrideScope'"};

  # An overlay's part that changes packages of Python in every interpreter's set of that version, and so in what is
  # built from one. `name` is "python3Packages", "python312Packages" …, `extension` is `final: prev: { … }`.
  extendPython = name: extension: prev:
    if prev ? pythonPackagesExtensions then {
      pythonPackagesExtensions = prev.pythonPackagesExtensions ++ [ extension ];
    } else
      let
        version = lib.removeSuffix "Packages" name;
        # Which names an overlay defines must not depend on packages, so python3 cannot be asked for its version.
        interpreter =
          if version != "python3" then version
          else if atLeast "21.11" then "python39"
          else "python38";
      in
      {
        ${interpreter} = prev.${interpreter}.override (arguments: {
          packageOverrides = lib.composeExtensions (arguments.packageOverrides or (_: _: { })) extension;
        });
      };

  # A NixOS system of the given modules with packages that were made already. Where there is
  # misc/nixpkgs/read-only.nix, `nixpkgs.overlays` and `nixpkgs.config` inside a role are errors; before, an overlay
  # there is honoured, at the price of packages of that role's own.
  nixosSystem = { pkgs, system }:
    let
      nixos = pkgs.path + "/nixos";
      readOnly = nixos + "/modules/misc/nixpkgs/read-only.nix";
      evaluate = import (nixos + "/lib/eval-config.nix");
    in
    if builtins.pathExists readOnly then
      modules: evaluate
        {
          system = null;
          modules = [ readOnly { nixpkgs.pkgs = pkgs; } ] ++ modules;
        }
    else
      modules: evaluate
        {
          inherit system;
          modules = [{ nixpkgs.pkgs = pkgs; }] ++ modules;
        };

  # A test of the NixOS test driver: { name nodes testScript } -> a derivation. testers.runNixOSTest came with 22.11 and
  # gives the nodes these packages, nixosTest does so too. Both lint the script by the rules of nixpkgs' own tests:
  # until 21.05 by a formatter.
  nixosTest = pkgs: test:
    if pkgs ? testers && pkgs.testers ? runNixOSTest then
      pkgs.testers.runNixOSTest (test // { skipLint = true; skipTypeCheck = true; })
    else
      pkgs.nixosTest (test // { skipLint = true; });
}
