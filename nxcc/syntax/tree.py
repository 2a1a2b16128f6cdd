"""The syntax tree: what the user wrote, with a span on every node.

Nothing is resolved here. Words that only stand for themselves are ``Word``; everything that has a value is an
expression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from nxcc.diagnostics.core import Source, Span
from nxcc.records import NamedTuple


class Word(NamedTuple):
    """A name or keyword that stands for itself."""

    text: str
    span: Span


class Comment(NamedTuple):
    """A comment, with its ``#``."""

    text: str
    span: Span


# ------------------------------------------------------------------ what nodes have in common

if TYPE_CHECKING:
    from typing import Protocol

    class Node(Protocol):
        """Any node: all that is known of it is its place, until isinstance() tells more.

        Not a union of the node types: mypy expands a recursive union of so many tuple types without end.
        """

        @property
        def span(self) -> Span:
            """Where it stands."""


Expression: TypeAlias = "Node"
"""A node that has a value, Literal to SetLiteral."""
EntryStatement: TypeAlias = "Node"
"""Assign, Nested, When or On."""
RoleStatement: TypeAlias = "Node"
"""A statement of a role or profile."""
TopStatement: TypeAlias = "Node"
"""A statement of a file."""
Statement: TypeAlias = "Node"
"""Any statement."""

# ------------------------------------------------------------------ expressions


class Literal(NamedTuple):
    """A number, true, false or null; ``text`` is how it was written."""

    value: bool | int | float | None
    text: str
    span: Span


class QuantityLiteral(NamedTuple):
    """A number and its unit, as written."""

    number: str
    unit: str
    span: Span


class String(NamedTuple):
    """A string of any of the four kinds: texts, escapes resolved and block indentation taken off, and expressions."""

    parts: tuple[str | Expression, ...]
    span: Span


class NixText(NamedTuple):
    """A Nix fragment; ``start`` is the offset of its text in the source."""

    text: str
    start: int
    span: Span


class Path(NamedTuple):
    """A relative path, as written."""

    text: str
    span: Span


class Name(NamedTuple):
    """A name."""

    text: str
    span: Span


class Select(NamedTuple):
    """``base.key``."""

    base: Expression
    key: Key
    span: Span


class Index(NamedTuple):
    """``base[at]``."""

    base: Expression
    at: Expression
    span: Span


class Argument(NamedTuple):
    """An argument of a call; ``name`` where it is given by name."""

    name: Word | None
    value: Expression
    span: Span


class Apply(NamedTuple):
    """``function(arguments)``."""

    function: Expression
    arguments: tuple[Argument, ...]
    span: Span


class Unary(NamedTuple):
    """``-x`` or ``not x``."""

    operator: str
    operand: Expression
    span: Span


class Binary(NamedTuple):
    """``left operator right``."""

    operator: str
    left: Expression
    right: Expression
    operator_span: Span
    span: Span


class If(NamedTuple):
    """``if condition then yes else no``."""

    condition: Expression
    yes: Expression
    no: Expression
    span: Span


class ListLiteral(NamedTuple):
    """``[a, b]``."""

    items: tuple[Expression, ...]
    span: Span


class Comprehension(NamedTuple):
    """``[item for name in source]``."""

    item: Expression
    name: Word
    source: Expression
    span: Span


class SetLiteral(NamedTuple):
    """``{ a = 1; b { c = 2 } }``: the same form as a block of options."""

    entries: tuple[EntryStatement, ...]
    span: Span


Key: TypeAlias = Word | String

# ------------------------------------------------------------------ blocks of options


class Modifier(NamedTuple):
    """``force``, ``default``, ``before``, ``after`` or ``order N``."""

    kind: str
    order: int
    span: Span


class Assign(NamedTuple):
    """``a.b = [modifier] value``."""

    path: tuple[Key, ...]
    modifier: Modifier | None
    value: Expression
    span: Span


class Nested(NamedTuple):
    """``a.b { … }``."""

    path: tuple[Key, ...]
    value: SetLiteral
    span: Span


class When(NamedTuple):
    """``when condition { … } else { … }``, of statements or of options."""

    condition: Expression
    yes: tuple[Statement, ...]
    no: tuple[Statement, ...]
    span: Span


class On(NamedTuple):
    """``on FLAVOUR, … { … }``, of statements or of options."""

    flavours: tuple[Word, ...]
    body: tuple[Statement, ...]
    span: Span


