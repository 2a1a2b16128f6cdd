"""The stand-ins themselves: what the real programs take and refuse, literally."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from grid5000 import descriptions, oar
from grid5000.frontend import Frontend

GOOD: dict[str, Any] = {
    "name": "lab",
    "version": 1,
    "description": "é",
    "author": "alice",
    "visibility": "private",
    "destructive": False,
    "os": "linux",
    "image": {"file": "/home/alice/lab.tar.xz", "kind": "tar", "compression": "xz"},
    "postinstalls": [
        {"archive": "server:///p.tgz", "compression": "gzip", "script": "g5k-postinstall --net none --disk-aliases"}
    ],
    "boot": {"kernel": "/nxcc/a/kernel", "initrd": "/nxcc/a/initrd", "kernel_params": "init=/nxcc/a/init"},
    "filesystem": "ext4",
    "partition_type": 131,
    "multipart": False,
}


CLUSTERS: dict[str, dict[str, Any]] = {
    "dahu": {"nodes": 4},
    "yeti": {"nodes": 2, "exotic": True},
    "kinovis": {"nodes": 1, "queue": "production"},
}


@pytest.fixture
def grenoble(tmp_path: Path) -> Frontend:
    return Frontend(tmp_path / "site", CLUSTERS)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Frontend:
    """A site that tests of refusals share."""
    return Frontend(tmp_path_factory.mktemp("g5k") / "site", CLUSTERS)


@pytest.fixture(scope="module")
def reserved(tmp_path_factory: pytest.TempPathFactory) -> Frontend:
    """The same with a deploy job on two nodes."""
    site = Frontend(tmp_path_factory.mktemp("g5k") / "site", CLUSTERS)
    deployable(site)
    return site


def changed(**changes: Any) -> dict[str, Any]:
    data = {**GOOD, **{key: value for key, value in changes.items() if value is not ...}}
    return {key: value for key, value in data.items() if changes.get(key) is not ...}


# Each text is what Kadeploy 3.3.11's own parser says.
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (changed(os=...), "Error[environment description] The field is mandatory [field: os]"),
        (changed(version="1"), "The field should have the type Integer [field: version]"),
        (changed(version=True), "The field should have the type Integer [field: version]"),
        (changed(multipart="no"), "The field should have the type [TrueClass, FalseClass] [field: multipart]"),
        (changed(postinstalls={}), "The field should have the type Array [field: postinstalls]"),
        (changed(image="x.tar"), "The field should have the type Hash [field: image]"),
        (
            changed(image={**GOOD["image"], "compression": "zstd"}),
            "Invalid value 'zstd', allowed values are: 'gzip', 'bzip2' or 'xz' [field: image/compression]",
        ),
        (
            changed(visibility="all"),
            "Invalid value 'all', allowed values are: 'public', 'private' or 'shared' [field: visibility]",
        ),
        ([GOOD], "The field has to be a Hash [field: name]"),
        (changed(boot=...), "The field 'kernel' is mandatory for OS linux with the 'tar' image kind"),
        (changed(filesystem=...), "The field 'filesystem' is mandatory for OS linux with the 'tar' image kind"),
        (changed(postinstalls=[{"archive": "x"}]), "The field is mandatory [field: postinstalls/0/compression]"),
        (changed(partition_type="83"), "The field should have the type Integer [field: partition_type]"),
    ],
)
def test_descriptions_are_refused(data: Any, said: str) -> None:
    with pytest.raises(descriptions.Refused) as refused:
        descriptions.check(data)
    assert str(refused.value).startswith("Invalid environment specification (error #7)\n")
    assert said in str(refused.value)


def test_unknown_fields_are_warned_about() -> None:
    facts, warnings = descriptions.check(changed(arch="x86_64", author=None, custom_variables={"A": "1"}))
    assert facts["kernel_params"] == "init=/nxcc/a/init"
    assert warnings == [
        "Warning[env_desc]: Unused field 'author'",
        "Warning[env_desc]: Unused field 'arch'",
        "Warning[env_desc]: Unused field 'custom_variables/A'",
    ]


def test_the_newer_kadeploy_takes_zstd_and_arch() -> None:
    data = changed(arch="x86_64", alias="x", custom_variables={}, image={**GOOD["image"], "compression": "zstd"})
    facts, warnings = descriptions.check(data, newer=True)
    assert (facts["image"]["compression"], warnings) == ("zstd", [])


def test_json_and_broken_yaml_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(json.dumps(GOOD))
    with pytest.raises(descriptions.Refused, match="should be in plain text format"):
        descriptions.load(str(tmp_path / "a.yaml"))
    (tmp_path / "b.yaml").write_text("name: [x\n")
    with pytest.raises(descriptions.Refused, match="Invalid YAML file"):
        descriptions.load(str(tmp_path / "b.yaml"))


@pytest.mark.parametrize(
    ("text", "groups", "walltime"),
    [
        (
            "{cluster='A'}/host=1+{cluster='B'}/host=2,walltime=1:00:00",
            [("cluster='A'", [("host", 1)]), ("cluster='B'", [("host", 2)])],
            3600,
        ),
        ("/nodes=2,walltime=2", [("", [("host", 2)])], 7200),
        ("{cluster in ('a','b')}/host=ALL,walltime=0:30", [("cluster in ('a','b')", [("host", -1)])], 1800),
        ("host=1,walltime=1:00:00:00", [("", [("host", 1)])], 3600),
        ("cluster=1/host=2", [("", [("cluster", 1), ("host", 2)])], None),
    ],
)
def test_resources(text: str, groups: list[Any], walltime: int | None) -> None:
    found, seconds = oar.parse_resources(text)
    assert [(group.sql, group.resources) for group in found] == groups
    assert seconds == walltime


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["-l", "host=two", "sleep 1"], 18, "/!\\ Cannot recognize the resource description : host=two"),
        (["-l", "host=1,walltime=1h", "sleep 1"], 18, "/!\\ Cannot recognize"),
        (["-l", "host=0", "sleep 1"], 99, "hangs"),
        (["-l", "{cluster='dahu'}/host=5,walltime=1", "sleep 1"], 251, "There are not enough resources"),
        (["-l", "{cluster=dahu}/host=1", "sleep 1"], 251, "Bad resource request"),
        (["-l", "{cluster='yeti'}/host=1", "sleep 1"], 251, "There are not enough resources"),
        (["-l", "{cluster='kinovis'}/host=1", "sleep 1"], 251, "There are not enough resources"),
        (["-t", "deplyo", "-l", "host=1", "sleep 1"], 254, "unknown job type: deplyo"),
        (["-t", "deploy", "-l", "core=1", "sleep 1"], 254, "'core' resource is not allowed with a deploy job"),
        (["-q", "fast", "-l", "host=1", "sleep 1"], 8, "queue"),
        (["-r", "tomorrow", "-l", "host=1"], 7, "syntax error in <start date>"),
        (["-t", "besteffort", "-r", "now", "-l", "host=1"], 254, "cannot both be of type besteffort"),
        (["-l", "host=1"], 5, "Usage"),
        (["--walltime", "1", "-l", "host=1", "sleep 1"], 1, "Unknown option"),
    ],
)
def test_oarsub_refuses(untouched: Frontend, arguments: list[str], status: int, said: str) -> None:
    done = untouched.run(["oarsub", *arguments])
    assert done.returncode == status, done.stderr
    assert said in done.stderr + done.stdout
    assert not untouched.site.jobs()


def test_a_job_from_waiting_to_its_end(grenoble: Frontend) -> None:
    grenoble.scenario(waits=100)
    done = grenoble.run(
        ["oarsub", "-t", "exotic", "-t", "deploy", "-n", "x", "-l", "{cluster='yeti'}/host=2,walltime=1", "sleep 1d"]
    )
    assert done.stdout == "OAR_JOB_ID=2101234\n"
    assert grenoble.run(["oarstat", "-s", "-j", "2101234"]).stdout == "2101234: Waiting\n"
    grenoble.scenario()
    told = json.loads(grenoble.run(["oarstat", "-fJj", "2101234"]).stdout)["2101234"]
    assert (told["state"], told["walltime"]) == ("Running", 3600)
    assert sorted(told["assigned_network_address"]) == ["yeti-1.grenoble.grid5000.fr", "yeti-2.grenoble.grid5000.fr"]
    grenoble.scenario(ends_after=0)
    assert grenoble.run(["oarstat", "-s", "-j", "2101234"]).stdout == "2101234: Terminated\n"
    assert grenoble.run(["oardel", "2101234"]).returncode == 6
    grenoble.scenario(fails_to_start=True)
    grenoble.run(["oarsub", "-l", "host=1", "sleep 1"])
    assert grenoble.run(["oarstat", "-s", "-j", "2101235"]).stdout == "2101235: Error\n"


def test_oarprint_tells_clusters(grenoble: Frontend) -> None:
    grenoble.run(["oarsub", "-l", "{cluster='dahu'}/host=2", "sleep 1d"])
    done = grenoble.run(["oarprint", "host", "-P", "host,cluster", "-F", "% %"], **grenoble.job(2101234))
    assert sorted(done.stdout.split("\n")) == ["", *(f"dahu-{n}.grenoble.grid5000.fr dahu" for n in (3, 4))]


def image(
    path: Path, links: dict[str, str], files: tuple[str, ...] = ("nix/store/k/bzImage", "nix/store/i/initrd")
) -> None:
    with tarfile.open(path, "w:xz") as archive:
        for name, target in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
        for name in files:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())


LINKS = {"nxcc/a/kernel": "/nix/store/k/bzImage", "nxcc/a/initrd": "/nix/store/i/initrd"}


def deployable(frontend: Frontend, **changes: Any) -> None:
    """A description and an image in the home, and a deploy job on two nodes."""
    frontend.run(["oarsub", "-t", "deploy", "-l", "{cluster='dahu'}/host=2,walltime=1", "sleep 1d"])
    image(frontend.home / "lab.tar.xz", LINKS)
    place = {**GOOD["image"], "file": str(frontend.home / "lab.tar.xz")}
    (frontend.home / "a.yaml").write_text(yaml.safe_dump(changed(image=place, **changes), allow_unicode=True))
    (frontend.home / "nodes").write_text("dahu-3.grenoble.grid5000.fr\ndahu-4.grenoble.grid5000.fr\n")


DEPLOY = "kadeploy3 -a a.yaml -f nodes -k .ssh/id_ed25519.pub -o ok -n ko".split()


def test_a_deployment_with_one_node_that_fails_once(grenoble: Frontend) -> None:
    deployable(grenoble)
    grenoble.scenario(ko={"dahu-4.grenoble.grid5000.fr": 1})
    done = grenoble.run(DEPLOY)
    assert done.returncode == 0
    assert "The deployment failed on nodes\ndahu-4.grenoble.grid5000.fr (" in done.stdout
    assert (grenoble.home / "ko").read_text() == "dahu-4.grenoble.grid5000.fr\n"
    assert (grenoble.home / "ok").read_text() == "dahu-3.grenoble.grid5000.fr\n"
    again = grenoble.run([*DEPLOY[:4], "ko", *DEPLOY[5:9], "-n", "ko2"])
    assert again.stdout.endswith("The deployment is successful on nodes\ndahu-4.grenoble.grid5000.fr\n")
    assert (grenoble.home / "ko2").read_text() == ""
    words = [
        "-o",
        "StrictHostKeyChecking=accept-new",
        "root@dahu-4.grenoble.grid5000.fr",
        "hostname; cat /proc/cmdline",
    ]
    told = grenoble.run(["ssh", *words])
    assert told.stdout == "dahu-4\ninit=/nxcc/a/init\n", told.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("kadeploy3 -a a.yaml", "No node is chosen"),
        ("kadeploy3 -f nodes", "You must choose an environment"),
        ("kadeploy3 -e none -f nodes", "The environment 'none' does not exist"),
        ("kadeploy3 -a a.yaml -f nodes -o x -n x", "cannot be the same"),
        ("kadeploy3 -a a.yaml -f nodes -k nokeys", "The file nokeys cannot be read"),
        ("kadeploy3 -a a.yaml -f nodes -p three", "invalid argument"),
        ("kadeploy3 -a a.yaml -m dahu-1.grenoble.grid5000.fr", "sufficient rights"),
        ("kadeploy3 -a a.yaml -m dahu-9.grenoble.grid5000.fr", "does not belongs to any server"),
        ("kadeploy3 -a a.yaml -f nodes --walltime 1", "Option parsing error"),
    ],
)
def test_kadeploy3_refuses(reserved: Frontend, words: str, said: str) -> None:
    done = reserved.run(words.split())
    assert done.returncode == 1
    assert said in done.stderr


@pytest.mark.parametrize(
    ("changes", "links", "said"),
    [
        ({"filesystem": "zfs"}, LINKS, "not supported"),
        ({}, {"nxcc/a/kernel": "/nix/store/none"}, "kernel file /nxcc/a/kernel not found in tarball"),
        ({}, {"nxcc/a": "/nix/store/k"}, "kernel file /nxcc/a/kernel not found in tarball"),
        ({}, {"nxcc/a/kernel": "/nix/store/k/bzImage"}, "initrd file /nxcc/a/initrd not found in tarball"),
        ({"image": {**GOOD["image"], "file": "file:/x"}}, LINKS, "unknown protocol file"),
        ({"image": {**GOOD["image"], "file": "/none.tar.xz"}}, LINKS, "Cannot read file '/none.tar.xz'"),
    ],
)
def test_images_that_cannot_be_deployed(reserved: Frontend, changes: Any, links: dict[str, str], said: str) -> None:
    place = {**GOOD["image"], "file": str(reserved.home / "bad.tar.xz")}
    (reserved.home / "bad.yaml").write_text(yaml.safe_dump(changed(**{"image": place, **changes})))
    image(reserved.home / "bad.tar.xz", links)
    done = reserved.run(["kadeploy3", "-a", "bad.yaml", *DEPLOY[3:]])
    assert said in done.stdout + done.stderr


def test_recorded_environments(grenoble: Frontend) -> None:
    deployable(grenoble)
    assert grenoble.run(["kaenv3", "-a", "a.yaml"]).returncode == 0
    assert "already exists" in grenoble.run(["kaenv3", "-a", "a.yaml"]).stderr
    assert "lab" in grenoble.run(["kaenv3", "-l", "lab"]).stdout
    assert grenoble.run("kadeploy3 -e lab -f nodes -k .ssh/id_ed25519.pub".split()).returncode == 0
    assert grenoble.run(["kaenv3", "-d", "lab"]).returncode == 0
    assert grenoble.run(["kaenv3", "-d", "lab"]).returncode == 1
    boot = {**GOOD["boot"], "kernel_params": "x" * 256}
    place = {**GOOD["image"], "file": str(grenoble.home / "lab.tar.xz")}
    (grenoble.home / "a.yaml").write_text(yaml.safe_dump(changed(boot=boot, image=place)))
    assert "Data too long for column 'kernel_params'" in grenoble.run(["kaenv3", "-a", "a.yaml"]).stderr


def test_a_standard_node_and_its_sudo(grenoble: Frontend) -> None:
    ssh = ["ssh", "-o", "StrictHostKeyChecking=accept-new", "-o", "LogLevel=ERROR"]
    told = grenoble.run([*ssh, "dahu-1.grenoble.grid5000.fr", "sudo-g5k true"])
    assert "not entirely reserved" in told.stderr
    grenoble.run(["oarsub", "-l", "{cluster='dahu'}/host=4,walltime=1", "sleep 1d"])
    key = (grenoble.home / ".ssh" / "id_ed25519.pub").read_text()
    assert grenoble.run([*ssh, "root@dahu-1.grenoble.grid5000.fr", "true"]).returncode == 255
    words = [*ssh, "dahu-1.grenoble.grid5000.fr", "cat | sudo-g5k sh -c 'tee -a ~/.ssh/authorized_keys'"]
    assert grenoble.run(words, stdin=key).returncode == 0
    assert grenoble.run([*ssh, "root@dahu-1.grenoble.grid5000.fr", "true"]).returncode == 0


def test_nothing_that_is_mounted_in_a_node_is_removed_with_it(grenoble: Frontend, tmp_path: Path) -> None:
    """A node that is booted anew is removed first: what somebody mounted there would be emptied."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("precious")
    node = Path(grenoble.site.node("dahu-1.grenoble.grid5000.fr"))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from grid5000.nodes import boot\nfrom grid5000.site import Site\n"
        "boot(Site(sys.argv[2]), 'dahu-1.grenoble.grid5000.fr', 'standard')\n"
    )
    script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    unshare = ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else [])]
    python = [sys.executable, "-I", "-S", "-c", code, str(Path(__file__).parent.parent), str(grenoble.folder)]
    done = grenoble.run([*unshare, "sh", "-c", script, "sh", str(kept), str(node / "root"), *python])
    assert done.returncode == 1
    assert "something is mounted below" in done.stderr
    assert (kept / "file").read_text() == "precious"


