"""Compiles role descriptions of distributed environments.

The public Python API: :func:`compile_file`, :func:`check_file`, and the types of what they return. Everything is
imported when it is first used, so that ``import nxcc`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nxcc.compiler import Compilation, check_file, compile_file
    from nxcc.diagnostics.core import Diagnostic
    from nxcc.model.environment import Environment, Node, Role

__all__ = ["Compilation", "Diagnostic", "Environment", "Node", "Role", "__version__", "check_file", "compile_file"]

_HOMES = {
    "Compilation": "nxcc.compiler",
    "check_file": "nxcc.compiler",
    "compile_file": "nxcc.compiler",
    "Diagnostic": "nxcc.diagnostics.core",
    "Environment": "nxcc.model.environment",
    "Node": "nxcc.model.environment",
    "Role": "nxcc.model.environment",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
