"""Guests of the tests: Debian's kernel in QEMU without acceleration, with an initramfs of this machine's programs.

A guest has what the kernel under the tests may lack (sch_netem …), and boots in about five seconds.
`tests/guest/setup.sh` fetches the kernel.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tools import missing, need

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HERE = Path(__file__).parent / "guest"

# Where PATH begins in a guest: the real programs, before those of busybox.
PROGRAMS = "host"

# The guest's clock counts its instructions (8 ns each) and skips what it sleeps: what it measures does not depend on
# who else uses the processor, and waiting costs nothing. Guests that talk to each other have no such clock in common.
CLOCK = ("-accel", "tcg", "-icount", "shift=3,sleep=off")


def kernel(modules: Sequence[str] = ("order",)) -> Path:
    """The folder with vmlinuz, modules, and these lists of them."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(os.environ.get("NXCC_TEST_CACHE") or f"{cache}/nxcc-tests") / "guest"
    if not all((folder / order).exists() for order in modules):
        missing(f"there is no such kernel in {folder}: run tests/guest/setup.sh")
    return folder


def boot(
    folder: Path,
    main: Path,
    programs: list[str],
    files: Mapping[str, bytes],
    timeout: float,
    options: Sequence[str] = (),
    parameters: str = "",
    clock: Sequence[str] = CLOCK,
    modules: Sequence[str] = ("order",),
    within: Sequence[str] = (),
) -> list[str]:
    """What a guest says on its console while bash runs ``main``, line by line.

    ``programs`` are found in this machine's PATH and go along with their libraries, ``files`` are what lies at the
    given places. ``folder`` takes the initramfs and the console's log. ``options`` are added to QEMU's, ``parameters``
    to the kernel's; ``clock`` are QEMU's options about time. ``modules`` are setup.sh's lists of what is loaded;
    ``within`` is a command that runs QEMU elsewhere, whose words follow its own. Raises TimeoutExpired where the guest
    takes longer than ``timeout`` seconds, CalledProcessError where QEMU fails.
    """
    qemu = need("qemu-system-x86_64")
    source = kernel(modules)
    content = {"init": (HERE / "init").read_bytes(), "main": main.read_bytes(), **files}
    loaded = [name for order in modules for name in (source / order).read_text().split()]
    content["modules/order"] = "".join(f"{name}\n" for name in loaded).encode()
    for name in loaded:
        content[f"modules/{name}"] = (source / name).read_bytes()
    binaries = {need(name): f"{PROGRAMS}/{name}" for name in ["bash", *programs]} | {need("busybox"): "bin/busybox"}
    for path, place in binaries.items():
        content[place] = Path(path).read_bytes()
        for library in libraries(path):
            content[library.lstrip("/")] = Path(library).read_bytes()
    archive = folder / "initramfs"
    archive.write_bytes(b"".join(cpio(content)))
    command = [*within, qemu, *clock, "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"]
    command += ["-kernel", str(source / "vmlinuz"), "-initrd", str(archive)]
    command += ["-append", f"console=ttyS0 quiet loglevel=3 panic=-1 {parameters}", *options]
    log = folder / "console"
    with log.open("wb") as console:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, timeout=timeout, check=True)
    return log.read_text(errors="replace").replace("\r", "").splitlines()


def libraries(program: str) -> list[str]:
    """The shared libraries of a program and its loader, by path; none of one that is static."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return re.findall(r"(/\S+) \(0x", done.stdout)


def cpio(files: Mapping[str, bytes] | Mapping[str, str], mode: int = 0o100755) -> Iterator[bytes]:
    """An uncompressed initramfs of files, executable unless ``mode`` says otherwise, and of the folders that hold them.

    Links have the mode 0o120777 and what they name as content. Several such archives may follow each other.

    The format is "newc", https://docs.kernel.org/driver-api/early-userspace/buffer-format.html. Not compressed: a
    guest without acceleration reads more faster than it unpacks less.
    """
    folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    folders |= {"dev", "proc", "sys", "run", "tmp", "etc"}
    entries = [(name, 0o040755, b"") for name in sorted(folders)]
    entries += [(name, mode, data.encode() if isinstance(data, str) else data) for name, data in files.items()]
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        yield head + bytes(-len(head) % 4)
        yield data + bytes(-len(data) % 4)
