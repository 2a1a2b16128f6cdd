"""`nxcc init`: what it writes compiles, says what it leaves out, and changes nothing that was there."""

from __future__ import annotations

import json
import os
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from nix_systems import nixpkgs, of_bundle
from programs import Nxcc
from tools import need

from nxcc.compiler import check_file, compile_file
from nxcc.diagnostics.concise import render as concise
from nxcc.diagnostics.core import Log
from nxcc.flavours import names
from nxcc.init.takeover import take_over

if TYPE_CHECKING:
    from collections.abc import Mapping

WITHOUT_NIX = {"PATH": "/nowhere"}

# Each way to write a composition, and the roles that Nix finds; None behind them where its text alone tells as much.
FORMS: dict[str, tuple[str, list[str], list[str] | None]] = {
    "a set": ("{ roles = { a = { }; b = { }; }; }", ["a", "b"], None),
    "a function of some arguments": ("{ pkgs, ... }: { roles.a = { ... }: { x = pkgs.y; }; }", ["a"], None),
    "of one argument, and no more": ("{ lib }: { nodes = { a = { }; }; }", ["a"], None),
    "of one set": ("args: { roles.a = { }; roles.b.services.x.enable = true; }", ["a", "b"], None),
    "named and taken apart": ("args@{ pkgs, ... }: { roles.a = { }; }", ["a"], None),
    "taken apart and named": ("{ pkgs, ... }@args: { roles.a = { }; }", ["a"], None),
    "defaults": ('{ more ? { x = "};"; }, ... }: { roles.a = { }; }', ["a"], None),
    "let around it": ("{ pkgs, ... }: let base = { x = 1; }; in { roles = { a = base; }; }", ["a"], None),
    "let within": ("_: { roles = let n = 2; in { a = { }; b = { }; }; }", ["a", "b"], None),
    "with and assert": ("{ lib, ... }: with lib; assert true; { roles = { a = { }; }; }", ["a"], None),
    "inherited": ("_: let a = { }; b = { }; in { roles = { inherit a b; }; }", ["a", "b"], None),
    "quoted": ('_: { roles = { "a-1" = { }; }; }', ["a-1"], None),
    "by name": ("_: let all = { a = { }; }; in { roles = all; }", ["a"], None),
    "recursive": ("_: rec { roles = rec { a = { }; }; }", ["a"], None),
    "comments": ("# roles = { x = { }; };\n_: /* nodes */ { roles = { a = { }; /* b = 1; */ }; }", ["a"], None),
    "strings": ("_: { roles.a.text = ''\n}; roles.b = ${toString 1} '''\n''; }", ["a"], None),
    "many": ('{ helpers, ... }: { nodes = { a = { }; } // helpers.makeMany { } "n" 2; }', ["a", "n1", "n2"], None),
    "many by a name": (
        '{ helpers, ... }: { nodes = let k = 2; in helpers.makeManyById (i: { }) "n" k // { a = { }; }; }',
        ["a", "n1", "n2"],
        None,
    ),
    "the library's": ('{ lib, ... }: { roles = lib.genAttrs [ "a" "b" ] (_: { }); }', ["a", "b"], []),
    "the library's of pkgs": (
        "{ pkgs, ... }: { roles = { c = { }; } // pkgs.lib.mapAttrs (_: m: m) { a = { }; }; }",
        ["a", "c"],
        ["c"],
    ),
    "a parameter": (
        '{ setup, ... }: { roles = if setup.project.selected == "" then { a = { }; } else { }; }',
        ["a"],
        [],
    ),
    "modules of a repository": ("{ nur, ... }: { roles.a.imports = [ nur.repos.x.modules.y ]; }", ["a"], None),
    "keys of nixpkgs": (
        '{ modulesPath, pkgs, ... }: let inherit (import "${modulesPath}/tests/k.nix" pkgs) k; in { roles.a.k = k; }',
        ["a"],
        None,
    ),
    "handed on": ("args: import ./other.nix args", ["a", "b"], []),
}
OTHER = "{ pkgs, ... }: { roles = { a = { }; b = { }; }; }"


