"""Diagnostics for programs: a JSON object with a version.

``{"format_version": 1, "diagnostics": [...], "errors": N, "warnings": N}``. A diagnostic has code, severity, message,
file, start, end, label, secondary (each with file, start, end, label), help and notes (lists of strings). Positions
are ``{"line": L, "column": C}`` from 1, columns in characters, the end one behind the last; file, start and end are
null where a diagnostic has no place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.core import ERROR, WARNING
from nxcc.diagnostics.place import place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nxcc.diagnostics.core import Diagnostic, Span

FORMAT_VERSION = 1


def render(diagnostics: Sequence[Diagnostic], *, color: bool) -> str:
    """The envelope, also for none; in ASCII, so that it passes through any locale."""
    import json

    envelope = {
        "format_version": FORMAT_VERSION,
        "diagnostics": [_one(diagnostic) for diagnostic in diagnostics],
        "errors": sum(d.severity == ERROR for d in diagnostics),
        "warnings": sum(d.severity == WARNING for d in diagnostics),
    }
    return json.dumps(envelope, indent=2) + "\n"


def _one(diagnostic: Diagnostic) -> dict[str, object]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        **_where(diagnostic.span),
        "label": diagnostic.label,
        "secondary": [{**_where(label.span), "label": label.text} for label in diagnostic.secondary],
        "help": list(diagnostic.help),
        "notes": list(diagnostic.notes),
    }


def _where(span: Span | None) -> dict[str, object]:
    if span is None:
        return {"file": None, "start": None, "end": None}
    line, column, end_line, end_column = place(span)
    return {
        "file": span.source.name,
        "start": {"line": line, "column": column},
        "end": {"line": end_line, "column": end_column},
    }
