"""Text of the language itself, for sources that nxcc writes: strings, paths, names and data, so that they read back.

The rules are those of grammar/nxc.lark: names, escapes of strings and of block strings, numbers, paths.
"""

from __future__ import annotations

import re
from typing import Any

from nxcc.syntax.words import SMALLEST_FLOAT

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9][A-Za-z0-9_]*)*", re.ASCII)
_PATH = re.compile(r"\.\.?(?:/[A-Za-z0-9_.+@%~-]+)+")
_RESERVED = frozenset("if then else for in and or not true false null".split())
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def is_name(text: str) -> bool:
    """Whether a text has the form of a name, and is no reserved word."""
    return _NAME.fullmatch(text) is not None and text not in _RESERVED


def string(text: str) -> str:
    """A string on one line; ValueError for what no source can contain, a NUL or half of a character."""
    found = []
    for index, char in enumerate(text):
        if char == "\0" or "\ud800" <= char <= "\udfff":
            raise ValueError(f"a string cannot contain U+{ord(char):04X}")
        if char == "$" and text.startswith("${", index):
            found.append("\\$")
        elif char in _ESCAPES:
            found.append(_ESCAPES[char])
        else:
            found.append(char if char.isprintable() else f"\\u{{{ord(char):x}}}")
    return f'"{"".join(found)}"'


def block(text: str, indent: str = "  ") -> str:
    """A text that ends with a newline as a block string, else, or where that would change it, as ``string`` does.

    The lines stand below the opening quotes, indented, and so do the closing ones.
    """
    lines = text.split("\n")
    full = [line for line in lines if line.strip(" ")]
    odd = any(not char.isprintable() and char not in "\n\t" for char in text)
    if odd or not full or lines[-1] or len(lines) < 2 or all(line.startswith(" ") for line in full):
        return string(text)
    escaped = text.replace("${", "\\${").replace('"""', '\\"""')
    body = "".join(f"{indent}{line}\n" if line else "\n" for line in escaped.split("\n")[:-1])
    return f'"""\n{body}{indent}"""'


def path(text: str) -> str:
    """A path relative to the source as a path, or as a string where a path has no such characters."""
    if not text.startswith(("./", "../", "/")):
        text = f"./{text}"
    return text if _PATH.fullmatch(text) else string(text)


def key(text: str) -> str:
    """The name of an option or of an attribute, quoted where it must be."""
    return text if _NAME.fullmatch(text) else string(text)


def value(data: Any) -> str:
    """Data (strings, numbers, booleans, None, lists, dicts) as an expression; ValueError for anything else."""
    if data is None or isinstance(data, bool):
        return {None: "null", True: "true", False: "false"}[data]
    if isinstance(data, str):
        return string(data)
    if isinstance(data, int):
        return str(data)
    # Neither infinite nor not a number, nor too near to zero.
    if isinstance(data, float) and data - data == 0 and not 0 < abs(data) < SMALLEST_FLOAT:
        return repr(data)
    if isinstance(data, list | tuple):
        return f"[{', '.join(map(value, data))}]"
    if isinstance(data, dict):
        entries = "; ".join(f"{key(name)} = {value(content)}" for name, content in data.items())
        return f"{{ {entries} }}" if entries else "{ }"
    raise ValueError(f"{data} is no value of the language")


def comment(text: str) -> str:
    """Lines of a comment; whatever is not printable in the text is a blank."""
    lines = ("".join(char if char.isprintable() else " " for char in line).rstrip() for line in text.split("\n"))
    return "\n".join(f"# {line}".rstrip() for line in lines)
