#!/usr/bin/env python3
"""An experiment with EnOSlib on the nodes of an environment: `experiment.py --help` tells how.

Written by nxcc, which writes it again at the next compile: an experiment of your own is a function of another file.

    import sys
    sys.path.insert(0, "DIR/enoslib")
    import enoslib as en
    import experiment

    def body(roles, networks):
        en.run_command("ping -c 3 server", roles=roles["client"])

    sys.exit(experiment.main(body))

`roles` has the hosts of each role of the environment, `networks` its network as "nodes" where it has one of its own.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from typing import Any

import enoslib as en
import nxcc_nodes
from nxcc_nodes import Deployed, NodesError, Phases

# --- the environment, as nxcc read it
ENVIRONMENT = ""
# Whose nodes, where the source says so: `flavour enoslib { nodes vm }`.
NODES = ""
ROLES: dict[str, list[str]] = {}
SUBNET = "198.18.0.0/15"
# Who shapes the links: the nodes by themselves, or EnOSlib.
EMULATION = "nodes"
LINKS: list[dict[str, Any]] = []
# What EnOSlib reserves and deploys on Grid'5000, a job for each role; empty where nodes are reserved otherwise.
G5K: dict[str, dict[str, Any]] = {}
# --- the same for every environment

PYTHON = "/run/current-system/sw/bin/python3"
"""What Ansible runs on the nodes."""

CONNECTIONS = {"docker": "community.docker.docker", "podman": "containers.podman.podman"}
"""Ansible's connections to containers; EnOSlib brings the first."""


def body(roles: en.Roles, networks: en.Networks) -> None:
    """The experiment where no other is given: every node says whether it is ready, and what it runs."""
    said = en.run_command(f"{nxcc_nodes.PATH}; nxcc-ready && uname -nr", roles=roles)
    for result in said:
        print(f"{result.host}: {result.stdout}")


def configuration(deployed: Deployed) -> dict[str, Any]:
    """The deployed nodes as a dictionary of EnOSlib's provider Static."""
    machines = []
    for node in deployed.nodes:
        extra = {"ansible_python_interpreter": PYTHON}
        if node.container:
            engine = os.path.basename(deployed.engine or "docker")
            extra["ansible_connection"] = CONNECTIONS.get(engine, engine)
        elif deployed.ssh_config:
            extra["ansible_ssh_common_args"] = f"-F {shlex.quote(deployed.ssh_config)}"
        else:
            raise NodesError(f"nothing leads to {node.name}: neither ssh nor an engine of containers")
        machines.append(
            {
                "address": node.container or node.name,
                "alias": node.name,
                "user": "root",
                "roles": [node.role],
                "extra": extra,
            }
        )
    return {"resources": {"machines": machines, "networks": []}}


def hosts(deployed: Deployed) -> tuple[en.Roles, en.Networks]:
    """The deployed nodes as EnOSlib has them, by role."""
    roles, networks = en.Static(en.StaticConf.from_dictionary(configuration(deployed))).init()
    subnet = ipaddress.ip_network(SUBNET)
    if all(node.address and ipaddress.ip_address(node.address) in subnet for node in deployed.nodes):
        networks["nodes"] += [en.DefaultNetwork(SUBNET)]
    return roles, networks


@contextlib.contextmanager
def emulation(deployed: Deployed, roles: en.Roles, networks: en.Networks) -> Iterator[en.Roles]:
    """While this is open, EnOSlib shapes the links in the place of the nodes, where the source says so."""
    if EMULATION != "enoslib" or not LINKS:
        yield roles
        return
    # EnOSlib shapes what leads to networks that it is told of: without the environment's own, to the nodes' addresses.
    told = list(networks["nodes"]) or [
        en.DefaultNetwork(f"{node.address}/32") for node in deployed.nodes if node.address
    ]
    sources = [host for name in dict.fromkeys(link["src"] for link in LINKS) for host in roles[name]]
    synced = en.sync_info(roles, networks)
    netem = en.NetemHTB()
    for link in LINKS:
        ends = {"src": synced[link["src"]], "dest": synced[link["dest"]]}
        lost = [host.alias for end in ends.values() for host in end if not host.filter_addresses(told)]
        if lost:
            raise NodesError(f"EnOSlib cannot shape links of {', '.join(sorted(lost))}: no address of theirs is known")
        shape = {name: link[name] for name in ("delay", "rate", "loss")}
        netem.add_constraints(**ends, **shape, networks=told)
    try:
        shaping(sources, "stop")
        netem.deploy()
        check(netem)
        yield synced
    finally:
        try:
            netem.destroy()
        finally:
            shaping(sources, "start")


def shaping(hosts: list[en.Host], action: str) -> None:
    """Stop the nodes' own shaping of their links, or start it."""
    command = f"{nxcc_nodes.PATH}; systemctl {action} nxcc-links.service"
    en.run_command(command, roles=hosts, task_name=f"{action} the nodes' own shaping")


