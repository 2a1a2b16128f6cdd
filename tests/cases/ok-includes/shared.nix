{ services.cron.enable = false; }
