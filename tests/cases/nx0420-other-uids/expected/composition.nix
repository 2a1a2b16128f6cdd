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
  };
  rolesDistribution = {
    homes = [ "homes" ];
    same = [ "same" ];
    other = [ "other" ];
    more = [ "more" ];
    apart = [ "apart" ];
  };
}
