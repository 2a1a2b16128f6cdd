"""Compositions of NixOS Compose's as they stand: every form that they take, and what their roles rely on."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from compiled import compiled
from nix_systems import evaluate, nixpkgs, of_bundle
from tools import need

from nxcc.resources import resource

if TYPE_CHECKING:
    from collections.abc import Mapping

DEPLOYMENT = Path(resource("nix")) / "modules" / "deployment.sh"

ROLE = "{ environment.variables.FORM = FORM; }"

FORMS = {
    "every argument": "{ pkgs, lib, system, modulesPath, helpers, flavour, setup, nur }: { roles.node = ROLE; }",
    "some arguments": "{ pkgs, ... }: { roles.node = ROLE; }",
    "one argument and no more": "{ pkgs }: { roles.node = ROLE; }",
    "no argument": "{ }: { roles.node = ROLE; }",
    "defaults": '{ pkgs, more ? "x" }: { roles.node = assert more == "x"; ROLE; }',
    "all in one": "args: { roles.node = assert args.flavour.name == args.helpers.callPackage ./name.nix { }; ROLE; }",
    "handed on": "{ pkgs, ... }@args: import ./other.nix args",
    "a set": "{ roles.node = ROLE; }",
    "nodes": "_: { nodes.node = ROLE; }",
    "a function as role": "_: { roles.node = { pkgs, config, lib, ... }: ROLE; }",
    "a path as role": "_: { roles.node = ./role.nix; }",
    "a list as role": "_: { roles.node = [ ./role.nix { } ]; }",
    "virtual machine": "_: { roles.node = ROLE // { virtualisation.memorySize = 2048; }; }",
    "keys of nixpkgs": "{ pkgs, modulesPath, ... }:"
    ' let keys = import "${toString modulesPath}/tests/ssh-keys.nix" pkgs;'
    " in { roles.node = assert keys.snakeOilPublicKey != null; ROLE; }",
    "variant": '{ setup, ... }: { roles.node = assert setup.project.selected == "big" && setup.params == { }; ROLE; }',
    "repository": "{ nur, ... }: { roles.node = { imports = [ nur.repos.x.modules.form ]; }; }",
    "repository of the older form": "{ nur, ... }: { roles.node = { imports = [ nur.repos.y.modules.older ]; }; }",
    "helpers": '{ helpers, ... }: { roles = helpers.makeMany ROLE "other" 2 // { node = ROLE; }; }',
}

COMPOSITION = """{ pkgs, lib, flavour, ... }: {
  roles = {
    server = { ... }: {
      nxc.users = { names = [ "user1" "user2" ]; prefixHome = "/users"; };
      nxc.sharedDirs."/users".export = true;
      nxc.postBootCommands = "echo post";
      nxc.sharedDirsBootCommands = "echo shared\\n";
      nxc.root-sshKeys.enable = false;
      nxc.qemu-script.enable = true;
    };
    client = {
      nxc.users = { names = [ "user1" "user2" ]; prefixHome = "/users"; };
      nxc.sharedDirs."/users".server = "server";
      nxc.wait-online.enable = true;
      nxc.root-sshKeys.enable = true;
      virtualisation.memorySize = 4096;
      nxc.baseBootCommands.enable = false;
    };
  };
}"""

SOURCE = """
environment lab
network { subnet "10.9.0.0/24" }
role server from ./composition.nix { SERVER }
role client[2] from ./composition.nix { CLIENT }
test "client1.succeed('true')"
"""


def bundle_of(folder: Path, source: str, files: Mapping[str, str]) -> Path:
    """The bundle of a source that adopts a composition, on disk."""
    nixpkgs()
    for name, content in files.items():
        (folder / name).write_text(content)
    for file in compiled(source, folder).files:
        path = folder / "bundle" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    return folder / "bundle"


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a role of each form says, all evaluated at once."""
    source = nixpkgs()
    folder = tmp_path_factory.mktemp("forms")
    (folder / "nix").symlink_to(resource("nix"))
    (folder / "name.nix").write_text('{ hello }: "plain"')
    tests = []
    for number, (form, text) in enumerate(FORMS.items()):
        own = folder / str(number)
        own.mkdir()
        (own / "name.nix").write_text('{ hello }: "plain"')
        said = ROLE.replace("FORM;", f"{json.dumps(form)};")
        (own / "composition.nix").write_text(text.replace("ROLE", f"({said})"))
        (own / "other.nix").write_text(f"{{ lib, nur, inputs, ... }}: {{ roles.node = assert inputs.x == 1; {said}; }}")
        (own / "role.nix").write_text(f"{{ pkgs, ... }}: {said}")
        tests.append(f"{json.dumps(form)} = of {own}/composition.nix;")
    found: dict[str, Any] = evaluate(f"""
      let
        pkgs = import {source} {{ system = "x86_64-linux"; config = {{ }}; overlays = [ ]; }};
        inherit (pkgs) lib;
        system = (import {folder}/nix/lib/compat.nix {{ inherit lib; }}).nixosSystem {{
          inherit pkgs; system = "x86_64-linux";
        }};
        args = {{
          inherit pkgs lib;
          system = "x86_64-linux";
          modulesPath = "{source}/nixos/modules";
          flavour.name = "plain";
          helpers = import {folder}/nix/lib/helpers.nix {{ inherit pkgs; }};
          setup = {{ name = "big"; params = {{ }}; }};
          nur.repos = {{
            x.nixosModules.form = {{ environment.variables.FORM = "repository"; }};
            y.modules.older = {{ environment.variables.FORM = "repository of the older form"; }};
          }};
          inputs.x = 1;
        }};
        of = path: (system [ (import {folder}/nix/lib/adopt.nix args path).node ]).config.environment.variables.FORM;
      in {{ {" ".join(tests)} }}
    """)
    return found


