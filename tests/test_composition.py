"""What composition.nix means to Nix: the cases parse, and have the roles, options and modules that the source says.

Expressions are evaluated with the real ``lib`` where NXCC_TEST_NIXPKGS names a nixpkgs, else with the few functions of
it that compositions call. ``pkgs`` is a set in which every package is a string that names it.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from tools import need

from nxcc.compiler import compile_file

if TYPE_CHECKING:
    from pathlib import Path

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases")
OK = sorted(name for name in os.listdir(CASES) if name.startswith("ok-"))

STUB = """rec {
  optionals = condition: list: if condition then list else [ ];
  elem = builtins.elem;
  last = list: builtins.elemAt list (builtins.length list - 1);
  range = first: last: builtins.genList (n: first + n) (last - first + 1);
  mkForce = content: { force = content; };
  mkDefault = content: { default = content; };
  mkBefore = content: { before = content; };
  mkAfter = content: { after = content; };
  mkOrder = priority: content: { order = priority; inherit content; };
  mkMerge = contents: { merge = contents; };
}"""

# Every module that a role reaches, with its options: functions called, paths as their names.
FLATTEN = """
  name = path: baseNameOf (toString path);
  config = { networking.hostName = "config's"; users.users.alice.extraGroups = [ 1 ]; };
  called = module: if builtins.isFunction module then module { inherit pkgs lib config; } else module;
  flatten = module: if builtins.isPath module || builtins.isString module then [ { path = name module; } ] else
    let set = called module; in
    builtins.concatLists (map flatten (set.imports or [ ])) ++ [ (removeAttrs set [ "imports" ]) ];
"""

PACKAGES = (
    "htop git tmux curl wget2 jq vim neovim nginx hello gawk strace tcpdump lsof gdb gzip k3s nodejs npm class zsh "
    "htop-vim gcc linuxPackages_latest builtins map with never"
).split()


@functools.cache
def compiled(name: str) -> dict[str, str]:
    """The bundle of a case, by path."""
    folder = os.path.join(CASES, name)
    words = _words(folder)
    before = os.getcwd()
    os.chdir(folder)
    try:
        found = compile_file("env.nxc", ("docker",), setup=words.get("--setup"), parameters=_set(words))
    finally:
        os.chdir(before)
    assert found.ok, found.diagnostics
    return {file.path: file.content.decode("utf-8", "replace") for file in found.files}


def _words(folder: str) -> dict[str, str]:
    path = os.path.join(folder, "args")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        words = file.read().split()
    return dict(zip(words[::2], words[1::2], strict=True))


def _set(words: dict[str, str]) -> dict[str, str]:
    name, _, value = words.get("--set", "").partition("=")
    return {name: value} if name else {}


def from_source(text: str, folder: Path, **options: Any) -> str:
    """The composition of a source."""
    found = compile_file(str(folder / "env.nxc"), ("docker",), source=f"environment lab\n{text}", **options)
    assert found.ok, found.diagnostics
    return next(file.content.decode() for file in found.files if file.path == "composition.nix")


def evaluate(text: str, expression: str, folder: Path, flavour: str = "docker") -> Any:
    """An expression's value about ``composition``, a text, called as NixOS Compose calls it."""
    need("nix-instantiate")
    (folder / "composition.nix").write_text(text)
    nixpkgs = os.environ.get("NXCC_TEST_NIXPKGS")
    lib = f"import {os.path.abspath(nixpkgs)}/lib" if nixpkgs else STUB
    packages = " ".join(f'"{name}" = "pkgs.{name}";' for name in PACKAGES)
    whole = f"""
let
  lib = {lib};
  writer = language: name: content: "${{language}} ${{name}}: ${{content}}";
  pkgs = {{
    {packages}
    lib = lib // {{ hello = "pkgs.lib.hello"; }};
    stdenv.isLinux = true;
    nur.repos.kapack.batsim = "nur's batsim";
    lab-tools.hammer = "the lab's hammer";
    python3.withPackages = choose: choose {{ requests = "requests"; }};
    python3Packages.numpy = "python's numpy";
    nodePackages."@angular/cli" = "node's cli";
    writeText = name: content: "text ${{name}}: ${{content}}";
    callPackage = path: _: {{ outPath = "called ${{baseNameOf (toString path)}}"; doc = "doc"; }};
    writers = {{
      writeBashBin = writer "bash";
      writeDashBin = writer "sh";
      writePython3Bin = name: options: content: "python ${{name}} ${{toString options.libraries or [ ]}}: ${{content}}";
    }};
  }};
  inputs = {{
    kapack = {{ oar = "kapack.oar"; nixosModules.oar = {{ kapack-oar = true; }}; }};
    agenix.nixosModules.default = {{ agenix = true; }};
    tools = {{ wrench = "tools.wrench"; "odd name" = "odd"; }};
    extra.thing = "extra.thing";
    modules.nixosModules.cron = {{ cron = true; }};
    nodejs.npm = "input's npm";
  }};
  {FLATTEN}
  composition = import {folder}/composition.nix {{
    inherit pkgs lib inputs;
    flavour.name = "{flavour}";
    modulesPath = "/modules";
    setup.name = "of NixOS Compose";
  }};
  role = name: flatten composition.roles.${{name}};
in {expression}
"""
    done = subprocess.run(
        ["nix-instantiate", "--eval", "--strict", "--json", "-"],
        input=whole,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.stderr}\n{text}"
    return json.loads(done.stdout)


