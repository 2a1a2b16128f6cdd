# The environment lab
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  people = {
    users.users.alice = {
      isNormalUser = true;
      uid = 1001;
    };
    users.users.bob = {
      isNormalUser = true;
    };
  };
in
{
  roles = {
    homes =
      { ... }:
      {
        imports = [
          people
          ./nix/modules/shares.nix
        ];
        nxcc.shares."/users" = { };
        users.users.carol = {
          isNormalUser = true;
          uid = 2000;
        };
        users.users.root = { };
      };
    same =
      { ... }:
      {
        imports = [
          people
          ./nix/modules/shares.nix
        ];
        nxcc.mounts."/users" = {
          role = "homes";
          host = "homes";
          source = "/users";
        };
        users.users.carol = {
          isNormalUser = true;
          uid = 2000;
        };
      };
    other =
      { ... }:
      {
        imports = [
          people
          ./nix/modules/shares.nix
        ];
        nxcc.mounts."/users" = {
          role = "homes";
          host = "homes";
          source = "/users";
        };
        users.users.carol = {
          isNormalUser = true;
          uid = 2001;
        };
        users.users.root = { };
      };
    more =
      { ... }:
      {
        imports = [
          people
          ./nix/modules/shares.nix
        ];
        nxcc.mounts."/users" = {
          role = "homes";
          host = "homes";
          source = "/users";
        };
        users.users.dave = {
          isNormalUser = true;
        };
      };
    apart =
      { ... }:
      {
        users.users.carol = {
          isNormalUser = true;
          uid = 2002;
        };
        users.users.alice = {
          isNormalUser = true;
        };
      };
    place =
      { ... }:
      {
        imports = [ ./nix/modules/shares.nix ]
        ++ lib.optionals (flavour.name == "docker") [
          {
            users.users.oleg = {
              isNormalUser = true;
              uid = 5000;
            };
          }
        ]
        ++ lib.optionals (flavour.name == "vm") [
          {
            users.users.oleg = {
              isNormalUser = true;
              uid = 5001;
            };
          }
        ];
        nxcc.shares."/oleg" = { };
      };
    agreed =
      { ... }:
      {
        imports = [ ./nix/modules/shares.nix ]
        ++ lib.optionals (flavour.name == "docker") [
          {
            users.users.oleg = {
              isNormalUser = true;
              uid = 5000;
            };
          }
        ]
        ++ lib.optionals (flavour.name == "vm") [
          {
            users.users.oleg = {
              isNormalUser = true;
              uid = 5001;
            };
          }
        ];
        nxcc.mounts."/oleg" = {
          role = "place";
          host = "place";
          source = "/oleg";
        };
      };
    one-number =
      { ... }:
      {
        imports = [ ./nix/modules/shares.nix ];
        users.users.oleg = {
          isNormalUser = true;
          uid = 5000;
        };
        nxcc.mounts."/oleg" = {
          role = "place";
          host = "place";
          source = "/oleg";
        };
      };
    elsewhere =
      { ... }:
      {
        imports = lib.optionals (flavour.name == "nixos-test") [
          {
            imports = [ ./nix/modules/shares.nix ];
            nxcc.mounts."/oleg" = {
              role = "place";
              host = "place";
              source = "/oleg";
            };
          }
        ];
        users.users.oleg = {
          isNormalUser = true;
          uid = 5002;
        };
      };
    both =
      { ... }:
      {
        imports = [ ./nix/modules/shares.nix ]
        ++ lib.optionals (flavour.name == "docker") [
          {
            users.users.pia.uid = 6001;
          }
        ];
        nxcc.shares."/pia" = { };
        users.users.pia = {
          isNormalUser = true;
          uid = lib.mkDefault 6000;
        };
      };
    one =
      { ... }:
      {
        imports = lib.optionals (flavour.name == "docker") [
          {
            imports = [ ./nix/modules/shares.nix ];
            nxcc.mounts."/pia" = {
              role = "both";
              host = "both";
              source = "/pia";
            };
          }
        ];
        users.users.pia = {
          isNormalUser = true;
          uid = 6000;
        };
      };
  };
  rolesDistribution = {
    homes = [ "homes" ];
    same = [ "same" ];
    other = [ "other" ];
    more = [ "more" ];
    apart = [ "apart" ];
    place = [ "place" ];
    agreed = [ "agreed" ];
    one-number = [ "one-number" ];
    elsewhere = [ "elsewhere" ];
    both = [ "both" ];
    one = [ "one" ];
  };
}
