"""The one place where a statement that a flavour cannot honour becomes a diagnostic, at the user's line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.model.environment import holds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nxcc.diagnostics.core import Log, Span
    from nxcc.flavours.base import Flavour
    from nxcc.model.environment import Environment

# What a flavour may name in ``ignores``, and how it reads in a message.
WORDS = {
    "publish": "`publish`",
    "shares": "`share`",
    "mounts": "`mount`",
    "cpus": "`cpus`",
    "memory": "`memory`",
    "disk": "`disk`",
    "kernel": "`kernel`",
    "kernel-params": "`kernel-params`",
    "links": "`link`",
    "postinstall": "the whole `postinstall`",
    "ready": "`ready`",
    "after": "`after`",
    "secrets": "`secret`",
    "trust": "`trust none`",
    "system": "`system`",
    "tests": "`test`",
    "nodes": "so many nodes",
}


def unhonoured(environment: Environment, flavour: Flavour, log: Log, *, leave_out: bool) -> bool:
    """Report each use of a statement that the flavour cannot honour; whether it can compile the environment.

    With ``leave_out`` a flavour that cannot is left out with a warning; without, its errors are errors.
    """
    refused: list[tuple[str, Span, str]] = []
    losses = [
        (kind, span, *flavour.ignores[kind])
        for kind, span in _uses(environment, flavour.name)
        if kind in flavour.ignores
    ]
    for kind, span, severity, why in (*losses, *flavour.losses(environment)):
        if severity == "error":
            refused.append((kind, span, why))
        else:
            log.add("NX0705", span, flavour=flavour.name, what=WORDS[kind], notes=why)
    if refused and leave_out:
        kind, span, why = refused[0]
        log.add("NX0707", span, name=flavour.name, label=f"it cannot honour {WORDS[kind]}", notes=why)
        return False
    for kind, span, why in refused:
        help = f"compile without {flavour.name}"
        if kind != "nodes":
            help = f"put it into `on` with the flavours that can, or {help}"
        log.add("NX0704", span, flavour=flavour.name, what=WORDS[kind], notes=why, help=help)
    return not refused


def _uses(environment: Environment, flavour: str) -> Iterator[tuple[str, Span]]:
    """Kind and place of every statement that some flavour may not honour."""
    for role in environment.roles:
        yield from (("publish", fact.span) for fact in role.publish if holds(fact, flavour))
        yield from (("shares", fact.span) for fact in role.shares if holds(fact, flavour))
        yield from (("mounts", fact.span) for fact in role.mounts if holds(fact, flavour))
        yield from (("ready", fact.span) for fact in role.ready if holds(fact, flavour))
        yield from (("after", fact.span) for fact in role.after if holds(fact, flavour))
        for fact in role.resources:
            if holds(fact, flavour):
                given = (("cpus", fact.cpus), ("memory", fact.memory), ("disk", fact.disk))
                yield from ((kind, fact.span) for kind, value in given if value is not None)
        for kernel in role.kernels:
            if holds(kernel, flavour):
                yield ("kernel-params" if kernel.parameters else "kernel"), kernel.span
    if environment.network.trust:
        yield "trust", environment.network.trust
    yield from (("links", link.span) for link in environment.links)
    yield from (("secrets", secret.span) for secret in environment.secrets)
