"""Syntax errors: each where it is and in the user's words, all of a file, none that follows from another."""

from __future__ import annotations

import os
import random
import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from syntax_errors import MISTAKES
from syntax_tools import errors_of

from nxcc.diagnostics.core import Log, Source
from nxcc.diagnostics.text import render
from nxcc.syntax import tables
from nxcc.syntax.builder import Builder
from nxcc.syntax.newlines import Newlines
from nxcc.syntax.parser import MAX_BYTES, MAX_SYNTAX_ERRORS, parse

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Diagnostic

CASES = os.path.join(os.path.dirname(__file__), "cases")


def line(error: Diagnostic) -> str:
    """A diagnostic in one line, as in ``syntax_errors.py``."""
    assert error.span
    row, column = error.span.source.position(error.span.start)
    parts = [f"{error.code} {row}:{column} {error.message}"]
    parts += [error.label] if error.label else []
    for label in error.secondary:
        row, column = label.span.source.position(label.span.start)
        parts.append(f"{row}:{column} {label.text}")
    return " | ".join([*parts, *(f"help: {text}" for text in error.help), *(f"note: {text}" for text in error.notes)])


@pytest.mark.parametrize(("source", "expected"), MISTAKES, ids=[repr(source)[:60] for source, _ in MISTAKES])
def test_mistakes(source: str, expected: tuple[str, ...]) -> None:
    errors = errors_of(source)
    assert tuple(line(error) for error in errors) == expected
    for error in errors:
        assert error.span
        assert 0 <= error.span.start <= error.span.end <= len(source)
        assert error.message[0] == error.message[0].lower() or error.message[0] == "`"
        assert not error.message.endswith(".")


def test_no_terminal_is_ever_named() -> None:
    names = {terminal.name for terminal in tables.build(Builder(), Newlines()).lexer_conf.terminals} | {
        "$END",
        "SEMICOLON",
    }
    # What the user wrote, and words for places to fill in (`let NAME = VALUE`), are in backticks.
    for source, _ in MISTAKES:
        for error in errors_of(source):
            said = " ".join([error.message, error.label, *error.help, *error.notes, *(x.text for x in error.secondary)])
            plain = re.sub(r"``[^`]*`[^`]*`[^`]*``|`[^`]*`", "", said)
            assert not set(re.findall(r"[$A-Z_]{3,}[A-Z_]*", plain)) & names, said
            assert "Token(" not in said


@pytest.mark.parametrize("name", sorted(name for name in os.listdir(CASES) if name.startswith("syntax-")))
def test_cases(name: str) -> None:
    with open(os.path.join(CASES, name, "env.nxc"), encoding="utf-8") as file:
        text = file.read()
    with open(os.path.join(CASES, name, "expected", "diagnostics.txt"), encoding="utf-8") as file:
        expected = file.read()
    assert render(errors_of(text), color=False) == expected


MANY = """\
role a {
  ports 80 =
  packages htop git
  service x { a = 1; b = = 2; c = 3 }
  when a = 1 {
    ports 1
  } else {
    prots 2
  }
  file "/x" = \"\"\"
    ${a b}
  \"\"\"
  x = f(1
  y = 3
}
let x = 5MB
role b {
  pakages htop
}
param p = 3
let ok = 1
"""


def test_independent_errors_are_all_found() -> None:
    found = [error.span.source.position(error.span.start)[0] for error in errors_of(MANY) if error.span]
    assert found == [2, 4, 5, 11, 13, 16, 18, 20]


def test_errors_of_a_huge_file_are_limited() -> None:
    assert len(errors_of("let x = = 1\n" * 1000)) == MAX_SYNTAX_ERRORS


@pytest.mark.parametrize("cut", range(0, 900, 7))
def test_a_file_that_ends_anywhere_is_an_error_or_a_tree(cut: int) -> None:
    errors_of(MANY.replace("= = ", "= ")[:cut])


# ------------------------------------------------------------------ robustness


SNIPPETS = [
    "role a {", "}", "{", "(", ")", "[", "]", '"', '"""', "'", "'''", "`", "```", "${", "\\", "\n", ";", ",", ":", "=",
    " ", "a", "a.b", "1", "2GiB", "9x", "let x = ", "param p: int = ", "packages ", "service ", "when ", "else", "if ",
    "then", "for ", "in ", "not ", "and", "..", "++", "-", "->", "<", "==", "./p", "#c\n", "\nrole b {\n", "\ntest ",
    "é", "\0", "\t", "\r", "on-boot x after ", "a.service", "publish 1:", "order 1 ", "\u2028", "\U0001f600", "$",
    "share ", "mount ", " from r at ", "read-only", " mode 0755", " owner ", " needs ", " with ", "user a { uid ",
]  # fmt: skip


