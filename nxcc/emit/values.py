"""Values of the model as Nix expressions: one way for compositions and overlays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nxcc.emit.nix import (
    GLOBALS,
    AttrSet,
    Binding,
    Call,
    If,
    Interp,
    ListOf,
    Negate,
    Not,
    Op,
    PathLit,
    Select,
    Var,
    Verbatim,
    With,
    identifier,
)
from nxcc.model import values as v
from nxcc.model.arithmetic import Fault, option_number

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from nxcc.emit.nix import Expr

_OPERATORS = {"and": "&&", "or": "||"}
_MODIFIERS = {"force": "mkForce", "default": "mkDefault", "before": "mkBefore", "after": "mkAfter"}
_PACKAGE_LISTS = (("environment", "systemPackages"),)


class Printer:
    """Turns values into Nix.

    ``locate`` has the place in the bundle of each of the user's files, by absolute path; ``hidden`` are the names
    that ``with pkgs`` cannot reach, since something else binds them; ``package`` prints a package declared in the
    source by its name and attribute path.
    """

    def __init__(
        self,
        locate: Mapping[str, str],
        hidden: Collection[str] = (),
        package: Callable[[str, tuple[str, ...]], Expr] | None = None,
    ) -> None:
        self.locate = locate
        self.hidden = hidden
        self.package = package or (lambda name, path: _select(Var(name), path))

    # -------------------------------------------------------------- values

    def node(self, value: v.Value) -> Expr:
        """A value as an expression."""
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return float(value)
        method: Callable[[Any], Expr] = getattr(self, "_" + type(value).__name__)
        return method(value)

    def _Named(self, value: v.Named) -> Expr:
        return Var(value.name)

    def _Quantity(self, value: v.Quantity) -> Expr:
        number = option_number(value)
        return value.text if isinstance(number, Fault) else number

    def _Interpolated(self, value: v.Interpolated) -> Expr:
        parts: list[Expr] = []
        for part in value.parts:
            piece = self._part(part)
            parts.extend(piece.parts if isinstance(piece, Interp) else (piece,))
        # A number alone is a string already: `toString n`, not `"${toString n}"`.
        return parts[0] if len(parts) == 1 and _is_text(parts[0]) else Interp(tuple(parts))

    def _part(self, part: v.Value) -> Expr:
        """A part of a string: numbers through toString, under their names, as Nix interpolates strings only."""
        bare = v.plain(part)
        if isinstance(bare, int) and isinstance(part, v.Named):
            return Call(Var("toString"), (Var(part.name),))
        if isinstance(bare, int | float | v.Quantity):
            return v.known_text(bare) or ""
        if isinstance(bare, v.Operation) and bare.operator == "if" and not isinstance(part, v.Named):
            condition, *values = bare.operands
            return If(self.node(condition), *(self._text(value) for value in values))
        if isinstance(bare, v.Operation) and not _texts(bare):
            return Call(Var("toString"), (self.node(part),))
        return self.node(part)

    def _text(self, value: v.Value) -> Expr:
        """A part of a string on its own: a path as its place in the store, which `toString` would not make of it."""
        piece = self._part(value)
        return Interp((piece,)) if isinstance(v.plain(value), v.SourcePath | v.TextFile | v.Reference) else piece

    def _Items(self, value: v.Items) -> Expr:
        return ListOf(tuple(self.node(item) for item in value.items))

    def _Attributes(self, value: v.Attributes) -> Expr:
        return AttrSet(self.bindings((entry.path, entry.value) for entry in value.entries))

    def _SourcePath(self, value: v.SourcePath) -> Expr:
        return file(f"./{self.locate[value.path]}" if value.path in self.locate else value.path)

    def _Reference(self, value: v.Reference) -> Expr:
        if value.kind == "package":
            return self.package(value.head, value.path)
        head = Var("pkgs") if value.kind == "pkgs" else Select(Var("inputs"), (value.head,))
        return _select(head, value.path)

    def _Fragment(self, value: v.Fragment) -> Expr:
        return Verbatim(value.text)

    def _FlavourName(self, value: v.FlavourName) -> Expr:
        return Select(Var("flavour"), ("name",))

    def _SecretPath(self, value: v.SecretPath) -> Expr:
        path = Select(Var("secret"), (value.name,))
        return Interp((path, ".pub")) if value.public else path

    def _ScriptPath(self, value: v.ScriptPath) -> Expr:
        return Interp((self.package(value.name, ()), f"/bin/{value.name}"))

    def _TextFile(self, value: v.TextFile) -> Expr:
        return Call(Select(Var("pkgs"), ("writeText",)), (value.name, self.node(value.content)))

    def _NodeFile(self, value: v.NodeFile) -> Expr:
        """A rule of tmpfiles.d(5): a link to the store, or a copy where mode or owner are asked for."""
        owned = (value.mode, value.user, value.group)
        words = " ".join(word or "-" for word in owned)
        rule = f"{'C' if any(owned) else 'L+'} {tmpfiles_word(value.path)} {words} - "
        content = self._Interpolated(v.Interpolated((value.content,)))
        assert isinstance(content, Interp)
        known = (part.replace("%", "%%") if isinstance(part, str) else part for part in content.parts)
        return Interp((rule, *known))

    def _Modified(self, value: v.Modified) -> Expr:
        inner = self.node(value.value)
        if value.kind == "order":
            return Call(Select(Var("lib"), ("mkOrder",)), (value.order, inner))
        return Call(Select(Var("lib"), (_MODIFIERS[value.kind],)), (inner,))

    def _Operation(self, value: v.Operation) -> Expr:
        operator, operands = value.operator, value.operands
        if operator == "select":
            return Select(self.node(operands[0]), tuple(str(name) for name in operands[1:]))
        nodes = [self.node(operand) for operand in operands]
        if operator == "if":
            return If(*nodes)
        if operator == "merge":
            return Call(Select(Var("lib"), ("mkMerge",)), (ListOf(tuple(nodes)),))
        if operator == "..":
            return Call(Select(Var("lib"), ("range",)), tuple(nodes))
        if len(nodes) == 1:
            return Not(nodes[0]) if operator == "not" else Negate(nodes[0])
        return Op(_OPERATORS.get(operator, operator), *nodes)

    # -------------------------------------------------------------- sets

    def bindings(self, definitions: Iterable[tuple[tuple[str, ...], v.Value]]) -> tuple[Binding, ...]:
        """Definitions as bindings, in order; one path twice merges at its first place."""
        return tuple(Binding(path, self._option(path, value)) for path, value in merged(definitions))

    def _option(self, path: tuple[str, ...], value: v.Value) -> Expr:
        bare = v.plain(value)
        if path in _PACKAGE_LISTS and isinstance(bare, v.Items) and not isinstance(value, v.Named):
            return self.packages(bare)
        return self.node(value)

    def packages(self, value: v.Items) -> Expr:
        """A list of packages, each once; as ``with pkgs; [ … ]`` where some are pkgs' own and nothing hides them."""
        items: list[Expr] = []
        short = False
        for item in dict.fromkeys(value.items):
            if isinstance(item, v.Reference) and item.kind == "pkgs" and self._reachable(item.path[0]):
                items.append(_select(Var(item.path[0]), item.path[1:]))
                short = True
            else:
                items.append(self.node(item))
        found = ListOf(tuple(items))
        return With(Var("pkgs"), found) if short else found

    def _reachable(self, name: str) -> bool:
        return identifier(name) and name not in self.hidden and name not in GLOBALS


