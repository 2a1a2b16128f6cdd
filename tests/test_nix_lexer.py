"""The small Nix lexer, against the real one where that is there."""

from __future__ import annotations

import os
import random
import subprocess
import time

import pytest
from tools import need

from nxcc.syntax.nix import PathUse, Problem, scan


def kinds(text: str, body: bool = False) -> list[tuple[str, str]]:
    """Problems as (kind, what they point to)."""
    return [(problem.kind, text[problem.start : problem.end]) for problem in scan(text, body=body).problems]


def paths(text: str) -> list[str]:
    found = scan(text)
    assert found.problems == ()
    assert all(text[path.start : path.end] == path.text for path in found.paths)
    return [path.text for path in found.paths]


# Text, kind, and the text pointed to. Nix refuses each one too.
BROKEN = [
    ("(1 + 2", "unclosed", "("),
    ("[ 1 2", "unclosed", "["),
    ("{ a = 1;", "unclosed", "{"),
    ("{ a = [ 1 2; b = 3; }", "unclosed", "["),
    ("let f = (x: x; in f", "unclosed", "("),
    ('"a ${ b', "unclosed", "${"),
    ("''a ${ { } ''", "string", "''"),
    ("let a = 1; b = 2;", "unclosed", "let"),
    ("./a/${b", "unclosed", "${"),
    ("a)", "unopened", ")"),
    ("1 ]", "unopened", "]"),
    ("{ } }", "unopened", "}"),
    ("a in b", "unopened", "in"),
    ("(1]", "mismatch", "]"),
    ("[ (1 ] )", "mismatch", "]"),
    ("{ a = (1 }; }", "mismatch", "}"),
    ('"${ [ 1 }"', "mismatch", "}"),
    ("(let a = 1; )", "mismatch", ")"),
    ("a; b", "semicolon", ";"),
    ("a ;", "semicolon", ";"),
    ("with a; b; c", "semicolon", ";"),
    ("let a = 1; in a; b", "semicolon", ";"),
    ("[ a; b ]", "semicolon", ";"),
    ("(a; b)", "semicolon", ";"),
    ('"${a; b}"', "semicolon", ";"),
    ('"abc', "string", '"'),
    ('a + "b" + "c \\"', "string", '"'),
    ('"abc\\', "string", '"'),
    ('"abc $', "string", '"'),
    ("''abc", "string", "''"),
    ("''abc '''", "string", "''"),
    ("''abc ''$", "string", "''"),
    ("''abc ''\\''", "string", "''"),
    ("''abc '", "string", "''"),
    ("1 /* 2", "comment", "/*"),
    ("1 /*/", "comment", "/*"),
    ("", "empty", ""),
    ("  # only words\n\t/* and more */\n", "empty", "  # only words\n\t/* and more */\n"),
]

# Nix takes each one, and no problem is seen.
GOOD = [
    "with pkgs; [ a b ]",
    "with a; with b; c",
    "assert a; with b; { c = with d; e; f = 1; }",
    "let a = 1; b = a; in let c = b; in c",
    "let { a = 1; body = a; }",
    "(with a; b) + (assert c; d)",
    "[ (with a; b) { c = 1; } ]",
    '{ inherit a b; inherit (c) d; e.f."g h".${i} = 1; }',
    "{ pkgs, lib ? x: [ (], ... }@args: 1".replace("[ (]", "[ 1 ]"),
    "x: y: { z }: rec { a = z; }",
    '"a ${b "${c "}"}"} $ $$ $${d} \\" \\${ $"',
    "''a ${b ''c ${d} ''} $$ $${ ''${ ''' ''\\n ''$ x' ''",
    "''''",
    '""',
    "''$''",
    "''a$'b'$''",
    "/* a ) */ 1 # ]\n",
    "1 /**/ + 2 /* ** / **/",
    "a ? b.c || d",
    "a: a.b or (c)",
    "if a then b else c",
    "http://example.org/a?b=c",
    '"$${"x"}"',
    "a: a<b",
    './a/${b + "c"}/d-${e}.nix',
    "{ a = ./b/${c}; }.a",
    "~/a",
    "<nixpkgs/nixos>",
    "{ or = 1; }.or",
    "-1 - -2 * 3 / 4",
    "a // b // { }",
    "x: x ++ [ ] ++ x",
    "{ }: { }",
    "a@{ b, ... }: b",
]


