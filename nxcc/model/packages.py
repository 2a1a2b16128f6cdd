"""Packages by name, and declared scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.model import environment as e
from nxcc.model.expressions import Evaluator
from nxcc.model.scope import GLOBAL, NO_KEY, Scope
from nxcc.model.values import (
    UNKNOWN,
    Interpolated,
    Reference,
    SourcePath,
    Unknown,
    Value,
    nix_only,
    plain,
)
from nxcc.model.words import describe
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from collections.abc import Sequence


def package(evaluator: Evaluator, node: t.Expression, scope: Scope) -> Value:
    """A word of ``packages``: a name declared with let, script, package or input means that, any other pkgs'."""
    if isinstance(node, t.NixText):
        return evaluator.value(node, scope)
    keys: list[t.Key] = []
    base = node
    while isinstance(base, t.Select):
        keys.insert(0, base.key)
        base = base.base
    assert isinstance(base, t.Name)
    statement = evaluator.names.values.get(base.text)
    # Of the local names a `let` and a script are packages; a parameter of a profile is none, as one at top level.
    local = base.text in scope.lazy or isinstance(plain(scope.values.get(base.text)), Reference)
    declared = isinstance(statement, t.Let | t.Script | t.Package) or (isinstance(statement, t.Input) and keys)
    if local or declared or base.text == "pkgs":
        value = evaluator.value(node, scope)
        if isinstance(plain(value), Unknown) or nix_only(value):
            return value
        evaluator.log.add("NX0301", node.span, expected="a package", found=describe(value))
        return UNKNOWN
    if isinstance(statement, t.Input):
        return evaluator.value(node, scope)
    names = tuple(evaluator.key(key, scope) for key in keys)
    return UNKNOWN if NO_KEY in names else Reference("pkgs", "pkgs", (base.text, *names))


def libraries(evaluator: Evaluator, nodes: Sequence[t.Expression], scope: Scope) -> tuple[Value, ...]:
    """The words after ``with``: of python3Packages, or of an input."""
    found: list[Value] = []
    for node in nodes:
        value = package(evaluator, node, scope)
        if isinstance(value, Reference) and value.kind == "pkgs" and not _says_pkgs(node):
            value = value._replace(path=("python3Packages", *value.path))
        found.append(value)
    return tuple(found)


def _says_pkgs(node: t.Expression) -> bool:
    while isinstance(node, t.Select):
        node = node.base
    return isinstance(node, t.Name) and node.text == "pkgs"


def script(evaluator: Evaluator, statement: t.Script, scope: Scope = GLOBAL) -> e.Script | None:
    """A declared script; None after an error."""
    language = statement.language.text
    if statement.libraries and language != "python":
        evaluator.log.add(
            "NX0113",
            statement.libraries[0].span,
            name="with",
            where=f"in a {language} script",
            help='name programs in the text: `"${pkgs.jq}/bin/jq"`',
        )
        return None
    content = evaluator.value(statement.value, scope)
    bare = plain(content)
    if isinstance(bare, Unknown):
        return None
    wanted = (SourcePath,) if statement.from_path else (str, Interpolated)
    if not isinstance(bare, wanted) and (statement.from_path or not nix_only(content)):
        expected = "a path" if statement.from_path else "a string"
        evaluator.log.add("NX0301", statement.value.span, expected=expected, found=describe(content))
        return None
    found = libraries(evaluator, statement.libraries, scope)
    if any(isinstance(plain(library), Unknown) for library in found):
        return None
    return e.Script(statement.name.text, language, found, content, statement.span)
