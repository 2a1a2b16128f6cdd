"""What the flavours of virtual machines have in common: a launch script a node, and ``run``.

The command lines are QEMU's, https://www.qemu.org/docs/master/system/invocation.html; docs/nodes.md says what a node
finds, and what the build that it boots from looks like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from nxcc.flavours.base import Flavour, Setting, script, secrets_of, setting
from nxcc.model.environment import holds
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import jinja2

    from nxcc.bundle import File
    from nxcc.diagnostics.core import Span
    from nxcc.model.environment import Environment, Node, Publish, Role

# `run` is the rendered run.sh.j2 (what depends on the environment) and these templates as they are, in this order.
RUN_PARTS = (
    "run/base",
    "run/options",
    "run/built",
    "run/copy",
    "vm/build",
    "run/secrets",
    "run/ports",
    "run/ssh",
    "vm/qemu",
    "vm/prepare",
    "vm/up",
    "vm/down",
    "run/fetch",
    "vm/nodes",
    "run/test",
    "vm/main",
)

MIB = 1024 * 1024

# Networks for the way between a node and this machine, apart from the nodes' own; the first is QEMU's default.
OUTSIDE = ("10.0.2.0/24", "192.168.77.0/24", "172.31.77.0/24")


class Machine(NamedTuple):
    """A kind of processor: the name of its QEMU, the machine that QEMU plays, and what makes a console called ttyS0."""

    qemu: str
    type: str
    console: tuple[str, str]


MACHINES = {
    "x86_64-linux": Machine("x86_64", "pc", ("-serial", "chardev:console")),
    "aarch64-linux": Machine("aarch64", "virt,gic-version=max", ("-device", "pci-serial,chardev=console")),
}


class Sizes(NamedTuple):
    """What a role's machines get: ``memory`` in MiB, 0 for what its ramdisk needs; ``disk`` in bytes, 0 for none."""

    cpus: int
    memory: int
    disk: int


