"""Real mounts over NFS, by the words that the bundles have: a store of g5k-nfs-store, the home of `home true`, a
role's `mount`. The server is NFS-Ganesha in a network of its own, the client Debian's kernel in a QEMU guest.

See tests/guest/nfs for what the guest does.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import g5k_environments as make
import pytest
from guests import HERE, boot
from nix_systems import evaluate, make_bundle
from small_nixpkgs import make_nixpkgs
from tools import need

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

# Whom the site knows the user as.
USER = (1234, 1235)
WEB, TEXT = f"{'a' * 32}-web", f"{'b' * 32}-text"

# Ends with the process that starts it.
MORTAL = ["setpriv", "--pdeathsig", "KILL"]

# The scripted stage 1 is 24.11's, the other 26.05's.
WORDS = """
let
  of = nixpkgs: role: (import {bundle}/default.nix {{ inherit nixpkgs; }}).systems.g5k-nfs-store.${{role}}.config;
  old = of {old};
  new = of {new};
in {{
  scripted = (old "client").boot.initrd.postMountCommands;
  systemd = (new "client").boot.initrd.systemd.services.nxcc-store.script;
  rw_store = (new "client").fileSystems."/nix/.rw-store".options;
  mounts = map (place: {{ inherit place; inherit ((new "client").fileSystems.${{place}}) device fsType options; }})
    [ "/data" "/published" ];
  exports = (new "server").services.nfs.server.exports;
}}
"""
COMPOSITION = """_: { roles = {
  server.nxcc.shares = { "%s/data" = { }; "%s/published".readOnly = true; };
  client.nxcc.mounts = {
    "/data" = { role = "server"; host = "server"; source = "%s/data"; };
    "/published" = { role = "server"; host = "server"; source = "%s/published"; };
  };
}; }"""


class Server:
    """NFS-Ganesha on port 2049 of a network and a /run of its own, with rpcbind, for as long as this process lives."""

    def __init__(self, folder: Path, exports: list[tuple[str, str]]) -> None:
        """``exports``: folders, and what Ganesha is told of each."""
        self.folder = folder
        self.exports = exports
        (folder / "recovery").mkdir(parents=True)
        self.process: subprocess.Popen[bytes] | None = None
        script = "mount -t tmpfs run /run && ip link set lo up && rpcbind && echo ready && exec sleep infinity"
        command = [need("unshare"), "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]
        self.network = subprocess.Popen([*MORTAL, *command], stdout=subprocess.PIPE)
        assert self.network.stdout
        assert self.network.stdout.readline() == b"ready\n"
        self.within = [need("nsenter"), f"--net=/proc/{self.network.pid}/ns/net"]
        self.within += [f"--mount=/proc/{self.network.pid}/ns/mnt"]

    def start(self, versions: str = "4") -> None:
        """Serves these versions of NFS."""
        assert self.process is None
        log = self.folder / "log"
        log.unlink(missing_ok=True)
        config = self.folder / "config"
        config.write_text(
            f"NFS_CORE_PARAM {{ Protocols = {versions}; Enable_RQUOTA = false; }}\n"
            # Numbers as Linux's own server has them; and none waits 90 s for clients that do not come back.
            "NFSV4 { Only_Numeric_Owners = true; Grace_Period = 10; Lease_Lifetime = 10; "
            f"RecoveryBackend = fs; RecoveryRoot = {self.folder}/recovery; }}\n"
            + "".join(
                f'EXPORT {{ Export_Id = {number}; Path = "{path}"; Pseudo = "{path}"; SecType = sys; {said} '
                "FSAL { Name = VFS; } }\n"
                for number, (path, said) in enumerate(self.exports, 1)
            )
        )
        command = [need("ganesha.nfsd"), "-F", "-f", str(config), "-L", str(log), "-p", str(self.folder / "pid")]
        self.process = subprocess.Popen([*MORTAL, *self.within, *command])
        deadline = time.monotonic() + 60
        while "NFS SERVER INITIALIZED" not in (log.read_text() if log.exists() else ""):
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)

    def stop(self) -> None:
        """As when its machine loses power."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self) -> None:
        self.stop()
        self.network.kill()
        self.network.wait()


class Site(NamedTuple):
    """What lies on the server, and what the two guests said in lines "@NAME VALUES"."""

    home: Path
    data: Path
    first: dict[str, str]
    another: dict[str, str]


def write(path: Path, content: str, mode: int = 0o644, owner: tuple[int, int] = USER) -> None:
    path.write_text(content)
    os.chown(path, *owner)
    path.chmod(mode)


def make_home(home: Path) -> Path:
    """A user's home with the store of a bundle in it, which is returned."""
    store = home / "nxcc-store" / "lab"
    (store / WEB).mkdir(parents=True)
    (store / TEXT).mkdir()
    write(home / ".profile", "profile\n")
    write(home / "other", "other\n", 0o600)
    write(home / "lock", "", 0o666)
    write(store / TEXT / "text", "text\n", 0o444)
    write(store / TEXT / "private", "private\n", 0o600)
    shutil.copyfile(need("busybox"), store / WEB / "busybox")
    (store / WEB / "link").symlink_to("busybox")
    for path in (store / WEB / "busybox", store / WEB, store / TEXT):
        path.chmod(0o555)
    for path in (store / WEB / "busybox", store / WEB, store / TEXT, store, store.parent, home):
        os.chown(path, *USER)
    return store


