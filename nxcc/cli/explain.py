"""``nxcc explain``: what a code means, with a wrong and a right example."""

from typing import Annotated

import typer

from nxcc.cli.common import closest, complete_codes, misuse, put


def command(
    code: Annotated[
        str,
        typer.Argument(metavar="CODE", show_default=False, autocompletion=complete_codes, help="A code, as in NX0203."),
    ],
) -> None:
    """Explain a diagnostic's code with a wrong and a right example."""
    from nxcc.diagnostics.catalogue import CATALOGUE
    from nxcc.diagnostics.explain import explanation

    found = explanation(code) if code.upper() in CATALOGUE else None
    if found is None:
        misuse(f"no diagnostic has the code `{code}`", *closest(code.upper(), CATALOGUE))
    put(found.text)
