"""The language's lexical rules, statements and expressions, as trees."""

from __future__ import annotations

import json
import logging
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from syntax_tools import errors_of, shape, spans_of, tree_of, value_of
from tools import need

from nxcc.diagnostics.core import Log, Source
from nxcc.resources import resource
from nxcc.syntax import newlines, parser, tables
from nxcc.syntax import tree as t
from nxcc.syntax.builder import Builder
from nxcc.syntax.newlines import Newlines
from nxcc.syntax.words import RESERVED, ROLE_KEYWORDS, TOP_KEYWORDS


def number(value: float) -> Any:
    return ("Literal", value, str(value))


def text(*parts: Any) -> Any:
    return ("String", list(parts))


ONE, TWO, THREE = number(1), number(2), number(3)


def body(statements: str) -> list[Any]:
    """The shapes of a role's statements."""
    (role,) = tree_of(f"role r {{\n{statements}\n}}\n").statements
    return [shape(statement) for statement in role.body]  # type: ignore[union-attr]


def top(statement: str) -> Any:
    (found,) = tree_of(statement).statements
    return shape(found)


# ------------------------------------------------------------------ tables


def test_the_grammar_has_no_conflict(caplog: pytest.LogCaptureFixture) -> None:
    import lark

    # lark says on its logger what it resolves by itself, and that only when it debugs.
    level = lark.logger.level
    lark.logger.setLevel(logging.DEBUG)
    try:
        with caplog.at_level(logging.DEBUG, logger="lark"):
            tables.build(Builder(), Newlines(), debug=True)
    finally:
        lark.logger.setLevel(level)
    said = [record.getMessage() for record in caplog.records if "conflict" in record.getMessage().lower()]
    assert said == []


EVERYTHING = r'''
environment e "text"
param p: int = 2 in 1..64 "text"   # comment
role a[p] : b, c(1, x = "y") "text" {
  packages [ htop
    git.x "y" ]
  x = """
    a ${f(1)[2].k}
  """ # more
  when p == 3 { ports 80/tcp } else { ports 1-2 }
}
'''.replace(' "y" ]', " ]")


def test_tables_from_a_file_give_the_same_trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "nxc.tables")
    parser.build_tables(path)
    expected = shape(tree_of(EVERYTHING).statements)
    loaded = tables.read(path, parser._builder, parser._newlines)
    assert loaded is not None
    monkeypatch.setattr(parser, "_parser", loaded)
    assert shape(tree_of(EVERYTHING).statements) == expected
    assert [c.text for c in tree_of(EVERYTHING).comments] == ["# comment", "# more"]
    assert [d.code for d in errors_of("role a { x = }")] == ["NX0101"]


@pytest.mark.parametrize("content", [b"", b"lark 1.3.1\n", b"nxcc parser tables 1, lark 1.3\nrubbish", b"\x80\x05."])
def test_tables_that_do_not_fit_are_not_used(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "nxc.tables"
    path.write_bytes(content)
    assert tables.read(str(path), Builder(), Newlines()) is None


def test_tables_of_another_lark_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lark

    path = str(tmp_path / "nxc.tables")
    parser.build_tables(path)
    assert tables.read(path, Builder(), Newlines()) is not None
    monkeypatch.setattr(lark, "__version__", "1.9.0")
    assert tables.read(path, Builder(), Newlines()) is None


def test_expressions_of_another_python_are_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "nxc.tables")
    parser.build_tables(path)
    expected = shape(tree_of(EVERYTHING).statements)
    monkeypatch.setattr(tables, "_MAGIC", b"1 4")
    monkeypatch.setattr(parser, "_parser", tables.read(path, parser._builder, parser._newlines))
    assert shape(tree_of(EVERYTHING).statements) == expected


