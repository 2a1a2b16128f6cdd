# The environment names: Names that hide packages
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  inputs,
  ...
}:
let
  htop = 1;
  git = "a string";
  curl =
    { wget }:
    {
      environment.systemPackages = with pkgs; [
        pkgs.curl
        wget2
        jq
      ];
      environment.variables.W = wget;
    };
  tmux = {
    environment.systemPackages = with pkgs; [
      pkgs.tmux
      vim
    ];
  };
in
{
  roles = {
    nginx =
      { ... }:
      let
        vim = pkgs.neovim;
      in
      {
        imports = [
          (curl {
            wget = "x";
          })
          tmux
        ];
        environment.systemPackages = with pkgs; [
          nginx
          pkgs.curl
          pkgs.lib.hello
          pkgs.builtins
          pkgs.map
          jq
          class
          htop-vim
          vim
        ];
        services.nginx.enable = true;
        environment.variables.HTOP = toString htop;
      };
    jq =
      { ... }:
      {
        environment.systemPackages = with pkgs; [
          jq
          pkgs.tmux
          pkgs.htop
          pkgs.git
          pkgs."with"
          python3Packages.numpy
        ];
      };
    with-dash1 =
      { ... }:
      {
        environment.systemPackages = with pkgs; [
          inputs.nodejs.npm
          nodejs
        ];
      };
  };
  rolesDistribution = {
    nginx = [ "nginx" ];
    jq = [ "jq" ];
    with-dash1 = [ "with-dash1" ];
  };
}