@pytest.mark.parametrize(("text", "kind", "pointed"), BROKEN)
def test_broken(text: str, kind: str, pointed: str) -> None:
    assert kinds(text) == [(kind, pointed)]


def test_the_other_place() -> None:
    assert scan("x (1]").problems == (Problem("mismatch", 4, 5, 2),)
    assert scan("{ a = (1; }").problems == (Problem("unclosed", 6, 7, 8),)
    assert scan("( (").problems == (Problem("unclosed", 2, 3, -1),)
    assert scan("let f = [ in f").problems == (Problem("mismatch", 10, 12, 8),)


@pytest.mark.parametrize("text", GOOD)
def test_good(text: str) -> None:
    assert scan(text).problems == ()


def test_a_body() -> None:
    assert kinds("a.b = 1; c = with d; e;", body=True) == []
    assert kinds("", body=True) == []
    assert kinds("a = [ 1; b = 2;", body=True) == [("unclosed", "[")]
    assert kinds("a = 1; } // { b = 2;", body=True) == [("unopened", "}")]
    assert scan("a.b = c; inherit d; inherit (e) f;", body=True).names == {"c", "d", "e"}


def test_paths() -> None:
    assert paths("[ ./a ../b/c.nix d/e /f ~/g <h> <h/i-j> ./. a+b/c ]") == [
        *("./a", "../b/c.nix", "d/e", "/f", "~/g", "<h>", "<h/i-j>", "./.", "a+b/c")
    ]
    assert paths("a / b + 1 / 2 // c") == []
    assert paths("1/2") == ["1/2"]
    assert paths("a /b") == ["/b"]
    assert paths("a//b") == []
    assert paths("\"./a\" + ''/b ${./c}'' # ./d\n + /* ./e */ http://f/g") == ["./c"]
    assert paths("x: x./y") == ["x./y"]
    assert paths("{ a = ./b; }") == ["./b"]
    assert paths("f ./b/c;".rstrip(";")) == ["./b/c"]
    assert paths("a < b") == []
    text = "[ ./a/${./b}/c ~/${d} ./${e} f/${g}h ./i ]"
    assert [path for path in scan(text).paths if path.interpolated] == [
        PathUse("./a/${./b}/c", 2, 14, True),
        PathUse("~/${d}", 15, 21, True),
        PathUse("./${e}", 22, 28, True),
        PathUse("f/${g}h", 29, 36, True),
    ]
    assert [path.text for path in scan(text).paths if not path.interpolated] == ["./b", "./i"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a.b.c", "a"),
        ("a . b", "a"),
        ("a.b or c", "a c"),
        ("{ a = b; c.d = e; ${f}.g = h; }", "b e f h"),
        ("{ a, b ? c, ... }@d: e", "c e"),
        ("d@{ a }: a", "a"),
        ("x: y : z", "z"),
        ("let a = b; c.d = 1; in e", "b e"),
        ("rec { inherit a b; inherit (c) d; e = f; }", "a b c f"),
        ("with a; [ b c.d ]", "a b c"),
        ("a ? b", "a"),
        ("a ? b.c && d", "a d"),
        ("{ a = b ? c; d = e; }", "b e"),
        ('"${a} b ${c.d}"', "a c"),
        ("''${a} ''${b}''", "a"),
        ("if a then b else c", "a b c"),
        ("assert a; b", "a b"),
        ("a-b' + _c", "a-b' _c"),
        ("1.5 + a", "a"),
        ("x:y", ""),
        ("{ or = 1; }", ""),
        ("./a/${b}/c", "b"),
        ("{ a = 1; }.a", ""),
        ("f { a = b; } c", "f b c"),
    ],
)
def test_names(text: str, names: str) -> None:
    found = scan(text)
    assert found.problems == ()
    assert found.names == set(names.split())


