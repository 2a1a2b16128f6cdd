# The environment k3s: K3s server and agents
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  # number of agent nodes
  agents = 2;
  api = 6443;
  # Where nodes read the secrets; the secrets themselves never get here.
  secret = {
    token = "/run/nxcc/secrets/token";
  };
  # what every node has
  base = {
    environment.systemPackages = with pkgs; [
      k3s
      gzip
    ];
  };
in
{
  roles = {
    # control plane
    server =
      { ... }:
      {
        imports = [
          base
          ./nix/modules/readiness.nix
          ./nix/modules/secrets.nix
        ];
        networking.firewall.allowedTCPPorts = [ api ];
        networking.firewall.allowedUDPPorts = [ 8472 ];
        services.k3s = {
          enable = true;
          role = "server";
          tokenFile = secret.token;
          package = pkgs.k3s;
        };
        nxcc.ready = [
          {
            port = api;
          }
        ];
        nxcc.secrets.token = { };
      };
    agent =
      { ... }:
      {
        imports = [
          base
          ./nix/modules/secrets.nix
          ./nix/modules/links.nix
        ];
        services.k3s = {
          enable = true;
          role = "agent";
          serverAddr = "https://server:${toString api}";
          tokenFile = secret.token;
        };
        networking.firewall.logRefusedConnections = lib.mkDefault false;
        nxcc.secrets.token = { };
        nxcc.links = [
          {
            to = [ "server" ];
            delay = 10;
            loss = 1;
            rate = 100000000;
          }
        ];
      };
  };
  rolesDistribution = {
    server = [ "server" ];
    agent = [
      "agent1"
      "agent2"
    ];
  };
  testScript = ''
    server.wait_for_unit("k3s.service")
    server.wait_until_succeeds("k3s kubectl get nodes | grep -c ' Ready' | grep -x 3")
  '';
}
