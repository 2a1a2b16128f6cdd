"""Prints Nix expressions, in the layout that nixfmt (RFC 166) gives them.

The tree is that of ``nxcc.emit.nix_tree``, the names, numbers and strings those of ``nxcc.emit.nix_lexical``; both
are reachable from here. What Nix has no form for raises ValueError.

A node has at most two forms: ``flat``, on one line, and ``broken``, on several. The flat one is taken where it fits
into 100 columns; sets and lists of more than one element have none, as nixfmt always expands them.
"""

from __future__ import annotations

from nxcc.emit.nix_flat import (
    ATOM,
    CALL,
    LOOSE,
    MEMBER,
    OPERATORS,
    OneLine,
    attribute_path,
    check_unique,
    inherit_words,
    literals,
    member,
    negated,
    operands,
    select_base,
    strength,
    variable,
    verbatim,
)
from nxcc.emit.nix_lexical import GLOBALS, KEYWORDS, attribute, identifier, indentable, indented, quoted
from nxcc.emit.nix_tree import (
    NO_DEFAULT,
    AttrSet,
    Binding,
    Call,
    Expr,
    Formals,
    If,
    Inherit,
    Interp,
    Lambda,
    Let,
    ListOf,
    Negate,
    NoDefault,
    Not,
    Op,
    PathLit,
    Select,
    Var,
    Verbatim,
    With,
)

__all__ = [
    "GLOBALS",
    "KEYWORDS",
    "NO_DEFAULT",
    "AttrSet",
    "Binding",
    "Call",
    "Expr",
    "Formals",
    "If",
    "Inherit",
    "Interp",
    "Lambda",
    "Let",
    "ListOf",
    "Negate",
    "NoDefault",
    "Not",
    "Op",
    "PathLit",
    "Select",
    "Var",
    "Verbatim",
    "With",
    "attribute",
    "document",
    "expression",
    "identifier",
]

_WIDTH = 100


def expression(node: Expr, indent: int = 0) -> str:
    """The text of an expression that begins in a line indented by ``indent`` columns; no newline at its end."""
    return _Printer().text(node, indent, indent)


def document(node: Expr, comment: str = "") -> str:
    """A Nix file: ``comment`` as ``#`` lines, the expression, a newline."""
    return _comment(comment, "") + expression(node) + "\n"


def _comment(text: str, pad: str) -> str:
    lines = ["".join([c if c.isprintable() else " " for c in line]).rstrip() for line in text.splitlines()]
    return "".join([f"{pad}# {line}".rstrip() + "\n" for line in lines])


def _block(node: Expr) -> bool:
    """Whether a node opens and closes like a bracket: a set, a list, an indented string."""
    match node:
        case AttrSet():
            return bool(node.bindings)
        case ListOf():
            return bool(node.items)
        case str() | Interp():
            return indentable(literals(node))
    return False


def _absorbable(node: Expr) -> bool:
    """Whether a node may begin at the end of a line: nixfmt's isAbsorbableExpr."""
    if isinstance(node, With):
        return _block(node.body)
    while isinstance(node, Lambda) and isinstance(node.parameter, str):
        node = node.body
    return _block(node)


