"""EnOSlib (https://discovery.gitlabpages.inria.fr/enoslib/): a program with the environment's roles.

What is reserved is a dictionary as SCHEMA_USER of enoslib/infra/enos_g5k/schema.py of EnOSlib 10.9 describes it. A job
has one Kadeploy environment there, and a role has one of its own here: so each role is a job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from nxcc.flavours.base import Setting, setting
from nxcc.flavours.g5k import flag_of, text_of, values_of, walltime
from nxcc.flavours.orchestrators import WHOSE, Orchestrator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nxcc.diagnostics.core import Span
    from nxcc.model.environment import Environment, Link

NAME = "enoslib"

IMAGE = "g5k-image"

# What a job of EnOSlib's cannot be asked for.
UNKNOWN = ("properties", "partition", "vlan")

FASTEST = "100gbit"
"""The rate of a link that has none: EnOSlib's class wants one."""

HELD = 1000
"""The packets that netem holds back where nothing is said: more of a fast link with a long delay would be lost."""


class Enoslib(Orchestrator):
    """Experiments with EnOSlib."""

    name: ClassVar[str] = NAME
    summary: ClassVar[str] = "EnOSlib: experiment.py with the environment's roles, reservation and links"
    tools: ClassVar[tuple[str, ...]] = ("EnOSlib",)
    requirements: ClassVar[str] = "enoslib>=10.9,<11"
    settings: ClassVar[tuple[Setting, ...]] = (
        WHOSE,
        Setting("emulation", "word", "who shapes the links while it runs", ("nodes", "enoslib"), "nodes"),
        Setting("python", "bool", "whether the nodes get the Python that Ansible needs there", (), "true"),
    )

    def losses(self, environment: Environment) -> Iterator[tuple[str, Span, str, str]]:
        """Parts of a link that EnOSlib shapes otherwise than the nodes do."""
        if setting(environment, NAME, "emulation", "nodes") != "enoslib":
            return
        counted = {role.name for role in environment.roles if len(role.nodes) > 1}
        for link in environment.links:
            if link.rate and link.target in counted:
                yield "links", link.span, "warning", "EnOSlib gives each node of the target the whole rate"

    def constants(self, environment: Environment) -> dict[str, Any]:
        """Beside those of all: the network, the links, and what is reserved."""
        return {
            **super().constants(environment),
            "SUBNET": environment.network.subnet,
            "EMULATION": setting(environment, NAME, "emulation", "nodes"),
            "LINKS": [_constraint(link) for link in environment.links],
            "G5K": jobs(environment),
        }


def jobs(environment: Environment) -> dict[str, dict[str, Any]]:
    """What EnOSlib reserves and deploys for each role; nothing where its jobs cannot have what the source asks for.

    That is where the image is not registered under names, a role has no cluster, a job has more than EnOSlib knows, or
    several jobs are to start together for a day or more: EnOSlib counts what is left of that as a time of the day.
    """
    clusters = {role.name: text_of(environment, IMAGE, "cluster", role=role.name) for role in environment.roles}
    strange = any(values_of(environment, IMAGE, name, role) for name in UNKNOWN for role in clusters)
    hours, minutes, seconds = walltime(environment, IMAGE).split(":")
    strange |= len(environment.roles) > 1 and int(hours) >= 24
    if not flag_of(environment, IMAGE, "register") or not all(clusters.values()) or strange:
        return {}
    common: dict[str, Any] = {
        "job_type": ["deploy", *map(str, values_of(environment, IMAGE, "job-types"))],
        "walltime": f"{int(hours):02}:{minutes}:{seconds}",
    }
    for name in ("queue", "project"):
        if value := text_of(environment, IMAGE, name):
            common[name] = value
    job = text_of(environment, IMAGE, "name", environment.name)
    return {
        role.name: {
            "job_name": f"{job}-{role.name}",
            **common,
            "env_name": f"{environment.name}-{role.name}",
            "resources": {
                "machines": [{"roles": [role.name], "cluster": clusters[role.name], "nodes": len(role.nodes)}]
            },
        }
        for role in environment.roles
        if role.nodes
    }


def _constraint(link: Link) -> dict[str, Any]:
    """A link as arguments of NetemHTB.add_constraints: each a text with its unit, ``loss`` None for none.

    A delay goes to tc as it stands, behind netem's word ``delay``: jitter and limit have no argument of their own.
    """
    delay = f"{_number(link.delay or 0)}ms"
    if link.jitter:
        delay += f" {_number(link.jitter)}ms"
    if (held := _limit(link)) > HELD:
        delay += f" limit {held}"
    return {
        "src": link.source,
        "dest": link.target,
        "delay": delay,
        "rate": f"{_number(link.rate / 1000)}kbit" if link.rate else FASTEST,
        "loss": f"{_number(link.loss)}%" if link.loss else None,
    }


def _limit(link: Link) -> int:
    """The packets that netem holds back, as nix/modules/links.nix has them: twice what fits into the delay."""
    rate = link.rate or 10_000_000_000
    return min(1_000_000, int(2 * rate / 8000 * ((link.delay or 0) + (link.jitter or 0)) / 1500))


def _number(value: int | float) -> str:
    """Digits without an exponent, which tc does not read."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
