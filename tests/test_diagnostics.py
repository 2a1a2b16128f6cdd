"""The renderers, to the letter."""

from __future__ import annotations

import json
import subprocess
import sys

import jsonschema
import pytest

from nxcc.diagnostics import concise, github, sarif, text
from nxcc.diagnostics.catalogue import CATALOGUE
from nxcc.diagnostics.core import Diagnostic, Label, Source, Span
from nxcc.diagnostics.explain import explanation
from nxcc.diagnostics.nearest import did_you_mean, nearest
from nxcc.diagnostics.render import FORMATS, render, renderer

LINES = ["#"] * 14
LINES += ['role server : base "control plane" {', *["  # more"] * 7, "role agent[agents] : base {"]
LINES += ['  service k3s { serverAddr = "https://${servr.host}:6443" }', "}"]
K3S = Source("examples/k3s/env.nxc", "\n".join(LINES) + "\n")


def at(source: Source, needle: str) -> Span:
    start = source.text.index(needle)
    return Span(source, start, start + len(needle))


UNKNOWN_ROLE = Diagnostic(
    "NX0203",
    "error",
    "unknown role `servr`",
    at(K3S, "servr"),
    "no role, parameter or constant has this name",
    (Label(at(K3S, "server"), "a role with a similar name"),),
    ("did you mean `server`?",),
)


def shown(source: Source, span: Span, **more: object) -> str:
    """A text rendering without headline, notes and summary."""
    diagnostic = Diagnostic("NX0101", "error", "wrong", span, **more)  # type: ignore[arg-type]
    block = text.render([diagnostic], color=False).split("\n\n")[0]
    return "\n".join(line for line in block.split("\n")[1:] if not line.startswith("note: `nxcc"))


def test_the_example_of_the_design() -> None:
    assert (
        text.render([UNKNOWN_ROLE], color=False)
        == """\
error[NX0203]: unknown role `servr`
  --> examples/k3s/env.nxc:24:41
   |
15 | role server : base "control plane" {
   |      ------ a role with a similar name
...
24 |   service k3s { serverAddr = "https://${servr.host}:6443" }
   |                                         ^^^^^ no role, parameter or constant has this name
   |
help: did you mean `server`?
note: `nxcc explain NX0203` tells more

error: 1 error; nothing was written
"""
    )


def test_blocks_are_apart_and_counted() -> None:
    warning = Diagnostic("NX0901", "warning", "no lock file", notes=("first\nsecond",), help=("run `nxcc lock`",))
    note = Diagnostic("NX0902", "note", "nothing to say")
    assert (
        text.render([warning, note], color=False)
        == """\
warning[NX0901]: no lock file
help: run `nxcc lock`
note: first
      second
note: `nxcc explain NX0901` tells more

note[NX0902]: nothing to say
note: `nxcc explain NX0902` tells more

warning: 1 warning
"""
    )
    assert text.render([note], color=False).endswith("tells more\n")
    assert text.render([], color=False) == ""
    assert (
        text.summary([UNKNOWN_ROLE, UNKNOWN_ROLE, warning], False) == "error: 2 errors, 1 warning; nothing was written"
    )
    assert text.summary([warning, warning], True) == "warning: 2 warnings"
    assert text.summary([note], True) == ""


def test_at_most_twenty_of_a_kind() -> None:
    many = [UNKNOWN_ROLE] * 25 + [UNKNOWN_ROLE._replace(severity="warning")]
    out = text.render(many, color=False)
    assert out.count("error[NX0203]") == 20
    assert out.count("warning[NX0203]") == 1
    assert out.endswith("\n\n... and 5 more\n\nerror: 25 errors, 1 warning; nothing was written\n")


def test_tabs_wide_and_combining_characters() -> None:
    source = Source("a.nxc", '\tlet x = "日本e\u0301" oops\n')
    assert (
        shown(source, at(source, "oops"))
        == """\
 --> a.nxc:1:17
  |
1 |     let x = "日本e\u0301" oops
  |                     ^^^^
  |"""
    )
    assert shown(source, at(source, "本")).split("\n")[3] == "  |                ^^"
    # A tab leads to the next stop, not always four columns on.
    tabbed = Source("a.nxc", "ab\tcd")
    assert shown(tabbed, at(tabbed, "cd")).split("\n")[2:4] == ["1 | ab  cd", "  |     ^^"]


