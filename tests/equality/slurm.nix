# Slurm as a NixOS user would write it: one function of the number of nodes, and modules for what roles have in common.
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

  lib = import (nixpkgs + "/lib");
  nodes = 2;
  cpus = 2;
  cluster = "lab";
  hosts = map (n: "node${toString n}") (lib.range 1 nodes);

  user = name: uid: {
    users.users.${name} = {
      isNormalUser = true;
      home = "/users/${name}";
      inherit uid;
    };
  };

  member = { ... }: {
    imports = [ (user "alice" 1001) (user "bob" 1002) ];
    documentation.enable = false;
    services.slurm = {
      clusterName = cluster;
      controlMachine = "controller";
      nodeName = [ "${lib.concatStringsSep "," hosts} CPUs=${toString cpus} State=UNKNOWN" ];
      partitionName = [ "batch Nodes=ALL Default=YES DefaultTime=60 MaxTime=INFINITE State=UP" ];
      extraConfig = ''
        AccountingStorageType=accounting_storage/slurmdbd
        AccountingStorageHost=database
        ReturnToService=2
      '';
    };
  };

  persistent = unit: {
    systemd.services.${unit}.serviceConfig = {
      Restart = "on-failure";
      RestartSec = 3;
    };
  };
in
{
  database = nixos ({ pkgs, ... }: {
    imports = [ member (persistent "slurmdbd") ];
    services.slurm.dbdserver = {
      enable = true;
      dbdHost = "database";
    };
    services.mysql = {
      enable = true;
      package = pkgs.mariadb;
      ensureDatabases = [ "slurm_acct_db" ];
      ensureUsers = [
        {
          name = "slurm";
          ensurePermissions = { "slurm_acct_db.*" = "ALL PRIVILEGES"; };
        }
      ];
      settings.mysqld = {
        innodb_buffer_pool_size = 512 * 1024 * 1024;
        innodb_lock_wait_timeout = 900;
      };
    };
    systemd.services.accounts = {
      wantedBy = [ "multi-user.target" ];
      after = [ "slurmdbd.service" ];
      path = [ "/run/wrappers" "/run/current-system/sw" ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
      script = ''
        until sacctmgr -i show cluster; do sleep 1; done
        sacctmgr -i add cluster ${cluster} || true
        sacctmgr -i add user alice,bob account=research || true
      '';
    };
  });

  controller = nixos {
    imports = [ member (persistent "slurmctld") ];
    services.slurm.server.enable = true;
  };

  frontend = nixos {
    imports = [ member ];
    services.slurm.enableStools = true;
  };

  node = nixos {
    imports = [ member (persistent "slurmd") ];
    services.slurm.client.enable = true;
  };
}
