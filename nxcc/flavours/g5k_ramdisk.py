"""Nodes that start the roles' kernels by kexec, all in memory: a kernel, a ramdisk, and ``run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nxcc.flavours.base import script
from nxcc.flavours.g5k import LONGEST, PROVISION, Grid5000, facts

if TYPE_CHECKING:
    from nxcc.bundle import File
    from nxcc.model.environment import Environment, Role

# `run` is the rendered run.sh.j2 and these templates as they are, in this order.
RUN_PARTS = (
    "run/base",
    "run/built",
    "run/secrets",
    "run/ssh",
    "g5k/oar",
    "g5k/nodes",
    "g5k/provision",
    "g5k/pairs",
    "g5k/kexec",
    "g5k/site",
    "run/fetch",
    "run/test",
    "g5k/ramdisk-usage",
    "g5k/main",
)

KEY = "nxcc.key=" + "A" * 68
INIT = f"init=/nix/store/{'h' * 32}-nixos-system-"


class G5kRamdisk(Grid5000):
    """The site's own system, and kexec."""

    name: ClassVar[str] = "g5k-ramdisk"
    summary: ClassVar[str] = "kexec without a reboot: kernels and ramdisks, started over ssh on reserved nodes"
    tools: ClassVar[tuple[str, ...]] = ("oarsub", "OpenSSH")
    # A node has the site's memory, and the whole store in it.
    ignores: ClassVar[dict[str, tuple[str, str]]] = {
        **Grid5000.ignores,
        "disk": ("warning", "the root is in memory, and the disks stay as they are"),
    }

    def prefix(self, environment: Environment, role: Role) -> str:
        """The system's place in the store as long as it is at least, the stop before its units, the bundle's key."""
        return f"{INIT}{role.name}-26.05/init {PROVISION} {KEY}"

    def plan(self, environment: Environment) -> list[File]:
        """``run``; the kernels are built."""
        from nxcc.bundle import File
        from nxcc.emit.shell import templates

        head = (
            templates()
            .get_template("g5k/run.sh.j2")
            .render(facts(environment, self.name), provision=PROVISION, longest=LONGEST)
        )
        return [File(f"{self.name}/run", script(head, RUN_PARTS).encode(), executable=True)]
