"""Nix text against real Nix: every value comes back as it was, and the layout is nixfmt's."""

from __future__ import annotations

import json
import operator
import subprocess
import time
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tools import need

from nxcc.emit.nix import (
    GLOBALS,
    KEYWORDS,
    NO_DEFAULT,
    AttrSet,
    Binding,
    Call,
    Expr,
    Formals,
    If,
    Inherit,
    Interp,
    Lambda,
    Let,
    ListOf,
    Negate,
    Not,
    Op,
    PathLit,
    Select,
    Var,
    Verbatim,
    With,
    attribute,
    document,
    expression,
    identifier,
)

# Every example is a batch for one process of Nix; to shrink one would start hundreds.
FEW = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


def nix(text: str, *options: str) -> str:
    command = [need("nix-instantiate"), *options, "-"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode() + text
    return done.stdout.decode()


def evaluated(*nodes: Expr) -> Any:
    return json.loads(nix(document(ListOf(nodes)), "--eval", "--strict", "--json"))


# Strings ------------------------------------------------------------------------------------------------------------

PIECES = (
    "${ '' ' $$ $ \\ \" ` { } ${x} # /* */ a é 日本 \U0001f600 \\n ''' ''${ ''\\ $' '$ b'c \ufeff \x85 \u2028 \x01 \x7f"
).split(" ")
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
STRINGS = st.one_of(
    st.text(CHARACTERS),
    st.lists(st.sampled_from([*PIECES, " ", "  ", "\n", "\n\n", "\n  ", "\t", "\r", "\r\n"]), max_size=12).map("".join),
    # Mostly what can be an indented string.
    st.lists(st.sampled_from([*PIECES, "x\n", "  y\n", "\n", " \n", "\tz\n", "w "]), max_size=9).map("a\n{}".format),
    st.lists(st.sampled_from([*PIECES, "x\n", "  y\n", "\n", "   \n"]), max_size=9).map(lambda p: "".join(p) + "\nb"),
)


@FEW
@given(st.lists(STRINGS, min_size=60, max_size=200))
def test_strings_come_back(strings: list[str]) -> None:
    deep = AttrSet((Binding(("a", "b"), AttrSet((Binding(("c",), ListOf(tuple(strings))),))),))
    assert evaluated(*strings, deep) == [*strings, {"a": {"b": {"c": strings}}}]


@FEW
@given(st.lists(st.lists(st.one_of(STRINGS, STRINGS.map(lambda s: (s,))), max_size=5), min_size=30, max_size=80))
def test_interpolations_come_back(strings: list[list[str | tuple[str]]]) -> None:
    nodes = [Interp(tuple([p if isinstance(p, str) else Var("v" + str(len(p))) for p in parts])) for parts in strings]
    bound = [
        Let((Binding(("v1",), next((p[0] for p in parts if isinstance(p, tuple)), "")),), node)
        for parts, node in zip(strings, nodes, strict=True)
    ]
    expected = []
    for parts in strings:
        value = next((p[0] for p in parts if isinstance(p, tuple)), "")
        expected.append("".join([p if isinstance(p, str) else value for p in parts]))
    assert evaluated(*bound) == expected


def test_interpolated_expressions_of_several_lines() -> None:
    items = ListOf(("a\nb", Interp(("c\n", Verbatim('"d\n  e"'), "\n f")), "g"))
    joined = Call(Select(Var("builtins"), ("concatStringsSep",)), ("\n", items))
    node = Interp(("#!/bin/sh\n  x $", joined, "'", joined, "''\n\n"))
    text = "a\nb\nc\nd\n  e\n f\ng"
    whole = f"#!/bin/sh\n  x ${text}'{text}''\n\n"
    assert evaluated(node, ListOf((node,))) == [whole, [whole]]


@pytest.mark.parametrize("node", ["a\0b", Interp(("\0",)), Verbatim("a\0"), PathLit("./\0"), "x\n\0\ny" * 20])
def test_nul_is_refused(node: Expr) -> None:
    with pytest.raises(ValueError, match="NUL"):
        expression(node)


# Numbers ------------------------------------------------------------------------------------------------------------


@FEW
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=50))
def test_integers_come_back(numbers: list[int]) -> None:
    numbers += [-(2**63), 2**63 - 1, 0, -1]
    called = [Call(Lambda("x", Var("x")), (number,)) for number in numbers]
    assert evaluated(*numbers, *called) == numbers * 2