def test_every_nix_file_parses(tmp_path: Path) -> None:
    need("nix-instantiate")
    paths = []
    for name in OK:
        for path, content in compiled(name).items():
            # The Nix library is the same in all.
            if path.endswith(".nix") and (not path.startswith("nix/") or name == OK[0]):
                target = tmp_path / name / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(content)
                paths.append(str(target))
    assert len(paths) > 3 * len(OK)
    done = subprocess.run(["nix-instantiate", "--parse", *paths], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _sizes(name: str) -> dict[str, list[str]]:
    found = json.loads(compiled(name)["environment.json"])
    return {role["name"]: role["nodes"] for role in found["roles"]}


@pytest.mark.parametrize("name", OK)
def test_every_composition_evaluates(name: str, tmp_path: Path) -> None:
    if name in ("ok-adopted", "ok-includes"):
        pytest.skip("reads files of the bundle: see test_adopted and the equality tests")
    found = evaluate(
        compiled(name)["composition.nix"],
        "{ distribution = composition.rolesDistribution; roles = builtins.mapAttrs (_: flatten) (removeAttrs"
        ' composition.roles [ "server" ]); }',
        tmp_path,
    )
    assert found["distribution"] == _sizes(name)


def test_page_of_the_language(tmp_path: Path) -> None:
    found = evaluate(
        compiled("ok-k3s")["composition.nix"],
        '{ inherit (composition) rolesDistribution testScript; server = role "server"; agent = role "agent"; }',
        tmp_path,
    )
    assert found["rolesDistribution"] == {"server": ["server"], "agent": ["agent1", "agent2"]}
    assert 'grep -x 3")' in found["testScript"]
    base, *features, server = found["server"]
    assert base == {"environment": {"systemPackages": ["pkgs.k3s", "pkgs.gzip"]}}
    assert {feature["path"] for feature in features} == {"readiness.nix", "secrets.nix"}
    assert server["services"]["k3s"] == {
        "enable": True,
        "role": "server",
        "tokenFile": "/run/nxcc/secrets/token",
        "package": "pkgs.k3s",
    }
    assert server["networking"]["firewall"] == {"allowedTCPPorts": [6443], "allowedUDPPorts": [8472]}
    agent = found["agent"][-1]
    assert agent["services"]["k3s"]["serverAddr"] == "https://server:6443"
    assert agent["nxcc"]["links"] == [{"to": ["server"], "delay": 10, "loss": 1, "rate": 100_000_000}]


def test_statements(tmp_path: Path) -> None:
    found = evaluate(
        unpacked("ok-statements", tmp_path),
        "let all = called composition.roles.server; in { inherit (all) services systemd; environment ="
        " { inherit (all.environment) systemPackages variables; }; }",
        tmp_path,
    )
    assert found["environment"]["systemPackages"][:5] == [
        "pkgs.htop",
        "pkgs.git",
        "pkgs.tmux",
        "python's numpy",
        "node's cli",
    ]
    assert found["services"]["redis"]["settings"] == {"maxmemory": 64 * 1024 * 1024, "timeout": 120}
    assert found["environment"]["variables"] == {"LAB": "north", "API": "8080", "LIMIT": "2GiB", "LOCAL": "16160"}
    assert found["systemd"]["tmpfiles"]["rules"][1] == 'L+ "/srv/link" - - - - pkgs.hello'


def test_expressions(tmp_path: Path) -> None:
    text = compiled("ok-expressions")["composition.nix"]
    x = evaluate(text, "(called composition.roles.role-a).x", tmp_path)
    assert (x["sum"], x["half"], x["rate"], x["wait"], x["memory"]) == (9, 3, 1.5, 90, 2**31)
    assert x["rate-text"] == "1.50 2GiB 90s"
    assert x["memory-mib"] == "-Xmx2048m"
    assert x["label"] == 'x"y\n4'
    assert x["quoted"] == "raw ${not} \\n"
    assert x["block"] == "first 4\n  ${kept} back\\slash\n"
    assert x["rawblock"] == "''${x} ''\n"
    assert x["squares"] == [1, 4, 9, 16]
    assert x["peers"] == ["role-b1:80", "role-b2:80"]
    assert (x["picked"], x["sum-nix"], x["cond"], x["equal"], x["name"]) == (2, 3, 1, True, "on docker with 4")
    assert x["truth"] == [True, False, True, True, False]
    assert x["dollar"] == "costs ${5} $5 é"
    assert x["text"] == "text name.txt: content 4"
    assert evaluate(text, "(called composition.roles.role-a).x.name", tmp_path, "vm") == "on vm with 4"


def test_profiles(tmp_path: Path) -> None:
    text = compiled("ok-profiles")["composition.nix"]
    roles = evaluate(text, "builtins.mapAttrs (_: flatten) composition.roles", tmp_path)
    greeting = {"text": "welcome to lab.example"}
    for role in ("a", "b", "c", "e", "g", "h"):
        bases = [module for module in roles[role] if module.get("environment", {}).get("etc", {}).get("greeting")]
        assert [module["environment"]["etc"]["greeting"] for module in bases] == [greeting], role
        assert roles[role].index(bases[0]) == 0, "dependencies come first"
    ports = {
        role: [m["networking"]["firewall"]["allowedTCPPorts"] for m in roles[role] if "networking" in m]
        for role in "abcd"
    }
    assert ports == {"a": [[6817]], "b": [[7000]], "c": [[6817]], "d": [[6817]]}
    assert {"environment": {"variables": {"JAVA_OPTS": "-Xmx4096m"}}} in roles["h"]
    assert {"environment": {"etc": {"level": {"text": "lab.example config's"}}}} in roles["e"]
    # Two uses that differ only in what the composition does not show are one module.
    assert sum("JAVA_OPTS" in str(module) for module in roles["e"]) == 1


def test_on_leaks_nothing(tmp_path: Path) -> None:
    text = compiled("ok-on-when")["composition.nix"]
    found = {
        flavour: evaluate(text, "builtins.mapAttrs (_: flatten) composition.roles", tmp_path, flavour)
        for flavour in ("docker", "vm", "vm-ramdisk", "g5k-image", "other")
    }
    where = {
        "swappiness": {"vm", "vm-ramdisk"},
        "9100": {"docker"},
        "workerPriority": {"docker"},
        "nogroup": {"docker", "g5k-image"},
        "listen": {"vm"},
        "tcpdump": {"docker", "vm"},
        "INNER": {"docker", "vm"},
        "inconfig's": {"docker", "vm"},
        "timesyncd": {"docker"},
        "strace": {"docker"},
        "'big'": {"vm"},
        "'x':": {"docker"},
        "shares": {"docker"},
        "kernelParams": {"docker"},
    }
    for text_of, flavours in where.items():
        assert {flavour for flavour in found if text_of in str(found[flavour])} == flavours, text_of
    for flavour, roles in found.items():
        assert str(roles).count("timesyncd") == (flavour == "docker"), "written once"
        assert roles["a"][-1]["services"]["nginx"]["workers"] == 8
        assert roles["a"][-1]["environment"]["variables"]["HERE"] == "5"
    assert "never" not in str(found)


def test_hidden_packages(tmp_path: Path) -> None:
    roles = evaluate(
        compiled("ok-names")["composition.nix"],
        "builtins.mapAttrs (_: one: builtins.concatLists (map (m: m.environment.systemPackages or [ ]) (flatten one)))"
        ' (removeAttrs composition.roles [ "nginx" "jq" ])',
        tmp_path,
    )
    assert roles == {"with-dash1": ["input's npm", "pkgs.nodejs"]}
    nginx = evaluate(
        compiled("ok-names")["composition.nix"],
        "(called (builtins.head (called composition.roles.nginx).imports)).environment.systemPackages",
        tmp_path,
    )
    assert nginx == ["pkgs.curl", "pkgs.wget2", "pkgs.jq"]
    jq = evaluate(
        compiled("ok-names")["composition.nix"],
        "(called composition.roles.jq).environment.systemPackages",
        tmp_path,
    )
    assert jq == ["pkgs.jq", "pkgs.tmux", "pkgs.htop", "pkgs.git", "pkgs.with", "python's numpy"]


def test_merging(tmp_path: Path) -> None:
    found = evaluate(
        compiled("ok-merge")["composition.nix"], 'removeAttrs (called composition.roles.a) [ "imports" ]', tmp_path
    )
    assert found["environment"]["systemPackages"] == ["pkgs.htop", "pkgs.git"]
    assert found["networking"]["firewall"]["allowedTCPPorts"] == [80, 443]
    assert found["x"]["list"] == ["a", "b"]
    assert found["x"]["inner"] == {"a": 1, "b": 2, "c": 3}
    assert found["services"]["openssh"] == {"enable": True, "settings": {"X": "y"}, "openFirewall": True}
    assert found["users"]["users"]["u"]["extraGroups"] == ["a", "b"]
    assert len(found["systemd"]["tmpfiles"]["rules"]) == 2


def test_setups(tmp_path: Path) -> None:
    found = evaluate(compiled("ok-project")["composition.nix"], 'role "a"', tmp_path)
    assert found[:2] == [{"kapack-oar": True}, {"agenix": True}]
    assert found[2]["environment"]["etc"]["setup"]["text"] == "next 3 agenix extra kapack modules nodejs tools"
    own = found[-1]
    assert own["boot"]["kernelParams"] == ["mitigations=off", "lab=south"]
    assert own["environment"]["systemPackages"][2:] == [
        "kapack.oar",
        "extra.thing",
        "tools.wrench",
        "nur's batsim",
        "pkgs.hello",
    ]


def test_secrets(tmp_path: Path) -> None:
    text = compiled("ok-secrets")["composition.nix"]
    assert "hunter2" not in "".join(compiled("ok-secrets").values())
    assert not [path for path in compiled("ok-secrets") if path.startswith("sources/")]
    server = evaluate(text, 'role "server"', tmp_path)[-1]
    assert set(server["nxcc"]["secrets"]) == {"password", "certificate", "host-key", "token"}
    assert server["environment"]["etc"]["key.pub"]["text"] == "at /run/nxcc/secrets/host-key.pub"
    client = evaluate(text, 'role "client"', tmp_path, "vm")
    assert client[0]["environment"]["etc"]["token"]["text"] == "/run/nxcc/secrets/token /run/nxcc/secrets/host-key"
    assert {"password"} == set(client[-2]["nxcc"]["secrets"]) or "password" in str(client)
    assert "password" not in str(evaluate(text, 'role "client"', tmp_path))


def unpacked(name: str, folder: Path) -> str:
    """The composition of a case, with the files that it reads beside it."""
    for path, content in compiled(name).items():
        if path.startswith(("nix/", "sources/")):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
    return compiled(name)["composition.nix"]


def test_adopted(tmp_path: Path) -> None:
    text = unpacked("ok-adopted", tmp_path)
    found = evaluate(text, '{ other = role "other"; nodes = composition.rolesDistribution; }', tmp_path)
    compatible = [{"path": "nxc-compat.nix"}, {"path": "nxc-virtualisation.nix"}]
    assert found["other"][:3] == [*compatible, {"environment": {"systemPackages": ["pkgs.jq"]}}]
    assert found["nodes"]["client"] == ["client1", "client2"]


def test_fragments_see_the_scope(tmp_path: Path) -> None:
    text = from_source(
        """
input tools "github:lab/tools"
param number: int = 3
let word = "w"
secret token
script greet bash = "hello"
profile sized(size: int) {
  let twice = size * 2
  nix `environment.size = size + number + twice; environment.word = word;`
}
role a : sized(4) {
  nix ```
    environment.script = script.greet;
    environment.secret = secret.token;
    environment.setup = setup.name;
    environment.flavour = flavour.name;
    environment.modules = modulesPath;
    environment.host = config.networking.hostName;
    environment.pkgs = pkgs.hello;
    environment.lib = lib.elem 1 [ 1 ];
    environment.inputs = inputs.tools.wrench;
  ```
  x.value = `{ inherit number word; host = config.networking.hostName; }`
  let own = `config.networking.hostName + word`
  x.own = own
}
setup one default { }
""",
        tmp_path,
    )
    sized, _, nix, *_, own = evaluate(text, 'role "a"', tmp_path)
    assert sized == {"environment": {"size": 15, "word": "w"}}
    assert nix["environment"] == {
        "script": "bash greet: hello/bin/greet",
        "secret": "/run/nxcc/secrets/token",
        "setup": "one",
        "flavour": "docker",
        "modules": "/modules",
        "host": "config's",
        "pkgs": "pkgs.hello",
        "lib": True,
        "inputs": "tools.wrench",
    }
    assert own["x"] == {"value": {"number": 3, "word": "w", "host": "config's"}, "own": "config'sw"}


def test_generated_names_hide_nothing(tmp_path: Path) -> None:
    text = from_source(
        """
let sized-2 = "mine"
profile sized(n: int) { when n > 1 { x.large = true } else { x.small = n } }
role a : sized(1) { packages sized-3 htop; x.mine = sized-2 }
role b : sized(2)
role c : sized(0)
""",
        tmp_path,
    )
    found = evaluate(
        text, '{ a = removeAttrs (called composition.roles.a) [ "environment" ]; b = role "b"; }', tmp_path
    )
    assert found["a"]["x"] == {"mine": "mine"}
    assert found["b"][0] == {"x": {"large": True}}
    assert "sized-4 = " in text, "sized-2 is the user's, and sized-3 a package"
