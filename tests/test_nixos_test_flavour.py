"""nixos-test: what NixOS's test driver is given, and the secrets that the nodes of a test make."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from compiled import compiled
from nix_systems import make_bundle, nixpkgs, of_bundle
from tools import need

from nxcc.resources import resource

SECRETS = Path(resource("nix")) / "modules" / "test-secrets.sh"

SOURCE = """
environment a-rather-long-name-of-an-environment-in-a-test "x"
network { subnet "10.9.0.0/24" }
secret token
secret key ssh-key owner nobody
secret licence from ./licence
role db-main {
  resources { memory 1500MiB; cpus 2; disk 3GiB }
  share "/data"
  systemd.services.use.script = "cat ${secret.token} ${secret.key} ${secret.licence}"
}
role web[2] {
  mount "/data" from db-main
  on nixos-test { resources { memory 700MiB } }
  on docker { resources { memory 300MiB } }
  systemd.services.use.script = "cat ${secret.token}"
}
link web -> db-main { delay 10ms }
test \"\"\"
  start_all()
  db_main.wait_for_unit("multi-user.target")
  web1.succeed("ping -c 1 db-main")
\"\"\"
test "quick" "web1.succeed('true')"
"""

FACTS = """
let
  of = lib.mapAttrs (_: one: let config = one.config or one; in {
    host = config.networking.hostName;
    name = config.system.name;
    addresses = config.networking.interfaces.eth1.ipv4.addresses;
    hosts = config.networking.extraHosts;
    sizes = { inherit (config.virtualisation) memorySize cores diskSize; };
    identity = config.systemd.services.nxcc-identity.script;
    secrets = config.systemd.services.nxcc-test-secrets.script;
    use = config.systemd.services.use.after;
    links = config.systemd.services.nxcc-links.script or "";
    trusted = config.networking.firewall.trustedInterfaces;
    data = config.fileSystems."/data".device or null;
    places = lib.attrNames config.fileSystems;
    documentation = config.documentation.enable;
    same = config.environment.systemPackages != [ ] && one.pkgs.hello.outPath == bundle.pkgs.hello.outPath;
  });
