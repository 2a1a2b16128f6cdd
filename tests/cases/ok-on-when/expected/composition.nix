# The environment on-when
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  big = true;
  mode = "fast";
  tuned = {
    imports =
      lib.optionals
        (lib.elem flavour.name [
          "vm"
          "vm-ramdisk"
        ])
        [
          {
            boot.kernel.sysctl."vm.swappiness" = 1;
          }
        ]
      ++ lib.optionals (flavour.name == "docker") [
        {
          imports = [ ./nix/modules/readiness.nix ];
          networking.firewall.allowedTCPPorts = [ 9100 ];
          nxcc.ready = [
            {
              port = 9100;
            }
          ];
        }
      ];
  };
in
{
  roles = {
    a =
      { ... }:
      let
        only-here = 5;
      in
      {
        imports = [ tuned ]
        ++ lib.optionals (flavour.name == "docker") [
          {
            services.nginx = {
              workerPriority = 5;
            };
          }
        ]
        ++ lib.optionals
          (lib.elem flavour.name [
            "docker"
            "g5k-image"
          ])
          [
            {
              services.nginx = {
                user = "nobody";
                group = "nogroup";
              };
            }
          ]
        ++ lib.optionals (flavour.name == "vm") [
          {
            services.nginx.virtualHosts."lab.example" = {
              listen = [
                80
                81
              ];
            };
          }
        ]
        ++ lib.optionals
          (lib.elem flavour.name [
            "docker"
            "vm"
          ])
          [
            (
              let
                inner = "in";
              in
              {
                imports = [
                  ({ })
                  ({ config, ... }: { environment.etc.inner.text = inner + config.networking.hostName; })
                ]
                ++ lib.optionals (flavour.name == "docker") [
                  {
                    services.timesyncd.enable = false;
                    environment.systemPackages = with pkgs; [ strace ];
                  }
                ];
                environment.systemPackages = with pkgs; [ tcpdump ];
                environment.variables.INNER = inner;
              }
            )
          ]
        ++ lib.optionals (flavour.name == "vm") [
          {
            services.big.enable = true;
          }
        ]
        ++ lib.optionals (flavour.name == "docker") [
          {
            environment.etc.x = {
              text = "x";
            };
          }
        ];
        services.nginx = {
          enable = true;
          workers = 8;
          virtualHosts."lab.example" = {
            root = "/srv";
            limit = 100;
          };
        };
        environment.variables.HERE = toString only-here;
      };
    b =
      { ... }:
      {
        imports = lib.optionals (flavour.name == "docker") [
          {
            imports = [ ./nix/modules/shares.nix ];
            nxcc.shares."/srv" = { };
          }
        ];
      };
    c =
      { ... }:
      {
        imports = lib.optionals (flavour.name == "docker") [
          {
            imports = [ ./nix/modules/shares.nix ];
            nxcc.mounts."/srv" = {
              role = "b";
              host = "b";
              source = "/srv";
            };
            boot.kernelParams = [ "x=1" ];
          }
        ];
      };
    d = { ... }: { };
  };
  rolesDistribution = {
    a = [ "a" ];
    b = [ "b" ];
    c = [ "c" ];
    d = [ "d" ];
  };
}
