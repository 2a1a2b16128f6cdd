"""Environments made by hand for the tests of the docker flavour, and their files written to a folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from nxcc.diagnostics.core import Source, Span
from nxcc.flavours import find
from nxcc.model.environment import (
    After,
    Body,
    Environment,
    Link,
    Mount,
    Network,
    Nixpkgs,
    Node,
    Publish,
    Ready,
    Resources,
    Role,
    Secret,
    Settings,
    Share,
    UseSecret,
)

if TYPE_CHECKING:
    from pathlib import Path

    from nxcc.model.values import Value

SPAN = Span(Source("env.nxc", ""), 0, 0)


def role(name: str, count: int = 0, **facts: Any) -> Role:
    """A role; a ``count`` of 0 is a single node of the role's name. Nodes are numbered by ``environment``."""
    names = [name] if not count else [f"{name}{i + 1}" for i in range(count)]
    nodes = tuple(Node(node, name, 0, "") for node in names)
    facts["secrets"] = tuple(UseSecret(secret) for secret in facts.get("secrets", ()))
    return Role(name, "", bool(count), nodes, Body(), SPAN, **facts)


def environment(name: str, *roles: Role, subnet: str = "", **more: Any) -> Environment:
    """An environment of these roles; nodes get their numbers, and addresses from 198.18.0.1 on."""
    number = 0
    numbered = []
    for one in roles:
        nodes = []
        for node in one.nodes:
            number += 1
            nodes.append(node._replace(number=number, address=f"198.18.0.{number}"))
        numbered.append(one._replace(nodes=tuple(nodes)))
    return Environment(
        name=name,
        text="",
        setup="",
        nixpkgs=Nixpkgs("github:NixOS/nixpkgs/nixos-25.11", "", "x86_64-linux", False, (), None),
        network=Network(subnet or "198.18.0.0/15", bool(subnet), True),
        roles=tuple(numbered),
        **more,
    )


def after(name: str) -> After:
    return After(name, SPAN)


def ready(kind: str, argument: str) -> Ready:
    return Ready(kind, argument, SPAN)


def publish(host: int, node: int, address: str = "127.0.0.1", protocol: str = "tcp") -> Publish:
    return Publish(address, host, node, protocol, SPAN)


def resources(cpus: float | None = None, memory: int | None = None, disk: int | None = None) -> Resources:
    return Resources(cpus, memory, disk, SPAN)


def share(directory: str, read_only: bool = False) -> Share:
    return Share(directory, read_only, SPAN)


def mount(directory: str, name: str, source: str) -> Mount:
    return Mount(directory, name, source, SPAN)


def secret(name: str, kind: str = "random", file: str = "") -> Secret:
    return Secret(name, kind, "root", "root", "0400", "", file, SPAN)


def link(source: str, target: str, **shape: Any) -> Link:
    return Link(source, target, *(shape.get(key) for key in ("delay", "jitter", "loss", "rate")), SPAN)


def settings(**values: Value) -> Settings:
    return Settings("docker", tuple((name, (value,), SPAN) for name, value in values.items()), SPAN)


def three_nodes(name: str = "trio", port: int = 18080, limits: bool = True) -> Environment:
    """A slow server and two agents that come after it; a published port, limits, a share and secrets."""
    return environment(
        name,
        role(
            "server",
            ready=(ready("port", "80"),),
            publish=(publish(port, 80),),
            resources=(resources(0.5, 268435456),) if limits else (),
            shares=(share("/srv/data"),),
            secrets=("token",),
        ),
        role(
            "agent",
            2,
            after=(after("server"),),
            resources=(resources(1, 134217728),) if limits else (),
            mounts=(mount("/mnt/data", "server", "/srv/data"),),
            secrets=("token", "deploy-key"),
        ),
        secrets=(secret("token"), secret("deploy-key", "ssh-key"), secret("unused")),
    )


def write(bundle: Path, made: Environment) -> Path:
    """Write the docker flavour's files below ``bundle``; gives the path of ``run``."""
    flavour = find("docker")
    assert flavour
    for file in flavour.plan(made):
        path = bundle / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        os.chmod(path, 0o755 if file.executable else 0o644)
    return bundle / "docker" / "run"
