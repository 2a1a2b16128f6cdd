# The environment profiles
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  nodes = 3;
  domain = "lab.example";
  # what all have
  base =
    let
      greeting = "welcome to ${domain}";
      greet = pkgs.writers.writeBashBin "greet" "echo ${greeting}";
    in
    {
      environment.systemPackages = with pkgs; [
        curl
        greet
      ];
      environment.etc.greeting = {
        text = greeting;
      };
      services.openssh.enable = true;
    };
  sized = {
    environment.variables.JAVA_OPTS = "-Xmx1024m";
  };
  scheduler =
    { port }:
    {
      services.slurm.server.enable = true;
      services.slurm.extraConfig = "SlurmctldPort=${toString port}";
      networking.firewall.allowedTCPPorts = [ port ];
    };
  monitored = {
    imports = [
      ({ services.prometheus.exporters.node.extraFlags = [ "--web.telemetry-path=/${domain}" ]; })
    ]
    ++ lib.optionals (flavour.name == "docker") [
      {
        services.prometheus.exporters.node.enable = lib.mkForce false;
      }
    ];
    services.prometheus.exporters.node.enable = true;
  };
  scheduler-2 =
    { port }:
    {
      services.oar = {
        enable = true;
        server = {
          enable = true;
          port = port;
        };
      };
      networking.firewall.allowedTCPPorts = [ port ];
    };
  scheduler-3 =
    { port }:
    {
      services.none.enable = true;
      networking.firewall.allowedTCPPorts = [ port ];
    };
  configured =
    { level }:
    {
      imports = [
        ({ config, ... }: { environment.etc.level.text = "${level} ${config.networking.hostName}"; })
      ];
    };
  sized-2 = {
    environment.variables.JAVA_OPTS = "-Xmx2048m";
  };
  big = {
    environment.systemPackages = with pkgs; [ gcc ];
  };
  sized-3 = {
    environment.variables.JAVA_OPTS = "-Xmx4096m";
  };
in
{
  roles = {
    a =
      { ... }:
      {
        imports = [
          base
          sized
          (scheduler {
            port = 6817;
          })
        ];
      };
    b =
      { ... }:
      {
        imports = [
          base
          sized
          (scheduler {
            port = 7000;
          })
          monitored
        ];
      };
    c =
      { ... }:
      {
        imports = [
          base
          monitored
          sized
          (scheduler-2 {
            port = 6817;
          })
        ];
      };
    d =
      { ... }:
      let
        own = 5;
      in
      {
        imports = [
          base
          sized
          (scheduler-3 {
            port = 6817;
          })
          (configured {
            level = "high";
          })
        ];
        environment.variables.OWN = toString own;
      };
    e =
      { ... }:
      {
        imports = [
          base
          sized
          (configured {
            level = domain;
          })
        ];
      };
    f =
      { ... }:
      {
        imports = [
          base
          sized
        ];
      };
    g =
      { ... }:
      {
        imports = [
          base
          sized-2
          big
        ];
      };
    h =
      { ... }:
      {
        imports = [
          base
          sized-3
          big
        ];
      };
  };
  rolesDistribution = {
    a = [ "a" ];
    b = [ "b" ];
    c = [
      "c1"
      "c2"
      "c3"
    ];
    d = [ "d" ];
    e = [ "e" ];
    f = [ "f" ];
    g = [ "g" ];
    h = [ "h" ];
  };
}