def test_nothing_steers_the_terminal() -> None:
    source = Source("a\033.nxc", 'let x = "\033[31m\u202e\x07\r\x9b\ud800" oops\n')
    diagnostic = Diagnostic(
        "NX0101", "error", "bad `\033[2J`", at(source, "oops"), "\033c", help=("\x1b]0;x",), notes=("\x08",)
    )
    for name in ("text", "concise"):
        out = render([diagnostic], name)
        assert all(char == "\n" or char.isprintable() for char in out)
    out = render([diagnostic], "text")
    assert "error[NX0101]: bad `\\u{1b}[2J`\n --> a\\u{1b}.nxc:1:22\n" in out
    assert '1 | let x = "\\u{1b}[31m\\u{202e}\\u{7}\\u{d}\\u{9b}\\u{d800}" oops\n' in out
    line, carets = out.split("\n")[3:5]
    assert line.index("oops") == carets.index("^^^^")


def test_several_lines() -> None:
    source = Source("a.nxc", "role a {\n  file {\n    b\n\n  }  \n}\nx")
    start = source.text.index("file")
    assert (
        shown(source, Span(source, start, source.text.index("}") + 3), label="this block")
        == """\
 --> a.nxc:2:3
  |
2 |   file {
  |   ^^^^^^ this block
...
5 |   }
  |   ^
  |"""
    )
    two = shown(source, at(source, "x"), secondary=(Label(Span(source, 0, len(source.text) - 2), "the role"),))
    assert two.split("\n")[2:] == ["1 | role a {", "  | -------- the role", "...", "7 | x", "  | ^", "  |"]


def test_two_labels_in_a_line_and_a_second_file() -> None:
    source = Source("a.nxc", "a = 1; a = 2")
    other = Source("lib/b.nxc", "\n" * 99 + "a = 3")
    secondary = (Label(Span(source, 0, 1), "first here"), Label(Span(other, 99, 100), "and here"))
    assert (
        shown(source, Span(source, 7, 8), label="again", secondary=secondary)
        == """\
   --> a.nxc:1:8
    |
  1 | a = 1; a = 2
    |        ^ again
    | - first here
    |
   ::: lib/b.nxc:100:1
    |
100 | a = 3
    | - and here
    |"""
    )


def test_end_of_file_and_line() -> None:
    source = Source("a.nxc", "role a {\n  x =  \n\n")
    end = len(source.text)
    expected = """\
 --> a.nxc:2:6
  |
2 |   x =
  |      ^ more was expected
  |"""
    assert shown(source, Span(source, end, end), label="more was expected") == expected
    assert shown(source, Span(source, end + 9, end + 9), label="more was expected") == expected
    newline = source.text.index("\n")
    assert shown(source, Span(source, newline, newline + 1)).split("\n")[2:4] == ["1 | role a {", "  |         ^"]
    empty = Source("a.nxc", "")
    assert shown(empty, Span(empty, 0, 0)) == " --> a.nxc:1:1\n  |\n1 |\n  | ^\n  |"


@pytest.mark.parametrize("where", [0, 30, 5000, 9990, 10004])
def test_long_lines_are_shown_in_part(where: int) -> None:
    line = "x" * where + "oops" + "y" * (10_004 - where)
    source = Source("a.nxc", line + "\n")
    secondary = (Label(Span(source, 7000, 7003), "far off"),)
    out = shown(source, Span(source, where, where + 4), label="here", secondary=secondary).split("\n")
    assert all(len(line) < 160 for line in out)
    marked = next((out[i - 1], words) for i, words in enumerate(out) if words.endswith(" here"))
    assert marked[0][marked[1].index("^") :].startswith("oops")
    assert marked[1].count("^") == 4
    assert any(words.endswith("--- far off") for words in out)


def test_a_span_longer_than_the_window() -> None:
    source = Source("a.nxc", "x" * 10_000)
    assert shown(source, Span(source, 10, 9_000)).split("\n")[2:4] == [
        f"1 | {'x' * 120}...",
        f"  | {' ' * 10}{'^' * 110}",
    ]


def test_color_only_when_asked() -> None:
    out = text.render([UNKNOWN_ROLE], color=True)
    assert "\033[1;31merror[NX0203]\033[0m" in out
    assert "\033[1;31m^^^^^ no role" in out
    assert "\033[1;34m------ a role" in out
    plain = out
    for number in ("0", "1", "1;31", "1;32", "1;34", "1;36"):
        plain = plain.replace(f"\033[{number}m", "")
    assert plain == text.render([UNKNOWN_ROLE], color=False)


