# Profiles, files with modes, users with keys and groups, scripts, units, variables, kernel settings, port ranges.
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

  greet = pkgs: pkgs.writers.writeBashBin "greet" ''
    set -eu
    # A shell's own braces, and one of ours.
    for name in "''${@:-world}"; do
      echo "hello, $name: 3 workers"
    done
  '';

  average = pkgs: pkgs.writers.writePython3Bin "average"
    {
      libraries = [ pkgs.python3Packages.numpy ];
      flakeIgnore = [ "E" "F" "W" ];
    } ''
    import sys, numpy

    print(f"{numpy.mean([float(x) for x in sys.argv[1:]]):.2f}")
  '';

  tuned = { ... }: {
    boot.kernel.sysctl."net.ipv4.ip_forward" = 1;
    boot.kernel.sysctl."net.core.rmem_max" = 16777216;
  };

  common = { pkgs, ... }: {
    imports = [ tuned ];
    environment.systemPackages = [ pkgs.htop (greet pkgs) pkgs.python3Packages.numpy ];
    environment.variables.LAB = "north wing";
    time.timeZone = "Europe/Paris";
    documentation.enable = false;
  };

  # What the profile with a parameter is for memory = 2 GiB.
  java = { ... }: {
    environment.variables.JAVA_OPTS = "-Xmx2048m";
    systemd.services.cache = {
      path = [ "/run/wrappers" "/run/current-system/sw" ];
      wantedBy = [ "multi-user.target" ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
      script = ''
        mkdir -p /var/cache/lab
      '';
    };
  };
in
{
  manager = nixos ({ pkgs, lib, ... }: {
    imports = [ common java ];
    networking.firewall.allowedTCPPorts = [ 22 8080 ];
    networking.firewall.allowedTCPPortRanges = [{ from = 30000; to = 32767; }];
    networking.firewall.allowedUDPPortRanges = [{ from = 60000; to = 61000; }];
    services.openssh.enable = true;
    programs.mosh.enable = true;
    environment.etc."lab/motd" = {
      text = ''
        Welcome to the lab.
          Costs: ''${0} a day; path\to\nowhere
      '';
      mode = "0440";
      user = "alice";
      group = "users";
    };
    environment.etc."lab/issue".source = "${pkgs.htop}/share/man/man1/htop.1.gz";
    users.users.alice = {
      isNormalUser = true;
      extraGroups = [ "wheel" "dialout" ];
      openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8ALxcvIbfAyYfBnYnnJlyRxZpcJ6SpzyQ0gH7v0n1x alice@lab" ];
    };
    environment.systemPackages = [ (average pkgs) ];
    systemd.services.prepare = {
      after = [ "network.target" "local-fs.target" ];
      before = [ "sshd.service" ];
      requires = [ "local-fs.target" ];
      wantedBy = [ "multi-user.target" ];
      path = [ pkgs.jq "/run/wrappers" "/run/current-system/sw" ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
      script = ''
        ${greet pkgs}/bin/greet manager > /run/greeting
      '';
    };
    security.pam.loginLimits = [
      { domain = "*"; item = "memlock"; type = "-"; value = "unlimited"; }
    ];
    services.openssh.permitRootLogin = lib.mkForce "no";
  });

  worker = nixos ({ lib, pkgs, ... }: {
    imports = [ common ];
    environment.variables.MANAGER = "manager";
    environment.variables.PEERS = "worker1,worker2,worker3";
    systemd.services.hello = {
      description = "Says hello";
      wantedBy = [ "multi-user.target" ];
      serviceConfig.ExecStart = "${pkgs.hello}/bin/hello --greeting 'one \"two\"'";
      environment.COUNT = "3";
    };
    users.users = {
      bob = { isNormalUser = true; home = "/srv/bob"; };
      carol = { isNormalUser = true; home = "/srv/carol"; };
    };
    boot.kernel.sysctl."vm.swappiness" = lib.mkForce 0;
  });
}
