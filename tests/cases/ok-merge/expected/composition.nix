# The environment merge
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  size = 5;
  p = {
    x.list = [ "p" ];
    networking.firewall.allowedTCPPorts = [ 1 ];
  };
in
{
  roles = {
    a =
      { ... }:
      {
        imports = [
          p
          ./nix/modules/readiness.nix
        ];
        environment.systemPackages = with pkgs; [
          htop
          git
        ];
        networking.firewall.allowedTCPPorts = [
          80
          443
        ];
        x.list = [
          "a"
          "b"
        ];
        networking.firewall.allowedTCPPortRanges = [
          {
            from = 8000;
            to = 9000;
          }
        ];
        x.level = size;
        x.inner.a = 1;
        x.inner.b = 2;
        x.inner.c = 3;
        x.text = lib.mkMerge [
          "a"
          "b"
        ];
        x.same = 1;
        x.forced = lib.mkMerge [
          (lib.mkForce 1)
          2
        ];
        x.whole = lib.mkMerge [
          ({ a = 1; })
          {
            b = 2;
          }
        ];
        x.pieces = lib.mkMerge [
          {
            a = 1;
          }
          (lib.mkForce {
            b = 2;
          })
        ];
        services.openssh.enable = true;
        services.openssh.settings.X = "y";
        services.openssh.openFirewall = true;
        environment.etc.one = {
          text = "1";
        };
        environment.etc.two.text = "2";
        systemd.tmpfiles.rules = [
          "L+ \"/srv/a\" - - - - ${pkgs.writeText "srv-a" "a"}"
          "L+ \"/srv/b\" - - - - ${pkgs.writeText "srv-b" "b"}"
        ];
        users.users.u = {
          isNormalUser = true;
          extraGroups = [
            "a"
            "b"
          ];
        };
        nxcc.ready = [
          {
            port = 80;
          }
          {
            port = 443;
          }
        ];
      };
  };
  rolesDistribution = {
    a = [ "a" ];
  };
}
