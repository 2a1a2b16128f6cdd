"""What `run` does with an engine, beside what test_nodes.py sees: builds, refusals, failures, bundles side by side."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import docker_environments as make
import pytest
from tools import need

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker_engines import Bundle, Engine

    from nxcc.model.environment import Environment

pytestmark = pytest.mark.docker

HERE = os.path.dirname(os.path.abspath(__file__))


def web(**facts: object) -> Environment:
    """One node that answers on port 18090 once it is ready."""
    more = {"ready": (make.ready("port", "80"),), "publish": (make.publish(18090, 80),), "secrets": ("token",), **facts}
    return make.environment("web", make.role("server", **more), secrets=(make.secret("token"),))


def test_down_leaves_nothing(bundle: Callable[..., Bundle]) -> None:
    made = bundle(web(shares=(make.share("/srv/data"),)))
    made.up()
    project = made.project
    assert made.left(project)
    token = (made.state / "docker/secrets/token").read_text()
    assert made.run("down").returncode == 0
    assert not made.left(project)
    phases = [phase["phase"] for phase in json.loads((made.state / "phases.json").read_text())]
    assert phases == ["deploy", "provision", "run"]
    # Secrets are kept for the next time; --all takes them too.
    made.up()
    assert (made.state / "docker/secrets/token").read_text() == token
    assert made.run("down", "--all").returncode == 0
    assert not made.left(project)
    assert not made.state.exists()


def test_down_removes_nodes_of_an_older_compile(bundle: Callable[..., Bundle]) -> None:
    made = bundle(make.environment("shrinks", make.role("a", 2, shares=(make.share("/x"),))))
    made.up()
    project = made.project
    make.write(made.folder, make.environment("shrinks", make.role("a")))
    assert made.run("down").returncode == 0
    assert not made.left(project)


def test_two_copies_side_by_side(bundle: Callable[..., Bundle]) -> None:
    one, two = bundle(web(), "one"), bundle(web(), "two")
    one.up()
    taken = two.run("up")
    assert taken.returncode == 1
    assert "--port PORT=OTHER" in taken.stderr
    two.up("--port", "18090=18091")
    assert one.project != two.project
    assert "127.0.0.1:18090->80" in one.run("status").stdout
    assert "127.0.0.1:18091->80" in two.run("status").stdout
    assert one.ssh("server", "cat /run/nxcc/secrets/token") != two.ssh("server", "cat /run/nxcc/secrets/token")
    # Moved until `down`, not only for one command.
    container = two.container("server")
    two.up()
    assert two.container("server") == container
    # Nobody takes over the nodes of another.
    for command in ("up", "down"):
        taken_over = two.run(command, "--project", one.project)
        assert taken_over.returncode == 2
        assert "belongs to" in taken_over.stderr
    assert two.run("down").returncode == 0
    assert one.ssh("server", "hostname") == "server"


def test_a_node_that_does_not_become_ready_is_named(bundle: Callable[..., Bundle]) -> None:
    made = bundle(
        make.environment(
            "stuck",
            make.role("good"),
            make.role("bad", ready=(make.ready("port", "81"), make.ready("command", "true"))),
            make.role("later", after=(make.after("bad"),)),
        )
    )
    while not re.search(r"^good .*\(healthy\)", made.run("status").stdout, re.MULTILINE):
        assert made.run("up", "--timeout", "20").returncode == 1
    done = made.run("up", "--timeout", "5")
    assert done.returncode == 1
    assert "-- node bad: not ready within 5 s" in done.stderr
    assert "not ready: nothing listens on port 81" in done.stderr
    assert "-- node later" in done.stderr
    assert "not started: it comes after nodes that are not ready" in done.stderr
    assert "-- node good" not in done.stderr
    # They are there to be looked at.
    assert made.ssh("bad", "hostname") == "bad"


def test_a_node_that_stops_is_named_at_once(bundle: Callable[..., Bundle]) -> None:
    made = bundle(
        make.environment("halts", make.role("broken", ready=(make.ready("command", "systemctl exit 3; false"),)))
    )
    started = time.monotonic()
    done = made.run("up", "--timeout", "600")
    assert time.monotonic() - started < 300
    assert done.returncode == 1
    assert "-- node broken: failed" in done.stderr


def test_without_conditions_a_failed_unit_is_no_obstacle(bundle: Callable[..., Bundle]) -> None:
    made = bundle(make.environment("degraded", make.role("broken")))
    made.up()
    assert made.run("ssh", "broken", "systemctl is-system-running").stdout == "degraded\n"


def test_links_are_refused_where_the_kernel_cannot_shape_them(bundle: Callable[..., Bundle]) -> None:
    made = bundle(
        make.environment("shaped", make.role("a"), make.role("b"), links=(make.link("a", "b", delay=10, loss=1),))
    )
    before = subprocess.run(["ip", "link"], capture_output=True, check=True).stdout
    done = made.run("up")
    if "this kernel has no netem" not in done.stderr:
        # Where there is netem, the nodes are up; what the links do then is measured elsewhere.
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 2
    assert "--ignore-links" in done.stderr
    assert subprocess.run(["ip", "link"], capture_output=True, check=True).stdout == before
    assert "links are not checked" in made.up("--ignore-links").stderr
    added = made.engine.docker("inspect", "--format", "{{.HostConfig.CapAdd}}", made.container("a"))
    assert "NET_ADMIN" in added
    assert "NET_ADMIN" not in made.engine.docker("inspect", "--format", "{{.HostConfig.CapAdd}}", made.container("b"))


def test_secrets_from_files(bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    given = tmp_path / "it's a $secret"
    made = bundle(
        make.environment(
            "files",
            make.role("a", secrets=("given", "key")),
            secrets=(make.secret("given", "file", str(given)), make.secret("key", "ssh-key")),
        )
    )
    lacking = made.run("up")
    assert lacking.returncode == 2
    assert f"secret given: cannot read {given}; name it with --secret given=FILE" in lacking.stderr
    given.write_bytes(b"\x00binary\r\n$x")
    made.up()
    kept = made.state / "docker/secrets/given"
    assert kept.read_bytes() == given.read_bytes()
    digest = hashlib.sha256(given.read_bytes()).hexdigest()
    for folder in ("/run/nxcc/secrets", "/run/nxcc/host/secrets"):
        assert made.ssh("a", f"sha256sum {folder}/given").split()[0] == digest
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("other")
    made.up("--secret", f"given={elsewhere}")
    assert kept.read_text() == "other"
    given.unlink()
    assert "the copy of the last time is used" in made.up().stderr


def test_a_key_from_a_file(bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    """Its public half is made of it where it is not beside it."""
    key = tmp_path / "key"
    subprocess.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    public = key.with_name("key.pub").read_text().split()[:2]
    key.with_name("key.pub").unlink()
    made = bundle(
        make.environment("keys", make.role("a", secrets=("k",)), secrets=(make.secret("k", "ssh-key", str(key)),))
    )
    made.up()
    assert made.ssh("a", "cat /run/nxcc/secrets/k.pub").split()[:2] == public
    assert made.ssh("a", "cat /run/nxcc/secrets/k") + "\n" == key.read_text()


def test_an_interrupted_up_can_be_run_again(bundle: Callable[..., Bundle]) -> None:
    made = bundle(make.environment("again", make.role("server", ready=(make.ready("port", "80"),)), make.role("b")))
    command = [str(made.script), "up"]
    started = subprocess.Popen(command, env={**made.engine.environment(), **made.images}, stderr=subprocess.DEVNULL)
    project = made.state / "docker" / "project"
    while not (project.exists() and project.read_text() and made.left(made.project)):
        assert started.poll() is None
        time.sleep(0.1)
    started.terminate()
    assert started.wait(timeout=300) == 143
    assert not list((made.state / "docker").glob("lock*"))
    made.up()


def test_two_at_once_are_refused(bundle: Callable[..., Bundle]) -> None:
    made = bundle(make.environment("locked", make.role("a")))
    own = made.state / "docker"
    own.mkdir(parents=True)
    lock = own / f"lock.{os.getpid()}.1.{os.uname().nodename}"
    lock.touch()
    done = made.run("up")
    assert done.returncode == 2
    assert f"process {os.getpid()}" in done.stderr
    gone = subprocess.Popen(["true"])
    gone.wait()
    lock.rename(own / f"lock.{gone.pid}.1.{os.uname().nodename}")
    assert made.run("down").returncode == 0
    assert not list(own.glob("lock*"))


def toy(bundle: Bundle, store: str, tmp_path: Path, says: str = "a system") -> None:
    """Gives the bundle a default.nix whose `docker` is built by the real Nix in a second."""
    need("nix-build")
    archive = tmp_path / "archive.tar"
    if store == "image":
        image = "nxcc-test/toy-a:0123456789abcdef"
        empty = subprocess.run(["tar", "-cf", "-", "-T", "/dev/null"], capture_output=True, check=True).stdout
        subprocess.run(["docker", "import", "-", image], input=empty, env=bundle.engine.environment(), check=True)
        bundle.engine.docker("save", "-o", str(archive), image)
        bundle.engine.docker("rmi", image)
    else:
        archive.touch()
    arguments = f'store = "{store}"; busybox = {shutil.which("busybox")}; archive = {archive}; says = "{says}";'
    (bundle.folder / "default.nix").write_text(f"import {HERE}/default.nix {{ {arguments} }}\n")
    bundle.images.clear()


def test_build_load_and_pack(bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    need("busybox")
    made = bundle(make.environment("toy", make.role("a")))
    toy(made, "image", tmp_path)
    image = "nxcc-test/toy-a:0123456789abcdef"
    assert "nothing was built yet" in made.run("up", "--no-build").stderr
    built = made.run("build")
    assert built.returncode == 0, built.stderr
    own = made.state / "docker"
    assert (own / "images/a.tar").is_file()
    assert not (own / "images/a.tar").is_symlink()
    assert made.run("load").returncode == 0
    assert made.run("compose", "config", "--images").stdout.strip() == image
    assert made.engine.docker("image", "ls", "-q", image)
    assert made.engine.docker("image", "ls", "-q", "nxcc-test/toy-a:latest")
    assert made.run("pack", str(tmp_path / "packed.tar")).returncode == 0
    down = made.run("down", "--all")
    assert down.returncode == 0
    assert not made.engine.docker("image", "ls", "-q", image), down.stderr
    # On a machine without Nix.
    there = tmp_path / "there"
    there.mkdir()
    subprocess.run(["tar", "-C", there, "-xf", tmp_path / "packed.tar"], check=True)
    made.script = there / "bundle/docker/run"
    programs = tmp_path / "programs"
    programs.mkdir()
    for folder in ("/usr/bin", "/bin", "/usr/local/bin"):
        for program in Path(folder).iterdir():
            if program.name != "nix-build" and not (programs / program.name).exists():
                (programs / program.name).symlink_to(program)
    loaded = made.run("load", PATH=str(programs))
    assert loaded.returncode == 0, loaded.stderr
    assert made.engine.docker("image", "ls", "-q", image)
    # The image is empty, so its node cannot start; but nothing wants Nix.
    up = made.run("up", PATH=str(programs))
    assert up.returncode == 1
    assert "nix-build" not in up.stderr
    (there / "bundle/manifest.json").write_text("{}")
    stale = made.run("up", PATH=str(programs))
    assert stale.returncode == 2
    assert "another version of this bundle" in stale.stderr
    assert made.run("down", "--all").returncode == 0


def test_the_hosts_store(bundle: Callable[..., Bundle], tmp_path: Path, engine: Engine) -> None:
    """The node's files are this machine's /nix/store, its init the toplevel's, both read-only."""
    need("busybox")
    made = bundle(
        make.environment(
            "hosted",
            make.role("a", ready=(make.ready("command", "test -e /run/booted"),), secrets=("token",)),
            secrets=(make.secret("token"),),
            settings=(make.settings(store="host"),),
        )
    )
    toy(made, "host", tmp_path)
    made.up()
    assert made.ssh("a", "cat /run/booted") == "a system"
    assert made.ssh("a", "readlink -f /sbin/init; cat /run/nxcc/host/secrets/token | wc -c") == "/nxcc/system/init\n43"
    for place in ("/nix/store/x", "/nxcc/system/x"):
        assert "Read-only file system" in made.run("ssh", "a", f"touch {place}").stderr
    container = made.container("a")
    made.up()
    assert made.container("a") == container
    # A link below the state keeps the systems from being collected.
    assert os.readlink(made.state / "docker/result").startswith("/nix/store/")
    assert made.run("pack").returncode == 2
    assert int(engine.docker("image", "inspect", "--format", "{{.Size}}", "nxcc/base:1")) < 1024
    # Another version of the bundle: built again by `up`, and its nodes are made anew.
    toy(made, "host", tmp_path, "another system")
    (made.folder / "manifest.json").write_text("{}")
    made.up()
    assert made.container("a") != container
    assert made.ssh("a", "cat /run/booted") == "another system"
