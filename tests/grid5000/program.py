"""Runs one of the stand-ins: program.py NAME ARGUMENTS."""

from __future__ import annotations

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main() -> None:
    # Each part by itself: these start a hundred times in a test.
    from importlib import import_module

    from grid5000 import nodes, site

    name, *arguments = sys.argv[1:]
    if name == "node-shell":
        nodes.shell(*arguments)
    here = site.here()
    if name == "connect":
        nodes.connect(here, *arguments)
    elif name == "ssh":
        nodes.ssh(here, *arguments)
    elif name == "node-systemctl":
        nodes.systemctl(here, arguments)
    elif name == "node-nxcc-ready":
        nodes.ready(here)
    elif name == "node-sudo-g5k":
        nodes.sudo(here, arguments)
    elif name == "node-kexec":
        nodes.kexec(here, arguments)
    elif name in ("node-mount", "node-modprobe", "node-mountpoint"):
        nodes.file_systems(here, name[len("node-") :], arguments)
    elif name == "node-journalctl":
        print("systemd[1]: Failed to start the stand-in's service.")
    elif name in ("oarnodes", "getent", "quota", "df", "kaconsole3"):
        if name not in ("getent", "df"):
            here.log(name, arguments)
        getattr(import_module("grid5000.others"), name)(here, arguments)
    elif name in ("oarsub", "oarstat", "oardel", "oarprint", "kadeploy3", "kaenv3"):
        here.log(name, arguments)
        module = import_module("grid5000.kadeploy" if name.startswith("ka") else "grid5000.oar")
        getattr(module, name)(here, arguments)
    else:
        site.fail(f"there is no stand-in {name}")


main()
