"""Numbers of users: one each on a node, and the same on nodes that share directories, whose files belong to numbers."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Label
from nxcc.model.definitions import bodies, leaves, priority_of
from nxcc.model.environment import holds
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nxcc.diagnostics.core import Log, Span
    from nxcc.model import environment as e


class User(NamedTuple):
    """A normal user of a role: its number, None where NixOS is to choose it, and where that is said."""

    uid: int | None
    span: Span


class Said(NamedTuple):
    """What a role says of a user, in the flavours ``only``: its number, or with None that it is a normal user."""

    only: tuple[str, ...]
    name: str
    uid: int | None
    priority: str
    span: Span


_PRIORITIES = ("default", "", "force")


def check_uids(environment: e.Environment, log: Log) -> None:
    """Report users of one number in a role, and users of several numbers in roles that share a directory.

    What holds in some flavours only is looked at in each of them.
    """
    said = {role.name: tuple(_said(environment, role)) for role in environment.roles}
    limits = [one.only for found in said.values() for one in found]
    limits += [mount.only for role in environment.roles for mount in role.mounts]
    taken = {one.uid for found in said.values() for one in found}
    free = next(uid for uid in count(1001) if uid not in taken)
    clashes: set[Span] = set()
    told: set[str] = set()
    for flavour in dict.fromkeys(("", *(flavour for only in limits for flavour in only))):
        users = {role: _users(found, flavour) for role, found in said.items()}
        for of_role in users.values():
            _one_uid(of_role, flavour, clashes, log)
        for role in environment.roles:
            for mount in role.mounts:
                if holds(mount, flavour):
                    _other_uids(users[role.name], users[mount.role], mount.role, flavour, free, told, log)


def _said(environment: e.Environment, role: e.Role) -> Iterator[Said]:
    """What the bodies of a role say of its normal users and of numbers."""
    for flavours, body in bodies(environment, role):
        for definition in body.definitions:
            if definition.path[:2] != ("users", "users")[: len(definition.path)]:
                continue
            for path, value, span in leaves(definition.path, definition.value, definition.span):
                priority, bare = priority_of(value)
                if len(path) == 4 and path[3] == "isNormalUser" and bare is True:
                    yield Said(flavours, path[2], None, priority, span)
                elif len(path) == 4 and path[3] == "uid" and isinstance(bare, int):
                    yield Said(flavours, path[2], bare, priority, span)


def _users(said: Iterable[Said], flavour: str) -> dict[str, User]:
    """The normal users that a role has in a flavour, by name; with "" in those that it does not name."""
    normal: dict[str, Span] = {}
    uids: dict[str, Said] = {}
    for one in said:
        if one.only and flavour not in one.only:
            continue
        if one.uid is None:
            normal.setdefault(one.name, one.span)
        elif _PRIORITIES.index(one.priority) >= _PRIORITIES.index(uids.get(one.name, one).priority):
            uids[one.name] = one
    numbers = {name: (one.uid, one.span) for name, one in uids.items()}
    return {name: User(*numbers.get(name, (None, span))) for name, span in normal.items()}


def _in(flavour: str) -> tuple[str, ...]:
    """The note that says which flavour is meant; none for all."""
    return (f"so it is in flavour `{flavour}`",) if flavour else ()


def _one_uid(users: Mapping[str, User], flavour: str, clashes: set[Span], log: Log) -> None:
    """Refuse two users of one number."""
    first: dict[int, str] = {}
    for name, user in users.items():
        if user.uid is None:
            continue
        other = first.setdefault(user.uid, name)
        if other == name or user.span in clashes:
            continue
        clashes.add(user.span)
        names = f"`{other}` and `{name}`"
        if users[other].span == user.span:
            help = f"`uid {user.uid}`, without `=`, counts up from one name to the next"
            log.add("NX0419", user.span, names=names, uid=user.uid, help=help, notes=_in(flavour))
        else:
            secondary = (Label(users[other].span, f"`{other}` has it"),)
            log.add("NX0419", user.span, names=names, uid=user.uid, secondary=secondary, notes=_in(flavour))


def _other_uids(
    ours: Mapping[str, User],
    theirs: Mapping[str, User],
    role: str,
    flavour: str,
    free: int,
    told: set[str],
    log: Log,
) -> None:
    """Warn of users whose numbers differ between a role and one that it mounts from, or may differ.

    ``free`` is a number that nobody has.
    """
    # Where all numbers are NixOS's choice, and the users are the same, it chooses the same ones.
    alike = {name: user.uid for name, user in ours.items()} == {name: user.uid for name, user in theirs.items()}
    for name in ours:
        if alike or name not in theirs or name in told:
            continue
        here, there = ours[name], theirs[name]
        if here.uid is not None and here.uid == there.uid:
            continue
        told.add(name)
        known = here.uid is not None and there.uid is not None
        has = "has" if known else "may have"
        label = "there NixOS chooses it" if there.uid is None else f"it is {there.uid} there"
        help = f"say it for both: `user {name} {{ uid {here.uid or there.uid or free} }}`"
        notes = ("files in a directory that nodes share belong to a number, not to a name", *_in(flavour))
        secondary = (Label(there.span, label),) if there.span != here.span else ()
        log.add("NX0420", here.span, name=name, has=has, role=role, secondary=secondary, notes=notes, help=help)