def _is_text(node: Expr) -> bool:
    return isinstance(node, Call) and isinstance(node.function, Var) and node.function.name == "toString"


def _texts(value: v.Value) -> bool:
    """Whether Nix takes a value into a string as it is, whatever the condition in it."""
    value = v.plain(value)
    if isinstance(value, v.Operation) and value.operator == "if":
        return _texts(value.operands[1]) and _texts(value.operands[2])
    texts = str | v.Interpolated | v.SourcePath | v.Reference | v.TextFile | v.ScriptPath | v.SecretPath | v.FlavourName
    return isinstance(value, texts)


def tmpfiles_word(text: str) -> str:
    """One quoted word of a rule of tmpfiles.d(5), where ``%`` begins a specifier."""
    return '"' + "".join({"%": "%%", '"': '\\"', "\\": "\\\\"}.get(char, char) for char in text) + '"'


def _select(base: Expr, path: tuple[str, ...]) -> Expr:
    return Select(base, path) if path else base


def file(path: str) -> Expr:
    """A file or folder that gets into the store: by a name of its own where its own is none that the store takes."""
    name = path.rstrip("/").rpartition("/")[2]
    good = "".join(char if char.isascii() and (char.isalnum() or char in "+-._?=") else "-" for char in name)
    if good == name and not name.startswith("."):
        return PathLit(path)
    named = AttrSet((Binding(("name",), good.lstrip(".-") or "file"), Binding(("path",), PathLit(path))))
    return Call(Select(Var("builtins"), ("path",)), (named,))


def merged(
    definitions: Iterable[tuple[tuple[str, ...], v.Value]],
) -> list[tuple[tuple[str, ...], v.Value]]:
    """Definitions in which no path is another's, or begins another's, but where both are sets as written.

    Lists are joined, sets united, equal values kept once; whatever else meets becomes ``lib.mkMerge``.
    """
    found: dict[tuple[str, ...], v.Value] = {}
    # What paths begin with: most of thousands need no look at the others.
    beginnings: set[tuple[str, ...]] = set()
    for path, value in definitions:
        _add(found, beginnings, path, value)
    return list(found.items())


def _add(
    found: dict[tuple[str, ...], v.Value], beginnings: set[tuple[str, ...]], path: tuple[str, ...], value: v.Value
) -> None:
    if path in found:
        found[path] = _joined(found[path], value)
        return
    for length in range(1, len(path)):
        outer = path[:length]
        if outer in found:
            inner = v.Attributes((v.Entry(path[length:], value, _NOWHERE),))
            found[outer] = _joined(found[outer], inner)
            return
    below = [other for other in found if other[: len(path)] == path] if path in beginnings else []
    if not below:
        found[path] = value
        beginnings.update(path[:length] for length in range(len(path)))
    elif isinstance(value, v.Attributes):
        for entry in value.entries:
            _add(found, beginnings, path + entry.path, entry.value)
    else:
        # A value that is no set as written (`force { … }`, Nix) for what was set piece by piece before.
        pieces = tuple(v.Entry(other[len(path) :], found[other], _NOWHERE) for other in below)
        together = v.Operation("merge", (v.Attributes(pieces), value))
        items = [(path, together) if other == below[0] else (other, old) for other, old in found.items()]
        found.clear()
        found.update((key, item) for key, item in items if key not in below)


def _joined(one: v.Value, other: v.Value) -> v.Value:
    if isinstance(one, v.Items) and isinstance(other, v.Items):
        return v.Items(one.items + other.items)
    if isinstance(one, v.Attributes) and isinstance(other, v.Attributes):
        return v.Attributes(one.entries + other.entries)
    first, second = v.resolved(one), v.resolved(other)
    if type(first) is type(second) and first == second:
        return one
    if isinstance(one, v.Operation) and one.operator == "merge":
        return v.Operation("merge", (*one.operands, other))
    return v.Operation("merge", (one, other))


_NOWHERE: Any = None
