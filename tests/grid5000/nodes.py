"""Nodes that answer by ssh: a real sshd for each connection, and behind it a mount and a host-name namespace.

A node is a folder: what it has at /run, /dev/shm and /etc/ssh, its HOME, its boot id, its command line. Before a
deployment it is a "standard" one, where the user of the job logs in and has sudo-g5k; afterwards root logs in with
the keys that kadeploy3 got. ``nxcc-identity`` is the real one; systemctl and nxcc-ready are played by this module.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import time
import uuid
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grid5000.site import Site

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.path.abspath(os.path.join(HERE, "..", "..", "nix", "modules"))


def boot(site: Site, host: str, system: str, keys: str | None = None, params: str = "") -> None:
    """Boot a node anew: ``system`` is "standard", or "deployed NAME" or "kexec", where root has the file ``keys``."""
    node = os.path.join(site.folder, "nodes", host)
    _refuse_mounts(node)
    shutil.rmtree(node, ignore_errors=True)
    own_programs = "bin" if system == "standard" else "run/current-system/sw/bin"
    # sshd, which starts behind the connections of other nodes, wants a folder of its own.
    for name in ("run", "run/sshd", "root", "shm", "ssh", "bin", own_programs):
        os.makedirs(os.path.join(node, name), exist_ok=True)
    for name, text in (
        ("system", system),
        ("boot_id", str(uuid.uuid4())),
        ("cmdline", params or "root=/dev/sda3"),
        ("name", host.split(".")[0]),
    ):
        with open(os.path.join(node, name), "w", encoding="utf-8") as file:
            file.write(text + "\n")
    os.makedirs(os.path.join(node, "root", ".ssh"), mode=0o700)
    authorized = os.path.join(node, "root", ".ssh", "authorized_keys")
    with open(authorized, "w", encoding="utf-8") as file:
        if keys:
            with open(keys, encoding="utf-8") as given:
                file.write(given.read())
    os.chmod(authorized, 0o600)
    key = os.path.join(node, "ssh", "ssh_host_ed25519_key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    programs = (
        ("systemctl", "journalctl", "nxcc-ready", "nxcc-identity", "mount", "modprobe", "mountpoint")
        if system != "standard"
        else ("sudo-g5k", "systemctl", "ssh")
    )
    for name in (*programs, "kexec", "reboot"):
        path = os.path.join(node, own_programs, name)
        with open(path, "w", encoding="utf-8") as file:
            if name == "nxcc-identity":
                file.write(f'#!/bin/sh\n. "{MODULES}/identity-archive.sh"\n. "{MODULES}/identity.sh"\n')
            elif name == "ssh":
                real = shutil.which("ssh", path="/usr/local/bin:/usr/bin:/bin")
                file.write(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{HERE}/program.py" ssh "{real}" "$@"\n')
            else:
                file.write(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{HERE}/program.py" node-{name} "$@"\n')
        os.chmod(path, 0o755)


def _refuse_mounts(folder: str) -> None:
    """Raises where anything is mounted below a folder that is to be removed: it would be emptied with it."""
    real = os.path.realpath(folder)
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        # The fifth field is the mount point; blanks in it are octal.
        points = [line.split()[4].replace("\\040", " ") for line in file]
    below = [point for point in points if point == real or point.startswith(real + "/")]
    if below:
        raise RuntimeError(f"something is mounted below {real}: {below}")


def ssh(site: Site, real: str, *arguments: str) -> None:
    """The real ssh, but for where a connection goes: to an sshd that starts for it.

    User and host are those that ssh makes of the words and the configuration that it was given; the user is the
    site's where none is named.
    """
    words = list(arguments)
    config = os.path.join(site.home(), ".ssh", "config")
    if "-F" in words:
        at = words.index("-F")
        config = os.path.abspath(words[at + 1])
        del words[at : at + 2]
    # What ssh itself would find in the user's home: it does not ask $HOME.
    defaults = os.path.join(site.folder, f"ssh_config.{zlib.crc32(config.encode())}")
    with open(f"{defaults}.{os.getpid()}", "w", encoding="utf-8") as file:
        file.write(
            f'Include "{config}"\nMatch all\nUser {site.user}\nIdentityFile "{site.home()}/.ssh/id_ed25519"\n'
            f'UserKnownHostsFile "{site.home()}/.ssh/known_hosts"\nGlobalKnownHostsFile none\n'
        )
    os.replace(f"{defaults}.{os.getpid()}", defaults)
    told = subprocess.run([real, "-G", "-F", defaults, *words], capture_output=True, text=True, check=False).stdout
    facts = dict(line.split(" ", 1) for line in told.splitlines() if " " in line)
    proxy = f"{sys.executable} -I -S {HERE}/program.py connect {facts.get('user', '')} {facts.get('hostname', '')}"
    me = pwd.getpwuid(os.getuid()).pw_name
    os.execv(real, [real, "-l", me, "-o", f"ProxyCommand={proxy}", "-F", defaults, *words])


def connect(site: Site, user: str, host: str) -> None:
    """One connection to a node, on standard input and output: what ssh's ProxyCommand runs."""
    # In a VLAN a node has another name as well.
    name, _, rest = host.partition(".")
    plain, vlan, _ = name.partition("-kavlan-")
    host = f"{plain}.{rest}"
    if "NODE_HOST" in os.environ:
        site.log("hop", [os.environ["NODE_HOST"], host])
        if host in site.scenario["shut"]:
            sys.stderr.write(f"ssh: connect to host {host} port 22: Connection refused\n")
            raise SystemExit(255)
    if host not in site.nodes or host in site.scenario["unreachable"] or bool(vlan) != _in_vlan(site, host):
        sys.stderr.write(f"ssh: connect to host {host} port 22: No route to host\n")
        raise SystemExit(255)
    node = site.node(host)
    _land(site, node, host)
    me = pwd.getpwuid(os.getuid()).pw_name
    keys = os.path.join(node, "root", ".ssh", "authorized_keys")
    if user != "root":
        # The user's home is on NFS, and on a standard node everyone's is there.
        keys = os.path.join(site.home(), ".ssh", "authorized_keys") if _system(node) == "standard" else "none"
    delivered = os.path.join(node, "run", "nxcc", "authorized_keys", "root")
    more = f' "{delivered}"' if user == "root" else ""
    config = os.path.join(node, f"sshd_config.{user}")
    # No lines of its own where another connection reads it at this moment.
    with open(f"{config}.{os.getpid()}", "w", encoding="utf-8") as file:
        file.write(
            f'HostKey "{node}/ssh/ssh_host_ed25519_key"\n'
            f'AuthorizedKeysFile "{keys}"{more}\n'
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\n"
            "Subsystem sftp /usr/lib/openssh/sftp-server\n"
            f"AllowUsers {me}\nPermitRootLogin prohibit-password\nPidFile none\nMaxAuthTries 20\n"
            f'ForceCommand "{sys.executable}" -I -S "{HERE}/program.py" node-shell "{site.folder}" "{host}" {user}\n'
        )
    os.replace(f"{config}.{os.getpid()}", config)
    sshd = shutil.which("sshd") or "/usr/sbin/sshd"
    os.execv(sshd, [sshd, "-i", "-f", config])


