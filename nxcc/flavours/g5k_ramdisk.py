"""Nodes that start the roles' kernels by kexec, all in memory: a kernel, a ramdisk, and ``run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nxcc.flavours.g5k import LONGEST, PROVISION, Grid5000

if TYPE_CHECKING:
    from nxcc.bundle import File
    from nxcc.model.environment import Environment, Role

KEY = "nxcc.key=" + "A" * 68
INIT = f"init=/nix/store/{'h' * 32}-nixos-system-"


class G5kRamdisk(Grid5000):
    """The site's own system, and kexec."""

    name: ClassVar[str] = "g5k-ramdisk"
    summary: ClassVar[str] = "kexec without a reboot: kernels and ramdisks, started over ssh on reserved nodes"
    tools: ClassVar[tuple[str, ...]] = ("oarsub", "OpenSSH")
    run_parts: ClassVar[tuple[str, ...]] = ("g5k/pairs", "g5k/spread", "g5k/kexec")
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
        return [self.run(environment, LONGEST)]
