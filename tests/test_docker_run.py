"""What the docker flavour's `run` says and decides before any engine is asked. With an engine: tests/docker/."""

from __future__ import annotations

import os
import subprocess
import tarfile
from typing import TYPE_CHECKING

import docker_environments as make
import pytest
from tools import need

if TYPE_CHECKING:
    from pathlib import Path


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


def only(folder: Path) -> str:
    """A PATH with the machine's tools, and no engine."""
    folder.mkdir()
    for tool in ("sh", "sed", "cut", "grep", "cksum", "tr", "readlink", "dirname", "head", "tail", "cat", "id", "find"):
        (folder / tool).symlink_to(need(tool))
    return str(folder)


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
        ("up", "--timeout=9999999999"): "--timeout takes seconds",
        ("up", "--timeout"): "--timeout needs a value",
        ("up", "--secret", "token=/x"): "no secret is called token",
        ("up", "--secret", "key=/no/such/file"): "cannot read /no/such/file",
        ("up", "--port", "1=2"): "port 1 is not published; these are: 8080 8081",
        ("up", "--port", "8080=09"): "--port takes PORT=OTHER",
        ("up", "--port", "8080=65536"): "there is no port 65536",
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


def test_tests_go_to_the_driver(tmp_path: Path) -> None:
    from nxcc.model.environment import Test

    made = make.environment("tested", make.role("a"), tests=(Test("", "a.succeed('true')", make.SPAN),))
    script = make.write(tmp_path / "tested", made)
    path = stub(tmp_path / "bin", "28.3.1", "2 [name=seccomp,profile=builtin name=cgroupns]")
    without = run(script, "test", PATH=path)
    assert without.returncode == 2
    assert "this bundle has no test/driver.py" in without.stderr
    driver = tmp_path / "tested/test/driver.py"
    driver.parent.mkdir()
    driver.write_text(
        "import os, sys; print(sys.argv[1:], os.environ['NXCC_PROJECT'], os.environ['NXCC_ENGINE'])\nexit(1)"
    )
    done = run(script, "test", "--project", "mine", "a name", PATH=path)
    assert (done.returncode, done.stdout) == (1, f"['--run', '{script}', '--name', 'a name'] mine docker\n")
    assert '"phase": "test"' in (tmp_path / "tested.state/phases.json").read_text()


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


def test_a_dry_run_without_an_engine(odd: Path, tmp_path: Path) -> None:
    """Shows what a current Docker would be told; what only an engine knows is refused, not asked for nevertheless."""
    path = stub(tmp_path / "bin", "", "")
    (tmp_path / "bin/docker").write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    shown = run(odd, "--dry-run", "up", PATH=path)
    assert shown.returncode == 0
    assert "showing what a current Docker would be told" in shown.stderr + shown.stdout
    for command in (("status",), ("ssh", "a1"), ("logs", "a1"), ("fetch", "a1:/etc/hosts")):
        done = run(odd, "--dry-run", *command, PATH=path)
        assert done.returncode == 2, command
        assert "daemon is not running" in done.stderr
        assert "showing" not in done.stderr + done.stdout


def test_an_engine_that_is_missing_is_named_with_where_to_get_it(odd: Path, tmp_path: Path) -> None:
    path = only(tmp_path / "tools")
    assert "podman is not installed (https://podman.io/" in run(odd, "--engine", "podman", "status", PATH=path).stderr
    assert "docker is not installed (https://docs.docker.com/" in run(odd, "status", PATH=path).stderr


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


def test_the_state_is_the_users_own(odd: Path) -> None:
    """Another user's would hold commands and secrets; who calls sudo is no other."""
    state = odd.parents[1].with_name("it's a $bundle.state")
    state.mkdir()
    nobody = 65534
    os.chown(state, nobody, nobody)
    done = run(odd, "--dry-run", "--engine", "/no/such", "build")
    assert (done.returncode, done.stderr) == (2, f"docker/run: {state} is not yours\n")
    assert "is not yours" not in run(odd, "--dry-run", "build", SUDO_UID=str(nobody)).stderr


def test_an_archive_is_a_file_whatever_its_name(odd: Path, tmp_path: Path) -> None:
    """To tar, `host:file` is on another machine."""
    state = odd.parents[1].with_name("it's a $bundle.state") / "docker"
    (state / "images").mkdir(parents=True)
    (state / "images.txt").write_text("")
    (state / "built").write_text("of another version\n")
    done = subprocess.run(
        ["sh", str(odd), "--no-build", "pack", "host:file"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert tarfile.is_tarfile(tmp_path / "host:file")
