# The environment project as a flake: nix build path:DIR#docker
{
  description = "What stands around the roles";
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    kapack = {
      url = "github:oar-team/nur-kapack/next";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    tools.url = "github:lab/tools";
    agenix = {
      url = "github:ryantm/agenix";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    extra.url = "github:a/extra";
  };
  outputs =
    inputs:
    let
      bundle = import ./default.nix {
        system = "aarch64-linux";
        inherit (inputs)
          nixpkgs
          kapack
          tools
          agenix
          extra
          ;
      };
    in
    {
      packages.aarch64-linux = bundle.packages;
      legacyPackages.aarch64-linux = { inherit (bundle) roles systems; };
    };
}