# ------------------------------------------------------------------ names, operators, newlines


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a - b", ("Binary", "-", "$a", "$b")),
        ("a -1", ("Binary", "-", "$a", ONE)),
        ("a-1", "$a-1"),
        ("a-b-c2", "$a-b-c2"),
        ("a--b", ("Binary", "-", "$a", ("Unary", "-", "$b"))),
        ("_a_b", "$_a_b"),
        ("-a", ("Unary", "-", "$a")),
        ("- -1", ("Unary", "-", ("Unary", "-", ONE))),
        ("not not a", ("Unary", "not", ("Unary", "not", "$a"))),
        ("nothing", "$nothing"),
        ("iffy", "$iffy"),
        ("a or b and c", ("Binary", "or", "$a", ("Binary", "and", "$b", "$c"))),
        ("not a == b", ("Unary", "not", ("Binary", "==", "$a", "$b"))),
        ("a == 1..2", ("Binary", "==", "$a", ("Binary", "..", ONE, TWO))),
        ("1..a ++ b", ("Binary", "..", ONE, ("Binary", "++", "$a", "$b"))),
        ("a ++ b + c", ("Binary", "++", "$a", ("Binary", "+", "$b", "$c"))),
        ("1 + 2 * 3", ("Binary", "+", ONE, ("Binary", "*", TWO, THREE))),
        ("1 - 2 - 3", ("Binary", "-", ("Binary", "-", ONE, TWO), THREE)),
        ("1 / 2 / 3", ("Binary", "/", ("Binary", "/", ONE, TWO), THREE)),
        ("-a.b", ("Unary", "-", ("Select", "$a", "b"))),
        ("-1 * 2", ("Binary", "*", ("Unary", "-", ONE), TWO)),
        ("(1 + 2) * 3", ("Binary", "*", ("Binary", "+", ONE, TWO), THREE)),
        ("if a then b else c", ("If", "$a", "$b", "$c")),
        ("if a then 1 else if b then 2 else 3", ("If", "$a", ONE, ("If", "$b", TWO, THREE))),
        ("if a then 1 else 2 + 3", ("If", "$a", ONE, ("Binary", "+", TWO, THREE))),
        ("x[1]", ("Index", "$x", ONE)),
        ("x[1][2].k", ("Select", ("Index", ("Index", "$x", ONE), TWO), "k")),
        ("f()", ("Apply", "$f", [])),
        ("f(1, b = 2,)", ("Apply", "$f", [("Argument", None, ONE), ("Argument", "b", TWO)])),
        ("f(1)(2)", ("Apply", ("Apply", "$f", [("Argument", None, ONE)]), [("Argument", None, TWO)])),
        ('a."b c".d', ("Select", ("Select", "$a", text("b c")), "d")),
        ("a.if.role", ("Select", ("Select", "$a", "if"), "role")),
        ("[]", ("ListLiteral", [])),
        ("[1, 2,]", ("ListLiteral", [ONE, TWO])),
        ("[\n1\n2\n\n3 # x\n]", ("ListLiteral", [ONE, TWO, THREE])),
        ("[1,\n 2\n]", ("ListLiteral", [ONE, TWO])),
        ("[a [1]]".replace(" [1]", ""), ("ListLiteral", ["$a"])),
        ("[x * 2 for x in 1..3]", ("Comprehension", ("Binary", "*", "$x", TWO), "x", ("Binary", "..", ONE, THREE))),
        ("[\n  x\n  for x in y\n]", ("Comprehension", "$x", "x", "$y")),
        ("{}", ("SetLiteral", [])),
        ("{ a = 1; b.c = 2, }", ("SetLiteral", [("Assign", ["a"], None, ONE), ("Assign", ["b", "c"], None, TWO)])),
        ('{ "x/y" = 1\n  b { c = 2 } }', ("SetLiteral", [
            ("Assign", [text("x/y")], None, ONE),
            ("Nested", ["b"], ("SetLiteral", [("Assign", ["c"], None, TWO)])),
        ])),
        ("{ or = 1; in = 2; role = 3 }", ("SetLiteral", [
            ("Assign", ["or"], None, ONE), ("Assign", ["in"], None, TWO), ("Assign", ["role"], None, THREE),
        ])),
        ("./a/b.nix", ("Path", "./a/b.nix")),
        ("../a", ("Path", "../a")),
        ("./", ("Path", "./")),
        ("true", ("Literal", True, "true")),
        ("null", ("Literal", None, "null")),
        ("if a then ./x else ./y", ("If", "$a", ("Path", "./x"), ("Path", "./y"))),
    ],
)  # fmt: skip
def test_expressions(source: str, expected: Any) -> None:
    assert value_of(source) == expected


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
def test_comparisons_are_not_chained(operator: str) -> None:
    assert value_of(f"a {operator} b") == ("Binary", operator, "$a", "$b")
    (error,) = errors_of(f"let x = a {operator} b {operator} c")
    assert "not chained" in error.help[0]