def home_command(folder: Path, home: Path) -> str:
    """What `run provision` of `home true` has a node's shell do, where df says that the home is from this server."""
    run = make.write("environment lab\nflavour g5k-ramdisk { home true }\nrole a { }", folder / "lab", "g5k-ramdisk")
    text = run.read_text()
    parts = [re.search(rf"^{name}\(\) {{.*?^}}$", text, re.MULTILINE | re.DOTALL) for name in ("mount_home", "quoted")]
    functions = "\n".join(part.group() for part in parts if part)
    script = f"""
        node_path=: HOME={shlex.quote(str(home))}
        df() {{ printf 'head\\n%s 1 1 1 1%% %s\\n' {shlex.quote(f"server:{home}")} /home/user; }}
        address_of() {{ echo 10.0.2.2; }}
        known() {{ shift; printf '%s\\n' "$*"; }}
        {functions}
        mount_home node
    """
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, timeout=20, check=True)
    assert "mount" in done.stdout, done
    return done.stdout


def words_of(folder: Path, root: Path) -> Any:
    """What Nix evaluates of the modules' words."""
    bundle = make_bundle(folder / "bundle", COMPOSITION.replace("%s", str(root)))
    old, new = (make_nixpkgs(folder / release, release) for release in ("24.11", "26.05"))
    return evaluate(WORDS.format(bundle=bundle, old=old, new=new))


