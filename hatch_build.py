"""Build hook: puts the parser's tables into the wheel, so that no start of nxcc has to make them."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TABLES = "nxcc/data/nxc.tables"


class Tables(BuildHookInterface):  # type: ignore[type-arg]
    """Writes the tables of grammar/nxc.lark with the lark at hand; an installation with another lark ignores them."""

    _folder = ""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the tables in a folder of their own and have them included; an editable install needs none."""
        if version == "editable":
            return
        self._folder = tempfile.mkdtemp(prefix="nxcc-tables-")
        path = os.path.join(self._folder, os.path.basename(TABLES))
        sys.path.insert(0, self.root)  # nxcc is not installed yet
        try:
            from nxcc.syntax.parser import build_tables

            build_tables(path)
        finally:
            sys.path.remove(self.root)
        build_data["force_include"][path] = TABLES

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the folder."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