def test_an_arrow_is_a_token_of_its_own() -> None:
    assert top("link agent->server")[:4] == ("Link", "agent", "server", False)
    assert top("link a<->b { delay 10ms }") == (
        "Link", "a", "b", True, [("Field", "delay", ("QuantityLiteral", "10", "ms"))]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("let x = 1 +\n  2", ("Binary", "+", ONE, TWO)),
        ("let x = 1\n  + 2", ("Binary", "+", ONE, TWO)),
        ("let x = 1 # c\n\n  # d\n  * 2", ("Binary", "*", ONE, TWO)),
        ("let x = a\n  ++ b", ("Binary", "++", "$a", "$b")),
        ("let x =\n  1", ONE),
        ("let x = a\n  and b\n  or c", ("Binary", "or", ("Binary", "and", "$a", "$b"), "$c")),
        ("let x = a\n  == b", ("Binary", "==", "$a", "$b")),
        ("let x = a\n  != b", ("Binary", "!=", "$a", "$b")),
        ("let x = a\n  <= b", ("Binary", "<=", "$a", "$b")),
        ("let x = a\n  >= b", ("Binary", ">=", "$a", "$b")),
        ("let x = if a\n  then ./b\n  else ./c", ("If", "$a", ("Path", "./b"), ("Path", "./c"))),
        ("let x = f(\n  1\n  ,\n  2\n)", ("Apply", "$f", [("Argument", None, ONE), ("Argument", None, TWO)])),
        ("let x = (1\n - 2)", ("Binary", "-", ONE, TWO)),
        ('let x = "${\n a\n - 1\n}"', text(("Binary", "-", "$a", ONE))),
        ("let x = a[\n 1\n]", ("Index", "$a", ONE)),
    ],
)
def test_a_line_goes_on(source: str, expected: Any) -> None:
    (let,) = tree_of(source).statements
    assert shape(let)[2] == expected


@pytest.mark.parametrize("separator", ["\n", ";", " ; ", "\n\n\n", ";;\n;", "# x\n", " # ;\n\t\n"])
def test_separators(separator: str) -> None:
    assert [shape(s) for s in tree_of(f"let a = 1{separator}let b = 2{separator}").statements] == [
        ("Let", "a", ONE),
        ("Let", "b", TWO),
    ]
    assert body(f"a = 1{separator}b = 2{separator}") == [("Assign", ["a"], None, ONE), ("Assign", ["b"], None, TWO)]


@pytest.mark.parametrize("source", ["", "\n", "# only", "\n# a\n  # b\n\n", " ; ;; ", "\t"])
def test_an_empty_file(source: str) -> None:
    assert tree_of(source).statements == ()


def test_words_that_would_go_on_are_options_before_a_dot_or_an_equals_sign() -> None:
    assert body("a = 1\nor = 2\nand.x = 3") == [
        ("Assign", ["a"], None, ONE), ("Assign", ["or"], None, TWO), ("Assign", ["and", "x"], None, THREE)
    ]  # fmt: skip


@pytest.mark.parametrize("keyword", sorted({*ROLE_KEYWORDS, *TOP_KEYWORDS}))
def test_keywords_are_options_before_a_dot_or_an_equals_sign(keyword: str) -> None:
    assert body(f"{keyword} = 1; {keyword}.x = 2; {keyword} . y = 3; z.{keyword} = 1") == [
        ("Assign", [keyword], None, ONE),
        ("Assign", [keyword, "x"], None, TWO),
        ("Assign", [keyword, "y"], None, THREE),
        ("Assign", ["z", keyword], None, ONE),
    ]
    assert body(f"{keyword}x = 1; {keyword}-x = 2")[1] == ("Assign", [f"{keyword}-x"], None, TWO)
    assert value_of(f"{{ {keyword} = 1; b {{ {keyword}.c = 2 }} }}")[0] == "SetLiteral"
    assert value_of(keyword) == f"${keyword}"


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_reserved_words_are_keys_but_no_names(word: str) -> None:
    assert value_of(f"{{ {word} = 1; a.{word} = 2 }}")[0] == "SetLiteral"
    assert value_of(f"a.{word}") == ("Select", "$a", word)
    for source in (f"let {word} = 1", f"role {word} {{ }}", f"role a : {word} {{ }}", f"param {word}: int = 1"):
        assert [e.code for e in errors_of(source)] == ["NX0119"], source


# ------------------------------------------------------------------ numbers and quantities


@pytest.mark.parametrize(
    ("source", "value"),
    [("42", 42), ("007", 7), ("3.5", 3.5), ("1e3", 1000.0), ("1.5e-3", 0.0015), ("2E+2", 200.0), ("2.3e-308", 2.3e-308),
     ("9223372036854775807", 2**63 - 1)],
)  # fmt: skip
def test_numbers(source: str, value: float) -> None:
    found = value_of(source)
    assert found == ("Literal", value, source)
    assert type(found[1]) is type(value)