def _in_vlan(site: Site, host: str) -> bool:
    """Whether the last deployment put a node into a VLAN."""
    return os.path.exists(os.path.join(site.folder, "nodes", host, "vlan"))


def _system(node: str) -> str:
    with open(os.path.join(node, "system"), encoding="utf-8") as file:
        return file.read().strip()


ENTER = r"""
set -e
node=$1 user=$2 home=$3 command=$4 unseen=$5 keeps=$6
mount --make-rprivate /
if [ -s "$node/run/nxcc/node" ]; then cat "$node/run/nxcc/node"; else cat "$node/name"; fi >/proc/sys/kernel/hostname
mount --bind "$node/run" /run
if [ -n "$keeps" ]; then mount --bind "$node/shm" /dev/shm; else mount -t tmpfs tmpfs /dev/shm; fi
[ -z "$unseen" ] || mount -t tmpfs -o ro tmpfs "$home/$unseen"
mount --bind "$node/ssh" /etc/ssh
mount --bind "$node/boot_id" /proc/sys/kernel/random/boot_id
mount --bind "$node/cmdline" /proc/cmdline
# What a node tells its kernel's modules this machine's must not hear.
mount -t tmpfs -o ro tmpfs /sys/module
own=$node/root
[ "$user" = root ] || own=$home
export PATH="$node/bin:$PATH" HOME="$own" USER="$user" NODE="$node"
cd
if [ -n "$command" ]; then exec sh -c "$command"; else exec sh -l; fi
"""


