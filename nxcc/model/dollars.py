"""``$name`` in a string, which is text: a hint where the value of a definition is what it looks like.

Shell, nginx and others have variables of that form: nothing is said of texts that are scripts, nor of those with a
``$`` that can only be for somebody else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Label, Span
from nxcc.model.names import KINDS, a, word_of
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nxcc.diagnostics.core import Log
    from nxcc.model.load import Program
    from nxcc.model.names import Names

_NAME = r"[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*"
DOLLAR = re.compile(rf"\$({_NAME})((?:\.{_NAME})*)")
# Texts of a shell: positional and special variables, commands in the text, `$$`.
_SHELL = re.compile(r"\A\s*#!|\$[0-9@*#?!$({-]|`")
# Options and files whose text is run by a shell, or expanded like one's: systemd's ExecStart, NixOS's …Script, …Init.
_SCRIPTS = re.compile(
    r"script|exec|shell|command|hook|init|alias|cron|profile|prompt|(pre|post)-?(start|stop|setup|build|install|boot)"
    r"|(\.|\A)(ba|z)?sh\Z|\.(py|pl|rb|awk)\Z",
    re.IGNORECASE,
)


def look_like_names(program: Program, names: Names, log: Log) -> None:
    """Warn of ``$name`` in strings where a definition that is in scope has that name."""
    known = {name: KINDS[type(one)] for name, one in names.values.items() if not isinstance(one, t.Input | t.Profile)}
    for statement in program.statements:
        for string, scope in _strings(statement, known):
            for span, expression, name in _meant(string, scope, names):
                declared = names.values.get(name)
                secondary = (Label(word_of(declared).span, a(KINDS[type(declared)])),) if declared else ()
                help = f"write `${{{expression}}}`; where a `$` is meant, `'…'` has no interpolation, and no warning"
                log.add("NX0323", span, name=span.source.text[span.start : span.end], help=help, secondary=secondary)


def _strings(node: object, known: Mapping[str, str]) -> Iterator[tuple[t.String, Mapping[str, str]]]:
    """The strings in a node that are no scripts, each with the names that are known there and what they are."""
    if isinstance(node, t.Script | t.OnBoot | t.Ready | t.Test | Span) or not isinstance(node, tuple):
        return
    if isinstance(node, t.Assign | t.Nested) and any(_is_script(key) for key in node.path):
        return
    if isinstance(node, t.File) and _is_script(node.path):
        return
    # What a text of several lines becomes is not known yet: most are scripts.
    if isinstance(node, t.Let) and (_is_script(node.name) or _is_block(node.value)):
        return
    if isinstance(node, t.Apply) and isinstance(node.function, t.Name) and node.function.text == "text":
        return
    if isinstance(node, t.String):
        yield node, known
    local = [word.text for word in _locals(node)]
    if local:
        known = {**known, **dict.fromkeys(local, "")}
    for part in node:
        yield from _strings(part, known)


def _locals(node: tuple[object, ...]) -> Iterator[t.Word]:
    """The names that a node makes known in itself."""
    if isinstance(node, t.Comprehension):
        yield node.name
    elif isinstance(node, t.Profile):
        yield from (parameter.name for parameter in node.parameters)
    elif isinstance(node, t.User):
        yield t.Word("name", node.span)
    elif type(node) is tuple:
        yield from (one.name for one in node if isinstance(one, t.Let))


def _is_script(key: object) -> bool:
    """Whether a name of an option or a path is one of a script."""
    text = key.text if isinstance(key, t.Word) else _text(key) if isinstance(key, t.String) else ""
    return _SCRIPTS.search(text) is not None


def _is_block(node: object) -> bool:
    return isinstance(node, t.String) and node.span.source.text.startswith('"""', node.span.start)


def _text(string: t.String) -> str:
    return "".join(part if isinstance(part, str) else "${}" for part in string.parts)


def _meant(string: t.String, known: Mapping[str, str], names: Names) -> Iterator[tuple[Span, str, str]]:
    """Each ``$name`` of a string that may be meant as a name: its place, the expression, and the name.

    Where some are none of ours, all are somebody else's.
    """
    source, start, end = string.span
    texts = [part for part in string.parts if isinstance(part, str)]
    if source.text[start] != '"' or any(_SHELL.search(text) for text in texts):
        return
    expressions = {}
    for match in (match for text in texts for match in DOLLAR.finditer(text)):
        expression = _expression(match, known, names)
        if not expression or _is_set(expression, "".join(texts)):
            return
        expressions["$" + expression] = expression
    for match in DOLLAR.finditer(source.text, start, end) if expressions else ():
        expression = _expression(match, known, names)
        if expression in expressions.values():
            place = Span(source, match.start(), match.start() + 1 + len(expression))
            yield place, expression, expression.partition(".")[0]


def _expression(match: re.Match[str], known: Mapping[str, str], names: Names) -> str:
    """The expression that ``$name.attribute`` looks like; "" for none."""
    name, attributes = match[1], match[2].split(".")[1:]
    if name == "secret" and attributes and attributes[0] in names.secrets:
        return f"secret.{attributes[0]}"
    while name not in known and "-" in name:
        name, attributes = name.rpartition("-")[0], []
    kind = known.get(name)
    if kind == "role":
        return f"{name}.{attributes[0]}" if attributes and attributes[0] in ("host", "hosts", "count") else ""
    return name if kind is not None else ""


def _is_set(name: str, text: str) -> bool:
    """Whether a text gives a variable of that name a value itself, as scripts and nginx do."""
    word = re.escape(name)
    assigned = rf"(\A|[\s;(]){word}=(?!\"?\${word})|\b(for|read|local|export) {word}\b|\bset \${word}\b"
    return re.search(assigned, text) is not None