@pytest.mark.parametrize("source", ["9223372036854775808", "1" * 5000, "1e999", "1e-400", "2e-308"])
def test_numbers_out_of_range(source: str) -> None:
    assert [e.code for e in errors_of(f"let x = {source}")] == ["NX0116"]


@pytest.mark.parametrize("unit", "B KiB MiB GiB TiB ms s min h d kbit mbit gbit %".split())
@pytest.mark.parametrize("number", ["2", "1.5"])
def test_quantities(number: str, unit: str) -> None:
    assert value_of(number + unit) == ("QuantityLiteral", number, unit)


def test_a_range_of_numbers_is_no_decimal() -> None:
    assert value_of("1..3") == ("Binary", "..", ONE, THREE)


# ------------------------------------------------------------------ strings


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r'""', text()),
        (r'"a b"', text("a b")),
        (r'"a\n\r\t\"\\\${x}"', text('a\n\r\t"\\${x}')),
        (r'"\u{e9}\u{1F600}"', text("é😀")),
        (r'"é 😀"', text("é 😀")),
        (r'"$x $$ $"', text("$x $$ $")),
        (r'"# no comment; {"', text("# no comment; {")),
        (r'"a${b}c"', text("a", "$b", "c")),
        (r'"${"${"x"}"}"', text(text(text("x")))),
        (r'"${ {a = "}"} }"', text(("SetLiteral", [("Assign", ["a"], None, text("}"))]))),
        (r"'a\n${b}\"'", text('a\\n${b}\\"')),
        (r"''", text()),
        (r'"""a"""', text("a")),
        (r'""""""', text()),
        (r'"""\n \${x} ${y} \""" "" " \\ """', text("\\n ${x} ", "$y", ' """ "" " \\\\ ')),
        ("'''a ${b} \\ '' ' '''", text("a ${b} \\ '' ' ")),
        ('"""\n  a\n    b\n  """', text("a\n  b\n")),
        ('"""\n  a\n\n  b"""', text("a\n\nb")),
        ('"""\n  ${x}\n    b\n"""', text("$x", "\n  b\n")),
        ('"""\n    a\n  ${x}\n"""', text("  a\n", "$x", "\n")),
        ("'''\n  a\n   b\n'''", text("a\n b\n")),
        ("'''\n\ta\n\tb\n'''", text("\ta\n\tb\n")),
    ],
)
def test_strings(source: str, expected: Any) -> None:
    assert value_of(source) == expected


@pytest.mark.parametrize("escape", [r"\u{0}", r"\u{110000}", r"\u{d800}"])
def test_escapes_that_are_no_character(escape: str) -> None:
    assert [e.code for e in errors_of(f'let x = "{escape}"')] == ["NX0117"]


def flat(shaped: Any) -> str:
    """The text of a string whose expressions are strings."""
    return "".join(part if isinstance(part, str) else flat(part) for part in shaped[1])


