# What bare metal of Grid'5000 needs, however a node got there: deployed by Kadeploy, started by kexec, or with its
# store on NFS. What its staff's own NixOS image has, as far as it is about the machines.
{ lib, modulesPath, options, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };
in
{
  imports = [ (compat.allHardware modulesPath) ];

  config = lib.mkMerge [
    {
      # Network cards of several clusters (bnx2x, qlogic) do nothing without theirs.
      hardware.enableRedistributableFirmware = lib.mkOverride 1100 true;

      # RAID controllers that the disks of some clusters are behind; NixOS's own list has none of these. mpi3mr came
      # with Linux 5.14: before, NixOS leaves out what the kernel does not have.
      boot.initrd.availableKernelModules = [ "megaraid_sas" "mpt3sas" "smartpqi" "hpsa" "mpi3mr" "nvme" "sd_mod" ];

      # Takes some GPU nodes down.
      boot.blacklistedKernelModules = [ "nouveau" ];

      # The last one is where init writes: what kaconsole shows. Before the role's own, so that one of those wins.
      boot.kernelParams = lib.mkBefore [ "console=tty0" "console=ttyS0,115200n8" ];

      # The site's DHCP tells addresses, routes and name servers. Cards are named as NixOS names them; no node has
      # two that are served.
      networking.useDHCP = lib.mkOverride 1100 true;
    }
    # Nodes whose TPM never shows up would wait for it.
    (compat.definitions options [
      [ "boot.initrd.systemd.tpm2.enable" (lib.mkOverride 1100 false) ]
      [ "systemd.tpm2.enable" (lib.mkOverride 1100 false) ]
    ])
  ];
}
