"""Each wrong example of an explanation gives its code, each right one gives nothing; syntax for now."""

from __future__ import annotations

import pytest
from syntax_tools import errors_of, tree_of

from nxcc.diagnostics.catalogue import CATALOGUE
from nxcc.diagnostics.explain import explanation

SYNTAX = sorted(code for code in CATALOGUE if code.startswith("NX01"))

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
