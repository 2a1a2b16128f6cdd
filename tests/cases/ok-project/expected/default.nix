# The environment project without flakes: nix-build DIR -A docker
# Every input is an argument, a path: --arg nixpkgs /path/to/nixpkgs
{
  nixpkgs ? builtins.fetchTarball "https://github.com/NixOS/nixpkgs/archive/nixos-26.05.tar.gz",
  kapack ? builtins.fetchTarball "https://github.com/oar-team/nur-kapack/archive/next.tar.gz",
  tools ? builtins.fetchTarball "https://github.com/lab/tools/archive/HEAD.tar.gz",
  agenix ? builtins.fetchTarball "https://github.com/ryantm/agenix/archive/HEAD.tar.gz",
  extra ? builtins.fetchTarball "https://github.com/a/extra/archive/HEAD.tar.gz",
  system ? "aarch64-linux",
}:
import ./nix/lib {
  inherit nixpkgs system;
  composition = ./composition.nix;
  environment = builtins.fromJSON (builtins.readFile ./environment.json);
  sources = {
    inherit
      kapack
      tools
      agenix
      extra
      ;
  };
  places = {
    kapack = [
      "nur"
      "repos"
      "kapack"
    ];
  };
  unfree = [
    "cuda-merged"
    "steam"
  ];
  insecure = [ "openssl-1.1.1w" ];
  settings = {
    docker.store = "image";
  };
  overlays =
    {
      lib,
      pkgs,
      inputs,
      nxcc,
      modulesPath,
    }:
    [
      inputs.kapack.overlays.default
      (final: prev: { lab-hello = prev.hello.overrideAttrs (_: { doCheck = false; }); })
      (nxcc.package [ "hello" ] {
        version = "10";
      })
      (nxcc.package [ "python3Packages" "numpy" ] {
        args = {
          blas = pkgs.blas;
        };
      })
      (nxcc.package [ "jq" ] {
        src = pkgs.fetchurl {
          url = "https://example.org/jq-1.7.tar.gz";
          sha256 = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        };
      })
      (nxcc.package [ "yq" ] {
        src = pkgs.fetchFromGitHub {
          owner = "kislyuk";
          repo = "yq";
          rev = "v3.4.3";
          sha256 = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        };
      })
    ];
  inputOverrides =
    {
      lib,
      pkgs,
      inputs,
      nxcc,
      modulesPath,
    }:
    {
      tools = [
        (nxcc.inInput [ "wrench" ] {
          attrs = {
            doCheck = true;
          };
        })
      ];
    };
}
