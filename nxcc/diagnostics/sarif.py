"""SARIF 2.1.0 (OASIS), which code hosts and editors import as the findings of a static analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc import __version__
from nxcc.diagnostics.catalogue import CATALOGUE
from nxcc.diagnostics.explain import explanation
from nxcc.diagnostics.place import place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nxcc.diagnostics.core import Diagnostic, Span

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(diagnostics: Sequence[Diagnostic], *, color: bool) -> str:
    """A log with one run, also for none; in ASCII. Rules are those of the codes that occur, in order."""
    import json

    codes = sorted({diagnostic.code for diagnostic in diagnostics})
    driver = {"name": "nxcc", "version": __version__, "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(diagnostic, codes.index(diagnostic.code)) for diagnostic in diagnostics],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str) -> dict[str, object]:
    explained = explanation(code)
    entry = CATALOGUE.get(code)
    title = explained.title if explained else entry.message if entry else code
    rule: dict[str, object] = {"id": code, "shortDescription": {"text": title}}
    if entry:
        rule["defaultConfiguration"] = {"level": entry.severity}
    if explained:
        rule["help"] = {"text": explained.text, "markdown": explained.text}
    return rule


def _result(diagnostic: Diagnostic, rule: int) -> dict[str, object]:
    lines = [diagnostic.message + (f": {diagnostic.label}" if diagnostic.label else "")]
    lines += [f"help: {text}" for text in diagnostic.help]
    lines += [f"note: {text}" for text in diagnostic.notes]
    result: dict[str, object] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": diagnostic.severity,
        "message": {"text": "\n".join(lines)},
    }
    if diagnostic.span:
        result["locations"] = [{"physicalLocation": _location(diagnostic.span)}]
    if diagnostic.secondary:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _location(label.span), "message": {"text": label.text}}
            for number, label in enumerate(diagnostic.secondary)
        ]
    return result


def _location(span: Span) -> dict[str, object]:
    from urllib.parse import quote

    # Relative to where nxcc ran, as the hosts want it.
    name = span.source.name
    uri = ("file://" if name.startswith("/") else "") + quote(name, errors="surrogatepass")
    line, column, end_line, end_column = place(span)
    region = {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
    return {"artifactLocation": {"uri": uri}, "region": region}
