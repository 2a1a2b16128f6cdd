"""What expressions are worth: as nxcc computes them, and as Nix evaluates the composition that has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from compiled import compiled, composition_of, errors_in, evaluated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nxcc.model.expressions import MAX_NESTED

if TYPE_CHECKING:
    from pathlib import Path


HEAD = """
environment lab
param agents: int = 3
param ratio: float = 0.50
param mem: size = 2GiB
param mode: string = "fast"
param debug: bool = false
param hosts: list = ["a", "b"]
let api = 6443
let items = [10, 20, 30]
let tree = { data = "/data"; logs { web = "/log/web"; db = "/log/db" }; logs.all = true; "a b".c = 1 }
let pause = 90s
let nixed = `[ 1 2 ]`
let texts = ["x", "${pkgs.hello}"]
let loss = 5%
let short = 1500ms
let later = earlier + 1
let earlier = 1
let choice = if flavour.name == "vm" then ./data.txt else pkgs.hello
let number = if flavour.name == "vm" then 1 else "2"
secret token
secret key ssh-key
script tool bash = "true"
package own ./own.nix { level = 3 }
input lab-tools "path:/nowhere"
role server { }
role agent[agents] { }
role single[1] { }
"""

VALUES: list[tuple[str, Any]] = [
    # Literals
    ("42", 42),
    ("3.5", 3.5),
    ("1e3", 1000.0),
    ("1.5e-3", 0.0015),
    ("1e22", 1e22),
    ("0.1", 0.1),
    ("9223372036854775807", 9223372036854775807),
    ("-9223372036854775807 - 1", -9223372036854775808),
    ("true", True),
    ("null", None),
    ("[]", []),
    ("{ }", {}),
    ("[1, 2\n3,\n4]", [1, 2, 3, 4]),
    ("{ a = 1, b = 2; c = 3\n d = 4 }", {"a": 1, "b": 2, "c": 3, "d": 4}),
    ('{ "x/y" = 2; b.c = 3; b.d = 4; b { e = 5 } }', {"x/y": 2, "b": {"c": 3, "d": 4, "e": 5}}),
    ('{ "${mode}er" = 1 }', {"faster": 1}),
    # Operators, loosest first, and what binds closer
    ("if true then 1 else 2", 1),
    ("if false then 1 else if true then 2 else 3", 2),
    ("if 1 < 2 or true then 1 else 2", 1),
    ("true or false and false", True),
    ("(true or false) and false", False),
    ("not true or true", True),
    ("not (true or true)", False),
    ("not 1 == 2", True),
    ("not not true", True),
    ("false and nixed == 1", False),
    ("true or nixed == 1", True),
    ("1 + 1 == 2", True),
    ("1 == 1.0", True),
    ("1 == true", False),
    ('1 == "1"', False),
    ("null == null", True),
    ("1 != 2", True),
    ("1 < 2", True),
    ("2 <= 2", True),
    ("1 > 1.5", False),
    ("2 >= 3", False),
    ('"a" < "b"', True),
    ('"B" < "a"', True),
    ('"ab" <= "ab"', True),
    ("[1, 2] == [1, 2]", True),
    ("[1] == [true]", False),
    ("[1, [2]] != [1, [3]]", True),
    ("{ a = 1; b.c = 2 } == { b { c = 2 }; a = 1 }", True),
    ("{ a = 1 } == { a = 2 }", False),
    ("1..4", [1, 2, 3, 4]),
    ("3..2", []),
    ("1..1 + 1", [1, 2]),
    ("0..agents - 1", [0, 1, 2]),
    ("-1..1", [-1, 0, 1]),
    ("1..2 == [1, 2]", True),
    ("[1] ++ [2] ++ [3]", [1, 2, 3]),
    ("[1] ++ items", [1, 10, 20, 30]),
    ("[1 + 1] ++ nixed", [2, 1, 2]),
    ("1 + 2 * 3", 7),
    ("(1 + 2) * 3", 9),
    ("10 - 3 - 2", 5),
    ("24 / 4 / 2", 3),
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("7 / -2", -3),
    ("7 / 2.0", 3.5),
    ("1.5 + 1", 2.5),
    ("2 * 0.5", 1.0),
    ("1 + -1", 0),
    ("- -2", 2),
    ("-(1 + 2)", -3),
    ("3-1", 2),
    ("agents - 1", 2),
    ("agents -1", 2),
    ("-items[0]", -10),
    ("1 +\n 2", 3),
    ("true\n and false", False),
    ("if true\n then 1\n else 2", 1),
    # Index, selection, comprehension
    ("items[0] + items[agents - 1]", 40),
    ("[[1, 2], [3]][0][1]", 2),
    ("(1..9)[4]", 5),
    ("tree.data", "/data"),
    ("tree.logs.db", "/log/db"),
    ("tree.logs", {"web": "/log/web", "db": "/log/db", "all": True}),
    ('tree."a b".c', 1),
    ("tree.logs.all", True),
    ("{ a = [{ b = 5 }] }.a[0].b", 5),
    ("[x * 2 for x in items]", [20, 40, 60]),
    ("[x for x in []]", []),
    ("[[y for y in 1..x] for x in 1..3]", [[1], [1, 2], [1, 2, 3]]),
    ('["${name_}1" for name_ in hosts]', ["a1", "b1"]),
    ("[x.a for x in [{ a = 1 }, { a = 2 }]]", [1, 2]),
    # Quantities
    ("2GiB", 2147483648),
    ("1.5KiB", 1536),
    ("0.5GiB", 536870912),
    ("7B", 7),
    ("1TiB", 1099511627776),
    ("1min", 60),
    ("2h", 7200),
    ("1d", 86400),
    ("2000ms", 2),
    ("1.5min", 90),
    ("100mbit", 100000000),
    ("1.5kbit", 1500),
    ("1gbit", 1000000000),
    ("mem", 2147483648),
    ("[mem, pause]", [2147483648, 90]),
    ("{ a = mem }", {"a": 2147483648}),
    ("mem / 1MiB", 2048),
    ("1GiB / 2GiB", 0.5),
    ("1h / 1min", 60),
    ("10% / 5%", 2),
    ('"${mem / 1MiB}m"', "2048m"),
    ("mem * 2", 4294967296),
    ("2 * mem", 4294967296),
    ("mem / 4", 536870912),
    ("mem + 1GiB", 3221225472),
    ("mem - 1GiB", 1073741824),
    ("1h + 30min", 5400),
    ("1GiB == 1024MiB", True),
    ("1GiB < 1025MiB", True),
    ("2GiB == 2147483648", False),
    ("60s == 1min", True),
    ('"${1536MiB}"', "1536MiB"),
    ('"${0.50GiB} ${5%} ${1.0h} ${100mbit}"', "0.50GiB 5% 1.0h 100mbit"),
    ('"${mem * 2} ${mem / 4} ${1GiB + 512MiB}"', "4GiB 0.5GiB 1536MiB"),
    ('"${1h + 30min} ${10% + 5%}"', "90min 15%"),
    ('"${loss} ${short} ${loss * 2} ${short + 1s}"', "5% 1500ms 10% 2500ms"),
    # Strings
    ('"a\\n\\t\\"\\\\\\${x}\\u{e9}"', 'a\n\t"\\${x}é'),
    ("'a\\n${x}'", "a\\n${x}"),
    ('"""\n    one\n      two\n    three\n    """', "one\n  two\nthree\n"),
    ('"""one \\${x} \\n ${api}"""', "one ${x} \\n 6443"),
    ("'''\n  ${x}\n   y\n  '''", "${x}\n y\n"),
    ('"${api}"', "6443"),
    ('"${-api}/${api + 1}"', "-6443/6444"),
    ('"${mode}-${"in${"ner"}"}"', "fast-inner"),
    ('"${1.50} ${1e3} ${-0.10} ${ratio} ${3}"', "1.50 1e3 -0.10 0.50 3"),
    ('"${0.1 + 0.2}"', "0.30000000000000004"),
    ('"${if debug then "yes" else "no"}"', "no"),
    ('"$$ ${"$"}{x} $${"y"}"', "$$ ${x} $y"),
    ('"${pkgs.hello}/bin/hello"', "/store/hello/bin/hello"),
    ('"${pkgs.python3Packages.numpy}"', "/store/numpy"),
    ('"${pkgs."@x/cli"}"', "/store/x-cli"),
    ("pkgs.hello", "/store/hello"),
    ("lab-tools.x.y", "/store/lab-tools-y"),
    ('"${lab-tools.x.y}/bin"', "/store/lab-tools-y/bin"),
    ('"${tool}/x ${script.tool}"', "/store/tool/x /store/tool/bin/tool"),
    ("tool", "/store/tool"),
    ("script.tool", "/store/tool/bin/tool"),
    ("own.called", "own.nix"),
    ("own.arguments", {"level": 3}),
    ("secret.token", "/run/nxcc/secrets/token"),
    ("secret.key.pub", "/run/nxcc/secrets/key.pub"),
    ('"--file=${secret.token},${secret.key.pub}"', "--file=/run/nxcc/secrets/token,/run/nxcc/secrets/key.pub"),
    ('secret.token == "/run/nxcc/secrets/token"', True),
    # Roles, setup, flavour
    ("server.host", "server"),
    ("server.hosts", ["server"]),
    ("server.count", 1),
    ("agent.host", "agent1"),
    ("agent.hosts", ["agent1", "agent2", "agent3"]),
    ("agent.count", 3),
    ("single.hosts", ["single1"]),
    ('"https://${server.host}:${api}"', "https://server:6443"),
    ('join(agent.hosts, ",")', "agent1,agent2,agent3"),
    ("agent.hosts[2]", "agent3"),
    ("setup.name", ""),
    ('if setup.name == "" then 1 else 2', 1),
    ("flavour.name", "docker"),
    ('"on ${flavour.name}"', "on docker"),
    ('flavour.name == "docker"', True),
    ('flavour.name != "docker" or debug', False),
    ('not (flavour.name == "vm")', True),
    ('if flavour.name == "docker" then api else 80', 6443),
    ('"port ${if flavour.name == "docker" then api else 80}"', "port 6443"),
    ('"${if flavour.name == "vm" then pkgs.hello else tool}/bin"', "/store/tool/bin"),
    ('"${if flavour.name == "docker" then text("a", "b") else 1.50}"', "/store/a:b"),
    ('"${if flavour.name == "vm" then 2GiB else 1.50}"', "1.50"),
    ('"${(if flavour.name == "docker" then 2 else 1) * 3}"', "6"),
    ('(if flavour.name == "docker" then 2 else 1) * api + 1', 12887),
    ('[if flavour.name == "vm" then x else -x for x in 1..2]', [-1, -2]),
    # Nix
    ("`1 + 2`", 3),
    ("```\n  1\n  + 2\n```", 3),
    ("`api + agents`", 6446),
    ("nixed", [1, 2]),
    ("`{ a = 5; }`.a", 5),
    ("`api` + 1", 6444),
    ("-`api`", -6443),
    ("1..`2`", [1, 2]),
    ("`2` * 3 + 1", 7),
    ('"${`"x"`} ${`toString (1 + 1)`}"', "x 2"),
    ("if `true` then 1 else 2", 1),
    ("not `false` and true", True),
    ("[`1`] == [1]", True),
    ("[pkgs.hello] == [pkgs.hello]", True),
    ("{ a = `2` } == { a = 3 }", False),
    ("`flavour.name`", "docker"),
    ("`lib.range 1 2`", [1, 2]),
    ("`mem`", 2147483648),
    ("`secret.token`", "/run/nxcc/secrets/token"),
    # Functions
    ('join(["a", "b"], ", ")', "a, b"),
    ('join(sep = "-", list = [1, 2.50, 3GiB])', "1-2.50-3GiB"),
    ('join([], ",")', ""),
    ('join(texts, ":")', "x:/store/hello"),
    ('join([secret.token, script.tool], ":")', "/run/nxcc/secrets/token:/store/tool/bin/tool"),
    ('join([flavour.name, "x"], "-")', "docker-x"),
    ("len([1, 2])", 2),
    ('len("é日")', 2),
    ('len(x = "")', 0),
    ("len(agent.hosts)", 3),
    ("len(texts)", 2),
    ('lines("a\\nb\\n")', ["a", "b"]),
    ('lines("")', []),
    ('lines("a\\n\\nb")', ["a", "", "b"]),
    ("lines(string = read(./data.txt))", ["first é", "second"]),
    ("read(./data.txt)", "first é\nsecond\n"),
    ("read(file = ./data.txt)", "first é\nsecond\n"),
    ('text("motd", "hi ${api}")', "/store/motd:hi 6443"),
    ('text(string = "x", name = "y.z")', "/store/y.z:x"),
    ('"@${text("a", "b")}"', "@/store/a:b"),
    ('base64("é\\n")', "w6kK"),
    ('base64(string = "")', ""),
    ("len(base64(read(./data.txt)))", 24),
    # The order of declarations is free
    ("later", 2),
]


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Nix makes of each expression, all in one composition: as an option's value, and through a constant."""
    folder = tmp_path_factory.mktemp("values")
    (folder / "own.nix").write_text("{ }: { }\n")
    (folder / "data.txt").write_text("first é\nsecond\n")
    lets = "".join(f"let value-{i} = {expression}\n" for i, (expression, _) in enumerate(VALUES))
    direct = "".join(f'  x."d{i}" = [{expression}]\n' for i, (expression, _) in enumerate(VALUES))
    named = "".join(f'  x."n{i}" = value-{i}\n' for i, _ in enumerate(VALUES))
    compilation = compiled(f"{HEAD}{lets}role probe {{\n{direct}{named}}}\n", folder)
    found: dict[str, Any] = evaluated(compilation, folder, "probe")["x"]
    return found


