"""The table of output formats; a format's code is loaded when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nxcc.diagnostics.core import Diagnostic

FORMATS = {"text": "text", "concise": "concise", "json": "as_json", "github": "github", "sarif": "sarif"}
"""Format name to the module of this package that renders it."""


class Renderer(Protocol):
    """What a format's module offers as ``render``."""

    def __call__(self, diagnostics: Sequence[Diagnostic], *, color: bool) -> str:
        """Diagnostics, in the order given, as a text that ends with a newline or is empty."""
        ...


def renderer(name: str) -> Renderer:
    """The renderer of a format; KeyError for a name that is not in ``FORMATS``."""
    return cast("Renderer", import_module(f"nxcc.diagnostics.{FORMATS[name]}").render)


def render(diagnostics: Sequence[Diagnostic], name: str, *, color: bool = False) -> str:
    """The diagnostics in the named format; KeyError for a name that is not in ``FORMATS``."""
    return renderer(name)(diagnostics, color=color)
