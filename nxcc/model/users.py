"""``user a b { … }``: normal users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Label
from nxcc.model.expressions import Evaluator
from nxcc.model.scope import Scope
from nxcc.model.sets import path_span
from nxcc.model.values import (
    Attributes,
    Entry,
    Items,
    SourcePath,
    Unknown,
    Value,
    known_text,
    plain,
    textual,
)
from nxcc.model.words import describe
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nxcc.diagnostics.core import Span

MAX_KEY_FILE = 1024 * 1024
MIN_UID, MAX_UID = 1000, 60_000
"""Numbers of normal users: NixOS takes those below for users of its own, systemd some of those above."""


def user(evaluator: Evaluator, statement: t.User, scope: Scope) -> Iterator[tuple[tuple[str, ...], Value, Span]]:
    """The options of a ``user`` statement: (path, value, place) of each."""
    admins: list[str] = []
    first = _first_uid(evaluator, statement, scope)
    for number, word in enumerate(statement.names):
        inner = Scope(scope)
        inner.bind(t.Word("name", word.span), word.text)
        # root is there already, and is none of the normal users.
        entries = [] if word.text == "root" else [Entry(("isNormalUser",), True, word.span)]
        groups: list[Value] = []
        for item in statement.body:
            if isinstance(item, t.UserGroups):
                groups.extend(evaluator.key(key, inner) for key in item.groups)
            elif isinstance(item, t.UserAdmin):
                groups.append("wheel")
                admins.append(word.text)
        if groups:
            entries.append(Entry(("extraGroups",), Items(tuple(dict.fromkeys(groups))), word.span))
        if first is not None:
            place = next(item.span for item in statement.body if isinstance(item, t.UserUid))
            entries.append(Entry(("uid",), first + number, place))
        for item in statement.body:
            entries.extend(_entries(evaluator, item, inner))
        yield ("users", "users", word.text), Attributes(tuple(entries)), word.span
    if admins:
        # A user of nxcc's has no password to give to sudo.
        span = statement.span
        command = Attributes((Entry(("command",), "ALL", span), Entry(("options",), Items(("NOPASSWD",)), span)))
        rule = (Entry(("users",), Items(tuple(admins)), span), Entry(("commands",), Items((command,)), span))
        yield ("security", "sudo", "extraRules"), Items((Attributes(rule),)), span


def _first_uid(evaluator: Evaluator, statement: t.User, scope: Scope) -> int | None:
    """The number of the statement's first user: the next ones count up. None where there is none, or after an error."""
    found: int | None = None
    place: Span | None = None
    for item in statement.body:
        if isinstance(item, t.UserUid):
            if place:
                evaluator.log.add("NX0319", item.span, name="uid", secondary=(Label(place, "the first one"),))
            place = item.span
            found = evaluator.integer(item.value, scope, "a uid")
            last = MAX_UID - len(statement.names) + 1
            if found is not None and not MIN_UID <= found <= last:
                expected = f"a uid from {MIN_UID} to {MAX_UID}"
                evaluator.log.add("NX0301", item.value.span, expected=expected, found=describe(found))
                found = None
    return found


def _entries(evaluator: Evaluator, item: object, scope: Scope) -> Iterator[Entry]:
    if isinstance(item, t.UserHome):
        value = evaluator.value(item.value, scope)
        if textual(value):
            yield Entry(("home",), value, item.span)
        elif not isinstance(value, Unknown):
            evaluator.log.add("NX0301", item.value.span, expected="a string", found=describe(value))
    elif isinstance(item, t.UserKeys):
        keys, files = [], []
        for node in item.keys:
            value = evaluator.value(node, scope)
            bare = plain(value)
            if isinstance(bare, SourcePath):
                _public(evaluator, bare.path, node)
                files.append(value)
            elif textual(value):
                if "PRIVATE KEY" in (known_text(bare) or ""):
                    evaluator.log.add("NX0605", node.span, help="give the public key")
                keys.append(value)
            elif not isinstance(bare, Unknown):
                evaluator.log.add("NX0301", node.span, expected="a public key or its file", found=describe(value))
        if keys:
            yield Entry(("openssh", "authorizedKeys", "keys"), Items(tuple(keys)), item.span)
        if files:
            yield Entry(("openssh", "authorizedKeys", "keyFiles"), Items(tuple(files)), item.span)
    elif isinstance(item, t.Assign):
        path = tuple(evaluator.key(key, scope) for key in item.path)
        yield Entry(path, evaluator.assigned(item, scope, None, path), path_span(item.path))
    elif isinstance(item, t.Nested):
        path = tuple(evaluator.key(key, scope) for key in item.path)
        yield Entry(path, evaluator.entries(item.value.entries, scope, None), path_span(item.path))


def _public(evaluator: Evaluator, path: str, node: t.Expression) -> None:
    """Refuse a file that holds a private key."""
    try:
        with open(path, "rb") as file:
            private = b"PRIVATE KEY" in file.read(MAX_KEY_FILE)
    except OSError as error:
        shown = node.text if isinstance(node, t.Path) else path
        evaluator.log.add("NX0503", node.span, path=shown, reason=error.strerror or str(error))
        return
    if private:
        evaluator.log.add("NX0605", node.span, help="name the file of the public key, `.pub`")
