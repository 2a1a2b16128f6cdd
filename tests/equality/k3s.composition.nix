# k3s.nxc as the compiler writes it: proves the harness without the compiler.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  agents = 2;
  api = 6443;
  token = "'no \"secret\"'";

  base =
    { pkgs, ... }:
    {
      environment.systemPackages = with pkgs; [
        k3s
        gzip
      ];
      networking.firewall.trustedInterfaces = [ "cni0" ];
      documentation.enable = false;
    };
in
{
  roles = {
    server =
      { config, ... }:
      {
        imports = [ base ];
        networking.firewall.allowedTCPPorts = [ api ];
        networking.firewall.allowedUDPPorts = [ 8472 ];
        services.k3s = {
          enable = true;
          role = "server";
          extraFlags = "--token ${token} --https-listen-port ${toString api}";
        };
      };
    agent =
      { config, ... }:
      {
        imports = [ base ] ++ lib.optionals (flavour.name == "docker") [ { environment.variables.IN = "docker"; } ];
        services.k3s = {
          enable = true;
          role = "agent";
          serverAddr = "https://server:${toString api}";
          inherit token;
        };
        networking.firewall.logRefusedConnections = lib.mkDefault false;
      };
  };
  rolesDistribution = {
    server = [ "server" ];
    agent = [
      "agent1"
      "agent2"
    ];
  };
}