@pytest.mark.parametrize("form", FORMS)
def test_form(form: str, forms: dict[str, Any]) -> None:
    assert forms[form] == form


@pytest.mark.parametrize(
    ("composition", "message"),
    [
        ("_: { roles = { one = { }; two = { }; }; }", "composition.nix has no role server; it has one, two"),
        (
            "{ machines.server = { }; }",
            "composition.nix is no composition: it has neither roles nor nodes, but mach",
        ),
        ("_: { }", "neither roles nor nodes, but nothing"),
    ],
)
def test_what_is_not_there_is_named(composition: str, message: str, tmp_path: Path) -> None:
    source = SOURCE.replace("SERVER", "").replace("CLIENT", "")
    bundle = bundle_of(tmp_path, source, {"composition.nix": composition})
    assert message in of_bundle(bundle, "bundle.roles.plain.server.drvPath", expect=1)


def test_helpers_take_the_calls_of_nixos_compose() -> None:
    found = evaluate(f"""
      let
        pkgs = import {nixpkgs()} {{ system = "x86_64-linux"; }};
        helpers = import {resource("nix")}/lib/helpers.nix {{ inherit pkgs; }};
      in {{
        many = helpers.makeMany {{ a = 1; }} "node" 3;
        byId = helpers.makeManyById (id: {{ inherit id; }}) "node" 2;
        none = helpers.makeMany {{ }} "node" 0;
        list = helpers.mapListToAttrs (o: {{ ${{o}} = o + "-2"; }}) [ "a" "b" ];
        names = helpers.mapAttrNamesToAttrs (o: {{ ${{o}} = o + "-2"; }}) {{ a = 1; b = 2; }};
        attrs = helpers.mapAttrsToAttrs (n: v: {{ ${{n + "2"}} = 1 + v; }}) {{ a = 1; b = 2; }};
      }}
    """)
    assert found == {
        "many": {"node1": {"a": 1}, "node2": {"a": 1}, "node3": {"a": 1}},
        "byId": {"node1": {"id": 1}, "node2": {"id": 2}},
        "none": {},
        "list": {"a": "a-2", "b": "b-2"},
        "names": {"a": "a-2", "b": "b-2"},
        "attrs": {"a2": 2, "b2": 3},
    }


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the options of NixOS Compose make of two roles in several flavours."""
    source = SOURCE.replace("SERVER", 'share "/users"').replace("CLIENT", 'mount "/users" from server')
    bundle = bundle_of(tmp_path_factory.mktemp("options"), source, {"composition.nix": COMPOSITION})
    found: dict[str, Any] = of_bundle(
        bundle,
        """
        let
          of = flavour: lib.mapAttrs (_: one: let inherit (one) config options; in {
            users = lib.mapAttrs (_: user: { inherit (user) home group isNormalUser; })
              (lib.filterAttrs (_: user: user.isNormalUser) config.users.users);
            exports = config.services.nfs.server.exports or "";
            mounts = lib.mapAttrs (_: mount: { inherit (mount) host role source; }) config.nxcc.mounts;
            devices = lib.mapAttrs (_: system: system.device) config.fileSystems;
            rules = config.systemd.tmpfiles.rules;
            boot = config.boot.postBootCommands;
            wait = config.systemd.services ? nxc-network-wait-online;
            unit = config.systemd.services ? nxc-deployment;
            activation = config.system.activationScripts.script;
            inherit (config) warnings;
            failed = map (one: one.message) (builtins.filter (one: !one.assertion) config.assertions);
            keys = config.users.users.root.openssh.authorizedKeys.keys;
            undescribed = builtins.filter (one: lib.hasPrefix "nxc" one.name && (one.description or "") == "")
              (lib.optionAttrSetToDocList { inherit (options) nxc; });
          }) bundle.systems.${flavour};
        in {
          plain = of "plain"; docker = of "docker"; vm = of "vm";
          test = lib.mapAttrs (_: one: one.config.virtualisation.memorySize) bundle.nixos-test.nodes;
          drvs = [ bundle.roles.docker.server.drvPath bundle.roles.vm.client.drvPath ];
        }
        """,
    )
    return found


def test_users(options: dict[str, Any]) -> None:
    assert options["plain"]["server"]["users"] == {
        name: {"home": f"/users/{name}", "group": "users", "isNormalUser": True} for name in ("user1", "user2")
    }


def test_shared_directories(options: dict[str, Any]) -> None:
    server, client = options["plain"]["server"], options["plain"]["client"]
    assert server["exports"] == '"/users" *(rw,no_subtree_check,no_root_squash,crossmnt,fsid=1)\n'
    assert client["mounts"] == {"/users": {"host": "server", "role": "server", "source": "/users"}}
    assert client["devices"]["/users"] == "server:/users"
    # Once on the server, where it may be there already; nobody touches it on the client, where that would mount it.
    assert [rule for rule in server["rules"] if "/users" in rule] == ['d "/users" - - - -']
    assert not any("/users" in rule for rule in client["rules"])


def test_boot_commands(options: dict[str, Any]) -> None:
    server, client = options["plain"]["server"]["boot"], options["plain"]["client"]["boot"]
    assert "/bin/bash" in server
    assert "/etc/post-boot-script" in server
    assert "echo shared\necho post" in server
    assert "/bin/bash" not in client


def test_options_that_change_units(options: dict[str, Any]) -> None:
    plain = options["plain"]
    assert (plain["server"]["wait"], plain["client"]["wait"]) == (False, True)
    assert plain["server"]["unit"] is True
    assert options["docker"]["server"]["unit"] is False


def test_no_key_that_everybody_has(options: dict[str, Any]) -> None:
    for flavour in ("plain", "docker", "vm"):
        for role in options[flavour].values():
            assert role["keys"] == []
    client, server = (" ".join(options["plain"][role]["warnings"]) for role in ("client", "server"))
    assert "nxc.root-sshKeys.enable has no effect" in client
    assert "root-sshKeys" not in server
    assert "root-sshKeys" not in server
    assert "virtualisation.memorySize has no effect" in client


def test_size_of_a_test_node_holds(options: dict[str, Any]) -> None:
    assert options["test"] == {"server": 1024, "client1": 4096, "client2": 4096}


def test_every_option_is_described(options: dict[str, Any]) -> None:
    assert options["plain"]["server"]["undescribed"] == []


def test_files_are_there_before_other_scripts(options: dict[str, Any]) -> None:
    for flavour, written in (("vm", "machine 'lab'"), ("docker", "docker 'lab'"), ("plain", None)):
        before, own = options[flavour]["server"]["activation"].split("snippet 00-nxc:")
        assert "snippet" not in before
        own = own.split("snippet")[0]
        assert own.count("deployment.sh links") == 1
        if written is None:
            assert " write " not in own
        else:
            assert f" write {written} 'server' /nix/store/" in own


def test_docker_with_volumes_in_the_source(options: dict[str, Any]) -> None:
    for role in options["docker"].values():
        assert role["failed"] == []


def test_docker_without_volumes_is_refused(tmp_path: Path) -> None:
    source = SOURCE.replace("SERVER", "").replace("CLIENT", "")
    bundle = bundle_of(tmp_path, source, {"composition.nix": COMPOSITION})
    found = of_bundle(
        bundle,
        """{
          messages = lib.mapAttrs
            (_: one: map (one: one.message) (builtins.filter (one: !one.assertion) one.config.assertions))
            bundle.systems.docker;
          builds = (builtins.tryEval bundle.roles.docker.client.drvPath).success;
          elsewhere = (builtins.tryEval bundle.roles.plain.client.drvPath).success;
        }""",
    )
    assert 'write `share "/users"`' in found["messages"]["server"][0]
    assert 'write `mount "/users" from server`' in found["messages"]["client"][0]
    assert (found["builds"], found["elsewhere"]) == (False, True)


def deployment(root: Path, *arguments: str) -> None:
    subprocess.run(
        [need("sh"), str(DEPLOYMENT), *arguments], check=True, timeout=20, env={**os.environ, "NXCC_ROOT": str(root)}
    )


NODES = "# nodes\n\n10.9.0.2 server server\n10.9.0.3 client1 client\n- client2 client\n"


def test_files_of_a_machine(tmp_path: Path) -> None:
    (tmp_path / "run" / "nxcc").mkdir(parents=True)
    (tmp_path / "run" / "nxcc" / "node").write_text("client1\n")
    (tmp_path / "nodes").write_text(NODES)
    deployment(tmp_path, "links")
    deployment(tmp_path, "write", "machine", "lab", "client", str(tmp_path / "nodes"))
    made = tmp_path / "run" / "nxc"
    assert (made / "deployment-hosts").read_text() == "10.9.0.2 server\n10.9.0.3 client1\n"
    assert (made / "ip_addr").read_text() == "10.9.0.3\n"
    assert (made / "role").read_text() == "client\n"
    assert json.loads((made / "deployment.json").read_text()) == {
        "composition": "lab",
        "deployment": {
            "10.9.0.2": {"role": "server", "host": "server"},
            "10.9.0.3": {"role": "client", "host": "client1"},
        },
    }
    links = {path.name: os.readlink(path) for path in (tmp_path / "etc" / "nxc").iterdir()}
    assert links == {
        "deployment-hosts": "/run/nxc/deployment-hosts",
        "deployment.json": "/run/nxc/deployment.json",
        "ip_addr": "/run/nxc/ip_addr",
        "role": "/run/nxc/role",
        "hostname": "/run/nxcc/node",
    }
    assert sorted(os.listdir(made)) == ["deployment-hosts", "deployment.json", "ip_addr", "role"]


def test_files_of_a_container(tmp_path: Path) -> None:
    (tmp_path / "nodes").write_text("- server server\n- client1 client\n")
    deployment(tmp_path, "write", "docker", "lab", "server", str(tmp_path / "nodes"))
    made = tmp_path / "run" / "nxc"
    assert json.loads((made / "deployment.json").read_text()) == {
        "composition": "lab",
        "nodes": ["server", "client1"],
        "deployment": {"server": {"role": "server"}, "client1": {"role": "client"}},
    }
    # Roles ask whether it is there to tell containers from machines.
    assert not (made / "deployment-hosts").exists()


def test_files_follow_what_is_delivered_later(tmp_path: Path) -> None:
    nodes = tmp_path / "nodes"
    deployment(tmp_path, "write", "machine", "lab", "server", str(nodes))
    assert not (tmp_path / "run").exists()
    for text in ("10.9.0.2 server server\n", "10.9.0.9 server server\n"):
        nodes.write_text(text)
        deployment(tmp_path, "write", "machine", "lab", "server", str(nodes))
        assert (tmp_path / "run" / "nxc" / "deployment-hosts").read_text() == f"{text.split()[0]} server\n"
