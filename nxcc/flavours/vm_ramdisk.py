"""Virtual machines with all that they are in memory: a kernel and one ramdisk, which any machine with QEMU can boot."""

from __future__ import annotations

from typing import ClassVar

from nxcc.flavours.machines import Machines


class VmRamdisk(Machines):
    """QEMU, the store of all roles in the nodes' memory."""

    name: ClassVar[str] = "vm-ramdisk"
    summary: ClassVar[str] = "QEMU: one launch script a node, the whole system in memory"
    store: ClassVar[str] = "ramdisk"
