"""One line a diagnostic, ``path:line:column: severity[code]: message``: for editors and for grep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.place import place, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nxcc.diagnostics.core import Diagnostic


def render(diagnostics: Sequence[Diagnostic], *, color: bool) -> str:
    """All of them, each on its line; "" for none. Never coloured: programs read this."""
    lines = []
    for diagnostic in diagnostics:
        where = ""
        if diagnostic.span:
            line, column, _, _ = place(diagnostic.span)
            where = f"{safe(diagnostic.span.source.name)}:{line}:{column}: "
        lines.append(f"{where}{diagnostic.severity}[{diagnostic.code}]: {safe(diagnostic.message)}\n")
    return "".join(lines)
