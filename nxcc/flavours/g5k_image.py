"""Nodes that Kadeploy installs: one image for all roles, a description a role, and ``run``.

The descriptions are those of Kadeploy 3.3.11 (lib/kadeploy3/common/environment.rb), which all later versions read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from nxcc.flavours.base import Setting
from nxcc.flavours.g5k import (
    ARCHITECTURES,
    LONGEST,
    PARAMETER,
    PROVISION,
    RECORDED,
    ROLE_SETTINGS,
    ROOT,
    SETTINGS,
    Grid5000,
    flag_of,
    parameters,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nxcc.bundle import File
    from nxcc.diagnostics.core import Span
    from nxcc.model.environment import Environment, Role

EXTENSIONS = {"gzip": "gz", "bzip2": "bz2", "xz": "xz", "zstd": "zst"}

POSTINSTALL = "server:///grid5000/postinstalls/g5k-postinstall.tgz"

# What GRUB reads in another way, which gets parameters unquoted from Kadeploy's PXE profiles and the nodes' grub.cfg:
# operators, blocks and comments (grub-core/script/yylex.l).
GRUB = r"[;&|<>{}]|^#"

# A path or an address that Kadeploy's clients take as it is: they parse both as a URI.
PATH = r"(/[A-Za-z0-9_.+@~-]+)+"


class G5kImage(Grid5000):
    """A disk image that Kadeploy writes to the nodes."""

    name: ClassVar[str] = "g5k-image"
    summary: ClassVar[str] = "Kadeploy: one image, a description a role; reserves, deploys and provisions"
    tools: ClassVar[tuple[str, ...]] = ("oarsub", "kadeploy3", "OpenSSH")
    settings: ClassVar[tuple[Setting, ...]] = (
        *SETTINGS,
        Setting("filesystem", "word", "what the root is", ("ext4", "ext3", "ext2", "xfs", "btrfs"), "ext4"),
        Setting("compression", "word", "how the image is compressed", tuple(EXTENSIONS), "zstd"),
        Setting(
            "postinstall",
            "string",
            "the command of the site's archive that adapts the image, or none",
            default="g5k-postinstall --net none --disk-aliases",
            pattern=r"[A-Za-z0-9][A-Za-z0-9_./=, -]*",
            expected="a command of letters, digits, blanks and . _ / = , -",
        ),
        Setting(
            "postinstall-archive",
            "string",
            "the archive with that command",
            default=POSTINSTALL,
            pattern=rf"(server|https?)://[A-Za-z0-9.-]*{PATH}|{PATH}",
            expected="server:///… , http://… or an absolute path",
        ),
        Setting(
            "partition", "int", "the partition's number; the cluster's own without", least=1, most=128,
            expected="the number of a partition, from 1 to 128",
        ),
        Setting(
            "image-folder",
            "string",
            "the folder of the frontend that the image is copied to; it stays in the state without",
            pattern=PATH,
            expected="an absolute path of letters, digits and . _ + @ ~ -",
        ),
        Setting(
            "image-url",
            "string",
            "the address at which a web server has that folder",
            pattern=rf"https?://[A-Za-z0-9.-]+({PATH})?/?",
            expected="an address such as http://public.nancy.grid5000.fr/~alice",
        ),
        Setting("register", "bool", "whether the environments are registered (kaenv3)", default="false"),
        Setting(
            "vlan", "int", "the VLAN (KaVLAN) that the nodes are deployed in", least=1, most=4094,
            expected="the number of a VLAN, from 1 to 4094",
        ),
    )  # fmt: skip
    role_settings: ClassVar[tuple[str, ...]] = (*ROLE_SETTINGS, "partition")
    run_parts: ClassVar[tuple[str, ...]] = ("g5k/space", "g5k/image", "g5k/deploy")

    def prefix(self, environment: Environment, role: Role) -> str:
        """`init=` of the role, and the stop before its own units; with what Kadeploy adds where that counts."""
        own = f"init=/nxcc/{role.name}/init {PROVISION}"
        return own if self._registered(environment) else ROOT + own

    def longest(self, environment: Environment) -> tuple[int, str]:
        """Fewer where Kadeploy keeps the description."""
        if self._registered(environment):
            return RECORDED, f"Kadeploy keeps {RECORDED} of an environment that is registered"
        return LONGEST, f"Linux takes {LONGEST}, with the root= that Kadeploy adds"

    def losses(self, environment: Environment) -> Iterator[tuple[str, Span, str, str]]:
        """Also parameters that GRUB does not hand on, and what Kadeploy makes of a description that it keeps."""
        import re

        yield from super().losses(environment)
        for role in environment.roles:
            for parameter in parameters(environment, role, self.name):
                if re.fullmatch(PARAMETER, parameter.text) and re.search(GRUB, parameter.text):
                    why = "one of ; & | < > { }, or begins with #, which GRUB reads in another way"
                    yield "kernel-params", parameter.span, "error", f"`{parameter.text}` holds {why}"
        if self._registered(environment):
            for settings in environment.settings:
                for key, values, span in settings.values if settings.flavour == self.name else ():
                    if key == "postinstall" and "," in str(values[0]):
                        said = "Kadeploy 3.3.11 keeps a command to its first comma; with `register false` it keeps none"
                        yield key, span, "warning", said

    def _registered(self, environment: Environment) -> bool:
        return flag_of(environment, self.name, "register")

    def plan(self, environment: Environment) -> list[File]:
        """A description a role, and ``run``."""
        from nxcc.bundle import File
        from nxcc.emit.yaml import document

        extension = EXTENSIONS[text_of(environment, self.name, "compression", "zstd")]
        url = text_of(environment, self.name, "image-url").rstrip("/")
        folder = text_of(environment, self.name, "image-folder")
        place = f"{environment.name}.tar.{extension}"
        image = f"{url or folder}/{place}" if url or folder else place
        comment = (
            "A Kadeploy environment. `run image` writes the one that is deployed into the state: with the image's own"
            " path,\nand with the kernel parameters that only the role's evaluation knows."
        )
        files = [
            File(f"{self.name}/{role.name}.yaml", document(self._described(environment, role, image), comment).encode())
            for role in environment.roles
        ]
        run = self.run(
            environment,
            RECORDED if self._registered(environment) else LONGEST - len(ROOT),
            image=place,
            image_folder=folder,
            image_url=url,
            extension=extension,
            register=self._registered(environment),
            vlan=text_of(environment, self.name, "vlan"),
            partitions=[
                f"{role.name} {partition}"
                for role in environment.roles
                if (partition := text_of(environment, self.name, "partition", role=role.name))
            ],
        )
        return [*files, run]

    def _described(self, environment: Environment, role: Role, image: str) -> dict[str, Any]:
        own = [f"init=/nxcc/{role.name}/init", PROVISION]
        own += [parameter.text for parameter in parameters(environment, role, self.name)]
        command = text_of(environment, self.name, "postinstall", "g5k-postinstall --net none --disk-aliases")
        data: dict[str, Any] = {
            "name": f"{environment.name}-{role.name}",
            "version": 1,
            "description": role.text or f"Role {role.name} of {environment.text or environment.name}",
            "visibility": "private",
            "destructive": False,
            "os": "linux",
        }
        # 3.3.11 knows no architectures and says so; newer ones take x86_64 for granted.
        if environment.nixpkgs.system != "x86_64-linux":
            data["arch"] = ARCHITECTURES[environment.nixpkgs.system]
        data["image"] = {
            "file": image,
            "kind": "tar",
            "compression": text_of(environment, self.name, "compression", "zstd"),
        }
        if command != "none":
            archive = text_of(environment, self.name, "postinstall-archive", POSTINSTALL)
            ending = archive.rpartition(".")[2]
            compression = {"xz": "xz", "txz": "xz", "bz2": "bzip2", "tbz2": "bzip2"}.get(ending, "gzip")
            data["postinstalls"] = [{"archive": archive, "compression": compression, "script": command}]
        data["boot"] = {
            "kernel": f"/nxcc/{role.name}/kernel",
            "initrd": f"/nxcc/{role.name}/initrd",
            "kernel_params": " ".join(own),
        }
        data["filesystem"] = text_of(environment, self.name, "filesystem", "ext4")
        data["partition_type"] = 131
        data["multipart"] = False
        return data
