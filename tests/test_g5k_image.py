"""What the g5k-image flavour writes and refuses at compile time. Its `run`: test_g5k_run.py."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import g5k_environments as make
import pytest
import yaml
from grid5000 import descriptions
from ruamel.yaml import YAML
from tools import need

from nxcc.compiler import compile_file

if TYPE_CHECKING:
    from pathlib import Path

    from nxcc.diagnostics.core import Diagnostic


def described(source: str, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """The descriptions of a source by role, as YAML 1.1 and 1.2 read them alike, checked as Kadeploy does."""
    compilation = make.compiled(source, tmp_path / "bundle")
    assert compilation.ok, compilation.diagnostics
    found = {}
    for file in compilation.files:
        if file.path.startswith("g5k-image/") and file.path.endswith(".yaml"):
            path = tmp_path / "description.yaml"
            path.write_bytes(file.content)
            data = descriptions.load(str(path))
            assert data == YAML(typ="safe", pure=True).load(file.content.decode())
            assert not flows(yaml.compose(file.content, Loader=yaml.SafeLoader))
            found[file.path.split("/")[1][: -len(".yaml")]] = data
    return found


def flows(node: Any) -> bool:
    """Whether a node of YAML, or one inside, is written in flow style."""
    if isinstance(node, yaml.MappingNode):
        return bool(node.flow_style) or any(flows(value) for _, value in node.value)
    return isinstance(node, yaml.SequenceNode) and (bool(node.flow_style) or any(map(flows, node.value)))


def refused(source: str, tmp_path: Path) -> list[Diagnostic]:
    compilation = make.compiled(source, tmp_path / "bundle")
    return [diagnostic for diagnostic in compilation.diagnostics if diagnostic.severity == "error"]


def line_of(diagnostic: Diagnostic) -> int:
    assert diagnostic.span
    return diagnostic.span.source.position(diagnostic.span.start)[0]


def test_a_description_a_role_complete_right_after_compile(tmp_path: Path) -> None:
    found = described(make.lab(), tmp_path)
    assert list(found) == ["server", "agent"]
    assert found["server"] == {
        "name": "lab-server",
        "version": 1,
        "description": "the server",
        "visibility": "private",
        "destructive": False,
        "os": "linux",
        "image": {"file": "lab.tar.xz", "kind": "tar", "compression": "xz"},
        "postinstalls": [
            {
                "archive": "server:///grid5000/postinstalls/g5k-postinstall.tgz",
                "compression": "gzip",
                "script": "g5k-postinstall --net none --disk-aliases",
            }
        ],
        "boot": {
            "kernel": "/nxcc/server/kernel",
            "initrd": "/nxcc/server/initrd",
            "kernel_params": "init=/nxcc/server/init systemd.unit=nxcc-provision.target mitigations=off",
        },
        "filesystem": "ext4",
        "partition_type": 131,
        "multipart": False,
    }
    facts, warnings = descriptions.check(found["server"])
    assert warnings == []
    assert facts["kernel_params"] == found["server"]["boot"]["kernel_params"]


def test_without_settings(tmp_path: Path) -> None:
    (data,) = described("environment one\nrole a", tmp_path).values()
    assert data["image"] == {"file": "one.tar.zst", "kind": "tar", "compression": "zstd"}
    assert descriptions.check(data, newer=True)[1] == []
    with pytest.raises(descriptions.Refused, match="zstd"):
        descriptions.check(data)


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("compression gzip", ("image", "compression"), "gzip"),
        ("compression bzip2", ("image", "file"), "lab.tar.bz2"),
        ("filesystem xfs", ("filesystem",), "xfs"),
        ('postinstall "g5k-postinstall --net nixos"', ("postinstalls", 0, "script"), "g5k-postinstall --net nixos"),
        ("postinstall none", ("postinstalls",), None),
        ('postinstall-archive "http://h.fr/a/p.tar.xz"', ("postinstalls", 0, "compression"), "xz"),
        ('image-folder "/home/alice/public"', ("image", "file"), "/home/alice/public/lab.tar.xz"),
        (
            'image-folder "/home/alice/public"; image-url "http://public.nancy.grid5000.fr/~alice/"',
            ("image", "file"),
            "http://public.nancy.grid5000.fr/~alice/lab.tar.xz",
        ),
        (
            'kernel-params "console=ttyS1", "a=b"',
            ("boot", "kernel_params"),
            "init=/nxcc/agent/init systemd.unit=nxcc-provision.target console=ttyS1 a=b",
        ),
    ],
)
def test_settings_of_descriptions(tmp_path: Path, setting: str, path: tuple[Any, ...], value: Any) -> None:
    source = make.lab().replace("compression xz", "")
    source = make.lab(setting) if "compression" not in setting else source.replace("90min; ", f"90min; {setting}")
    data: Any = described(source, tmp_path)["agent"]
    for step in path:
        data = data.get(step) if isinstance(data, dict) else data[step]
    assert data == value


def test_a_roles_own_settings(tmp_path: Path) -> None:
    own = 'flavour g5k-image { cluster yeti; partition 5; kernel-params "quiet" }'
    found = described(make.lab('kernel-params "panic=5"', agent=own), tmp_path)
    assert found["agent"]["boot"]["kernel_params"].endswith("nxcc-provision.target panic=5 quiet")
    assert found["server"]["boot"]["kernel_params"].endswith("mitigations=off panic=5")


@pytest.mark.parametrize(
    "text", ["Grüße: 数据 #1 'a' \"b\" {x}", "yes", "12", "- a", "x: y", "image:\\n  file: q", "é\\ttab"]
)
def test_any_text_is_a_description(tmp_path: Path, text: str) -> None:
    source = (
        f'environment lab\nflavour g5k-image {{ compression xz }}\nrole a "{text.replace(chr(34), chr(92) + chr(34))}"'
    )
    (data,) = described(source, tmp_path).values()
    assert data["description"] == text.replace("\\n", "\n").replace("\\t", "\t")
    assert descriptions.check(data)[1] == []


def test_another_processor(tmp_path: Path) -> None:
    nixpkgs = 'nixpkgs "github:NixOS/nixpkgs/nixos-25.11" { system aarch64-linux }\n'
    source = make.lab().replace("flavour", nixpkgs + "flavour", 1)
    data = described(source, tmp_path)["agent"]
    assert data["arch"] == "aarch64"
    assert descriptions.check(data, newer=True)[1] == []


@pytest.mark.parametrize(
    ("written", "oar"),
    [("90min", "1:30:00"), ("2d", "48:00:00"), ('"2:30"', "2:30:00"), ('"62:00:01"', "62:00:01"), ("61s", "0:01:01")],
)
def test_walltimes(tmp_path: Path, written: str, oar: str) -> None:
    source = f"environment lab\nflavour g5k-ramdisk {{ walltime {written} }}\nrole a"
    made = compile_file("env.nxc", ["g5k-ramdisk"], source=source)
    (run,) = [file.content.decode() for file in made.files if file.path == "g5k-ramdisk/run"]
    assert f"walltime={oar}\n" in run


@pytest.mark.parametrize(
    ("setting", "code", "said"),
    [
        ("clutser dahu", "NX0702", "no setting `clutser`"),
        ("site Nancy", "NX0703", "the name of a site"),
        ('cluster "a b"', "NX0703", "the name of a cluster"),
        ("walltime 2", "NX0703", "a duration"),
        ("walltime 30s", "NX0703", "a minute at least"),
        ("walltime 1500ms", "NX0703", "whole seconds"),
        ('walltime "2:60"', "NX0703", "a duration"),
        ('walltime "0:00:59"', "NX0703", "a minute at least"),
        ("queue fast", "NX0703", "`default` or `production`"),
        ('job-types "a;b"', "NX0703", "types of an OAR job"),
        ('properties "a}"', "NX0703", "a condition in SQL"),
        ("project (1)", "NX0703", "the name of a project"),
        ('name "a b"', "NX0703", "a name"),
        ("filesystem zfs", "NX0703", "`ext4`"),
        ("compression lz4", "NX0703", "`gzip`"),
        ('postinstall "a; rm -rf /"', "NX0703", "a command"),
        ("partition 0", "NX0703", "from 1 to 128"),
        ("partition true", "NX0703", "from 1 to 128"),
        ('image-folder "public"', "NX0703", "an absolute path"),
        ('image-folder "/home/a b"', "NX0703", "an absolute path"),
        ('image-url "file:///x"', "NX0703", "an address"),
        ("register yes", "NX0703", "true or false"),
        ("vlan 5000", "NX0703", "from 1 to 4094"),
        ("home 1", "NX0703", "true or false"),
        *(
            (f"kernel-params '{text}'", "NX0703", "kernel parameters")
            for text in ("a b", 'a"b', "a$b", "a`b", "a\\b", "é")
        ),
    ],
)
def test_settings_are_checked(tmp_path: Path, setting: str, code: str, said: str) -> None:
    (error,) = refused(f"environment lab\nflavour g5k-image {{\n  {setting}\n}}\nrole a", tmp_path)
    assert (error.code, line_of(error)) == (code, 3), error
    assert said in error.message


def test_settings_of_the_whole_environment_do_not_stand_in_a_role(tmp_path: Path) -> None:
    (error,) = refused(make.lab(agent="flavour g5k-image { walltime 2h }"), tmp_path)
    assert error.code == "NX0709"


@pytest.mark.parametrize("parameter", ['a="b c"', "a=é", "a b", "a$b", "a`b", "a\\b", "a'b"])
def test_kernel_parameters_that_cannot_be_handed_on(tmp_path: Path, parameter: str) -> None:
    text = f'"{parameter}"' if "'" in parameter else f"'{parameter}'"
    source = f'environment lab\nrole a {{\n  kernel-params "quiet", {text}\n}}\nrole b'
    (error,) = refused(source, tmp_path)
    assert (error.code, line_of(error)) == ("NX0704", 3)
    assert "kernel-params" in error.message
    assert "cannot be handed on" in error.notes[0]


@pytest.mark.parametrize("setting", [False, True])
@pytest.mark.parametrize(
    "parameter", ["a;b", "a&b", "a|b", "a<b", "a>b", "{", "a={b}", "#a", "a=#b", "a!*?[b]~(c)@%+,:^_"]
)
def test_kernel_parameters_that_grub_reads_in_another_way(tmp_path: Path, parameter: str, setting: bool) -> None:
    """In a PXE profile and in grub.cfg they are words of its language; a kernel that is started by kexec gets them."""

    def source(flavour: str) -> str:
        words = f'kernel-params "quiet", "{parameter}"'
        return f"environment lab\nrole a {{\n  {f'flavour {flavour} {{ {words} }}' if setting else words}\n}}"

    errors = refused(source("g5k-image"), tmp_path)
    if parameter in ("a=#b", "a!*?[b]~(c)@%+,:^_"):
        assert not errors
    else:
        (error,) = errors
        assert (error.code, line_of(error)) == ("NX0704", 3)
        assert error.notes[0].startswith(f"`{parameter}` holds one of ; & | < > {{ }}, or begins with #, which GRUB")
    assert make.compiled(source("g5k-ramdisk"), tmp_path, "g5k-ramdisk").ok


# Lengths: init=/nxcc/a/init systemd.unit=nxcc-provision.target are 52 bytes; a blank, and the parameter.
@pytest.mark.parametrize(
    ("settings", "fits"),
    [("register true", 254 - 53), ("", 2046 - len("root=/dev/nvme0n1p3 ") - 53)],
)
def test_the_longest_command_line(tmp_path: Path, settings: str, fits: int) -> None:
    def source(length: int) -> str:
        return f'environment lab\nflavour g5k-image {{ {settings} }}\nrole a {{\n  kernel-params "{"x" * length}"\n}}'

    (data,) = described(source(fits), tmp_path).values()
    assert len(data["boot"]["kernel_params"]) == fits + 53
    (error,) = refused(source(fits + 1), tmp_path)
    assert (error.code, line_of(error)) == ("NX0704", 4)


def test_a_postinstall_that_kadeploy_keeps_in_part(tmp_path: Path) -> None:
    """kaenv3 of 3.3.11 joins commands with commas; an anonymous deployment hands them on as they are."""
    for register, command, count in ((True, "x --net a,b", 1), (True, "x --net a", 0), (False, "x --net a,b", 0)):
        more = f"register {str(register).lower()}"
        settings = f'flavour g5k-image {{\n  {more}\n  postinstall "{command}"\n}}'
        compilation = make.compiled(f"environment lab\n{settings}\nrole a\n", tmp_path)
        found = [one for one in compilation.diagnostics if one.code == "NX0705"]
        assert compilation.ok
        assert [(line_of(one), "to its first comma" in one.notes[0]) for one in found] == [(4, True)] * count


def test_parameters_of_another_flavour_do_not_count(tmp_path: Path) -> None:
    source = f'environment lab\nrole a {{\n  on docker {{ kernel-params "{"x" * 3000}" }}\n}}'
    assert not refused(source, tmp_path)


def test_what_machines_of_a_cluster_do_not_honour(tmp_path: Path) -> None:
    agent = "publish 8080:80; resources { cpus 2; memory 1GiB; disk 5GiB }"
    compilation = make.compiled(make.lab(agent=agent), tmp_path)
    found = [d.message for d in compilation.diagnostics if d.code == "NX0705"]
    assert [text.split("`")[-2] for text in found] == ["publish", "cpus", "memory", "disk"]


def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    run = make.write(make.lab("register true; vlan 4; home true; partition 3"), tmp_path / "bundle")
    done = subprocess.run([need("shellcheck"), str(run)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
