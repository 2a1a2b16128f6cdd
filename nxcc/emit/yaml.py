"""YAML from plain data, so quoted that readers of YAML 1.1 and of YAML 1.2 get the same.

Sources: yaml.org/type (1.1) and the core schema of YAML 1.2.2, chapter 10.3.
"""

from __future__ import annotations

from typing import Any

# A plain scalar begins with a letter, "_", "/", "./" or "../", which no number or date does, and has single blanks
# and colons inside at most. Everything else is quoted.
_PLAIN = r"(?:[A-Za-z_/]|\.\.?/)[A-Za-z0-9_./@%+=-]*(?:[ :][A-Za-z0-9_./@%+=-]+)*"
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"))


class Merge(str):
    """The type of ``MERGE``: any other ``<<`` is a key like others, and quoted."""

    __slots__ = ()


MERGE = Merge("<<")
"""The key whose value, a dict given elsewhere too, is merged into the dict that it stands in (yaml.org/type/merge)."""


def document(data: object, comment: str = "", anchors: bool = False) -> str:
    """Block-style YAML of dicts, lists, strings, numbers, booleans and None, in the order given.

    ``comment`` goes above it as ``#`` lines. With ``anchors``, an object that is given more than once is written
    once, under an anchor named after the key where it first stands. Other types raise yaml.YAMLError.
    """
    import re
    import sys

    import yaml

    plain = re.compile(_PLAIN)
    names = _anchor_names(data) if anchors else {}

    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, False)

        def ignore_aliases(self, data: object) -> bool:
            return id(data) not in names

        def generate_anchor(self, node: yaml.Node) -> str:
            return next(names[key] for key, made in self.represented_objects.items() if made is node)

    def text(dumper: Dumper, value: str) -> yaml.Node:
        style: str | None = '"'
        if _literal(value):
            style = "|"
        elif plain.fullmatch(value) and value.lower() not in _WORDS:
            style = None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)

    def merge(dumper: Dumper, value: Merge) -> yaml.Node:
        return dumper.represent_scalar("tag:yaml.org,2002:merge", value)

    Dumper.add_representer(str, text)
    Dumper.add_representer(Merge, merge)
    head = "".join([f"# {_printable(line)}".rstrip() + "\n" for line in comment.splitlines()])
    dumped = yaml.dump(
        data, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=sys.maxsize
    )
    return head + str(dumped)


def compose_escape(text: str) -> str:
    """``text`` for a value of a Compose file, where ``$`` would begin a variable."""
    return text.replace("$", "$$")


def _literal(text: str) -> bool:
    """Whether a literal block holds the text exactly: lines of printable characters, none ending in a blank."""
    if "\n" not in text or text[0] in " \n" or text.endswith("\n\n"):
        return False
    return all((line.isprintable() and "\ufeff" not in line and line[-1:] != " ") for line in text.split("\n"))


def _printable(line: str) -> str:
    return "".join([char if char.isprintable() else " " for char in line])


def _anchor_names(data: object) -> dict[int, str]:
    """Names for the lists and dicts that are given more than once, by id."""
    keys: dict[int, str] = {}
    shared: dict[int, str] = {}
    stack: list[tuple[str, Any]] = [("root", data)]
    while stack:
        key, value = stack.pop()
        if not isinstance(value, (dict, list)) or not value:
            continue
        if id(value) in keys:
            shared.setdefault(id(value), "")
            continue
        keys[id(value)] = key
        inside = list(value.items()) if isinstance(value, dict) else [(key, item) for item in value]
        stack.extend(reversed([(str(name), item) for name, item in inside]))
    taken: set[str] = set()
    for each, key in keys.items():  # in the order in which they stand
        if each in shared:
            base = "".join([char if char.isascii() and (char.isalnum() or char in "_-") else "-" for char in key])
            name = base = base.strip("-") or "shared"
            number = 1
            while name in taken:
                number += 1
                name = f"{base}-{number}"
            taken.add(name)
            shared[each] = name
    return shared
