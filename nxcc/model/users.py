"""``user a b { … }``: normal users."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Label
from nxcc.model.expressions import Evaluator
from nxcc.model.paths import absolute, read_regular
from nxcc.model.scope import Scope
from nxcc.model.sets import path_span
from nxcc.model.values import (
    Attributes,
    Entry,
    Items,
    SecretPath,
    SourcePath,
    Unknown,
    Value,
    known_text,
    plain,
    textual,
    walk,
)
from nxcc.model.words import describe
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nxcc.diagnostics.core import Span

MAX_KEY_FILE = 1024 * 1024
MIN_UID, MAX_UID = 1000, 60_000
"""Numbers of normal users: NixOS takes those below for users of its own, systemd some of those above."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}")
_NAME_HELP = "letters, digits, `_`, `.` and `-`, at most 31"


def user(evaluator: Evaluator, statement: t.User, scope: Scope) -> Iterator[tuple[tuple[str, ...], Value, Span]]:
    """The options of a ``user`` statement: (path, value, place) of each."""
    names = [word for node in statement.names for word in _names(evaluator, node, scope)]
    first = _first_uid(evaluator, statement, names, scope)
    admins: list[str] = []
    for number, word in enumerate(names):
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
            if isinstance(item, t.UserKeys):
                known, secrets = _keys(evaluator, item, inner)
                entries.extend(known)
                if secrets:
                    yield ("nxcc", "keys", word.text), Items(tuple(secrets)), item.span
            else:
                entries.extend(_entries(evaluator, item, inner))
        yield ("users", "users", word.text), Attributes(tuple(entries)), word.span
    if admins:
        # A user of nxcc's has no password to give to sudo.
        span = statement.span
        command = Attributes((Entry(("command",), "ALL", span), Entry(("options",), Items(("NOPASSWD",)), span)))
        rule = (Entry(("users",), Items(tuple(admins)), span), Entry(("commands",), Items((command,)), span))
        yield ("security", "sudo", "extraRules"), Items((Attributes(rule),)), span


def _names(evaluator: Evaluator, node: t.Word | t.Expression, scope: Scope) -> list[t.Word]:
    """The users that a word of the statement names: itself, or what an expression has, one or a list of them."""
    value: Value = node.text if isinstance(node, t.Word) else evaluator.known(node, scope, "a user's name")
    found = []
    for item in value.items if isinstance(value, Items) else (value,):
        if isinstance(item, str) and _NAME.fullmatch(item):
            found.append(t.Word(item, node.span))
        elif isinstance(item, str):
            evaluator.log.add("NX0402", node.span, name=item, what="the name of a user", help=_NAME_HELP)
        elif not isinstance(item, Unknown):
            expected = "the name of a user, or a list of them"
            evaluator.log.add("NX0301", node.span, expected=expected, found=describe(item))
    return found


def _first_uid(evaluator: Evaluator, statement: t.User, names: Sequence[t.Word], scope: Scope) -> int | None:
    """The number of the statement's first user: the next ones count up. None where there is none, or after an error."""
    found: int | None = None
    place: Span | None = None
    for item in statement.body:
        if isinstance(item, t.UserUid):
            if place:
                evaluator.log.add("NX0319", item.span, name="uid", secondary=(Label(place, "the first one"),))
            place = item.span
            found = evaluator.integer(item.value, scope, "a uid")
            last = MAX_UID - max(len(names), 1) + 1
            root = next((word for word in names if word.text == "root"), None)
            if root:
                what = "the name of a user with a `uid`"
                evaluator.log.add("NX0402", root.span, name="root", what=what, help="root's is 0")
            elif last < MIN_UID:
                expected = f"at most {MAX_UID - MIN_UID + 1} users with a `uid`"
                evaluator.log.add("NX0301", item.span, expected=expected, found=len(names))
            elif found is not None and not MIN_UID <= found <= last:
                expected = f"a uid from {MIN_UID} to {last}"
                evaluator.log.add("NX0301", item.value.span, expected=expected, found=describe(found))
                found = None
    return found


def _entries(evaluator: Evaluator, item: object, scope: Scope) -> Iterator[Entry]:
    if isinstance(item, t.UserHome):
        value = evaluator.value(item.value, scope)
        if textual(value):
            text = known_text(value)
            if text is None or absolute(text, item.value.span, evaluator.log):
                yield Entry(("home",), value, item.span)
        elif not isinstance(value, Unknown):
            evaluator.log.add("NX0301", item.value.span, expected="a string", found=describe(value))
    elif isinstance(item, t.Assign):
        path = tuple(evaluator.key(key, scope) for key in item.path)
        yield Entry(path, evaluator.assigned(item, scope, None, path), path_span(item.path))
    elif isinstance(item, t.Nested):
        path = tuple(evaluator.key(key, scope) for key in item.path)
        yield Entry(path, evaluator.entries(item.value.entries, scope, None), path_span(item.path))


def _keys(evaluator: Evaluator, item: t.UserKeys, scope: Scope) -> tuple[list[Entry], list[SecretPath]]:
    """Options for the keys of a user, and those keys that the node reads when it runs: public halves of secrets."""
    keys, files, secrets = [], [], []
    for node in item.keys:
        value = evaluator.value(node, scope)
        bare = plain(value)
        if isinstance(bare, SourcePath):
            _public(evaluator, bare.path, node)
            files.append(value)
        elif isinstance(bare, SecretPath) and bare.public:
            secrets.append(bare)
        elif textual(value) and not any(isinstance(part, SecretPath) for part in walk(bare)):
            if "PRIVATE KEY" in (known_text(bare) or ""):
                evaluator.log.add("NX0605", node.span, help="give the public key")
            keys.append(value)
        elif not isinstance(bare, Unknown):
            secret = any(isinstance(part, SecretPath) for part in walk(bare))
            help = "the public half of an ssh-key is `secret.NAME.pub`, which stands by itself" if secret else ()
            expected = "a public key or its file"
            evaluator.log.add("NX0301", node.span, expected=expected, found=describe(value), help=help)
    entries = []
    if keys:
        entries.append(Entry(("openssh", "authorizedKeys", "keys"), Items(tuple(keys)), item.span))
    if files:
        entries.append(Entry(("openssh", "authorizedKeys", "keyFiles"), Items(tuple(files)), item.span))
    return entries, secrets


def _public(evaluator: Evaluator, path: str, node: t.Expression) -> None:
    """Refuse a file that holds a private key."""
    try:
        private = b"PRIVATE KEY" in read_regular(path, MAX_KEY_FILE)
    except OSError as error:
        shown = node.text if isinstance(node, t.Path) else path
        evaluator.log.add("NX0503", node.span, path=shown, reason=error.strerror or str(error))
        return
    if private:
        evaluator.log.add("NX0605", node.span, help="name the file of the public key, `.pub`")
