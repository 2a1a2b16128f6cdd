"""Checks over a whole environment: what no single statement shows to be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Label
from nxcc.model import arithmetic
from nxcc.model import environment as e
from nxcc.model.definitions import bodies, leaves, priority_of
from nxcc.model.names import python_name
from nxcc.model.uids import check_uids
from nxcc.model.values import Interpolated, Items, Quantity, Value, known_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nxcc.diagnostics.core import Log, Span
    from nxcc.model.facts import Once


def check(environment: e.Environment, log: Log) -> None:
    """Report what is wrong with an environment."""
    _order(environment, log)
    _mounts(environment, log)
    _published(environment, log)
    for role in environment.roles:
        _options(environment, role, log)
    check_uids(environment, log)
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
    named = {flavour: None for found in order(environment).values() for wait in found for flavour in wait.only}
    for flavour in ("", *named):
        _circles(
            {name: [w for w in found if in_flavour(w, flavour)] for name, found in order(environment).items()}, log
        )


def in_flavour(wait: e.After, flavour: str) -> bool:
    """Whether a role waits in a flavour; with "" whether it does in all."""
    return not wait.only or flavour in wait.only


def _circles(waits: Mapping[str, Sequence[e.After]], log: Log) -> None:
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


def given_twice(role: str, found: Sequence[Once], log: Log) -> None:
    """Refuse two scripts or two files of one name in a role.

    NixOS would join the texts of scripts, and of files below /etc; elsewhere systemd-tmpfiles keeps the first file.
    """
    earlier: dict[str, list[Once]] = {}
    for one in found:
        of_name = earlier.setdefault(one.name, [])
        first = next((other for other in of_name if _overlap(other.only, one.only)), None)
        of_name.append(one)
        if first is None:
            continue
        if first.span == one.span:
            notes = f"role `{role}` uses the profile with several arguments, and each use makes one"
            log.add("NX0319", one.span, name=one.name, notes=notes)
        else:
            secondary = (Label(first.span, "the first one"),)
            log.add("NX0319", one.span, name=one.name, secondary=secondary, help=one.help or ())


def _mounts(environment: e.Environment, log: Log) -> None:
    """Refuse mounts of what is not shared, and one directory given twice."""
    shares: dict[tuple[str, str], list[e.Share]] = {}
    for role in environment.roles:
        for share in role.shares:
            shares.setdefault((role.name, share.directory), []).append(share)
    for role in environment.roles:
        given: dict[str, list[e.Share | e.Mount]] = {}
        directories: list[e.Share | e.Mount] = [*role.shares, *role.mounts]
        for item in directories:
            earlier = given.setdefault(item.directory, [])
            # What a profile says to a role twice, and a list, is the same all over.
            other = next((one for one in earlier if one != item and _overlap(one.only, item.only)), None)
            if other is not None:
                first = (Label(other.span, "the first one"),) if other.span != item.span else ()
                log.add("NX0416", item.span, directory=item.directory, secondary=first)
            earlier.append(item)
        for mount in role.mounts:
            _mount(environment.role(mount.role), shares.get((mount.role, mount.source), []), mount, log)


def _mount(source: e.Role, found: Sequence[e.Share], mount: e.Mount, log: Log) -> None:
    """Refuse a mount of what its role does not share, or does not share in all of the mount's flavours."""
    if any(not share.only for share in found):
        return
    held = {flavour for share in found for flavour in share.only}
    if mount.only and held >= {*mount.only}:
        return
    labels = [Label(source.span, "the role")]
    shared = ", ".join(f"`{share.directory}`" for share in source.shares[:5])
    if found:
        labels = [Label(found[0].span, f"shared in {', '.join(sorted(held))} only")]
        help = f"put the mount into `on {', '.join(sorted(held))}`"
    else:
        more = " and others" if len(source.shares) > 5 else ""
        help = f"it shares {shared}{more}" if shared else f'give it `share "{mount.source}"`'
    log.add("NX0405", mount.span, role=mount.role, directory=mount.source, help=help, secondary=tuple(labels))


