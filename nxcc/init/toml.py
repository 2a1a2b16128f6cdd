"""A TOML file with the places of its keys, which tomllib does not tell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nxcc.diagnostics.core import Source, Span

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Log

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEYS = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_TABLE = re.compile(rf"\s*\[\[?\s*({_KEYS})\s*\]")
_VALUE = re.compile(rf"\s*({_KEYS})\s*=")


class Toml:
    """``data`` is the content; ``span`` where a key of it stands."""

    def __init__(self, source: Source, data: dict[str, Any]) -> None:
        self.source = source
        self.data = data
        self._places: dict[tuple[str, ...], Span] = {}
        table: tuple[str, ...] = ()
        at, quotes = 0, ""
        for line in source.text.split("\n"):
            if quotes:
                quotes = "" if line.count(quotes) % 2 else quotes
            elif match := _TABLE.match(line):
                table = _parts(match[1])
                self._note(table, at, match)
            elif match := _VALUE.match(line):
                self._note((*table, *_parts(match[1])), at, match)
                quotes = next((mark for mark in ('"""', "'''") if line.count(mark) % 2), "")
            at += len(line) + 1

    def _note(self, path: tuple[str, ...], at: int, match: re.Match[str]) -> None:
        span = Span(self.source, at + match.start(1), at + match.end(1))
        for length in range(1, len(path) + 1):
            self._places.setdefault(path[:length], span)
        self._places[path] = span

    def span(self, *path: str) -> Span:
        """The place of a key, or of the table that it is in."""
        while path and path not in self._places:
            path = path[:-1]
        return self._places.get(path, Span(self.source, 0, 1))


def parse(path: str, log: Log) -> Toml | None:
    """The content of a file; None, reported at its place, where it is no TOML. OSError where it cannot be read."""
    import tomllib

    from nxcc.init.compositions import data_file

    source = data_file(path, "TOML", log)
    if source is None:
        return None
    try:
        return Toml(source, tomllib.loads(source.text))
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).partition(" (at ")
        found = re.match(r"line (\d+), column (\d+)", place)
        at = last = max(0, len(source.text) - 1)
        if found:
            starts = [0, *(match.end() for match in re.finditer("\n", source.text))]
            at = min(starts[min(int(found[1]), len(starts)) - 1] + int(found[2]) - 1, last)
        log.add(
            "NX1003", Span(source, at, at + 1), path=source.name, form="TOML", reason=reason[:1].lower() + reason[1:]
        )
        return None


def _parts(keys: str) -> tuple[str, ...]:
    """The names of a dotted key, without quotes."""
    return tuple(key.strip("\"'") for key in re.findall(_KEY, keys))