@FEW
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False), min_size=50))
def test_floats_come_back(numbers: list[float]) -> None:
    numbers += [0.5, 1000.0, 1e300, 1e-7, -1e16, 123456789.123, 0.0]
    # toJSON keeps six digits in old Nix, so Nix itself compares; a float is what 1 / 2 is not 0 with.
    same = [Op("==", number, Call(Var("__fromJSON"), (repr(number),))) for number in numbers]
    kinds = [Call(Var("__isFloat"), (number,)) for number in numbers]
    assert all(evaluated(*same, *kinds))


def test_the_sign_of_zero() -> None:
    assert nix(document(ListOf((-0.0, 0.0))), "--eval", "--strict", "--json").split() == ["[-0,0]"]


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, float("inf"), float("-inf"), float("nan"), 5e-324, -1e-310])
def test_numbers_that_nix_lacks(number: float) -> None:
    with pytest.raises(ValueError, match=r"64 bits|no literal"):
        expression(number)


# Names and paths ----------------------------------------------------------------------------------------------------

NAMES = st.one_of(
    STRINGS,
    st.sampled_from([*sorted(KEYWORDS), "a", "a-b", "a'", "_", "a.b", "", "1a", "é", "true", "null", "__curPos", "-a"]),
)


@FEW
@given(st.lists(NAMES, min_size=50, max_size=150, unique=True))
def test_attribute_names_come_back(names: list[str]) -> None:
    sets = AttrSet(tuple([Binding((name,), i) for i, name in enumerate(names)]))
    nested = AttrSet(tuple([Binding(("x", name, "y"), i) for i, name in enumerate(names)]))
    inherits = AttrSet((Inherit(tuple(names), sets),))
    picked = [Select(Var("s"), (name,)) for name in names]
    has = [Op("?", Var("s"), name) for name in names]
    result = evaluated(sets, nested, inherits, Let((Binding(("s",), sets),), ListOf((*picked, *has))))
    whole = {name: i for i, name in enumerate(names)}
    assert result == [
        whole,
        {"x": {name: {"y": i} for name, i in whole.items()}},
        whole,
        [*range(len(names)), *[True for _ in names]],
    ]


def test_identifiers_are_those_that_nix_takes() -> None:
    command = [need("nix-instantiate"), "--parse", "-E"]
    for name in [*sorted(KEYWORDS), "a", "a'-", "_", "-a", "'a", "1a", "", "é", "a.b", "a b", "true", "ab\n"]:
        done = subprocess.run([*command, f"{name} : {name}"], capture_output=True, check=False)
        assert identifier(name) == (done.returncode == 0 and name.strip() == name), name
        assert attribute(name) == (name if identifier(name) else attribute(name))
        if not identifier(name):
            for node in (Var(name), Lambda(name, 1), AttrSet((Inherit((name,)),))):
                with pytest.raises(ValueError, match="no Nix identifier"):
                    expression(node)


def test_globals_are_those_of_nix() -> None:
    names = json.loads(nix("builtins.attrNames builtins", "--eval", "--strict", "--json"))
    command = [need("nix-instantiate"), "--parse", "-E"]
    for name in names:
        if not name.startswith("__") and name not in GLOBALS:
            assert subprocess.run([*command, name], capture_output=True, check=False).returncode != 0, name
    assert "__add" in GLOBALS
    assert "add" not in GLOBALS


