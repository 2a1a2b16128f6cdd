"""Nix's lexical rules: names, numbers, strings and paths as Nix reads them.

Source: lexer.l and parser.y of Nix 2.8, whose stripIndentation() also rules what an indented string holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nxcc.syntax.words import SMALLEST_FLOAT

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYWORDS = frozenset(("if", "then", "else", "assert", "with", "let", "in", "rec", "inherit", "or"))


class _Globals(frozenset[str]):
    """Nix puts most builtins into scope as ``__name`` too, more with every version: every such name counts."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, str) and name.startswith("__"))


GLOBALS: Final[frozenset[str]] = _Globals(
    (
        "abort",
        "baseNameOf",
        "break",
        "builtins",
        "derivation",
        "derivationStrict",
        "dirOf",
        "false",
        "fetchGit",
        "fetchMercurial",
        "fetchTarball",
        "fetchTree",
        "fromTOML",
        "import",
        "isNull",
        "map",
        "null",
        "placeholder",
        "removeAttrs",
        "scopedImport",
        "throw",
        "toString",
        "true",
    )
)
"""Names of Nix's initial scope; ``in`` also says yes to every name that starts with ``__``."""

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NAME_START = frozenset(_LETTERS + "_")
_NAME = _LETTERS + "0123456789_'-"
_PATH = _LETTERS + "0123456789._+-/"
_SHORT = 60
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def identifier(name: str) -> bool:
    """Whether ``name`` can be a variable: no keyword, nor ``or``, which is one by position."""
    return bool(name) and name[0] in _NAME_START and not name.strip(_NAME) and name not in KEYWORDS


def attribute(name: str) -> str:
    """An attribute name, quoted when it is no identifier."""
    return name if identifier(name) else quoted([name])


def integer(value: int) -> str:
    """An integer literal; ValueError outside 64 bits."""
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{value} does not fit into 64 bits, which is all that Nix has")
    # The literal is lexed without its sign, and 2^63 does not fit.
    return f"(-{2**63 - 1} - 1)" if value == -(2**63) else str(value)


def floating(value: float) -> str:
    """A float literal with a dot in its mantissa; ValueError for what Nix has no literal for."""
    if value != value or value in (float("inf"), float("-inf")) or 0 < abs(value) < SMALLEST_FLOAT:
        raise ValueError(f"{value!r} has no literal in Nix")
    text = repr(value)
    if text == "-0.0":
        return "(-1 * 0.0)"  # -0.0 is 0 - 0.0 to Nix
    mantissa, exponent, power = text.partition("e")
    return mantissa + ("" if "." in mantissa else ".0") + exponent + power


def reject_nul(text: str) -> None:
    """ValueError when there is a NUL: old Nix cuts the string there, newer Nix refuses it."""
    if "\0" in text:
        raise ValueError("Nix strings cannot hold a NUL character")


def quoted(parts: Sequence[str | tuple[str]]) -> str:
    """A ``"…"`` string of literal texts and, as 1-tuples, printed interpolations ``${…}``; no two texts in a row."""
    out = []
    for i, part in enumerate(parts):
        if isinstance(part, tuple):
            out.append(part[0])
            continue
        reject_nul(part)
        text = part.translate(_ESCAPES).replace("${", "\\${")
        # "$${" is no interpolation to Nix: a dollar sign before one has to be escaped.
        out.append(text[:-1] + "\\$" if text.endswith("$") and i + 1 < len(parts) else text)
    return '"' + "".join(out) + '"'


def indentable(parts: Sequence[object]) -> bool:
    """Whether these parts should and can, to the character, be an indented string."""
    whole = "".join([part if isinstance(part, str) else "$" for part in parts])
    if "\n" not in whole or "\r" in whole:
        return False
    if len(whole) <= _SHORT and whole.index("\n") == len(whole) - 1:
        return False
    lines = whole.split("\n")
    if lines[-1] and not lines[-1].strip(" "):
        return False  # Nix drops a blank last line
    # Nix strips the indentation that all lines share, so one must have none; blank lines do not count.
    return any(line and line[0] != " " for line in lines)


def indented(parts: Sequence[str | tuple[str]], indent: int) -> str:
    """An indented string, for what is ``indentable``, that begins in a line indented by ``indent`` columns."""
    margin = " " * (indent + 2)
    out = ["\n"]
    fresh = True  # at the start of a line; empty ones get no margin
    for i, part in enumerate(parts):
        if isinstance(part, tuple):
            out.append(margin + part[0] if fresh else part[0])
            fresh = False
            continue
        reject_nul(part)
        for k, line in enumerate(_escape_indented(part, "${" if i + 1 < len(parts) else "''").split("\n")):
            if k:
                out.append("\n")
                fresh = True
            if line:
                out.append(margin + line if fresh else line)
                fresh = False
    if fresh:
        out.append(" " * indent)
    return "''" + "".join(out) + "''"


def _escape_indented(text: str, follows: str) -> str:
    if "'" not in text and "$" not in text:
        return text
    out = []
    i = 0
    size = len(text)
    text += follows

    def opens(at: int) -> bool:
        """Whether the dollar sign there needs an escape: it stands before a brace or an interpolation."""
        return text[at] == "$" and (text[at + 1] == "{" if at < size - 1 else at < size and follows == "${")

    while i < size:
        char = text[i]
        end = i + 1
        if char == "'":
            while end < size and text[end] == "'":
                end += 1
            if end - i == 2:
                out.append("'''")
            elif end - i == 1 and text[end] != "'" and not opens(end):
                out.append(char)
            else:
                out.append("''\\'" * (end - i))
        else:
            out.append("''$" if opens(i) else char)
        i = end
    return "".join(out)


def path(text: str) -> str:
    """A path literal, or the sum of one and a string where a literal cannot have the characters."""
    reject_nul(text)
    if not text:
        raise ValueError("an empty path")
    bare = text.rstrip("/")
    root = text.startswith("/")
    if not bare or bare == ".":
        return "/." if root else "./."
    if not root and not bare.startswith(("./", "../")):
        bare = "./" + bare
    if not bare.strip(_PATH) and "//" not in bare:
        return bare
    return f"(/. + {quoted([bare])})" if root else f"(./. + {quoted(['/' + bare.removeprefix('./')])})"
