"""The tree of Nix expressions that ``nxcc.emit.nix`` prints.

Plain ``None``, ``bool``, ``int``, ``float`` and ``str`` are Nix literals; a ``str`` is a string without
interpolation. The other nodes are the NamedTuples below. Whatever Nix cannot hold (NUL, integers beyond 64 bits,
infinities, names that are no identifiers, an attribute defined twice) raises ValueError when it is printed.
"""

from __future__ import annotations

from typing import TypeAlias

from nxcc.records import NamedTuple


class NoDefault(NamedTuple):
    """The type of NO_DEFAULT."""


NO_DEFAULT = NoDefault()
"""Stands for "no default" in Formals."""


class Var(NamedTuple):
    """A variable."""

    name: str


class Select(NamedTuple):
    """``base.a.b``; names are quoted when they need it."""

    base: Expr
    path: tuple[str, ...]


class Interp(NamedTuple):
    """A string with interpolations: ``str`` parts are literal text, the others ``${…}``."""

    parts: tuple[Expr, ...]


class PathLit(NamedTuple):
    """A path, absolute or relative to the file that is printed."""

    text: str


class ListOf(NamedTuple):
    """A list."""

    items: tuple[Expr, ...]


class Binding(NamedTuple):
    """``a.b = value;`` with ``# comment`` lines above it."""

    path: tuple[str, ...]
    value: Expr
    comment: str = ""


class Inherit(NamedTuple):
    """``inherit (source) names;``."""

    names: tuple[str, ...]
    source: Expr | None = None


class AttrSet(NamedTuple):
    """``{ … }`` or ``rec { … }``."""

    bindings: tuple[Binding | Inherit, ...]
    recursive: bool = False


class Call(NamedTuple):
    """``function a b``."""

    function: Expr
    arguments: tuple[Expr, ...]


class Formals(NamedTuple):
    """``{ name, name ? default, ... }@at``: ``names`` are pairs of name and default, NO_DEFAULT for none."""

    names: tuple[tuple[str, Expr | NoDefault], ...]
    ellipsis: bool
    at: str = ""


class Lambda(NamedTuple):
    """``parameter: body``."""

    parameter: str | Formals
    body: Expr


class With(NamedTuple):
    """``with scope; body``."""

    scope: Expr
    body: Expr


class Let(NamedTuple):
    """``let bindings in body``."""

    bindings: tuple[Binding | Inherit, ...]
    body: Expr


class If(NamedTuple):
    """``if condition then … else …``."""

    condition: Expr
    then: Expr
    otherwise: Expr


class Op(NamedTuple):
    """``left operator right``; the right side of ``?`` is a name or an attribute path: str, Var, or Select of one."""

    operator: str
    left: Expr
    right: Expr


class Not(NamedTuple):
    """``!operand``."""

    operand: Expr


class Negate(NamedTuple):
    """``-operand``."""

    operand: Expr


class Verbatim(NamedTuple):
    """Nix text of the user's: printed between parentheses, its lines untouched."""

    text: str


Expr: TypeAlias = (
    bool
    | int
    | float
    | str
    | Var
    | Select
    | Interp
    | PathLit
    | ListOf
    | AttrSet
    | Call
    | Lambda
    | With
    | Let
    | If
    | Op
    | Not
    | Negate
    | Verbatim
    | None
)