PIECES = [
    "a",
    " ",
    "  ",
    "    ",
    "\n",
    "\n",
    "\n  ",
    "\n    ",
    "\t",
    '${"v"}',
    '${" "}',
    "x y",
    "#",
    "é",
    "{",
    "}",
    "$ ",
]


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), min_size=40, max_size=40))
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_block_strings_lose_the_indentation_that_nix_takes_off(texts: list[str]) -> None:
    expression = "[\n" + "\n".join(f"''{text}''" for text in texts) + "\n]"
    done = subprocess.run(
        [need("nix-instantiate"), "--eval", "--strict", "--json", "-"], input=expression, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    for written, expected in zip(texts, json.loads(done.stdout), strict=True):
        assert flat(value_of(f'"""{written}"""')) == expected, written
        if "${" not in written:
            assert flat(value_of(f"'''{written}'''")) == expected, written


def test_nix_fragments() -> None:
    assert value_of("`pkgs.hello`") == ("NixText", "pkgs.hello", 9)
    assert value_of('`"a`b"`') == ("NixText", '"a`b"', 9)
    assert value_of("`''a`b''`") == ("NixText", "''a`b''", 9)
    assert value_of("`/* ` */ 1`") == ("NixText", "/* ` */ 1", 9)
    assert value_of("`a / b`") == ("NixText", "a / b", 9)
    assert value_of("```\n  { a = 1; } # `x` ``y``\n```") == ("NixText", "\n  { a = 1; } # `x` ``y``\n", 11)
    (statement,) = body("nix ```\n  services.a = 1;\n  x.y = 2;\n```")
    assert statement[0] == "NixBody"


# ------------------------------------------------------------------ statements


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("environment k3s", ("Environment", "k3s", None)),
        ('environment k3s "text"', ("Environment", "k3s", text("text"))),
        ('nixpkgs "github:x"', ("Nixpkgs", text("github:x"), [])),
        ("nixpkgs ./pin", ("Nixpkgs", ("Path", "./pin"), [])),
        ('nixpkgs "x" { system "a"; unfree all; insecure "b" "c" }', ("Nixpkgs", text("x"), [
            ("Setting", "system", [text("a")]),
            ("Setting", "unfree", ["$all"]),
            ("Setting", "insecure", [text("b"), text("c")]),
        ])),
        ('input k "ref" { follows nixpkgs; as nur.repos.k }', ("Input", "k", text("ref"), [
            ("Setting", "follows", ["$nixpkgs"]),
            ("Setting", "as", [("Select", ("Select", "$nur", "repos"), "k")]),
        ])),
        ("overlay k.overlays.x", ("Overlay", ("Select", ("Select", "$k", "overlays"), "x"))),
        ("overlay `final: prev: { }`", ("Overlay", ("NixText", "final: prev: { }", 9))),
        ("override pkgs.a { src ./d; patches [./p]; attrs { a = 1 } }", ("Override", ("Select", "$pkgs", "a"), [
            ("Setting", "src", [("Path", "./d")]),
            ("Setting", "patches", [("ListLiteral", [("Path", "./p")])]),
            ("Setting", "attrs", [("SetLiteral", [("Assign", ["a"], None, ONE)])]),
        ])),
        ("package p ./p.nix", ("Package", "p", ("Path", "./p.nix"), None)),
        ("package p ./p.nix { a = 1 }", ("Package", "p", ("Path", "./p.nix"), (
            "SetLiteral", [("Assign", ["a"], None, ONE)],
        ))),
        ("param p: int = 2", ("Param", "p", "int", TWO, None, None)),
        ('param p: int = 2 in 1..3 "text"', ("Param", "p", "int", TWO, ("Binary", "..", ONE, THREE), text("text"))),
        ('param p: string = "a" "text"', ("Param", "p", "string", text("a"), None, text("text"))),
        ('param p: string = "a" in ["a"]', ("Param", "p", "string", text("a"), ("ListLiteral", [text("a")]), None)),
        ("let x = 1", ("Let", "x", ONE)),
        ("secret s", ("Secret", "s", False, None, None, None, None, None)),
        ('secret s ssh-key owner u group g mode 0440 "text" from ./f', (
            "Secret", "s", True, "u", "g", "0440", text("text"), ("Path", "./f"),
        )),
        ('secret s "text" mode 400', ("Secret", "s", False, None, None, "400", text("text"), None)),
        ("script s bash = 'x'", ("Script", "s", "bash", [], False, text("x"))),
        ("script s python with numpy, oar.lib from ./x.py", (
            "Script", "s", "python", ["$numpy", ("Select", "$oar", "lib")], True, ("Path", "./x.py"),
        )),
        ("include ./x.nxc", ("Include", ("Path", "./x.nxc"))),
        ('include "x.nxc"', ("Include", text("x.nxc"))),
        ("profile p { }", ("Profile", "p", [], [], None, [])),
        ('profile p(a: int = 1, b: bool) : q, r(2, c = 3) "text" { ports 1 }', (
            "Profile", "p", [("ProfileParameter", "a", "int", ONE), ("ProfileParameter", "b", "bool", None)],
            [("Use", "q", []), ("Use", "r", [("Argument", None, TWO), ("Argument", "c", THREE)])], text("text"),
            [("Ports", [("Port", ONE, None, "")])],
        )),
        ("role r", ("Role", "r", None, [], None, None, [])),
        ('role r[n] : p "text" { }', ("Role", "r", "$n", [("Use", "p", [])], text("text"), None, [])),
        ("role r [2] { }", ("Role", "r", TWO, [], None, None, [])),
        ("role r[2] from ./c.nix { }", ("Role", "r", TWO, [], None, ("Path", "./c.nix"), [])),
        ('role r from "./c.nix"', ("Role", "r", None, [], None, text("./c.nix"), [])),
        ("link a -> b", ("Link", "a", "b", False, [])),
        ("network { trust peers }", ("Network", [("Setting", "trust", ["$peers"])])),
        ("flavour d { a b 2h; c (1 + 2); d }", ("FlavourSettings", "d", [
            ("Setting", "a", ["$b", ("QuantityLiteral", "2", "h")]),
            ("Setting", "c", [("Binary", "+", ONE, TWO)]),
            ("Setting", "d", []),
        ])),
        ('setup s default { n = 3; input k "r"; flavour d { a 1 }; kernel-params "q" }', ("Setup", "s", True, [
            ("SetParam", "n", THREE),
            ("Input", "k", text("r"), []),
            ("FlavourSettings", "d", [("Setting", "a", [ONE])]),
            ("KernelParams", [text("q")]),
        ])),
        ("setup s { }", ("Setup", "s", False, [])),
        ('test "x"', ("Test", None, text("x"))),
        ("test \"n\" '''x'''", ("Test", text("n"), text("x"))),
    ],
)  # fmt: skip
def test_top_level_statements(source: str, expected: Any) -> None:
    assert top(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("packages a, b.c", ("Packages", ["$a", ("Select", "$b", "c")])),
        ("packages [ a\n  b, c\n `x`\n]", ("Packages", ["$a", "$b", "$c", ("NixText", "x", 31)])),
        ('packages nodePackages."@x/cli"', ("Packages", [("Select", "$nodePackages", text("@x/cli"))])),
        ("ports 22 8472/udp, 3-5/tcp api (a + 1)", ("Ports", [
            ("Port", number(22), None, ""), ("Port", number(8472), None, "udp"), ("Port", THREE, number(5), "tcp"),
            ("Port", "$api", None, ""), ("Port", ("Binary", "+", "$a", ONE), None, ""),
        ])),
        ("publish 8080:80/udp, 127.0.0.1:1:2 [::1]:1:2 a:b", ("Publish", [
            ("Published", "", number(8080), number(80), "udp"), ("Published", "127.0.0.1", ONE, TWO, ""),
            ("Published", "::1", ONE, TWO, ""), ("Published", "", "$a", "$b", ""),
        ])),
        ('service a.b, c "d e".f', ("Service", [["a", "b"], ["c"], [text("d e"), "f"]], None)),
        ("service a { x = 1 }", ("Service", [["a"]], ("SetLiteral", [("Assign", ["x"], None, ONE)]))),
        ("enable a.b c", ("Enable", [["a", "b"], ["c"]])),
        ("a.b = force 1", ("Assign", ["a", "b"], ("Modifier", "force", 0), ONE)),
        ("a = default 1", ("Assign", ["a"], ("Modifier", "default", 0), ONE)),
        ("a = before [1]", ("Assign", ["a"], ("Modifier", "before", 0), ("ListLiteral", [ONE]))),
        ("a = after [1]", ("Assign", ["a"], ("Modifier", "after", 0), ("ListLiteral", [ONE]))),
        ("a = order 500 1", ("Assign", ["a"], ("Modifier", "order", 500), ONE)),
        ("a.b { c = 1 }", ("Nested", ["a", "b"], ("SetLiteral", [("Assign", ["c"], None, ONE)]))),
        ('variable A = "x"', ("Variable", "A", text("x"))),
        ('file "/x" mode 0644 user u group g = "t"', ("File", text("/x"), "0644", "u", "g", False, text("t"))),
        ('file "/x" from ./y', ("File", text("/x"), None, None, None, True, ("Path", "./y"))),
        ("on-boot b after a.service c@1.target = 'x'", (
            "OnBoot", "b", ["a.service", "c@1.target"], [], [], [], [], text("x"),
        )),
        ("on-boot b with a c.d, pkgs.e `f` needs g.mount wants h.target, i.path before j.service = x", (
            "OnBoot", "b", [], ["j.service"], ["h.target", "i.path"], ["g.mount"],
            ["$a", ("Select", "$c", "d"), ("Select", "$pkgs", "e"), ("NixText", "f", 39)], "$x",
        )),
        ("on-boot b = 'x'", ("OnBoot", "b", [], [], [], [], [], text("x"))),
        ("user a, b", ("User", ["a", "b"], [])),
        ('user (c), a ("b") { admin }', ("User", ["$c", "a", text("b")], [("UserAdmin",)])),
        ('user a { groups w x; keys "k" ./p; home "/h"; admin; uid 2; uid = 1; x { y = 2 } }', ("User", ["a"], [
            ("UserGroups", ["w", "x"]), ("UserKeys", [text("k"), ("Path", "./p")]), ("UserHome", text("/h")),
            ("UserAdmin",), ("UserUid", TWO), ("Assign", ["uid"], None, ONE),
            ("Nested", ["x"], ("SetLiteral", [("Assign", ["y"], None, TWO)])),
        ])),
        ('share "/d"', ("Share", text("/d"), False, None, None, None)),
        ("share d mode 1777 read-only group g owner owner", ("Share", "$d", True, "owner", "g", "1777")),
        ('share ["/d", e]', ("Share", ("ListLiteral", [text("/d"), "$e"]), False, None, None, None)),
        ("mount if a then b else c from from", ("Mount", ("If", "$a", "$b", "$c"), "from", None)),
        ('mount "/d" from r at "/e"', ("Mount", text("/d"), "r", text("/e"))),
        ("after a, b c", ("After", ["a", "b", "c"])),
        ('ready port 80, unit a.service command "x"', ("Ready", [
            ("Condition", "port", number(80)), ("Condition", "unit", text("a.service")),
            ("Condition", "command", text("x")),
        ])),
        ("resources { cpus 2; memory a * 2, disk 1GiB }", ("Resources", [
            ("Field", "cpus", TWO), ("Field", "memory", ("Binary", "*", "$a", TWO)),
            ("Field", "disk", ("QuantityLiteral", "1", "GiB")),
        ])),
        ("kernel pkgs.x", ("Kernel", ("Select", "$pkgs", "x"))),
        ('kernel-params "a" `b`', ("KernelParams", [text("a"), ("NixText", "b", 28)])),
        ("import ./m.nix", ("Import", ("Path", "./m.nix"))),
        ("import i.nixosModules.x", ("Import", ("Select", ("Select", "$i", "nixosModules"), "x"))),
        ("flavour d { a 1 }", ("FlavourSettings", "d", [("Setting", "a", [ONE])])),
        ("let x = 1", ("Let", "x", ONE)),
        ("on d, e { ports 1 }", ("On", ["d", "e"], [("Ports", [("Port", ONE, None, "")])])),
        ("when a { ports 1 }\n else when b { ports 2 } else { ports 3 }", (
            "When", "$a", [("Ports", [("Port", ONE, None, "")])], [
                ("When", "$b", [("Ports", [("Port", TWO, None, "")])], [("Ports", [("Port", THREE, None, "")])]),
            ],
        )),
        ("x { when a { b = 1 } else { b = 2 }; on d { c = 3 } }", ("Nested", ["x"], ("SetLiteral", [
            ("When", "$a", [("Assign", ["b"], None, ONE)], [("Assign", ["b"], None, TWO)]),
            ("On", ["d"], [("Assign", ["c"], None, THREE)]),
        ]))),
    ],
)  # fmt: skip
def test_statements_of_a_role(source: str, expected: Any) -> None:
    (found,) = body(source)
    assert found == expected


