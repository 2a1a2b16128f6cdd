"""Where nxcc's own data lies: the grammar, the templates and the Nix library.

They stand beside the package in a checkout, and inside it once installed.
"""

from __future__ import annotations

import os

_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def resource(*parts: str) -> str:
    """Absolute path of a data file or folder, for example ``resource("templates", "docker", "run.sh.j2")``."""
    installed = os.path.join(_PACKAGE, "data", *parts)
    if os.path.exists(installed):
        return installed
    return os.path.join(os.path.dirname(_PACKAGE), *parts)
