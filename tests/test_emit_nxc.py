"""What nxcc writes into sources of its own reads back as the same text, and no text becomes a statement."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nxcc.compiler import check_file
from nxcc.emit import nxc
from nxcc.model.values import Attributes, Items, plain

# Compiling lets Python nest deeper than Hypothesis expects.
pytestmark = pytest.mark.filterwarnings("ignore:The recursion limit")

PIECES = st.sampled_from(
    ['"', '"""', "$", "${", "}", "\\", "\n", "\t", "\r", " ", "  ", "#", "'", "`", ";", "\x7f", "\u2028"]
)
TEXTS = st.lists(
    st.one_of(PIECES, st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3)), max_size=16
)
QUICK = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate, Phase.shrink]
)


def read(expression: str) -> Any:
    """What an expression of the language stands for, as Python has it."""
    checked = check_file("env.nxc", source=f"environment lab\nlet x = {expression}\nrole r\n")
    assert checked.environment is not None, (expression, checked.diagnostics)
    return unwrapped(checked.environment.constants[0].value)


def unwrapped(value: Any) -> Any:
    value = plain(value)
    if isinstance(value, Items):
        return [unwrapped(item) for item in value.items]
    if isinstance(value, Attributes):
        return {entry.path[0]: unwrapped(entry.value) for entry in value.entries}
    return value


@QUICK
@given(TEXTS, st.booleans())
def test_strings_read_back(pieces: list[str], ended: bool) -> None:
    text = "".join(pieces) + ("\n" if ended else "")
    for form in (nxc.string(text), nxc.block(text)):
        assert read(form) == text
    assert "\n" not in nxc.string(text)


def test_blocks_are_blocks_where_they_can_be() -> None:
    assert nxc.block("a\n  b\n\nc${d}\n") == '"""\n  a\n    b\n\n  c\\${d}\n  """'
    assert nxc.block("  a\n  b\n") == '"  a\\n  b\\n"'  # all indented: a block would lose that
    assert nxc.block("no end") == '"no end"'


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
NUMBERS = st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
KEYS = st.sampled_from(["a", "b-c", "when", "if", "x y", "${"])
DATA = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@QUICK
@given(DATA)
def test_data_reads_back(data: Any) -> None:
    assert read(nxc.value(data)) == data


@pytest.mark.parametrize(
    "data", [float("nan"), float("inf"), 5e-324, -1e-310, {1}, "\0", "\ud800", ["\0"], {"\0": 1}, b"x"]
)
def test_what_cannot_be_written_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match=r"cannot contain|no value"):
        nxc.value(data)


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("a.nix", "./a.nix"),
        ("../a b.nix", '"../a b.nix"'),
        ("../../x-1/c@d+e%f~.nix", "../../x-1/c@d+e%f~.nix"),
        ('./${x}/"y".nix', '"./\\${x}/\\"y\\".nix"'),
        ("/srv/a.nix", '"/srv/a.nix"'),
        ("é.nix", '"./é.nix"'),
    ],
)
def test_paths(path: str, written: str) -> None:
    assert nxc.path(path) == written


def test_comments_are_one() -> None:
    assert nxc.comment("a\nb\r\x1b[31mc\n\n\u2028d") == "# a\n# b  [31mc\n#\n#  d"
    assert [name for name in ("a", "a-1", "a-", "1a", "if", "a b", "", "é", "a_b", "a\n") if nxc.is_name(name)] == [
        "a",
        "a-1",
        "a_b",
    ]