def _published(environment: e.Environment, log: Log) -> None:
    """Refuse two nodes on one port of the launching machine."""
    taken: list[tuple[e.Publish, int, str]] = []
    for role in environment.roles:
        for publish in role.publish:
            for index in range(len(role.nodes)):
                port = publish.host_port + index
                if port > 65535:
                    help = f"node {index + 1} of role `{role.name}` would have it: host ports count up"
                    log.add("NX0407", publish.span, port=port, help=help)
                    break
                clash = next((one for one in taken if one[1] == port and _meet(one[0], publish)), None)
                if clash is None:
                    taken.append((publish, port, role.nodes[index].name))
                    continue
                first = (Label(clash[0].span, "published here too"),) if clash[0].span != publish.span else ()
                node = role.nodes[index].name
                notes = [f"nodes `{clash[2]}` and `{node}` would share it"] if clash[2] != node else []
                if index or port != clash[0].host_port:
                    notes.append("on a role with a count the host port counts up")
                log.add("NX0406", publish.span, port=port, secondary=first, notes=tuple(notes))
                break


def _meet(one: e.Publish, other: e.Publish) -> bool:
    """Whether two published ports, of one number, are the same port somewhere."""
    everywhere = "0.0.0.0" in (one.address, other.address) or "::" in (one.address, other.address)
    same = one.protocol == other.protocol and _overlap(one.only, other.only)
    return same and (one.address == other.address or everywhere)


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return not one or not other or bool(set(one) & set(other))


# ------------------------------------------------------------------ options


def _options(environment: e.Environment, role: e.Role, log: Log) -> None:
    """Refuse two different values of one option, and a host name that several nodes would share."""
    first: dict[tuple[str, ...], list[tuple[Value, str, tuple[str, ...], Span]]] = {}
    sets: dict[tuple[str, ...], Span] = {}
    for flavours, body in bodies(environment, role):
        for definition in body.definitions:
            for path, value, span in leaves(definition.path, definition.value, definition.span):
                if path == ("networking", "hostName") and role.counted:
                    shown = known_text(priority_of(value)[1])
                    name = f"`{shown}`" if shown else "given here"
                    log.add(
                        "NX0414", span, role=role.name, name=name, help="nodes of a role with a count are named by nxcc"
                    )
                priority, bare = priority_of(value)
                if _is_variable(path) and isinstance(bare, Interpolated):
                    bare = known_text(bare) or bare
                if not _scalar(bare, path):
                    for length in range(1, len(path)):
                        sets.setdefault(path[:length], span)
                    continue
                for other, level, only, place in first.setdefault(path, []):
                    if level == priority and _overlap(only, flavours) and not _same(other, bare):
                        label = (Label(place, f"{_shown(other)} here"),)
                        help = "one of them may be `default` or `force`"
                        if _is_variable(path):
                            help += f": `{_dotted(path)} = default …`"
                        shown = f"{_shown(bare)} here"
                        log.add(
                            "NX0601",
                            span,
                            option=_dotted(path),
                            label=shown,
                            secondary=label,
                            help=help if not level else (),
                        )
                        break
                else:
                    first[path].append((bare, priority, flavours, span))
                for length in range(1, len(path)):
                    sets.setdefault(path[:length], span)
    for path, values in first.items():
        if path in sets and sets[path] != values[0][3]:
            label = (Label(sets[path], "a set here"),)
            log.add("NX0604", values[0][3], option=_dotted(path), secondary=label)


def _is_variable(path: tuple[str, ...]) -> bool:
    return len(path) == 3 and path[:2] == ("environment", "variables")


def _scalar(value: Value, path: tuple[str, ...]) -> bool:
    """Whether two different values of this kind for an option can never merge."""
    if isinstance(value, str):
        return _is_variable(path)
    return value is None or (isinstance(value, bool | int | float | Quantity) and not isinstance(value, Items))


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        line = " ".join(value.split())
        return f'`"{line if len(line) <= 30 else line[:29] + "…"}"`'
    return "`null`" if value is None else f"`{known_text(value)}`"


def _same(one: Value, other: Value) -> bool:
    return arithmetic.operate("==", one, other) is True


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(name if name.replace("-", "").replace("_", "").isalnum() else f'"{name}"' for name in path)