@pytest.mark.parametrize(
    ("text", "printed", "seen"),
    [
        ("./a.nix", "./a.nix", "/w/a.nix"),
        ("a/b", "./a/b", "/w/a/b"),
        ("a", "./a", "/w/a"),
        (".", "./.", "/w"),
        ("./a/", "./a", "/w/a"),
        ("../x", "../x", "/x"),
        ("..", "./..", "/"),
        ("../x y", '(./. + "/../x y")', "/x y"),
        ("./sources/a b", '(./. + "/sources/a b")', "/w/sources/a b"),
        ("./é${x}#", '(./. + "/é\\${x}#")', "/w/é${x}#"),
        ("./a//b", '(./. + "/a//b")', "/w/a/b"),
        ("~/a", '(./. + "/~/a")', "/w/~/a"),
        ("/", "/.", "/"),
        ("/a/b", "/a/b", "/a/b"),
        ("/a b", '(/. + "/a b")', "/a b"),
    ],
)
def test_paths(text: str, printed: str, seen: str, tmp_path: Any) -> None:
    assert expression(PathLit(text)) == printed
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "x.nix").write_text(document(Call(Var("toString"), (PathLit(text),))))
    command = [need("nix-instantiate"), "--eval", "--json", str(folder / "x.nix")]
    result = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert result == (seen if text.startswith("/") else (str(tmp_path) + seen).rstrip("/"))


@pytest.mark.parametrize(
    "bindings",
    [
        (Binding(("a",), 1), Binding(("a",), 2)),
        (Binding(("a", "b"), 1), Binding(("a",), 2)),
        (Binding(("a",), 2), Binding(("a", "b"), 1)),
        (Binding(("a", "b"), 1), Binding(("a",), AttrSet((Binding(("b",), 2),)))),
        (Inherit(("a",)), Binding(("a",), 2)),
        (Inherit(("a", "a"), Var("x")),),
    ],
)
def test_an_attribute_defined_twice_is_refused(bindings: tuple[Binding | Inherit, ...]) -> None:
    for node in (AttrSet(bindings), Let(bindings, 1), ListOf((AttrSet(bindings),))):
        with pytest.raises(ValueError, match="defined twice"):
            expression(node)


def test_a_set_in_pieces_merges() -> None:
    pieces = (Binding(("a", "b"), 1), Binding(("a",), AttrSet((Binding(("c",), 2),))), Binding(("a", "d", "e"), 3))
    assert evaluated(AttrSet(pieces)) == [{"a": {"b": 1, "c": 2, "d": {"e": 3}}}]


# Trees --------------------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    node: Expr
    value: Any