@pytest.mark.parametrize("index", range(len(VALUES)), ids=[repr(expression)[1:60] for expression, _ in VALUES])
def test_value(index: int, values: dict[str, Any]) -> None:
    _, expected = VALUES[index]
    for found in (values[f"d{index}"][0], values[f"n{index}"]):
        assert found == expected
        # JSON has one kind of number; that floats keep their dot is asked of the text.
        assert isinstance(found, bool) == isinstance(expected, bool)


# What only Nix knows stays in the output as it was written, and what nxcc knows stays named.
TEXTS = [
    ('"${pkgs.gawk}/bin/awk"', '"${pkgs.gawk}/bin/awk"'),
    ('"http://${server.host}:${api}/"', '"http://server:${toString api}/"'),
    ('"${mode}-${agents}"', '"${mode}-${toString agents}"'),
    ("api", "api"),
    ("api + 1", "6444"),
    ("1e3", "1000.0"),
    ("2.0", "2.0"),
    ("1.50", "1.5"),
    ("ratio", "ratio"),
    ("flavour.name", "flavour.name"),
    ('"on-${flavour.name}"', '"on-${flavour.name}"'),
    ('if flavour.name == "vm" then api else 80', 'if flavour.name == "vm" then api else 80'),
    ('flavour.name == "vm" and not debug', 'flavour.name == "vm" && true'),
    ("`pkgs.hello.override { }`", "(pkgs.hello.override { })"),
    ("secret.token", "secret.token"),
    ('"${secret.token}.x"', '"${secret.token}.x"'),
    ("script.tool", '"${tool}/bin/tool"'),
    ("tree.logs.db", '"/log/db"'),
    ('"${./data.txt}"', '"${./sources/data.txt}"'),
    ("./data.txt", "./sources/data.txt"),
    ('"${if flavour.name == "vm" then ./data.txt else "x"}"', None),
    ('"${choice}/x"', '"${choice}/x"'),
    ('"${number}/x"', '"${toString number}/x"'),
    ('text("motd", "hi ${api}")', 'pkgs.writeText "motd" "hi ${toString api}"'),
    ("lab-tools.packages.x", "inputs.lab-tools.packages.x"),
    ("own.lib.f", "own.lib.f"),
]


