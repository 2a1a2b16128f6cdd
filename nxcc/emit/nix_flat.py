"""Nix expressions on one line, with the parentheses that the grammar needs.

Sets with bindings and lists of several elements have no such form: nixfmt always expands them.

Source: the precedences of parser.y of Nix 2.8.
"""

from __future__ import annotations

from nxcc.emit.nix_lexical import attribute, floating, identifier, indentable, integer, path, quoted, reject_nul
from nxcc.emit.nix_tree import (
    AttrSet,
    Binding,
    Call,
    Expr,
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

# How tightly things bind; operators with their associativity.
LOOSE, NOT, MEMBER, NEGATE, CALL, ATOM = 0, 7, 11, 12, 13, 14
OPERATORS = {
    "->": (1, "right"),
    "||": (2, "left"),
    "&&": (3, "left"),
    "==": (4, ""),
    "!=": (4, ""),
    "<": (5, ""),
    "<=": (5, ""),
    ">": (5, ""),
    ">=": (5, ""),
    "//": (6, "right"),
    "+": (8, "left"),
    "-": (8, "left"),
    "*": (9, "left"),
    "/": (9, "left"),
    "++": (10, "right"),
    "?": (MEMBER, ""),
}


def strength(node: Expr) -> int:
    """How tightly a node binds."""
    match node:
        case Call():
            return CALL if node.arguments else strength(node.function)
        case Lambda() | With() | Let() | If():
            return LOOSE
        case Op():
            if node.operator not in OPERATORS:
                raise ValueError(f"{node.operator!r} is no Nix operator")
            return OPERATORS[node.operator][0]
        case Not():
            return NOT
        case Negate():
            return NEGATE
        case int() | float() if node < 0 and node != -(2**63):
            return NEGATE
    return ATOM


def operands(node: Op) -> list[tuple[Expr, int]]:
    """The operands of a chain of one operator, each with the strength that it must have to go without parentheses."""
    need, side = OPERATORS[node.operator]
    if not side:
        return [(node.left, need + 1), (node.right, need + 1)]
    chain: list[tuple[Expr, int]] = []
    stack: list[Expr] = [node]
    while stack:
        part = stack.pop()
        if not isinstance(part, Op) or part.operator != node.operator:
            chain.append((part, need + 1))
        elif node.operator in ("++", "//", "&&", "||"):  # the same however they are nested
            stack += [part.right, part.left]
        else:
            near, far = (part.left, part.right) if side == "right" else (part.right, part.left)
            chain.append((near, need + 1))
            if isinstance(far, Op) and far.operator == node.operator:
                stack.append(far)
            else:
                chain.append((far, need))
    return chain[::-1] if node.operator in ("+", "-", "*", "/") else chain


def simple(node: Expr) -> bool:
    """Whether nixfmt counts the node as simple: a name, a selection, a string, a path."""
    while isinstance(node, Select):
        node = node.base
    return isinstance(node, (str, Interp, Var, PathLit))


def literals(node: str | Interp) -> list[str | Expr]:
    """The parts of a string, literal texts in a row made one."""
    parts: list[str | Expr] = []
    for part in (node,) if isinstance(node, str) else node.parts:
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        else:
            parts.append(part)
    return parts


def variable(name: str) -> str:
    """The name of a variable; ValueError when it cannot be one."""
    if not identifier(name):
        raise ValueError(f"{name!r} is no Nix identifier")
    return name


def attribute_path(names: tuple[str, ...]) -> str:
    """``a.b."c d"``; ValueError for an empty path."""
    if not names:
        raise ValueError("an empty attribute path")
    return ".".join([attribute(name) for name in names])


def member(node: Expr) -> str:
    """The right side of ``?``."""
    names: tuple[str, ...] = ()
    while isinstance(node, Select):
        names = (*node.path, *names)
        node = node.base
    if not isinstance(node, (str, Var)):
        raise ValueError(f"{node!r} is no attribute path")
    return attribute_path((node if isinstance(node, str) else node.name, *names))


def select_base(node: Expr, text: str) -> str:
    """A selection's base, ``text`` being the node's: what would swallow the dot gets parentheses."""
    swallows = isinstance(node, (int, float, PathLit)) and not text.startswith("(")
    return f"({text})" if swallows else text


def negated(text: str) -> str:
    """``-text``; a path would swallow the sign."""
    return f"-({text})" if text[0] in "./" else f"-{text}"


def verbatim(node: Verbatim, indent: int) -> str:
    """The user's text in parentheses; the closing one on a line of its own where a comment may end the text."""
    reject_nul(node.text)
    text = node.text.strip(" \t\n")
    if not text:
        raise ValueError("an empty Nix expression")
    last = text.rpartition("\n")[2]
    return f"({text}" + ("\n" + " " * indent if "#" in last else "") + ")"


def inherit_words(item: Inherit) -> list[str]:
    """The names of an ``inherit``, which may need quotes only where they are not variables of the scope."""
    return [variable(name) if item.source is None else attribute(name) for name in item.names]


def check_unique(bindings: tuple[Binding | Inherit, ...]) -> None:
    """ValueError when an attribute is defined twice; a set given in pieces is not, Nix merges those."""
    heads = [head for item in bindings for head in (item.names if isinstance(item, Inherit) else item.path[:1])]
    if len(set(heads)) < len(heads):
        _insert({}, bindings, ())


def _insert(tree: dict[str, object], bindings: tuple[Binding | Inherit, ...], above: tuple[str, ...]) -> None:
    leaves: list[tuple[tuple[str, ...], Expr]] = []
    for item in bindings:
        if isinstance(item, Inherit):
            leaves.extend([((name,), None) for name in item.names])
        else:
            leaves.append((item.path, item.value))
    for names, value in leaves:
        where = (*above, *names)
        inner = tree
        for name in names[:-1]:
            inner = _branch(inner, name, where)
        if isinstance(value, AttrSet) and not value.recursive:
            _insert(_branch(inner, names[-1], where), value.bindings, where)
        elif names[-1] in inner:
            raise ValueError(f"attribute {attribute_path(where)} is defined twice")
        else:
            inner[names[-1]] = None


def _branch(tree: dict[str, object], name: str, where: tuple[str, ...]) -> dict[str, object]:
    found = tree.setdefault(name, {})
    if not isinstance(found, dict):
        raise ValueError(f"attribute {attribute_path(where)} is defined twice")
    return found


class OneLine:
    """The one-line forms of one tree, each kept, since every level asks for those below it."""

    def __init__(self) -> None:
        self._kept: dict[int, str | None] = {}

    def flat(self, node: Expr, need: int = LOOSE) -> str | None:
        """The node on one line, in parentheses if it binds less tightly than ``need``; None: no such form."""
        if id(node) not in self._kept:
            self._kept[id(node)] = self._make(node)
        text = self._kept[id(node)]
        return f"({text})" if text is not None and strength(node) < need else text

    def words(self, node: Call) -> list[str | None]:
        """The one-line forms of a call's function and arguments; a short list may be one unless it comes last."""
        arguments = node.arguments
        lists = len(arguments) > 1 and isinstance(arguments[-1], ListOf) and isinstance(arguments[-2], ListOf)
        short = len(arguments) if lists else len(arguments) - 1
        words = [self.flat(node.function, CALL if isinstance(node.function, Call) else ATOM)]
        for i, argument in enumerate(arguments):
            if i < short and isinstance(argument, ListOf) and 1 < len(argument.items) <= 6:
                fits = all(simple(item) for item in argument.items)
                words.append(self._joined("[ {} ]", " ", [(item, ATOM) for item in argument.items]) if fits else None)
            else:
                words.append(self.flat(argument, ATOM))
        return words

    def header(self, node: Lambda) -> str | None:
        """``parameter:`` on one line, which nixfmt allows two names at most and no default."""
        if isinstance(node.parameter, str):
            return variable(node.parameter) + ":"
        names = [variable(name) for name, _ in node.parameter.names]
        at = node.parameter.at
        every = [*names, variable(at)] if at else names
        if len(set(every)) < len(every):
            raise ValueError(f"a parameter is named twice: {', '.join(every)}")
        if len(names) > 2 or any(not isinstance(default, NoDefault) for _, default in node.parameter.names):
            return None
        inner = ", ".join([*names, "..."] if node.parameter.ellipsis else names)
        return (f"{{ {inner} }}" if inner else "{ }") + (f"@{at}:" if at else ":")

    def inherit(self, item: Inherit) -> str | None:
        """``inherit (source) names;`` on one line, which nixfmt allows three names at most."""
        words = inherit_words(item)
        if item.source is not None:
            source = self.flat(item.source)
            if source is None:
                return None
            words.insert(0, f"({source})")
        return None if len(item.names) > 3 else " ".join(["inherit", *words]) + ";"

    def string(self, node: str | Interp) -> str | None:
        """A ``"…"`` string."""
        parts: list[str | tuple[str]] = []
        for part in literals(node):
            text = part if isinstance(part, str) else self.flat(part)
            if text is None:
                return None
            parts.append(part if isinstance(part, str) else (f"${{{text}}}",))
        return quoted(parts)

    def _joined(self, form: str, separator: str, nodes: list[tuple[Expr, int]]) -> str | None:
        texts = []
        for node, need in nodes:
            text = self.flat(node, need)
            if text is None:
                return None
            texts.append(text)
        return form.format(separator.join(texts))

    def _make(self, node: Expr) -> str | None:
        match node:
            case None:
                return "null"
            case bool():
                return "true" if node else "false"
            case int():
                return integer(node)
            case float():
                return floating(node)
            case str() | Interp():
                return None if indentable(literals(node)) else self.string(node)
            case Var():
                return variable(node.name)
            case PathLit():
                return path(node.text)
            case Verbatim():
                text = verbatim(node, 0)
                return None if "\n" in text else text
            case AttrSet():
                return self._set(node)
            case ListOf():
                if len(node.items) > 1:
                    return None
                return self._joined("[ {} ]", "", [(node.items[0], ATOM)]) if node.items else "[ ]"
            case Select():
                base = self.flat(node.base, ATOM)
                return None if base is None else f"{select_base(node.base, base)}.{attribute_path(node.path)}"
            case Call():
                words = [word for word in self.words(node) if word is not None]
                return " ".join(words) if len(words) == 1 + len(node.arguments) else None
            case Lambda():
                head, body = self.header(node), self.flat(node.body)
                return None if head is None or body is None else f"{head} {body}"
            case With():
                return self._joined("with {}", "; ", [(node.scope, LOOSE), (node.body, LOOSE)])
            case If():
                condition = self._joined("if {} then ", "", [(node.condition, LOOSE)])
                branches = self._joined("{}", " else ", [(node.then, LOOSE), (node.otherwise, LOOSE)])
                return None if condition is None or branches is None else condition + branches
            case Op():
                if node.operator == "?":
                    left = self.flat(node.left, MEMBER + 1)
                    return None if left is None else f"{left} ? {member(node.right)}"
                strength(node)  # refuses what is no operator
                return self._joined("{}", f" {node.operator} ", operands(node))
            case Not():
                return self._joined("!{}", "", [(node.operand, MEMBER)])
            case Negate():
                operand = self.flat(node.operand, CALL)
                return None if operand is None else negated(operand)
            case Let():
                return None
        raise TypeError(f"{node!r} is no Nix expression")

    def _set(self, node: AttrSet) -> str | None:
        start = "rec {" if node.recursive else "{"
        if not node.bindings:
            return start + " }"
        # nixfmt leaves a set that only inherits on one line.
        if len(node.bindings) > 1 or not isinstance(node.bindings[0], Inherit):
            return None
        check_unique(node.bindings)
        text = self.inherit(node.bindings[0])
        return None if text is None else f"{start} {text} }}"
