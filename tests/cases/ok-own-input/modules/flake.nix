{ inputs.nixpkgs.url = "nixpkgs"; outputs = { self, nixpkgs }: { nixosModules.cron = { services.cron.enable = true; }; }; }
