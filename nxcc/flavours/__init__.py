"""The built-in flavours, and how one is found by its name.

A flavour is imported when it is asked for. A name that is not built in is looked up among the entry points of
installed packages (group ``nxcc.flavours``, each naming a subclass of ``Flavour``), and only then: that search reads
the metadata of every installed package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nxcc.flavours.base import Flavour

GROUP = "nxcc.flavours"

# Name -> (module, class). A new flavour is a row here, a file, a template folder and a Nix file.
BUILTIN: dict[str, tuple[str, str]] = {
    "docker": ("nxcc.flavours.docker", "Docker"),
    "vm": ("nxcc.flavours.vm", "Vm"),
    "vm-ramdisk": ("nxcc.flavours.vm_ramdisk", "VmRamdisk"),
    "nixos-test": ("nxcc.flavours.nixos_test", "NixosTest"),
    "g5k-image": ("nxcc.flavours.g5k_image", "G5kImage"),
    "g5k-ramdisk": ("nxcc.flavours.g5k_ramdisk", "G5kRamdisk"),
    "g5k-nfs-store": ("nxcc.flavours.g5k_nfs_store", "G5kNfsStore"),
    "enoslib": ("nxcc.flavours.enoslib", "Enoslib"),
    "execo": ("nxcc.flavours.execo", "Execo"),
}


def names() -> tuple[str, ...]:
    """The built-in flavours, in their order."""
    return tuple(BUILTIN)


def find(name: str) -> Flavour | None:
    """The flavour of that name, built in or brought by an installed package; None where there is none.

    Raises whatever the import of a package's own flavour raises, and TypeError where that is no ``Flavour``.
    """
    from importlib import import_module

    if name in BUILTIN:
        module, attribute = BUILTIN[name]
        made: Flavour = getattr(import_module(module), attribute)()
        return made
    return _from_entry_points(name)


def _from_entry_points(name: str) -> Flavour | None:
    from importlib.metadata import entry_points

    from nxcc.flavours.base import Flavour

    for entry in entry_points(group=GROUP, name=name):
        found = entry.load()
        if not (isinstance(found, type) and issubclass(found, Flavour)):
            raise TypeError(f"the entry point {entry.value} of group {GROUP} is no subclass of Flavour")
        return found()
    return None
