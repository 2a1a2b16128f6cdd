{ environment.etc.x.text = "never closed; }
