"""What the docker flavour plans, and what its `run` says before any engine is asked. Engine tests: tests/docker/."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import docker_environments as make
import pytest
import yaml
from ruamel.yaml import YAML
from tools import need

from nxcc.flavours import BUILTIN, PLANNED, find, names
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


def test_built_in_flavours_are_found_and_planned_ones_are_not() -> None:
    assert names() == tuple(BUILTIN)
    for name in names():
        found = find(name)
        assert isinstance(found, Flavour)
        assert found.name == name
    assert not PLANNED & set(names())
    assert all(find(name) is None for name in PLANNED)
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
    assert set(Docker.ignores) == {"disk", "kernel", "kernel-params"}


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


# run, as far as it goes without an engine


def run(script: Path, *arguments: str, shell: str = "sh", **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("NXCC_", "DOCKER_", "COMPOSE_"))}
    return subprocess.run(
        [shell, str(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**clean, **environment},
        timeout=60,
    )


ODD = "/a dir/it's $HOME `x` \\ é\n*"


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """`run` of a bundle in a folder with a difficult name, with a secret from a file with a worse one."""
    made = make.environment(
        "Odd",
        make.role("a", 2, secrets=("from-file", "key"), publish=(make.publish(8080, 80),)),
        make.role("b"),
        secrets=(make.secret("from-file", "file", ODD), make.secret("key", "ssh-key")),
        links=(make.link("a", "b", delay=1),),
    )
    return make.write(tmp_path / "it's a $bundle", made)


def stub(folder: Path, server: str, answer: str, compose: str = "2.26.1", name: str = "docker") -> str:
    """A PATH with an engine of another version than the one that is here: it answers what `run` asks first."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        f"--version) echo '{name.capitalize()} version {server}' ;;\n"
        f"version*) echo '{server}' ;;\n"
        f"compose*) echo '{compose}' ;;\n"
        f"info*) echo '{answer}' ;;\n"
        "esac\n"
    )
    program.chmod(0o755)
    standalone = folder / "docker-compose"
    standalone.write_text(f"#!/bin/sh\necho '{compose}'\n")
    standalone.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def test_shellcheck_finds_nothing(odd: Path, tmp_path: Path) -> None:
    made = make.environment("hosted", make.role("a"), settings=(make.settings(store="host"),))
    for script in (odd, make.write(tmp_path / "hosted", made), make.write(tmp_path / "trio", make.three_nodes())):
        done = subprocess.run([need("shellcheck"), str(script)], capture_output=True, text=True, check=False)
        assert done.stdout == ""
        assert done.returncode == 0


@pytest.mark.parametrize("shell", ["dash", "bash", "zsh"])
def test_a_dry_run_is_the_same_in_every_shell(odd: Path, tmp_path: Path, shell: str) -> None:
    need(shell)
    (tmp_path / "as-sh").mkdir()
    (tmp_path / "as-sh/sh").symlink_to(need(shell))
    path = stub(tmp_path / "bin", "28.0.0", "2 []")
    expected = run(odd, "--dry-run", "up", PATH=path)
    done = run(odd, "--dry-run", "up", shell=str(tmp_path / "as-sh/sh"), PATH=path)
    assert (done.returncode, done.stdout, done.stderr) == (0, expected.stdout, expected.stderr)


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_help_and_wrong_usage(odd: Path, shell: str) -> None:
    helped = run(odd, "help", shell=shell)
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "fetch NODE:PATH" in helped.stdout
    for arguments, said in {
        (): "usage: run",
        ("nonsense",): "no command nonsense",
        ("--what", "up"): "no option --what",
        ("up", "--timeout", "soon"): "--timeout takes seconds",
        ("up", "--timeout"): "--timeout needs a value",
        ("up", "--secret", "token=/x"): "no secret is called token",
        ("up", "--secret", "key=/no/such/file"): "cannot read /no/such/file",
        ("up", "--port", "1=2"): "port 1 is not published; these are: 8080 8081",
        ("up", "--cgroup", "v3"): "--cgroup takes",
        ("ssh",): "ssh NODE [COMMAND]",
        ("ssh", "c"): "no node is called c; there are: a1 a2 b",
        ("fetch", "a1"): "fetch NODE:PATH",
        ("test",): "declares no test",
    }.items():
        done = run(odd, *arguments, shell=shell)
        assert done.returncode == 2, arguments
        assert said in done.stderr
    assert not odd.parents[1].with_name("it's a $bundle.state").exists()


def test_a_test_is_not_pretended(tmp_path: Path) -> None:
    from nxcc.model.environment import Test

    made = make.environment("tested", make.role("a"), tests=(Test("", "a.succeed('true')", make.SPAN),))
    done = run(make.write(tmp_path / "tested", made), "test")
    assert done.returncode == 2
    assert "composition.nix has this environment's testScript" in done.stderr


