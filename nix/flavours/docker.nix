# Containers of Docker or podman with systemd as their first process. The contract with `run`: docs/flavours/docker.md.
{ lib, pkgs, compat, environment, settings, ... }:

let
  # What init and NixOS's activation expect to find.
  skeleton = ''
    mkdir -p dev etc proc root run sbin sys tmp usr/bin var/lib
    chmod 0700 root
    chmod 1777 tmp
  '';

  # The links that start a system, with it behind them.
  entry = role: toplevel: pkgs.runCommand "nxcc-${environment.name}-${role}-entry" { } ''
    mkdir -p $out/nxcc $out/sbin
    ln -s ${toplevel} $out/nxcc/system
    ln -s /nxcc/system/init $out/sbin/init
  '';

  imageOf = role: toplevel: pkgs.dockerTools.streamLayeredImage {
    # Engines refuse capitals here; names of environments and roles may have them.
    name = lib.toLower "nxcc/${environment.name}-${role}";
    contents = [ (entry role toplevel) ];
    extraCommands = skeleton;
    config = {
      Cmd = [ "/sbin/init" ];
      Env = [ "container=docker" "PATH=/run/wrappers/bin:/nxcc/system/sw/bin" ];
      StopSignal = "SIGRTMIN+3";
    };
  };

  # The stream is a script that reads this machine's store; an archive can be carried to another.
  archiveOf = role: image: pkgs.runCommand "nxcc-${environment.name}-${role}.tar.gz"
    { nativeBuildInputs = [ pkgs.pigz ]; }
    "${image} | pigz -nT > $out";

  toplevelsOf = lib.mapAttrs (_: evaluated: evaluated.config.system.build.toplevel);

  linkToplevels = toplevels: lib.concatStrings (lib.mapAttrsToList
    (role: toplevel: "ln -s ${toplevel} $out/toplevels/${role}\n")
    toplevels);

  # Systems on the host's store, and no images.
  hostStore = toplevels: pkgs.runCommand "nxcc-${environment.name}-docker-host" { } ''
    mkdir -p $out/toplevels
    touch $out/images.txt
    ${linkToplevels toplevels}
  '';

  images = toplevels:
    let
      add = role: toplevel:
        let
          image = imageOf role toplevel;
        in
        ''
          ln -s ${archiveOf role image} $out/images/${role}.tar.gz
          echo ${lib.escapeShellArg "${role} ${image.imageName}:${image.imageTag} images/${role}.tar.gz"} >> $out/images.txt
        '';
    in
    pkgs.runCommand "nxcc-${environment.name}-docker" { } ''
      mkdir -p $out/images $out/toplevels
      touch $out/images.txt
      ${lib.concatStrings (lib.mapAttrsToList add toplevels)}
      ${linkToplevels toplevels}
    '';
in
{
  module = { config, lib, options, ... }: {
    imports = [ ../modules/name.nix ../modules/readiness.nix ../modules/slim.nix ];

    config = lib.mkMerge [
      {
        boot.isContainer = true;
        # The engine mounted /proc, /dev and the rest; to mount them again is refused in most containers.
        boot.specialFileSystems = lib.mkForce { };

        # Name, names of the peers and name servers are the engine's: it mounts these files, nothing can replace them.
        # What the role's configuration makes of its name stays.
        environment.etc.hostname.enable = lib.mkForce false;
        system.activationScripts.hostname = lib.mkForce "";
        environment.etc.hosts.enable = lib.mkForce false;
        warnings = lib.optional (config.networking.extraHosts != "")
          "role ${config.nxcc.role}: networking.extraHosts has no effect in containers, the engine writes /etc/hosts";
        networking.resolvconf.enable = lib.mkForce false;
        networking.useHostResolvConf = lib.mkForce false;
        # So is the address, and the wall around the network.
        networking.useDHCP = lib.mkForce false;
        networking.dhcpcd.enable = lib.mkForce false;
        networking.firewall.enable = lib.mkForce false;

        services.journald.console = lib.mkOverride 1100 "/dev/console";
        services.timesyncd.enable = lib.mkOverride 900 false;
        # Nobody logs in on a console: `run ssh` is an exec of the engine.
        systemd.services.systemd-logind.enable = lib.mkOverride 900 false;
        systemd.services.console-getty.enable = lib.mkOverride 900 false;
        # The store of an image has no database, and a host's is none of the node's business.
        systemd.services.nix-daemon.enable = lib.mkOverride 900 false;
        systemd.sockets.nix-daemon.enable = lib.mkOverride 900 false;
      }
      (compat.definitions options [
        # Nothing is built on a node; weaker than any other word on it.
        [ "nix.enable" (lib.mkOverride 1100 false) ]
        [ "systemd.oomd.enable" (lib.mkOverride 900 false) ]
        [ "services.resolved.enable" (lib.mkOverride 900 false) ]
        # With `users.mutableUsers = false` NixOS asks for someone who can log in.
        [ "users.allowNoPasswordLogin" (lib.mkOverride 1100 true) ]
      ])
    ];
  };

  packages = { systems, ... }:
    let
      toplevels = toplevelsOf systems;
    in
    {
      docker = if (settings.docker.store or "image") == "host" then hostStore toplevels else images toplevels;
      docker-host = hostStore toplevels;
    };
}
