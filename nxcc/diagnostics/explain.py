"""The long text of each code, for ``nxcc explain`` and for the rules of SARIF.

``explanations.md`` has a section ``## NX0203: unknown name`` a code: prose, then a fenced ```` ```nxc ```` block after
a line ``Wrong:`` and one after a line ``Right:``.
"""

from __future__ import annotations

import os

from nxcc.records import NamedTuple

_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "explanations.md")


class Explanation(NamedTuple):
    """A section: ``text`` is all of it in Markdown, ``wrong`` and ``right`` its examples ("" where there is none)."""

    code: str
    title: str
    text: str
    wrong: str
    right: str


def explanation(code: str) -> Explanation | None:
    """The explanation of a code, written in any case; None for one that has none."""
    head = f"## {code.upper()}:"
    section: list[str] = []
    fenced = False
    with open(_FILE, encoding="utf-8") as file:
        for line in file:
            if section and not fenced and line.startswith("## "):
                break
            if section or line.startswith(head):
                section.append(line)
            if line.startswith("```"):
                fenced = not fenced
    if not section:
        return None
    title = section[0][len(head) :].strip()
    return Explanation(
        code.upper(), title, "".join(section).rstrip() + "\n", _example(section, "Wrong:"), _example(section, "Right:")
    )


def _example(section: list[str], word: str) -> str:
    """The content of the first fenced block after a line that is ``word``."""
    lines: list[str] = []
    state = "before"
    for line in section:
        if state == "before" and line.strip() == word:
            state = "after"
        elif state == "after" and line.startswith("```"):
            state = "inside"
        elif state == "inside" and line.startswith("```"):
            break
        elif state == "inside":
            lines.append(line)
    return "".join(lines)
