# The environment dollars as a flake: nix build path:DIR#docker
{
  description = "for $agents agents";
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
  };
  outputs =
    inputs:
    let
      bundle = import ./default.nix {
        system = "x86_64-linux";
        inherit (inputs) nixpkgs;
      };
    in
    {
      packages.x86_64-linux = bundle.packages;
      legacyPackages.x86_64-linux = { inherit (bundle) roles systems; };
    };
}
