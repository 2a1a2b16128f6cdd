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
    # Files that go into the bundle's sources/.
    "NX0520": Entry("error", "no such file or folder `{path}`"),
    "NX0521": Entry("error", "`{file}`, line {line}, names `{path}`, which does not exist"),
    "NX0522": Entry("warning", "`{file}`, line {line}, uses `{path}`, which the bundle cannot contain"),
    "NX0523": Entry("error", "the content of secret file `{path}` would be copied into the bundle"),
    "NX0524": Entry("error", "`{path}` is too large for a bundle"),
    "NX0525": Entry("error", "cannot read `{path}`: {why}"),
    "NX0526": Entry("warning", "`{file}`, line {line}: {what}"),
    "NX0527": Entry("error", "folder `{path}` has no default.nix"),
    "NX0528": Entry("error", "folder `{path}` has no files"),
    "NX0529": Entry("warning", "link `{path}` leads nowhere"),
}
