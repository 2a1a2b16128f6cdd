# The environment measured as a flake: nix build path:DIR#enoslib
{
  description = "EnOSlib reserves, deploys, and shapes the links";
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