def files(folder: Path) -> None:
    """The files that HEAD and the tables name."""
    (folder / "own.nix").write_text("{ }: { }\n")
    (folder / "data.txt").write_text("first é\nsecond\n")


def test_what_stays_in_the_output(tmp_path: Path) -> None:
    files(tmp_path)
    options = "".join(f"  y.v{i} = {expression}\n" for i, (expression, _) in enumerate(TEXTS))
    text = composition_of(f"{HEAD}role probe {{\n{options}}}\n", tmp_path)
    for i, (expression, expected) in enumerate(TEXTS):
        if expected is not None:
            assert f"y.v{i} = {expected};" in text, expression
    assert '${./sources/data.txt}" else "x"' in " ".join(text.split())
    for binding in ("agents = 3;", "ratio = 0.5;", "mem = 2147483648;", "debug = false;", "api = 6443;", "pause = 90;"):
        assert f"\n  {binding}" in text


REFUSED = [
    ("5%", "NX0311"),
    ("loss", "NX0311"),
    ("[1, { a = loss }]", "NX0311"),
    ("short", "NX0310"),
    ("1500ms * 3", "NX0310"),
    ("0.3B", "NX0310"),
    ("0.1kbit / 1000", "NX0310"),
    ("9000000TiB", "NX0321"),
    ("1e-300 * 1e-8", "NX0321"),
    ('"${flavour.name == "vm"}"', "NX0306"),
    ('"${not (flavour.name == "vm")}"', "NX0306"),
    ('"${if flavour.name == "vm" then true else "x"}"', "NX0306"),
    ('"${if flavour.name == "vm" then "x" else [1]}"', "NX0306"),
    ('"${nixed ++ [1]}"', "NX0306"),
    ('join([flavour.name == "vm"], "")', "NX0306"),
    ('"${debug}"', "NX0306"),
    ("server", "NX0209"),
    ("-9223372036854775808", "NX0116"),
    ("-(-9223372036854775807 - 1)", "NX0321"),
    ("items[3]", "NX0307"),
    ("items[-1]", "NX0307"),
    ('items["0"]', "NX0301"),
    ("nixed[0]", "NX0314"),
    ("items[nixed]", "NX0314"),
    ("[x for x in nixed]", "NX0314"),
    ("len(pkgs.hello)", "NX0314"),
    ("[api for api in items]", "NX0208"),
    ("[x for x in [x for x in items]]", None),
    ("[[x for x in items] for x in items]", "NX0208"),
    ("{ a = 1; a = 1 }.a", "NX0319"),
    ("{ a = items; a = items }.a", "NX0319"),
    ("{ a = tree; a.x = 1 }.a", "NX0319"),
    ("[{ when debug { a = 1 } else { b = 2; b = 3 } }]", "NX0319"),
    ("[{ on docker { a = 1 } }]", "NX0113"),
]