def put(folder: Path, files: Mapping[str, str]) -> dict[str, str]:
    """Write files; returns them."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return dict(files)


def there(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def checked(path: Path) -> str:
    """The text of a source that has no errors."""
    errors = [one for one in check_file(str(path)).diagnostics if one.severity == "error"]
    assert not errors, path.read_text()
    return path.read_text()


def statements(text: str) -> list[str]:
    """The lines of a source that are neither blank nor comments."""
    return [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


# --- a first source ---


def test_a_first_source_compiles_for_every_flavour(nxcc: Nxcc, tmp_path: Path) -> None:
    done = nxcc("init", "my-lab")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "env.nxc: written\nnext: nxcc compile env.nxc --flavour docker\n"
    made = compile_file(str(tmp_path / "env.nxc"), ("all",))
    # What a flavour has no use for is warned about; none is left out.
    assert {one.code for one in made.diagnostics} <= {"NX0802", "NX0705"}
    assert made.flavours == tuple(names())
    assert made.environment is not None
    assert made.environment.name == "my-lab"
    assert (tmp_path / "env.nxc").read_text().count("`") == 0


def test_into_a_folder(nxcc: Nxcc, tmp_path: Path) -> None:
    assert nxcc("init", "lab", "new folder/x").stdout.endswith(
        "next: nxcc compile 'new folder/x/env.nxc' --flavour docker\n"
    )
    checked(tmp_path / "new folder" / "x" / "env.nxc")


def test_nothing_is_overwritten_unasked(nxcc: Nxcc, tmp_path: Path) -> None:
    (tmp_path / "env.nxc").write_text("mine\n")
    done = nxcc("init", "lab")
    assert done.returncode == 1
    assert "error[NX0805]: `env.nxc` is in the way" in done.stderr
    assert there(tmp_path) == {"env.nxc": "mine\n"}
    assert nxcc("init", "lab", "--force").returncode == 0
    checked(tmp_path / "env.nxc")
    assert nxcc("init", "lab").returncode == 0  # what it would write is there


@pytest.mark.parametrize("name", ["my_lab", "1lab", "a b", "", "if", "x" * 64, "a\nrole b", "-x.", "é"])
def test_names_that_no_environment_has(nxcc: Nxcc, tmp_path: Path, name: str) -> None:
    done = nxcc("init", "--", name)
    assert done.returncode == 2
    assert "cannot be the name of an environment" in done.stderr
    assert there(tmp_path) == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the environment has no name"),
        (["lab", "--composition", "x"], "`--composition` needs `--from`"),
        (["--from", "none.nix"], "none.nix: No such file or directory"),
        (["my_lab", "out", "--from", "composition.nix"], "`my_lab` cannot be the name"),
        (["--from", "composition.nix", "--composition", "x"], "one composition, without a name"),
    ],
)
def test_wrong_usage(nxcc: Nxcc, tmp_path: Path, arguments: list[str], message: str) -> None:
    before = put(tmp_path, {"composition.nix": "{ roles.a = { }; }"})
    done = nxcc("init", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert there(tmp_path) == before


# --- the roles of a composition ---


@pytest.mark.parametrize("form", FORMS)
def test_roles_as_nix_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    need("nix-instantiate")
    text, roles, _ = FORMS[form]
    before = put(tmp_path, {"lab/composition.nix": text, "lab/other.nix": OTHER})
    # A search path without nixpkgs: what there is of its library must do.
    monkeypatch.setenv("NIX_PATH", "none=/none")
    monkeypatch.chdir(tmp_path)
    log = Log()
    taken = take_over("lab/composition.nix", ".", log)
    assert (taken is not None, log.diagnostics) == (True, [])
    assert taken.told == (f"lab/composition.nix: {len(roles)} role{'s' * (len(roles) > 1)}, as Nix evaluates it",)
    put(tmp_path, taken.files)
    source = checked(tmp_path / "env.nxc")
    assert sorted(statements(source)) == sorted(
        ["environment lab", *(f"role {role} from ./lab/composition.nix" for role in roles)]
    )
    assert there(tmp_path) == before | {"env.nxc": source}


@pytest.mark.parametrize("form", FORMS)
def test_roles_as_the_text_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    text, roles, known = FORMS[form]
    roles = roles if known is None else known
    put(tmp_path, {"lab/composition.nix": text, "lab/other.nix": OTHER})
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(tmp_path)
    log = Log()
    taken = take_over("lab/composition.nix", ".", log)
    said = concise(log.diagnostics, color=False)
    why = "there is no program nix-instantiate on the PATH"
    if taken is None:
        assert roles == []
        assert said == "lab/composition.nix:1:1: error[NX1002]: `lab/composition.nix` has no role to take over\n"
        assert why in log.diagnostics[0].notes
        return
    assert taken.told[0].endswith(f", read from its text ({why})")
    # What is not read is said, at its place, in the terminal and in the file.
    assert ("some of the roles" in said) is (known is not None)
    put(tmp_path, taken.files)
    source = checked(tmp_path / "env.nxc")
    assert ("# not taken over: lab/composition.nix:1: some of the roles" in source) is (known is not None)
    assert sorted(statements(source)) == sorted(
        ["environment lab", *(f"role {role} from ./lab/composition.nix" for role in roles)]
    )


COUNTS = """{ pkgs, ... }: {
  roles = { server = { }; node = { }; one = { }; many = { }; odd = { }; none = { }; bad_name = { }; };
  rolesDistribution = {
    node = 3; one = 1; many = [ "many1" "many2" ]; odd = [ "alice" "bob" ]; none = 0; ghost = 2;
  };
  dockerPorts.server = [ "8443:443" "0.0.0.0:5353:53/udp" "80" ];
  extraVolumes = [ "/x:/x" ];
  testScript = ''
    server.succeed("echo \\"''${HOME}\\" '\\n'")
      node3.succeed("true")
    one1.succeed("x")
  '';
}
"""


@pytest.mark.parametrize("nix", [True, False])
def test_counts_ports_and_the_test(nxcc: Nxcc, tmp_path: Path, nix: bool) -> None:
    if nix:
        need("nix-instantiate")
    put(tmp_path, {"lab/composition.nix": COUNTS.replace("      node3", "    node3")})
    done = nxcc("init", "--from", "lab/composition.nix", env=None if nix else WITHOUT_NIX)
    assert done.returncode == 0
    source = checked(tmp_path / "env.nxc")
    assert statements(source)[1:] == [
        "role server from ./lab/composition.nix {",
        "  publish 8443:443 0.0.0.0:5353:53/udp",
        "}",
        "role node[3] from ./lab/composition.nix",
        "role one[1] from ./lab/composition.nix",
        "role many[2] from ./lab/composition.nix",
        "role odd[2] from ./lab/composition.nix",
        "role none from ./lab/composition.nix",
        "role bad-name from ./lab/composition.nix",
        'test """',
        '  server.succeed("echo \\"\\${HOME}\\" \'\\n\'")',
        '  node3.succeed("true")',
        '  one1.succeed("x")',
        '  """',
    ]
    for left in (
        "`extraVolumes`",
        "the port `80`",
        "role `odd`",
        "role `none`",
        "`rolesDistribution.ghost`",
        "the name `bad_name`",
    ):
        assert left in done.stderr
        assert left in source
    made = compile_file(str(tmp_path / "env.nxc"), ()).environment
    assert made is not None
    script = made.tests[0].script
    assert script == 'server.succeed("echo \\"${HOME}\\" \'\\n\'")\nnode3.succeed("true")\none1.succeed("x")\n'


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ('"frontend.succeed(1)"', "uses `frontend`, which is no node"),
        ('"a.succeed("', "not valid Python"),
        ('"${pkgs.hello}/bin/x"', "hello"),
        ("{ nodes }: 1", "it is a function"),
        ('builtins.throw "no test"', "no test"),
        ("[ 1 ]", "it is a list"),
    ],
)
def test_scripts_that_stay_behind(nxcc: Nxcc, tmp_path: Path, test: str, why: str) -> None:
    need("nix-instantiate")
    put(tmp_path, {"composition.nix": f"{{ pkgs, ... }}: {{ roles.a = {{ }};\n  testScript = {test}; }}"})
    done = nxcc("init", "--from", "composition.nix", "--output-format", "concise", env={"NIX_PATH": "none=/none"})
    assert done.returncode == 0
    assert done.stderr == "composition.nix:2:3: warning[NX1001]: the test script is not taken over\n"
    source = checked(tmp_path / "env.nxc")
    assert why in source
    assert len(statements(source)) == 2


