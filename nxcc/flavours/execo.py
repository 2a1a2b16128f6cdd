"""Execo (https://gitlab.inria.fr/mexico/execo): a program with the environment's hosts by role."""

from __future__ import annotations

from typing import ClassVar

from nxcc.flavours.orchestrators import Orchestrator


class Execo(Orchestrator):
    """Experiments with Execo."""

    name: ClassVar[str] = "execo"
    summary: ClassVar[str] = "Execo: experiment.py with the hosts of each role"
    tools: ClassVar[tuple[str, ...]] = ("Execo", "OpenSSH")
    requirements: ClassVar[str] = "execo>=2.8,<3"
