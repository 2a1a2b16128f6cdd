"""Statements about a node's place among the others: ports, directories, order, readiness, size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nxcc.diagnostics.nearest import did_you_mean
from nxcc.model import environment as e
from nxcc.model.expressions import READY, Evaluator
from nxcc.model.paths import absolute
from nxcc.model.scope import Scope
from nxcc.model.values import (
    Attributes,
    Entry,
    Items,
    Quantity,
    Unknown,
    Value,
    plain,
    resolved,
)
from nxcc.model.words import describe
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Log, Span
    from nxcc.model.facts import Facts, Readers

_SECRETS = "/run/nxcc/"
_KERNEL = ("/dev", "/proc", "/sys")
"""What the kernel makes on each node, and no other node can have."""
_OWN = ("/bin", "/etc", "/nix", "/run/wrappers", "/usr")
"""What NixOS makes on each node, which does not run without it."""


class Topology:
    """The part of the BodyReader that reads them."""

    evaluator: Evaluator
    log: Log
    scope: Scope
    facts: Facts
    read: Readers
    only: tuple[str, ...]

    def define(self, path: tuple[str, ...], value: Value, span: Span) -> None:
        """Give an option a value."""
        raise NotImplementedError

    def feature(self, name: str) -> None:
        """The body needs a module of nxcc's Nix library."""
        raise NotImplementedError

    def _Ports(self, statement: t.Ports) -> None:
        found: dict[tuple[str, bool], list[Value]] = {}
        for item in statement.items:
            first = self.port(item.first)
            last = self.port(item.last) if item.last else first
            if first is None or last is None:
                continue
            low, high, protocol = plain(first), plain(last), item.protocol or "tcp"
            assert isinstance(low, int)
            assert isinstance(high, int)
            if high < low:
                label = "it ends before it begins"
                self.log.add("NX0407", item.span, port=f"{low}-{high}", label=label, help=f"write `{high}-{low}`")
                continue
            self.facts.ports.append(e.Ports(low, high, protocol, self.only))
            if item.last:
                span = item.span
                entry = Attributes((Entry(("from",), first, span), Entry(("to",), last, span)))
                found.setdefault((protocol, True), []).append(entry)
            else:
                found.setdefault((protocol, False), []).append(first)
        for (protocol, range_), values in found.items():
            option = f"allowed{protocol.upper()}Port{'Ranges' if range_ else 's'}"
            self.define(("networking", "firewall", option), Items(tuple(values)), statement.span)

    def port(self, node: t.Expression) -> Value:
        """A port number, under its name where it has one; None after an error."""
        value = self.evaluator.value(node, self.scope)
        number = resolved(value)
        if isinstance(number, Unknown):
            return None
        if not isinstance(number, int) or isinstance(number, bool):
            self.evaluator.not_a(node.span, "a port number", number)
            return None
        if not 1 <= number <= 65535:
            self.log.add("NX0407", node.span, port=number, notes="ports are numbers from 1 to 65535")
            return None
        return value

    def _Publish(self, statement: t.Publish) -> None:
        for item in statement.items:
            host, node = plain(self.port(item.host)), plain(self.port(item.node))
            if isinstance(host, int) and isinstance(node, int):
                address = item.address or "127.0.0.1"
                if not _ip_address(address):
                    help = "for example 127.0.0.1, 0.0.0.0 for all of the machine's, or [::1]"
                    self.log.add("NX0402", item.span, name=address, what="an address", help=help)
                    continue
                protocol = item.protocol or "tcp"
                self.facts.publish.append(e.Publish(address, host, node, protocol, item.span, self.only))

    def _Share(self, statement: t.Share) -> None:
        given = (("owner", statement.owner), ("group", statement.group), ("mode", statement.mode))
        words = tuple(Entry((key,), word.text, word.span) for key, word in given if word)
        for directory, span in self.directories(statement.directory, "a shared directory") or ():
            if not absolute(directory, span, self.log):
                continue
            if self.own(directory, span, "a shared directory"):
                continue
            self.facts.shares.append(e.Share(directory, statement.read_only, span, self.only))
            read_only = (Entry(("readOnly",), True, span),) if statement.read_only else ()
            self.feature("shares")
            self.define(("nxcc", "shares", directory), Attributes(read_only + words), span)

    def _Mount(self, statement: t.Mount) -> None:
        directories = self.directories(statement.directory, "a mount point")
        sources = self.directories(statement.at, "a directory") if statement.at else directories
        role = self.read.role(statement.role)
        if directories is None or sources is None or role is None:
            return
        if statement.at and len(directories) != len(sources):
            expected = f"a list of {len(directories)}" if len(directories) != 1 else "one directory"
            found = f"a list of {len(sources)}" if len(sources) != 1 else "one directory"
            self.log.add("NX0301", statement.at.span, expected=expected, found=found)
            return
        for (directory, span), (source, _) in zip(directories, sources, strict=True):
            if not absolute(directory, span, self.log) or self.own(directory, span, "a mount point"):
                continue
            if directory in _OWN or f"{directory}/".startswith("/nix/store/"):
                help = "the node does not run without its own"
                self.log.add("NX0402", span, name=directory, what="a mount point", help=help)
                continue
            place = statement.span if len(directories) == 1 else span
            self.facts.mounts.append(e.Mount(directory, statement.role.text, source, place, self.only))
            entries = [("role", statement.role.text), ("host", role.hosts[0]), ("source", source)]
            self.feature("shares")
            value = Attributes(tuple(Entry((key,), text, span) for key, text in entries))
            self.define(("nxcc", "mounts", directory), value, span)

    def own(self, directory: str, span: Span, what: str) -> bool:
        """Whether a directory has to do with one node alone; reported where it has."""
        help = ""
        if f"{directory}/".startswith(_SECRETS) or _SECRETS.startswith(f"{directory}/"):
            help = "the node's secrets are there"
        elif any(f"{directory}/".startswith(f"{place}/") for place in _KERNEL):
            help = "it is made by the node's kernel"
        if help:
            self.log.add("NX0402", span, name=directory, what=what, help=help)
        return bool(help)

    def directories(self, node: t.Expression, what: str) -> list[tuple[str, Span]] | None:
        """The directories that a string or a list of them names, with their places; None after an error."""
        if isinstance(node, t.Path):
            absolute(node.text, node.span, self.log)
            return None
        value = self.evaluator.known(node, self.scope, what)
        items = value.items if isinstance(value, Items) else (value,)
        places = [node.span] * len(items)
        if isinstance(node, t.ListLiteral) and len(node.items) == len(items):
            places = [item.span for item in node.items]
        found = []
        for item, span in zip(items, places, strict=True):
            if isinstance(item, Unknown):
                return None
            if not isinstance(item, str):
                expected = "a string" if isinstance(value, Items) else "a string, or a list of strings"
                self.log.add("NX0301", span, expected=expected, found=describe(item))
                return None
            found.append((item, span))
        return found

    def _After(self, statement: t.After) -> None:
        for word in statement.roles:
            if self.read.role(word):
                self.facts.after.append(e.After(word.text, word.span, self.only))

    def _Ready(self, statement: t.Ready) -> None:
        for condition in statement.conditions:
            if condition.kind == "port":
                value = self.port(condition.value)
                argument = None if value is None else str(plain(value))
            else:
                value = self.evaluator.text(condition.value, self.scope, READY)
                argument = value
            if value is None or argument is None:
                continue
            if condition.kind == "unit" and ("." not in argument or any(char in argument for char in " \n/'\"")):
                good = argument and not any(char in argument for char in " \n/'\".")
                help = f"did you mean `{argument}.service`?" if good else "for example sshd.service"
                self.log.add("NX0402", condition.value.span, name=argument, what="a unit", help=help)
                continue
            self.facts.ready.append(e.Ready(condition.kind, argument, condition.span, self.only))
            self.feature("readiness")
            entry = Attributes((Entry((condition.kind,), value, condition.span),))
            self.define(("nxcc", "ready"), Items((entry,)), condition.span)

    def _Resources(self, statement: t.Resources) -> None:
        found: dict[str, int | float] = {}
        for field in statement.fields:
            name = field.name.text
            if name not in ("cpus", "memory", "disk"):
                near = did_you_mean(name, ("cpus", "memory", "disk")) or "there are `cpus`, `memory` and `disk`"
                self.log.add("NX0204", field.name.span, name=name, what="resources", help=near)
                continue
            value = self.evaluator.known(field.value, self.scope, "a resource")
            if isinstance(value, Unknown):
                continue
            if name == "cpus":
                good = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
                # A number remembers how it was written; from here on it is one like any other.
                amount: Any = float(value) if isinstance(value, float) else value
            else:
                good = isinstance(value, Quantity) and value.dimension == "size" and value.amount >= 1
                amount = int(value.amount) if isinstance(value, Quantity) else 0
            if not good:
                expected = "a number of processors above 0" if name == "cpus" else "a size such as 2GiB"
                self.log.add("NX0301", field.value.span, expected=expected, found=describe(value))
                continue
            if name in found:
                self.log.add("NX0319", field.name.span, name=name)
            found[name] = amount
        memory, disk = found.get("memory"), found.get("disk")
        self.facts.resources.append(
            e.Resources(
                found.get("cpus"),
                None if memory is None else int(memory),
                None if disk is None else int(disk),
                statement.span,
                self.only,
            )
        )

    def _FlavourSettings(self, statement: t.FlavourSettings) -> None:
        settings = self.read.settings(statement, self.scope)
        if settings and self.only and settings.flavour not in self.only:
            self.log.add("NX0708", statement.span, help=f"around it is `on {', '.join(self.only)}`")
        elif settings:
            self.facts.settings.append(settings)


def _ip_address(text: str) -> bool:
    from ipaddress import ip_address

    try:
        ip_address(text)
    except ValueError:
        return False
    return True
