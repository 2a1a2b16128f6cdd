"""What the docker flavour plans. Its `run`: test_docker_run.py; with an engine: tests/docker/."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import docker_environments as make
import pytest
import yaml
from ruamel.yaml import YAML
from tools import need

from nxcc.flavours import BUILTIN, find, names
from nxcc.flavours.base import Flavour
from nxcc.flavours.docker import CGROUP_CASES, Docker, health_check

if TYPE_CHECKING:
    from pathlib import Path

    from nxcc.bundle import File
    from nxcc.model.environment import Environment


def plan(environment: Environment) -> dict[str, File]:
    return {file.path: file for file in Docker().plan(environment)}


def compose(environment: Environment) -> dict[str, Any]:
    """docker-compose.yml as data, merge keys resolved."""
    data = yaml.safe_load(plan(environment)["docker/docker-compose.yml"].content)
    assert isinstance(data, dict)
    return data


# The table of flavours


def test_built_in_flavours_are_found_and_others_are_not() -> None:
    assert names() == tuple(BUILTIN)
    for name in names():
        found = find(name)
        assert isinstance(found, Flavour)
        assert found.name == name
    assert find("no-such-flavour") is None


@pytest.mark.parametrize(("value", "error"), [("nxcc.flavours.docker:Docker", None), ("os:path", TypeError)])
def test_a_package_brings_a_flavour(tmp_path: Path, value: str, error: type[Exception] | None) -> None:
    metadata = tmp_path / "outside-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[nxcc.flavours]\noutside = {value}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        if error:
            with pytest.raises(error):
                find("outside")
        else:
            assert isinstance(find("outside"), Docker)


# The compose file


def test_files_and_modes() -> None:
    files = plan(make.three_nodes())
    assert list(files) == [
        "docker/docker-compose.yml",
        "docker/docker-compose.cgroup-v2.yml",
        "docker/docker-compose.cgroup-v2-older.yml",
        "docker/docker-compose.cgroup-v1.yml",
        "docker/.env",
        "docker/nodes",
        "docker/run",
    ]
    assert [path for path, file in files.items() if file.executable] == ["docker/run"]
    assert files["docker/nodes"].content == b"- server server\n- agent1 agent\n- agent2 agent\n"


def test_a_service_a_node_and_the_common_part_once() -> None:
    made = make.three_nodes()
    data = compose(made)
    assert data["name"] == "${NXCC_PROJECT:-trio}"
    assert "version" not in data
    assert list(data["services"]) == ["server", "agent1", "agent2"]
    assert data["networks"] == {"nodes": {}}
    for name, service in data["services"].items():
        assert service["hostname"] == name
        assert service["networks"]["nodes"]["aliases"] == [name]
        assert service["command"] == ["/sbin/init"]
        assert service["stop_signal"] == "SIGRTMIN+3"
        assert service["cap_add"] == ["SYS_ADMIN"]
        assert service["environment"] == {"container": "docker"}
        assert service["tmpfs"] == [
            "/run:mode=755",
            "/run/wrappers:exec,suid,mode=755",
            "/tmp:exec,mode=1777",
            "/run/nxcc/host:mode=700",
        ]
    agent = dict(data["services"]["agent1"])
    other = dict(data["services"]["agent2"])
    for own in ("hostname", "networks"):
        del agent[own], other[own]
    assert agent == other
    text = plan(made)["docker/docker-compose.yml"].content.decode()
    assert text.count("mem_limit: 134217728") == 1
    assert text.count("stop_signal") == 1


def test_readers_of_yaml_1_2_see_the_same() -> None:
    for file in Docker().plan(make.three_nodes()):
        if file.path.endswith(".yml"):
            assert YAML(typ="safe", pure=True).load(file.content) == yaml.safe_load(file.content)


def test_two_plans_are_the_same_bytes() -> None:
    assert Docker().plan(make.three_nodes()) == Docker().plan(make.three_nodes())


def test_one_node_needs_no_extension_field() -> None:
    data = compose(make.environment("lone", make.role("a")))
    assert not [key for key in data if key.startswith("x-")]


def test_order_by_health_and_mount_implies_after() -> None:
    made = make.environment(
        "order",
        make.role("db", 2, shares=(make.share("/a b", read_only=True), make.share("/a-b"))),
        make.role("app", after=(make.after("db"),)),
        make.role("web", mounts=(make.mount("/x", "db", "/a b"), make.mount("/y", "db", "/a-b"))),
        make.role("other", after=(make.after("app")._replace(only=("vm",)),)),
    )
    services = compose(made)["services"]
    healthy = {"condition": "service_healthy"}
    assert services["app"]["depends_on"] == {"db1": healthy, "db2": healthy}
    assert services["web"]["depends_on"] == {"db1": healthy, "db2": healthy}
    assert "depends_on" not in services["other"]
    assert compose(made)["volumes"] == {"db-a-b": {}, "db-a-b-2": {}}
    mounted = [(v["source"], v["target"], v.get("read_only")) for v in services["web"]["volumes"][1:]]
    assert mounted == [("db-a-b", "/x", True), ("db-a-b-2", "/y", None)]
    # What others mount is the first node's, as it is with NFS.
    assert [v["target"] for v in services["db1"]["volumes"][1:]] == ["/a b", "/a-b"]
    assert services["db2"]["volumes"][1:] == []


def test_a_shared_tmp_is_no_tmpfs() -> None:
    made = make.environment(
        "tmp",
        make.role("db", 2, shares=(make.share("/tmp"),)),
        make.role("web", mounts=(make.mount("/tmp", "db", "/tmp"),)),
        make.role("other", mounts=(make.mount("/tmp/db", "db", "/tmp"),)),
        make.role("machine", mounts=(make.mount("/tmp", "db", "/tmp")._replace(only=("vm",)),)),
    )
    services = compose(made)["services"]
    tmpfs = {name: [line.split(":")[0] for line in one["tmpfs"]] for name, one in services.items()}
    own = ["/run", "/run/wrappers", "/run/nxcc/host"]
    assert [name for name, places in tmpfs.items() if places == own] == ["db1", "web"]
    assert all("/tmp" in tmpfs[name] for name in ("db2", "other", "machine"))
    assert [v["target"] for name in ("db1", "web", "other") for v in services[name]["volumes"][1:]] == [
        "/tmp",
        "/tmp",
        "/tmp/db",
    ]


def test_ports_count_up_on_a_counted_role() -> None:
    made = make.environment(
        "ports", make.role("web", 2, publish=(make.publish(8080, 80), make.publish(53, 53, "0.0.0.0", "udp")))
    )
    services = compose(made)["services"]
    assert services["web2"]["ports"] == [
        {"target": 80, "host_ip": "127.0.0.1", "published": "${NXCC_PORT_8081:-8081}", "protocol": "tcp"},
        {"target": 53, "host_ip": "0.0.0.0", "published": "${NXCC_PORT_54:-54}", "protocol": "udp"},
    ]


def test_limits_and_rights() -> None:
    made = make.environment(
        "limits",
        make.role("a", resources=(make.resources(1.5, 1024), make.resources(memory=2048, disk=1))),
        make.role("b", settings=(make.settings(privileged=True),)),
        links=(make.link("b", "a", delay=10),),
    )
    services = compose(made)["services"]
    assert (services["a"]["cpus"], services["a"]["mem_limit"]) == (1.5, 2048)
    assert "cpus" not in services["b"]
    assert services["b"]["cap_add"] == ["SYS_ADMIN", "NET_ADMIN"]
    assert services["b"]["privileged"] is True
    assert "privileged" not in services["a"]
    assert set(Docker.ignores) == {"disk", "kernel", "kernel-params", "trust"}


def test_a_given_subnet_gives_addresses_and_the_engine_another_one() -> None:
    made = make.environment("net", make.role("a", 5), subnet="198.18.0.0/29")
    data = compose(made)
    assert data["services"]["a5"]["networks"]["nodes"]["ipv4_address"] == "198.18.0.5"
    assert data["networks"]["nodes"]["ipam"]["config"] == [{"subnet": "198.18.0.0/29", "gateway": "198.18.0.6"}]
    assert plan(made)["docker/nodes"].content.decode().splitlines()[4] == "198.18.0.5 a5 a"


def test_secrets_only_where_they_are_used() -> None:
    data = compose(make.three_nodes())
    assert list(data["secrets"]) == ["token", "deploy-key", "deploy-key.pub"]
    assert data["services"]["server"]["secrets"] == [{"source": "token", "target": "/run/nxcc/host/secrets/token"}]
    assert len(data["services"]["agent2"]["secrets"]) == 3
    assert "secrets" not in compose(make.environment("none", make.role("a"), secrets=(make.secret("s"),)))


def test_the_hosts_store() -> None:
    made = make.environment("hosted", make.role("a"), make.role("b-c"), settings=(make.settings(store="host"),))
    services = compose(made)["services"]
    assert services["a"]["image"] == "nxcc/base:1"
    sources = {volume["target"]: volume["source"] for volume in services["b-c"]["volumes"]}
    assert sources["/nix/store"] == "/nix/store"
    assert sources["/nxcc/system"].startswith("${NXCC_TOPLEVEL_B_C:?")


def test_a_file_for_each_cgroup_case() -> None:
    files = plan(make.three_nodes())
    for case, (_, keys) in CGROUP_CASES.items():
        services = yaml.safe_load(files[f"docker/docker-compose.{case}.yml"].content)["services"]
        assert services == dict.fromkeys(("server", "agent1", "agent2"), keys)


# The health check, run by real shells


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("true", 0),
        ("false", 1),
        ("test \"$HOME\" = 'it''s'", 1),
        ("exit 0 # a comment", 0),
        ("test 'é`$(x)' = \"é\\`\\$(x)\"", 0),
        ("first\nfalse", 1),
        ("false || true\ntrue", 0),
    ],
)
def test_commands_reach_the_nodes_shell_unchanged(shell: str, command: str, status: int) -> None:
    role = make.role("a", ready=(make.ready("command", command),))
    healthcheck = compose(make.environment("e", role))["services"]["a"]["healthcheck"]
    script = healthcheck["test"][3].replace("$$", "$")
    assert script == health_check(role)
    done = subprocess.run([need(shell), "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert ("not ready: this fails: " in done.stdout) == bool(status)


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_port_is_ready_once_something_listens(shell: str) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = health_check(make.role("a", ready=(make.ready("port", str(port)),)))
        assert subprocess.run([need(shell), "-c", script], check=False).returncode == 0
    done = subprocess.run([need(shell), "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == f"not ready: nothing listens on port {port}\n"


def test_all_conditions_must_hold_and_none_means_multi_user_target() -> None:
    several = make.role("a", ready=(make.ready("unit", "x.service"), make.ready("command", "true")))
    assert "systemctl is-active --quiet -- x.service" in health_check(several)
    assert "multi-user" not in health_check(several)
    assert "is-active --quiet multi-user.target" in health_check(make.role("a"))
    elsewhere = make.role("a", ready=(make.ready("port", "1")._replace(only=("vm",)),))
    assert health_check(elsewhere) == health_check(make.role("a"))


def test_a_secret_of_another_flavour_is_not_given_to_containers(tmp_path: Path) -> None:
    from nxcc import compile_file

    source = """
environment lab
secret here
secret there
role a {
  variable HERE = secret.here
  on vm { variable THERE = secret.there }
}
"""
    made = compile_file(str(tmp_path / "env.nxc"), ["docker"], source=source)
    files = {file.path: file.content.decode() for file in made.files}
    data = yaml.safe_load(files["docker/docker-compose.yml"])
    assert list(data["secrets"]) == ["here"]
    assert [secret["source"] for secret in data["services"]["a"]["secrets"]] == ["here"]
    assert "there" not in files["docker/run"].partition("# ---")[0]
