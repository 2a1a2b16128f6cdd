"""README.md of a bundle: what this is, what to run, in which order, with which tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.emit.description import levels
from nxcc.emit.shell import templates
from nxcc.model.values import Items, Value, known_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nxcc.flavours.base import Flavour
    from nxcc.model.environment import Environment, Role


def readme(environment: Environment, flavours: Sequence[Flavour], *, locked: bool, sources: bool) -> str:
    """The text of README.md; ``sources`` says whether the bundle has files that the source names."""
    facts = {
        "name": environment.name,
        "text": environment.text,
        "setup": environment.setup,
        "roles": [_role(role) for role in environment.roles],
        "levels": [", ".join(level) for level in levels(environment, flavours[0].name if flavours else "")],
        "parameters": [{"name": p.name, "value": _shown(p.value), "text": p.text} for p in environment.parameters],
        "secrets": [{"name": s.name, "kind": s.kind, "text": s.text} for s in environment.secrets],
        "flavours": [_flavour(flavour) for flavour in flavours],
        "tests": [test.name or "test" for test in environment.tests],
        "locked": locked,
        "sources": sources,
    }
    return templates().get_template("bundle/README.md.j2").render(facts)


def _flavour(flavour: Flavour) -> dict[str, object]:
    commands = [f"./{flavour.name}/{command}" for command, _ in flavour.steps]
    width = max(map(len, commands))
    steps = [
        f"{command:{width}}   # {text}" if text else command
        for command, (_, text) in zip(commands, flavour.steps, strict=True)
    ]
    program = commands[0].split()[0]
    return {
        "name": flavour.name,
        "summary": flavour.summary,
        "tools": ", ".join(tool for tool in flavour.tools if tool != "Nix"),
        "steps": steps,
        "help": f"{program} help" if program.endswith("/run") else f"{program} --help",
    }


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Items):
        return ", ".join(map(_shown, value.items))
    return known_text(value) or "…"


def _role(role: Role) -> dict[str, str]:
    nodes = [node.name for node in role.nodes]
    shown = ", ".join(nodes) if len(nodes) <= 4 else f"{nodes[0]} … {nodes[-1]}"
    ranges = sorted({(p.first, p.last, "" if p.protocol == "tcp" else f"/{p.protocol}") for p in role.ports})
    ports = [(f"{first}" if first == last else f"{first}-{last}") + protocol for first, last, protocol in ranges]
    return {"name": role.name, "text": role.text, "nodes": shown, "ports": ", ".join(ports)}
