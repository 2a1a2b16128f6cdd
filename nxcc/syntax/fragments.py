"""Checks the Nix fragments of a file with the small Nix lexer, at the user's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Label, Span
from nxcc.syntax.nix import scan

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Log
    from nxcc.syntax.tree import NixText


def check_fragments(fragments: list[tuple[NixText, bool]], log: Log) -> bool:
    """Whether all fragments, given with whether each is a module's body, can go into the output as they stand."""
    sound = True
    for fragment, body in fragments:
        found = scan(fragment.text, body=body)

        def place(start: int, end: int, fragment: NixText = fragment) -> Span:
            return Span(fragment.span.source, fragment.start + start, fragment.start + end)

        for problem in found.problems:
            sound = False
            span = place(problem.start, problem.end)
            if problem.kind in ("unclosed", "unopened", "mismatch"):
                labels = {"unclosed": "never closed", "unopened": "closes nothing", "mismatch": "closes another kind"}
                secondary: tuple[Label, ...] = ()
                if problem.kind == "mismatch":
                    secondary = (Label(place(problem.other, problem.other + 1), "opened here"),)
                log.add("NX0120", span, label=labels[problem.kind], secondary=secondary)
            elif problem.kind == "semicolon":
                log.add("NX0121", span, help="a fragment is one expression; several options stand in a `nix` statement")
            elif problem.kind == "empty":
                log.add("NX0124", fragment.span)
            else:
                log.add("NX0123", span, what=problem.kind, label="opened here")
        for path in found.paths:
            if path.text[0] not in "/<~":
                sound = False
                log.add(
                    "NX0122",
                    place(path.start, path.end),
                    help="name files with `package`, `import` or `file … from`, outside the Nix fragment",
                )
    return sound
