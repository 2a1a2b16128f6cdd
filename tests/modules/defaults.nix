# Values of NixOS's options where nobody defines them, as far as they are not the empty one of their type.
{ lib, pkgs, release }:

{
  "boot.initrd.includeDefaultModules" = true;
  "boot.initrd.network.flushBeforeStage2" = true;
  "boot.initrd.systemd.enable" = lib.versionAtLeast release "26.05";
  "boot.initrd.systemd.root" = "fstab";
  "boot.kernelPackages" = { kernel = pkgs.smallPackage "linux" { } // { version = "6.6"; }; };
  "environment.etc.<name>.source" = "/etc/source";
  "fileSystems.<name>.fsType" = "auto";
  "networking.firewall.enable" = true;
  "networking.firewall.package" = pkgs.smallPackage "iptables" { };
  "networking.hostName" = "nixos";
  "nix.enable" = true;
  "nix.package" = pkgs.smallPackage "nix" { };
  "security.sudo.enable" = true;
  "security.sudo.package" = pkgs.smallPackage "sudo" { };
  "services.openssh.permitRootLogin" = "prohibit-password";
  "services.openssh.ports" = [ 22 ];
  "system.boot.loader.initrdFile" = "initrd";
  "system.boot.loader.kernelFile" = "bzImage";
  "systemd.services.<name>.enable" = true;
  "virtualisation.cores" = 1;
  "virtualisation.diskSize" = 512;
  "virtualisation.memorySize" = 384;
  "virtualisation.vlans" = [ 1 ];
}
