"""The flavours vm and vm-ramdisk: what they write, and what `run` says before a machine runs. Real ones: tests/vm/."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

import docker_environments as make
import pytest
from tools import need

from nxcc.compiler import check_file
from nxcc.flavours import find
from nxcc.flavours.machines import Sizes, sizes, waits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from nxcc.model.environment import Environment

MIB = 1 << 20
GIB = 1 << 30
BOTH = ("vm", "vm-ramdisk")


def plan(made: Environment, flavour: str = "vm-ramdisk") -> dict[str, str]:
    found = find(flavour)
    assert found
    return {file.path: file.content.decode() for file in found.plan(made)}


def write(bundle: Path, made: Environment, flavour: str = "vm-ramdisk") -> Path:
    """Write a flavour's files below ``bundle``; gives the path of its folder."""
    found = find(flavour)
    assert found
    for file in found.plan(made):
        path = bundle / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        os.chmod(path, 0o755 if file.executable else 0o644)
    return bundle / flavour


def result(folder: Path, *roles: str, parameters: str = "init=/x console=ttyS0", initrd: int = 1) -> Path:
    """A build of these roles: one pair, the initrd with ``initrd`` MiB."""
    pair = folder / "pairs/1"
    pair.mkdir(parents=True)
    (pair / "kernel").write_bytes(b"kernel")
    with (pair / "initrd").open("wb") as file:
        file.truncate(initrd * MIB)
    for role in roles:
        place = folder / "roles" / role
        place.mkdir(parents=True)
        (place / "cmdline").write_text(parameters + "\n")
        for name in ("kernel", "initrd"):
            (place / name).symlink_to(f"../../pairs/1/{name}")
    return folder


def run(script: Path, *arguments: str, shell: str = "sh", **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NXCC_")}
    command = [*shlex.split(shell), str(script), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**clean, **environment}, timeout=300
    )


