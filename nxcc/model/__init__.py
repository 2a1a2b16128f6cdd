"""The intermediate model of an environment, and the passes that make and check it.

Knows no flavour's format, and of Nix only opaque fragments.
"""
