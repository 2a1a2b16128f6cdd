"""environment.json: what the environment is, for people and programs. Its schema is docs/environment.schema.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nxcc.model import values as v
from nxcc.model.check import in_flavour, order

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nxcc.model import environment as e

FORMAT = 1
"""Changes when a program that reads the old form would misread the new one."""


def description(environment: e.Environment) -> str:
    """The text of environment.json."""
    import json

    return json.dumps(describe(environment), indent=2, ensure_ascii=False) + "\n"


def describe(environment: e.Environment) -> dict[str, Any]:
    """The environment as plain data. Sizes are in bytes, durations in milliseconds, rates in bits per second."""
    return {
        "format": FORMAT,
        "name": environment.name,
        "text": environment.text,
        "setup": environment.setup,
        "params": {parameter.name: plain_data(parameter.value) for parameter in environment.parameters},
        "network": {
            "subnet": environment.network.subnet,
            "trust": "peers" if environment.network.trust_peers else "none",
        },
        "roles": [_role(role) for role in environment.roles],
        "nodes": [
            {"name": node.name, "role": node.role, "number": node.number, "address": node.address}
            for node in environment.nodes
        ],
        "order": levels(environment),
        "links": [_link(link) for link in environment.links],
        "secrets": [_secret(secret) for secret in environment.secrets],
        "settings": _settings(environment.settings),
        "tests": [test.name for test in environment.tests],
    }


def levels(environment: e.Environment, flavour: str = "") -> list[list[str]]:
    """The roles in the order in which they come up: those of one list at once, each list after the ones before it.

    ``flavour`` is the one in which; with "" only what roles wait for in all of them counts.
    """
    waits = {
        name: {wait.role for wait in found if in_flavour(wait, flavour)} for name, found in order(environment).items()
    }
    found: list[list[str]] = []
    placed: set[str] = set()
    while len(placed) < len(waits):
        level = [name for name in waits if name not in placed and waits[name] <= placed]
        if not level:
            raise ValueError("the roles wait for each other")
        found.append(level)
        placed.update(level)
    return found


def plain_data(value: v.Value) -> Any:
    """A known value as data; a quantity as it is written."""
    value = v.resolved(value)
    if isinstance(value, v.Quantity):
        return value.text
    if isinstance(value, v.Items):
        return [plain_data(item) for item in value.items]
    if isinstance(value, v.Attributes):
        return {".".join(entry.path): plain_data(entry.value) for entry in value.entries}
    if isinstance(value, float):
        return float(value)
    return value if value is None or isinstance(value, bool | int | str) else v.known_text(value)


def _role(role: e.Role) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": role.name,
        "text": role.text,
        "counted": role.counted,
        "nodes": [node.name for node in role.nodes],
        "after": [_only({"role": wait.role}, wait.only) for wait in role.after],
        "ready": [_only(_ready(ready), ready.only) for ready in role.ready],
        "ports": [
            _only({"first": port.first, "last": port.last, "protocol": port.protocol}, port.only) for port in role.ports
        ],
        "publish": [
            _only(
                {
                    "address": publish.address,
                    "hostPort": publish.host_port,
                    "nodePort": publish.node_port,
                    "protocol": publish.protocol,
                },
                publish.only,
            )
            for publish in role.publish
        ],
        "shares": [_only({"directory": s.directory, "readOnly": s.read_only}, s.only) for s in role.shares],
        "mounts": [_only({"directory": m.directory, "role": m.role, "source": m.source}, m.only) for m in role.mounts],
        "resources": [_only({"cpus": r.cpus, "memory": r.memory, "disk": r.disk}, r.only) for r in role.resources],
        "kernelParams": [_only({"parameters": list(k.parameters)}, k.only) for k in role.kernels if k.parameters],
        "secrets": list(dict.fromkeys(use.name for use in role.secrets)),
        "settings": _settings(role.settings),
    }
    if some := _secret_flavours(role.secrets):
        data["secretFlavours"] = some
    return data


def _secret_flavours(uses: Sequence[e.UseSecret]) -> dict[str, list[str]]:
    """In which flavours secrets are read, of those that are not read in all."""
    everywhere = {use.name for use in uses if not use.only}
    found: dict[str, dict[str, None]] = {}
    for use in uses:
        if use.name not in everywhere:
            found.setdefault(use.name, {}).update(dict.fromkeys(use.only))
    return {name: list(flavours) for name, flavours in found.items()}


def _ready(ready: e.Ready) -> dict[str, Any]:
    return {ready.kind: int(ready.argument) if ready.kind == "port" else ready.argument}


def _settings(settings: Iterable[e.Settings]) -> dict[str, Any]:
    """Settings by flavour and name; of one given again the last holds."""
    data: dict[str, Any] = {}
    for of_flavour in settings:
        into = data.setdefault(of_flavour.flavour, {})
        into.update((name, [plain_data(value) for value in found]) for name, found, _ in of_flavour.values)
    return data


def _only(data: dict[str, Any], only: tuple[str, ...]) -> dict[str, Any]:
    """What holds in some flavours only says in which."""
    return {**data, "flavours": list(only)} if only else data


def _link(link: e.Link) -> dict[str, Any]:
    return {
        "from": link.source,
        "to": link.target,
        "delay": link.delay,
        "jitter": link.jitter,
        "loss": link.loss,
        "rate": link.rate,
    }


def _secret(secret: e.Secret) -> dict[str, Any]:
    return {
        "name": secret.name,
        "kind": secret.kind,
        "owner": secret.owner,
        "group": secret.group,
        "mode": secret.mode,
        "text": secret.text,
    }