def command_line(script: Path, **environment: str) -> list[str]:
    """The words of a node's command line, as a shell reads what --print shows."""
    done = run(script, "--print", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return shlex.split(done.stdout.replace("\\\n", " "))


def options(words: list[str], name: str) -> list[str]:
    return [words[index + 1] for index, word in enumerate(words) if word == name]


def programs(folder: Path, scripts: Mapping[str, str], without: tuple[str, ...] = ()) -> str:
    """A PATH with the machine's programs but some, and programs of the test's own in place of others.

    They stand for what cannot be made to happen here: another version of QEMU, a KVM that works, a Nix that builds.
    """
    folder.mkdir()
    for name, text in scripts.items():
        (folder / name).write_text("#!/bin/sh\n" + text)
        (folder / name).chmod(0o755)
    for place in ("/usr/bin", "/bin"):
        for name in os.listdir(place):
            if name not in without and not (folder / name).exists():
                (folder / name).symlink_to(os.path.join(place, name))
    return str(folder)


@pytest.fixture
def trio() -> Environment:
    return make.environment(
        "trio",
        make.role(
            "server",
            publish=(make.publish(18080, 80), make.publish(9000, 90, "0.0.0.0", "udp")),
            resources=(make.resources(2, 1500 * MIB, 10 * GIB),),
            secrets=("token",),
        ),
        make.role("agent", 2, after=(make.after("server"),), publish=(make.publish(2200, 22),)),
        subnet="10.0.0.0/16",
        secrets=(make.secret("token"), make.secret("unused")),
    )


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """The folder of a bundle whose path is difficult."""
    made = make.environment(
        "Odd",
        make.role("a", 2, secrets=("key",), publish=(make.publish(8080, 80),)),
        make.role("B"),
        secrets=(make.secret("key", "ssh-key"),),
    )
    return write(tmp_path / "it's, a $bundle", made)


# What is written


@pytest.mark.parametrize("flavour", BOTH)
def test_files(trio: Environment, flavour: str) -> None:
    found = find(flavour)
    assert found
    files = found.plan(trio)
    assert [(file.path.removeprefix(f"{flavour}/"), file.executable) for file in files] == [
        ("nodes", False),
        ("node/server.sh", True),
        ("node/agent1.sh", True),
        ("node/agent2.sh", True),
        ("run", True),
    ]
    assert plan(trio, flavour)[f"{flavour}/nodes"] == (
        "198.18.0.1 server server\n198.18.0.2 agent1 agent\n198.18.0.3 agent2 agent\n"
    )
    assert found.plan(trio) == files


def test_a_node_is_what_its_role_asks_for(trio: Environment, tmp_path: Path) -> None:
    folder = write(tmp_path / "trio", trio)
    build = str(result(tmp_path / "build", "server", "agent"))
    server = command_line(folder / "node/server.sh", NXCC_RESULT=build)
    assert (options(server, "-smp"), options(server, "-m")) == (["2"], ["1500"])
    assert options(server, "-append") == [
        "init=/x console=ttyS0 nxcc.node=server nxcc.net=02:00:00:00:00:01,198.18.0.1/16 no_timer_check"
    ]
    outside, nodes = options(server, "-netdev")
    assert "hostfwd=tcp:127.0.0.1:18080-:80,hostfwd=udp:0.0.0.0:9000-:90" in outside
    assert ",restrict=on," in outside
    # 10.0.2.0/24, which QEMU takes by itself, is part of the nodes' own network.
    assert ",net=192.168.77.0/24," in outside
    assert nodes.endswith(",id=nodes")
    # The order of the cards is that of their names in the node.
    assert [card.split(",")[1] for card in options(server, "-device") if "net" in card] == [
        "netdev=outside",
        "netdev=nodes",
    ]
    assert [disk.split(",")[0] for disk in options(server, "-blockdev")] == ["driver=qcow2"]
    assert "virtio-blk-pci,drive=disk,serial=nxcc-root" in options(server, "-device")

    agent = command_line(folder / "node/agent2.sh", NXCC_RESULT=build)
    assert (options(agent, "-smp"), options(agent, "-m"), options(agent, "-blockdev")) == (["1"], ["1024"], [])
    assert "hostfwd=tcp:127.0.0.1:2201-:22" in options(agent, "-netdev")[0]
    assert "-virtfs" not in agent
    write(tmp_path / "trio", trio, "vm")
    assert options(command_line(tmp_path / "trio/vm/node/agent2.sh"), "-virtfs") == [
        "local,path=/nix/store,mount_tag=nix-store,security_model=none,readonly=on,multidevs=remap"
    ]


def test_settings_hold_for_all_or_for_a_role(trio: Environment, tmp_path: Path) -> None:
    from nxcc.model.environment import Settings

    loose = Settings("vm", (("restrict", (False,), make.SPAN), ("accel", ("tcg",), make.SPAN)), make.SPAN)
    tight = Settings("vm", (("restrict", (True,), make.SPAN),), make.SPAN)
    roles = tuple(role._replace(settings=(tight,)) if role.name == "server" else role for role in trio.roles)
    files = plan(trio._replace(settings=(loose,), roles=roles), "vm")
    assert "restrict=on" in files["vm/node/server.sh"]
    assert "restrict=off" in files["vm/node/agent1.sh"]
    assert "accel_setting=tcg\n" in files["vm/run"]
    assert "restrict=on" in plan(trio._replace(settings=(loose,)), "vm-ramdisk")["vm-ramdisk/node/agent1.sh"]


def test_sizes() -> None:
    asked = (make.resources(1.5, GIB + 1), make.resources(None, None, 5)._replace(only=("vm",)))
    role = make.role("a", resources=(*asked, make.resources(4)._replace(only=("docker",))))
    assert sizes(role, "vm") == Sizes(2, 1025, 5)
    assert sizes(role, "vm-ramdisk") == Sizes(2, 1025, 0)
    assert sizes(make.role("b"), "vm") == Sizes(1, 0, 0)


def test_roles_wait_for_those_they_come_after_and_mount_from() -> None:
    role = make.role(
        "a",
        after=(make.after("b"), make.after("c")._replace(only=("docker",))),
        mounts=(make.mount("/x", "d", "/y"), make.mount("/z", "b", "/y"), make.mount("/w", "a", "/y")),
    )
    assert waits(role, "vm") == ["b", "d"]


def test_aarch64_has_a_machine_of_its_own(trio: Environment) -> None:
    nixpkgs = trio.nixpkgs._replace(system="aarch64-linux")
    text = plan(trio._replace(nixpkgs=nixpkgs))["vm-ramdisk/node/agent1.sh"]
    assert "qemu=qemu-system-aarch64" in text
    assert "-machine virt,gic-version=max" in text


@pytest.mark.parametrize("flavour", BOTH)
def test_what_cannot_be_honoured_is_said_at_its_line(flavour: str) -> None:
    source = (
        'environment lab\nnixpkgs "github:NixOS/nixpkgs" { system "riscv64-linux" }\n'
        "role a { publish [::1]:1:1; on docker { publish [::1]:2:2; resources { cpus 0.5 } } }\n"
        "role b { resources { cpus 0.25 }; publish 0.0.0.0:3:3 }\n"
    )
    found = check_file("env.nxc", flavours=(flavour,), source=source)
    said = [(d.code, d.span.source.position(d.span.start)[0], d.notes[0]) for d in found.diagnostics if d.span]
    assert sorted(said) == [
        ("NX0704", 2, f"{flavour} has machines for x86_64-linux and aarch64-linux"),
        ("NX0704", 3, "QEMU forwards ports of IPv4 addresses only"),
        ("NX0705", 4, "a machine has whole processors: this one gets 1"),
    ]


# The launch scripts by themselves


def test_shells_read_every_script(odd: Path, trio: Environment, tmp_path: Path) -> None:
    folders = [odd, *(write(tmp_path / "trio", trio, flavour) for flavour in BOTH)]
    scripts = [str(script) for folder in folders for script in (folder / "run", *sorted(folder.glob("node/*.sh")))]
    done = subprocess.run([need("shellcheck"), *scripts], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
    for script in scripts:
        for shell in ([need("dash")], [need("busybox"), "sh"]):
            assert subprocess.run([*shell, "-n", script], check=False).returncode == 0


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_print_shows_a_line_that_a_shell_reads(odd: Path, shell: str) -> None:
    need(shell.split()[0])
    done = run(odd / "node/a1.sh", "--print", shell=shell)
    assert done.returncode == 0, done.stderr
    words = shlex.split(done.stdout.replace("\\\n", " "))
    state = f"{odd.parent}.state/vm-ramdisk"
    assert words[0] == "qemu-system-x86_64"
    assert options(words, "-kernel") == [f"{state}/result/roles/a/kernel"]
    # Where options are values between commas, a comma of a path stands twice.
    nodes, host = options(words, "-fw_cfg")
    assert nodes == f"name=opt/nxcc/nodes,file={odd}/nodes".replace("it's,", "it's,,")
    assert host == f"name=opt/nxcc/host,file={state}/node/a1/host.tar".replace("it's,", "it's,,")
    assert not os.path.exists(state)


def test_the_state_says_what_was_chosen(odd: Path) -> None:
    state = odd.parents[1] / f"{odd.parent.name}.state/vm-ramdisk"
    (state / "node/a2").mkdir(parents=True)
    (state / "settings").write_text("accel=kvm cpu=host mac=0a:0b:0c key=AAAA network=dgram,x=y port_8081=9999\n")
    (state / "node/a2/settings").write_text("ssh_port=20022\n")
    words = command_line(odd / "node/a2.sh")
    outside, nodes = options(words, "-netdev")
    assert "hostfwd=tcp:127.0.0.1:20022-:22,hostfwd=tcp:127.0.0.1:9999-:80" in outside
    assert nodes == "dgram,x=y,id=nodes"
    assert options(words, "-accel") == ["kvm"]
    assert " nxcc.key=AAAA nxcc.net=02:0a:0b:0c:00:02,198.18.0.2/15" in options(words, "-append")[0]


@pytest.mark.parametrize(
    ("given", "initrd", "memory"),
    [(0, 1, 1024), (0, 256, 1024), (0, 300, 1112), (200, 52, 200), (200, 53, None)],
)
def test_memory_holds_the_ramdisk_twice(tmp_path: Path, given: int, initrd: int, memory: int | None) -> None:
    asked = (make.resources(None, given * MIB),) if given else ()
    folder = write(tmp_path / "b", make.environment("lab", make.role("a", resources=asked)))
    done = run(folder / "node/a.sh", "--memory", NXCC_RESULT=str(result(tmp_path / "build", "a", initrd=initrd)))
    if memory:
        assert (done.returncode, done.stdout) == (0, f"{memory}\n")
    else:
        assert done.returncode == 2
        assert done.stderr == (
            "vm-ramdisk/node/a.sh: 200 MiB of memory are too few for an initrd of 53 MiB: a needs 202\n"
        )


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("x" * 1979, "the kernel parameters are 2047 bytes, and 2046 at most reach it"),
        ("é" * 989 + "x", "the kernel parameters are 2047 bytes, and 2046 at most reach it"),
        ('x="y"', "a kernel parameter holds a quote, a dollar sign or a backslash"),
        ("x=$y", "a kernel parameter holds a quote, a dollar sign or a backslash"),
        ("x=\\y", "a kernel parameter holds a quote, a dollar sign or a backslash"),
    ],
)
def test_kernel_parameters_that_would_not_arrive(tmp_path: Path, parameters: str, said: str) -> None:
    folder = write(tmp_path / "b", make.environment("lab", make.role("a")))
    build = result(tmp_path / "build", "a", parameters=parameters)
    done = run(folder / "node/a.sh", NXCC_RESULT=str(build))
    assert done.returncode == 2
    assert said in done.stderr


