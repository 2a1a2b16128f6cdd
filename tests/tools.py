"""Programs that tests need: a test skips where one is missing, but on a CI machine it fails."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def need(tool: str) -> str:
    """The path of a program; skips the test, or fails it where CI=true, when there is none."""
    path = shutil.which(tool)
    if path is None:
        missing(f"there is no program {tool}")
    return path


def missing(what: str) -> NoReturn:
    """Skips the test for want of something; fails it where CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)
