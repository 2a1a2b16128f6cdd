{ pkgs, helpers, flavour, setup, ... }:
let
  users = { names = [ "user1" "user2" ]; prefixHome = "/users"; };

  # Who is there, of NixOS Compose's own files: one for machines, one for containers.
  peers = pkgs.writers.writeBashBin "peers" ''
    if [[ -f /etc/nxc/deployment-hosts ]]; then
      ${pkgs.gawk}/bin/awk '{ print $2 }' /etc/nxc/deployment-hosts | sort
    else
      ${pkgs.jq}/bin/jq -r '.nodes[]' /etc/nxc/deployment.json | sort
    fi
  '';

  results = pkgs.writers.writePython3Bin "results" { libraries = [ pkgs.python3Packages.pyyaml ]; } ''
    import glob
    import yaml

    found = [yaml.safe_load(open(name)) for name in glob.glob("/users/*/*.yaml")]
    print(sum(one["primes"] for one in found))
  '';

  commonConfig = { pkgs, ... }: {
    nxc.users = users;
    networking.firewall.enable = false;
    environment.systemPackages = with pkgs; [ jq peers results ];
    environment.variables.LIMIT = builtins.toString (setup.params.limit * 1000);
    environment.etc."lab/flavour" = { text = flavour.name; mode = "0444"; };
    security.pam.loginLimits = [
      { domain = "*"; item = "memlock"; type = "-"; value = "unlimited"; }
    ];
  };

  primes = pkgs.writeShellScript "primes" ''
    # Primes up to $LIMIT whose remainder by the number of workers is this worker's.
    n=$(seq 2 "$LIMIT" | awk -v of="$1" -v mine="$2" '$1 % of == mine' | factor | awk 'NF == 2' | wc -l)
    echo "primes: $n" > "$HOME/$(hostname).yaml"
  '';
in {
  dockerPorts.server = [ "8080:80" ];

  roles = {
    server = { ... }: {
      imports = [ commonConfig ];
      nxc.sharedDirs."/users".export = true;
      services.nginx = {
        enable = true;
        virtualHosts.server = { default = true; root = "/var/lib/www"; };
      };
      systemd.tmpfiles.rules = [ "d /var/lib/www 0755 root root -" ];
      system.activationScripts.www = ''
        mkdir -p /var/lib/www
        echo '<p>Results of the lab</p>' > /var/lib/www/index.html
      '';
    };

    worker = { ... }: {
      imports = [ commonConfig ];
      nxc.sharedDirs."/users".server = "server";
      environment.etc."lab/primes.sh".source = primes;
    };
  };

  rolesDistribution = { worker = 2; };

  testScript = ''
    server.wait_for_unit("nginx.service")
    worker1.succeed("su - user1 -c '/etc/lab/primes.sh 2 0'")
    worker2.succeed("su - user1 -c '/etc/lab/primes.sh 2 1'")
    server.succeed("results | grep -x 168")
  '';
}
