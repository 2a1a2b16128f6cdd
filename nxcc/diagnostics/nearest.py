"""Names that a misspelt one may have meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """At most three candidates close to ``name``, best first; the order of the candidates does not matter.

    Case, and ``_`` for ``-``, count next to nothing; one edit is allowed for every three characters, up to four.
    """
    wanted = _folded(name)
    limit = min(4, max(len(name), 3) // 3, len(name) - 1)
    pairs = [(_folded(candidate), candidate) for candidate in set(candidates) if candidate and candidate != name]
    for bound in range(limit + 1):
        if found := _within(wanted, pairs, bound):
            # Those one edit further than the best are close too.
            found = _within(wanted, pairs, min(limit, bound + 1))
            found.sort(key=lambda pair: (pair[0], _folded(pair[1])[:1] != wanted[:1], pair[1]))
            return tuple(candidate for _, candidate in found[:3])
    return ()


def did_you_mean(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """The help for an unknown name, ready for a diagnostic: one line, or none where nothing is close."""
    names = [f"`{candidate}`" for candidate in nearest(name, candidates)]
    if not names:
        return ()
    if len(names) > 1:
        names[-2:] = [f"{names[-2]} or {names[-1]}"]
    return (f"did you mean {', '.join(names)}?",)


def _folded(name: str) -> str:
    return name.lower().replace("_", "-")


def _within(wanted: str, pairs: list[tuple[str, str]], bound: int) -> list[tuple[int, str]]:
    """The (distance, candidate) of those at most ``bound`` edits away, for pairs of (folded, candidate)."""
    if bound == 0:
        return [(0, candidate) for folded, candidate in pairs if folded == wanted]
    letters = set(wanted)
    found = []
    for folded, candidate in pairs:
        # Both tests are cheap lower bounds of the distance, for tables of ten thousand names.
        if abs(len(folded) - len(wanted)) <= bound and len(letters.difference(folded)) <= bound:
            distance = _distance(wanted, folded, bound)
            if distance <= bound:
                found.append((distance, candidate))
    return found


def _distance(a: str, b: str, bound: int) -> int:
    """Edits from ``a`` to ``b``: insert, delete, replace, swap two neighbours; any number over ``bound`` for far."""
    size = min(len(a), len(b))
    start = 0
    while start < size and a[start] == b[start]:
        start += 1
    a, b = a[start:], b[start:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    far = bound + 1
    width = len(b) + 1
    before: list[int] = []
    row = list(range(width))
    for i, char in enumerate(a, 1):
        older, before, row = before, row, [far] * width
        row[0] = i
        # Cells further from the diagonal than the bound are over it.
        for j in range(max(1, i - bound), min(width, i + far)):
            other = b[j - 1]
            cost = before[j - 1] if char == other else 1 + min(before[j - 1], before[j], row[j - 1])
            if i > 1 and j > 1 and char == b[j - 2] and a[i - 2] == other:
                cost = min(cost, older[j - 2] + 1)
            row[j] = cost
        if min(row) > bound and min(before) > bound:
            return far
    return row[-1]
