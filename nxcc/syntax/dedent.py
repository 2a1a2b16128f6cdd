"""The texts of strings: parts joined, and the indentation of block strings taken off."""

from __future__ import annotations

from typing import Any


def joined(parts: list[Any]) -> tuple[Any, ...]:
    """Neighbouring texts as one, empty ones left out."""
    joined: list[Any] = []
    for part in parts:
        if type(part) is str and joined and type(joined[-1]) is str:
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return tuple(joined)


def dedent(parts: tuple[Any, ...], escapes: bool = True) -> tuple[Any, ...]:
    """A block string without its indentation, exactly as Nix strips that of ''…'' (tabs are content).

    ``parts`` have their escapes unresolved: as in Nix, an escape counts as content.
    """
    texts = list(parts)
    if texts and type(texts[0]) is str:
        head, newline, tail = texts[0].partition("\n")
        if newline and not head.strip(" "):
            texts[0] = tail
    indent = _common_indent(texts)
    for i, part in enumerate(texts):
        if type(part) is str:
            lines = part.split("\n")
            # The first line of a later part goes on after an expression: it has no indentation to lose.
            for j in range(min(i, 1), len(lines)):
                spaces = len(lines[j]) - len(lines[j].lstrip(" "))
                lines[j] = lines[j][min(spaces, indent) :]
            texts[i] = "\n".join(lines)
    if texts and type(texts[-1]) is str:
        head, newline, tail = texts[-1].rpartition("\n")
        if newline and not tail.strip(" "):
            texts[-1] = head + "\n"
    if escapes:
        texts = [part.replace("\\${", "${").replace('\\"""', '"""') if type(part) is str else part for part in texts]
    return joined(texts)


def _common_indent(parts: list[Any]) -> int:
    """The least number of leading spaces of the lines that are not blank."""
    least = 1_000_000
    current, at_start = 0, True
    for part in parts:
        if type(part) is not str:
            if at_start:
                least, at_start = min(least, current), False
            continue
        for i, line in enumerate(part.split("\n")):
            if i:
                current, at_start = 0, True
            if at_start:
                content = line.lstrip(" ")
                current += len(line) - len(content)
                if content:
                    least, at_start = min(least, current), False
    return least