def test_directories_that_roles_share(nxcc: Nxcc, tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "composition.nix": """{ ... }: { roles = {
              server = { ... }: { nxc.sharedDirs."/users".export = true; };
              store = { nxc = { sharedDirs = { "/a b/\\"x\\"".export = true; }; }; };
              node = { pkgs, ... }: let x = 1; in {
                nxc.sharedDirs."/users".server = "server";
                nxc.sharedDirs."/a b/\\"x\\"".server = "store";
                nxc.sharedDirs."/none".server = "store";
              };
            }; }"""
        },
    )
    done = nxcc("init", "--from", "composition.nix", env=WITHOUT_NIX)
    assert done.returncode == 0
    assert [line.strip() for line in statements(checked(tmp_path / "env.nxc"))[1:]] == [
        "role server from ./composition.nix {",
        'share "/users"',
        "}",
        "role store from ./composition.nix {",
        'share "/a b/\\"x\\""',
        "}",
        "role node from ./composition.nix {",
        'mount "/users" from server',
        'mount "/a b/\\"x\\"" from store',
        "}",
    ]
    assert "the directory `/none`" in done.stderr


BROKEN = {
    "an open bracket": ("{ roles = { a = { };\n", ":1:11"),
    "an open string": ('{ roles.a = "x; }\n', ":1:13"),
    "nothing": ("", ":1:1"),
    "no roles": ("{ machines.a = { }; }", ":1:1"),
    "an empty set": ("_: { }", ":1:1"),
    "a list": ("[ 1 ]", ":1:1"),
    "no valid names": ('{ roles."1x" = { };\n  roles.machine = { }; }', ":1:3"),
}


