{ nodes.other = { pkgs, ... }: { environment.systemPackages = [ pkgs.jq ]; }; }
