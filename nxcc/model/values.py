"""Values of the model: what an expression of the language evaluates to.

Plain ``None``, ``bool``, ``int``, ``float`` and ``str`` stand for themselves. The rest are the types below; only
``emit/`` turns any of them into text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from nxcc.diagnostics.core import Span
from nxcc.records import NamedTuple


class Quantity(NamedTuple):
    """A number with a unit.

    ``amount`` is in the base unit of ``dimension``: bytes of a "size", milliseconds of a "duration", bits per second
    of a "rate", percent of a "percentage". ``text`` is how it reads, ``2GiB``.
    """

    amount: int | float
    dimension: str
    text: str


class Interpolated(NamedTuple):
    """A string with parts that only Nix knows: each is a ``str`` or a value."""

    parts: tuple[Value, ...]


class Items(NamedTuple):
    """A list."""

    items: tuple[Value, ...]


class Entry(NamedTuple):
    """A definition inside a set: ``path`` is the attribute path, one element an attribute."""

    path: tuple[str, ...]
    value: Value
    span: Span


class Attributes(NamedTuple):
    """A set: definitions in the order in which they were written."""

    entries: tuple[Entry, ...]


class SourcePath(NamedTuple):
    """A file or folder that the source names, by its absolute path."""

    path: str


class Reference(NamedTuple):
    """Something that only Nix knows, by name: ``pkgs.a.b``, ``INPUT.x`` or a package declared in the source.

    ``head`` is ``pkgs``, the name of an input, or the name of the package; ``kind`` says which of the three:
    "pkgs", "input", "package".
    """

    kind: str
    head: str
    path: tuple[str, ...]


class Fragment(NamedTuple):
    """Nix text of the user's, put into the output as it stands."""

    text: str
    span: Span


class FlavourName(NamedTuple):
    """``flavour.name``: known when Nix evaluates the composition."""


class SecretPath(NamedTuple):
    """The path at which a node reads a secret; of the public half of an ssh-key where ``public``."""

    name: str
    public: bool


class ScriptPath(NamedTuple):
    """The path of a declared script's executable."""

    name: str


class TextFile(NamedTuple):
    """A file in the store with the given content."""

    name: str
    content: Value


class NodeFile(NamedTuple):
    """A file at a path of the node's outside of /etc: ``content`` is what it is a link to, or a copy of.

    ``mode``, ``user`` and ``group`` are "" where not given.
    """

    path: str
    mode: str
    user: str
    group: str
    content: Value


class Modified(NamedTuple):
    """An option's value with a priority or an order: ``kind`` is force, default, before, after or order."""

    kind: str
    order: int
    value: Value


class Named(NamedTuple):
    """The value of a parameter or constant, with the name under which composition.nix binds it."""

    name: str
    value: Value


class Operation(NamedTuple):
    """An operation on something that only Nix knows: it stays in the output.

    ``operator`` is an operator of the language, or "if" with condition, yes and no as operands, or "select" with a
    value and the attribute names behind it.
    """

    operator: str
    operands: tuple[Value, ...]


class Unknown(NamedTuple):
    """What an expression evaluates to after an error in it was reported; anything made of it is unknown too."""


Value: TypeAlias = object
"""A value: one of the plain types or of the classes above.

Not their union: mypy expands a recursive union of twenty tuple types without end.
"""

UNKNOWN = Unknown()


def plain(value: Value) -> Value:
    """The value without the name that it was reached by."""
    while isinstance(value, Named):
        value = value.value
    return value


def parts(value: Value) -> tuple[Value, ...]:
    """The values that a value is made of, one level down; a name leads to what it names."""
    if isinstance(value, Named | Modified):
        return (value.value,)
    if isinstance(value, Interpolated):
        return value.parts
    if isinstance(value, Items):
        return value.items
    if isinstance(value, Attributes):
        return tuple(entry.value for entry in value.entries)
    if isinstance(value, TextFile | NodeFile):
        return (value.content,)
    if isinstance(value, Operation):
        return value.operands
    return ()


def walk(value: Value) -> Iterator[Value]:
    """The value and all values inside it, in order; names are followed, each the first time that it is met."""
    # Constants that use the one before twice are a tree of 2**n values, but n names.
    seen: set[int] = set()
    pending = [value]
    while pending:
        value = pending.pop()
        yield value
        if isinstance(value, Named):
            if id(value) in seen:
                continue
            seen.add(id(value))
        pending.extend(reversed(parts(value)))


def resolved(value: Value) -> Value:
    """The value without names, and strings without interpolations where all their parts are known."""
    return _resolved(value, {})


def _resolved(value: Value, known: dict[int, Value]) -> Value:
    if isinstance(value, Named):
        if id(value) not in known:
            known[id(value)] = _resolved(value.value, known)
        return known[id(value)]
    if isinstance(value, Interpolated | SecretPath):
        text = known_text(value)
        return value if text is None else text
    if isinstance(value, Items):
        return Items(tuple(_resolved(item, known) for item in value.items))
    if isinstance(value, Attributes):
        return Attributes(tuple(entry._replace(value=_resolved(entry.value, known)) for entry in value.entries))
    return value


def known_text(value: Value) -> str | None:
    """What a value reads as in a string; None where only Nix knows, or where it cannot stand in one."""
    value = plain(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return written(value)
    if isinstance(value, Quantity):
        return value.text
    if isinstance(value, SecretPath):
        return f"/run/nxcc/secrets/{value.name}{'.pub' if value.public else ''}"
    if isinstance(value, Interpolated):
        texts = [known_text(part) for part in value.parts]
        return None if any(text is None for text in texts) else "".join(text for text in texts if text is not None)
    return None


class Written(float):
    """A float that remembers how it was written: numbers print as written."""

    __slots__ = ("text",)
    text: str

    @classmethod
    def of(cls, number: float, text: str) -> Written:
        """A number with its text."""
        made = cls(number)
        made.text = text
        return made


def written(value: float) -> str:
    """How a float reads in a string."""
    return value.text if isinstance(value, Written) else repr(value)


def nix_only(value: Value) -> bool:
    """Whether only Nix knows what a value is."""
    value = plain(value)
    return isinstance(value, _NIX_ONLY) or (isinstance(value, Interpolated) and known_text(value) is None)


def undecided(value: Value) -> bool:
    """Whether only Nix knows what a value is, or something inside it."""
    return any(nix_only(part) for part in walk(value) if not isinstance(part, Named))


_NIX_ONLY = (Reference, Fragment, FlavourName, ScriptPath, TextFile, Operation)


def textual(value: Value) -> bool:
    """Whether a value is a string, or may be one when Nix evaluates it."""
    return isinstance(plain(value), str | Interpolated | SecretPath) or nix_only(value)