in {
  nodes = of bundle.nixos-test.nodes;
  test = bundle.nixos-test.name;
  driver = bundle.nixos-test.driver.name;
  script = bundle.nixos-test.driver.testScript;
  quick = bundle.nixos-test.tests.quick.driver.testScript;
  drvs = map (one: one.drvPath)
    [ bundle.nixos-test bundle.nixos-test.driver bundle.nixos-test.tests.quick bundle.roles.nixos-test.web ];
}
"""


def bundle_of(text: str, folder: Path) -> Path:
    """The bundle of a source, on disk."""
    nixpkgs()
    (folder / "licence").write_text("the user's own\n")
    for file in compiled(text, folder).files:
        path = folder / "bundle" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    return folder / "bundle"


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found: dict[str, Any] = of_bundle(bundle_of(SOURCE, tmp_path_factory.mktemp("nixos-test")), FACTS)
    return found


def test_nodes_are_called_as_the_script_calls_them(facts: dict[str, Any]) -> None:
    nodes = facts["nodes"]
    assert {variable: node["host"] for variable, node in nodes.items()} == {
        "db_main": "db-main",
        "web1": "web1",
        "web2": "web2",
    }
    # The driver of 20.09 makes a variable of this, as it is.
    assert {variable: node["name"] for variable, node in nodes.items()} == {name: name for name in nodes}


def test_names_and_addresses_are_those_of_the_other_flavours(facts: dict[str, Any]) -> None:
    nodes = facts["nodes"]
    assert nodes["web2"]["addresses"] == [{"address": "10.9.0.4", "prefixLength": 24}]
    for node in nodes.values():
        assert node["hosts"] == "10.9.0.2 db-main\n10.9.0.3 web1\n10.9.0.4 web2\n"
        assert "eth1" in node["trusted"]


def test_sizes_are_what_the_roles_ask_for(facts: dict[str, Any]) -> None:
    assert facts["nodes"]["db_main"]["sizes"] == {"memorySize": 1500, "cores": 2, "diskSize": 3072}
    web = facts["nodes"]["web1"]["sizes"]
    assert (web["memorySize"], web["cores"]) == (700, 1)


def test_secrets_are_made_by_the_test(facts: dict[str, Any]) -> None:
    nodes = facts["nodes"]
    host = "/tmp/shared/nxcc-secrets /run/nxcc/host/secrets"
    assert nodes["db_main"]["secrets"].strip().endswith(f"{host} 'key' 'ssh-key' 'licence' 'file' 'token' 'random'")
    assert nodes["web1"]["secrets"].strip().endswith(f"{host} 'token' 'random'")
    assert "nxcc-secrets.service" in nodes["web1"]["use"]


def test_links_and_shares(facts: dict[str, Any]) -> None:
    assert "'delay 10ms limit 16666' 'db-main'" in facts["nodes"]["web1"]["links"]
    assert facts["nodes"]["db_main"]["links"] == ""
    # The framework drops the file systems of a role.
    assert facts["nodes"]["web1"]["data"] == "db-main:/data"
    assert "/tmp/shared" in facts["nodes"]["web1"]["places"]
    assert facts["nodes"]["db_main"]["data"] is None


def test_packages_are_the_environments(facts: dict[str, Any]) -> None:
    assert all(node["same"] for node in facts["nodes"].values())
    assert not any(node["documentation"] for node in facts["nodes"].values())


def test_the_test_itself(facts: dict[str, Any]) -> None:
    name = "nxcc-a-rather-long-name-of-an-environment-in-a-tes"
    assert len(name) == 50
    assert facts["test"] == f"vm-test-run-{name}"
    assert facts["script"].splitlines()[2] == 'web1.succeed("ping -c 1 db-main")'
    assert facts["quick"] == "web1.succeed('true')"
    assert all(path.endswith(".drv") for path in facts["drvs"])


def test_no_file_of_the_users_is_read(tmp_path: Path) -> None:
    bundle = bundle_of(SOURCE, tmp_path)
    (tmp_path / "licence").unlink()
    assert of_bundle(bundle, "bundle.nixos-test.drvPath").endswith(".drv")


def test_without_a_script_nodes_come_up_in_their_order_until_they_are_ready(tmp_path: Path) -> None:
    source = SOURCE.partition('test """')[0].replace("mount ", "after db-main\n  mount ") + "role other { }\n"
    found = of_bundle(bundle_of(source, tmp_path), "bundle.nixos-test.driver.testScript")
    assert found.splitlines() == [
        "db_main.start()",
        "other.start()",
        'db_main.wait_until_succeeds("nxcc-ready")',
        'other.wait_until_succeeds("nxcc-ready")',
        "web1.start()",
        "web2.start()",
        'web1.wait_until_succeeds("nxcc-ready")',
        'web2.wait_until_succeeds("nxcc-ready")',
    ]


