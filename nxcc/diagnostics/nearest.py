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
    letters = set(wanted)
    found = []
    for candidate in set(candidates):
        if candidate == name or not candidate:
            continue
        folded = _folded(candidate)
        if folded == wanted:
            found.append((0, candidate))
            continue
        # Both tests are cheap lower bounds of the distance, for tables of ten thousand names.
        if abs(len(folded) - len(wanted)) > limit or len(letters.difference(folded)) > limit:
            continue
        distance = _distance(wanted, folded, limit)
        if distance <= limit:
            found.append((distance, candidate))
    found.sort(key=lambda pair: (pair[0], _folded(pair[1])[:1] != wanted[:1], pair[1]))
    return tuple(candidate for distance, candidate in found[:3] if distance <= found[0][0] + 1)


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


def _distance(a: str, b: str, limit: int) -> int:
    """Edits from ``a`` to ``b``: insert, delete, replace, swap two neighbours; any number over ``limit`` for far."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, char in enumerate(a, 1):
        above, row, older = row, [i], before
        before = above
        for j, other in enumerate(b, 1):
            cost = above[j - 1] if char == other else 1 + min(above[j - 1], above[j], row[j - 1])
            if i > 1 and j > 1 and char == b[j - 2] and a[i - 2] == other:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > limit and min(above) > limit:
            return limit + 1
    return row[-1]