def test_the_longest_kernel_parameters_that_arrive(tmp_path: Path) -> None:
    folder = write(tmp_path / "b", make.environment("lab", make.role("a")))
    build = result(tmp_path / "build", "a", parameters="x" * 1978)
    assert "not prepared" in run(folder / "node/a.sh", NXCC_RESULT=str(build)).stderr


def test_a_script_by_hand_wants_a_build_and_an_up(odd: Path, tmp_path: Path) -> None:
    assert "roles/a/kernel" in run(odd / "node/a1.sh").stderr
    build = result(tmp_path / "build", "a", "B")
    assert "not prepared: `run up` does that" in run(odd / "node/a1.sh", NXCC_RESULT=str(build)).stderr


# run


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_help_and_wrong_usage(odd: Path, shell: str) -> None:
    need(shell.split()[0])
    script = odd / "run"
    helped = run(script, "help", shell=shell)
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "console NODE" in helped.stdout
    for arguments, said in {
        (): "usage: run",
        ("nonsense",): "no command nonsense",
        ("--what", "up"): "no option --what",
        ("up", "--timeout", "soon"): "--timeout takes seconds",
        ("down", "--grace", "x"): "--grace takes seconds",
        ("up", "--timeout"): "--timeout needs a value",
        ("up", "--accel", "xen"): "--accel takes kvm or tcg",
        ("up", "--result", "/no/such"): "there is no folder /no/such",
        ("up", "--secret", "token=/x"): "no secret is called token",
        ("up", "--port", "1=2"): "port 1 is not published; these are: 8080 8081",
        ("up", "--port", "8080=x"): "--port takes PORT=OTHER",
        ("ssh",): "ssh NODE [COMMAND]",
        ("console",): "console NODE",
        ("ssh", "c"): "no node is called c; there are: a1 a2 B",
        ("fetch", "a1"): "fetch NODE:PATH",
        ("test",): "declares no test",
    }.items():
        done = run(script, *arguments, shell=shell)
        assert done.returncode == 2, arguments
        assert said in done.stderr
    done = run(script, "ssh", "a1", shell=shell)
    assert (done.returncode, done.stderr) == (1, "vm-ramdisk/run: a1 does not run: `run up a1` first\n")
    assert not odd.parent.with_name(f"{odd.parent.name}.state").exists()


