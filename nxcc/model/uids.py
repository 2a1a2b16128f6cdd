"""Numbers of users: one each on a node, and the same on nodes that share directories, whose files belong to numbers."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Label
from nxcc.model.definitions import bodies, leaves, priority_of
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nxcc.diagnostics.core import Log, Span
    from nxcc.model import environment as e


class User(NamedTuple):
    """A normal user of a role: its number, None where NixOS is to choose it, and where that is said."""

    uid: int | None
    span: Span


def check_uids(environment: e.Environment, log: Log) -> None:
    """Report users of one number in a role, and users of several numbers in roles that share a directory."""
    users = {role.name: _users(environment, role) for role in environment.roles}
    clashes: set[Span] = set()
    for of_role in users.values():
        _one_uid(of_role, clashes, log)
    taken = {user.uid for of_role in users.values() for user in of_role.values()}
    free = next(uid for uid in count(1001) if uid not in taken)
    told: set[str] = set()
    for role in environment.roles:
        for mount in role.mounts:
            _other_uids(users[role.name], users[mount.role], mount.role, free, told, log)


def _users(environment: e.Environment, role: e.Role) -> dict[str, User]:
    """The normal users that a role has in all flavours, by name."""
    normal: dict[str, Span] = {}
    uids: dict[str, tuple[int, Span]] = {}
    for flavours, body in bodies(environment, role):
        for definition in body.definitions if not flavours else ():
            if definition.path[:2] != ("users", "users")[: len(definition.path)]:
                continue
            for path, value, span in leaves(definition.path, definition.value, definition.span):
                _, bare = priority_of(value)
                if len(path) == 4 and path[3] == "isNormalUser" and bare is True:
                    normal.setdefault(path[2], span)
                elif len(path) == 4 and path[3] == "uid" and isinstance(bare, int):
                    uids[path[2]] = bare, span
    return {name: User(*uids.get(name, (None, span))) for name, span in normal.items()}


def _one_uid(users: Mapping[str, User], clashes: set[Span], log: Log) -> None:
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
            log.add("NX0419", user.span, names=names, uid=user.uid, help=help)
        else:
            secondary = (Label(users[other].span, f"`{other}` has it"),)
            log.add("NX0419", user.span, names=names, uid=user.uid, secondary=secondary)


def _other_uids(
    ours: Mapping[str, User], theirs: Mapping[str, User], role: str, free: int, told: set[str], log: Log
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
        notes = "files in a directory that nodes share belong to a number, not to a name"
        secondary = (Label(there.span, label),) if there.span != here.span else ()
        log.add("NX0420", here.span, name=name, has=has, role=role, secondary=secondary, notes=notes, help=help)
