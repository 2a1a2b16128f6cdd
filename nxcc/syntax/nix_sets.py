"""Definitions in Nix files, read without Nix: which names a set has, and values that are plain data.

What a value is computed from is not followed, but for names of a ``let`` around it. For files that a person wrote and
that Nix itself cannot be asked about.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nxcc.records import NamedTuple
from nxcc.syntax.nix import _Scanner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Token(NamedTuple):
    """A token: ``kind`` is "string", "path" or the token itself; ``depth`` how many brackets and lets it is in."""

    kind: str
    text: str
    start: int
    end: int
    depth: int


class Definition(NamedTuple):
    """``a.b = value;``: the names (None for a computed one), and the tokens of the value, none for an ``inherit``."""

    path: tuple[str | None, ...]
    value: tuple[Token, ...]
    start: int
    end: int


class Computed(Exception):  # no error: what the text alone does not tell
    """Raised where a value is no plain data; the tokens that it is made of."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tuple(tokens)
        super().__init__("computed by Nix")


class _Recorder(_Scanner):
    """Keeps the tokens; a string or a path is one, with all that stands in it."""

    def __init__(self, text: str) -> None:
        super().__init__(text, False)
        self.tokens: list[Token] = []

    def token(self) -> None:
        start, depth = self.position, len(self.frames)
        inside = any(frame.kind in ('"', "''", "path") for frame in self.frames)
        super().token()
        if inside or self.problems:
            return
        if len(self.frames) > depth and self.frames[-1].kind in ('"', "''", "path"):
            self.tokens.append(Token("path" if self.frames[-1].kind == "path" else "string", "", start, start, depth))
            return
        text = self.text[start : self.position]
        closes = text in (")", "]", "}", "in") and len(self.frames) < depth
        self.tokens.append(Token(text, text, start, self.position, depth - closes))

    def string(self, content: re.Pattern[str], quote: str) -> None:
        depth = len(self.frames)
        super().string(content, quote)
        self._ended(depth)

    def path(self) -> None:
        depth = len(self.frames)
        super().path()
        self._ended(depth)

    def _ended(self, depth: int) -> None:
        """Complete the token of a string or a path that has come to its end."""
        outer = any(frame.kind in ('"', "''", "path") for frame in self.frames)
        if len(self.frames) < depth and not outer:
            last = self.tokens[-1]
            self.tokens[-1] = last._replace(text=self.text[last.start : self.position], end=self.position)


