# The environment names as a flake: nix build path:DIR#docker
{
  description = "Names that hide packages";
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    nodejs.url = "github:a/nodejs";
  };
  outputs =
    inputs:
    let
      bundle = import ./default.nix {
        system = "x86_64-linux";
        inherit (inputs) nixpkgs nodejs;
      };
    in
    {
      packages.x86_64-linux = bundle.packages;
      legacyPackages.x86_64-linux = { inherit (bundle) roles systems; };
    };
}