def as_ganesha_has_it(exports: str) -> list[tuple[str, str]]:
    """Lines of exports(5)."""
    found = []
    for line in exports.splitlines():
        matched = re.fullmatch(r'"(/[^"]*)" \*\((r[ow]),(.*)\)', line)
        assert matched, line
        path, access, rest = matched.groups()
        squash = "No_Root_Squash" if "no_root_squash" in rest.split(",") else "Root_Squash"
        found.append((path, f"Access_Type = {access.upper()}; Squash = {squash};"))
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A server, and all of a guest's life and of another's: a minute."""
    for program in ("ganesha.nfsd", "rpcbind"):
        need(program)
    folder = tmp_path_factory.mktemp("nfs")
    root = folder / "srv"
    store = make_home(root / "home")
    for name in ("data", "published"):
        (root / name).mkdir()
        write(root / name / "file", f"{name}\n", owner=(0, 0))
        write(root / name / "of-1234", "")
        write(root / name / "other", "other\n")
    (root / "data").chmod(0o1777)
    words = words_of(folder, root)
    files = {
        "words/scripted": f"fail() {{ exit 1; }}\n{words['scripted']}",
        "words/systemd": words["systemd"],
        "words/rw-store": ",".join(words["rw_store"]),
        "words/home": home_command(folder, root / "home"),
        "words/home-place": "/home/user",
        "words/path": WEB,
        "words/other": TEXT,
        "words/fstab": "".join(
            f"{one['device']} {one['place']} {one['fsType']} {','.join(one['options'])} 0 0\n"
            for one in words["mounts"]
        ),
    }
    home = (str(root / "home"), "Access_Type = RW; Squash = Root_Squash;")
    server = Server(folder / "server", [home, *as_ganesha_has_it(words["exports"])])

    def life(name: str) -> list[str]:
        (folder / name).mkdir()
        return boot(
            folder / name,
            HERE / "nfs",
            ["mount", "mount.nfs", "umount", "setpriv", "mountpoint", "stat", "flock", "awk", "chown", "ip"],
            {path: text.encode() for path, text in files.items()},
            600,
            ["-netdev", "user,id=net", "-device", "e1000,netdev=net"],
            f"nxcc.store=10.0.2.2:{store} {name}",
            clock=["-accel", "tcg"],
            modules=["order", "order-nfs"],
            within=server.within,
        )

    try:
        server.start()
        with ThreadPoolExecutor() as pool:
            first = pool.submit(life, "first")
            done = 0
            while not first.done():
                log = folder / "first" / "console"
                said = log.read_bytes() if log.exists() else b""
                wishes = re.findall(rb"^@now (.*?)\r?\n", said, re.MULTILINE)
                for wish in wishes[done:]:
                    if wish == b"another":
                        another = values_of(life("another"))
                    elif wish == b"away":
                        server.stop()
                    else:
                        server.start("3" if wish.endswith(b"3") else "4")
                done = len(wishes)
                time.sleep(0.2)
            return Site(root / "home", root / "data", values_of(first.result()), another)
    finally:
        server.close()


def values_of(console: list[str]) -> dict[str, str]:
    """What a guest said in lines "@NAME VALUES"."""
    values = {name: said.strip() for line in console if line[:1] == "@" for name, _, said in [line[1:].partition(" ")]}
    assert values.get("end") == "0", "\n".join(console)
    return values


def ok(said: str) -> str:
    """What a command wrote that must succeed."""
    code, _, rest = said.partition(" ")
    assert code == "0", said
    return rest


def fails(said: str) -> str:
    """What a command wrote that must fail."""
    code, _, rest = said.partition(" ")
    assert code != "0", said
    return rest


def options_of(said: str) -> tuple[str, set[str]]:
    """A file system, and the options of the one mount of it."""
    kind, _, options = said.partition(" ")
    assert options.count(";") == 1, said
    return kind, set(options.rstrip(";").split(","))


STORES = pytest.mark.parametrize(
    ("store", "version"),
    [pytest.param("scripted", "4.2", id="busybox"), pytest.param("systemd", "4.2", id="systemd"), ("third", "3")],
)


@STORES
def test_a_store(site: Site, store: str, version: str) -> None:
    first = site.first
    assert ok(first[store]).endswith(f"/home/nxcc-store/lab, by NFS {version}")
    kind, options = options_of(first[f"{store}-below"])
    assert kind == ("nfs" if version == "3" else "nfs4")
    # A node waits for its server, however long.
    assert {"ro", "hard", "proto=tcp", f"vers={version}"} <= options
    kind, options = options_of(first[f"{store}-above"])
    assert (kind, "rw" in options) == ("overlay", True)
    assert ok(first[f"{store}-names"]) == f"{WEB};{TEXT}"
    assert ok(first[f"{store}-owner"]) == "1234:1235 555;1234:1235 555"
    assert ok(first[f"{store}-program"]) == "from the store"
    assert ok(first[f"{store}-link"]) == "busybox"
    assert "Permission denied" in fails(first[f"{store}-private"])


@STORES
def test_a_store_is_written_to_on_the_node_alone(site: Site, store: str, version: str) -> None:
    first = site.first
    assert "Read-only file system" in fails(first[f"{store}-below-write"])
    assert ok(first[f"{store}-write"]) == "more"
    assert ok(first[f"{store}-own"]) == "0:0 555;0:0 555"
    assert ok(first[f"{store}-remove"]) == f"{TEXT};more"
    place = site.home / "nxcc-store" / "lab"
    assert sorted(path.name for path in place.iterdir()) == [WEB, TEXT]
    assert (place / WEB / "busybox").stat().st_uid == USER[0]


@pytest.mark.parametrize(("home", "version"), [("home", "4.2"), ("third-home", "3")])
def test_the_home(site: Site, home: str, version: str) -> None:
    first = site.first
    ok(first[home])
    assert ok(first[f"{home}-again"]) == ""
    _, options = options_of(first[f"{home}-mount"])
    # Locks are the server's; without the service that NFS 3 has for them, the node's own.
    locks = "local_lock=all" if version == "3" else "local_lock=none"
    assert {"rw", "hard", f"vers={version}", locks} <= options
    assert ok(first[f"{home}-owner"]) == "1234:1235 755;1234:1235 644"
    assert ok(first[f"{home}-read"]) == "profile"
    assert ok(first[f"{home}-write"]) == "1234:1235"
    written = site.home / f"{home}.result"
    assert (written.read_text(), written.stat().st_uid, written.stat().st_gid) == ("result\n", *USER)
    assert "Permission denied" in fails(first[f"{home}-root"])


def test_nodes_of_one_name_are_two_to_the_server(site: Site) -> None:
    fails(site.first["lock"])
    ok(site.another["mounts"])
    assert fails(site.another["lock"]) == "", "the other node took what the first one has locked"


def test_what_another_role_shares(site: Site) -> None:
    first = site.first
    for name in ("data", "published"):
        ok(first[name])
        kind, options = options_of(first[f"{name}-mount"])
        assert kind == "nfs4"
        assert {"hard", "proto=tcp", "vers=4.2"} <= options
        assert ok(first[f"{name}-owner"]) == "0:0 644;1234:1235 644"
        assert ok(first[f"{name}-read"]) == name
    # Root is root there.
    assert ok(first["data-write"]) == "0:0"
    assert ok(first["data-owner-root"]) == "1234:1235"
    ok(first["data-user"])
    ok(first["data-lock"])
    owners = {path.name: path.stat().st_uid for path in site.data.iterdir()}
    assert {name: owners[name] for name in ("new", "from-user", "given")} == {
        "new": 0,
        "from-user": 1234,
        "given": 1234,
    }
    assert "Read-only file system" in fails(first["published-write"])


def test_a_server_that_was_away_is_waited_for(site: Site) -> None:
    first = site.first
    assert first["waiting"] == "waits waits waits waits"
    assert ok(first["after-read"]) == "other;"
    assert ok(first["after-store"]) == "text;"
    assert ok(first["after-home"]) == "other;"
    ok(first["after-write"])
    assert (site.data / "late").read_text() == "written while away\n"
