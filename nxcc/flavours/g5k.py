"""What the flavours of Grid'5000 have in common: settings, the job, kernel parameters, and the shared parts of ``run``.

Formats: oarsub of OAR 2.5 and newer (https://oar.imag.fr), Kadeploy 3.3.11 and what Grid'5000 runs today
(https://www.grid5000.fr). docs/nodes.md says what a node finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from nxcc.flavours.base import Flavour, Setting, script, secrets_of
from nxcc.flavours.machines import waits
from nxcc.model.environment import holds
from nxcc.model.settings import seconds_of
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nxcc.bundle import File
    from nxcc.diagnostics.core import Span
    from nxcc.model.environment import Environment, Role
    from nxcc.model.values import Value

PROVISION = "systemd.unit=nxcc-provision.target"
"""Stops the boot before anything of the role's runs: docs/nodes.md."""

LONGEST = 2046
"""Bytes of a kernel's command line that x86_64 takes, and kexec with it."""

RECORDED = 254
"""Bytes of kernel parameters that Kadeploy keeps of an environment that is registered (a varchar(255))."""

ROOT = "root=/dev/nvme0n1p3 "
"""What Kadeploy puts before the parameters; the longest name of a partition that the site's disks have."""

# OAR's name of the processor for what nixpkgs calls it.
ARCHITECTURES = {"x86_64-linux": "x86_64", "aarch64-linux": "aarch64", "powerpc64le-linux": "ppc64le"}

NAME = r"[a-z][a-z0-9-]*"
# What neither a shell between double quotes nor the kernel reads in another way.
PARAMETER = r"[!#%&()*+,./0-9:;<=>?@A-Z\[\]^_a-z{|}~-]+"

SETTINGS: tuple[Setting, ...] = (
    Setting("site", "word", "the site whose frontend runs `run`", pattern=NAME, expected="the name of a site"),
    Setting("cluster", "word", "the cluster of the nodes", pattern=NAME, expected="the name of a cluster"),
    Setting("walltime", "walltime", "how long the nodes are reserved", default="1h"),
    Setting(
        "queue", "word", "OAR's queue", ("default", "production", "testing", "besteffort", "admin"), default="default"
    ),
    Setting(
        "job-types",
        "string",
        "more types of the job: exotic, besteffort, night, …",
        several=True,
        pattern=r"[a-z_]+(=[A-Za-z0-9_.*:|, -]+)?",
        expected="types of an OAR job, such as exotic",
    ),
    Setting(
        "properties",
        "string",
        "what else holds for the nodes, in SQL",
        pattern=r"[^{}\n]+",
        expected='a condition in SQL, such as "memnode >= 96000"',
    ),
    Setting("project", "word", "the project of the job", pattern=r"[A-Za-z0-9_.-]+", expected="the name of a project"),
    Setting(
        "name", "word", "the name of the job", pattern=r"[A-Za-z0-9_.-]+", expected="a name of letters, digits, . _ -"
    ),
    Setting(
        "kernel-params",
        "string",
        "kernel parameters beside the role's own",
        several=True,
        pattern=PARAMETER,
        expected="kernel parameters in ASCII without blanks, quotes, $, ` and \\",
    ),
    Setting("home", "bool", "whether the nodes mount your home of the site, over NFS", default="false"),
)

ROLE_SETTINGS = ("cluster", "kernel-params")

# `run` is the rendered run.sh.j2 and these templates as they are, in this order; a flavour's own stand in the middle.
RUN_BEFORE = (
    "run/base",
    "run/options",
    "run/built",
    "run/copy",
    "run/secrets",
    "run/ssh",
    "g5k/oar",
    "g5k/nodes",
    "g5k/turns",
    "g5k/provision",
)
RUN_AFTER = ("g5k/site", "run/fetch", "run/test", "g5k/main")


class Parameter(NamedTuple):
    """A kernel parameter with its place in the source."""

    text: str
    span: Span


