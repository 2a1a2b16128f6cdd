"""Compiles a text and evaluates its composition.nix with Nix, for tests that ask what a source means."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from tools import need

from nxcc.compiler import Compilation, check_file, compile_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nxcc.diagnostics.core import Diagnostic

# Enough of nixpkgs for values: packages are their names, and modifiers say what they are.
LIBRARY = """{
  mkForce = content: { _force = content; };
  mkDefault = content: { _default = content; };
  mkBefore = content: { _before = content; };
  mkAfter = content: { _after = content; };
  mkOrder = order: content: { _order = order; inherit content; };
  mkMerge = contents: { _merge = contents; };
  optionals = condition: list: if condition then list else [ ];
  elem = builtins.elem;
  range = first: last: builtins.genList (n: first + n) (last - first + 1);
}"""
PACKAGES = """{
  hello = "/store/hello";
  python3Packages.numpy = "/store/numpy";
  "@x/cli" = "/store/x-cli";
  callPackage = path: arguments: { called = builtins.baseNameOf path; inherit arguments; };
  writeText = name: content: "/store/${name}:${content}";
  writers = {
    writeBashBin = name: content: "/store/${name}";
    writeDashBin = name: content: "/store/${name}";
    writePython3Bin = name: options: content: "/store/${name}";
  };
}"""


def compiled(text: str, folder: Path, **arguments: Any) -> Compilation:
    """What a text compiles to for docker; ``folder`` is where its files lie."""
    (folder / "env.nxc").write_bytes(text.encode("utf-8", "surrogatepass"))
    compilation = compile_file(str(folder / "env.nxc"), ("docker",), directory=str(folder / "build"), **arguments)
    assert compilation.ok, [
        (d.code, d.message, d.span and d.span.source.position(d.span.start)) for d in compilation.diagnostics
    ]
    return compilation


def composition_of(text: str, folder: Path, **arguments: Any) -> str:
    """The composition.nix of a text."""
    return content_of(compiled(text, folder, **arguments), "composition.nix")


def content_of(compilation: Compilation, path: str) -> str:
    """A file of the bundle as text."""
    return next(file.content for file in compilation.files if file.path == path).decode("utf-8", "surrogatepass")


def errors_in(text: str, folder: Path, files: Mapping[str, str] | None = None, **arguments: Any) -> list[Diagnostic]:
    """The errors of a text."""
    for name, content in (files or {}).items():
        (folder / name).write_text(content)
    (folder / "env.nxc").write_text(text)
    found = check_file(str(folder / "env.nxc"), **arguments)
    return [diagnostic for diagnostic in found.diagnostics if diagnostic.severity == "error"]


def evaluated(compilation: Compilation, folder: Path, role: str, flavour: str = "docker") -> Any:
    """The module of a role as Nix evaluates it from composition.nix, as JSON has it."""
    bundle = folder / "build"
    for file in compilation.files:
        path = bundle / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    expression = f"""
      ((import {bundle}/composition.nix {{
        pkgs = {PACKAGES};
        lib = {LIBRARY};
        flavour.name = {json.dumps(flavour)};
        modulesPath = "";
        inputs.lab-tools.x.y = "/store/lab-tools-y";
      }}).roles.{role} {{ }})
    """
    command = [need("nix-instantiate"), "--eval", "--strict", "--json", "-E", expression]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout.decode("utf-8"))
