"""Docker Compose: a service a node, one small file more for each kind of engine, and ``run``.

Formats: the Compose specification (https://github.com/compose-spec/compose-spec) as Docker Compose 2.20 and newer
and podman-compose read it. docs/flavours/docker.md says what the images hold and what a node finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from nxcc.flavours.base import Flavour, Setting, script, secret_files, secrets_of, setting
from nxcc.model.environment import holds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nxcc.bundle import File
    from nxcc.diagnostics.core import Span
    from nxcc.model.environment import Environment, Node, Role, Share

NAME = "docker"

# Where every node finds what the launching machine gives it; a tmpfs that root alone may enter.
HOST = "/run/nxcc/host"

# `run` is the rendered run.sh.j2 (what depends on the environment) and these templates as they are, in this order.
RUN_PARTS = (
    "run/base",
    "run/options",
    "docker/engine",
    "run/built",
    "docker/images",
    "run/secrets",
    "run/ports",
    "docker/up",
    "docker/down",
    "run/fetch",
    "docker/nodes",
    "run/test",
    "docker/main",
)

# Compose files beside docker-compose.yml, for what engines do differently; `run` picks one of them.
CGROUP_CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "cgroup-v2": (
        "Docker 28 and newer on cgroup v2: each node has a cgroup tree of its own that it may write.",
        {"cgroup": "private", "security_opt": ["writable-cgroups=true"]},
    ),
    "cgroup-v2-older": (
        "Docker before 28 on cgroup v2: its private cgroup trees are read-only, so the nodes write the host's.",
        {"cgroup": "host", "volumes": ["/sys/fs/cgroup:/sys/fs/cgroup:rw"]},
    ),
    "cgroup-v1": (
        "cgroup v1: private trees without a mount; with one, systemd in a node remounts the host's read-only.",
        {"cgroup": "private"},
    ),
}


class Docker(Flavour):
    """Containers with systemd, started by Docker Compose."""

    name: ClassVar[str] = NAME
    platform: ClassVar[str] = "local, containers"
    summary: ClassVar[str] = "Docker Compose: one service a node, images built by Nix"
    tools: ClassVar[tuple[str, ...]] = ("docker", "docker compose")
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            "store",
            "word",
            "where the nodes' files come from: an image for each role, or this machine's own /nix/store",
            ("image", "host"),
            "image",
        ),
        Setting("privileged", "bool", "whether the nodes get every right on the machine", (), "false"),
    )
    role_settings: ClassVar[tuple[str, ...]] = ("privileged",)
    ignores: ClassVar[dict[str, tuple[str, str]]] = {
        "disk": ("warning", "a container's disk is the engine's, and has no size of its own"),
        "kernel": ("warning", "containers run the host's kernel"),
        "kernel-params": ("warning", "containers run the host's kernel"),
        "trust": ("warning", "on the engine's network, nodes reach each other at every port"),
    }

    def losses(self, environment: Environment) -> Iterator[tuple[str, Span, str, str]]:
        """Directories at places that come with a node's image, or are the engine's."""
        for role in environment.roles:
            directories = (("shares", role.shares), ("mounts", role.mounts))
            for kind, facts in directories:
                for fact in facts:
                    if holds(fact, NAME) and (place := _taken(fact.directory)):
                        yield kind, fact.span, "error", f"{place} is made with each container: a volume would hide it"

    def plan(self, environment: Environment) -> list[File]:
        """docker-compose.yml, a file for each cgroup case, .env, the nodes' names, and ``run``."""
        from nxcc.bundle import File
        from nxcc.emit.yaml import document

        def compose_file(data: dict[str, Any], comment: str) -> bytes:
            return document(data, comment=comment, anchors=True).encode()

        about = f"{environment.name}: one service a node. Images: `docker/run build`; all of it: `docker/run up`."
        files = [File("docker/docker-compose.yml", compose_file(_compose(environment), about))]
        for case, (comment, keys) in CGROUP_CASES.items():
            data = {"x-cgroup": keys, "services": {node.name: keys for node in environment.nodes}}
            files.append(File(f"docker/docker-compose.{case}.yml", compose_file(data, comment)))
        files.append(File("docker/.env", _ENV.encode()))
        files.append(File("docker/nodes", _nodes(environment).encode()))
        files.append(File("docker/run", _run(environment).encode(), executable=True))
        return files