@given(st.lists(st.sampled_from(SNIPPETS), max_size=40).map("".join))
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_is_an_error_or_a_tree(text: str) -> None:
    render(errors_of(text), color=False)


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_characters_are_an_error_or_a_tree(text: str) -> None:
    render(errors_of(text), color=False)


def filled(start: str, repeated: str, end: str = "") -> str:
    """A text of the largest size that is read."""
    return start + repeated * ((MAX_BYTES - len(start) - len(end)) // len(repeated)) + end


_random = random.Random(7)
HUGE = {
    "bytes": "".join(chr(_random.randrange(256)) for _ in range(MAX_BYTES)),
    "snippets": "".join(_random.choice(SNIPPETS) for _ in range(MAX_BYTES // 4)),
    "newlines": "\n" * MAX_BYTES,
    "comments": filled("", "#\n"),
    "one comment": filled("#", "a"),
    "blanks": filled("let x", " ", "= 1"),
    "selections": filled("let x = a", ".a"),
    "sums": filled("let x = 1", "+1"),
    "nots": filled("let x = ", "not "),
    "minuses": filled("let x = ", "- "),
    "ifs": filled("let x = ", "if a then b else "),
    "calls": filled("let x = f", "(1)"),
    "whens": filled("role a { when a { } ", "else when a { } ", "}"),
    "a path of keys": filled("role a { a", ".a", " = 1 }"),
    "a name": filled("let x = ", "a"),
    "a number": filled("let x = ", "1"),
    "a string": filled('let x = "', "a", '"'),
    "dollars": filled('let x = "', "$", '"'),
    "quotes": filled('let x = """', '""a', '"""'),
    "backslashes": filled('let x = """', "\\", ' """'),
    "a path": filled("include ./", "a/"),
    "units": filled("role a { on-boot x after ", "a.", "= '' }"),
    "words of on-boot": filled("role a { on-boot x ", "with a needs a.b ", "= '' }"),
    "packages of on-boot": filled("role a { on-boot x with ", "a ", "= '' }"),
    "words of share": filled("role a { share '' ", "mode 0755 ", "}"),
    'an unclosed "': filled('let x = "', "a"),
    'an unclosed """': filled('let x = """\n', "role a { }\n"),
    "an unclosed '''": filled("let x = '''\n", "a\n"),
    "an unclosed ```": filled("let x = ```\n", "a\n"),
    "an unclosed `": filled("let x = `", '"a" '),
    "backticks in an unclosed `": filled("let x = ", "`/*"),
    "apostrophes": filled("let x = ", "' "),
    "errors": filled("", "role a { x = }\n"),
    "errors in a role": filled("role a {\n", "x = = 1\n", "}"),
    "bad escapes": filled("", 'let x = "\\q"\n'),
    "closed brackets": filled("let x = ", "}"),
    "semicolons": filled("", ";"),
    **{
        f"nested {opener}": filled("let x = ", opener)
        for opener in ("(", "[", "{", "{a=", "f(", "a[", '"${', '"""${', "[{a=(")
    },
    "nested blocks": filled("role a {", "b {"),
    "nested whens": filled("role a {", "when a {"),
}


@pytest.mark.parametrize("name", HUGE)
def test_no_text_takes_long(name: str) -> None:
    errors_of("let x = ")  # the tables, and the patterns of a first error
    start = time.process_time()
    log = Log()
    tree = parse(Source("env.nxc", HUGE[name]), log)
    render(log.sorted(), color=False)
    seconds = time.process_time() - start
    assert (tree is None) == bool(log.diagnostics)
    # A second on a machine of its own; tests share theirs, and a quadratic pattern takes minutes.
    assert seconds < 4


def rewrite() -> None:
    """Write what is said now into ``syntax_errors.py`` and the cases: the difference is to be read, line by line."""
    with open(os.path.join(os.path.dirname(__file__), "syntax_errors.py"), encoding="utf-8") as file:
        head = file.read().split("MISTAKES", 1)[0]
    said = [(source, tuple(line(error) for error in errors_of(source))) for source, _ in MISTAKES]
    entries = "".join(f"{pair!r},\n" for pair in said)
    with open(file.name, "w", encoding="utf-8") as file:
        file.write(f"{head}MISTAKES: tuple[tuple[str, tuple[str, ...]], ...] = (\n{entries})\n")
    subprocess.run(["ruff", "format", "-q", file.name], check=True)
    for name in os.listdir(CASES):
        if name.startswith("syntax-"):
            with open(os.path.join(CASES, name, "env.nxc"), encoding="utf-8") as file:
                text = file.read()
            with open(os.path.join(CASES, name, "expected", "diagnostics.txt"), "w", encoding="utf-8") as file:
                file.write(render(errors_of(text), color=False))


if __name__ == "__main__":
    rewrite()