def test_an_interrupted_compile_is_refused(odd: Path) -> None:
    from nxcc.bundle import JOURNAL

    (odd.parents[1] / JOURNAL).touch()
    done = run(odd, "status")
    assert done.returncode == 2
    assert "a compile of this bundle was interrupted" in done.stderr


def test_a_dry_run_prints_commands_and_makes_nothing(odd: Path, tmp_path: Path) -> None:
    path = stub(tmp_path / "bin", "28.3.1", "2 [name=seccomp,profile=builtin name=cgroupns]")
    for command in ("build", "pack", "load", "up", "down", "status"):
        if command != "status":
            assert run(odd, "--dry-run", command, PATH=path).returncode == 0
    done = run(odd, "up", "--dry-run", "--project", "mine", PATH=path)
    assert "docker compose -p mine -f" in done.stdout
    assert "it'\\''s a $bundle/docker/docker-compose.cgroup-v2.yml" in done.stdout
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["bin", "it's a $bundle"]


# Versions that are not here are played by a program that names them; what is here is asked in tests/docker/.
@pytest.mark.parametrize(
    ("server", "answer", "case"),
    [
        ("28.0.0", "2 [name=seccomp]", "cgroup-v2"),
        ("29.1.0-rc.1", "2 []", "cgroup-v2"),
        ("27.5.1", "2 [name=cgroupns]", "cgroup-v2-older"),
        ("20.10.24+dfsg1", "2 []", "cgroup-v2-older"),
        ("28.0.0", "1 []", "cgroup-v1"),
        ("19.03.1", "1 []", "Docker 19.03.1 is too old"),
        ("28.0.0", "2 [name=rootless]", "rootless Docker gives no node a cgroup"),
        ("28.0.0", "2 [name=userns]", "userns-remap"),
        ("28.0.0", " []", "names no cgroup version"),
    ],
)
def test_the_engine_decides_on_the_cgroup_file(odd: Path, tmp_path: Path, server: str, answer: str, case: str) -> None:
    done = run(odd, "--dry-run", "up", PATH=stub(tmp_path / "bin", server, answer))
    if case.startswith("cgroup-"):
        assert f"docker-compose.{case}.yml" in done.stdout
        assert done.returncode == 0
    else:
        assert case in done.stderr
        assert done.returncode == 2


def test_podman_needs_no_cgroup_file(odd: Path, tmp_path: Path) -> None:
    path = stub(tmp_path / "bin", "5.4.2", "", name="podman")
    done = run(odd, "--dry-run", "--engine", "podman", "up", PATH=path)
    assert "podman compose -p" in done.stdout
    assert "docker-compose.cgroup" not in done.stdout


def test_what_is_missing_is_named(odd: Path, tmp_path: Path) -> None:
    old = run(odd, "status", PATH=stub(tmp_path / "bin", "28.0.0", "2 []", compose="1.29.2"))
    assert (old.returncode, old.stderr) == (
        2,
        "docker/run: Docker Compose 1.29.2 is too old: 2.20 is the oldest that works\n",
    )
    none = run(odd, "status", "--engine", "no-such-engine")
    assert none.returncode == 2
    assert "no-such-engine is not installed" in none.stderr
    nix = run(odd, "build", PATH=_without(tmp_path / "few", "nix-build"))
    assert nix.returncode == 2
    assert "nix-build is not here" in nix.stderr


def test_no_daemon_is_said_so(odd: Path) -> None:
    need("docker")
    done = run(odd, "status", DOCKER_HOST="unix:///no/such/socket")
    assert done.returncode == 2
    assert "the docker daemon is not running" in done.stderr


def _without(folder: Path, *unwanted: str) -> str:
    """A PATH with the usual programs but some."""
    folder.mkdir()
    for place in ("/usr/bin", "/bin"):
        for name in os.listdir(place):
            if name not in unwanted and not (folder / name).exists():
                (folder / name).symlink_to(os.path.join(place, name))
    return str(folder)


def test_project_names_follow_the_bundles_place(tmp_path: Path) -> None:
    path = stub(tmp_path / "bin", "28.0.0", "2 []")
    made = make.three_nodes()
    outputs = [run(make.write(tmp_path / name, made), "--dry-run", "up", PATH=path).stdout for name in ("one", "two")]
    projects = [out.split("compose -p ")[1].split()[0] for out in outputs]
    assert projects[0] != projects[1]
    assert all(project.startswith("trio-") for project in projects)
    assert run(make.write(tmp_path / "one", made), "--dry-run", "up", PATH=path).stdout == outputs[0]
    bad = run(tmp_path / "one/docker/run", "--project", "No", "up", "--dry-run", PATH=path)
    assert "No is no project name" in bad.stderr
