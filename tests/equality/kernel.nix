# examples/kernel as a NixOS user would write it: two machines that differ by their kernels.
{ nixpkgs }:

let
  nixos = role: import (nixpkgs + "/nixos/lib/eval-config.nix") {
    system = "x86_64-linux";
    modules = [
      {
        boot.loader.grub.enable = false;
        fileSystems."/".fsType = "tmpfs";
      }
      role
    ];
  };

  measured = { pkgs, ... }: {
    environment.systemPackages = [ (pkgs.callPackage ../../examples/kernel/switches.nix { }) ];
    boot.kernel.sysctl."kernel.sched_autogroup_enabled" = 0;
  };
in
{
  steady = nixos ({ pkgs, ... }: {
    imports = [ measured ];
    boot.kernelPackages = pkgs.linuxPackages;
  });

  edge = nixos ({ pkgs, ... }: {
    imports = [ measured ];
    boot.kernelPackages = pkgs.linuxPackages_latest;
    boot.kernelParams = [ "mitigations=off" ];
  });
}