class Setting(NamedTuple):
    """``name value …`` in a block of settings."""

    name: Word
    values: tuple[Expression, ...]
    span: Span


class Field(NamedTuple):
    """``name expression`` in ``resources`` or ``link``."""

    name: Word
    value: Expression
    span: Span


# ------------------------------------------------------------------ statements of a role or profile


class Packages(NamedTuple):
    """``packages a b.c``."""

    items: tuple[Expression, ...]
    span: Span


class Port(NamedTuple):
    """One word of ``ports``: an expression, or a range ``first``-``last`` of literals; ``protocol`` "" if not given."""

    first: Expression
    last: Expression | None
    protocol: str
    span: Span


class Ports(NamedTuple):
    """``ports 22 8472/udp``."""

    items: tuple[Port, ...]
    span: Span


class Published(NamedTuple):
    """One word of ``publish``; ``address`` "" if not given."""

    address: str
    host: Expression
    node: Expression
    protocol: str
    span: Span


class Publish(NamedTuple):
    """``publish 8080:80``."""

    items: tuple[Published, ...]
    span: Span


class Service(NamedTuple):
    """``service a.b c`` or ``service a { … }``."""

    names: tuple[tuple[Key, ...], ...]
    options: SetLiteral | None
    span: Span


class Enable(NamedTuple):
    """``enable programs.mosh``."""

    paths: tuple[tuple[Key, ...], ...]
    span: Span


class Variable(NamedTuple):
    """``variable NAME = value``."""

    name: Word
    value: Expression
    span: Span


class File(NamedTuple):
    """``file "/etc/x" [mode 0644] [user u] [group g] = text`` or ``from path``."""

    path: Expression
    mode: Word | None
    user: Word | None
    group: Word | None
    from_path: bool
    value: Expression
    span: Span


class Script(NamedTuple):
    """``script NAME LANGUAGE [with libraries] = text`` or ``from path``."""

    name: Word
    language: Word
    libraries: tuple[Expression, ...]
    from_path: bool
    value: Expression
    span: Span


class OnBoot(NamedTuple):
    """``on-boot NAME [after unit …] [before …] [wants …] [needs …] [with package …] = text``."""

    name: Word
    after: tuple[Word, ...]
    before: tuple[Word, ...]
    wants: tuple[Word, ...]
    needs: tuple[Word, ...]
    packages: tuple[Expression, ...]
    value: Expression
    span: Span


class UserGroups(NamedTuple):
    """``groups a b``."""

    groups: tuple[Key, ...]
    span: Span


class UserKeys(NamedTuple):
    """``keys "ssh-…" ./k.pub``."""

    keys: tuple[Expression, ...]
    span: Span


class UserHome(NamedTuple):
    """``home "/users/x"``."""

    value: Expression
    span: Span


class UserUid(NamedTuple):
    """``uid 1001``."""

    value: Expression
    span: Span


class UserAdmin(NamedTuple):
    """``admin``."""

    span: Span


class User(NamedTuple):
    """``user a b { … }``; a name is a word, or an expression in parentheses that has one or several."""

    names: tuple[Word | Expression, ...]
    body: tuple[UserGroups | UserKeys | UserHome | UserUid | UserAdmin | Assign | Nested, ...]
    span: Span


class Share(NamedTuple):
    """``share "/dir" [read-only] [owner u] [group g] [mode 0755]``; the directory may be a list of them."""

    directory: Expression
    read_only: bool
    owner: Word | None
    group: Word | None
    mode: Word | None
    span: Span


class Mount(NamedTuple):
    """``mount "/dir" from ROLE [at "/elsewhere"]``; each directory may be a list of them."""

    directory: Expression
    role: Word
    at: Expression | None
    span: Span


class After(NamedTuple):
    """``after ROLE, …``."""

    roles: tuple[Word, ...]
    span: Span


class Condition(NamedTuple):
    """One condition of ``ready``: ``kind`` is port, unit or command."""

    kind: str
    value: Expression
    span: Span


class Ready(NamedTuple):
    """``ready port N unit a.service command "…"``."""

    conditions: tuple[Condition, ...]
    span: Span


class Resources(NamedTuple):
    """``resources { cpus N; memory SIZE; disk SIZE }``."""

    fields: tuple[Field, ...]
    span: Span


