{ pkgs }: { wrench = pkgs.hello; hammer = pkgs.callPackage ./hammer.nix { }; }
