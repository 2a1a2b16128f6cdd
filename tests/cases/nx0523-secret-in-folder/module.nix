{ environment.etc.key.source = ./config/key; }
