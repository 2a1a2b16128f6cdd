"""Explanations of roles, files, options, flavours and bundles: wrong examples give their code, right ones nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nxcc.compiler import compile_file
from nxcc.diagnostics.catalogue import CATALOGUE
from nxcc.diagnostics.explain import explanation

if TYPE_CHECKING:
    from pathlib import Path

CODES = sorted(code for code in CATALOGUE if "NX04" <= code < "NX0505" or code >= "NX06")

# What needs several files, or comes from the command line or the bundle, has no example.
WITHOUT_EXAMPLES = (
    *("NX0502", "NX0503", "NX0504"),
    *("NX0704", "NX0707"),
    *("NX0801", "NX0802", "NX0803", "NX0804", "NX0805"),
    *("NX1001", "NX1002", "NX1003"),
)


def codes(text: str, folder: Path) -> set[str]:
    """What nxcc says about a source, the note on locks aside."""
    found = compile_file(str(folder / "env.nxc"), ("docker",), source=text)
    return {diagnostic.code for diagnostic in found.diagnostics} - {"NX0802"}


@pytest.mark.parametrize("code", CODES)
def test_examples(code: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    found = explanation(code)
    assert found is not None
    assert found.title
    if code in WITHOUT_EXAMPLES:
        assert (found.wrong, found.right) == ("", "")
        return
    assert codes(found.right, tmp_path) == set()
    assert codes(found.wrong, tmp_path) == {code}
