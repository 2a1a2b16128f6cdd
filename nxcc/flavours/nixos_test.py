"""Tests of NixOS's own driver: test.nix, which a person reads and Nix builds, and ``run``.

The nodes are made by nix/flavours/nixos-test.nix from environment.json; docs/nodes.md says what a build gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nxcc.flavours.base import Flavour, Setting, script
from nxcc.flavours.machines import MIB, sizes
from nxcc.model.environment import holds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nxcc.bundle import File
    from nxcc.diagnostics.core import Span
    from nxcc.model.environment import Environment

NAME = "nixos-test"

# `run` is the rendered run.sh.j2 (what depends on the environment) and these templates as they are, in this order.
RUN_PARTS = ("run/base", "run/options", "nixos-test/main")

MEMORY = 1024
"""MiB of a node whose role does not say: what nix/flavours/nixos-test.nix gives."""


MAX_NODES = 254
"""Nodes of one test: the framework numbers no more for their addresses (nixos/lib/testing/network.nix of nixpkgs), and
old releases leave the others out without a word (nixos/lib/build-vms.nix)."""


class NixosTest(Flavour):
    """NixOS's test driver, which starts the nodes in QEMU and runs the environment's test script."""

    name: ClassVar[str] = NAME
    platform: ClassVar[str] = "local, CI"
    summary: ClassVar[str] = "NixOS's test driver: test.nix with the environment's nodes and script"
    tools: ClassVar[tuple[str, ...]] = ("Nix",)
    settings: ClassVar[tuple[Setting, ...]] = ()
    ignores: ClassVar[dict[str, tuple[str, str]]] = {
        "publish": ("warning", "the nodes of a test are alone on their network: no port of this machine leads to them"),
    }
    first: ClassVar[tuple[str, ...]] = ("run test",)
    steps: ClassVar[tuple[tuple[str, str], ...]] = (
        ("run build", "the driver and all systems"),
        ("run test", "in Nix's sandbox; `run here` outside of it"),
        ("run interactive", "a Python prompt with the nodes in it"),
    )

    def losses(self, environment: Environment) -> Iterator[tuple[str, Span, str, str]]:
        """Too many nodes, secrets from files, parts of a processor, names of tests that no command line can have."""
        beyond = next((role for role in environment.roles if role.nodes and role.nodes[-1].number > MAX_NODES), None)
        if beyond:
            said = f"NixOS's test framework numbers {MAX_NODES} nodes, and here are {len(environment.nodes)}"
            yield "nodes", beyond.span, "error", said
        for secret in environment.secrets:
            if secret.file:
                yield "secrets", secret.span, "warning", "a test reads no file of yours: the nodes make 32 random bytes"
        for role in environment.roles:
            for resources in role.resources:
                if holds(resources, NAME) and resources.cpus is not None and resources.cpus % 1:
                    said = f"a machine has whole processors: this one gets {sizes(role, NAME).cpus}"
                    yield "cpus", resources.span, "warning", said
        for test in environment.tests:
            if not _callable(test.name):
                said = "`run` and nix-build cannot name it: its name has a line end or a quotation mark"
                yield "tests", test.span, "warning", said

    def plan(self, environment: Environment) -> list[File]:
        """test.nix and ``run``."""
        from nxcc.bundle import File

        return [
            File(f"{NAME}/test.nix", _test(environment).encode()),
            File(f"{NAME}/run", _run(environment).encode(), executable=True),
        ]


def _callable(name: str) -> bool:
    return name.isprintable() and '"' not in name


def _test(environment: Environment) -> str:
    """test.nix: which nodes there are, for its reader, and the bundle's own attribute, for Nix."""
    from nxcc.emit.nix import Call, Formals, Lambda, PathLit, Select, Var, document

    rows = [("variable", "node", "role", "address", "memory", "cpus", "disk")]
    for role in environment.roles:
        found = sizes(role, NAME)
        disk = f"{-(-found.disk // MIB)} MiB" if found.disk else "-"
        rows += [
            (
                node.name.replace("-", "_"),
                node.name,
                role.name,
                node.address,
                f"{found.memory or MEMORY} MiB",
                str(found.cpus),
                disk,
            )
            for node in role.nodes
        ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    what = "runs the script of the source" if any(not test.name for test in environment.tests) else (
        "brings the nodes up in their order and waits until every one is ready"
    )  # fmt: skip
    named = [test.name for test in environment.tests if test.name and _callable(test.name)]
    lines = [
        f"The environment {environment.name} as a test of NixOS's own driver, which {what}.",
        "",
        "  nix-build test.nix                  runs it",
        "  nix-build test.nix -A interactive   result/bin/nixos-test-driver is a Python prompt with the nodes in it",
        *(f"  nix-build test.nix -A '{_attribute(name)}'" for name in named),
        "",
        "The nodes, as variables of the script, all on VLAN 1:",
        "",
        *table,
        "",
        "Their systems are made of ../composition.nix, the rest of this in ../nix/flavours/nixos-test.nix.",
        "Every input is an argument, as of ../default.nix: --arg nixpkgs /path/to/nixpkgs",
    ]
    bundle = Call(Call(Var("import"), (PathLit("../default.nix"),)), (Var("arguments"),))
    return document(Lambda(Formals((), True, "arguments"), Select(bundle, (NAME,))), "\n".join(lines))


def _attribute(name: str) -> str:
    """A named test as ``-A`` takes it: in quotes it reads everything but these as it is."""
    return f'tests."{name}"' if not (name.isidentifier() and name.isascii()) else f"tests.{name}"


def _run(environment: Environment) -> str:
    from nxcc.bundle import JOURNAL
    from nxcc.emit.shell import templates
    from nxcc.emit.testscripts import file_name

    named = [test.name for test in environment.tests if test.name and _callable(test.name)]
    tests = [(name, _attribute(name), file_name(name).removesuffix(".py")) for name in named]
    if any(not test.name for test in environment.tests):
        tests.insert(0, ("test" if "test" not in named else "main", "", "test"))
    else:
        tests.append(("ready" if "ready" not in named else "nodes", "", "test"))
    titles, attributes, folders = (list(column) for column in zip(*tests, strict=True))
    head = (
        templates()
        .get_template("nixos-test/run.sh.j2")
        .render(
            flavour=NAME,
            name=environment.name,
            nodes=[f"{node.name.replace('-', '_')} {node.role}" for node in environment.nodes],
            tests=titles,
            attributes=attributes,
            folders=folders,
            journal=JOURNAL,
        )
    )
    return script(head, RUN_PARTS)
