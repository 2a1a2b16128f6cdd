"""Sources that ``nxcc init`` writes: a first one, or what a project of NixOS Compose has."""
