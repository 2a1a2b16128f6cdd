"""kadeploy3 and kaenv3, after bin/ and lib/ of Kadeploy 3.3.11."""

from __future__ import annotations

import getopt
import json
import lzma
import os
import posixpath
import re
import signal
import sys
import tarfile
import time
from typing import Any
from urllib.parse import urlsplit

from grid5000 import descriptions
from grid5000.site import Site, fail

# What the clusters' configurations (supported_fs) have.
FILESYSTEMS = ("ext2", "ext3", "ext4", "btrfs", "xfs", "ext4-1.40")

_OPTIONS = ("a:b:c:e:kp:r:u:f:m:n:o:s:V:w:dh", (
    "env-file= block-device= boot-partition= env-name= partition-number= reformat-tmp= env-user= file= machine= "
    "output-ko-nodes= output-ok-nodes= script= verbose-level= vlan= env-version= no-kexec no-wait wait force "
    "write-workflow-id= reboot-classical-timeout= reboot-kexec-timeout= custom-steps= secure no-secure key= help "
    "disable-bootloader-install disable-disk-partitioning env-arch="
).split())  # fmt: skip
_LONG = {"-a": "--env-file", "-b": "--block-device", "-c": "--boot-partition", "-e": "--env-name",
         "-p": "--partition-number", "-r": "--reformat-tmp", "-u": "--env-user", "-f": "--file", "-m": "--machine",
         "-n": "--output-ko-nodes", "-o": "--output-ok-nodes", "-s": "--script", "-V": "--verbose-level",
         "-k": "--key"}  # fmt: skip


def _newer(site: Site) -> bool:
    return str(site.facts.get("kadeploy", "3.3.11")) != "3.3.11"


def _uri(path: str) -> None:
    """Ruby's URI takes neither blanks nor anything that is not ASCII."""
    if not re.fullmatch(r"[!#$%&'()*+,./0-9:;=?@A-Za-z_~\[\]-]*", path):
        fail(f"bad URI(is not URI?): {path} (URI::InvalidURIError)")


def _description(site: Site, path: str) -> tuple[Any, dict[str, Any]]:
    _uri(path)
    if not os.access(path, os.R_OK):
        fail(f"The file {path} cannot be read")
    try:
        data = descriptions.load(path)
        facts, warnings = descriptions.check(data, _newer(site))
    except descriptions.Refused as refused:
        for line in refused.warnings:
            print(line)
        fail(str(refused))
    for line in warnings:
        print(line)
    return data, facts


def kadeploy3(site: Site, arguments: list[str]) -> None:
    # -k takes its file optionally, as OptionParser does: the next word, unless it begins with a dash.
    words = []
    rest = iter(arguments)
    for word in rest:
        if word == "-k":
            following = next(rest, "")
            words += ["--key", "" if following.startswith("-") or not following else following]
            words += [following] if following.startswith("-") else []
        else:
            words.append(word)
    try:
        options, positional = getopt.gnu_getopt(words, *_OPTIONS)
    except getopt.GetoptError as error:
        fail(f"Option parsing error: invalid option: {error.opt}")
    given = {_LONG.get(option, option): value for option, value in options}
    nodes: list[str] = []
    for option, value in options:
        if option in ("-f", "--file"):
            nodes += _machine_file(value)
        elif option in ("-m", "--machine"):
            nodes += _expand(value)
    facts: dict[str, Any] = {}
    if "--env-file" in given:
        _, facts = _description(site, given["--env-file"])
    for name in ("--output-ok-nodes", "--output-ko-nodes"):
        if name in given:
            try:
                with open(given[name], "w", encoding="utf-8"):
                    pass
            except OSError:
                fail(f"Cannot create the file '{given[name]}'")
    if not re.fullmatch(r"\d*", given.get("--partition-number", "")):
        fail("Option parsing error: invalid argument: -p " + given["--partition-number"])
    key = given.get("--key")
    if key == "":
        key = os.path.expanduser("~/.ssh/authorized_keys")
    if key is not None:
        _uri(key)
    if key is not None and not os.access(key, os.R_OK):
        fail(f"The file {key} cannot be read")
    if site.scenario["server_down"]:
        fail(f"The kadeploy.{site.name}.grid5000.fr server is unreachable")
    if not nodes and not positional:
        fail("No node is chosen")
    ok, ko = given.get("--output-ok-nodes"), given.get("--output-ko-nodes")
    if ok and ok == ko:
        fail("The files used for the output of the OK and the KO nodes cannot be the same")
    if "--env-name" in given:
        recorded = _recorded(site, given["--env-name"], given.get("--env-version"))
        if not recorded:
            fail(f"The environment '{given['--env-name']}' does not exist")
        facts, _ = descriptions.check(recorded["description"], _newer(site))
        if recorded["size"] != os.path.getsize(facts["image"]["file"]):
            fail("Invalid file (error #5)\nThe checksum of the image changed since the environment was recorded")
    if not facts:
        fail("You must choose an environment")
    _deploy(site, facts, list(dict.fromkeys(nodes)), key, given)


