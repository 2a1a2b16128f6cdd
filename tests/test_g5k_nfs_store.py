"""g5k-nfs-store: its `run` on the stand-ins. What stage 1 does with the folder: tests/test_stage1.py."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

import g5k_environments as make
import pytest
from grid5000 import lab as base
from grid5000.lab import fine, lab_source
from tools import need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "g5k-nfs-store"
ROLES = {"server": "loglevel=4", "agent": "loglevel=4"}
A, B = "a" * 32, "b" * 32


def source(more: str = "") -> str:
    return lab_source(NAME, more)


class Lab(base.Lab):
    """A laboratory with its store on the file server, built."""

    def __init__(self, folder: Path, more: str = "") -> None:
        super().__init__(folder, source(more), NAME)
        self.place = self.frontend.home / "nxcc-store" / "lab"
        self.build("one", "glibc", "web")

    def build(self, name: str, *paths: str) -> None:
        """What the next build gives."""
        self.builds(make.nfs_store(self.folder / name, ROLES, paths))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made("down")


def test_from_the_build_to_ready_and_back(lab: Lab) -> None:
    fine(lab("up"))
    (reserved,) = lab.frontend.log("oarsub")
    assert "deploy" not in reserved
    line = fine(lab("ssh", "agent1", "cat /proc/cmdline")).stdout
    key = (lab.own / "id_ed25519.pub").read_text().split()[1]
    assert line == (
        "init=/nix/store/agent/init loglevel=4 systemd.unit=nxcc-provision.target "
        f"nxcc.key={key} nxcc.store=172.16.16.1:/export/home/alice/nxcc-store/lab\n"
    )
    assert fine(lab("ssh", "agent2", "hostname")).stdout == "agent2\n"
    done = lab("clean")
    assert done.returncode == 2
    assert "live on the store: `run release` first" in done.stderr
    assert lab.place.exists()
    fine(lab("down"))
    assert lab.place.exists()
    fine(lab("down", "--all"))
    assert not lab.place.exists()
    assert not lab.own.exists()


def test_the_folder_is_what_nix_store_is_to_hold(lab: Lab) -> None:
    assert "copying 3 of 3 paths" in fine(lab("store")).stderr
    names = {f"{A}-glibc", f"{A}-web", f"{B}-unit.service", "nix-path-registration"}
    assert set(os.listdir(lab.place)) == names
    glibc = lab.place / f"{A}-glibc"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (glibc, glibc / "bin", glibc / "bin/tool")} == {0o555}
    assert (glibc / "bin/tool").stat().st_ino == (glibc / "bin/same").stat().st_ino
    assert os.readlink(glibc / "link") == f"{A}-glibc/bin"
    assert stat.S_IMODE((lab.place / f"{B}-unit.service").stat().st_mode) == 0o444
    assert stat.S_IMODE(lab.place.stat().st_mode) == 0o755
    assert (lab.place / "nix-path-registration").read_text() == (lab.folder / "one/registration").read_text()
    assert stat.S_IMODE((lab.place / "nix-path-registration").stat().st_mode) == 0o444
    # Only what is new is copied; what is there does not change.
    inode = glibc.stat().st_ino
    lab.build("two", "glibc", "db")
    fine(lab("build"))
    # An interrupt in the middle of a path leaves its beginning.
    (lab.place / ".new").mkdir()
    (lab.place / ".new/part").mkdir(mode=0o555)
    assert "copying 1 of 3 paths" in fine(lab("store")).stderr
    assert glibc.stat().st_ino == inode
    assert set(os.listdir(lab.place)) == names | {f"{A}-db"}
    assert (lab.place / "nix-path-registration").read_text() == (lab.folder / "two/registration").read_text()
    assert "all 3 paths are in" in fine(lab("store")).stderr
    # What only the first build needed goes when that is asked for.
    before = sorted(os.listdir(lab.place))
    said = fine(lab("clean", "--old", "--dry-run"))
    assert f"rm -rf -- {lab.place}/{A}-web\n" in said.stdout
    assert "1 paths of earlier builds would be removed" in said.stderr
    assert sorted(os.listdir(lab.place)) == before
    fine(lab("clean", "--old"))
    assert set(os.listdir(lab.place)) == (names | {f"{A}-db"}) - {f"{A}-web"}
    assert glibc.stat().st_ino == inode
    fine(lab("clean"))
    assert not lab.place.exists()


def test_a_user_who_is_not_root(lab: Lab) -> None:
    """A user can neither move folders that their owner may not write to, nor remove what is in them."""
    fine(lab("build"))
    as_user = [need("unshare"), "--user", "--map-user=1000", "--map-group=1000"] if os.getuid() == 0 else []
    fine(lab.frontend.run([*as_user, str(lab.run), "store"]))
    assert stat.S_IMODE((lab.place / f"{A}-web").stat().st_mode) == 0o555
    assert lab.frontend.run([*as_user, "rm", "-rf", str(lab.place)]).returncode == 1
    fine(lab.frontend.run([*as_user, str(lab.run), "clean"]))
    assert not lab.place.exists()


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ({"home_is_local": True}, "is not on a file server, but on /dev/sda1: the setting folder names one that is"),
        ({"room": 1}, "has 0 MiB left, and what is missing of the store takes 0 MiB"),
        ({"quota": 1024}, "your quota leaves 0 MiB, and what is missing of the store takes"),
    ],
)
def test_what_is_wrong_is_said_before_nodes_are_asked_for(lab: Lab, scenario: dict[str, object], said: str) -> None:
    lab.frontend.scenario(**scenario)
    done = lab("up")
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert not lab.frontend.log("oarsub")


@pytest.mark.parametrize(("mode", "said"), [(0o700, "others may not enter"), (0o777, "everyone may write to")])
def test_who_may_enter_and_write(lab: Lab, mode: int, said: str) -> None:
    folder = lab.place.parent
    folder.mkdir()
    folder.chmod(mode)
    done = lab("up")
    assert (done.returncode, f"{said} {folder}" in done.stderr) == (2, True), done.stderr
    assert not lab.frontend.log("oarsub")
    assert not list(lab.place.glob("*"))
    folder.chmod(0o755)
    fine(lab("store"))


def test_a_folder_and_a_server_of_ones_own(tmp_path: Path) -> None:
    folder = tmp_path / "group"
    lab = Lab(tmp_path, f'folder "{folder}"; server "172.16.16.9:/export/group"')
    fine(lab("store"))
    assert (folder / "lab" / f"{A}-web").is_dir()
    fine(lab("reserve"))
    fine(lab("deploy"))
    appended = [word for words in lab.frontend.log("kexec") for word in words if word.startswith("--append=")]
    assert len(appended) == 3
    assert all(word.endswith(" nxcc.store=172.16.16.9:/export/group/lab") for word in appended)
    fine(lab("down", "--all"))
    assert folder.is_dir()
    assert not list(folder.iterdir())


def test_a_server_that_nobody_knows(tmp_path: Path) -> None:
    lab = Lab(tmp_path, f'folder "{tmp_path}/group"; server "files.nancy.grid5000.fr:/export/group"')
    done = lab("up")
    assert done.returncode == 2
    assert "no address is known of the file server files.nancy.grid5000.fr" in done.stderr


def test_the_archive_for_a_site_has_the_store(lab: Lab) -> None:
    fine(lab("build"))
    fine(lab("pack", str(lab.folder / "a.tar")))
    told = subprocess.run(["tar", "-tf", str(lab.folder / "a.tar")], capture_output=True, text=True, check=True).stdout
    result = f"lab.state/{NAME}/result"
    files = {f"{result}/store/{A}-glibc.tar", f"{result}/store-paths", f"{result}/registration", f"{result}/kexec"}
    assert files <= set(told.splitlines())


def test_dry_runs_make_nothing(lab: Lab) -> None:
    for command in ("store", "up", "clean", "down"):
        fine(lab("--dry-run", command))
    assert not lab.own.exists()
    assert not lab.place.parent.exists()


def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    run = make.write(source('home true; folder "/srv/store"'), tmp_path / "bundle", NAME)
    done = subprocess.run([need("shellcheck"), str(run)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