class _Printer(OneLine):
    """Prints one tree. ``indent`` is the indentation of the line in which a node begins, ``column`` where it does,
    ``tail`` how much follows it in its last line."""

    def __init__(self) -> None:
        super().__init__()
        self._laid: dict[tuple[int, int, int, int, int, bool], str] = {}

    def text(self, node: Expr, indent: int, column: int, tail: int = 0, need: int = LOOSE, wide: bool = False) -> str:
        """The node on one line if it fits, else on several; ``wide`` sets never stay on one."""
        flat = None if wide and isinstance(node, AttrSet) and node.bindings else self.flat(node, need)
        if flat is not None and column + len(flat) + tail <= _WIDTH:
            return flat
        key = (id(node), indent, column, tail, need, wide)
        if key not in self._laid:
            if strength(node) < need:
                self._laid[key] = self._parenthesised(node, indent, column, tail)
            else:
                self._laid[key] = self._broken(node, indent, column, tail, wide) or flat or ""
        return self._laid[key]

    def _broken(self, node: Expr, indent: int, column: int, tail: int, wide: bool) -> str | None:
        """The node on several lines; None when it is one word."""
        pad = "\n" + " " * indent
        inner = pad + "  "
        match node:
            case str() | Interp():
                return self._string(node, indent)
            case Verbatim():
                return verbatim(node, indent)
            case AttrSet() if node.bindings:
                start = "rec {\n" if node.recursive else "{\n"
                return start + self._bindings(node.bindings, indent + 2) + pad[1:] + "}"
            case ListOf() if node.items:
                items = [self.text(item, indent + 2, indent + 2, 0, ATOM) for item in node.items]
                return inner.join(["[", *items]) + pad + "]"
            case Select():
                base = self.text(node.base, indent, column, tail, ATOM)
                dot = pad + "." if _block(node.base) and "\n" in base else "."
                return f"{select_base(node.base, base)}{dot}{attribute_path(node.path)}"
            case Call() if node.arguments:
                return self._hug(node, indent, column, tail) or self._call(node, indent, column, tail)
            case Lambda():
                return self._lambda(node, indent, column, tail)
            case With():
                start = f"with {self.text(node.scope, indent, column + 5, 1)};"
                if _block(node.body):
                    return f"{start} {self.text(node.body, indent, column + len(start) + 1, tail, wide=True)}"
                return start + pad + self.text(node.body, indent, indent, tail)
            case Let():
                bindings = self._bindings(node.bindings, indent + 2)
                return f"let\n{bindings}{pad[1:]}in{pad}{self.text(node.body, indent, indent, tail)}"
            case If():
                return self._if(node, indent, column, tail)
            case Op():
                return self._operation(node, indent, column, tail)
            case Not():
                return "!" + self.text(node.operand, indent, column + 1, tail, MEMBER)
            case Negate():
                return negated(self.text(node.operand, indent, column + 1, tail, CALL))
        return None

    def _bindings(self, bindings: tuple[Binding | Inherit, ...], indent: int) -> str:
        check_unique(bindings)
        pad = " " * indent
        lines = []
        for item in bindings:
            if isinstance(item, Inherit):
                lines.append(pad + self._inherit(item, indent) + "\n")
                continue
            name = f"{pad}{attribute_path(item.path)} ="
            lines.append(f"{_comment(item.comment, pad)}{name}{self._value(item.value, indent, len(name), 1)};\n")
        return "".join(lines)

    def _inherit(self, item: Inherit, indent: int) -> str:
        flat = self.inherit(item)
        if flat is not None and indent + len(flat) <= _WIDTH:
            return flat
        pad = "\n" + " " * (indent + 2)
        start = "inherit"
        if item.source is not None:
            start += f" ({self.text(item.source, indent, indent + 9, 1)})"
        return pad.join([start, *inherit_words(item), ";"])

    def _value(self, node: Expr, indent: int, column: int, tail: int) -> str:
        """What stands between ``=`` or ``?`` and what ends it, with the blank or newline before it."""
        flat = self.flat(node)
        if flat is not None and column + 1 + len(flat) + tail <= _WIDTH:
            return " " + flat
        if _absorbable(node) or isinstance(node, (str, Interp, PathLit, Verbatim)):
            return " " + self.text(node, indent, column + 1, tail, wide=True)
        hugged = None
        match node:
            case Call():
                hugged = self._hug(node, indent, column + 1, tail)
            case Op(operator="//" | "++" | "+"):
                chain = operands(node)
                if _block(chain[0][0]):
                    hugged = self._operation(node, indent, column + 1, tail)
                elif _block(node.right):
                    left = self.flat(node.left, chain[0][1])
                    start = column + len(left or "") + len(node.operator) + 3
                    if left is not None and start < _WIDTH:
                        body = self.text(node.right, indent, start, tail, chain[-1][1], wide=True)
                        hugged = f"{left} {node.operator} {body}"
        if hugged is not None:
            return " " + hugged
        return "\n" + " " * (indent + 2) + self.text(node, indent + 2, indent + 2, tail)

    def _parenthesised(self, node: Expr, indent: int, column: int, tail: int, last: bool = False) -> str:
        """The node on several lines, in parentheses; ``last`` in a call, where nixfmt lets fewer begin on the line."""
        if last:
            body = node.body if isinstance(node, Lambda) and isinstance(node.parameter, str) else None
            short = isinstance(node, Call) and isinstance(node.function, Var) and len(node.arguments) == 1
            last = not (_block(body) or (short and isinstance(node, Call) and _block(node.arguments[0])))
        if not last:
            hugged = None
            if _absorbable(node):
                hugged = self._broken(node, indent, column + 1, tail + 1, True)
            elif isinstance(node, Call):
                hugged = self._hug(node, indent, column + 1, tail + 1)
            if hugged is not None:
                return f"({hugged})"
        pad = "\n" + " " * indent
        return f"({pad}  {self.text(node, indent + 2, indent + 2)}{pad})"

    def _hug(self, node: Call, indent: int, column: int, tail: int) -> str | None:
        """A call with one argument on several lines and all else on one, if that is possible; the last one rather."""
        words = self.words(node)
        for i in range(len(node.arguments), 0, -1):
            before = words[:i]
            after = "".join([f" {word}" for word in words[i + 1 :]])
            argument = node.arguments[i - 1]
            last = i == len(node.arguments)
            if None in before or None in words[i + 1 :]:
                continue
            start = " ".join([word or "" for word in before]) + " "
            room = column + len(start)
            if room >= _WIDTH:  # before anything is laid out in vain, which nested calls would multiply
                continue
            if _block(argument):
                body = self._broken(argument, indent, room, tail + len(after), False) or ""
            elif strength(argument) < ATOM:
                body = self._parenthesised(argument, indent, room, tail + len(after), last)
            elif isinstance(argument, Verbatim):
                body = verbatim(argument, indent)
            else:
                continue
            first, _, rest = body.partition("\n")
            if rest and room + len(first) <= _WIDTH and len(rest.rpartition("\n")[2]) + len(after) + tail <= _WIDTH:
                return start + body + after
        return None

    def _call(self, node: Call, indent: int, column: int, tail: int) -> str:
        """A call with arguments on lines of their own, after those that fit behind the function."""
        words = self.words(node)
        need = CALL if isinstance(node.function, Call) else ATOM
        lines = [self.text(node.function, indent, column, 0, need)]
        for argument, word in zip(node.arguments, words[1:], strict=True):
            if word is None or indent + 2 + len(word) + tail > _WIDTH:
                word = self.text(argument, indent + 2, indent + 2, tail, ATOM)
            lines.append(word)
        behind = 0
        if words[0] is not None:
            while behind + 2 < len(lines) and words[behind + 1] is not None:
                if column + len(" ".join(lines[: behind + 2])) > _WIDTH:
                    break
                behind += 1
        return ("\n" + " " * (indent + 2)).join([" ".join(lines[: behind + 1]), *lines[behind + 1 :]])

    def _lambda(self, node: Lambda, indent: int, column: int, tail: int) -> str:
        pad = "\n" + " " * indent
        head = self.header(node)
        if isinstance(node.parameter, str):
            if _absorbable(node.body):
                return f"{head} {self.text(node.body, indent, column + len(head or '') + 1, tail)}"
            if isinstance(node.body, Lambda) and isinstance(node.body.parameter, str):
                return f"{head} {self._lambda(node.body, indent, column + len(head or '') + 1, tail)}"
        elif head is None or column + len(head) > _WIDTH:
            lines = []
            for name, default in node.parameter.names:
                start = f"{pad}  {variable(name)}"
                if not isinstance(default, NoDefault):
                    start += " ?"
                    start += self._value(default, indent + 2, len(start) - 1, 1)
                lines.append(start + ",")
            if node.parameter.ellipsis:
                lines.append(pad + "  ...")
            at = node.parameter.at
            head = "".join(["{", *lines, pad, "}", f"@{at}:" if at else ":"])
        return f"{head}{pad}{self.text(node.body, indent, indent, tail, wide=True)}"

    def _if(self, node: If, indent: int, column: int, tail: int) -> str:
        pad = "\n" + " " * indent
        lines: list[str] = []
        rest: Expr = node
        while isinstance(rest, If):
            start = "else if" if lines else "if"
            condition = self.flat(rest.condition)
            if condition is not None and column + len(start) + len(condition) + 6 <= _WIDTH:
                lines.append(f"{start} {condition} then")
            else:
                lines += [start, "  " + self.text(rest.condition, indent + 2, indent + 2), "then"]
            lines.append("  " + self.text(rest.then, indent + 2, indent + 2))
            rest = rest.otherwise
        return pad.join([*lines, "else", "  " + self.text(rest, indent + 2, indent + 2, tail)])

    def _operation(self, node: Op, indent: int, column: int, tail: int) -> str:
        if node.operator == "?":
            return f"{self.text(node.left, indent, column, tail, MEMBER + 1)} ? {member(node.right)}"
        pad = "\n" + " " * indent
        (first, need), *others = operands(node)
        lines = [self.text(first, indent, column, 0, need)]
        if not OPERATORS[node.operator][1]:  # a comparison: nixfmt breaks the line only where it has to
            start = f"{lines[0]} {node.operator} "
            at = len(start.rpartition("\n")[2]) + (0 if "\n" in start else column)
            text = start + self.text(others[0][0], indent, at, tail, others[0][1])
            if at + len(text[len(start) :].partition("\n")[0]) <= _WIDTH:
                return text
        room = indent + len(node.operator) + 1
        for operand, need in others:
            chained = isinstance(operand, Op) and strength(operand) >= need
            if chained and self.flat(operand) is None:
                text = f"{pad}  {self.text(operand, indent + 2, indent + 2, tail, need)}"
            else:
                text = " " + self.text(operand, indent, room, tail, need)
            lines.append(node.operator + text)
        return pad.join(lines)

    def _string(self, node: str | Interp, indent: int) -> str:
        parts: list[str | tuple[str]] = []
        for part in literals(node):
            if isinstance(part, str):
                parts.append(part)
            else:
                flat = self.flat(part)
                pad = "\n" + " " * (indent + 2)
                text = f"{pad}  {self.text(part, indent + 4, indent + 4)}{pad}" if flat is None else flat
                parts.append((f"${{{text}}}",))
        return indented(parts, indent) if indentable(parts) else quoted(parts)