def _machine_file(path: str) -> list[str]:
    if path != "-" and not os.access(path, os.R_OK):
        fail(f"The file {path} cannot be read")
    with open(0 if path == "-" else path, encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.strip() and not re.match(r"\s*#", line)]
    return [host for line in lines for host in _expand(line)]


def _expand(host: str) -> list[str]:
    if not re.fullmatch(r"[A-Za-z0-9.\-\[\],]*", host):
        fail(f"Invalid hostname: {host}")
    found = re.fullmatch(r"(.*)\[([\d,-]+)\](.*)", host)
    if not found:
        return [host]
    hosts = []
    for part in found[2].split(","):
        first, _, last = part.partition("-")
        hosts += [f"{found[1]}{number}{found[3]}" for number in range(int(first), int(last or first) + 1)]
    return hosts


def _deploy(site: Site, facts: dict[str, Any], nodes: list[str], key: str | None, given: dict[str, str]) -> None:
    unknown = [host for host in nodes if host not in site.nodes]
    if unknown:
        fail(f"The nodes {', '.join(unknown)} does not belongs to any server")
    mine = {
        host
        for job in site.jobs().values()
        if job["state"] == "Running" and "deploy" in job["types"]
        for host in job["hosts"]
    }
    if not mine.issuperset(nodes):
        fail(
            "You do not have sufficient rights to perform the operation on all the nodes (error #6)\n"
            + ", ".join(host for host in nodes if host not in mine)
        )
    if facts["image"]["kind"] == "tar" and facts["filesystem"] not in FILESYSTEMS:
        fail(f"Invalid options (error #4)\nThe filesystem '{facts['filesystem']}' is not supported by the cluster")
    image = _image(facts)
    for one in facts["postinstalls"]:
        if urlsplit(one["archive"]).scheme == "":
            _local(one["archive"])
    number = site.facts.get("workflow", "D-5b4c3a")
    seconds = 10_000 if site.scenario["deploy_hangs"] else site.scenario["deploy_seconds"]
    nodes = _take(site, nodes, seconds)
    print(f"Deployment #{number} started")
    sys.stdout.flush()
    why = _kernel_files(image, facts)
    time.sleep(seconds)
    done, failed = [], {}
    for host in nodes:
        with site.locked():
            counts = os.path.join(site.folder, "ko-count")
            try:
                with open(counts, encoding="utf-8") as file:
                    used = json.load(file)
            except FileNotFoundError:
                used = {}
            if why:
                failed[host] = why
            elif used.get(host, 0) < site.scenario["ko"].get(host, 0):
                used[host] = used.get(host, 0) + 1
                failed[host] = "BootNewEnv-wait_reboot: Timeout"
            else:
                from grid5000.nodes import boot

                boot(site, host, f"deployed {facts['name']}", keys=key, params=facts["kernel_params"])
                if "--vlan" in given:
                    with open(os.path.join(site.node(host), "vlan"), "w", encoding="utf-8") as file:
                        file.write(given["--vlan"])
                done.append(host)
            with open(counts, "w", encoding="utf-8") as file:
                json.dump(used, file)
    _give_back(site)
    print(f"Deployment #{number} done\n")
    # Exit 0 whatever happened to the nodes: the client tells it in what it prints, and in the two files.
    for name, hosts, text in (
        ("--output-ok-nodes", done, "The deployment is successful on nodes"),
        ("--output-ko-nodes", list(failed), "The deployment failed on nodes"),
    ):
        if not hosts:
            continue
        print(text)
        for host in hosts:
            print(host if hosts is done else f"{host} ({failed[host]})")
        if name in given:
            with open(given[name], "a", encoding="utf-8") as file:
                file.write("\n".join(hosts) + "\n")