class Machines(Flavour):
    """Virtual machines of QEMU on this machine. ``store`` is where their files come from: host or ramdisk."""

    platform: ClassVar[str] = "local, QEMU"
    tools: ClassVar[tuple[str, ...]] = ("QEMU", "OpenSSH")
    store: ClassVar[str]
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("restrict", "bool", "whether nodes are kept from everything outside the environment", (), "true"),
        Setting(
            "accel",
            "word",
            "what runs the nodes: KVM where it works, or one of the two",
            ("auto", "kvm", "tcg"),
            "auto",
        ),
    )
    role_settings: ClassVar[tuple[str, ...]] = ("restrict",)

    def losses(self, environment: Environment) -> Iterator[tuple[str, Span, str, str]]:
        """Systems that no machine is known for, addresses that QEMU does not listen on, parts of a processor."""

        nixpkgs = environment.nixpkgs
        if nixpkgs.span and nixpkgs.system not in MACHINES:
            yield "system", nixpkgs.span, "error", f"{self.name} has machines for {' and '.join(MACHINES)}"
        for role in environment.roles:
            for publish in role.publish:
                if holds(publish, self.name) and ":" in publish.address:
                    yield "publish", publish.span, "error", "QEMU forwards ports of IPv4 addresses only"
            for resources in role.resources:
                if holds(resources, self.name) and resources.cpus is not None and resources.cpus % 1:
                    said = f"a machine has whole processors: this one gets {_ceil(resources.cpus)}"
                    yield "cpus", resources.span, "warning", said

    def plan(self, environment: Environment) -> list[File]:
        """The nodes' names and addresses, a launch script a node, and ``run``."""
        from nxcc.bundle import File
        from nxcc.emit.shell import templates

        shell = templates()
        lines = "".join(f"{node.address} {node.name} {node.role}\n" for node in environment.nodes)
        files = [File(f"{self.name}/nodes", lines.encode())]
        template = shell.get_template("vm/node.sh.j2")
        for role in environment.roles:
            for index, node in enumerate(role.nodes):
                text = template.render(self._node(environment, role, node, index))
                files.append(File(f"{self.name}/node/{node.name}.sh", text.encode(), executable=True))
        files.append(File(f"{self.name}/run", self._run(environment, shell).encode(), executable=True))
        return files

    def _node(self, environment: Environment, role: Role, node: Node, index: int) -> dict[str, Any]:
        machine = MACHINES[environment.nixpkgs.system]
        found = sizes(role, self.name)
        restrict = setting(environment, self.name, "restrict", "true", role.name).lower() == "true"
        outside = f"net={_outside(environment)},ipv6=off,restrict={'on' if restrict else 'off'}"
        return {
            "flavour": self.name,
            "store": self.store,
            "environment": environment.name,
            "name": node.name,
            "role": role.name,
            "number": node.number,
            "address": f"{node.address}/{environment.network.subnet.partition('/')[2]}",
            "mac": f"{node.number >> 8:02x}:{node.number & 255:02x}",
            "machine": machine.qemu,
            "type": machine.type,
            "console": machine.console,
            "cpus": found.cpus,
            "memory": found.memory,
            "disk": bool(found.disk),
            "outside": outside,
            "forwards": [
                {
                    "protocol": publish.protocol,
                    "address": publish.address,
                    "host_port": publish.host_port + index,
                    "node_port": publish.node_port,
                }
                for publish in _published(role, self.name)
            ],
        }

    def _run(self, environment: Environment, shell: jinja2.Environment) -> str:
        from nxcc.bundle import JOURNAL

        reads = {role.name: secrets_of(role, self.name) for role in environment.roles}
        used = {name for names in reads.values() for name in names}
        published = [
            f"{node.name} {publish.protocol} {publish.address} {publish.host_port + index} {publish.node_port}"
            for role in environment.roles
            for index, node in enumerate(role.nodes)
            for publish in _published(role, self.name)
        ]
        head = shell.get_template("vm/run.sh.j2").render(
            flavour=self.name,
            store=self.store,
            name=environment.name,
            machine=MACHINES[environment.nixpkgs.system].qemu,
            board=MACHINES[environment.nixpkgs.system].type,
            nodes=[f"{node.name} {node.role} {node.number} {node.address}" for node in environment.nodes],
            roles=[role.name for role in environment.roles],
            waits=[" ".join((role.name, *waits(role, self.name))) for role in environment.roles],
            reads=[" ".join((name, *names)) for name, names in reads.items() if names],
            disks=[f"{role.name} {disk}" for role in environment.roles if (disk := sizes(role, self.name).disk)],
            published=published,
            ports=list(dict.fromkeys(line.split()[3] for line in published)),
            secrets=[f"{secret.name} {secret.kind}" for secret in environment.secrets if secret.name in used],
            files=[(secret.name, secret.file) for secret in environment.secrets if secret.name in used and secret.file],
            accel=setting(environment, self.name, "accel", "auto"),
            journal=JOURNAL,
            tests=bool(environment.tests),
        )
        return script(head, RUN_PARTS)


def sizes(role: Role, flavour: str) -> Sizes:
    """What the role asks for in a flavour; what is given later wins."""
    cpus, memory, disk = 1, 0, 0
    for resources in role.resources:
        if holds(resources, flavour):
            cpus = _ceil(resources.cpus) if resources.cpus is not None else cpus
            memory = -(-resources.memory // MIB) if resources.memory is not None else memory
            disk = resources.disk if resources.disk is not None else disk
    return Sizes(cpus, memory, disk)


def waits(role: Role, flavour: str) -> list[str]:
    """The roles that must be ready before this one starts: those it comes after, and those it mounts from."""
    found = [fact.role for fact in role.after if holds(fact, flavour)]
    found += [fact.role for fact in role.mounts if holds(fact, flavour) and fact.role != role.name]
    return list(dict.fromkeys(found))


def _published(role: Role, flavour: str) -> list[Publish]:
    return [publish for publish in role.publish if holds(publish, flavour)]


def _ceil(cpus: int | float) -> int:
    return max(1, -int(-cpus // 1))


def _outside(environment: Environment) -> str:
    """A network for the way to this machine that is not the nodes' own."""
    from ipaddress import IPv4Network

    own = IPv4Network(environment.network.subnet)
    return next(net for net in OUTSIDE if not own.overlaps(IPv4Network(net)))