def _taken(directory: str) -> str:
    """The one of these places that a directory is, has in it, or is in; "" for none."""
    places = ("/nix/store", "/nxcc", "/run/wrappers")
    below = (place for place in places if f"{directory}/".startswith(f"{place}/") or place.startswith(f"{directory}/"))
    return next(below, "")


_ENV = """\
# What a plain `docker compose` in this folder reads: a current Docker on cgroup v2. `run` chooses by itself.
COMPOSE_FILE=docker-compose.yml:docker-compose.cgroup-v2.yml
COMPOSE_PATH_SEPARATOR=:
"""


def _nodes(environment: Environment) -> str:
    """Lines ``ADDRESS NAME ROLE``; ``-`` stands for an address that only the engine knows."""
    return "".join(
        f"{node.address if environment.network.given else '-'} {node.name} {node.role}\n" for node in environment.nodes
    )


def variable(role: str) -> str:
    """The part of an environment variable's name that stands for a role: ``NXCC_IMAGE_`` + this."""
    return role.upper().replace("-", "_")


def volumes(environment: Environment) -> dict[tuple[str, str], str]:
    """Named volume of each shared directory, by (role, directory)."""
    found: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for role in environment.roles:
        for share in _shares(role):
            words = "".join(c if c.isascii() and c.isalnum() else " " for c in share.directory).split()
            base = name = "-".join([role.name, *words])
            number = 1
            while name in taken:
                number += 1
                name = f"{base}-{number}"
            taken.add(name)
            found[role.name, share.directory] = name
    return found


def _shares(role: Role) -> list[Share]:
    """The directories that the role shares here, each once."""
    unique = {share.directory: share for share in role.shares if holds(share, NAME)}
    return list(unique.values())


def _compose(environment: Environment) -> dict[str, Any]:
    named = volumes(environment)
    services = {
        node.name: _service(environment, role, node, index, named)
        for role in environment.roles
        for index, node in enumerate(role.nodes)
    }
    extensions = _factor(environment, services)
    data: dict[str, Any] = {"name": f"${{NXCC_PROJECT:-{environment.name.lower()}}}", **extensions}
    data["services"] = services
    data["networks"] = {"nodes": _network(environment)}
    if named:
        data["volumes"] = {name: {} for name in named.values()}
    used = {name for role in environment.roles for name in secrets_of(role, NAME)}
    secrets = {
        file: {"file": f"${{NXCC_STATE:?is not set: docker/run sets it and makes the secrets}}/secrets/{file}"}
        for secret in environment.secrets
        if secret.name in used
        for file in secret_files(secret.name, secret.kind)
    }
    if secrets:
        data["secrets"] = secrets
    return data