def test_an_interrupted_compile_is_refused(odd: Path) -> None:
    from nxcc.bundle import JOURNAL

    (odd.parent / JOURNAL).touch()
    done = run(odd / "run", "status")
    assert done.returncode == 2
    assert "a compile of this bundle was interrupted" in done.stderr


def test_a_dry_run_prints_commands_and_makes_nothing(odd: Path, tmp_path: Path) -> None:
    for arguments, said in {
        ("build",): "-A vm-ramdisk --no-out-link",
        ("up",): "-name B",
        ("up", "a2"): "-name a2",
        ("pack",): "Odd-vm-ramdisk.tar",
        ("ssh", "a1", "uname"): "ssh -F",
        ("fetch", "a1:/etc/hosts"): "tar -C",
        ("down", "--all"): "rm -rf",
    }.items():
        done = run(odd / "run", "--dry-run", *arguments, PATH=os.environ["PATH"])
        assert done.returncode == 0, (arguments, done.stderr)
        assert said in done.stdout, arguments
        assert "-name a1" not in done.stdout or arguments == ("up",)
    moved = run(odd / "run", "--dry-run", "--port", "8080=9090", "up", PATH=os.environ["PATH"])
    assert "with port 8080 of this machine published at 9090" in moved.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == [odd.parent.name]


