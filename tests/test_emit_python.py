"""Python literals and programs: every string survives, nothing of it becomes code."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nxcc.emit.python import BEGIN, END, WIDTH, literal, program, string

TEXTS = st.text() | st.sampled_from(['"', "'", "\\", "\n", "'''", '"""', "{x}", "\u202e", "\ud800", "\0", "é"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(TEXTS)
def test_strings_are_what_they_were(text: str) -> None:
    written = string(text)
    assert ast.literal_eval(written) == text
    assert written.isprintable()
    assert "\n" not in written


@given(VALUES, st.integers(0, 60))
def test_values_are_what_they_were(value: Any, column: int) -> None:
    assert ast.literal_eval(literal(value, column)) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_python_cannot_write(value: float) -> None:
    with pytest.raises(ValueError, match="no finite number"):
        literal([value])


@pytest.mark.parametrize("value", [(1,), {1: 2}, b"x", {1}])
def test_other_types(value: object) -> None:
    with pytest.raises(TypeError):
        literal(value)


def test_long_values_take_several_lines() -> None:
    value = {"one": ["x" * 40, "y" * 40], "two": [{"three": "z" * 60, "four": ["a" * 30]}], "five": []}
    text = literal(value, 10)
    assert text.splitlines()[:2] == ["{", f'    "one": ["{"x" * 40}", "{"y" * 40}"],']
    assert max(map(len, text.splitlines())) <= WIDTH
    assert ast.literal_eval(text) == value


TEMPLATE = f"import x\n{BEGIN}A = ''\n# Words.\nB: dict[str, int] = {{}}\n{END}print(A)\n"


def test_constants_take_their_places() -> None:
    made = program(TEMPLATE, {"A": '"; import os #', "B": {"k": 1}})
    assert made == f'import x\n{BEGIN}A = \'"; import os #\'\n# Words.\nB: dict[str, int] = {{"k": 1}}\n{END}print(A)\n'


@pytest.mark.parametrize(
    ("text", "constants", "said"),
    [
        ("A = 1\n", {"A": 1}, "has no marks"),
        (TEMPLATE, {"A": 1}, "no value is given for `B: dict"),
        (TEMPLATE, {"A": 1, "B": {}, "C": 1}, "no constants C"),
    ],
)
def test_a_template_and_its_constants_agree(text: str, constants: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        program(text, constants)