@pytest.mark.parametrize(("expression", "code"), REFUSED, ids=[expression for expression, _ in REFUSED])
def test_refused(expression: str, code: str | None, tmp_path: Path) -> None:
    files(tmp_path)
    found = errors_in(f"{HEAD}role probe {{\n  x.y = {expression}\n}}\n", tmp_path)
    assert [diagnostic.code for diagnostic in found] == ([code] if code else [])


def test_option_blocks_merge_where_values_must_not(tmp_path: Path) -> None:
    text = "environment lab\nrole probe {\n  x = { a = [1]; a = [2] }\n  x { b { c = 1 }; b { d = 2 } }\n}\n"
    compilation = compiled(text, tmp_path)
    assert evaluated(compilation, tmp_path, "probe") == {"x": {"a": [1, 2], "b": {"c": 1, "d": 2}}}
    assert not errors_in("environment lab\nlet x = { a { b = 1 }; a { c = 2 } }\nrole probe { }\n", tmp_path)


# --- parameters ---

PARAMETERS = """
environment lab
param i: int = 2 in 1..9 "how many"
param f: float = 2.50 in 0.5..16
param t: string = "a" in ["a", "b c", ""]
param b: bool = false
param s: size = 1GiB in 512MiB..4GiB
param d: duration = 2h in [2h, 30min, 90min]
param l: list = [1, "x"]
param twice: int = i * 2
setup small { i = 1; l = [] }
setup large { i = 9; s = 4GiB; d = 1.5h; f = i + 0.25 }
role probe {
  x = { i = i; f = f; t = t; b = b; s = s; d = d; l = l; twice = twice; name = setup.name }
  y = "${f} ${s} ${d}"
}
"""
DEFAULTS = {
    "i": 2,
    "f": 2.5,
    "t": "a",
    "b": False,
    "s": 2**30,
    "d": 7200,
    "l": [1, "x"],
    "twice": 4,
    "name": "",
}