def _take(site: Site, nodes: list[str], seconds: float) -> list[str]:
    """The nodes that are in no deployment of the server's, which are in this one from now on.

    The client tells the server to stop at SIGINT alone: at any other end of it the deployment goes on.
    """

    def stop(*_: Any) -> None:
        # Ruby runs no trap within a trap, and `timeout` sends its signal twice: to its child and to its group.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("\nSIGINT trapped")
        sys.stdout.flush()
        _give_back(site)
        os._exit(1)

    with site.locked():
        running = _running(site)
        nodes = [node for node in nodes if not any(node in entry["nodes"] for entry in running.values())]
        if not nodes:
            fail("No element has been modified (error #14)\nAll the nodes have been discarded ...")
        running[str(os.getpid())] = {"nodes": nodes, "until": time.time() + seconds + 30}
        _note(site, running)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return nodes


def _give_back(site: Site) -> None:
    with site.locked():
        running = _running(site)
        running.pop(str(os.getpid()), None)
        _note(site, running)


def _running(site: Site) -> dict[str, Any]:
    return {number: entry for number, entry in site.deployments().items() if entry["until"] > time.time()}


def _note(site: Site, running: dict[str, Any]) -> None:
    with open(os.path.join(site.folder, "deployments.json"), "w", encoding="utf-8") as file:
        json.dump(running, file)


def _local(path: str) -> str:
    path = os.path.abspath(path)
    if not os.access(path, os.R_OK):
        fail(f"Cannot read file '{path}'")
    return path


def _image(facts: dict[str, Any]) -> str:
    """The image's file, where the client must be able to read it; '' where the server fetches it."""
    url = urlsplit(facts["image"]["file"])
    if url.scheme in ("", "local"):
        return _local(url.path)
    if url.scheme not in ("http", "https", "server"):
        file = facts["image"]["file"]
        fail(f"Invalid file (error #5)\nUnable to grab the file '{file}', unknown protocol {url.scheme}")
    return ""


def _kernel_files(image: str, facts: dict[str, Any]) -> str:
    """Why the image cannot be booted; '' where it can. Unpacks it as the node would, links re-rooted."""
    if not image:
        return ""
    mode = {"gzip": "r:gz", "bzip2": "r:bz2", "xz": "r:xz"}.get(facts["image"]["compression"])
    if mode is None:
        return ""  # zstd: Python has none
    try:
        with tarfile.open(image, mode) as archive:  # type: ignore[call-overload]
            members = {posixpath.normpath("/" + member.name): member for member in archive.getmembers()}
    except (tarfile.TarError, EOFError, lzma.LZMAError, OSError):
        return "BroadcastEnv-send_environment: the image cannot be decompressed"
    for what, path in (("kernel", facts["kernel"]), ("initrd", facts["initrd"])):
        if what == "initrd" and not path:
            continue
        found = _follow(members, path)
        if found is None:
            return f"Environment {what} file {path} not found in tarball"
    return ""


