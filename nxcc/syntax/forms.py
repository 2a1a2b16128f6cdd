"""Help for statements of this language, from `role` to `user`, that are not written as one guesses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nxcc.syntax.habits import Place

_WORD = re.compile(r"[A-Za-z_][\w-]*")


def form(place: Place) -> str:
    """The help for an error in such a statement; "" where nothing is known about it."""
    found = _WORD.match(place.rest)
    word = found[0] if found else ""
    if _in_user(place):
        return _OF_USERS.get(place.word, "")
    rule = _RULES.get(place.word)
    return rule(place, word) if rule else ""


def _role(p: Place, word: str) -> str:
    if p.rest[:1] in ("*", "(") and p.accepts & {"INDEX", "LSQB"}:
        return f"several nodes are a count: `{p.before}[3]`"
    return ""


def _packages(p: Place, word: str) -> str:
    return "a name stands without quotes" if p.rest[:1] in ("'", '"') else ""


def _file(p: Place, word: str) -> str:
    return "write `user`" if word == "owner" else ""


def _secret(p: Place, word: str) -> str:
    return "write `owner`" if word == "user" else ""


def _share(p: Place, word: str) -> str:
    if word == "user":
        return "write `owner`"
    if word in ("readonly", "ro", "read"):
        return "write `read-only`"
    if word in ("rw", "readwrite", "read-write", "writable"):
        return "others may write where it is not `read-only`"
    if word in ("to", "with", "for"):
        return 'roles that have it say so themselves: `mount "/…" from ROLE`'
    if p.rest[:1] == "=":
        return 'a directory has no content here; a file is `file "/…" = "…"`'
    return ""


def _mount(p: Place, word: str) -> str:
    if p.rest[:1] == ":":
        return 'where the role has it follows `at`: `mount "/…" from ROLE at "/…"`'
    if p.before.endswith("mount from"):
        return 'the directory comes first: `mount "/…" from ROLE`'
    return ""


def _on_boot(p: Place, word: str) -> str:
    if word in ("requires", "require", "depends", "requisite"):
        return "write `needs`"
    if word in ("path", "packages", "using"):
        return "write `with`"
    if word == "from":
        return "the text of a file is `= read(./…)`"
    if p.rest[:1] == "{":
        return 'the script is a string: `on-boot NAME = """…"""`'
    if p.rest[:1] in ("'", '"'):
        return "the script comes after `=`"
    if word and "UNIT" in p.accepts:
        return f"{_kind(word)}; `after ROLE` is a statement of its own"
    return ""


def _kind(word: str) -> str:
    return f"a unit has its kind: `{word}.{'target' if word in _TARGETS else 'service'}`"


_TARGETS = ("network", "network-online", "multi-user", "local-fs", "remote-fs", "basic", "sysinit")


def _ready(p: Place, word: str) -> str:
    if re.match(r"[0-9]", p.rest):
        return "each condition has its word: `ready port 80, port 443`"
    return _kind(word) if word and "UNIT" in p.accepts else ""


def _user(p: Place, word: str) -> str:
    if re.match(r"[0-9\"']", p.rest) and p.before != "user":
        return "what is said of a user stands in braces: `user NAME { uid 1001 }`"
    return ""


def _in_user(p: Place) -> bool:
    """Whether the error is in the block of a user."""
    if not p.brackets or p.brackets[-1].text != "{":
        return False
    start = p.brackets[-1].start
    return re.search(r"(?:^|[;{\n])[ \t]*user[ \t][^\n{;]*$", p.text[max(0, start - 200) : start]) is not None


_RULES = {
    "role": _role,
    "packages": _packages,
    "file": _file,
    "secret": _secret,
    "share": _share,
    "mount": _mount,
    "on-boot": _on_boot,
    "ready": _ready,
    "user": _user,
}
_OF_USERS = {
    "group": "write `groups`",
    "key": "write `keys`",
    "ssh-key": "write `keys`",
    "shell": "it is NixOS's option: `shell = pkgs.zsh`",
    "sudo": "write `admin`",
    "wheel": "write `admin`",
    "password": "`keys` are what users log in with; NixOS's options for passwords are set with `=`",
}