def given_by(folder: Path, source: str = PARAMETERS, setup: str | None = None, **values: str) -> dict[str, Any]:
    """The options of the probe, with parameters as the command line gives them."""
    found: dict[str, Any] = evaluated(compiled(source, folder, parameters=values, setup=setup), folder, "probe")
    return found


def test_parameters_have_their_defaults(tmp_path: Path) -> None:
    assert given_by(tmp_path) == {"x": DEFAULTS, "y": "2.50 1GiB 2h"}


def test_parameters_of_each_type_on_the_command_line(tmp_path: Path) -> None:
    found = given_by(tmp_path, i="7", f="3", t="b c", b="true", s="1.5GiB", d="30min", l="2,y z,3.5,true,")
    assert found["x"] == {
        **DEFAULTS,
        "i": 7,
        "f": 3,
        "t": "b c",
        "b": True,
        "s": 3 * 2**29,
        "d": 1800,
        "l": [2, "y z", 3.5, True, ""],
        "twice": 14,
    }
    assert found["y"] == "3 1.5GiB 30min"
    assert given_by(tmp_path, t="", l="")["x"] == {**DEFAULTS, "t": "", "l": []}


def test_setups(tmp_path: Path) -> None:
    small = {**DEFAULTS, "i": 1, "l": [], "twice": 2, "name": "small"}
    assert given_by(tmp_path, setup="small")["x"] == small
    large = {**DEFAULTS, "i": 9, "f": 9.25, "s": 2**32, "d": 5400, "twice": 18, "name": "large"}
    assert given_by(tmp_path, setup="large") == {"x": large, "y": "9.25 4GiB 1.5h"}
    # The command line wins over the setup.
    assert given_by(tmp_path, setup="small", i="3")["x"] == {**small, "i": 3, "twice": 6}


