# K3s as a NixOS user would write it: a server and its agents, the token a plain string (20.09 knows no other way).
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

  base = { pkgs, ... }: {
    environment.systemPackages = with pkgs; [ k3s gzip ];
    networking.firewall.trustedInterfaces = [ "cni0" ];
    documentation.enable = false;
  };
in
{
  server = nixos {
    imports = [ base ];
    networking.firewall.allowedTCPPorts = [ 6443 ];
    networking.firewall.allowedUDPPorts = [ 8472 ];
    services.k3s = {
      enable = true;
      role = "server";
      extraFlags = "--token 'no \"secret\"' --https-listen-port 6443";
    };
  };

  agent = nixos ({ lib, ... }: {
    imports = [ base ];
    services.k3s = {
      enable = true;
      role = "agent";
      serverAddr = "https://server:6443";
      token = "'no \"secret\"'";
    };
    networking.firewall.logRefusedConnections = lib.mkDefault false;
  });
}