def test_a_group_names_an_expression_by_its_parentheses() -> None:
    (let,) = tree_of("let x = (1 + 2)").statements
    assert isinstance(let, t.Let)
    assert (let.value.span.start, let.value.span.end) == (8, 15)


# ------------------------------------------------------------------ spans and comments


@pytest.mark.parametrize(
    ("source", "field", "expected"),
    [
        ("  let x = a + b.c  # x", "value", "a + b.c"),
        ("let x = f(1, 2)[3]\n", "value", "f(1, 2)[3]"),
        ('let x = "a${b}c"', "value", '"a${b}c"'),
        ('let x = """\n a\n """', "value", '"""\n a\n """'),
        ("let x = [1,\n 2]", "value", "[1,\n 2]"),
        ("let x = `a`", "value", "`a`"),
        ("let x = if a then b else c", "value", "if a then b else c"),
        ("param p: int = 1..2 in a", "default", "1..2"),
        ("param p: int = 1..2 in a", "type", "int"),
        ("\nrole r { ports 1 }\n", "span", "role r { ports 1 }"),
        ('test "a" "b"', "script", '"b"'),
    ],
)
def test_spans(source: str, field: str, expected: str) -> None:
    (statement,) = tree_of(source).statements
    node = getattr(statement, field)
    span = node if field == "span" else node.span
    assert source[span.start : span.end] == expected