def test_a_default_setup(tmp_path: Path) -> None:
    source = PARAMETERS.replace("setup small", "setup small default")
    assert given_by(tmp_path, source)["x"]["name"] == "small"
    assert given_by(tmp_path, source, setup="none")["x"] == DEFAULTS
    assert given_by(tmp_path, source, setup="large")["x"]["name"] == "large"


BAD = [
    *(("i", text, "NX0304") for text in ("", "x", "1.0", "1e2", " 2", "0x2", "9" * 20, "1_0", "+2", "\u0663")),
    *(("i", text, "NX0303") for text in ("0", "10", "-1")),
    *(("f", text, "NX0304") for text in ("", "x", "1.", ".5", "inf", "nan", "1e999", "-1e-320", "1e-400", "1,5")),
    ("f", "0.4", "NX0303"),
    *(("t", text, "NX0303") for text in ("c", "A", "a ")),
    *(("b", text, "NX0304") for text in ("", "yes", "1", "True", "TRUE")),
    *(("s", text, "NX0304") for text in ("", "1", "1GB", "1 GiB", "-1GiB", "2h", "GiB", "1gib", "1.GiB")),
    *(("s", text, "NX0303") for text in ("5GiB", "1B")),
    *(("d", text, "NX0304") for text in ("", "1", "1GiB", "1hour", "2H")),
    ("d", "1h", "NX0303"),
    ("nothing", "1", "NX0203"),
]


@pytest.mark.parametrize(("name", "text", "code"), BAD)
def test_bad_values_on_the_command_line(name: str, text: str, code: str, tmp_path: Path) -> None:
    (found,) = errors_in(PARAMETERS, tmp_path, parameters={name: text})
    assert found.code == code
    assert f"`--set {name}={text}`" in "".join(found.notes)


def test_a_float_is_one_however_it_is_given(tmp_path: Path) -> None:
    source = 'environment lab\nparam f: float = 3\nrole probe { x = f / 2; y = "${f}" }\n'
    assert given_by(tmp_path, source) == {"x": 1.5, "y": "3"}
    assert given_by(tmp_path, source, f="5") == {"x": 2.5, "y": "5"}
    assert given_by(tmp_path, source, f="-0.50") == {"x": -0.25, "y": "-0.50"}


def test_long_numbers_of_quantities(tmp_path: Path) -> None:
    assert [e.code for e in errors_in(PARAMETERS, tmp_path, parameters={"s": f"{'9' * 5000}GiB"})] == ["NX0304"]
    for number in ("9" * 5000, f"0.{'0' * 5000}1"):
        found = errors_in(f"environment lab\nlet x = {number}GiB\nrole a {{ }}\n", tmp_path)
        assert [e.code for e in found] == ["NX0321"]


# --- depth ---


def chain(length: int, form: str) -> str:
    lets = "".join(f"let s{i} = {form.replace('NEXT', f's{i + 1}')}\n" for i in range(length))
    return f"environment lab\n{lets}let s{length} = 1\nrole probe {{\n  x.y = s0\n}}\n"