def _follow(members: dict[str, tarfile.TarInfo], path: str) -> str | None:
    """A path with all its links resolved inside the archive; None where it leads nowhere."""
    for _ in range(40):
        at = "/"
        parts = [part for part in path.split("/") if part]
        for index, part in enumerate(parts):
            at = posixpath.normpath(posixpath.join(at, part))
            member = members.get(at)
            last = index == len(parts) - 1
            if member is None and last:
                return None
            if member is not None and member.issym():
                if not last:
                    # `cd ${prefix}$dir`: an absolute link in the middle leads out of the tree.
                    return None if member.linkname.startswith("/") else _follow(
                        members, posixpath.join(posixpath.dirname(at), member.linkname, *parts[index + 1 :])
                    )  # fmt: skip
                path = posixpath.join(posixpath.dirname(at), member.linkname)
                break
        else:
            return at
    return None


def _store(site: Site) -> str:
    return os.path.join(site.folder, "environments.json")


def _environments(site: Site) -> list[dict[str, Any]]:
    try:
        with open(_store(site), encoding="utf-8") as file:
            found: list[dict[str, Any]] = json.load(file)
            return found
    except FileNotFoundError:
        return []


def _recorded(site: Site, name: str, version: str | None) -> dict[str, Any] | None:
    found = [one for one in _environments(site) if one["name"] == name]
    found = [one for one in found if version is None or one["version"] == int(version)]
    return max(found, key=lambda one: int(one["version"])) if found else None


# db/db_creation.sql: what the columns of a recorded environment hold.
COLUMNS = {"name": 255, "kernel": 255, "kernel_params": 255, "initrd": 255, "author": 56, "filesystem": 9}


def kaenv3(site: Site, arguments: list[str]) -> None:
    try:
        options, _ = getopt.gnu_getopt(
            arguments,
            "a:d:l:p:st:u:",
            "add= delete= list= print= all-versions visibility-tag= env-user= env-version= yes env-arch=".split(),
        )
    except getopt.GetoptError as error:
        fail(f"Option parsing error: invalid option: {error.opt}")
    given = {{"a": "add", "d": "delete", "l": "list", "p": "print", "s": "all-versions", "u": "env-user",
              "t": "visibility-tag"}.get(option.lstrip("-"), option.lstrip("-")): value
             for option, value in options}  # fmt: skip
    if ("yes" in given or "env-arch" in given) and not _newer(site):
        fail("Option parsing error: invalid option: --yes")
    with site.locked():
        known = _environments(site)
        if "add" in given:
            data, facts = _description(site, given["add"])
            image = _image(facts)
            for name, size in COLUMNS.items():
                if len(facts[name]) > size:
                    fail(f"Database issue (error #20)\nData too long for column '{name}' at row 1")
            if "," in "".join(one["script"] for one in facts["postinstalls"]) and not _newer(site):
                # flatten_postinstall joins with commas: what comes back is another list.
                data["postinstalls"] = [{**one, "script": one["script"].split(",")[0]} for one in data["postinstalls"]]
            if any((one["name"], one["version"]) == (facts["name"], facts["version"]) for one in known):
                fail("Element already exists (error #10)\nAn environment with the name/version already exists")
            size = os.path.getsize(image) if image else 0
            data["image"]["file"] = image or data["image"]["file"]
            entry = {"name": facts["name"], "version": facts["version"], "description": data, "size": size}
            known.append(entry)
        elif "delete" in given:
            # The newer one asks, and nobody answers. Without a version, all of them go.
            if _newer(site) and "yes" not in given:
                fail("Do you really want to delete it? (y/n)")
            version = given.get("env-version")
            kept = [
                one
                for one in known
                if one["name"] != given["delete"] or (version is not None and one["version"] != int(version))
            ]
            if len(kept) == len(known):
                fail(f"No element has been modified (error #14)\nno environment {given['delete']}")
            known = kept
        elif "list" in given or "print" in given:
            name = given.get("list") or given.get("print")
            for one in known:
                if one["name"] == name:
                    print(f"{one['name']:<21} {one['version']:<7} {site.user:<11}")
            if not any(one["name"] == name for one in known):
                print("No environment has been found")
            return
        else:
            fail("You must choose an operation")
        with open(_store(site), "w", encoding="utf-8") as file:
            json.dump(known, file)
