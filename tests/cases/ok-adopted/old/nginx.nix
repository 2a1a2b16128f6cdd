{ services.nginx = { enable = true; appendConfig = builtins.readFile ./extra.conf; }; }
