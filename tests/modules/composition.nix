# Roles that use every module of nix/modules, and one that uses none.
{ pkgs, lib, flavour, ... }:

{
  testScript = "start_all()";
  testScripts.other = "pass";
  roles = {
    server = {
      imports = [ ./nix/modules/secrets.nix ./nix/modules/keys.nix ./nix/modules/shares.nix ./nix/modules/links.nix ./nix/modules/readiness.nix ];
      nxcc.secrets.token = { };
      nxcc.secrets.key = { owner = "nobody"; units = [ "other" ]; };
      nxcc.shares."/data" = { };
      nxcc.shares."/home/a b".readOnly = true;
      nxcc.keys.alice = [ "/run/nxcc/secrets/key.pub" ];
      # A home that is shared stays its user's.
      nxcc.shares."/home/alice" = { };
      users.users.alice = { name = "alice"; group = "users"; home = "/home/alice"; createHome = true; }
        // lib.optionalAttrs (lib.versionAtLeast lib.trivial.release "22.05") { homeMode = "0750"; };
      nxcc.links = [{ to = [ "agent" ]; delay = 10; jitter = 0.5; loss = 1; rate = 1000000; }];
      nxcc.ready = [{ port = 80; } { unit = "user.service"; }];
      networking.firewall.enable = lib.mkDefault true;
      systemd.services = {
        user.script = "cat /run/nxcc/secrets/token";
        other.script = "true";
        none.script = "true";
      };
    };
    agent = {
      imports = [ ./nix/modules/shares.nix ];
      nxcc.mounts."/data" = { role = "server"; host = "server"; source = "/data"; };
      environment.systemPackages = lib.optional (flavour.name == "docker") pkgs.coreutils;
    };
    bare = { };
    # What roles of NixOS Compose's say.
    adopted = {
      imports = [ ./nix/modules/nxc-compat.nix ]
        ++ lib.optional (flavour.name != "nixos-test") ./nix/modules/nxc-virtualisation.nix;
      nxc.users.names = [ "user1" ];
      nxc.users.prefixHome = "/users";
      nxc.wait-online.enable = true;
      nxc.postBootCommands = "touch /etc/foo";
    };
    # Another kernel, and the other firewall.
    other = {
      boot.kernelPackages.kernel = pkgs.coreutils // { version = "5.10"; };
      boot.kernelParams = [ "isolcpus=1" ];
      networking.nftables.enable = true;
    };
  };
}
