{ imports = [ ../every.nix ]; }
