"""Nodes of files for the tests of nix/modules/identity.sh: everything that it reads and writes lies in a folder.

Run by dash with this machine's programs, or by busybox with nothing else.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tools import need

from nxcc.resources import resource

if TYPE_CHECKING:
    from collections.abc import Mapping

# As nix/modules/identity.nix has its parts read.
SCRIPT = b"".join(
    (Path(resource("nix")) / "modules" / name).read_bytes() for name in ("identity-archive.sh", "identity.sh")
)

# All that the script may call.
PROGRAMS = "cat chmod ip mkdir modprobe mv rm sleep tar".split()

NODES = "# the nodes\n\n10.1.0.1 web1 web\n10.1.0.2 web2 web\n10.1.0.3 db db\n"
HOSTS = "10.1.0.1 web1\n10.1.0.2 web2\n10.1.0.3 db\n"
BASE = "127.0.0.1 localhost\n::1 localhost\n127.0.0.2 web1.lan web1\n::1 web1.lan web1\n192.0.2.1 mirror\n"
BASE_LEFT = "127.0.0.1 localhost\n::1 localhost\n192.0.2.1 mirror\n"
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAI" + "A+/9" * 10 + "abc"


class Run(NamedTuple):
    """How a run of the script ended."""

    code: int
    lines: list[str]
    seconds: float

    def says(self, text: str) -> bool:
        return any(text in line for line in self.lines)


class Machine:
    """A node of files: everything that the script reads and writes lies in a folder."""

    def __init__(self, folder: Path, shell: list[str], programs: Path) -> None:
        self.folder, self.shell, self.programs = folder, shell, programs
        self.run_folder = folder / "run"
        self.write("hostname", "old\n")
        self.write("cmdline", "quiet init=/nix/store/x/init\n")
        self.write("fib_trie", "")
        self.script = self.write("identity.sh", SCRIPT)
        self.wrapper: list[str] = []

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def fw_cfg(self, name: str, content: str | bytes) -> None:
        self.write(f"fw_cfg/opt/nxcc/{name}/raw", content)

    def command(self, *arguments: str) -> list[str]:
        return [*self.wrapper, *self.shell, str(self.script), *arguments]

    def environment(self, **variables: str) -> dict[str, str]:
        places = {
            "NXCC_RUN": "run",
            "NXCC_SSH": "ssh",
            "NXCC_CMDLINE": "cmdline",
            "NXCC_FW_CFG": "fw_cfg",
            "NXCC_FIB_TRIE": "fib_trie",
            "NXCC_HOSTNAME": "hostname",
        }
        found = {name: str(self.folder / place) for name, place in places.items()}
        return {**found, "PATH": str(self.programs), "NXCC_WAIT": "4", **variables}

    def run(self, *arguments: str, archive: bytes = b"", **variables: str) -> Run:
        started = time.monotonic()
        done = subprocess.run(
            self.command(*arguments),
            input=archive,
            env=self.environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=30,
        )
        return Run(done.returncode, done.stdout.decode().splitlines(), time.monotonic() - started)

    def __getitem__(self, name: str) -> str:
        return (self.run_folder / name).read_text()

    def has(self, name: str) -> bool:
        return (self.run_folder / name).exists()

    @property
    def hostname(self) -> str:
        return (self.folder / "hostname").read_text().strip()

    def state(self) -> dict[str, tuple[int, bytes]]:
        """Modes and contents of everything that a run leaves."""
        files = [*self.run_folder.rglob("*"), *(self.folder / "ssh").rglob("*")]
        return {
            str(file): (file.stat().st_mode & 0o7777, b"" if file.is_dir() else file.read_bytes()) for file in files
        }


def pack(files: Mapping[str, str | bytes], *members: tarfile.TarInfo, folders: tuple[str, ...] = ("secrets",)) -> bytes:
    """A tar archive; ``members`` have no content."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for folder in folders:
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            content = text if isinstance(text, bytes) else text.encode()
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for member in members:
            archive.addfile(member)
    return target.getvalue()


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


@pytest.fixture(params=["dash", "busybox"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    busybox = need("busybox") if request.param == "busybox" else ""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in PROGRAMS:
        # modprobe has nothing to do here.
        target = shutil.which("true") if name == "modprobe" else busybox or need(name)
        (programs / name).symlink_to(str(target))
    shell = [busybox, "sh"] if busybox else [need("dash")]
    return Machine(tmp_path / "node", shell, programs)