def test_concise() -> None:
    out = concise.render([UNKNOWN_ROLE, Diagnostic("NX0901", "warning", "no lock\nfile")], color=True)
    assert out == (
        "examples/k3s/env.nxc:24:41: error[NX0203]: unknown role `servr`\nwarning[NX0901]: no lock\\u{a}file\n"
    )


def test_json() -> None:
    found = json.loads(render([UNKNOWN_ROLE, Diagnostic("NX0901", "warning", "m\ud800")], "json"))
    first, second = found.pop("diagnostics")
    assert found == {"format_version": 1, "errors": 1, "warnings": 1}
    assert first == {
        "code": "NX0203",
        "severity": "error",
        "message": "unknown role `servr`",
        "file": "examples/k3s/env.nxc",
        "start": {"line": 24, "column": 41},
        "end": {"line": 24, "column": 46},
        "label": "no role, parameter or constant has this name",
        "secondary": [
            {
                "file": "examples/k3s/env.nxc",
                "start": {"line": 15, "column": 6},
                "end": {"line": 15, "column": 12},
                "label": "a role with a similar name",
            }
        ],
        "help": ["did you mean `server`?"],
        "notes": [],
    }
    assert (second["file"], second["start"], second["end"]) == (None, None, None)
    assert json.loads(render([], "json"))["diagnostics"] == []


def test_github() -> None:
    source = Source("a,b:c%.nxc", "x\ny")
    diagnostics = [
        UNKNOWN_ROLE,
        Diagnostic("NX0101", "warning", "50%\r\nof it", Span(source, 0, 3)),
        Diagnostic("NX0902", "note", "fine"),
    ]
    assert github.render(diagnostics, color=False) == (
        "::error file=examples/k3s/env.nxc,line=24,col=41,endLine=24,endColumn=46,title=NX0203::unknown role `servr`"
        "%0Ano role, parameter or constant has this name%0Ahelp: did you mean `server`?\n"
        "::warning file=a%2Cb%3Ac%25.nxc,line=1,endLine=2,title=NX0101::50%25%0D%0Aof it\n"
        "::notice title=NX0902::fine\n"
    )


