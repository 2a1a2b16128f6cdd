"""A small lexer of Nix, for the fragments and files of the user's: what is out of balance, which paths, which names.

It follows the token rules of Nix's own lexer (``src/libexpr/lexer.l`` of Nix 2.8: the longest match wins, so ``a/b`` is
a path and ``x:y`` an URI) and knows of the grammar only brackets, ``let … in``, and which names are bound rather than
used. It keeps its own stack and looks at each character a bounded number of times, so that neither deep nor long input
hurts.
"""

from __future__ import annotations

import re

from nxcc.records import NamedTuple

KEYWORDS = frozenset(("if", "then", "else", "assert", "with", "let", "in", "rec", "inherit", "or"))


class Problem(NamedTuple):
    """What is wrong, at ``start`` to ``end`` (offsets in characters).

    ``kind`` is "unclosed" (an opener: bracket, ``${`` or ``let``; ``other`` is where this showed, or -1 for the end),
    "unopened" (a closer), "mismatch" (a closer; ``other`` is the opener that it does not fit), "semicolon" (a stray
    one), "string" or "comment" (the opener of an unclosed one) or "empty" (nothing but blanks and comments).
    """

    kind: str
    start: int
    end: int
    other: int = -1


class PathUse(NamedTuple):
    """A path literal as written: relative, absolute, ``~/x`` or ``<x>``; ``interpolated`` with ``${}`` inside."""

    text: str
    start: int
    end: int
    interpolated: bool


class Scan(NamedTuple):
    """What was found. There is at most one problem: behind the first, the rest of a text has no meaning.

    ``names`` are identifiers used as variables, whether bound in the text or not. ``selections`` are the pairs
    ``("secret", NAME)`` and ``("script", NAME)`` that the text selects, each once, in order.
    """

    problems: tuple[Problem, ...]
    paths: tuple[PathUse, ...]
    names: frozenset[str]
    selections: tuple[tuple[str, str], ...] = ()


def scan(text: str, *, body: bool = False) -> Scan:
    """Look over a Nix expression or, with ``body``, over what stands between the braces of a set."""
    scanner = _Scanner(text, body)
    scanner.run()
    return Scan(
        tuple(scanner.problems),
        tuple(scanner.paths),
        frozenset(scanner.names),
        tuple(dict.fromkeys(scanner.selections)),
    )


_PATH_CHAR = "[a-zA-Z0-9._+-]"
# Possessive quantifiers throughout: nothing is tried twice.
_BLANK = re.compile(r"(?:[ \t\r\n]++|#[^\r\n]*+)+")
_RUN = re.compile(f"{_PATH_CHAR}*+")
_PATH_REST = re.compile(r"[a-zA-Z0-9._+/-]*+")
_SEARCHED = re.compile(f"<{_PATH_CHAR}++(?:/{_PATH_CHAR}++)*>")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*+")
_URI_REST = re.compile(r":[a-zA-Z0-9%/?:@&=+$,_.!~*'-]++")
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_'-]*+")
_NUMBER = re.compile(r"(?:[1-9][0-9]*+\.[0-9]*+|0?\.[0-9]++)(?:[eE][+-]?[0-9]++)?|[0-9]++")
_OPERATOR = re.compile(r"\.\.\.|==|!=|<=|>=|->|&&|\|\||//|\+\+|\$\{|.", re.DOTALL)
_STRING = re.compile(r'(?:[^"\\$]++|\\.|\$[^{"\\]|\$(?=["\\]))*', re.DOTALL)
_INDENTED = re.compile(r"(?:[^'$]++|\$[^{']|\$(?=')|''\$|'''|''\\.|'(?!'))*", re.DOTALL)
_PLAIN = re.compile(r'"([^"\\$]*+)"')

_CLOSERS = {")": "(", "]": "[", "}": "{"}
_SELECTED = ("secret", "script")


class _Frame:
    """An open bracket, string or ``let``.

    ``owed`` counts the semicolons that ``with`` and ``assert`` still wait for. ``mode`` says how names read in a set,
    a pattern or a ``let``: "key" before ``=`` or ``?``, "value" behind it, "inherit" and "from" in ``inherit a`` and
    ``inherit (x) a``.
    """

    __slots__ = ("interpolated", "kind", "mode", "owed", "start")

    def __init__(self, kind: str, start: int) -> None:
        self.kind = kind
        self.start = start
        self.owed = 0
        self.mode = "key" if kind in ("{", "let", "body") else "value"
        self.interpolated = False