@pytest.mark.parametrize("nix", [True, False])
@pytest.mark.parametrize("form", BROKEN)
def test_compositions_without_roles(nxcc: Nxcc, tmp_path: Path, form: str, nix: bool) -> None:
    if nix:
        need("nix-instantiate")
    text, place = BROKEN[form]
    before = put(tmp_path, {"composition.nix": text})
    done = nxcc("init", "--from", "composition.nix", "out", env=None if nix else WITHOUT_NIX)
    assert done.returncode == 1
    assert "error[NX1002]: `composition.nix` has no role to take over" in done.stderr
    assert f"composition.nix{place}" in done.stderr
    assert "nothing was written" in done.stderr
    assert there(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_files_that_a_composition_misses(nxcc: Nxcc, tmp_path: Path) -> None:
    before = put(tmp_path, {"composition.nix": "{ roles = {\n  a = import ./no.nix;\n  b = { }; }; }"})
    done = nxcc("init", "--from", "composition.nix", "--output-format", "concise", env=WITHOUT_NIX)
    assert done.returncode == 1
    assert done.stderr == (
        "composition.nix:2:14: error[NX0521]: `composition.nix`, line 2, names `./no.nix`, which does not exist\n"
    )
    assert there(tmp_path) == before


@pytest.mark.parametrize("name", ["my dir", "it's", 'a"b', "$x", "${x}", "é", "a'b`c", "#x", "-x"])
def test_paths_of_all_kinds(nxcc: Nxcc, tmp_path: Path, name: str) -> None:
    put(tmp_path, {f"{name}/composition.nix": "{ roles.a = { }; }"})
    assert nxcc("init", "--from", f"./{name}/composition.nix", "out", env=WITHOUT_NIX).returncode == 0
    checked(tmp_path / "out" / "env.nxc")


# --- several compositions ---

SEVERAL = {
    "compositions.nix": """{
      foo = import ./foo.nix;
      "own role" = { pkgs, ... }: { roles.c = { }; };
    }""",
    "foo.nix": "{ pkgs, ... }: { roles = { a = { }; b = { }; }; }",
}


@pytest.mark.parametrize("nix", [True, False])
def test_several_compositions(nxcc: Nxcc, tmp_path: Path, nix: bool) -> None:
    if nix:
        need("nix-instantiate")
    before = put(tmp_path, SEVERAL)
    environment = None if nix else WITHOUT_NIX
    done = nxcc("init", "--from", "compositions.nix", "out", env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert statements(checked(tmp_path / "out" / "foo.nxc")) == [
        "environment foo",
        "role a from ../foo.nix",
        "role b from ../foo.nix",
    ]
    assert statements(checked(tmp_path / "out" / "own-role.nxc")) == [
        "environment own-role",
        "role c from ./composition-own-role.nix",
    ]
    assert sorted(there(tmp_path)) == sorted(
        [*before, "out/foo.nxc", "out/own-role.nxc", "out/composition-own-role.nix"]
    )
    if nix:
        parsed = compile_file(str(tmp_path / "out" / "own-role.nxc"), ())
        assert parsed.ok
    one = nxcc("init", "--from", "compositions.nix", "--composition", "foo", env=environment)
    assert one.returncode == 0
    assert "role a from ./foo.nix" in checked(tmp_path / "env.nxc")
    wrong = nxcc("init", "--from", "compositions.nix", "--composition", "fo", "x", env=environment)
    assert wrong.returncode == 2
    assert "no composition `fo`" in wrong.stderr
    assert "did you mean `foo`?" in wrong.stderr


def test_a_file_in_the_way_of_one_of_several(nxcc: Nxcc, tmp_path: Path) -> None:
    before = put(tmp_path, {**SEVERAL, "foo.nxc": "mine\n"})
    assert nxcc("init", "--from", "compositions.nix", env=WITHOUT_NIX).returncode == 1
    assert there(tmp_path) == before


# --- projects ---

FLAKE = """{
  description = "a lab";
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/23.05";
    nxc.url = "git+https://gitlab.example/nixos-compose/nixos-compose.git";
    nxc.inputs.nixpkgs.follows = "nixpkgs";
    NUR.url = "github:nix-community/NUR";
    kapack = { url = "github:oar-team/nur-kapack?ref=regale"; inputs.nixpkgs.follows = "nixpkgs"; };
    tool.url = "github:example/tool";
  };
  outputs = { self, nixpkgs, nxc, NUR, kapack, tool }:
    let system = "x86_64-linux"; in {
      packages.${system} = nxc.lib.compose {
        inherit nixpkgs system NUR;
        repoOverrides = { inherit kapack; };
        overlays = [ tool.overlays.default (final: prev: { }) ];
        extraConfigurations = [ tool.nixosModules.default { x = 1; } ];
        setup = ./setup.toml;
        composition = ./composition.nix;
      };
    };
}
"""
SETUP = """selected = "old"

[project]
selected = "dev"

[params]
a = "hello ${world} \\"x\\""
nodes = 2
ratio = 0.5
on = true
list = ["x", 1]
pkgs = "taken"
server = 1
day = 2024-01-01
"two words" = 1
nested = { a = 1 }
mixed = 1

[options]
nix-flags = "--impure --override-input tool path:/srv/tool"
kernel-params = "quiet maxcpus=2"
flavour = "docker"
unknown = 1

[override-params]
nodes = 7

[build.hello]
src = "/srv/hello"
attrs = { doCheck = false, "NIX-X" = "a\\"b" }
[build.hello.args]
debug = true
[build.hello.deps]
stdenv = "gcc7Stdenv"
other = "nur.repos.kapack.x"

[overrides.jq]
src = { fetchFromGitHub = { owner = "o", repo = "r", rev = "1", sha256 = "sha256-AAAA" } }
name = "jq-2"

[build.nur.repos.kapack.oar.src.fetchgit]
url = "https://example.org/oar"
rev = "x`y"
sha256 = "0000"

[build.curl]
strip = true

[test.params]
a = "other"
fresh = 4
mixed = "x"

[dev.options]
nix-flags = "--override-input kapack path:/srv/kapack --override-input nxc path:/x --override-input nixpkgs path:/n"
kernel-params = "debug"
composition-file = "x.nix"

[dev.build.hello]
src = "/srv/other"

[dev.build.nur.repos.kapack]
oar = { src = "/srv/oar" }

[dev.stuff]
x = 1

[empty]

[overrides.nur.kapack]
ear = { src = "/srv/ear" }
"""
PROJECT = {
    "nxc/nxc.json": '{"composition": "composition.nix", "default_flavour": "vm", "platform": "Grid5000", "more": 1}',
    "nxc/flake.nix": FLAKE,
    "nxc/setup.toml": SETUP,
    "nxc/composition.nix": """{ pkgs, setup, nur, ... }: {
      roles = { server = { }; node = { imports = [ nur.repos.kapack.modules.oar ]; }; };
      rolesDistribution = { node = setup.params.nodes; };
      testScript = "server.succeed('true')";
    }""",
}


def test_a_project(nxcc: Nxcc, tmp_path: Path) -> None:
    need("nix-instantiate")
    before = put(tmp_path / "lab", PROJECT)
    done = nxcc("init", "--from", "lab/nxc")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("next: nxcc compile env.nxc --flavour docker\n")
    assert statements(checked(tmp_path / "env.nxc")) == [
        "environment lab",
        'nixpkgs "github:NixOS/nixpkgs/23.05"',
        'input kapack "github:oar-team/nur-kapack?ref=regale" { follows nixpkgs; as nur.repos.kapack }',
        'input tool "path:/srv/tool"',
        "overlay tool.overlays.default",
        'param a: string = "hello \\${world} \\"x\\""',
        "param nodes: int = 2",
        "param ratio: float = 0.5",
        "param on: bool = true",
        'param list: list = ["x", 1]',
        "param fresh: int = 4",
        'override pkgs.jq { src "github:o/r/1" "sha256-AAAA"; attrs { name = "jq-2" } }',
        'override pkgs.nur.repos.kapack.ear { src "path:/srv/ear" }',
        'override pkgs.hello { src "path:/srv/hello"; args { debug = true; stdenv = pkgs.gcc7Stdenv; other = '
        'pkgs.nur.repos.kapack.x }; attrs { doCheck = false; NIX-X = "a\\"b" } }',
        'override pkgs.nur.repos.kapack.oar { attrs { src = `pkgs.fetchgit { url = "https://example.org/oar"; '
        'rev = "x`y"; sha256 = "0000"; }` } }',
        "role server from ./lab/nxc/composition.nix {",
        "  import tool.nixosModules.default",
        '  when setup.name != "dev" {',
        '    kernel-params "quiet" "maxcpus=2"',
        "  }",
        "}",
        "role node[nodes] from ./lab/nxc/composition.nix {",
        "  import tool.nixosModules.default",
        '  when setup.name != "dev" {',
        '    kernel-params "quiet" "maxcpus=2"',
        "  }",
        "}",
        "setup test {",
        '  a = "other"',
        "  fresh = 4",
        "}",
        "setup dev {",
        '  input kapack "path:/srv/kapack" { follows nixpkgs; as nur.repos.kapack }',
        '  override pkgs.hello { src "path:/srv/other"; args { debug = true; stdenv = pkgs.gcc7Stdenv; other = '
        'pkgs.nur.repos.kapack.x }; attrs { doCheck = false; NIX-X = "a\\"b" } }',
        '  override pkgs.nur.repos.kapack.oar { src "path:/srv/oar" }',
        '  kernel-params "debug"',
        "}",
        "setup empty { }",
        'test """',
        "  server.succeed('true')",
        '  """',
    ]
    source = (tmp_path / "env.nxc").read_text()
    for what, line in {
        "nxc.json:1: `more`": "NixOS Compose knows no such key",
        "flake.nix:7: the input `NUR`": "kapack",
        "flake.nix:16: an element of `overlays`": "no plain attribute",
        "flake.nix:17: an element of `extraConfigurations`": "no plain attribute",
        "setup.toml:1: `selected`": "which variant it built last",
        "setup.toml:4: `project.selected`": "--setup dev",
        "setup.toml:12: the parameter `pkgs`": "rename it",
        "setup.toml:13: the parameter `server`": "rename it",
        "setup.toml:14: the parameter `day`": "a number, a text",
        "setup.toml:15: the parameter `two words`": "rename it",
        "setup.toml:16: the parameter `nested`": "a number, a text",
        "setup.toml:17: the parameter `mixed`": "several types",
        "setup.toml:20: `options.nix-flags`": "`--impure`",
        "setup.toml:23: `options.unknown`": "no such key",
        "setup.toml:26: override-params.nodes": "--set nodes=VALUE",
        "setup.toml:47: `build.curl.strip`": "src, args, deps, attrs",
        "setup.toml:52: `test.params.mixed`": "not taken over",
        "setup.toml:55: `dev.options.nix-flags`": "path:/n",
        "setup.toml:55: `--override-input nxc`": "no such input",
        "setup.toml:57: `dev.options.composition-file`": "--from",
        "setup.toml:65: `dev.stuff`": "no such key",
    }.items():
        found = [one for one in source.splitlines() if f"not taken over: lab/nxc/{what}" in one]
        assert len(found) == 1, (what, source)
        assert line in found[0]
    assert source.count("# not taken over") == 21
    assert done.stderr.endswith("\nwarning: 21 warnings\n")
    assert there(tmp_path / "lab") == before
    for variant in ("none", "test", "dev", "empty"):
        assert compile_file(str(tmp_path / "env.nxc"), ("docker",), setup=variant).ok


def locked(name: str, **inputs: object) -> dict[str, object]:
    """A node of a flake.lock."""
    place = {"type": "github", "owner": "example", "repo": name}
    return {"inputs": inputs, "locked": {**place, "rev": f"{name:0<40}", "narHash": "sha256-x"}, "original": place}


LOCK = {
    "nodes": {
        "root": {"inputs": {"nixpkgs": "nixpkgs_2", "kapack": "kapack", "nxc": "nxc", "extra": "extra"}},
        "nixpkgs_2": {
            "locked": {"type": "github", "owner": "NixOS", "repo": "nixpkgs", "rev": "4" * 40, "narHash": "sha256-y"},
            "original": {"id": "nixpkgs", "type": "indirect"},
        },
        "kapack": locked("kapack", nixpkgs=["nixpkgs"], utils="utils"),
        "nxc": locked("nixos-compose"),
        "utils": locked("utils"),
        "extra": {
            "locked": {"type": "git", "url": "https://x/y", "rev": "5"},
            "original": {"type": "git", "url": "https://x/y", "ref": "b"},
        },
    },
    "root": "root",
    "version": 7,
}
PLAIN = "{ roles.a = { }; }"


def test_a_lock_goes_over(nxcc: Nxcc, tmp_path: Path) -> None:
    put(tmp_path, {"p/composition.nix": PLAIN, "p/flake.lock": json.dumps(LOCK)})
    done = nxcc("init", "--from", "p", "out", env=WITHOUT_NIX)
    assert (done.returncode, done.stderr) == (0, "")
    assert statements(checked(tmp_path / "out" / "env.nxc"))[1:4] == [
        f'nixpkgs "github:NixOS/nixpkgs/{"4" * 40}"',
        'input kapack "github:example/kapack" { follows nixpkgs }',
        'input extra "git+https://x/y?ref=b"',
    ]
    made = compile_file(str(tmp_path / "out" / "env.nxc"), ("docker",))
    assert made.diagnostics == ()  # no input is unlocked, none is another one
    lock = json.loads(next(file.content for file in made.files if file.path == "flake.lock"))
    assert lock["nodes"]["nixpkgs_2"]["locked"]["rev"] == "4" * 40
    assert lock["nodes"]["kapack"]["inputs"]["nixpkgs"] == ["nixpkgs"]
    assert "nxc" not in lock["nodes"]


def test_a_lock_that_is_behind_is_left(nxcc: Nxcc, tmp_path: Path) -> None:
    flake = '{ inputs = { nixpkgs.url = "github:NixOS/nixpkgs/23.05"; }; outputs = _: { }; }'
    put(tmp_path, {"p/composition.nix": PLAIN, "p/flake.lock": json.dumps(LOCK), "p/flake.nix": flake})
    done = nxcc("init", "--from", "p", env=WITHOUT_NIX)
    assert done.returncode == 0
    assert "flake.lock is not taken over" in done.stderr
    checked(tmp_path / "env.nxc")
    assert not (tmp_path / "env.lock").exists()


def test_a_project_by_one_of_its_files_or_by_its_link(nxcc: Nxcc, tmp_path: Path) -> None:
    put(tmp_path, {"x/nxc/nxc.json": '{"composition": "c.nix"}', "x/nxc/c.nix": PLAIN})
    os.symlink("nxc/nxc.json", tmp_path / "x" / "nxc.json")
    for number, origin in enumerate(("x", "x/nxc.json", "x/nxc")):
        assert nxcc("init", "--from", origin, str(number), env=WITHOUT_NIX).returncode == 0
        assert "role a from ../x/nxc/c.nix" in checked(tmp_path / str(number) / "env.nxc")


DAMAGED: dict[str, tuple[dict[str, str], str]] = {
    "TOML": ({"setup.toml": "[params]\na = 1\na = 2\n"}, "p/setup.toml:3:6: error[NX1003]"),
    "the end of TOML": ({"setup.toml": "[params]\na = "}, "p/setup.toml:2:4: error[NX1003]"),
    "JSON": ({"nxc.json": '{\n  "composition": x\n}'}, "p/nxc.json:2:18: error[NX1003]"),
    "another JSON": ({"nxc.json": "[1]"}, "p/nxc.json:1:1: error[NX1003]"),
    "a lock": ({"flake.lock": "{}"}, "p/flake.lock:1:1: error[NX1003]"),
    "a merge": ({"flake.lock": '{\n<<<<<<< HEAD\n"a": 1 }'}, "p/flake.lock:2:1: error[NX1003]"),
    "no composition": ({"composition.nix": ""}, "error[NX1002]"),
    "not the flake's": ({"flake.nix": "{ composition = ./x/y.nix; }"}, "p/flake.nix:1:17: error[NX0501]"),
    "not that of nxc.json": ({"nxc.json": '{"composition": "other.nix"}'}, "p/nxc.json:1:2: error[NX0501]"),
    "a folder": ({"nxc.json": '{"composition": "."}'}, "p/nxc.json:1:2: error[NX0501]"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_projects_that_are_damaged(nxcc: Nxcc, tmp_path: Path, what: str) -> None:
    files, message = DAMAGED[what]
    before = put(tmp_path / "p", {"composition.nix": PLAIN, **files})
    done = nxcc("init", "--from", "p", "--output-format", "concise", env=WITHOUT_NIX)
    assert done.returncode == 1
    assert message in done.stderr
    assert there(tmp_path / "p") == before
    assert not (tmp_path / "env.nxc").exists()


@pytest.mark.parametrize("file", ["nxc.json", "setup.toml", "flake.nix", "flake.lock", "composition.nix", "other.nix"])
def test_pipes_are_not_waited_for(nxcc: Nxcc, tmp_path: Path, file: str) -> None:
    composition = "{ ... }: let other = import ./other.nix; in { roles = { a = { }; } // other; }"
    put(tmp_path / "p", {"composition.nix": composition, "other.nix": "{ }"})
    (tmp_path / "p" / file).unlink(missing_ok=True)
    os.mkfifo(tmp_path / "p" / file)
    for origin in ("p", f"p/{file}") if file != "other.nix" else ("p", "p/composition.nix"):
        done = nxcc("init", "--from", origin, "--output-format", "concise")
        assert done.returncode == 1
        assert f"error[NX0503]: cannot read `p/{file}`: not a regular file" in done.stderr
    assert not (tmp_path / "env.nxc").exists()


def test_one_of_several_compositions_is_a_pipe(nxcc: Nxcc, tmp_path: Path) -> None:
    put(tmp_path, {"compositions.nix": "{ a = import ./a.nix; b = import ./b; }", "a.nix": PLAIN})
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / "default.nix")
    done = nxcc("init", "--from", "compositions.nix", "--output-format", "concise", env=WITHOUT_NIX)
    assert (done.returncode, list(tmp_path.glob("*.nxc"))) == (1, [])
    assert "error[NX0503]: cannot read `b/default.nix`: not a regular file" in done.stderr


def test_a_pipe_in_the_way(nxcc: Nxcc, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "env.nxc")
    done = nxcc("init", "lab", "--output-format", "concise")
    assert (done.returncode, "NX0805" in done.stderr) == (1, True)
    assert nxcc("init", "lab", "--force").returncode == 0
    assert checked(tmp_path / "env.nxc")


@pytest.mark.parametrize(
    ("file", "text", "place"),
    [("setup.toml", '[params]\nb = "é"\n', "2:6"), ("nxc.json", '{"composition": "é"}', "1:18")],
)
def test_files_in_other_encodings(nxcc: Nxcc, tmp_path: Path, file: str, text: str, place: str) -> None:
    put(tmp_path / "p", {"composition.nix": PLAIN})
    (tmp_path / "p" / file).write_bytes(text.encode("latin-1"))
    done = nxcc("init", "--from", "p", "--output-format", "concise", env=WITHOUT_NIX)
    assert done.returncode == 1
    assert done.stderr.startswith(f"p/{file}:{place}: error[NX1003]")
    assert "not UTF-8" in done.stderr


def test_a_composition_in_another_encoding(nxcc: Nxcc, tmp_path: Path) -> None:
    need("nix-instantiate")
    (tmp_path / "composition.nix").write_bytes('{ roles.a = { }; testScript = "# é"; }'.encode("latin-1"))
    done = nxcc("init", "--from", "composition.nix")
    assert (done.returncode, "the test script is not taken over" in done.stderr) == (0, True)
    assert "its text is not UTF-8" in checked(tmp_path / "env.nxc")


@pytest.mark.parametrize("nix", [True, False])
def test_distributions_that_are_no_sets(nxcc: Nxcc, tmp_path: Path, nix: bool) -> None:
    if nix:
        need("nix-instantiate")
    put(tmp_path, {"composition.nix": '{ roles.a = { };\n  rolesDistribution = [ "a" ];\n  dockerPorts = "80:80"; }'})
    done = nxcc("init", "--from", "composition.nix", "--output-format", "concise", env=None if nix else WITHOUT_NIX)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "composition.nix:2:3: warning[NX1001]: `rolesDistribution` is not taken over",
        "composition.nix:3:3: warning[NX1001]: `dockerPorts` is not taken over",
    ]
    assert "it is no set" in checked(tmp_path / "env.nxc")


def test_a_flake_that_is_none(nxcc: Nxcc, tmp_path: Path) -> None:
    put(tmp_path / "p", {"composition.nix": PLAIN, "flake.nix": "{ inputs = "})
    done = nxcc("init", "--from", "p", "--output-format", "concise", env=WITHOUT_NIX)
    assert (done.returncode, done.stderr) == (
        0,
        "p/flake.nix:1:1: warning[NX1001]: what flake.nix has as inputs is not taken over\n",
    )


def test_nothing_is_half_written(nxcc: Nxcc, tmp_path: Path) -> None:
    put(tmp_path / "p", {**SEVERAL, "nxc.json": '{"composition": "compositions.nix"}'})
    (tmp_path / "out" / "own-role.nxc").mkdir(parents=True)
    done = nxcc("init", "--from", "p", "out", "--force", env=WITHOUT_NIX)
    assert (done.returncode, done.stderr) == (2, "error: out/own-role.nxc: Is a directory\n")
    assert os.listdir(tmp_path / "out") == ["own-role.nxc"]


def test_a_folder_without_a_composition(nxcc: Nxcc, tmp_path: Path) -> None:
    put(tmp_path, {"p/flake.nix": "{\n  outputs = _: { composition = ./lab/c.nix; };\n}"})
    done = nxcc("init", "--from", "p", "--output-format", "concise")
    assert (done.returncode, done.stderr) == (
        1,
        "p/flake.nix:2:32: error[NX0501]: there is no composition `p/lab/c.nix`\n",
    )
    (tmp_path / "empty").mkdir()
    done = nxcc("init", "--from", "empty", "--output-format", "concise")
    assert (done.returncode, done.stderr) == (1, "error[NX0501]: there is no composition `empty/composition.nix`\n")


def test_several_compositions_of_a_project(nxcc: Nxcc, tmp_path: Path) -> None:
    put(
        tmp_path / "p",
        {**SEVERAL, "setup.toml": "[params]\nn = 1\n", "nxc.json": '{"composition": "compositions.nix"}'},
    )
    done = nxcc("init", "--from", "p", "out", env=WITHOUT_NIX)
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("foo", "own-role"):
        assert "param n: int = 1" in checked(tmp_path / "out" / f"{name}.nxc")


def test_diagnostics_for_programs(nxcc: Nxcc, tmp_path: Path) -> None:
    put(tmp_path, {"composition.nix": "{ roles.a = { };\n  extraVolumes = [ ]; }"})
    done = nxcc("init", "--from", "composition.nix", "--output-format", "json", env=WITHOUT_NIX)
    found = json.loads(done.stderr)
    assert [one["code"] for one in found["diagnostics"]] == ["NX1001"]
    assert nxcc("init", "--from", "composition.nix", "o", "-q", env=WITHOUT_NIX).stdout == ""


def test_nix_that_gives_no_answer_is_quoted(nxcc: Nxcc, tmp_path: Path) -> None:
    need("nix-instantiate")
    put(tmp_path, {"composition.nix": '{ lib, ... }: { roles = { a = { }; } // throw "not today"; }'})
    done = nxcc("init", "--from", "composition.nix")
    assert done.returncode == 0
    assert "composition.nix: 1 role, read from its text (Nix says: not today)\n" in done.stdout
    assert "some of the roles" in done.stderr


def test_what_is_taken_over_is_copied_into_a_bundle(nxcc: Nxcc, tmp_path: Path) -> None:
    need("nix-instantiate")
    put(tmp_path / "p", SEVERAL)
    assert nxcc("init", "--from", "p/compositions.nix", "out").returncode == 0
    made = compile_file(str(tmp_path / "out" / "own-role.nxc"), ("docker",))
    assert {"sources/out/composition-own-role.nix", "sources/p/compositions.nix", "sources/p/foo.nix"} <= {
        file.path for file in made.files
    }


def test_parameters_that_a_composition_reads(nxcc: Nxcc, tmp_path: Path) -> None:
    text = """{ setup, ... }: {
      roles.a.x = setup.params.limit + setup.params.limit;
      testScript = ''
        a.succeed("${toString setup.params.more} setup.params.no")
      '';
    }"""
    put(tmp_path, {"p/composition.nix": text, "p/setup.toml": "[params]\nmore = 1\n"})
    for origin, params in (("p/composition.nix", ["limit", "more"]), ("p", ["limit"])):
        done = nxcc("init", "--from", origin, "--force", "--output-format", "concise", env=WITHOUT_NIX)
        assert done.returncode == 0
        for name in ("limit", "more", "no"):
            assert (f"the parameter `{name}` is not taken over" in done.stderr) is (name in params)
        assert "composition.nix:2:32: warning" in done.stderr
        checked(tmp_path / "env.nxc")


def test_the_page_about_adoption_is_true(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parent.parent / "docs" / "adoption.md"
    put(tmp_path, {"composition.nix": "{ roles = { server = { }; node = { }; }; }"})
    examples = re.findall(r"^ *```nxc\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE)
    assert len(examples) == 2
    for text in examples:
        found = compile_file(str(tmp_path / "env.nxc"), ("docker", "vm"), source=textwrap.dedent(text))
        assert {one.code for one in found.diagnostics} <= {"NX0802"}


# --- on real nixpkgs ---

WHOLE = {
    "setup.toml": '[params]\nnodes = 2\nmotd = "hello"\n[big.params]\nnodes = 3\n',
    "nxc.json": '{"composition": "composition.nix", "default_flavour": "vm"}',
    "common.nix": "{ pkgs, motd }: { environment.systemPackages = [ pkgs.jq ]; environment.etc.motd2.text = motd; }",
    "composition.nix": """{ pkgs, modulesPath, setup, lib, flavour, ... }:
      let
        common = import ./common.nix { inherit pkgs; inherit (setup.params) motd; };
        users = { names = [ "user1" ]; prefixHome = "/users"; };
      in {
        roles = lib.mapAttrs (_: role: { imports = [ common role ]; }) {
          server = { ... }: {
            services.nginx.enable = true;
            nxc.users = users;
            environment.variables.VARIANT = "<${setup.project.selected}>";
          };
          node = { config, ... }: {
            nxc.users = users;
            environment.variables.NODES = toString setup.params.nodes;
            environment.etc.where.text = "${flavour.name} ${config.networking.hostName}";
          };
          side_car = { nxc.sharedDirs."/data".export = true; };
        };
        rolesDistribution.node = setup.params.nodes;
        testScript = "node1.succeed('true')";
      }
    """,
}


def test_roles_are_the_derivations_that_the_composition_says(nxcc: Nxcc, tmp_path: Path) -> None:
    """Each role of the bundle is the system that the composition's own module makes with the same surroundings."""
    source = nixpkgs()
    put(tmp_path / "p", WHOLE)
    done = nxcc("init", "--from", "p", env={"NIX_PATH": f"nixpkgs={source}"})
    assert (done.returncode, done.stderr.count("warning[")) == (0, 1)
    assert "the name `side_car` is not taken over" in done.stderr
    assert "role side-car from ./p/composition.nix\n" in checked(tmp_path / "env.nxc")
    assert "role node[nodes] from ./p/composition.nix\n" in checked(tmp_path / "env.nxc")
    bundle = tmp_path / "big"
    made = nxcc("compile", "env.nxc", "-f", "docker", "-o", "big", "--setup", "big")
    assert made.returncode == 0, made.stderr
    found = of_bundle(
        bundle,
        f"""let
          pkgs = import {source} {{ system = "x86_64-linux"; config = {{ }}; overlays = [ ]; }};
          environment = builtins.fromJSON (builtins.readFile {bundle}/environment.json);
          flavour = import {bundle}/nix/flavours/plain.nix {{
            inherit lib pkgs environment;
            compat = import {bundle}/nix/lib/compat.nix {{ inherit lib; }};
            settings = {{ }};
            modulesPath = "{source}/nixos/modules";
          }};
          named = role: module: lib.nameValuePair (builtins.replaceStrings [ "_" ] [ "-" ] role) module;
          theirs = lib.mapAttrs' named (import {tmp_path}/p/composition.nix {{
            inherit pkgs lib;
            modulesPath = "{source}/nixos";
            flavour.name = "plain";
            setup = {{ params = {{ nodes = 3; motd = "hello"; }}; project.selected = "big"; }};
          }}).roles;
          system = role: module: (import {source}/nixos/lib/eval-config.nix {{
            system = "x86_64-linux";
            modules = [
              {{ nixpkgs.pkgs = pkgs; nxcc = {{ inherit environment role; flavour = "plain"; }}; }}
              {bundle}/nix/modules/flavour.nix
              {bundle}/nix/modules/nxc-compat.nix
              {bundle}/nix/modules/nxc-virtualisation.nix
              flavour.module
              module
            ];
          }}).config;
          systems = lib.mapAttrs system theirs;
        in {{
          ours = lib.mapAttrs (_: one: one.drvPath) bundle.roles.plain;
          theirs = lib.mapAttrs (_: one: one.system.build.toplevel.drvPath) systems;
          texts = lib.mapAttrs (_: one: one.environment.variables) systems;
        }}""",
    )
    assert found["texts"]["node"]["NODES"] == "3"
    assert found["texts"]["server"]["VARIANT"] == "<big>"
    assert found["ours"] == found["theirs"]
