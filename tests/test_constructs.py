"""The examples beside Nix: next to no backtick, fewer tokens, and each construct of Nix that the table counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
EQUALITY = Path(__file__).resolve().parent / "equality"
CONSTRUCTS = EXAMPLES.parent / "docs" / "constructs.md"

# Most of them in all examples together.
BACKTICKS = 0
# Most that an environment has of the tokens of the same systems in Nix.
SHARE = 0.65

TOKEN = re.compile(
    r"""
    (?P<comment> \#[^\n]* )
  | (?P<text> \"{3} .*? \"{3} | '{3} .*? '{3} | '' (?: [^'] | '(?!') | ''[$'\\] )* ''
            | \" (?: [^"\\] | \\. )* \" | ' [^'\n]* ' )
  | (?P<word> \w (?: \w | -(?=\w) | ' )* )
  | (?P<sign> == | != | <= | >= | \+\+ | // | -> | \.\.\.? | \S )
    """,
    re.VERBOSE | re.DOTALL,
)
# What stands in every tests/equality/NAME.nix around the systems.
HARNESS = re.compile(r"  nixos = role: .*?\n  };\n", re.DOTALL)
# A link to an example and code of it, in a cell of the table.
USE = re.compile(r"\[([a-z0-9-]+)\]\(\.\./examples/([^)]+)\): `(.*?)`(?=; \[|$)")


def tokens(text: str) -> int:
    """Words, signs and strings of a text in either language; what is in a string does not count, nor do comments."""
    return sum(match.lastgroup != "comment" for match in TOKEN.finditer(text))


def test_tokens_are_what_one_would_count() -> None:
    assert tokens("a.b = [ 1 ]; # c") == 8
    assert tokens('x = "a b ${c}"') == tokens("x = ''\n a\n ''${b}''") == tokens('x = """a\n"b" """') == 3
    assert tokens("{ pkgs, ... }: [ a-b ] ++ c") == 11
    assert tokens("x = 'raw'; y = x'") == 7


def test_hardly_any_nix_in_backticks() -> None:
    counted = {str(path): path.read_text().count("`") for path in sorted(EXAMPLES.glob("*/*.nxc"))}
    assert len(counted) > 10
    assert sum(counted.values()) <= BACKTICKS, counted


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in EQUALITY.glob("*.nix") if not path.name.endswith(".composition.nix"))
)
def test_is_shorter_than_the_same_in_nix(name: str) -> None:
    own = EQUALITY / f"{name}.nxc"
    ours = tokens((own if own.exists() else EXAMPLES / name / "env.nxc").read_text())
    by_hand, harness = HARNESS.subn("", (EQUALITY / f"{name}.nix").read_text())
    assert harness == 1
    assert 0 < ours <= SHARE * tokens(by_hand), f"{ours} to {tokens(by_hand)}"


def test_each_construct_is_in_the_example_that_the_table_names() -> None:
    rows = [line.split(" | ") for line in CONSTRUCTS.read_text().splitlines() if "](../examples/" in line]
    assert len(rows) > 50
    used = set()
    for row in rows:
        found = USE.findall(row[-1].removesuffix(" |"))
        assert found, row
        for name, file, code in found:
            assert file.split("/")[0] == name
            assert code in (EXAMPLES / file).read_text(), (file, code)
            used.add(name)
    assert used == {path.name for path in EXAMPLES.iterdir()}
