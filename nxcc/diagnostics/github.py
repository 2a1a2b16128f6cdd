"""Workflow commands of GitHub Actions, which show diagnostics at their lines in a change.

Source of the format: "Workflow commands for GitHub Actions", and ``command.ts`` of actions/toolkit for the escaping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.place import place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nxcc.diagnostics.core import Diagnostic

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def render(diagnostics: Sequence[Diagnostic], *, color: bool) -> str:
    """One command a diagnostic; "" for none."""
    return "".join(map(_one, diagnostics))


def _one(diagnostic: Diagnostic) -> str:
    properties: list[tuple[str, object]] = []
    if diagnostic.span:
        line, column, end_line, end_column = place(diagnostic.span)
        properties = [("file", diagnostic.span.source.name), ("line", line), ("endLine", end_line)]
        if line == end_line:  # GitHub drops an annotation with columns on different lines
            properties[2:2] = [("col", column)]
            properties.append(("endColumn", end_column))
    properties.append(("title", diagnostic.code))
    lines = [diagnostic.message]
    if diagnostic.label:
        lines.append(diagnostic.label)
    lines += [f"help: {text}" for text in diagnostic.help]
    lines += [f"note: {text}" for text in diagnostic.notes]
    written = ",".join(f"{name}={_property(str(value))}" for name, value in properties)
    return f"::{_COMMANDS[diagnostic.severity]} {written}::{_data(chr(10).join(lines))}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
