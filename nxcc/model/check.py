"""Checks over a whole environment: what no single statement shows to be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Label
from nxcc.model import arithmetic
from nxcc.model import environment as e
from nxcc.model.names import python_name
from nxcc.model.values import Attributes, Items, Modified, Quantity, Value, known_text, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nxcc.diagnostics.core import Log, Span


def check(environment: e.Environment, log: Log) -> None:
    """Report what is wrong with an environment."""
    _order(environment, log)
    _mounts(environment, log)
    _published(environment, log)
    for role in environment.roles:
        _options(environment, role, log)
    if environment.tests:
        from nxcc.model.testscript import check_tests

        nodes = {python_name(node.name): node.name for node in environment.nodes}
        check_tests(environment.tests, nodes, [role.name for role in environment.roles], log)


def order(environment: e.Environment) -> dict[str, tuple[e.After, ...]]:
    """For each role what it waits for: its ``after``, and the roles that it mounts from."""
    waits: dict[str, tuple[e.After, ...]] = {}
    for role in environment.roles:
        mounted = (e.After(mount.role, mount.span, mount.only) for mount in role.mounts)
        waits[role.name] = tuple(wait for wait in (*role.after, *mounted))
    return waits


def _order(environment: e.Environment, log: Log) -> None:
    """Refuse roles that wait for each other."""
    waits = order(environment)
    done: set[str] = set()

    for start in waits:
        path: list[tuple[str, Iterator[e.After]]] = [(start, iter(waits[start]))]
        while path:
            name, rest = path[-1]
            wait = next(rest, None)
            if wait is None:
                done.add(name)
                path.pop()
                continue
            names = [step for step, _ in path]
            if wait.role in names:
                cycle = [*names[names.index(wait.role) :], wait.role]
                log.add("NX0404", wait.span, cycle=" → ".join(cycle), label="this closes the circle")
            elif wait.role not in done and wait.role in waits:
                path.append((wait.role, iter(waits[wait.role])))


def _mounts(environment: e.Environment, log: Log) -> None:
    """Refuse mounts of what is not shared, and one directory given twice."""
    for role in environment.roles:
        places: dict[str, Span] = {}
        directories: list[e.Share | e.Mount] = [*role.shares, *role.mounts]
        for item in directories:
            if item.directory in places and item.span != places[item.directory]:
                first = (Label(places[item.directory], "the first one"),)
                log.add("NX0416", item.span, directory=item.directory, secondary=first)
            places[item.directory] = item.span
        for mount in role.mounts:
            source = environment.role(mount.role)
            shared = [share.directory for share in source.shares]
            if mount.source in shared or source.adopted:
                continue
            help = (
                f"it shares {', '.join(f'`{name}`' for name in shared)}"
                if shared
                else f'give it `share "{mount.source}"`'
            )
            labels = (Label(source.span, "the role"),)
            log.add("NX0405", mount.span, role=mount.role, directory=mount.source, help=help, secondary=labels)


def _published(environment: e.Environment, log: Log) -> None:
    """Refuse two nodes on one port of the launching machine."""
    taken: list[tuple[str, int, str, tuple[str, ...], Span]] = []
    for role in environment.roles:
        for publish in role.publish:
            for index in range(len(role.nodes)):
                port = publish.host_port + index
                if port > 65535:
                    help = f"node {index + 1} of role `{role.name}` would have it: host ports count up"
                    log.add("NX0407", publish.span, port=port, help=help)
                    break
                for address, other, protocol, only, span in taken:
                    same = other == port and protocol == publish.protocol and _overlap(only, publish.only)
                    everywhere = ("0.0.0.0", "::")
                    if same and (address == publish.address or address in everywhere or publish.address in everywhere):
                        first = (Label(span, "published here too"),) if span != publish.span else ()
                        notes = "on a role with a count the host port counts up" if index else ()
                        log.add("NX0406", publish.span, port=port, secondary=first, notes=notes)
                        break
                else:
                    taken.append((publish.address, port, publish.protocol, publish.only, publish.span))
                    continue
                break


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return not one or not other or bool(set(one) & set(other))


# ------------------------------------------------------------------ options


def _leaves(path: tuple[str, ...], value: Value, span: Span) -> Iterator[tuple[tuple[str, ...], Value, Span]]:
    """The options that a definition sets: sets are followed, other values are leaves."""
    bare = plain(value)
    if isinstance(bare, Attributes):
        if not bare.entries:
            yield path, bare, span
        for entry in bare.entries:
            yield from _leaves(path + entry.path, entry.value, entry.span)
    else:
        yield path, value, span


def bodies(environment: e.Environment, role: e.Role) -> Iterator[tuple[tuple[str, ...], e.Body]]:
    """All bodies of a role with the flavours in which they hold: its profiles', its own, and those under ``on``."""
    modules = {module.key: module.body for module in environment.modules}
    for body in (*(modules[use.module] for use in role.body.profiles), role.body):
        yield (), body
        for gated in body.gated:
            yield gated.flavours, gated.body


def _options(environment: e.Environment, role: e.Role, log: Log) -> None:
    """Refuse two different values of one option, and a host name that several nodes would share."""
    first: dict[tuple[str, ...], list[tuple[Value, str, tuple[str, ...], Span]]] = {}
    sets: dict[tuple[str, ...], Span] = {}
    for flavours, body in bodies(environment, role):
        for definition in body.definitions:
            for path, value, span in _leaves(definition.path, definition.value, definition.span):
                if path == ("networking", "hostName") and role.counted:
                    shown = known_text(value)
                    name = f"`{shown}`" if shown else "given here"
                    log.add(
                        "NX0414", span, role=role.name, name=name, help="nodes of a role with a count are named by nxcc"
                    )
                priority, bare = _priority(value)
                if not _scalar(bare):
                    for length in range(1, len(path)):
                        sets.setdefault(path[:length], span)
                    continue
                for other, level, only, place in first.setdefault(path, []):
                    if level == priority and _overlap(only, flavours) and not _same(other, bare):
                        label = (Label(place, "the other value"),)
                        help = "one of them may be `default` or `force`"
                        log.add("NX0601", span, option=_dotted(path), secondary=label, help=help)
                        break
                else:
                    first[path].append((bare, priority, flavours, span))
                for length in range(1, len(path)):
                    sets.setdefault(path[:length], span)
    for path, values in first.items():
        if path in sets and sets[path] != values[0][3]:
            label = (Label(sets[path], "a set here"),)
            log.add("NX0604", values[0][3], option=_dotted(path), secondary=label)


def _priority(value: Value) -> tuple[str, Value]:
    """The priority of a definition, and its value."""
    priority = ""
    value = plain(value)
    while isinstance(value, Modified):
        if value.kind in ("force", "default"):
            priority = value.kind
        value = plain(value.value)
    return priority, value


def _scalar(value: Value) -> bool:
    """Whether two different values of this kind can never merge."""
    return value is None or (isinstance(value, bool | int | float | Quantity) and not isinstance(value, Items))


def _same(one: Value, other: Value) -> bool:
    return arithmetic.operate("==", one, other) is True


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(name if name.replace("-", "").replace("_", "").isalnum() else f'"{name}"' for name in path)
