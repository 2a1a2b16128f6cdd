"""Grid'5000's API as EnOSlib calls it, in the place of python-grid5000's client: jobs, deployments, what nodes have.

The state is a file, so that several programs see the same jobs. What is not of the form that the API's reference
describes (https://api.grid5000.fr/doc/stable/) is refused. No node answers by ssh: Ansible is answered from the state.
"""

from __future__ import annotations

import json
import os
import re
from types import SimpleNamespace
from typing import Any

SITE, CLUSTER = "grenoble", "dahu"
RESOURCES = re.compile(r"\{cluster='dahu'\}/nodes=([1-9][0-9]*),walltime=\d\d+:[0-5]\d:[0-5]\d")
NODES = [f"{CLUSTER}-{number}.{SITE}.grid5000.fr" for number in range(1, 33)]


class State:
    """What the site knows; ``log`` has what was asked of it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.path = os.path.join(folder, "grid5000.json")
        self.data: dict[str, Any] = {"jobs": {}, "deployed": {}}
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                self.data = json.load(file)

    def note(self, line: str) -> None:
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump(self.data, file)
        with open(os.path.join(self.folder, "log"), "a", encoding="utf-8") as file:
            file.write(f"{line}\n")


class Job:
    """A job, which runs at once."""

    site = SITE
    state = "running"
    scheduled_at = None

    def __init__(self, state: State, uid: str) -> None:
        self.all, self.uid = state, uid
        self.__dict__.update(state.data["jobs"][uid])
        self.resources_by_type = {"cores": self.assigned_nodes}

    assigned_nodes: list[str]

    def refresh(self) -> None:
        self.state = "running" if self.uid in self.all.data["jobs"] else "terminated"

    def delete(self) -> None:
        name = self.all.data["jobs"].pop(self.uid)["name"]
        self.all.note(f"delete {name}")


class Jobs:
    def __init__(self, state: State) -> None:
        self.state = state

    def list(self, name: str, state: str, user: str) -> list[Job]:
        assert (state, user) == ("waiting,launching,running", "alice")
        return [Job(self.state, uid) for uid, job in self.state.data["jobs"].items() if job["name"] == name]

    def create(self, spec: dict[str, Any]) -> Job:
        found = RESOURCES.fullmatch(spec["resources"])
        assert found, spec
        assert set(spec) <= {"name", "types", "resources", "command", "queue", "project", "reservation"}
        assert "deploy" in spec["types"]
        used = [node for job in self.state.data["jobs"].values() for node in job["assigned_nodes"]]
        # In another order than that of their names.
        free = [node for node in NODES if node not in used][: int(found[1])][::-1]
        uid = str(1000 + len(self.state.data["jobs"]))
        types = [*spec["types"]]
        self.state.data["jobs"][uid] = {"name": spec["name"], "types": types, "assigned_nodes": free}
        self.state.note(f"job {spec['name']} {found[0]} {spec['queue']} {' '.join(types)}")
        return Job(self.state, uid)


class Deployments:
    def __init__(self, state: State) -> None:
        self.state = state

    def create(self, asked: dict[str, Any]) -> Any:
        assert set(asked) == {"environment", "key", "nodes"}
        assert asked["key"].startswith("ssh-ed25519 ")
        for node in asked["nodes"]:
            self.state.data["deployed"][node] = asked["environment"]
        self.state.note(f"deploy {asked['environment']} {' '.join(sorted(asked['nodes']))}")
        result = {node: {"state": "OK"} for node in asked["nodes"]}
        return SimpleNamespace(uid="D-1", site=SITE, status="terminated", result=result)


def install(folder: str) -> None:
    """Have EnOSlib talk with this in the place of Grid'5000."""
    from enoslib.infra.enos_g5k import g5k_api_utils, provider

    state = State(folder)
    status = SimpleNamespace(list=lambda: SimpleNamespace(nodes={node: {"hard": "alive"} for node in NODES}))
    nodes = {node.partition(".")[0]: SimpleNamespace(network_adapters=[]) for node in NODES}
    cluster = SimpleNamespace(uid=CLUSTER, exotic=False, status=status, nodes=nodes)
    clusters = type("Clusters", (dict,), {"list": lambda self: [*self.values()]})({CLUSTER: cluster})
    dns = SimpleNamespace(network_adapters={"default": {"ip": "172.16.31.1", "ip6": "2001:660:4406:100::1"}})
    site = SimpleNamespace(
        uid=SITE,
        clusters=clusters,
        jobs=Jobs(state),
        deployments=Deployments(state),
        kavlans={"default": {"network": "172.16.16.0/20", "gateway": "172.16.31.254"}},
        ipv6={"site_index": 1},
        servers={"dns": dns},
    )
    sites = type("Sites", (dict,), {"list": lambda self: [*self.values()]})({SITE: site})
    g5k_api_utils._api_client = SimpleNamespace(username="alice", excluded_sites=[], sites=sites)
    g5k_api_utils.time = SimpleNamespace(sleep=lambda _: None)

    def run(command: str, hosts: list[Any], **_: Any) -> list[Any]:
        found = []
        for host in hosts:
            environment = state.data["deployed"].get(host.address)
            payload = {"rc": 0, "stdout_lines": [f"{environment}-1"]} if environment else {"unreachable": True}
            found.append(SimpleNamespace(host=host.alias, payload=payload))
        return found

    provider.run = run
    provider.wait_for = lambda hosts: None