def _service(
    environment: Environment, role: Role, node: Node, index: int, named: dict[tuple[str, str], str]
) -> dict[str, Any]:
    """One node: everything about it, not yet split into what others have too; ``named`` are all volumes."""
    from nxcc.emit.yaml import compose_escape

    host_store = setting(environment, NAME, "store", "image") == "host"
    image = f"nxcc/{environment.name}-{role.name}:latest".lower()
    service: dict[str, Any] = {
        "image": "nxcc/base:1" if host_store else f"${{NXCC_IMAGE_{variable(role.name)}:-{image}}}",
        "pull_policy": "never",
        "hostname": node.name,
        "command": ["/sbin/init"],
        "environment": {"container": "docker"},
        "tty": True,
        "stop_signal": "SIGRTMIN+3",
        "stop_grace_period": "30s",
    }
    if setting(environment, NAME, "privileged", "false", role.name).lower() == "true":
        service["privileged"] = True
    linked = any(role.name == link.source for link in environment.links)
    service["cap_add"] = ["SYS_ADMIN", "NET_ADMIN"] if linked else ["SYS_ADMIN"]
    # Hosts with AppArmor would refuse every mount in a node, whatever its capabilities; others take no notice.
    service["security_opt"] = ["apparmor=unconfined"]
    # The first node's directory is the one that others mount, as with NFS; its siblings keep their own.
    shared = _shares(role) if index == 0 else []
    mounts = {mount.directory: mount for mount in role.mounts if holds(mount, NAME)}
    # Of a volume and a tmpfs at one place the engine takes the tmpfs, and says nothing.
    has_tmp = "/tmp" in mounts or any(share.directory == "/tmp" for share in shared)
    service["tmpfs"] = [
        "/run:mode=755",
        "/run/wrappers:exec,suid,mode=755",
        *(() if has_tmp else ("/tmp:exec,mode=1777",)),
        f"{HOST}:mode=700",
    ]
    service.update(_limits(role))
    service["networks"] = {"nodes": {"aliases": [node.name]}}
    if environment.network.given:
        service["networks"]["nodes"]["ipv4_address"] = node.address
    ports = [
        {
            "target": publish.node_port,
            "host_ip": publish.address,
            "published": f"${{NXCC_PORT_{publish.host_port + index}:-{publish.host_port + index}}}",
            "protocol": publish.protocol,
        }
        for publish in role.publish
        if holds(publish, NAME)
    ]
    if ports:
        service["ports"] = ports
    service["volumes"] = [_bind("./nodes", "/run/nxcc/nodes")]
    if host_store:
        service["volumes"].append(_bind("/nix/store", "/nix/store"))
        toplevel = f"${{NXCC_TOPLEVEL_{variable(role.name)}:?is not set: docker/run sets it after a build}}"
        service["volumes"].append(_bind(toplevel, "/nxcc/system"))
    for share in shared:
        service["volumes"].append(_volume(named[role.name, share.directory], compose_escape(share.directory)))
    shares = {name: _shares(environment.role(name)) for name in {mount.role for mount in mounts.values()}}
    read_only = {(name, share.directory) for name, found in shares.items() for share in found if share.read_only}
    for mount in mounts.values():
        place = (mount.role, mount.source)
        volume = _volume(named[place], compose_escape(mount.directory), place in read_only)
        service["volumes"].append(volume)
    kinds = {secret.name: secret.kind for secret in environment.secrets}
    secrets = [
        {"source": file, "target": f"{HOST}/secrets/{file}"}
        for name in secrets_of(role, NAME)
        for file in secret_files(name, kinds[name])
    ]
    if secrets:
        service["secrets"] = secrets
    before = [fact.role for fact in role.after if holds(fact, NAME)]
    before += [fact.role for fact in role.mounts if holds(fact, NAME) and fact.role != role.name]
    if before:
        service["depends_on"] = {
            other.name: {"condition": "service_healthy"}
            for name in dict.fromkeys(before)
            for other in environment.role(name).nodes
        }
    service["healthcheck"] = {
        "test": ["CMD", "/bin/sh", "-c", compose_escape(health_check(role))],
        "interval": "3s",
        "timeout": "30s",
        "retries": 3,
        # Failures do not count before the first success; how long to wait for that is for the one who starts it.
        "start_period": "1h",
    }
    return service


def _bind(source: str, target: str) -> dict[str, Any]:
    bind = {"create_host_path": False}
    return {"type": "bind", "source": source, "target": target, "read_only": True, "bind": bind}


def _volume(source: str, target: str, read_only: bool = False) -> dict[str, Any]:
    volume: dict[str, Any] = {"type": "volume", "source": source, "target": target}
    if read_only:
        volume["read_only"] = True
    return volume


def _limits(role: Role) -> dict[str, Any]:
    """``cpus`` in processors, ``mem_limit`` in bytes; what is given later wins."""
    limits: dict[str, Any] = {}
    for resources in role.resources:
        if holds(resources, NAME):
            if resources.cpus is not None:
                limits["cpus"] = resources.cpus
            if resources.memory is not None:
                limits["mem_limit"] = resources.memory
    return limits


def _network(environment: Environment) -> dict[str, Any]:
    network = environment.network
    if not network.given:
        return {}
    from ipaddress import IPv4Network

    # The engine takes an address for itself, by default the first one, which may well be a node's.
    subnet = IPv4Network(network.subnet)
    taken = {node.address for node in environment.nodes}
    gateway = subnet.broadcast_address - 1
    while str(gateway) in taken:
        gateway -= 1
    return {"ipam": {"config": [{"subnet": network.subnet, "gateway": str(gateway)}]}}


