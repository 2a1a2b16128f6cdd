"""What else a frontend has: oarnodes, the site's names (getent), quota, kaconsole3."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from grid5000.site import fail

if TYPE_CHECKING:
    from grid5000.site import Site


FILE_SERVER = "nfs"
"""The site's file server, as the frontend mounts homes from it."""


def address(site: Site, host: str) -> str:
    """The address that the site's name server gives a node; '' for a name that it does not know."""
    name, _, rest = host.partition(".")
    plain, found, vlan = name.partition("-kavlan-")
    if host == FILE_SERVER:
        return "172.16.16.1"
    nodes = list(site.nodes)
    if f"{plain}.{rest}" not in nodes:
        return ""
    index = nodes.index(f"{plain}.{rest}") + 1
    return f"10.{int(vlan)}.0.{index}" if found else f"172.16.20.{index}"


def getent(site: Site, arguments: list[str]) -> None:
    """`getent ahostsv4 NAME` and `getent hosts NAME`."""
    if len(arguments) != 2 or arguments[0] not in ("ahostsv4", "hosts"):
        fail("the stand-in for getent plays ahostsv4 and hosts", 90)
    found = address(site, arguments[1])
    if not found:
        raise SystemExit(2)
    if arguments[0] == "hosts":
        print(f"{found:<16}{arguments[1]}")
        return
    for kind, name in (("STREAM", arguments[1]), ("DGRAM", ""), ("RAW", "")):
        print(f"{found:<16}{kind:<7}{name}")


def oarnodes(site: Site, arguments: list[str]) -> None:
    """`oarnodes -J --sql CONDITION`: all resources, one a core, by number."""
    from grid5000.oar import _select

    if arguments[:2] != ["-J", "--sql"] or len(arguments) != 3:
        fail("the stand-in for OAR plays oarnodes -J --sql CONDITION", 90)
    found: dict[str, Any] = {}
    for host in _select(site, arguments[2]):
        facts = {key: value for key, value in site.nodes[host].items() if key != "cores"}
        for core in range(site.nodes[host]["cores"]):
            number = len(found) + 1
            properties = {**facts, "core": core, "resource_id": number}
            found[str(number)] = {"properties": properties, "state": "Alive", "network_address": host}
    print(json.dumps(found, indent=3, separators=(",", " : ")))


def quota(site: Site, arguments: list[str]) -> None:
    """`quota -w`: one line a file system, KiB."""
    if arguments != ["-w"]:
        fail("the stand-in for quota plays -w", 90)
    free = site.scenario["quota"]
    print(f"Disk quotas for user {site.user} (uid 19000):")
    print(f"{'Filesystem':>15} {'blocks':>7} {'quota':>7} {'limit':>7} {'grace':>7} {'files':>7}")
    if free is not None:
        limit = 100_000_000
        used = limit - free // 1024
        print(f"nfs:/export/home {used}* {limit // 4} {limit} 6days 3 0 0")


def df(site: Site, arguments: list[str]) -> None:
    """`df -P PATH` and `df -Pk PATH`: POSIX's columns, KiB. The home is the file server's, the rest this machine's."""
    if len(arguments) != 2 or arguments[0] not in ("-P", "-Pk"):
        fail("the stand-in for df plays -P and -Pk", 90)
    home, path = os.path.realpath(site.home()), os.path.realpath(arguments[1])
    if not os.path.exists(path):
        fail(f"df: {arguments[1]}: No such file or directory")
    local = site.scenario["home_is_local"]
    inside = path == home or path.startswith(home + "/")
    source = f"{FILE_SERVER}:/export/home/{site.user}" if inside and not local else "/dev/sda1"
    free = site.scenario["room"]
    print("Filesystem     1024-blocks      Used Available Capacity Mounted on")
    print(f"{source} {1 << 31} {(1 << 31) - free} {free}  50% {home if inside and not local else '/'}")


def kaconsole3(site: Site, arguments: list[str]) -> None:
    if len(arguments) != 2 or arguments[0] != "-m" or arguments[1] not in site.nodes:
        fail("Option parsing error")
    sys.stdout.write(f"the console of {arguments[1]}\n")
