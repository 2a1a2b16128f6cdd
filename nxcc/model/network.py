"""The private network, and the nodes' numbers and addresses on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Label
from nxcc.diagnostics.nearest import did_you_mean
from nxcc.model import environment as e
from nxcc.model.expressions import Evaluator
from nxcc.model.names import host_label
from nxcc.model.scope import GLOBAL
from nxcc.model.settings import word_or_value

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Log, Span
    from nxcc.syntax import tree as t

# RFC 2544 sets it aside for benchmarks: apart from Docker's pools, slirp's 10.0.2.0/24 and 10/8.
DEFAULT_SUBNET = "198.18.0.0/15"

MAX_NODES = 10_000


def read_network(evaluator: Evaluator, statement: t.Network | None) -> e.Network:
    """The network that a source asks for, or the default one."""
    subnet, given, trust = DEFAULT_SUBNET, False, True
    seen: set[str] = set()
    place: Span | None = None
    for setting in statement.settings if statement else ():
        name = setting.name.text
        values = [word_or_value(evaluator, value, GLOBAL) for value in setting.values]
        value = values[0] if len(values) == 1 else None
        if name in seen:
            evaluator.log.add("NX0319", setting.name.span, name=name)
        seen.add(name)
        if name == "subnet":
            if isinstance(value, str) and _bounds(value):
                subnet, given = value, True
            else:
                at = setting.values[0].span.to(setting.values[-1].span) if values else setting.span
                shown = value if isinstance(value, str) else at.source.text[at.start : at.end]
                evaluator.log.add("NX0410", at, subnet=shown, help=_subnet_help(shown))
        elif name == "trust":
            if value not in ("peers", "none"):
                evaluator.log.add("NX0703", setting.span, name="trust", expected="`peers` or `none`")
            trust, place = value != "none", setting.span if value == "none" else None
        else:
            near = did_you_mean(name, ("subnet", "trust")) or "there are `subnet` and `trust`"
            evaluator.log.add("NX0204", setting.name.span, name=name, what="network", help=near)
    return e.Network(subnet, given, trust, place)


def _subnet_help(subnet: str) -> str:
    address, _, bits = subnet.partition("/")
    numbers = address.split(".")
    if bits.isdigit() and len(numbers) == 4 and all(n.isdigit() and int(n) < 256 for n in numbers):
        if 30 <= int(bits) <= 32:
            return "it is too small: a /29 has room for five nodes, a /24 for 253"
        host = max(0, 32 - int(bits))
        whole = sum(int(n) << shift for n, shift in zip(numbers, (24, 16, 8, 0), strict=True)) >> host << host
        fitting = f"{'.'.join(str(whole >> shift & 255) for shift in (24, 16, 8, 0))}/{bits}"
        if _bounds(fitting):
            return f'the network of that address is `subnet "{fitting}"`'
    return 'for example `subnet "198.18.0.0/15"`: its host bits zero, and from /8 to /29'


def _bounds(subnet: str) -> tuple[int, int] | None:
    """First address of a network as a number, and how many addresses it has; None where it is no IPv4 network."""
    address, slash, bits = subnet.partition("/")
    parts = address.split(".")
    if not slash or not bits.isdigit() or len(parts) != 4 or not all(p.isdigit() and len(p) <= 3 for p in parts):
        return None
    numbers = [int(part) for part in parts]
    if not 8 <= int(bits) <= 29 or max(numbers) > 255:
        return None
    first = numbers[0] << 24 | numbers[1] << 16 | numbers[2] << 8 | numbers[3]
    size = 1 << (32 - int(bits))
    return (first, size) if first % size == 0 else None


def number_nodes(roles: list[e.Role], network: e.Network, log: Log) -> list[e.Role]:
    """Number the nodes from 1 in the order of the roles; node n has the address n + 1 of the network.

    Address 1 is left to the launching machine. Two nodes of one name are reported.
    """
    bounds = _bounds(network.subnet)
    assert bounds
    first, size = bounds
    owners: dict[str, Span] = {}
    declared: set[str] = set()
    number = 0
    numbered: list[e.Role] = []
    for role in roles:
        nodes = []
        for node in role.nodes:
            number += 1
            name = node.name.lower()
            # A role that is declared twice is reported as such.
            if name in owners and owners[name] != role.span and role.name not in declared:
                log.add(
                    "NX0403",
                    role.span,
                    name=node.name,
                    secondary=(Label(owners[name], "the other role"),),
                    notes="a role with a count has nodes NAME1, NAME2 …; host names do not tell case apart",
                )
            owners[name] = role.span
            at = first + number + 1
            address = ".".join(str(at >> shift & 255) for shift in (24, 16, 8, 0))
            if not host_label(node.name) and host_label(role.name):
                notes = f"its nodes would be {role.nodes[0].name} to {role.nodes[-1].name}, and host names end at 63"
                log.add("NX0402", role.span, name=role.name, what="a role", notes=notes)
            if number > MAX_NODES:
                log.add("NX0418", role.span, limit=MAX_NODES, label="with those of this role", notes="in all roles")
                return roles
            nodes.append(node._replace(number=number, address=address))
        declared.add(role.name)
        numbered.append(role._replace(nodes=tuple(nodes)))
    if number > size - 3:
        log.add("NX0411", roles[-1].span, nodes=number, subnet=network.subnet, help="give `network` a larger subnet")
    return numbered
