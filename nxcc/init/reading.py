"""What the text of a composition of NixOS Compose's tells, without Nix."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nxcc.diagnostics.core import Source, Span
from nxcc.records import NamedTuple
from nxcc.syntax.nix_sets import (
    Computed,
    Definition,
    Token,
    data,
    flattened,
    members,
    operands,
    result,
    selection,
    tokens,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Shared(NamedTuple):
    """A directory that a role offers, or has from the host ``server``."""

    directory: str
    server: str
    span: Span


class Reading(NamedTuple):
    """What a file says by its text alone.

    ``roles`` are names with their places; ``unread`` what may give more of them. ``values`` are those of the
    composition's other attributes that are plain data, ``places`` where each attribute stands. ``shared`` are
    directories by role. ``compositions`` are the names of a set of compositions, each with the file that it imports
    ("" where it is something else).
    """

    roles: dict[str, Span]
    unread: tuple[Span, ...]
    values: dict[str, Any]
    places: dict[str, Span]
    shared: dict[str, tuple[Shared, ...]]
    compositions: dict[str, tuple[str, Span]]


def parameters(source: Source) -> dict[str, Span]:
    """The parameters ``setup.params.NAME`` that a text reads, in strings too, with the place of the first use."""
    found: dict[str, Span] = {}
    known = tokens(source.text)
    for at, token in enumerate(known):
        if token.kind == "string":
            for match in re.finditer(r"\$\{[^}]*?\bsetup\.params\.([A-Za-z_][A-Za-z0-9_'-]*)", token.text):
                found.setdefault(match[1], Span(source, token.start + match.start(1), token.start + match.end(1)))
        elif selection(known[at : at + 5])[:2] == ("setup", "params"):
            last = known[at + 4]
            found.setdefault(last.text, Span(source, last.start, last.end))
    return found


def read(source: Source, name: str = "") -> Reading:
    """Read a composition, or a set of compositions; with ``name``, the composition of that name in such a set."""
    names: dict[str, tuple[Token, ...]] = {}
    body = result(tokens(source.text), names)
    try:
        found = members(body)
        if name:
            found = members(result(next((one.value for one in found if one.path == (name,)), ()), names))
    except Computed:
        return Reading({}, (), {}, {}, {}, {})
    places: dict[str, Span] = {}
    values: dict[str, Any] = {}
    computed: set[str] = set()
    kind = "roles" if any(one.path[0] == "roles" for one in found) else "nodes"
    roles = _Roles(source, dict(names))
    for one in found:
        head = one.path[0]
        if head is None:
            continue
        places.setdefault(head, Span(source, one.start, one.end))
        if head == kind and len(one.path) > 1:
            roles.add(one.path[1], one, one.path[2:])
        elif head == kind:
            roles.take(one.value)
        else:
            try:
                value = data(one.value, names)
            except Computed:
                values.pop(head, None)
                computed.add(head)
                continue
            for key in reversed(one.path[1:]):
                value = {key: value}
            values[head] = value if len(one.path) == 1 else {**values.get(head, {}), **value}
    values = {name: value for name, value in values.items() if name not in computed}
    compositions = {}
    if kind not in places:
        compositions = {
            one.path[0]: (_imported(one.value), Span(source, one.start, one.end))
            for one in found
            if len(one.path) == 1 and one.path[0] is not None
        }
    shared = {name: tuple(found) for name, found in roles.shared.items() if found}
    return Reading(roles.found, tuple(roles.unread), values, places, shared, compositions)


class _Roles:
    """Collects the names of roles from an expression that gives a set of them."""

    def __init__(self, source: Source, names: dict[str, tuple[Token, ...]]) -> None:
        self.source = source
        self.names = names
        self.found: dict[str, Span] = {}
        self.unread: list[Span] = []
        self.shared: dict[str, list[Shared]] = {}

    def take(self, value: Sequence[Token]) -> None:
        """The roles of a set, of sets joined with ``//``, and of ``makeMany``."""
        body = result(value, self.names)
        for part in operands(body, "//"):
            inner = result(part, self.names)
            if len(inner) == 1 and inner[0].text in self.names:
                inner = result(self.names[inner[0].text], self.names)
            if many := self._many(inner):
                for name in many:
                    self.found.setdefault(name, self._span(inner))
                continue
            try:
                for one in members(inner):
                    self.add(one.path[0], one, one.path[1:])
            except Computed:
                self.unread.append(self._span(inner or part or value))

    def add(self, name: str | None, definition: Definition, rest: Sequence[str | None]) -> None:
        """One role, or an option ``rest`` of it."""
        span = Span(self.source, definition.start, definition.end)
        if name is None:
            self.unread.append(span)
            return
        self.found.setdefault(name, span)
        self.shared.setdefault(name, []).extend(self._directories(definition._replace(path=tuple(rest))))

    def _many(self, found: Sequence[Token]) -> list[str]:
        """The names that ``makeMany role "node" 2`` makes; none for anything else."""
        function = selection(found[:3]) or selection(found[:1])
        if not function or function[-1] not in ("makeMany", "makeManyById") or len(found) < 4:
            return []
        try:
            name, count = data(found[-2:-1], self.names), data(found[-1:], self.names)
        except Computed:
            return []
        if not isinstance(name, str) or not isinstance(count, int) or count > 10_000:
            return []
        return [f"{name}{number}" for number in range(1, count + 1)]

    def _directories(self, definition: Definition) -> Iterator[Shared]:
        """The ``nxc.sharedDirs`` that a role's own text has."""
        try:
            inner = members(result(definition.value, dict(self.names)))
        except Computed:
            return
        for one in flattened([one._replace(path=(*definition.path, *one.path)) for one in inner]):
            if one.path[:2] != ("nxc", "sharedDirs") or len(one.path) != 4 or one.path[2] is None:
                continue
            try:
                value = data(one.value, self.names)
            except Computed:
                continue
            span = Span(self.source, one.start, one.end)
            if one.path[3] == "export" and value is True:
                yield Shared(one.path[2], "", span)
            elif one.path[3] == "server" and isinstance(value, str) and value:
                yield Shared(one.path[2], value, span)

    def _span(self, found: Sequence[Token]) -> Span:
        return Span(self.source, found[0].start, found[-1].end)


def _imported(value: Sequence[Token]) -> str:
    """The path of ``import ./file.nix``; "" for anything else."""
    if len(value) == 2 and value[0].text == "import" and value[1].kind == "path":
        return value[1].text
    return ""
