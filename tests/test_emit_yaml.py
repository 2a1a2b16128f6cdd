"""YAML against its readers: PyYAML's 1.1 and ruamel's 1.2 get the same data."""

from __future__ import annotations

import io
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from nxcc.emit.yaml import compose_escape, document

TRAPS = (
    "yes no on off y n Y N ~ null Null true True FALSE .5 1. 0o14 014 0x1F 0b11 1e3 12e03 1.5e+3 22:22 1:2:3 1_000 +1 "
    "-1 -.inf .nan .NaN = << 2024-01-01 2024-01-01T00:00:00Z - ? : -- --- ... # a#b a:b a: :a @a `a !a &a *a %a |a >a "
    "[a {a a,b "
    "' \" '' \\ \\n nginx:1.25 ./data:/data ../x 127.0.0.1:80:80 é 日本 \U0001f600 \x85 \u2028 \ufeff \xa0 \x7f"
).split(" ")
CHARACTERS = st.characters(exclude_categories=["Cs"])
BITS = [*TRAPS, " ", "  ", "\n", "\n\n", "\t", "\r", "\r\n", "\0", "\x1b", " #", ": ", "a b\n", "  c\n", "${x}"]
STRINGS = st.one_of(
    st.sampled_from(TRAPS), st.text(CHARACTERS), st.lists(st.sampled_from(BITS), max_size=8).map("".join)
)
SCALARS = st.one_of(
    STRINGS, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.sampled_from([1e16, 1e-7, 0.1])
)
DATA = st.recursive(SCALARS, lambda d: st.lists(d, max_size=4) | st.dictionaries(STRINGS, d, max_size=4), max_leaves=25)


def both(text: str) -> tuple[Any, Any]:
    return yaml.safe_load(text), YAML(typ="safe", pure=True).load(io.StringIO(text))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(DATA, st.text(CHARACTERS))
def test_data_comes_back(data: Any, comment: str) -> None:
    first, second = both(document(data, comment))
    assert first == data
    assert second == data
    assert repr(first) == repr(data) == repr(second)  # 1, 1.0 and True are equal to Python


@pytest.mark.parametrize("text", TRAPS)
def test_traps_come_back_as_strings(text: str) -> None:
    data = {text: text, "list": [text, {text: [text]}]}
    assert both(document(data)) == (data, data)


def test_how_it_looks() -> None:
    data = {
        "services": {
            "web-1": {
                "image": "nginx:1.25",
                "ports": ["127.0.0.1:80:80"],
                "volumes": ["./data:/data"],
                "environment": {"ANSWER": "yes", "SCRIPT": "if a; then\n  b\nfi\n"},
                "privileged": True,
                "cpus": 1.5,
                "tmpfs": [],
            }
        }
    }
    assert (
        document(data, "Made by nxcc.\n\nDo not edit.")
        == """\
# Made by nxcc.
#
# Do not edit.
services:
  web-1:
    image: nginx:1.25
    ports:
      - "127.0.0.1:80:80"
    volumes:
      - ./data:/data
    environment:
      ANSWER: "yes"
      SCRIPT: |
        if a; then
          b
        fi
    privileged: true
    cpus: 1.5
    tmpfs: []
"""
    )


def test_anchors() -> None:
    shared = {"image": "a"}
    equal = {"image": "a"}
    data = {"base service": shared, "b": {"x": shared}, "c": [equal, shared]}
    text = document(data, anchors=True)
    assert text.count("&base-service") == 1
    assert text.count("*base-service") == 2
    assert both(text) == (data, data)
    assert "&" not in document(data)
    assert both(document(data)) == (data, data)


def test_other_types_are_refused() -> None:
    with pytest.raises(yaml.YAMLError):
        document({"a": object()})


def test_compose_escape() -> None:
    assert compose_escape("$a ${b} $$") == "$$a $${b} $$$$"
