# The environment lab as a flake: nix build path:DIR#docker
{
  description = "lab";
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.05";
    tools.url = "github:lab/tools";
  };
  outputs =
    inputs:
    let
      bundle = import ./default.nix {
        system = "x86_64-linux";
        inherit (inputs) nixpkgs tools;
      };
    in
    {
      packages.x86_64-linux = bundle.packages;
      legacyPackages.x86_64-linux = { inherit (bundle) roles systems; };
    };
}