def test_every_span_is_a_stretch_without_blanks_around_it() -> None:
    source = EVERYTHING + "role b {\n  a.b = force [1, x.y]  # c\n  ports 1/tcp (a)\n  user u { admin }\n}\n"
    spans = [span for statement in tree_of(source).statements for span in spans_of(statement)]
    assert len(spans) > 60
    for span in spans:
        piece = source[span.start : span.end]
        assert piece, span
        assert piece == piece.strip(), span


def test_parts_of_statements_have_their_own_spans() -> None:
    source = 'role r { ports 30-40/udp; a."b" = order 5 c; publish 127.0.0.1:1:2 }'
    (role,) = tree_of(source).statements
    ports, assign, publish = role.body  # type: ignore[union-attr]

    def at(node: Any) -> str:
        return source[node.span.start : node.span.end]

    assert [at(ports.items[0]), at(ports.items[0].first), at(ports.items[0].last)] == ["30-40/udp", "30", "40"]
    assert [at(assign.path[1]), at(assign.modifier), at(assign.value)] == ['"b"', "order 5", "c"]
    assert at(publish.items[0]) == "127.0.0.1:1:2"
    (let,) = tree_of("let x = a <= b").statements
    assert let.value.operator_span[1:] == (10, 12)  # type: ignore[union-attr]


