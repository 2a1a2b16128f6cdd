# Packages are given: see eval-config.nix.
{ }
