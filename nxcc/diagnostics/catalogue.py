"""Every code that nxcc can report, with its severity and its headline.

A code never changes its meaning and is never given to another. NX01 syntax, NX02 names, NX03 values and types, NX04
roles and nodes, NX05 files, NX06 options and secrets, NX07 flavours, NX08 bundles, NX09 the machine nxcc runs on.
``explanations.md`` beside this file holds the long text of each, with a wrong and a right example.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Severity and headline of a code; the headline is a ``str.format`` template."""

    severity: str
    message: str


CATALOGUE: dict[str, Entry] = {
    "NX0101": Entry("error", "{what}"),
}
