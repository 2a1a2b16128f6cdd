{ imports = [ ./more.nix ]; }
