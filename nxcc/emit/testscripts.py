"""The folder test/ of a bundle: the driver of test scripts, as it is, and the scripts.

A script is written as it reads. Where it has parts that the compiler does not know, a mark stands for each:
``@nxcc:flavour@`` for the flavour, ``@nxcc:bundle@`` for the bundle's folder, ``@nxcc:nix@`` for what Nix alone knows,
and ``@nxcc:@`` for a text that looks like one. The driver puts the values in their places.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nxcc.bundle import File
from nxcc.model.values import FlavourName, Interpolated, SourcePath, Value, known_text, plain
from nxcc.resources import resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nxcc.model.environment import Environment

FOLDER = "test"


def test_files(environment: Environment, locate: Mapping[str, str]) -> list[File]:
    """The driver and every test script; nothing where the environment has none.

    ``locate`` has the place in the bundle of the user's files, by absolute path.
    """
    if not environment.tests:
        return []
    files = []
    for name in ("driver.py", "lib/channel.py", "lib/life.py", "lib/nodes.py"):
        with open(resource("templates", FOLDER, *name.split("/")), "rb") as file:
            files.append(File(f"{FOLDER}/{name}", file.read()))
    for test in environment.tests:
        files.append(File(f"{FOLDER}/{file_name(test.name)}", _text(test.script, locate).encode("utf-8")))
    return files


def file_name(name: str) -> str:
    """The file of a test below ``test/``, as the driver finds it too; the test without a name is "test.py"."""
    if not name:
        return "test.py"
    if len(name.encode()) > 100:
        from hashlib import sha256

        return f"{sha256(name.encode()).hexdigest()[:16]}.py"
    kept = "".join(c if c.isprintable() and c not in '/\\%:*?"<>|' else f"%{ord(c):02x}" for c in name)
    # A name of its own: no hidden file, and none that is there already.
    if name in ("test", "driver") or kept.startswith((".", " ", "-")):
        kept = f"%{ord(name[0]):02x}{kept[1:]}"
    return f"{kept}.py"


def _text(value: Value, locate: Mapping[str, str]) -> str:
    """A script, or a part of one, with marks for what is not known yet."""
    bare = plain(value)
    text = known_text(bare)
    if text is not None:
        return text.replace("@nxcc:", "@nxcc:@")
    if isinstance(bare, Interpolated):
        return "".join(_text(part, locate) for part in bare.parts)
    if isinstance(bare, FlavourName):
        return "@nxcc:flavour@"
    if isinstance(bare, SourcePath):
        return f"@nxcc:bundle@/{locate[bare.path]}" if bare.path in locate else os.fspath(bare.path)
    return "@nxcc:nix@"
