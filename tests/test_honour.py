"""What becomes of a statement that a flavour cannot honour: NX0704, NX0705, NX0707."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

import nxcc.compiler as compiler
from nxcc.bundle import File
from nxcc.flavours.base import Flavour
from nxcc.flavours.honour import WORDS

if TYPE_CHECKING:
    from nxcc.model.environment import Environment

SOURCE = """environment lab
secret key
profile base { resources { cpus 2; memory 1GiB; disk 2GiB } }
role a : base { share "/srv"; ready port 22; kernel pkgs.linuxPackages; kernel-params "quiet" }
role b : base { mount "/srv" from a; publish 8080:80; on other { after a; publish 8081:80 } }
role c { after a; on strict { publish 8082:80 } }
link a -> b { delay 1ms }
network { trust none }
"""


class Strict(Flavour):
    """Honours nothing."""

    name: ClassVar[str] = "strict"
    platform: ClassVar[str] = "tests"
    summary: ClassVar[str] = "a flavour of the tests"
    ignores: ClassVar[dict[str, tuple[str, str]]] = dict.fromkeys(WORDS, ("error", "it is strict"))

    def plan(self, environment: Environment) -> list[File]:
        return []


class Lax(Strict):
    """Warns of two."""

    name: ClassVar[str] = "lax"
    ignores: ClassVar[dict[str, tuple[str, str]]] = {"cpus": ("warning", "it has one"), "links": ("warning", "none")}


FLAVOURS = {"strict": Strict, "lax": Lax, "other": Strict}


@pytest.fixture(autouse=True)
def _flavours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "find", lambda name: FLAVOURS[name]() if name in FLAVOURS else None)
    monkeypatch.setattr(compiler, "names", lambda: ("strict", "lax"))


def lines(*flavours: str) -> list[tuple[str, int, str]]:
    """Code, line and message of each diagnostic."""
    found = compiler.check_file("env.nxc", flavours=flavours, source=SOURCE)
    return [(d.code, d.span.source.position(d.span.start)[0], d.message) for d in found.diagnostics if d.span]


def test_every_use_is_refused_at_its_line() -> None:
    found = lines("strict")
    assert {code for code, _, _ in found} == {"NX0704"}
    assert {(line, message.split("honour ")[1]) for _, line, message in found} == {
        (2, "`secret`"),
        (3, "`cpus`"),
        (3, "`memory`"),
        (3, "`disk`"),
        (4, "`share`"),
        (4, "`ready`"),
        (4, "`kernel`"),
        (4, "`kernel-params`"),
        (5, "`mount`"),
        (5, "`publish`"),
        (6, "`after`"),
        (6, "`publish`"),
        (7, "`link`"),
        (8, "`trust none`"),
    }
    # What two roles have from one profile is said once, and what holds in another flavour only not at all.
    assert len(found) == 14


def test_loss_that_matters_little_is_a_warning() -> None:
    found = compiler.check_file("env.nxc", flavours=("lax",), source=SOURCE)
    assert found.ok
    assert [(d.code, d.notes) for d in found.diagnostics] == [("NX0705", ("it has one",)), ("NX0705", ("none",))]


def test_all_leaves_out_what_cannot() -> None:
    found = compiler.compile_file("env.nxc", ("all",), source=SOURCE)
    assert found.ok
    assert found.flavours == ("lax",)
    assert [d.code for d in found.diagnostics if d.code == "NX0707"] == ["NX0707"]


def test_a_flavour_asked_for_by_name_is_not_left_out() -> None:
    found = compiler.check_file("env.nxc", flavours=("all", "strict"), source=SOURCE)
    assert not found.ok
    assert "NX0707" not in {d.code for d in found.diagnostics}
