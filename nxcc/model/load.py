"""Reads the root file and what it includes, each file once."""

from __future__ import annotations

import os
import sys

from nxcc.diagnostics.core import InputError, Label, Log, Source, Span
from nxcc.model.paths import read_regular
from nxcc.records import NamedTuple
from nxcc.syntax import tree as t
from nxcc.syntax.parser import MAX_BYTES, parse


class Program(NamedTuple):
    """All statements in the order of the files; ``sources`` has the root first."""

    root: Source
    sources: tuple[Source, ...]
    statements: tuple[t.TopStatement, ...]
    folder: str


def load(path: str, log: Log, text: str | None = None) -> Program:
    """Load a program.

    ``path`` is the root file, ``-`` for standard input; with ``text`` nothing is read for it. Raises OSError where the
    root file cannot be read, and InputError where any file has syntax errors.
    """
    folder = os.path.dirname(os.path.abspath(path)) if path != "-" else os.getcwd()
    name = "<stdin>" if path == "-" else path
    absolute = "" if path == "-" else os.path.realpath(path)
    if text is not None:
        data = text.encode("utf-8", "surrogatepass")
    elif path == "-":
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    loader = _Loader(log)
    root = _source(name, absolute, data, None, log)
    if root:
        loader.file(root, folder)
    if log.failed or root is None:
        raise InputError
    return Program(root, tuple(loader.sources), tuple(loader.statements), folder)


def _source(name: str, path: str, data: bytes, span: Span | None, log: Log) -> Source | None:
    """The text of a file, line ends normalised; None, reported, where it is none."""
    if len(data) > MAX_BYTES:
        log.add("NX0103", span or Span(Source(name, "", path), 0, 0), limit=MAX_BYTES // 1024)
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        source = Source(name, _lines(data.decode("utf-8", "replace")), path)
        at = len(_lines(data[: error.start].decode("utf-8", "replace")))
        log.add("NX0102", Span(source, at, at + 1), label=f"byte 0x{data[error.start]:02x}")
        return None
    source = Source(name, _lines(text), path)
    nul = source.text.find("\0")
    if nul >= 0:
        log.add("NX0107", Span(source, nul, nul + 1))
        return None
    return source


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")


class _Loader:
    def __init__(self, log: Log) -> None:
        self.log = log
        self.sources: list[Source] = []
        self.statements: list[t.TopStatement] = []
        self.open: list[tuple[str, str]] = []
        self.done: set[str] = set()

    def file(self, source: Source, folder: str) -> None:
        """Take the statements of a file, and at each include those of the included one."""
        self.sources.append(source)
        self.open.append((source.path, source.name))
        tree = parse(source, self.log)
        root = len(self.open) == 1
        for statement in tree.statements if tree else ():
            if isinstance(statement, t.Include):
                self.include(statement, source, folder)
            elif not root and isinstance(statement, t.Environment | t.Test):
                what = "environment" if isinstance(statement, t.Environment) else "test"
                self.log.add("NX0213", statement.span, what=what, help="move it to the root file")
            else:
                self.statements.append(statement)
        self.open.pop()
        self.done.add(source.path)

    def include(self, statement: t.Include, source: Source, folder: str) -> None:
        named = statement.path
        if isinstance(named, t.String):
            if any(not isinstance(part, str) for part in named.parts):
                self.log.add("NX0314", named.span, what="an interpolated path", help="write the path as it is")
                return
            relative = "".join(part for part in named.parts if isinstance(part, str))
        else:
            assert isinstance(named, t.Path)
            relative = named.text
        absolute = os.path.realpath(os.path.join(folder, relative))
        name = os.path.normpath(os.path.join(os.path.dirname(source.name), relative))
        if absolute in [path for path, _ in self.open]:
            start = [path for path, _ in self.open].index(absolute)
            cycle = " → ".join([name for _, name in self.open[start:]] + [self.open[start][1]])
            self.log.add("NX0502", named.span, cycle=cycle)
            return
        if absolute in self.done:
            return
        try:
            data = read_regular(absolute, MAX_BYTES + 1)
        except FileNotFoundError:
            self.log.add("NX0501", named.span, what="file", path=relative, notes=f"looked for {absolute}")
            return
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.log.add("NX0503", named.span, path=relative, reason=reason)
            return
        found = _source(name, absolute, data, None, self.log)
        self.done.add(absolute)
        if found:
            self.done.discard(absolute)
            self.file(found, os.path.dirname(absolute))


def label(span: Span, text: str = "declared here") -> tuple[Label, ...]:
    """A second place that explains the first, ready for Log.add."""
    return (Label(span, text),)