def health_check(role: Role) -> str:
    """A POSIX sh script that fails, and says why, until the node is ready.

    It uses nothing but sh and systemctl: a NixOS container has /bin/sh and /run/current-system/sw/bin, and the port's
    state stands in /proc/net/tcp (proc_net_tcp.txt of the kernel: local address, hexadecimal port, state 0A listens).
    """
    from nxcc.emit.shell import word

    ready = [fact for fact in role.ready if holds(fact, NAME)]
    lines = ["PATH=/run/wrappers/bin:/run/current-system/sw/bin:/usr/bin:/bin:/usr/sbin:/sbin", "export PATH"]
    lines.append('missing() { echo "not ready: $1"; exit 1; }')
    if any(fact.kind == "port" for fact in ready):
        lines += [
            "listens() {",
            "  for table in /proc/net/tcp /proc/net/tcp6; do",
            '    [ -r "$table" ] || continue',
            "    while read -r _ address _ state _; do",
            '      case "$address $state" in *:"$1 0A") return 0 ;; esac',
            '    done <"$table"',
            "  done",
            "  return 1",
            "}",
        ]
    for fact in ready:
        if fact.kind == "port":
            port = int(fact.argument)
            lines.append(f"listens {port:04X} || missing 'nothing listens on port {port}'")
        elif fact.kind == "unit":
            said = word(f"{fact.argument} is not active")
            lines.append(f"systemctl is-active --quiet -- {word(fact.argument)} || missing {said}")
        else:
            lines.append(f"sh -c {word(fact.argument)} || missing {word('this fails: ' + fact.argument)}")
    if not ready:
        lines.append(
            "systemctl is-active --quiet multi-user.target || missing 'multi-user.target has not been reached'"
        )
    return "\n".join(lines) + "\n"


def _factor(environment: Environment, services: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Move what all nodes, and what all nodes of one role, have in common into extension fields.

    ``services`` is changed in place: a service keeps what is its own and merges the rest (``<<``).
    """
    from nxcc.emit.yaml import MERGE

    if len(services) < 2:
        return {}
    everyone = _common(list(services.values()))
    extensions: dict[str, Any] = {"x-every-node": everyone}
    for role in environment.roles:
        base = everyone
        if len(role.nodes) > 1:
            shared = _common([services[node.name] for node in role.nodes])
            own = {key: value for key, value in shared.items() if key not in everyone}
            if own:
                base = {MERGE: everyone, **own}
                extensions[f"x-role-{role.name}"] = base
        known = {*everyone, *base}
        for node in role.nodes:
            service = services[node.name]
            services[node.name] = {MERGE: base, **{key: value for key, value in service.items() if key not in known}}
    return extensions


def _common(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    first, *others = nodes
    return {key: value for key, value in first.items() if all(key in o and o[key] == value for o in others)}


def _run(environment: Environment) -> str:
    from nxcc.bundle import JOURNAL
    from nxcc.emit.shell import templates

    used = {name for role in environment.roles for name in secrets_of(role, NAME)}
    links = environment.links
    emulated = any(fact is not None for link in links for fact in (link.delay, link.jitter, link.loss))
    head = (
        templates()
        .get_template("docker/run.sh.j2")
        .render(
            name=environment.name,
            store=setting(environment, NAME, "store", "image"),
            nodes=[f"{node.name} {node.role}" for node in environment.nodes],
            roles=[f"{role.name} {variable(role.name)}" for role in environment.roles],
            shaping=[role.name for role in environment.roles if any(link.source == role.name for link in links)],
            queues=["htb default 0", "netem delay 1ms"] if emulated else ["htb default 0"],
            ports=[
                str(publish.host_port + index)
                for role in environment.roles
                for publish in role.publish
                if holds(publish, NAME)
                for index in range(len(role.nodes))
            ],
            secrets=[f"{secret.name} {secret.kind}" for secret in environment.secrets if secret.name in used],
            files=[(secret.name, secret.file) for secret in environment.secrets if secret.name in used and secret.file],
            journal=JOURNAL,
            tests=bool(environment.tests),
        )
    )
    return script(head, RUN_PARTS)