class Kernel(NamedTuple):
    """``kernel pkgs.linuxPackages_x``."""

    value: Expression
    span: Span


class KernelParams(NamedTuple):
    """``kernel-params "a" "b"``."""

    values: tuple[Expression, ...]
    span: Span


class Import(NamedTuple):
    """``import module``."""

    value: Expression
    span: Span


class NixBody(NamedTuple):
    """A NixOS module body in Nix."""

    value: NixText
    span: Span


class FlavourSettings(NamedTuple):
    """``flavour NAME { … }``."""

    flavour: Word
    settings: tuple[Setting, ...]
    span: Span


class Let(NamedTuple):
    """``let NAME = value``."""

    name: Word
    value: Expression
    span: Span


# ------------------------------------------------------------------ top level


class Environment(NamedTuple):
    """``environment NAME ["text"]``."""

    name: Word
    text: Expression | None
    span: Span


class Nixpkgs(NamedTuple):
    """``nixpkgs REFERENCE [{ … }]``."""

    reference: Expression
    settings: tuple[Setting, ...]
    span: Span


class Input(NamedTuple):
    """``input NAME REFERENCE [{ … }]``."""

    name: Word
    reference: Expression
    settings: tuple[Setting, ...]
    span: Span


class Overlay(NamedTuple):
    """``overlay INPUT.overlays.x`` or Nix."""

    value: Expression
    span: Span


class Override(NamedTuple):
    """``override pkgs.a { … }``."""

    target: Expression
    settings: tuple[Setting, ...]
    span: Span


class Package(NamedTuple):
    """``package NAME ./file.nix [{ … }]``."""

    name: Word
    path: Path
    arguments: SetLiteral | None
    span: Span


class Param(NamedTuple):
    """``param NAME: TYPE = DEFAULT [in ALLOWED] ["text"]``."""

    name: Word
    type: Word
    default: Expression
    allowed: Expression | None
    text: Expression | None
    span: Span


class Secret(NamedTuple):
    """``secret NAME [ssh-key] [owner u] [group g] [mode 0440] ["text"] [from ./file]``."""

    name: Word
    ssh_key: bool
    owner: Word | None
    group: Word | None
    mode: Word | None
    text: Expression | None
    file: Expression | None
    span: Span


class Include(NamedTuple):
    """``include ./path.nxc``."""

    path: Expression
    span: Span


class Use(NamedTuple):
    """A profile that a role or profile builds on, with its arguments."""

    name: Word
    arguments: tuple[Argument, ...]
    span: Span


class ProfileParameter(NamedTuple):
    """``name: TYPE [= DEFAULT]`` of a profile."""

    name: Word
    type: Word
    default: Expression | None
    span: Span


class Profile(NamedTuple):
    """``profile NAME[(…)] [: uses] ["text"] { … }``."""

    name: Word
    parameters: tuple[ProfileParameter, ...]
    uses: tuple[Use, ...]
    text: Expression | None
    body: tuple[RoleStatement, ...]
    span: Span


class Role(NamedTuple):
    """``role NAME[SIZE] [: uses] ["text"] { … }``; ``adopted`` where it is ``from`` a composition."""

    name: Word
    size: Expression | None
    uses: tuple[Use, ...]
    text: Expression | None
    adopted: Expression | None
    body: tuple[RoleStatement, ...]
    span: Span


class Link(NamedTuple):
    """``link A -> B { … }`` or, with ``both``, ``A <-> B``."""

    source: Word
    target: Word
    both: bool
    fields: tuple[Field, ...]
    span: Span


class Network(NamedTuple):
    """``network { … }``."""

    settings: tuple[Setting, ...]
    span: Span


class SetParam(NamedTuple):
    """``PARAM = value`` of a setup."""

    name: Word
    value: Expression
    span: Span


class Setup(NamedTuple):
    """``setup NAME [default] { … }``."""

    name: Word
    default: bool
    body: tuple[SetParam | Input | Override | FlavourSettings | KernelParams, ...]
    span: Span


class Test(NamedTuple):
    """``test ["name"] script``."""

    name: Expression | None
    script: Expression
    span: Span


class Tree(NamedTuple):
    """A parsed file."""

    source: Source
    statements: tuple[TopStatement, ...]
    comments: tuple[Comment, ...]