_POSITIVE = {"type": "integer", "minimum": 1}
_TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
_LOCATION = {
    "type": "object",
    "required": ["artifactLocation", "region"],
    "additionalProperties": False,
    "properties": {
        "artifactLocation": {
            "type": "object",
            "required": ["uri"],
            "additionalProperties": False,
            "properties": {"uri": {"type": "string", "pattern": "^[A-Za-z0-9._~/%:-]+$"}},
        },
        "region": {
            "type": "object",
            "required": ["startLine", "startColumn", "endLine", "endColumn"],
            "additionalProperties": False,
            "properties": dict.fromkeys(["startLine", "startColumn", "endLine", "endColumn"], _POSITIVE),
        },
    },
}
# The parts of SARIF 2.1.0 that nxcc uses, as its specification has them.
_SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "additionalProperties": False,
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "additionalProperties": False,
                                "properties": {
                                    "name": {"type": "string"},
                                    "version": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "additionalProperties": False,
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": _TEXT,
                                                "help": _TEXT,
                                                "defaultConfiguration": {
                                                    "type": "object",
                                                    "properties": {
                                                        "level": {"enum": ["none", "note", "warning", "error"]}
                                                    },
                                                },
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message"],
                            "additionalProperties": False,
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": _LEVEL,
                                "message": _TEXT,
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "additionalProperties": False,
                                        "properties": {"physicalLocation": _LOCATION},
                                    },
                                },
                                "relatedLocations": {
                                    "type": "array",
                                    "uniqueItems": True,
                                    "items": {
                                        "type": "object",
                                        "additionalProperties": False,
                                        "properties": {
                                            "id": {"type": "integer", "minimum": 0},
                                            "physicalLocation": _LOCATION,
                                            "message": _TEXT,
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}


def test_sarif() -> None:
    source = Source("/tmp/a b\u00e9:\ud800.nxc", "x")
    diagnostics = [
        UNKNOWN_ROLE,
        Diagnostic("NX0101", "warning", "odd", Span(source, 0, 1)),
        Diagnostic("NX0521", "note", "fine"),
        UNKNOWN_ROLE,
    ]
    log = json.loads(sarif.render(diagnostics, color=False))
    jsonschema.validate(log, _SARIF)
    jsonschema.validate(json.loads(sarif.render([], color=False)), _SARIF)
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["NX0101", "NX0203", "NX0521"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == ["NX0203", "NX0101", "NX0521", "NX0203"]
    assert run["results"][0]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "examples/k3s/env.nxc"},
        "region": {"startLine": 24, "startColumn": 41, "endLine": 24, "endColumn": 46},
    }
    assert run["results"][0]["relatedLocations"][0]["message"] == {"text": "a role with a similar name"}
    assert run["results"][1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == (
        "file:///tmp/a%20b%C3%A9%3A%ED%A0%80.nxc"
    )
    assert rules[2]["help"]["markdown"].startswith("## NX0521: ")


def test_every_format_is_there_and_text_is_light() -> None:
    for name in FORMATS:
        assert isinstance(renderer(name)([], color=False), str)
    program = (
        "import sys; before = set(sys.modules); import nxcc.diagnostics.text as t;"
        "from nxcc.diagnostics.core import *; s = Source('a', 'x');"
        "t.render([Diagnostic('NX0101', 'error', 'm', Span(s, 0, 1))], color=False);"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert not {"json", "dataclasses", "pathlib", "subprocess", "unicodedata", "difflib", "textwrap"} & set(loaded)


def test_explanations(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    import nxcc.diagnostics.explain as module

    path = f"{tmp_path}/explanations.md"
    with open(path, "w", encoding="utf-8") as file:
        file.write(
            "# All\n\n## NX0202: other\n\nOther.\n\n## NX0203: unknown name\n\nProse `x`.\n\nWrong:\n\n"
            "```nxc\nrole a {\n## no heading\n}\n```\n\nRight:\n```nxc\nrole b {}\n```\n\n## NX0204: last\n\nLast.\n"
        )
    monkeypatch.setattr(module, "_FILE", path)
    found = explanation("nx0203")
    assert found is not None
    assert found[:2] == ("NX0203", "unknown name")
    assert found.text.startswith("## NX0203: unknown name\n\nProse")
    assert found.text.endswith("role b {}\n```\n")
    assert found.wrong == "role a {\n## no heading\n}\n"
    assert found.right == "role b {}\n"
    assert explanation("NX0204") == ("NX0204", "last", "## NX0204: last\n\nLast.\n", "", "")
    assert explanation("NX02") is None
    assert explanation("NX0999") is None


def test_explanations_of_the_files_codes() -> None:
    for code in CATALOGUE:
        if "NX0520" <= code <= "NX0529":
            found = explanation(code)
            assert found is not None, code
            assert found.title, code
            assert found.wrong, code
            assert found.right, code


@pytest.mark.parametrize(
    ("name", "candidates", "expected"),
    [
        ("servr", ["server", "agent", "serve"], ("serve", "server")),
        ("Server", ["server", "servers"], ("server", "servers")),
        ("k3_server", ["k3-server"], ("k3-server",)),
        ("agnet", ["agent", "magnet"], ("agent", "magnet")),
        ("completely", ["different", ""], ()),
        ("x", ["y", "X"], ("X",)),
        ("x", ["y"], ()),
        ("ab", ["ba", "xy"], ("ba",)),
        ("", ["a"], ()),
        ("name", ["name"], ()),
        ("node", ["nodea", "nodeb", "nodec", "noded"], ("nodea", "nodeb", "nodec")),
        ("networking.hostNme", ["networking.hostName", "networking.hostId"], ("networking.hostName",)),
    ],
)
def test_nearest(name: str, candidates: list[str], expected: tuple[str, ...]) -> None:
    assert nearest(name, candidates) == expected
    assert nearest(name, reversed(candidates)) == expected


def test_did_you_mean() -> None:
    assert did_you_mean("servr", ["server"]) == ("did you mean `server`?",)
    assert did_you_mean("nod", ["node", "no"]) == ("did you mean `no` or `node`?",)
    assert did_you_mean("node", ["nodea", "nodeb", "nodec"]) == ("did you mean `nodea`, `nodeb` or `nodec`?",)
    assert did_you_mean("x", ["server"]) == ()