def check(netem: en.NetemHTB) -> None:
    """NodesError where a node has not all queues: of the commands that EnOSlib gives it, the last one's end counts."""
    wanted = {host.alias: len(source.constraints) for host, source in netem.sources.items()}
    said = en.run_command(f"{nxcc_nodes.PATH}; tc qdisc show", roles=[*netem.sources], task_name="look at the links")
    found = {result.host: result.stdout.count("qdisc netem ") for result in said}
    short = sorted(name for name, count in wanted.items() if found.get(name, 0) < count)
    if short:
        raise NodesError(
            f"the links of {', '.join(short)} are not shaped: is there netem in the kernel (its module sch_netem)?"
        )


def configurations() -> dict[str, en.G5kConf]:
    """What is asked of Grid'5000 for each role. EnOSlib looks up the clusters' sites."""
    key = os.path.join(nxcc_nodes.STATE, "g5k-image", "keys")
    return {role: en.G5kConf.from_dictionary({**conf, "key": key}) for role, conf in G5K.items()}


def reserve(phases: Phases, dry: bool = False) -> None:
    """Have EnOSlib reserve and deploy the nodes, and `run` provision them."""
    path = os.path.join(phases.folder, "hosts")
    if dry:
        nxcc_nodes.build("g5k-image", dry)
        nxcc_nodes.run("g5k-image", "register", dry=dry)
        print(f"# EnOSlib: {', '.join(conf['job_name'] for conf in G5K.values())}")
        nxcc_nodes.run("g5k-image", "--nodes", path, "provision", dry=dry)
        return
    with phases.phase("build"):
        nxcc_nodes.build("g5k-image")
        nxcc_nodes.run("g5k-image", "register")
    with phases.phase("deploy"):
        # EnOSlib's own name of a provider becomes a role: no role of the environment has a blank in its name.
        jobs = [en.G5k(conf, name=f"job {role}") for role, conf in configurations().items()]
        provider = jobs[0] if len(jobs) == 1 else en.Providers(jobs)
        roles, _ = provider.init()
        # Providers works on copies.
        jobs = getattr(provider, "providers", jobs)
        renew({role: jobs[index] for index, role in enumerate(G5K)}, phases.folder)
    with phases.phase("provision"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(who_is_who(roles))
        nxcc_nodes.run("g5k-image", "--nodes", path, "provision")


def renew(jobs: dict[str, en.G5k], folder: str) -> None:
    """Deploy again where a job goes on whose nodes have an earlier image: EnOSlib looks at environments' names alone.

    ``folder``/images.json has the jobs of each role, and what was registered when its nodes were deployed.
    """
    path = os.path.join(folder, "images.json")
    before: dict[str, Any] = {}
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        before = json.load(file)
    now = {}
    for role, job in jobs.items():
        with open(os.path.join(nxcc_nodes.STATE, "g5k-image", "env", f"{role}.registered"), encoding="utf-8") as file:
            image = file.read()
        now[role] = {"jobs": [one.uid for one in job.jobs], "image": image}
        known = before.get(role, now[role])
        if known["jobs"] == now[role]["jobs"] and known["image"] != image:
            job.provider_conf.force_deploy = True
            job.deploy()
            if job.undeployed:
                raise NodesError(f"not deployed: {', '.join(host.fqdn for host in job.undeployed)}")
            job.wait_nodes()
    with open(path, "w", encoding="utf-8") as file:
        json.dump(now, file)


def release() -> None:
    """End the jobs of an experiment, this one or an earlier one; EnOSlib finds them by their names."""
    for conf in configurations().values():
        en.G5k(conf).destroy()


def who_is_who(roles: en.Roles) -> str:
    """Lines HOST NODE: the hosts of each role in the order of their names."""
    lines = []
    for role, names in ROLES.items():
        found = sorted({host.address for host in roles[role]})
        if len(found) < len(names):
            raise NodesError(f"role {role} wants {len(names)} nodes, and EnOSlib got {len(found)}")
        lines += [f"{found[index]} {name}\n" for index, name in enumerate(names)]
    return "".join(lines)


def main(body: Callable[[en.Roles, en.Networks], object] = body, arguments: list[str] | None = None) -> int:
    """Run an experiment from the command line; gives the exit code."""
    given = nxcc_nodes.options("enoslib", ENVIRONMENT, NODES, arguments)
    phases = Phases("enoslib")
    en.init_logging()

    def up(flavour: str) -> None:
        if flavour == "g5k-image" and G5K:
            reserve(phases, given.dry_run)
        else:
            nxcc_nodes.bring_up(flavour, phases, given.dry_run)

    def experiment(deployed: Deployed) -> None:
        roles, networks = hosts(deployed)
        with emulation(deployed, roles, networks) as found, phases.phase("run"):
            body(found, networks)

    def down(flavour: str) -> None:
        if flavour == "g5k-image" and G5K and not given.dry_run:
            release()
        nxcc_nodes.run(flavour, "down", dry=given.dry_run)

    return nxcc_nodes.play(given, up, experiment, down)


if __name__ == "__main__":
    sys.exit(main())
