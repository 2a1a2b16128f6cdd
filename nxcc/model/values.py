"""Values of the model: what an expression of the language evaluates to.

Plain ``None``, ``bool``, ``int``, ``float`` and ``str`` stand for themselves. The rest are the types below; only
``emit/`` turns any of them into text.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from nxcc.diagnostics.core import Span


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


class Modified(NamedTuple):
    """An option's value with a priority or an order: ``kind`` is force, default, before, after or order."""

    kind: str
    order: int
    value: Value


class Named(NamedTuple):
    """The value of a parameter or constant, with the name under which composition.nix binds it."""

    name: str
    value: Value


class Unknown(NamedTuple):
    """What an expression evaluates to after an error in it was reported; anything made of it is unknown too."""


Value: TypeAlias = (
    bool
    | int
    | float
    | str
    | None
    | Quantity
    | Interpolated
    | Items
    | Attributes
    | SourcePath
    | Reference
    | Fragment
    | FlavourName
    | SecretPath
    | ScriptPath
    | TextFile
    | Modified
    | Named
    | Unknown
)

UNKNOWN = Unknown()


def plain(value: Value) -> Value:
    """The value without the name that it was reached by."""
    while isinstance(value, Named):
        value = value.value
    return value