def test_a_composition_alone_is_waited_for_too(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", "_: { roles.node-one = { }; }")
    assert of_bundle(bundle, "bundle.nixos-test.driver.testScript").splitlines() == [
        "node_one.start()",
        'node_one.wait_until_succeeds("nxcc-ready")',
    ]


def test_parts_of_processors_are_whole_ones(tmp_path: Path) -> None:
    found = of_bundle(
        bundle_of(SOURCE.replace("cpus 2;", "cpus 1.5;"), tmp_path),
        "bundle.nixos-test.nodes.db_main.config.virtualisation.cores",
    )
    assert found == 2


def test_a_role_alone_has_its_own_word_on_its_size(tmp_path: Path) -> None:
    composition = """_: {
      roles.node-one = { virtualisation.memorySize = 600; networking.hostName = "other"; };
      testScript = "node_one.wait_for_unit('multi-user.target')";
    }"""
    bundle = make_bundle(tmp_path / "bundle", composition)
    found = of_bundle(
        bundle,
        "lib.mapAttrs (_: one: { inherit (one.config.networking) hostName;"
        " inherit (one.config.virtualisation) memorySize; }) bundle.nixos-test.nodes",
    )
    assert found == {"node_one": {"hostName": "node-one", "memorySize": 600}}


def test_what_the_framework_says_too(tmp_path: Path) -> None:
    source = """environment lab "x"
      profile base { boot.consoleLogLevel = 3; networking.usePredictableInterfaceNames = true }
      role one : base { services.timesyncd.enable = true }
      role other : base { services.timesyncd.enable = force true }
    """
    found = of_bundle(
        bundle_of(source, tmp_path),
        "lib.mapAttrs (_: one: [ one.config.services.timesyncd.enable one.config.boot.consoleLogLevel"
        " one.config.networking.usePredictableInterfaceNames ]) bundle.nixos-test.nodes",
    )
    assert found == {"one": [False, 7, False], "other": [True, 7, False]}


def test_vlans_of_a_roles_own(tmp_path: Path) -> None:
    source = """environment lab "x"
      role one { virtualisation.vlans = [1, 12] }
      role other { virtualisation.vlans = [12] }
      role none
    """
    found = of_bundle(
        bundle_of(source, tmp_path),
        'lib.mapAttrs (_: one: lib.filter (lib.hasPrefix "node ") one.config.warnings) bundle.nixos-test.nodes',
    )
    said = "node other: its first VLAN is not 1, so that nodes whose first one is do not reach it at 198.18.0.3"
    assert found == {"one": [], "other": [said], "none": []}


@pytest.mark.parametrize("trust", ["peers", "none"])
def test_firewall(trust: str, tmp_path: Path) -> None:
    source = SOURCE.replace('subnet "10.9.0.0/24"', f"trust {trust}")
    found = of_bundle(
        bundle_of(source, tmp_path),
        "lib.mapAttrs (_: one: { inherit (one.config.networking.firewall) trustedInterfaces;"
        " ports = one.config.networking.firewall.interfaces.eth1.allowedTCPPorts or [ ]; }) bundle.nixos-test.nodes",
    )
    assert ("eth1" in found["web1"]["trustedInterfaces"]) == (trust == "peers")
    assert found["db_main"]["ports"] == ([2049] if trust == "none" else [])
    assert found["web1"]["ports"] == []


def make(shared: Path, host: Path, *wanted: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([need("sh"), str(SECRETS), str(shared), str(host), *wanted], stderr=subprocess.PIPE)


def test_nodes_at_once_agree_on_their_secrets(tmp_path: Path) -> None:
    need("ssh-keygen")
    hosts = [tmp_path / f"node{number}" for number in range(6)]
    running = [make(tmp_path / "shared", host, "token", "random", "key", "ssh-key", "file", "file") for host in hosts]
    for process in running:
        assert process.communicate(timeout=60)[1] == b""
        assert process.returncode == 0
    found = [{path.name: path.read_bytes() for path in host.iterdir()} for host in hosts]
    assert all(one == found[0] for one in found)
    assert sorted(found[0]) == ["file", "key", "key.pub", "token"]
    assert len(base64.urlsafe_b64decode(found[0]["token"] + b"=")) == 32
    assert found[0]["token"] != found[0]["file"]
    assert b"OPENSSH PRIVATE KEY" in found[0]["key"]
    assert found[0]["key.pub"].startswith(b"ssh-ed25519 ")
    # Nothing half made is left where a node looks.
    assert sorted(os.listdir(tmp_path / "shared")) == ["file", "key", "token"]
    assert {path.stat().st_mode & 0o777 for path in hosts[0].iterdir()} <= {0o600, 0o644}


def test_a_node_that_comes_later_gets_the_same(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert make(tmp_path / "shared", tmp_path / name, "token", "random").wait(timeout=30) == 0
    assert (tmp_path / "one" / "token").read_bytes() == (tmp_path / "two" / "token").read_bytes()
    other = make(tmp_path / "another", tmp_path / "three", "token", "random")
    assert other.wait(timeout=30) == 0
    assert (tmp_path / "three" / "token").read_bytes() != (tmp_path / "one" / "token").read_bytes()
