"""Nodes that kexec starts, with the store on the site's file server: kernels, small ramdisks, and ``run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nxcc.flavours.base import Setting
from nxcc.flavours.g5k import LONGEST, SETTINGS, text_of
from nxcc.flavours.g5k_ramdisk import G5kRamdisk

if TYPE_CHECKING:
    from nxcc.bundle import File
    from nxcc.model.environment import Environment, Role

# A path that stands on a kernel's command line and in an NFS mount.
PATH = r"(/[A-Za-z0-9_.+@~-]+)+"


class G5kNfsStore(G5kRamdisk):
    """kexec, and the store over NFS."""

    name: ClassVar[str] = "g5k-nfs-store"
    summary: ClassVar[str] = "kexec without a reboot: the store is a folder of the site's file server, over NFS"
    run_parts: ClassVar[tuple[str, ...]] = ("g5k/space", "g5k/store", "g5k/pairs", "g5k/spread", "g5k/kexec")
    settings: ClassVar[tuple[Setting, ...]] = (
        *SETTINGS,
        Setting(
            "folder",
            "string",
            "the folder of the frontend that the store is copied to; ~/nxcc-store without",
            pattern=PATH,
            expected="an absolute path of letters, digits and . _ + @ ~ -",
        ),
        Setting(
            "server",
            "string",
            "the file server and the path under which it exports that folder; as the frontend mounts it without",
            pattern=rf"[A-Za-z0-9.-]+:{PATH}",
            expected="a server and a path, such as nfs.nancy.grid5000.fr:/export/home/alice/store",
        ),
    )

    def prefix(self, environment: Environment, role: Role) -> str:
        """As for a ramdisk, and the store as short as it can be, or as the source says."""
        server, _, path = text_of(environment, self.name, "server", "0.0.0.0:/").partition(":")
        # `run` puts the address in the place of a name.
        address = server if server.replace(".", "").isdigit() else "0.0.0.0"
        return f"{super().prefix(environment, role)} nxcc.store={address}:{path}"

    def plan(self, environment: Environment) -> list[File]:
        """``run``; kernels and store are built."""
        folder = text_of(environment, self.name, "folder")
        server = text_of(environment, self.name, "server")
        return [self.run(environment, LONGEST, store_folder=folder, store_server=server)]
