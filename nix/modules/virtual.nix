# What the flavours that run in QEMU share: virtio, a serial console, and no waiting for what a virtual machine lacks.
{ lib, options, pkgs, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };
in
{
  imports = [ ./machine.nix ];

  config = lib.mkMerge [
    {
      # nixpkgs' profiles/qemu-guest.nix without its graphics, and without its command for stage 1.
      boot.initrd.availableKernelModules = [ "virtio_blk" "virtio_mmio" "virtio_net" "virtio_pci" "virtio_scsi" ];
      boot.initrd.kernelModules = [ "virtio_console" "virtio_rng" ];
      # Where the nodes file and the secrets come from.
      boot.kernelModules = [ "qemu_fw_cfg" ];

      boot.kernelParams = [ "console=ttyS0" ];

      # QEMU's own DHCP server gives each machine a network alone: nobody else can have the address.
      networking.dhcpcd.extraConfig = "noarp\n";

      # The clock is the host's.
      services.timesyncd.enable = lib.mkOverride 900 false;

      # Root is logged in where only whoever started the machine can type, and nowhere else: an option for this would
      # hold for every terminal.
      systemd.services."serial-getty@ttyS0" = {
        # systemd's generator starts it for the console that the kernel was told.
        description = "Serial console";
        before = [ "getty.target" ];
        after = [ "dev-ttyS0.device" "systemd-user-sessions.service" ];
        bindsTo = [ "dev-ttyS0.device" ];
        restartIfChanged = false;
        environment.TERM = "vt220";
        serviceConfig = {
          ExecStart =
            "${compat.utilLinux pkgs}/bin/agetty --login-program ${pkgs.shadow}/bin/login --autologin root --keep-baud ttyS0 115200,38400,9600 $TERM";
          Type = "idle";
          Restart = "always";
          UtmpIdentifier = "ttyS0";
          TTYPath = "/dev/ttyS0";
          TTYReset = true;
          TTYVHangup = true;
          IgnoreSIGPIPE = false;
          KillMode = "process";
          SendSIGHUP = true;
        };
      };
      # Nobody sees the other one.
      systemd.services."getty@tty1".enable = lib.mkOverride 900 false;
    }
    (compat.definitions options [
      # Disks, keyboards and cards of real machines.
      [ "boot.initrd.includeDefaultModules" (lib.mkOverride 1100 false) ]
      # Stage 1 with systemd would wait for one.
      [ "boot.initrd.systemd.tpm2.enable" (lib.mkOverride 1100 false) ]
      [ "systemd.tpm2.enable" (lib.mkOverride 1100 false) ]
    ])
    (compat.withoutRngd options)
  ];
}
