# Who a node is comes at run time: one image serves all nodes of a role. The contract is docs/nodes.md.
{ config, lib, options, pkgs, ... }:

let
  compat = import ../lib/compat.nix { inherit lib; };

  # What the role's own configuration puts into /etc/hosts; identity.sh adds the nodes.
  base = pkgs.runCommand "nxcc-hosts" { preferLocalBuild = true; } ''
    cat ${lib.concatMapStringsSep " " (file: lib.escapeShellArg "${file}") config.networking.hostFiles} > $out
  '';

  command = pkgs.writeScriptBin "nxcc-identity" ''
    #!${pkgs.runtimeShell}
    export PATH=${lib.makeBinPath [ pkgs.coreutils pkgs.gnutar (compat.iproute pkgs) pkgs.kmod pkgs.systemd ]}
    export NXCC_HOSTS_BASE=${base}
    . ${./identity-archive.sh}
    . ${./identity.sh}
  '';

  sshd = config.services.openssh;
  rootLogin = compat.permitRootLogin config;

  # Virtual machines have two cards: QEMU's own network first, then that of the nodes.
  isVirtual = builtins.elem config.nxcc.flavour [ "vm" "vm-ramdisk" ];
  private = "eth1";
in
{
  imports = [ ./flavour.nix ./name.nix ];

  config = lib.mkMerge [
    {
      environment.systemPackages = [ command ];

      systemd.services.nxcc-identity = {
        description = "Identity of this node";
        wantedBy = [ "multi-user.target" "nxcc-provision.target" ];
        wants = [ "network-pre.target" ];
        # Host keys and keys of root are there before anyone can log in, the address before anything looks for one.
        before = [
          "network-pre.target"
          "network.target"
          "sshd-keygen.service"
          "sshd.service"
          "sshd.socket"
          "shutdown.target"
        ];
        after = [ "local-fs.target" "systemd-modules-load.service" ];
        conflicts = [ "shutdown.target" ];
        unitConfig.DefaultDependencies = false;
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          # The script bounds its own waits. Interpreted, on a busy machine, its commands take minutes; cut off, nobody
          # could log in to look.
          TimeoutStartSec = "300s";
          StandardOutput = "journal+console";
          StandardError = "journal+console";
          ExecStart = "${command}/bin/nxcc-identity";
        };
      };

      # What a node needs to be reached and nothing of its role: whoever delivers the rest then starts default.target.
      # Units that a system does not have are passed over.
      systemd.targets.nxcc-provision = {
        description = "Node waits for its identity and secrets";
        # Not basic.target, which starts sockets, timers and paths of the role's.
        requires = [ "sysinit.target" ];
        wants = [
          "NetworkManager.service"
          "dbus.socket"
          "dhcpcd.service"
          "firewall.service"
          "network-online.target"
          "network-setup.service"
          "network.target"
          "nftables.service"
          "nss-lookup.target"
          "nxcc-identity.service"
          "nxcc-peers.service"
          "sshd.service"
          "sshd.socket"
          "systemd-networkd.service"
          "systemd-resolved.service"
          "systemd-user-sessions.service"
        ];
        after = [ "sysinit.target" "rescue.service" "rescue.target" ];
        conflicts = [ "rescue.service" "rescue.target" ];
        unitConfig.AllowIsolate = true;
      };

      # Strings: the files are made at run time. A node whose name stands here is not renamed by what DHCP says, neither
      # by systemd-networkd nor by NetworkManager.
      environment.etc.hosts.source = lib.mkForce "/run/nxcc/hosts";
      environment.etc.hostname.source = lib.mkForce "/run/nxcc/node";

      # The role has the last word, and launchers come as root, by ssh, at port 22.
      warnings = map (what: "role ${config.nxcc.role}: ${what}; `run` of ${config.nxcc.flavour} cannot log in") (
        if !sshd.enable then [ "services.openssh.enable is false" ]
        else lib.optional (!builtins.elem rootLogin [ "yes" "without-password" "prohibit-password" ])
          "the SSH server's PermitRootLogin is ${toString rootLogin}"
        ++ lib.optional (!builtins.elem 22 sshd.ports) "services.openssh.ports does not have 22"
      );

      services.openssh = {
        enable = lib.mkOverride 1100 true;
        authorizedKeysFiles = [ "/run/nxcc/authorized_keys/%u" ];
        # Without hardware virtualisation an RSA key of 4096 bits takes minutes.
        hostKeys = lib.mkOverride 1100 [{ type = "ed25519"; path = "/etc/ssh/ssh_host_ed25519_key"; }];
      };
    }

    (compat.keysAlone options)

    (compat.definitions options [
      # Root's keys come at run time: NixOS cannot see that someone can log in.
      [ "users.allowNoPasswordLogin" (lib.mkOverride 1100 true) ]
      # systemd's stage 1 has a copy of the host name, and with it each role an initrd of its own.
      [ "boot.initrd.systemd.contents" { "/etc/hostname".text = lib.mkForce ""; } ]
    ])

    (lib.mkIf isVirtual {
      networking.usePredictableInterfaceNames = lib.mkOverride 900 false;
      # Its address is identity.sh's business.
      networking.dhcpcd.denyInterfaces = [ private ];
      networking.networkmanager.unmanaged = [ "interface-name:${private}" ];
      systemd.network.networks."01-nxcc" = {
        matchConfig.Name = private;
        linkConfig.Unmanaged = "yes";
      };
    })
  ];
}
