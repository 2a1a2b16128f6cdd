"""What the flavours of orchestrators have in common: a program and a module beside it, about nodes of another flavour.

The nodes are those of docs/deployed.schema.json, which a `run` wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from nxcc.flavours.base import Flavour, Setting

if TYPE_CHECKING:
    from nxcc.bundle import File
    from nxcc.model.environment import Environment

WHOSE = Setting(
    "nodes",
    "word",
    "the flavour whose nodes the experiment uses; the only one of the bundle without",
    pattern=r"[a-z][a-z0-9-]*",
    expected="the name of a flavour with nodes, such as vm",
)


class Orchestrator(Flavour):
    """Experiments with a library of Python. ``requirements`` is what pip installs."""

    platform: ClassVar[str] = "orchestrators beside any of the above"
    requirements: ClassVar[str]
    settings: ClassVar[tuple[Setting, ...]] = (WHOSE,)
    first: ClassVar[tuple[str, ...]] = ("experiment.py",)
    steps: ClassVar[tuple[tuple[str, str], ...]] = (
        ("experiment.py", "build, deploy, provision, run; the nodes stay up"),
        ("experiment.py --running", "run again on the same nodes"),
    )

    def constants(self, environment: Environment) -> dict[str, Any]:
        """What the program knows of the environment, by the names of its constants."""
        from nxcc.flavours.base import setting

        return {
            "ENVIRONMENT": environment.name,
            "NODES": setting(environment, self.name, "nodes", ""),
            "ROLES": {role.name: [node.name for node in role.nodes] for role in environment.roles},
        }

    def plan(self, environment: Environment) -> list[File]:
        """The program, the module that it imports, and what pip needs to know."""
        from nxcc.bundle import File
        from nxcc.emit.python import program
        from nxcc.resources import resource

        texts = []
        for folder, name in ((self.name, "experiment.py"), ("experiment", "nxcc_nodes.py")):
            with open(resource("templates", folder, name), encoding="utf-8") as file:
                texts.append(file.read())
        text = program(texts[0], self.constants(environment))
        return [
            File(f"{self.name}/experiment.py", text.encode(), executable=True),
            File(f"{self.name}/nxcc_nodes.py", texts[1].encode()),
            File(f"{self.name}/requirements.txt", f"{self.requirements}\n".encode()),
        ]