def test_what_is_missing_is_named(odd: Path, tmp_path: Path) -> None:
    build = str(result(tmp_path / "build", "a", "B"))
    for name, said in {
        "qemu-system-x86_64": "qemu-system-x86_64 is not installed (Debian, Ubuntu: qemu-system-x86;",
        "ssh-keygen": "ssh-keygen is not installed (OpenSSH",
    }.items():
        done = run(odd / "run", "up", NXCC_RESULT=build, PATH=programs(tmp_path / name, {}, (name,)))
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert said in done.stderr
    path = programs(tmp_path / "old", {"qemu-system-x86_64": "echo 'QEMU emulator version 4.1.1 (Debian)'\n"})
    assert "QEMU 4.1.1 is too old" in run(odd / "run", "up", NXCC_RESULT=build, PATH=path).stderr
    assert (
        "nix-build is not here" in run(odd / "run", "build", PATH=programs(tmp_path / "no", {}, ("nix-build",))).stderr
    )


def test_a_result_that_is_not_this_bundles(odd: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    half = result(tmp_path / "half", "a")
    no_initrd = result(tmp_path / "no-initrd", "a", "B")
    (no_initrd / "roles/B/initrd").unlink()
    for folder, said in {
        tmp_path / "empty": "it has no folder roles",
        half: "is no build of this bundle: it has no roles/B",
        no_initrd: "is no build of vm-ramdisk: it has no roles/B/initrd",
    }.items():
        done = run(odd / "run", "up", "--result", str(folder))
        assert done.returncode == 2
        assert said in done.stderr


def test_a_second_run_is_refused_and_a_dead_ones_lock_is_not(odd: Path) -> None:
    state = odd.parent.with_name(f"{odd.parent.name}.state") / "vm-ramdisk"
    state.mkdir(parents=True)
    lock = state / f"lock.{os.getpid()}.1.{os.uname().nodename}"
    lock.touch()
    done = run(odd / "run", "down")
    assert done.returncode == 2
    who = f"process {os.getpid()} on {os.uname().nodename}"
    assert f"another run is at work on this bundle ({who}); if it is gone, remove {lock}\n" in done.stderr
    assert list(state.glob("lock.*")) == [lock]
    lock.rename(state / f"lock.999999999.1.{os.uname().nodename}")
    done = run(odd / "run", "down")
    assert (done.returncode, done.stderr) == (0, "removing the lock of process 999999999, which is gone\n")
    assert not list(state.glob("lock.*"))


def test_another_process_with_the_number_of_a_node_is_left_alone(odd: Path) -> None:
    node = odd.parent.with_name(f"{odd.parent.name}.state") / "vm-ramdisk/node/a1"
    node.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as other:
        (node / "pid").write_text(f"{other.pid}\n")
        status = run(odd / "run", "status")
        assert [line.split()[:4] for line in status.stdout.splitlines()[1:2]] == [["a1", "a", "198.18.0.1", "killed"]]
        assert run(odd / "run", "down").returncode == 0
        assert other.poll() is None
        other.kill()
    assert not node.exists()


def test_build_copies_each_pair_once_and_keeps_the_links(odd: Path, tmp_path: Path) -> None:
    built = result(tmp_path / "store", "a", "B", "other")
    os.chmod(built / "pairs/1/kernel", 0o444)
    log = tmp_path / "log"
    path = programs(tmp_path / "bin", {"nix-build": f'echo "$*" >>{log}\necho {built}\n'}, ("nix-build",))
    assert run(odd / "run", "build", PATH=path).returncode == 0
    state = odd.parent.with_name(f"{odd.parent.name}.state") / "vm-ramdisk"
    assert log.read_text() == f"{odd.parent} -A vm-ramdisk --no-out-link\n"
    copied = {str(file.relative_to(state / "result")) for file in (state / "result").rglob("*") if file.is_file()}
    assert copied == {
        "pairs/1/kernel",
        "pairs/1/initrd",
        *(f"roles/{role}/{name}" for role in ("a", "B") for name in ("kernel", "initrd", "cmdline")),
    }
    assert os.readlink(state / "result/roles/B/kernel") == "../../pairs/1/kernel"
    assert not (state / "result/pairs/1/kernel").is_symlink()
    first = (state / "result/pairs/1/initrd").stat().st_ino
    again = run(odd / "run", "build", PATH=path)
    assert (again.returncode, (state / "result/pairs/1/initrd").stat().st_ino) == (0, first)

    packed = tmp_path / "packed.tar"
    assert run(odd / "run", "pack", str(packed), PATH=path).returncode == 0
    assert len(log.read_text().splitlines()) == 2, "pack takes what was built"
    (tmp_path / "elsewhere").mkdir()
    subprocess.run(["tar", "-C", str(tmp_path / "elsewhere"), "-xf", str(packed)], check=True)
    other = tmp_path / "elsewhere" / odd.parent.name / "vm-ramdisk/node/a1.sh"
    assert run(other, "--memory").stdout == "1024\n"


def test_vm_keeps_a_link_to_the_store_and_is_not_packed(tmp_path: Path) -> None:
    folder = write(tmp_path / "b", make.environment("lab", make.role("a")), "vm")
    built = result(tmp_path / "store", "a")
    path = programs(tmp_path / "bin", {"nix-build": f'ln -sfn {built} "$5"\n'}, ("nix-build",))
    done = run(folder / "run", "build", PATH=path)
    assert done.returncode == 0, done.stderr
    assert os.readlink(tmp_path / "b.state/vm/result") == str(built)
    packed = run(folder / "run", "pack")
    assert packed.returncode == 2
    assert "nothing to pack; vm-ramdisk can be packed" in packed.stderr


# QEMU's answers that no QEMU here gives

STUB = """\
case "$*" in
--version) echo "QEMU emulator version {version}" ;;
*panic=-1*) {kvm} ;;
*) echo "$*" >>{log}; echo "qemu-system-x86_64: it is a stub" >&2; exit 1 ;;
esac
"""


def up_with(folder: Path, tmp_path: Path, version: str, kvm: str = "exit 0", again: bool = False) -> tuple[str, str]:
    """What `run up` says, and the command line of the machine that it starts, with a QEMU that only notes it."""
    log = tmp_path / "log"
    log.unlink(missing_ok=True)
    stub = STUB.format(version=version, kvm=kvm, log=log)
    if not again:
        path = programs(tmp_path / "bin", {"qemu-system-x86_64": stub, "uname": "echo x86_64\n"})
        result(tmp_path / "build", "a")
    else:
        path = str(tmp_path / "bin")
        (tmp_path / "bin/qemu-system-x86_64").write_text("#!/bin/sh\n" + stub)
    done = run(folder / "run", "up", "--result", str(tmp_path / "build"), PATH=path)
    assert done.returncode == 1
    assert "QEMU does not start: it is a stub" in done.stderr
    return done.stderr, log.read_text().splitlines()[0]


@pytest.fixture
def single(tmp_path: Path) -> Iterator[Path]:
    yield (folder := write(tmp_path / "b", make.environment("lab", make.role("a"))))
    # The folder of its sockets lies elsewhere.
    assert run(folder / "run", "down").returncode == 0


def test_the_network_follows_qemus_version_and_stays_what_it_was(single: Path, tmp_path: Path) -> None:
    _, old = up_with(single, tmp_path, "7.1.93")
    _, new = up_with(single, tmp_path, "7.2.0 (Debian 1:7.2+dfsg-7)", again=True)
    group, port, mac = (tmp_path / "b.state/vm-ramdisk/network").read_text().split()
    assert f"-netdev socket,mcast={group}:{port},localaddr=127.0.0.1,id=nodes" in old
    assert (
        f"-netdev dgram,remote.type=inet,remote.host={group},remote.port={port},"
        "local.type=inet,local.host=127.0.0.1,local.port=0,id=nodes"
    ) in new
    assert f"mac=02:{mac}:00:01" in old
    assert f"mac=02:{mac}:00:01" in new


def test_two_bundles_choose_networks_of_their_own(tmp_path: Path) -> None:
    made = make.environment("lab", make.role("a"))
    chosen = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        up_with(write(tmp_path / name / "b", made), tmp_path / name, "9.0.0")
        chosen.add(tuple((tmp_path / name / "b.state/vm-ramdisk/network").read_text().split()))
        assert run(tmp_path / name / "b/vm-ramdisk/run", "down").returncode == 0
    assert len({group for group, _, _ in chosen}) == len({mac for _, _, mac in chosen}) == 2


@pytest.mark.skipif(not os.access("/dev/kvm", os.R_OK | os.W_OK), reason="no /dev/kvm to open")
def test_kvm_is_tried_once_by_a_real_start(single: Path, tmp_path: Path) -> None:
    tried = tmp_path / "tried"
    said, line = up_with(single, tmp_path, "9.0.0", f"echo >>{tried}")
    assert "trying KVM" in said
    assert "-accel kvm -cpu host" in line
    said, line = up_with(single, tmp_path, "9.0.0", f"echo >>{tried}", again=True)
    assert "KVM" not in said
    assert "-accel kvm -cpu host" in line
    assert tried.read_text() == "\n"
    # Another QEMU may do better or worse.
    said, line = up_with(single, tmp_path, "9.1.0", "echo 'qemu-system-x86_64: error: no MSR' >&2; exit 1", again=True)
    assert "KVM does not work here (no MSR)" in said
    assert "-accel tcg,thread=multi,tb-size=128 -cpu max" in line
