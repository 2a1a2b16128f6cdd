{ services.chrony.enable = true; }