def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a text, up to the first thing in it that is no Nix."""
    recorder = _Recorder(text)
    recorder.run()
    return tuple(token for token in recorder.tokens if token.text)


def result(found: Sequence[Token], names: dict[str, tuple[Token, ...]]) -> tuple[Token, ...]:
    """What an expression comes to: behind heads of functions, ``let … in``, ``with`` and parentheses around it all.

    What the lets define is added to ``names``.
    """
    while found:
        first, depth = found[0], found[0].depth
        if first.kind in ("{", "(") and (end := _closing(found, 0)):
            behind = found[end + 1].kind if end + 1 < len(found) else ""
            if first.kind == "{" and behind == ":":
                found = found[end + 2 :]
                continue
            if first.kind == "{" and behind == "@":
                found = found[end + 4 :]
                continue
            if first.kind == "(" and not behind:
                found = found[1:end]
                continue
            break
        if _is_name(first) and len(found) > 1 and found[1].kind in (":", "@"):
            found = found[2:]
        elif first.kind == "let":
            end = next((i for i, token in enumerate(found) if token.kind == "in" and token.depth == depth), 0)
            for definition in definitions(found[1:end]):
                if len(definition.path) == 1 and definition.path[0] is not None and definition.value:
                    names[definition.path[0]] = definition.value
            found = found[end + 1 :] if end else ()
        elif first.kind in ("with", "assert"):
            end = next((i for i, token in enumerate(found) if token.kind == ";" and token.depth == depth), 0)
            found = found[end + 1 :] if end else ()
        else:
            break
    return tuple(found)


def members(found: Sequence[Token]) -> tuple[Definition, ...]:
    """The definitions of a set, which is all that the tokens are; Computed where they are something else."""
    at = 1 if found and found[0].kind == "rec" else 0
    if at >= len(found) or found[at].kind != "{" or _closing(found, at) != len(found) - 1:
        raise Computed(found)
    return tuple(definitions(found[at + 1 : -1]))


def definitions(found: Sequence[Token]) -> Iterator[Definition]:
    """What stands between the braces of a set, or between ``let`` and ``in``."""
    at = 0
    while at < len(found):
        depth = found[at].depth
        stop, equals, owed = at, -1, 0
        while stop < len(found) and not (found[stop].kind == ";" and found[stop].depth == depth and not owed):
            token = found[stop]
            if token.depth == depth:
                owed += (token.kind in ("with", "assert")) - (token.kind == ";")
                if token.kind == "=" and equals < 0:
                    equals = stop
            stop += 1
        if found[at].kind == "inherit":
            for token in found[at + 1 : stop]:
                if token.depth == depth and token.kind not in ("(", ")"):
                    yield Definition((_key(token),), (), token.start, token.end)
        elif equals > at:
            path = tuple(_key(token) for token in found[at:equals] if token.depth == depth and token.kind != ".")
            value = tuple(found[equals + 1 : stop])
            yield Definition(path, value, found[at].start, found[equals - 1].end)
        at = stop + 1


def flattened(found: Sequence[Definition]) -> Iterator[Definition]:
    """The same with sets taken apart: ``a = { b.c = 1; };`` is ``a.b.c = 1;``."""
    for definition in found:
        try:
            inner = members(definition.value)
        except Computed:
            yield definition
            continue
        for one in flattened(inner):
            yield one._replace(path=(*definition.path, *one.path))


def operands(found: Sequence[Token], operator: str) -> tuple[tuple[Token, ...], ...]:
    """The parts of an expression between the operators that stand in no brackets."""
    parts: list[list[Token]] = [[]]
    depth = found[0].depth if found else 0
    for token in found:
        if token.kind == operator and token.depth == depth:
            parts.append([])
        else:
            parts[-1].append(token)
    return tuple(map(tuple, parts))


def selection(found: Sequence[Token]) -> tuple[str, ...]:
    """The names of ``a.b.c``; () for anything else."""
    names, dots = found[::2], found[1::2]
    if not found or len(found) % 2 == 0 or not all(map(_is_name, names)) or any(dot.kind != "." for dot in dots):
        return ()
    return tuple(token.text for token in names)


def data(found: Sequence[Token], names: Mapping[str, Sequence[Token]]) -> Any:
    """A value that is plain data: number, string, boolean, null, a list or a set of such; else Computed."""
    if len(found) == 1:
        token = found[0]
        if token.kind == "string":
            return text_of(token)
        if token.text.isdigit():
            return int(token.text)
        if token.text in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token.text]
        if token.text in names:
            inner = {name: value for name, value in names.items() if name != token.text}
            return data(names[token.text], inner)
    elif found and found[0].kind == "[" and _closing(found, 0) == len(found) - 1:
        items: list[list[Token]] = []
        for token in found[1:-1]:
            if token.depth == found[0].depth + 1 and token.kind not in ("]", "}", ")"):
                items.append([])
            if not items:
                raise Computed(found)
            items[-1].append(token)
        return [data(item, names) for item in items]
    elif found and found[0].kind in ("{", "rec"):
        content = {}
        for definition in members(found):
            if len(definition.path) != 1 or definition.path[0] is None or not definition.value:
                raise Computed(found)
            content[definition.path[0]] = data(definition.value, names)
        return content
    raise Computed(found)


def text_of(token: Token) -> str:
    """The text that a string stands for; Computed where a part of it is Nix."""
    if token.text.startswith('"'):
        if re.search(r"(?<!\\)(?:\\\\)*\$\{", token.text):
            raise Computed((token,))
        named = {"n": "\n", "r": "\r", "t": "\t"}
        return re.sub(r"\\(.)", lambda m: named.get(m[1], m[1]), token.text[1:-1], flags=re.DOTALL)
    from nxcc.syntax.dedent import dedent

    if re.search(r"(?<!\$)(?<!'')\$\{", token.text):
        raise Computed((token,))
    inner = "".join(dedent((token.text[2:-2],), escapes=False))
    return re.sub(r"''(\$|'|\\(.))", _unescaped, inner, flags=re.DOTALL)


def _unescaped(match: re.Match[str]) -> str:
    if match[2]:
        return {"n": "\n", "r": "\r", "t": "\t"}.get(match[2], match[2])
    return "$" if match[1] == "$" else "''"


def _is_name(token: Token) -> bool:
    return re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_'-]*", token.text) is not None


def _key(token: Token) -> str | None:
    """The name that a token of an attribute's path is; None for one that Nix computes."""
    if token.kind == "string":
        try:
            return text_of(token)
        except Computed:
            return None
    return token.text if _is_name(token) else None


def _closing(found: Sequence[Token], at: int) -> int:
    """Where the bracket at a place is closed; 0 where it is not."""
    depth = found[at].depth
    closer = {"{": "}", "(": ")", "[": "]"}[found[at].kind]
    for index in range(at + 1, len(found)):
        if found[index].depth == depth and found[index].kind == closer:
            return index
    return 0