def shell(folder: str, host: str, user: str) -> None:
    """What a login on a node gets."""
    from grid5000.site import VARIABLE, Site

    site = Site(folder)
    node = site.node(host)
    os.environ[VARIABLE] = folder
    os.environ["NODE_HOST"] = host
    command = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    site.log("ssh", [user, host, command])
    parent = os.getppid()
    while host in site.scenario["hangs"] and os.getppid() == parent:
        time.sleep(0.5)
    if "boot_id" in command and site.scenario["babbles"].get(host) == _system(node):
        print("Welcome to dahu!\n\033[1mHave a lot of fun")
        raise SystemExit(0)
    unshare = ["unshare", "--mount", "--uts", *(["--map-root-user"] if os.getuid() else [])]
    keeps = "" if host in site.scenario["no_files"] else "yes"
    words = [node, user, site.home(), command, site.scenario["unseen"], keeps]
    os.execvp("unshare", [*unshare, "sh", "-c", ENTER, "node", *words])


def systemctl(site: Site, arguments: list[str]) -> None:
    """`start default.target`, `is-active`, `show`, `kexec`, as far as a node needs them."""
    node, host = os.environ["NODE"], os.environ["NODE_HOST"]
    words = [word for word in arguments if not word.startswith("-")]
    site.log("systemctl", [host, *arguments])
    target = os.path.join(node, "target")
    if words[:2] == ["start", "default.target"]:
        with open(os.path.join(node, "name"), encoding="utf-8") as file:
            named = file.read().strip() != host.split(".")[0]
        if not named and not os.path.exists(os.path.join(node, "run", "nxcc", "node")):
            site.log("mistake", [host, "default.target was started before the node knew its name"])
        if not os.path.exists(target):
            with open(target, "w", encoding="utf-8") as file:
                file.write(str(time.time()))
        return
    if words[:1] == ["is-active"]:
        state = "active" if os.path.exists(target) else "inactive"
        if "--quiet" not in arguments and "-q" not in arguments:
            print(state)
        raise SystemExit(0 if state == "active" else 3)
    if words[:1] == ["show"]:
        print("LoadState=loaded")
        return
    if words[:1] in (["try-restart"], ["daemon-reload"]):
        return
    if words[:1] == ["kexec"]:
        _jump(site, node, host)
        return
    if words[:1] in (["list-units"], ["is-system-running"]) or "--failed" in arguments:
        return
    sys.stderr.write(f"systemctl: the stand-in does not play {arguments}\n")
    raise SystemExit(1)


def ready(site: Site) -> None:
    """nxcc-ready: some time after the default target was started."""
    node, host = os.environ["NODE"], os.environ["NODE_HOST"]
    try:
        with open(os.path.join(node, "target"), encoding="utf-8") as file:
            started = float(file.read())
    except FileNotFoundError:
        sys.stderr.write("not ready: multi-user.target is not active\n")
        raise SystemExit(1) from None
    if host in site.scenario["never_ready"] or time.time() < started + site.scenario["ready_after"]:
        sys.stderr.write("not ready: nothing listens on port 80\n")
        raise SystemExit(1)
    site.log("ready", [host])