def test_a_node_that_jumps_is_booted_from_outside(grenoble: Frontend) -> None:
    """Inside its namespace a node removes nothing: it notes the jump, and the next connection boots it."""
    host = "dahu-1.grenoble.grid5000.fr"
    grenoble.run(["oarsub", "-l", "{cluster='dahu'}/host=4,walltime=1", "sleep 1d"])
    ssh = ["ssh", "-o", "StrictHostKeyChecking=accept-new", "-o", "LogLevel=ERROR", host]
    before = grenoble.run([*ssh, "cat /proc/sys/kernel/random/boot_id"]).stdout
    key = (grenoble.home / ".ssh" / "id_ed25519.pub").read_text().split()[1]
    loading = f"cd /dev/shm && : >k && : >i && kexec -l k --initrd=i --append='nxcc.key={key}' && systemctl kexec"
    done = grenoble.run([*ssh, f'sudo-g5k sh -c "{loading}"'])
    assert done.returncode == 0, done.stderr
    node = grenoble.folder / "nodes" / host
    assert (node / "jump").exists()
    (grenoble.home / ".ssh" / "known_hosts").unlink()
    after = grenoble.run([*ssh[:-1], f"root@{host}", "cat /proc/sys/kernel/random/boot_id"]).stdout
    assert before
    assert after
    assert before != after