@pytest.mark.parametrize("form", ["NEXT + 1", "[NEXT]", '"${NEXT}"', "{ a = NEXT }"])
def test_a_long_chain_of_constants_ends_in_one_error(form: str, tmp_path: Path) -> None:
    assert [e.code for e in errors_in(chain(10_000, form), tmp_path)] == ["NX0320"]
    assert not errors_in(chain(MAX_NESTED // 4, form), tmp_path)


@pytest.mark.parametrize(
    ("form", "codes"), [("LAST", []), ("[LAST, LAST]", ["NX0322"]), ('"${LAST}${LAST}"', ["NX0322"])]
)
def test_a_long_chain_the_other_way_round(form: str, codes: list[str], tmp_path: Path) -> None:
    lets = "".join(f"let s{i} = {form.replace('LAST', f's{i - 1}')}\n" for i in range(1, 1000))
    source = f'environment lab\nlet s0 = "a"\n{lets}role probe {{ x.y = s999; x.z = s998 }}\n'
    assert [e.code for e in errors_in(source, tmp_path)] == codes


DEEP = [
    "[" * 190 + "1" + "]" * 190,
    "(1 + " * 190 + "1" + ")" * 190,
    "{ a = " * 190 + "1" + " }" * 190,
    "{ " + "a { " * 180 + "b = 1" + " }" * 181,
    '"${' * 90 + "1" + '}"' * 90,
    "join([" * 90 + '"a"' + '], "")' * 90,
    "not " * 290 + "true",
    "-" * 290 + "1",
    "1" + " + 1" * 290,
    "[1]" + " ++ [1]" * 290,
    "if true then 1 else " * 290 + "1",
    "`{ }`" + ".a" * 290,
    "`1`" + " + 1" * 290,
    "if `true` then 1 else " * 290 + "1",
]


def test_what_the_parser_takes_is_evaluated_and_written(tmp_path: Path) -> None:
    options = "".join(f"  x.y{i} = {expression}\n" for i, expression in enumerate(DEEP))
    compiled(f"environment lab\nrole probe {{\n{options}}}\n", tmp_path)


# --- strings ---

PIECES = (
    "${ '' ' $$ $ \\ \" \"\"\" ''' ` ``` { } ${x} # /* a b é 日本 \U0001f600 \\n \\${ ''${ ''\\ '$ $' \"$ \x01 \x7f"
).split(" ")
BLANKS = ("\n", "\n", "\r", "\r\n", "\t", " ", "  ", "\n  ", "\n\t", "\n\n", " \n", "\ufeff", "\x85", "\u2028")
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
strings = st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from(BLANKS), CHARACTERS), max_size=12).map("".join)


def quoted(text: str) -> str:
    """A text as a string in quotes."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}
    return '"' + "".join(escapes.get(char, char) for char in text).replace("${", "\\${") + '"'


def written(text: str) -> list[str]:
    """A text in every way in which the language can write it."""
    numbers = "".join(f"\\u{{{ord(char):x}}}" for char in text)
    found = [quoted(text), f'"{numbers}"', f'"${{{quoted(text)}}}"']
    if "'" not in text and "\n" not in text:
        found.append(f"'{text}'")
    lines = text.split("\n")
    # A block takes off what all its lines begin with, so one must begin at its edge; it ends with a newline; and an
    # end of line of two characters is one newline in a source.
    if lines[-1] == "" and any(line[:1] not in ("", " ") for line in lines) and "\r\n" not in text:
        body = "".join(f"    {line}\n" for line in lines[:-1])
        escaped = body.replace("${", "\\${").replace('"""', '\\"""')
        found.append(f'"""\n{escaped}    """')
        if "'''" not in text:
            found.append(f"'''\n{body}    '''")
    return found


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(strings, min_size=20, max_size=60))
def test_strings_reach_nix_as_they_are(tmp_path: Path, texts: list[str]) -> None:
    source = ["environment lab", 'let hole = "<${pkgs.hello}>"']
    source += [f"let named-{i} = {quoted(text)}" for i, text in enumerate(texts)]
    source.append("role probe {")
    expected = {}
    for i, text in enumerate(texts):
        for j, form in enumerate(written(text)):
            source.append(f"  x.v{i}-{j} = {form}")
            expected[f"v{i}-{j}"] = text
        mixed = quoted(text)[1:-1]
        source.append(f'  x.m{i} = "{mixed}${{pkgs.hello}}{mixed}${{named-{i}}}$${{hole}}"')
        expected[f"m{i}"] = f"{text}/store/hello{text}{text}$</store/hello>"
    compilation = compiled("\n".join([*source, "}", ""]), tmp_path)
    assert evaluated(compilation, tmp_path, "probe") == {"x": expected}
