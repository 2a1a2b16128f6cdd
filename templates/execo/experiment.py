#!/usr/bin/env python3
"""An experiment with Execo on the nodes of an environment: `experiment.py --help` tells how.

Written by nxcc, which writes it again at the next compile: an experiment of your own is a function of another file.

    import sys
    sys.path.insert(0, "DIR/execo")
    import execo
    import experiment

    def body(roles):
        execo.Remote("ping -c 3 server", roles["client"]).run()

    sys.exit(experiment.main(body))

`roles` has the hosts of each role of the environment; Execo reaches them as they are, by its default parameters.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import execo
import execo.config
import nxcc_nodes
from nxcc_nodes import Deployed, NodesError, Phases

# --- the environment, as nxcc read it
ENVIRONMENT = ""
# Whose nodes, where the source says so: `flavour execo { nodes vm }`.
NODES = ""
ROLES: dict[str, list[str]] = {}
# --- the same for every environment

QUIET = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=20")


def body(roles: dict[str, list[execo.Host]]) -> None:
    """The experiment where no other is given: every node says whether it is ready, and what it runs."""
    everyone = [host for some in roles.values() for host in some]
    said = execo.Remote("nxcc-ready && uname -nr", everyone)
    said.run()
    for process in said.processes:
        print(f"{process.host.address}: {process.stdout.strip()}")
    if not said.ok:
        raise NodesError("not every node is ready")


def connection(deployed: Deployed) -> dict[str, Any]:
    """Execo's connection parameters for the deployed nodes.

    Containers are reached by `run ssh`, an exec of the engine; nothing of Execo's copies files to them.
    """
    if deployed.ssh_config:
        options = ("-F", deployed.ssh_config, *QUIET)
        return {
            "user": None,
            "ssh": "ssh",
            "ssh_options": options,
            "scp": "scp",
            "scp_options": (*options, "-rp"),
            "taktuk_connector": "ssh",
            "taktuk_connector_options": options,
        }
    if deployed.engine:
        program = f"{nxcc_nodes.BUNDLE}/{deployed.flavour}/run"
        none = ("-c", "echo 'Execo copies no files to containers: use `run ssh` and `run fetch`' >&2; exit 1")
        return {"user": None, "ssh": program, "ssh_options": ("ssh",), "scp": "/bin/sh", "scp_options": none}
    raise NodesError("nothing leads to these nodes: neither ssh nor an engine of containers")


def hosts(deployed: Deployed) -> dict[str, list[execo.Host]]:
    """The deployed nodes by role, Execo's defaults being set to what reaches them."""
    execo.config.default_connection_params.update(connection(deployed))
    return {
        role: [execo.Host(node.name) for name in names for node in deployed.nodes if node.name == name]
        for role, names in ROLES.items()
    }


def roles(flavour: str = NODES) -> dict[str, list[execo.Host]]:
    """The hosts of each role, for programs with an engine of their own; NodesError says which are not ready."""
    return hosts(nxcc_nodes.deployed(nxcc_nodes.choose(flavour)))


def main(body: Callable[[dict[str, list[execo.Host]]], object] = body, arguments: list[str] | None = None) -> int:
    """Run an experiment from the command line; gives the exit code."""
    given = nxcc_nodes.options("execo", ENVIRONMENT, NODES, arguments)
    phases = Phases("execo")

    def up(flavour: str) -> None:
        nxcc_nodes.bring_up(flavour, phases, given.dry_run)

    def experiment(deployed: Deployed) -> None:
        found = hosts(deployed)
        with phases.phase("run"):
            body(found)

    def down(flavour: str) -> None:
        nxcc_nodes.run(flavour, "down", dry=given.dry_run)

    return nxcc_nodes.play(given, up, experiment, down)


if __name__ == "__main__":
    sys.exit(main())