def pair(function: Any, make: Any, *arguments: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    """Cases made of others: ``make`` of their nodes, ``function`` of their values."""
    return st.tuples(*arguments).map(lambda cs: Case(make(*[c.node for c in cs]), function(*[c.value for c in cs])))


def op(sign: str, function: Any, left: st.SearchStrategy[Case], right: st.SearchStrategy[Case]) -> Any:
    return pair(function, lambda a, b: Op(sign, a, b), left, right)


def anywhere(kind: st.SearchStrategy[Case]) -> list[st.SearchStrategy[Case]]:
    """The ways in which a value of any kind can come about."""
    return [
        pair(lambda c, a, b: a if c else b, If, BOOLS, kind, kind),
        pair(lambda _, b: b, lambda a, b: Let((Binding(("y",), a),), b), ANY, kind),
        pair(lambda a: a, lambda a: Let((Binding(("x",), a),), Var("x")), kind),
        pair(lambda a: a, lambda a: Call(Lambda("x", Var("x")), (a,)), kind),
        pair(lambda a, _: a, lambda a, b: Call(Lambda("x", Lambda("y", Var("x"))), (a, b)), kind, ANY),
        pair(lambda a: a, lambda a: Call(Lambda(Formals((("x", a), ("y", 2)), True), Var("x")), (AttrSet(()),)), kind),
        pair(
            lambda a: a,
            lambda a: Call(
                Lambda(Formals((("k", NO_DEFAULT),), False, "all"), Select(Var("all"), ("k",))),
                (AttrSet((Binding(("k",), a),)),),
            ),
            kind,
        ),
        pair(lambda a: a, lambda a: Select(AttrSet((Binding(("a b", "c"), a),)), ("a b", "c")), kind),
        pair(lambda a: a, lambda a: With(AttrSet((Binding(("w",), a),)), Var("w")), kind),
        pair(lambda a: a, lambda a: Verbatim(expression(a) + " # )"), kind),
        pair(lambda a: a, lambda a: Call(Var("__head"), (ListOf((a, 1)),)), kind),
    ]


def grown(leaves: st.SearchStrategy[Case], *more: Any) -> st.SearchStrategy[Case]:
    return st.deferred(lambda: st.one_of(leaves, *[strategy() for strategy in more]))


def literal(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Case]:
    return strategy.map(lambda value: Case(value, value))


BOOLS: st.SearchStrategy[Case] = grown(
    literal(st.booleans()),
    lambda: pair(operator.not_, Not, BOOLS),
    lambda: op("&&", lambda a, b: a and b, BOOLS, BOOLS),
    lambda: op("||", lambda a, b: a or b, BOOLS, BOOLS),
    lambda: op("->", lambda a, b: not a or b, BOOLS, BOOLS),
    lambda: op("==", operator.eq, BOOLS, BOOLS),
    lambda: op("!=", operator.ne, INTS, INTS),
    lambda: op("<", operator.lt, INTS, INTS),
    lambda: op(">=", operator.ge, INTS, INTS),
    lambda: op("==", operator.eq, LISTS, LISTS),
    lambda: pair(lambda a: "k" in a, lambda a: Op("?", a, Var("k")), SETS),
    lambda: st.one_of(anywhere(BOOLS)),
)
INTS: st.SearchStrategy[Case] = grown(
    literal(st.integers(-5, 5)),
    lambda: pair(operator.neg, Negate, INTS),
    lambda: op("+", operator.add, INTS, INTS),
    lambda: op("-", operator.sub, INTS, INTS),
    lambda: op("*", lambda a, b: a * b, INTS, literal(st.integers(-2, 2))),
    lambda: op("*", lambda a, b: a * b, literal(st.integers(-2, 2)), INTS),
    lambda: op("/", lambda a, b: int(a / b), INTS, literal(st.sampled_from([-3, 1, 2]))),
    lambda: st.one_of(anywhere(INTS)),
)
TEXTS: st.SearchStrategy[Case] = grown(
    literal(STRINGS),
    lambda: op("+", operator.add, TEXTS, TEXTS),
    lambda: pair(lambda a, b: a + b, lambda a, b: Interp((a, Verbatim(expression(b)))), literal(STRINGS), TEXTS),
    lambda: pair(
        lambda a, b, c: b + a + "\n" + b + c,
        lambda a, b, c: Interp((b, If(True, a, 1), "\n", b, c)),
        TEXTS,
        literal(STRINGS),
        literal(STRINGS),
    ),
    lambda: st.one_of(anywhere(TEXTS)),
)
LISTS: st.SearchStrategy[Case] = grown(
    st.lists(st.deferred(lambda: ANY), max_size=3).map(
        lambda cases: Case(ListOf(tuple([c.node for c in cases])), [c.value for c in cases])
    ),
    lambda: op("++", operator.add, LISTS, LISTS),
    lambda: st.one_of(anywhere(LISTS)),
)
SETS: st.SearchStrategy[Case] = grown(
    st.dictionaries(st.one_of(NAMES, st.just("k")), st.deferred(lambda: ANY), max_size=3).map(
        lambda cases: Case(
            AttrSet(tuple([Binding((k,), c.node, "why\n\nso") for k, c in cases.items()])),
            {k: c.value for k, c in cases.items()},
        )
    ),
    lambda: op("//", lambda a, b: {**a, **b}, SETS, SETS),
    lambda: st.one_of(anywhere(SETS)),
)
ANY: st.SearchStrategy[Case] = grown(literal(st.none()), lambda: st.one_of(BOOLS, INTS, TEXTS, LISTS, SETS))


@settings(FEW, max_examples=20)
@given(st.lists(ANY, min_size=5, max_size=25), st.integers(0, 90))
def test_trees_mean_what_they_are(cases: list[Case], indent: int) -> None:
    text = "".join([f"({expression(c.node, indent)})\n" for c in cases])
    assert json.loads(nix(f"[{text}]", "--eval", "--strict", "--json")) == [c.value for c in cases]


@FEW
@given(st.lists(ANY, min_size=5, max_size=25))
def test_printing_is_stable_and_parses(cases: list[Case]) -> None:
    nodes = ListOf(tuple([c.node for c in cases]))
    text = document(nodes)
    assert text == document(nodes)
    nix(text, "--parse")


def test_precedence() -> None:
    a, b, c = Var("a"), Var("b"), Var("c")
    for node, text in [
        (Op("-", a, Op("-", b, c)), "a - (b - c)"),
        (Op("-", Op("-", a, b), c), "a - b - c"),
        (Op("+", Op("-", a, b), c), "a - b + c"),
        (Op("->", Op("->", a, b), c), "(a -> b) -> c"),
        (Op("->", a, Op("->", b, c)), "a -> b -> c"),
        (Op("//", Op("//", a, b), c), "a // b // c"),
        (Op("<", Op("<", a, b), c), "(a < b) < c"),
        (Op("==", a, Op("==", b, c)), "a == (b == c)"),
        (Op("*", Op("+", a, b), c), "(a + b) * c"),
        (Op("+", a, Not(b)), "a + (!b)"),
        (Op("==", Not(a), b), "!a == b"),
        (Not(Op("?", a, Select(b, ("c d",)))), '!a ? b."c d"'),
        (Not(Op("==", a, b)), "!(a == b)"),
        (Negate(Negate(1)), "-(-1)"),
        (Negate(PathLit("./a")), "-(./a)"),
        (Op("-", 1, -2), "1 - -2"),
        (Call(a, (-1, Call(b, (c,)), Lambda("x", a))), "a (-1) (b c) (x: a)"),
        (Call(Call(a, (b,)), (c,)), "a b c"),
        (Op("+", If(a, 1, 2), 3), "(if a then 1 else 2) + 3"),
        (Op("+", 3, If(a, 1, 2)), "3 + (if a then 1 else 2)"),
        (Op("++", With(a, b), c), "(with a; b) ++ c"),
        (Select(Call(a, (b,)), ("c",)), "(a b).c"),
        (Select(PathLit("./a"), ("b",)), "(./a).b"),
        (Select(1, ("b",)), "(1).b"),
        (ListOf((Select(a, ("b", "or", "if")),)), '[ a.b."or"."if" ]'),
        (With(a, With(b, c)), "with a; with b; c"),
        (Verbatim(" a: a # x"), "(a: a # x\n)"),
        (AttrSet((), recursive=True), "rec { }"),
    ]:
        assert expression(node) == text
        nix(f"a: b: c: {text}", "--parse")


@pytest.mark.parametrize(
    "node",
    [
        Op("|>", Var("a"), Var("b")),
        Op("?", Var("a"), 1),
        Select(Var("a"), ()),
        AttrSet((Binding((), 1),)),
        Lambda(Formals((("a", NO_DEFAULT), ("a", 1)), False), 1),
        Lambda(Formals((("a", NO_DEFAULT),), False, "a"), 1),
        Verbatim(" \n"),
        PathLit(""),
    ],
)
def test_what_is_no_nix_is_refused(node: Expr) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (many messages)
        expression(node)


def test_long_chains_need_no_deep_stack() -> None:
    for sign in ("+", "++", "//", "&&", "->"):
        left: Expr = Var("a")
        right: Expr = Var("a")
        for _ in range(3000):
            left = Op(sign, left, Var("b"))
            right = Op(sign, Var("b"), right)
        chain = left if sign != "->" else right
        assert expression(chain).count("b") == 3000


def test_deep_nesting_takes_no_time() -> None:
    started = time.process_time()
    for make in [
        lambda x: ListOf((x,)),
        lambda x: AttrSet((Binding(("a",), x),)),
        lambda x: Call(Var("f"), (x,)),
        lambda x: Call(Var("f"), (x, 1)),
        lambda x: Call(Var("f"), (1, ListOf((x, 2)))),
        lambda x: Op("+", 1, Op("*", 2, x)),
        lambda x: Op("//", x, Call(Var("f"), (AttrSet((Binding(("a",), 1),)),))),
        lambda x: Op("==", x, ListOf((1, 2))),
        lambda x: If(True, x, 1),
        lambda x: If(x, 1, Let((Binding(("a",), 1),), 2)),
        lambda x: Lambda("x", With(Var("w"), Not(x))),
        lambda x: Interp(("a\n", x)),
        lambda x: Select(Call(Var("f"), (x,)), ("y",)),
    ]:
        node: Expr = Var("a")
        for _ in range(80):
            node = make(node)  # type: ignore[no-untyped-call]
        expression(node)
    assert time.process_time() - started < 5


# Layout -------------------------------------------------------------------------------------------------------------


def test_how_a_module_looks() -> None:
    lib, pkgs, one = Var("lib"), Var("pkgs"), AttrSet((Binding(("x",), 1),))
    body = AttrSet(
        (
            Binding(("imports",), ListOf((PathLit("./x.nix"),))),
            Binding(("environment", "systemPackages"), With(pkgs, ListOf((Var("a"), Var("b")))), "Tools.\n\nAll."),
            Binding(("environment", "etc", "a/b", "text"), "one\n\n  ''two''\n"),
            Binding(("networking",), Call(Select(lib, ("mkIf",)), (Var("c"), one))),
            Binding(("short",), Call(Select(lib, ("mkForce",)), ("line\n",))),
            Binding(("more",), Op("//", Var("base"), one)),
            Binding(("list",), Op("++", Var("base"), ListOf((1, -2)))),
            Binding(("choice",), If(Var("c"), ListOf((1, 2)), ListOf(()))),
            Binding(("map",), Call(Var("map"), (Lambda("x", one), ListOf((Var("a"),))))),
            Binding(("renamed",), Call(Var("f"), (ListOf(("a", "b")), ListOf(("c", "d"))))),
            Binding(("long",), Call(Var("f" * 60), ("a" * 30, "b" * 30, Var("d")))),
            Binding(("own",), Verbatim("pkgs.hello # why")),
            Inherit(("a1", "b1"), Var("x")),
        )
    )
    function = Lambda(Formals((("pkgs", NO_DEFAULT), ("lib", NO_DEFAULT)), True), Let((Binding(("c",), True),), body))
    assert document(function, "Made by nxcc.\nDo not edit.") == LOOKS


def test_how_other_functions_look() -> None:
    names = (("a", NO_DEFAULT), ("b", 1), ("c", ListOf((1, 2))))
    assert expression(Lambda(Formals(names, True, "all"), Var("a"))) == (
        "{\n  a,\n  b ? 1,\n  c ? [\n    1\n    2\n  ],\n  ...\n}@all:\na"
    )
    three = tuple([(name, NO_DEFAULT) for name in "abc"])
    assert expression(Lambda(Formals(three, False), Var("a"))) == "{\n  a,\n  b,\n  c,\n}:\na"
    assert expression(Lambda(Formals((), True), AttrSet(()))) == "{ ... }: { }"
    module = Lambda(Formals((("pkgs", NO_DEFAULT),), True), AttrSet((Binding(("a",), 1),)))
    assert expression(ListOf((module,))) == "[\n  (\n    { pkgs, ... }:\n    {\n      a = 1;\n    }\n  )\n]"


LOOKS = """\
# Made by nxcc.
# Do not edit.
{ pkgs, lib, ... }:
let
  c = true;
in
{
  imports = [ ./x.nix ];
  # Tools.
  #
  # All.
  environment.systemPackages = with pkgs; [
    a
    b
  ];
  environment.etc."a/b".text = ''
    one

      '''two'''
  '';
  networking = lib.mkIf c {
    x = 1;
  };
  short = lib.mkForce "line\\n";
  more = base // {
    x = 1;
  };
  list = base ++ [
    1
    (-2)
  ];
  choice =
    if c then
      [
        1
        2
      ]
    else
      [ ];
  map = map (x: {
    x = 1;
  }) [ a ];
  renamed = f [ "a" "b" ] [ "c" "d" ];
  long =
    ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
      d;
  own = (pkgs.hello # why
  );
  inherit (x) a1 b1;
}
"""
