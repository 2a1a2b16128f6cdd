"""Build hook: puts the parser's tables and the compiled templates into the wheel, so that no start has to make them."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Prepared(BuildHookInterface):  # type: ignore[type-arg]
    """Writes both with the lark and the Jinja2 at hand; an installation with other ones ignores them."""

    _folder = ""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make them in a folder of their own and have them included; an editable install needs none."""
        if version == "editable":
            return
        self._folder = tempfile.mkdtemp(prefix="nxcc-build-")
        tables = os.path.join(self._folder, "nxc.tables")
        sys.path.insert(0, self.root)  # nxcc is not installed yet
        try:
            from nxcc.emit.shell import precompile
            from nxcc.syntax.parser import build_tables

            build_tables(tables)
            modules = precompile(self._folder)
        finally:
            sys.path.remove(self.root)
        for path in (tables, modules):
            build_data["force_include"][path] = f"nxcc/data/{os.path.basename(path)}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the folder."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