def test_comments_are_kept_in_order() -> None:
    source = "# one\nlet a = [ # two\n  1 # three\n]\n\n  # four\n# five\nlet b = (1 # six\n) # seven"
    comments = tree_of(source).comments
    assert [c.text for c in comments] == ["# one", "# two", "# three", "# four", "# five", "# six", "# seven"]
    assert all(source[c.span.start : c.span.end] == c.text for c in comments)


def test_no_comment_is_seen_in_strings() -> None:
    assert tree_of('let a = "# x"\nlet b = \'# y\'\nlet c = """\n# z\n"""\nlet d = ```\n# n\n1```').comments == ()


# ------------------------------------------------------------------ depth


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("(", ")"), ("[", "]"), ("{a=", "}"), ("{a", "}"), ("f(", ")"), ("a[", "]"), ('"${', '}"'), ('"""${', '}"""')],
)
def test_brackets_nest_two_hundred_deep(opening: str, closing: str) -> None:
    innermost = "{}" if opening == "{a" else "1"
    extra = 1 if opening == "{a" else 0
    start = "{a" if extra else opening
    depth = newlines.MAX_DEPTH - extra
    tree_of("let x = " + (start * depth if not extra else "{a" * depth) + innermost + closing * depth)
    depth += 1
    (error,) = errors_of("let x = " + opening * depth + innermost + closing * depth)
    assert error.code == "NX0104"


@pytest.mark.parametrize(
    ("first", "repeated", "last"),
    [("1", " + 1", ""), ("a", ".a", ""), ("", "not ", "a"), ("", "- ", "1"), ("", "if a then b else ", "c"),
     ("f", "(1)", ""), ("f", "[1]", ""), ("a", "\n++ a", ""), ("", "if ", "")],
)  # fmt: skip
def test_operators_nest_some_hundreds_deep(first: str, repeated: str, last: str) -> None:
    if repeated != "if ":
        tree_of("let x = " + first + repeated * newlines.MAX_CHAIN + last)
    (error,) = errors_of("let x = " + first + repeated * (newlines.MAX_CHAIN + 1) + last)
    assert error.code == "NX0320"


def test_depth_is_counted_by_item() -> None:
    tree_of("let x = [" + "a.b + c.d, " * 1000 + "]")
    tree_of("let x = [" + "a.b + c.d\n" * 1000 + "]")
    tree_of("role r { packages " + "a.b " * 1000 + "}")
    tree_of('let x = "' + "${a.b}" * 1000 + '"')
    tree_of("role r {\n" + "a.b.c = -1\n" * 1000 + "}")
    (error,) = errors_of("let x = " + "(1 + " * 170 + "a" + ".a" * 170 + ")" * 170)
    assert error.code == "NX0320"


def test_an_error_does_not_change_the_next_parse() -> None:
    for _ in range(2):
        assert errors_of("let x = ((((")
        assert errors_of('let x = "${')
        assert shape(tree_of("let x = 1\n").statements) == [("Let", "x", ONE)]


def test_parsing_is_pure() -> None:
    one, two = tree_of(EVERYTHING), tree_of(EVERYTHING)
    assert shape(one.statements) == shape(two.statements)
    assert parser.parse(Source("x", "let a = "), Log()) is None


def test_no_possessive_groups() -> None:
    """Python before 3.11.5 lets a repeated group that gives nothing back match what its alternatives refuse.

    Single characters and classes may be repeated so: https://github.com/python/cpython/issues/106052.
    """
    package = Path(parser.__file__).parent
    for file in [Path(resource("grammar", "nxc.lark")), *sorted(package.glob("*.py"))]:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            assert not re.search(r"\)[*+?]\+|\(\?>", line), f"{file.name}:{number}: {line}"
