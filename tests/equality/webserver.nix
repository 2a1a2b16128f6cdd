# A web server with a virtual host, and a client.
{ nixpkgs }:

let
  nixos = role: import (nixpkgs + "/nixos/lib/eval-config.nix") {
    system = "x86_64-linux";
    modules = [
      {
        boot.loader.grub.enable = false;
        fileSystems."/".fsType = "tmpfs";
      }
      role
    ];
  };
in
{
  server = nixos ({ pkgs, ... }: {
    services.nginx = {
      enable = true;
      recommendedGzipSettings = true;
      virtualHosts."www.example.org" = {
        default = true;
        root = "${pkgs.nginx}/html";
        locations."/status".extraConfig = ''
          stub_status;
          allow all;
        '';
        locations."= /hello".return = "200 'hello from $hostname'";
      };
      appendHttpConfig = "keepalive_timeout 30s;";
    };
    networking.firewall.allowedTCPPorts = [ 80 ];
  });

  client = nixos ({ pkgs, ... }: {
    environment.systemPackages = with pkgs; [ curl jq ];
    environment.variables.SERVER = "http://server/hello";
    systemd.services.fetch = {
      after = [ "network-online.target" ];
      wants = [ "network-online.target" ];
      path = [ "/run/wrappers" "/run/current-system/sw" ];
      wantedBy = [ "multi-user.target" ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
      script = ''
        curl -fsS http://server/hello > /run/hello
      '';
    };
  });
}
