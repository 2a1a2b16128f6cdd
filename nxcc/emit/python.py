"""Literals of Python, and the constants of a program: user strings reach Python through here alone.

A program is a template that is itself a whole program. What stands between its two marks is written anew:

    # --- the environment, as nxcc read it
    NAME = ""
    # --- the same for every environment
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BEGIN = "# --- the environment, as nxcc read it\n"
END = "# --- the same for every environment\n"

WIDTH = 100


def program(text: str, constants: Mapping[str, object]) -> str:
    """A template with the values of its constants.

    Comments and annotations between the marks stay. Raises ValueError where the template has no marks, where a
    constant is not in it, or one of its own is not given.
    """
    head, begin, rest = text.partition(BEGIN)
    old, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("the program has no marks")
    lines, left = [], dict(constants)
    for line in old.splitlines():
        declared, equals, _ = line.partition(" = ")
        name = declared.partition(":")[0]
        if line.startswith("#"):
            lines.append(line)
        elif equals and name in left:
            lines.append(f"{declared} = {literal(left.pop(name), len(declared) + 3)}")
        else:
            raise ValueError(f"no value is given for `{line}`")
    if left:
        raise ValueError(f"the program has no constants {', '.join(left)}")
    return head + begin + "".join(f"{line}\n" for line in lines) + end + tail


def literal(value: object, column: int = 0, indent: int = 0) -> str:
    """A Python literal of None, bool, int, float, str, list and dict, over several lines where one is too long.

    ``column`` is where it begins, ``indent`` that of its line. Raises TypeError for another type, ValueError for a
    float that no literal has.
    """
    flat = _flat(value)
    if column + len(flat) <= WIDTH or not isinstance(value, (list, dict)) or not value:
        return flat
    inner = " " * (indent + 4)
    if isinstance(value, list):
        items = [inner + literal(item, indent + 4, indent + 4) for item in value]
    else:
        items = []
        for key, item in value.items():
            start = f"{inner}{string(key)}: "
            items.append(start + literal(item, len(start), indent + 4))
    opening, closing = "[]" if isinstance(value, list) else "{}"
    return opening + "\n" + "".join(f"{item},\n" for item in items) + " " * indent + closing


def _flat(value: object) -> str:
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, str):
        return string(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        if value - value != 0:
            raise ValueError(f"{value!r} is no finite number")
        return repr(float(value))
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{string(key)}: {_flat(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"{value!r} is no value that Python code is written for")


def string(text: str) -> str:
    """A string literal; what does not print is escaped, a mark of direction too."""
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is no string")
    quote = "'" if '"' in text and "'" not in text else '"'
    return quote + "".join([_character(char, quote) for char in text]) + quote


def _character(char: str, quote: str) -> str:
    if char in (quote, "\\"):
        return "\\" + char
    if char.isprintable():
        return char
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char)
    code = ord(char)
    return short or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}")