def file_systems(site: Site, program: str, arguments: list[str]) -> None:
    """`mount -i -t nfs -o OPTIONS SOURCE PLACE` by a kernel that knows NFS up to 4.0, modprobe, `mountpoint -q PLACE`.

    Nothing is mounted: what is said to be stands in the node's file ``mounted``.
    """
    node, host = os.environ["NODE"], os.environ["NODE_HOST"]
    site.log(program, [host, *arguments])
    path = os.path.join(node, "mounted")
    if program == "mountpoint":
        try:
            with open(path, encoding="utf-8") as file:
                raise SystemExit(0 if arguments[-1] in file.read().splitlines() else 32)
        except FileNotFoundError:
            raise SystemExit(32) from None
    if program == "modprobe":
        return
    # Without mount.nfs the kernel wants the server's address as an option, and resolves no names.
    options = dict(word.partition("=")[::2] for word in arguments[4].split(",")) if len(arguments) == 7 else {}
    if arguments[:4] != ["-i", "-t", "nfs", "-o"] or not options.get("addr", "").replace(".", "").isdigit():
        sys.stderr.write(f"mount: the stand-in does not play {arguments}\n")
        raise SystemExit(1)
    if host in site.scenario["no_mount"] or options.get("vers") not in ("3", "4.0"):
        sys.stderr.write(f"mount: {arguments[6]}: mount(2) system call failed: Protocol not supported.\n")
        raise SystemExit(32)
    with open(path, "a", encoding="utf-8") as file:
        file.write(arguments[6] + "\n")


def kexec(site: Site, arguments: list[str]) -> None:
    """`kexec -l KERNEL --initrd=FILE --append=LINE` loads, `-e` jumps. The real one runs in tests with QEMU."""
    node, host = os.environ["NODE"], os.environ["NODE_HOST"]
    site.log("kexec", [host, *arguments])
    loaded = os.path.join(node, "loaded")
    if "-e" in arguments:
        _jump(site, node, host)
        return
    append = next((word.partition("=")[2] for word in arguments if word.startswith("--append=")), "")
    initrds = [word.partition("=")[2] for word in arguments if word.startswith("--initrd=")]
    kernel = next((word for word in arguments if not word.startswith("-")), "")
    if len(append) > 2046:
        sys.stderr.write(f"Cannot load {kernel}\n")
        raise SystemExit(255)
    for path in (kernel, *initrds):
        if not os.access(path, os.R_OK):
            sys.stderr.write(f"Cannot open `{path}': No such file or directory\n")
            raise SystemExit(255)
    with open(loaded, "w", encoding="utf-8") as file:
        file.write(append)


def _jump(site: Site, node: str, host: str) -> None:
    try:
        with open(os.path.join(node, "loaded"), encoding="utf-8") as file:
            line = file.read()
    except FileNotFoundError:
        sys.stderr.write("Nothing has been loaded!\n")
        raise SystemExit(1) from None
    if host in site.scenario["no_kexec"]:
        return
    # Inside the node's namespace nothing is removed: the next connection boots it, from outside.
    with open(os.path.join(node, "jump"), "w", encoding="utf-8") as file:
        file.write(line)


def _land(site: Site, node: str, host: str) -> None:
    """Boots what a node has jumped to."""
    with site.locked():
        try:
            with open(os.path.join(node, "jump"), encoding="utf-8") as file:
                line = file.read()
        except FileNotFoundError:
            return
        keys = os.path.join(site.folder, f"keys.{host}")
        with open(keys, "w", encoding="utf-8") as file:
            for word in line.split():
                if word.startswith("nxcc.key="):
                    file.write(f"ssh-ed25519 {word.partition('=')[2]} nxcc\n")
        boot(site, host, "kexec", keys=keys, params=line)


def sudo(site: Site, arguments: list[str]) -> None:
    """sudo-g5k: root on a standard node for the user of a job that has the whole node."""
    host = os.environ["NODE_HOST"]
    mine = {one for job in site.jobs().values() if job["state"] == "Running" for one in job["hosts"]}
    if host not in mine:
        sys.stderr.write("sudo-g5k: this node is not entirely reserved by you\n")
        raise SystemExit(1)
    site.log("sudo-g5k", [host, *arguments])
    if not arguments:
        return
    os.environ["USER"] = "root"
    os.environ["HOME"] = os.path.join(os.environ["NODE"], "root")
    os.execvp(arguments[0], arguments)