class _Scanner:
    """Goes through a text once. ``frames[0]`` is the text itself; ``previous`` the last token, "" for a value."""

    def __init__(self, text: str, body: bool) -> None:
        self.text = text
        self.position = 0
        self.frames = [_Frame("body" if body else "top", 0)]
        self.problems: list[Problem] = []
        self.paths: list[PathUse] = []
        self.names: set[str] = set()
        self.selections: list[tuple[str, str]] = []
        self.previous = ";"
        self.head = ""
        # Up to here there begins no path, no URI: what follows the run of their characters is known.
        self.no_path = 0
        self.no_uri = 0

    def run(self) -> None:
        """Scan to the end or to the first problem."""
        size = len(self.text)
        tokens = 0
        while self.position < size and not self.problems:
            kind = self.frames[-1].kind
            if kind == '"':
                self.string(_STRING, '"')
            elif kind == "''":
                self.string(_INDENTED, "''")
            elif kind == "path":
                self.path()
            elif blank := _BLANK.match(self.text, self.position):
                self.position = blank.end()
            elif self.text.startswith("/*", self.position):
                self.comment()
            else:
                tokens += 1
                self.token()
        if self.problems:
            return
        if self.frames[-1].kind == "path":
            self.path()
        last = self.frames[-1]
        if last.kind in ('"', "''"):
            self.problem("string", last.start, len(last.kind))
        elif len(self.frames) > 1:
            self.problem("unclosed", last.start, len(last.kind))
        elif not tokens and last.kind == "top":
            self.problems.append(Problem("empty", 0, size))

    def problem(self, kind: str, start: int, length: int, other: int = -1) -> None:
        """Note a problem; the scan ends with it."""
        self.problems.append(Problem(kind, start, start + length, other))

    def comment(self) -> None:
        """A comment from ``/*`` on."""
        end = self.text.find("*/", self.position + 2)
        if end < 0:
            self.problem("comment", self.position, 2)
        self.position = end + 2

    def string(self, content: re.Pattern[str], quote: str) -> None:
        """The content of a string up to its end or an interpolation."""
        match = content.match(self.text, self.position)
        self.position = match.end() if match else self.position
        if self.text.startswith(quote, self.position):
            self.position += len(quote)
            self.frames.pop()
        elif self.text.startswith("${", self.position):
            self.open("${")
        else:
            self.position = len(self.text)

    def path(self) -> None:
        """The rest of a path: up to its end, or an interpolation."""
        frame = self.frames[-1]
        match = _PATH_REST.match(self.text, self.position)
        self.position = match.end() if match else self.position
        if self.text.startswith("${", self.position):
            frame.interpolated = True
            self.open("${")
            return
        self.frames.pop()
        self.paths.append(
            PathUse(self.text[frame.start : self.position], frame.start, self.position, frame.interpolated)
        )

    def open(self, kind: str, length: int = 0) -> None:
        """Push a frame for the opener at the position, and go behind it."""
        self.frames.append(_Frame(kind, self.position))
        self.position += length or len(kind)
        self.previous = kind

    def token(self) -> None:
        """One token outside strings, blanks and comments."""
        text, start = self.text, self.position
        char = text[start]
        if self.path_begins():
            self.frames.append(_Frame("path", start))
            self.position += char == "~"
            self.value()
        elif (char == "<") and (match := _SEARCHED.match(text, start)):
            self.paths.append(PathUse(match.group(), start, match.end(), False))
            self.position = match.end()
            self.value()
        elif end := self.uri_end():
            self.position = end
            self.value()
        elif match := _NAME.match(text, start):
            self.position = match.end()
            self.name(match.group(), start)
        elif match := _NUMBER.match(text, start):
            self.position = match.end()
            self.value()
        elif char == '"':
            if self.head and self.previous == "." and (match := _PLAIN.match(text, start)):
                self.selections.append((self.head, match.group(1)))
            self.value()
            self.frames.append(_Frame('"', start))
            self.position += 1
        elif text.startswith("''", start):
            self.value()
            self.frames.append(_Frame("''", start))
            self.position += 2
        else:
            self.operator()

    def value(self) -> None:
        """Remember that the last token is a value of its own."""
        self.previous = ""
        self.head = ""

    def path_begins(self) -> bool:
        """Whether a path literal begins here: at least one ``/`` with something behind it."""
        text, start = self.text, self.position
        if text[start] == "~":
            slash = start + 1
        elif start < self.no_path:
            return False
        else:
            match = _RUN.match(text, start)
            slash = match.end() if match else start
        if text.startswith("/", slash):
            behind = text[slash + 1 : slash + 3]
            if behind == "${" or _RUN.fullmatch(behind[:1] or "/"):
                return True
        self.no_path = max(self.no_path, slash)
        return False

    def uri_end(self) -> int:
        """The end of the URI that begins here, or 0."""
        if self.position < self.no_uri:
            return 0
        scheme = _SCHEME.match(self.text, self.position)
        if not scheme:
            return 0
        rest = _URI_REST.match(self.text, scheme.end())
        if not rest:
            self.no_uri = scheme.end()
            return 0
        return rest.end()

    def name(self, name: str, start: int) -> None:
        """An identifier or keyword."""
        frame = self.frames[-1]
        previous, self.previous = self.previous, ""
        if name == "or" or name not in KEYWORDS:
            if previous == ".":
                if self.head:
                    self.selections.append((self.head, name))
                self.head = ""
                return
            self.head = ""
            used = frame.mode in ("value", "inherit") and previous not in ("?", "@") and name != "or"
            if used and not self.binds():
                self.names.add(name)
                self.head = name if name in _SELECTED else ""
            return
        self.head = ""
        self.previous = name
        if name in ("with", "assert"):
            frame.owed += 1
        elif name == "inherit" and frame.mode == "key":
            frame.mode = "inherit"
        elif name == "let":
            blank = _BLANK.match(self.text, self.position)
            # The old form `let { body = …; }` has no `in`.
            if not self.text.startswith("{", blank.end() if blank else self.position):
                self.frames.append(_Frame("let", start))
        elif name == "in":
            self.close("in", "let", start)

    def binds(self) -> bool:
        """Whether the identifier just read is a function's argument: ``x:`` or ``x@``."""
        blank = _BLANK.match(self.text, self.position)
        behind = blank.end() if blank else self.position
        return self.text[behind : behind + 1] in (":", "@")

    def operator(self) -> None:
        """Brackets, separators and operators."""
        start = self.position
        match = _OPERATOR.match(self.text, start)
        operator = match.group() if match else self.text[start]
        frame = self.frames[-1]
        if operator in ("(", "[", "{", "${"):
            if operator == "(" and frame.mode == "inherit":
                frame.mode = "from"
            self.open(operator)
            self.head = ""
            return
        self.position += len(operator)
        if operator in _CLOSERS:
            opener = _CLOSERS[operator]
            self.close(operator, "${" if operator == "}" and frame.kind == "${" else opener, start)
            self.value()
            return
        if operator == ";":
            self.semicolon(start)
            self.head = ""
        else:
            if operator in ("=", "?") and frame.mode == "key":
                frame.mode = "value"
                operator = "="
            elif operator == "," and frame.kind == "{":
                frame.mode = "key"
            if operator != ".":
                self.head = ""
        self.previous = operator

    def close(self, closer: str, opener: str, start: int) -> None:
        """Leave the innermost frame, which ``opener`` must have begun."""
        frame = self.frames[-1]
        if frame.kind == opener:
            self.frames.pop()
        elif len(self.frames) == 1:
            self.problem("unopened", start, len(closer))
        else:
            self.problem("mismatch", start, len(closer), frame.start)

    def semicolon(self, start: int) -> None:
        """A ``;``: the end of a definition, or what a ``with`` or ``assert`` waits for, or one too many."""
        frame = self.frames[-1]
        if frame.owed:
            frame.owed -= 1
        elif frame.kind in ("{", "let", "body"):
            frame.mode = "key"
        elif any(outer.kind in ("{", "let", "body") for outer in self.frames):
            # A definition ends although a bracket in it is still open.
            self.problem("unclosed", frame.start, len(frame.kind), start)
        else:
            self.problem("semicolon", start, 1)