def test_selections() -> None:
    text = 'secret.a secret . b script.c.d secret."e-f" a.secret.g { secret.h = secret.a; } "${script.i}"'
    text += " secret secret.${j}"
    assert scan(text).selections == (
        ("secret", "a"),
        ("secret", "b"),
        ("script", "c"),
        ("secret", "e-f"),
        ("script", "i"),
    )


HARD = [
    "(" * 60_000,
    "{a=" * 30_000,
    '"${' * 30_000,
    "''${" * 30_000,
    "./a/${" * 30_000,
    "let a=" * 30_000,
    "(" * 30_000 + ")" * 30_000,
    "1-" * 50_000,
    "a" * 500_000,
    "1" * 500_000,
    "a.-" * 50_000,
    "a+b." * 30_000,
    "a_:" * 30_000,
    "<a" * 50_000,
    "a/b" * 50_000,
    "a/ " * 50_000,
    "~" * 60_000,
    "'" * 300_001,
    "''" + "'$" * 50_000,
    '"' + "\\" * 300_001,
    '"' + "$" * 300_001,
    "/*" * 50_000,
    "#" * 60_000,
    "a " * 50_000,
    " " * 500_000 + "a",
    "with a;" * 60_000,
    "secret." * 60_000,
    'secret."' * 60_000,
    "${" * 30_000,
    "\x00\ud800" * 30_000,
]


def test_hard_texts_take_linear_time() -> None:
    for text in HARD:
        begin = time.process_time()
        scan(text)
        assert time.process_time() - begin < 3, text[:20]


def test_random_texts_end() -> None:
    alphabet = ["a", "1", ".", "/", "~", "<", ">", '"', "''", "'", "$", "${", "}", "{", "(", ")", "[", "]", ";", ":"]
    alphabet += ["\\", "let ", " in ", "with ", "inherit ", "=", "?", ",", "@", "#", "\n", " ", "/*", "*/", "-", "+"]
    source = random.Random(1)
    for _ in range(3000):
        text = "".join(source.choices(alphabet, k=source.randrange(30)))
        found = scan(text)
        assert len(found.problems) <= 1
        for path in found.paths:
            assert text[path.start : path.end] == path.text


def nix_parses(texts: list[str]) -> list[bool]:
    """Whether Nix parses each text, put into parentheses as nxcc does."""
    tool = need("nix-instantiate")
    runs = [
        subprocess.Popen(
            [tool, "--parse", "-E", f"({text}\n)"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for text in texts
    ]
    outcomes = []
    for run in runs:
        _, errors = run.communicate()
        # Names that nothing binds are no matter of a lexer's.
        outcomes.append(run.returncode == 0 or "undefined variable" in errors)
    return outcomes


def test_nix_agrees_on_what_is_broken() -> None:
    texts = [text for text, _, _ in BROKEN]
    assert [text for text, parses in zip(texts, nix_parses(texts), strict=True) if parses] == []


def test_nix_agrees_on_what_is_good() -> None:
    assert [text for text, parses in zip(GOOD, nix_parses(GOOD), strict=True) if not parses] == []


def test_nixpkgs() -> None:
    folder = os.path.join(os.environ.get("NXCC_TEST_NIXPKGS", "/nowhere"), "nixos", "modules")
    if not os.path.isdir(folder):
        pytest.skip("NXCC_TEST_NIXPKGS names no nixpkgs")
    files = sorted(
        os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names if name.endswith(".nix")
    )
    assert len(files) > 300
    for name in files[:: len(files) // 300]:
        with open(name, encoding="utf-8") as file:
            found = scan(file.read())
        assert found.problems == (), name
        for path in found.paths:
            if path.text.startswith((".", "..")) and not path.interpolated:
                assert os.path.exists(os.path.join(os.path.dirname(name), path.text)), (name, path)
