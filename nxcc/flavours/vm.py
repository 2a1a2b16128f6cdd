"""Virtual machines that boot from this machine's own /nix/store: quick to rebuild, on the building machine only."""

from __future__ import annotations

from typing import ClassVar

from nxcc.flavours.machines import Machines


class Vm(Machines):
    """QEMU, the host's store shared with every node."""

    name: ClassVar[str] = "vm"
    summary: ClassVar[str] = "QEMU: one launch script a node, this machine's /nix/store shared with them"
    store: ClassVar[str] = "host"
