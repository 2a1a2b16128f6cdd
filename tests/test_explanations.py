"""Each wrong example of an explanation gives its code, and each right one compiles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from compiled import compiled, errors_in
from syntax_tools import errors_of, tree_of

from nxcc.diagnostics.catalogue import CATALOGUE
from nxcc.diagnostics.explain import _FILE as FILE
from nxcc.diagnostics.explain import explanation

if TYPE_CHECKING:
    from pathlib import Path

SYNTAX = sorted(code for code in CATALOGUE if code.startswith("NX01"))

VALUES = sorted(code for code in CATALOGUE if code.startswith(("NX02", "NX03")))
# Files that an example includes, as its comment says.
FILES = re.compile(r"^# (\S+\.nxc): (.*)$", re.MULTILINE)

# What is no text, or too long, cannot be shown in one.
WITHOUT_EXAMPLES = ("NX0102", "NX0103", "NX0107")


@pytest.mark.parametrize("code", SYNTAX)
def test_examples(code: str) -> None:
    found = explanation(code)
    assert found is not None
    assert found.title
    if code in WITHOUT_EXAMPLES:
        assert (found.wrong, found.right) == ("", "")
        return
    assert found.right
    tree_of(found.right)
    if code == "NX0125":  # only Nix itself finds that one
        tree_of(found.wrong)
    else:
        assert {error.code for error in errors_of(found.wrong)} == {code}


@pytest.mark.parametrize("code", VALUES)
def test_examples_of_names_and_values(code: str, tmp_path: Path) -> None:
    found = explanation(code)
    assert found is not None
    assert found.title
    for name, content in FILES.findall(found.wrong):
        (tmp_path / name).write_text(content + "\n")
    if CATALOGUE[code].severity == "warning":
        assert {d.code for d in compiled(found.wrong, tmp_path).diagnostics} == {code, "NX0802"}
    else:
        assert {error.code for error in errors_in(found.wrong, tmp_path)} == {code}
    for name, content in FILES.findall(found.right):
        (tmp_path / name).write_text(content + "\n")
    assert not [d for d in compiled(found.right, tmp_path).diagnostics if d.code != "NX0802"]


def test_sections_are_sorted() -> None:
    with open(FILE, encoding="utf-8") as file:
        codes = re.findall(r"^## (NX\d+):", file.read(), re.MULTILINE)
    assert codes == sorted({*codes})
    assert {*codes} <= {*CATALOGUE}