class Grid5000(Flavour):
    """Nodes of a Grid'5000 site: ``run_parts`` are a flavour's own parts of ``run``."""

    platform: ClassVar[str] = "Grid'5000"
    settings: ClassVar[tuple[Setting, ...]] = SETTINGS
    role_settings: ClassVar[tuple[str, ...]] = ROLE_SETTINGS
    ignores: ClassVar[dict[str, tuple[str, str]]] = {
        "publish": ("warning", "nodes have addresses of the site's, where every port can be reached from the site"),
        "cpus": ("warning", "a node is a whole machine: its cluster says how many processors it has"),
        "memory": ("warning", "a node is a whole machine: its cluster says how much memory it has"),
        "disk": ("warning", "a node is a whole machine: its cluster says which disks it has"),
    }

    run_parts: ClassVar[tuple[str, ...]]

    def prefix(self, environment: Environment, role: Role) -> str:
        """Kernel parameters that `run` gives every node of a role, before its own."""
        raise NotImplementedError

    def run(self, environment: Environment, longest: int, **own: Any) -> File:
        """``run``, where a command line has at most that many bytes; ``own`` is what the head has for this flavour."""
        from nxcc.bundle import File
        from nxcc.emit.shell import templates

        template = templates().get_template("g5k/run.sh.j2")
        head = template.render(facts(environment, self.name), provision=PROVISION, longest=longest, **own)
        text = script(head, (*RUN_BEFORE, *self.run_parts, *RUN_AFTER))
        return File(f"{self.name}/run", text.encode(), executable=True)

    def longest(self, environment: Environment) -> tuple[int, str]:
        """How many bytes the parameters may have, and why."""
        return LONGEST, f"Linux takes {LONGEST}"

    def losses(self, environment: Environment) -> Iterator[tuple[str, Span, str, str]]:
        """Systems that no cluster has, and kernel parameters that do not get to the nodes."""
        import re

        nixpkgs = environment.nixpkgs
        if nixpkgs.span and nixpkgs.system not in ARCHITECTURES:
            yield "system", nixpkgs.span, "error", f"the clusters have {' or '.join(ARCHITECTURES)}"
        most, limit = self.longest(environment)
        for role in environment.roles:
            line = self.prefix(environment, role)
            for parameter in parameters(environment, role, self.name):
                if not re.fullmatch(PARAMETER, parameter.text):
                    why = "a blank, a quote, $, `, \\ or more than ASCII, which cannot be handed on"
                    yield "kernel-params", parameter.span, "error", f"`{parameter.text}` holds {why}"
                    continue
                line += f" {parameter.text}"
                if len(line.encode()) > most:
                    said = f"with it the parameters of role {role.name} have {len(line.encode())} bytes; {limit}"
                    yield "kernel-params", parameter.span, "error", said
                    break


def values_of(environment: Environment, flavour: str, name: str, role: str = "") -> tuple[Value, ...]:
    """All values of a setting: the role's own, else the environment's; () where it is not given."""
    found: tuple[Value, ...] = ()
    for scope in (environment.settings, environment.role(role).settings if role else ()):
        for settings in scope:
            if settings.flavour == flavour:
                for key, values, _ in settings.values:
                    if key == name:
                        found = values
    return found


def text_of(environment: Environment, flavour: str, name: str, default: str = "", role: str = "") -> str:
    """The first value of a setting as text."""
    values = values_of(environment, flavour, name, role)
    return str(values[0]) if values else default


def flag_of(environment: Environment, flavour: str, name: str, default: bool = False) -> bool:
    """A setting that is true or false."""
    values = values_of(environment, flavour, name)
    return bool(values[0]) if values else default


def parameters(environment: Environment, role: Role, flavour: str) -> list[Parameter]:
    """The kernel parameters that the source gives a role's nodes: those of the role, then those of the settings."""
    found = [
        Parameter(text, kernel.span) for kernel in role.kernels if holds(kernel, flavour) for text in kernel.parameters
    ]
    return found + extra_parameters(environment, role, flavour)


def extra_parameters(environment: Environment, role: Role, flavour: str) -> list[Parameter]:
    """The kernel parameters of the settings, which the role's own system does not know."""
    return [
        Parameter(str(value), span)
        for scope in (environment.settings, role.settings)
        for settings in scope
        if settings.flavour == flavour
        for key, values, span in settings.values
        if key == "kernel-params"
        for value in values
    ]


def walltime(environment: Environment, flavour: str) -> str:
    """The walltime as OAR reads it: H:MM:SS."""
    values = values_of(environment, flavour, "walltime")
    seconds = (seconds_of(values[0]) if values else None) or 3600
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def facts(environment: Environment, flavour: str) -> dict[str, Any]:
    """What run.sh.j2 inserts for every flavour of Grid'5000."""
    from nxcc.bundle import JOURNAL

    reads = {role.name: secrets_of(role, flavour) for role in environment.roles}
    used = {name for names in reads.values() for name in names}
    clusters = {role.name: text_of(environment, flavour, "cluster", role=role.name) for role in environment.roles}
    return {
        "flavour": flavour,
        "name": environment.name,
        "job_name": text_of(environment, flavour, "name", environment.name),
        "site": text_of(environment, flavour, "site"),
        "walltime": walltime(environment, flavour),
        "queue": text_of(environment, flavour, "queue", "default"),
        "job_types": [str(value) for value in values_of(environment, flavour, "job-types")],
        "properties": text_of(environment, flavour, "properties"),
        "project": text_of(environment, flavour, "project"),
        "architecture": ARCHITECTURES.get(environment.nixpkgs.system, ""),
        "home": flag_of(environment, flavour, "home"),
        "nodes": [f"{node.name} {node.role} {clusters[node.role] or '-'}" for node in environment.nodes],
        "roles": [role.name for role in environment.roles],
        "waits": [" ".join((role.name, *waits(role, flavour))) for role in environment.roles],
        "extra": [
            " ".join((role.name, *(one.text for one in extra)))
            for role in environment.roles
            if (extra := extra_parameters(environment, role, flavour))
        ],
        "reads": [" ".join((name, *names)) for name, names in reads.items() if names],
        "secrets": [f"{secret.name} {secret.kind}" for secret in environment.secrets if secret.name in used],
        "files": [(secret.name, secret.file) for secret in environment.secrets if secret.name in used and secret.file],
        "journal": JOURNAL,
        "tests": bool(environment.tests),
    }
