"""The only places that quote: whatever the user wrote reaches Nix, YAML and the shell through these modules."""
