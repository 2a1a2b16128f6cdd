"""What each command may import: start-up time is a promise, and an import is how it is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from programs import HOME

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
environment lab
param servers: int = 2 in 1..9
secret token
profile base { packages git; resources { cpus 1; memory 1GiB } }
role web[servers] : base {
  ports 80
  service nginx { enable = true; package = `pkgs.nginx` }
  ready port 80
}
setup large { servers = 8 }
role client : base { after web; file "/etc/hello" = "${web.host}" }
link client -> web { delay 10ms }
"""

# For each command: what it is measured against (those modules are loaded before it starts), and what it may import
# beyond: packages from elsewhere, and such modules of the standard library as LISTED names.
ALLOWED: dict[str, tuple[str, set[str]]] = {
    "--version": ("typer", set()),
    "--help": ("typer", set()),
    "flavours": ("typer", set()),
    "flavours --output-format json": ("typer", {"json"}),
    "explain NX0203": ("typer", set()),
    "init lab out": ("typer", set()),
    "init --from composition.nix out": ("typer, lark", {"json", "subprocess"}),
    "check env.nxc": ("typer, lark", set()),
    "check env.nxc --setup large": ("typer, lark", set()),
    "check env.nxc --flavour docker": ("typer, lark", set()),
    "show env.nxc --nodes": ("typer, lark", set()),
    "compile env.nxc -o out --flavour all": ("typer, lark", {"yaml", "jinja2", "markupsafe", "json"}),
}

# Modules of the standard library whose import is felt; several are loaded by typer or lark already.
LISTED = frozenset(
    "argparse ast asyncio concurrent csv ctypes dataclasses datetime decimal email fractions hashlib html http "
    "importlib.metadata importlib.resources json logging multiprocessing optparse pathlib pickle pydoc secrets shlex "
    "socket sqlite3 ssl statistics subprocess tarfile tempfile tomllib unittest urllib.request uuid xml zipfile".split()
)

REPORT = """
import sys
import {before}
before = set(sys.modules)
sys.argv = ["nxcc", *{arguments!r}]
from nxcc.__main__ import main
code = main()
new = sorted(set(sys.modules) - before)
foreign = [name for name in new if "-packages" in str(getattr(sys.modules[name], "__file__", ""))]
print("NEW", *new)
print("FOREIGN", *foreign)
sys.exit(code)
"""


@pytest.mark.parametrize("arguments", ALLOWED)
def test_a_command_imports_only_what_it_may(tmp_path: Path, arguments: str) -> None:
    (tmp_path / "env.nxc").write_text(SOURCE)
    (tmp_path / "composition.nix").write_text("{ roles.web = { }; }")
    before, allowed = ALLOWED[arguments]
    done = subprocess.run(
        [sys.executable, "-c", REPORT.format(before=before, arguments=arguments.split())],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": HOME},
        check=True,
    )
    new, foreign = (line.split()[1:] for line in done.stdout.splitlines()[-2:])
    # What belongs to typer and lark themselves, loaded by them when they are used.
    ours = {"nxcc", "typer", "click", "lark", "shellingham"}
    assert {name.partition(".")[0] for name in foreign} - ours <= allowed
    assert LISTED.intersection(new) <= allowed


def test_importing_nxcc_imports_nothing_of_it(tmp_path: Path) -> None:
    code = "import sys, nxcc; print([name for name in sys.modules if name.startswith(('nxcc.', 'lark', 'yaml'))])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": HOME}, check=True
    )
    assert done.stdout == "[]\n"
