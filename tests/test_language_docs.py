"""docs/language.md is true: each of its examples compiles, or gives the code that it is said to give.

A fence ``nxc`` is a whole environment; ``nxc role`` and ``nxc top`` are statements of a role and of the top level, and
``nxc wrong CODE`` in front of those is an example of that error. A fence ``nix`` is a part of the composition.nix of
the example before it, layout aside; a line ``…`` in it stands for anything.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from nix_systems import run_nix
from tools import need

from nxcc.compiler import compile_file
from nxcc.diagnostics.catalogue import CATALOGUE
from nxcc.diagnostics.core import Log, Source
from nxcc.resources import resource
from nxcc.syntax import tree as t
from nxcc.syntax.parser import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nxcc.compiler import Compilation

PAGE = Path(__file__).resolve().parent.parent / "docs" / "language.md"
# The environment around statements of a role: what the page says it is.
BEFORE_ROLE = """environment lab
param workers: int = 2
let api = 6443
secret token
role server { share "/data" }
role worker[workers] { }
role here {
"""
FILES = {
    "motd": "Welcome to the lab\n",
    "module.nix": "{ }\n",
    "tool.nix": "{ stdenv, debug }: stdenv\n",
    "report.py": "print('done')\n",
    "fix.patch": "",
    "id.pub": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8ALxcvIbfAyYfBnYnnJlyRxZpcJ6SpzyQ0gH7v0n1x alice@lab\n",
    "src/main.c": "int main(void) { return 0; }\n",
    "common.nxc": "profile common { packages git }\n",
    "composition.nix": "{ pkgs, ... }: { roles = { server = { }; }; }\n",
}
ALLOWED = {"NX0802", "NX0705"}
"""No lock, a flavour that is not there yet, and what docker cannot honour: said on the page."""


class Example(NamedTuple):
    """An example of the page: its line, its text, how it is wrapped, the code that it gives, the Nix behind it."""

    line: int
    text: str
    kind: str
    code: str
    nix: str

    @property
    def source(self) -> str:
        """A whole environment."""
        if self.kind == "role":
            return f"{BEFORE_ROLE}{self.text}}}\n"
        if self.kind == "top":
            role = "" if re.search(r"^role\b", self.text, re.MULTILINE) else "role other { }\n"
            return f"environment lab\n{self.text}{role}"
        return self.text

    @property
    def start(self) -> int:
        """Where the example's own text begins in ``source``."""
        return len(BEFORE_ROLE) if self.kind == "role" else len("environment lab\n") if self.kind == "top" else 0


def examples() -> list[Example]:
    found: list[Example] = []
    lines = PAGE.read_text().split("\n")
    at = 0
    while at < len(lines):
        opening = re.fullmatch(r"(```+)(\w+)(.*)", lines[at])
        at += 1
        if not opening:
            continue
        start = at
        while lines[at] != opening[1]:
            at += 1
        text = "\n".join(lines[start:at]) + "\n"
        at += 1
        words = opening[3].split()
        if opening[2] == "nix":
            assert found
            assert not found[-1].nix
            found[-1] = found[-1]._replace(nix=text)
        elif opening[2] == "nxc":
            code = words[1] if words[:1] == ["wrong"] else ""
            rest = words[2:] if code else words
            kind = rest[0] if rest else ""
            assert kind in ("", "role", "top"), f"line {start}"
            assert kind or text.startswith("environment "), f"line {start}"
            found.append(Example(start, text, kind, code, ""))
    return found


EXAMPLES = examples()
GOOD = [example for example in EXAMPLES if not example.code]
WRONG = [example for example in EXAMPLES if example.code]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the examples name."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def compiled(example: Example, folder: Path) -> Compilation:
    return compile_file(str(folder / "env.nxc"), ["docker"], source=example.source)


def composition(found: Compilation) -> str:
    return next(file.content.decode() for file in found.files if file.path == "composition.nix")


def squeezed(nix: str) -> str:
    """Nix without layout."""
    return re.sub(r"\s+", "", nix)


def name_of(example: Example) -> str:
    return f"line-{example.line}"


@pytest.mark.parametrize("example", GOOD, ids=name_of)
def test_examples_compile(example: Example, folder: Path) -> None:
    found = compiled(example, folder)
    assert {d.code for d in found.diagnostics} <= ALLOWED, [d.message for d in found.diagnostics]
    written = squeezed(composition(found))
    for part in example.nix.split("\n…\n"):
        assert squeezed(part) in written, composition(found)


@pytest.mark.parametrize("example", WRONG, ids=name_of)
def test_wrong_examples_give_their_code(example: Example, folder: Path) -> None:
    found = compiled(example, folder)
    assert {d.code for d in found.diagnostics if d.severity == "error"} == {example.code}


def test_what_examples_become_is_nix(folder: Path) -> None:
    need("nix-instantiate")
    for example in GOOD:
        (folder / f"{name_of(example)}.nix").write_text(composition(compiled(example, folder)))
    run_nix("nix-instantiate", "--parse", *map(str, sorted(folder.glob("line-*.nix"))))


# ------------------------------------------------------------------ completeness


# Rules of the grammar whose class is not named like them.
CLASSES: dict[str, tuple[type, ...]] = {
    "definition": (t.Assign, t.Nested),
    "flavour": (t.FlavourSettings,),
    "adopted": (t.Role,),
}


def alternatives(rule: str) -> list[str]:
    """The names on the right side of a rule of the grammar."""
    grammar = Path(os.path.join(resource("grammar"), "nxc.lark")).read_text()
    found = re.search(rf"^{rule}:((?:.*\n)(?:[ \t]+\|.*\n)*)", grammar, re.MULTILINE)
    assert found
    return re.findall(r"\w+", found[1])


def bodies(statement: Any) -> Iterator[tuple[str, Any]]:
    """A statement and those inside it, each with the rule that it is an alternative of."""
    yield "_statement", statement
    pending: list[tuple[str, Any]] = []
    if isinstance(statement, t.Role | t.Profile):
        pending += (("_role_statement", inner) for inner in statement.body)
    if isinstance(statement, t.Setup):
        pending += (("_setup_statement", inner) for inner in statement.body)
    while pending:
        rule, inner = pending.pop()
        yield rule, inner
        if isinstance(inner, t.When):
            pending += ((rule, one) for one in (*inner.yes, *inner.no))
        elif isinstance(inner, t.On):
            pending += ((rule, one) for one in inner.body)
        elif isinstance(inner, t.User):
            pending += (("_user_statement", one) for one in inner.body)


def shown() -> set[tuple[str, type, bool]]:
    """What the right examples show: rule, class, and whether it is a role from a composition."""
    found = set()
    for example in GOOD:
        tree = parse(Source("env.nxc", example.source), Log())
        assert tree is not None
        for statement in tree.statements:
            for rule, one in bodies(statement):
                if one.span.start >= example.start:
                    found.add((rule, type(one), isinstance(one, t.Role) and one.adopted is not None))
    return found


@pytest.mark.parametrize("rule", ["_statement", "_role_statement", "_setup_statement", "_user_statement"])
def test_every_statement_has_an_example(rule: str) -> None:
    seen = shown()
    names = alternatives(rule)
    assert len(names) > 4
    for name in names:
        camel = "".join(part.title() for part in name.split("_"))
        kinds = CLASSES.get(name) or (getattr(t, camel),)
        assert any((rule, kind, name == "adopted") in seen for kind in kinds), f"no example of {name}"


def test_codes_on_the_page_are_in_the_catalogue() -> None:
    named = set(re.findall(r"NX\d{4}", PAGE.read_text()))
    assert named <= set(CATALOGUE)


def test_links_on_the_page_lead_to_its_headings() -> None:
    text = PAGE.read_text()
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^(```+)nxc[\s\S]*?^\1$", "", text, flags=re.MULTILINE), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= anchors
