"""Words of the language, and words for the grammar's terminals: no terminal's name is ever shown to a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set

TOP_KEYWORDS = (
    "environment nixpkgs input overlay override package param let secret script include profile role link network "
    "flavour setup test"
).split()
ROLE_KEYWORDS = (
    "packages ports publish service enable variable file script on-boot user share mount after ready resources kernel "
    "kernel-params import nix flavour let when on"
).split()
RESERVED = frozenset("if then else for in and or not true false null".split())
UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "ms", "s", "min", "h", "d", "kbit", "mbit", "gbit", "%")
SMALLEST_FLOAT = 2.2250738585072014e-308
"""Nearer to zero, numbers of double precision lose digits, and Nix refuses them."""
_ELSEWHERE = {
    "B": "byte bytes",
    "KiB": "k kb ki",
    "MiB": "m mb mi",
    "GiB": "g gb gi",
    "TiB": "t tb ti",
    "ms": "msec millis",
    "s": "sec secs second seconds",
    "min": "minute minutes mins",
    "h": "hour hours",
    "d": "day days",
    "kbit": "kbps",
    "mbit": "mbps",
    "gbit": "gbps",
}
UNITS_ELSEWHERE = {name: unit for unit, names in _ELSEWHERE.items() for name in names.split()}
"""How units are written elsewhere, in lower case."""

# Words for terminals. Those that are missing read as their own lower-case name, a keyword.
_WORDS = {
    "$END": "the end of the file",
    "_SEP": "the end of the statement",
    "NAME": "a name",
    "OPTION_NAME": "a name",
    "NUMBER": "a number",
    "QUANTITY": "a quantity",
    "PATH": "a path",
    "NIX": "Nix in backticks",
    "RAW": "a string",
    "RAW_BLOCK": "a string",
    "QUOTE": "a string",
    "QUOTES": "a string",
    "MODE_BITS": "a mode such as 0644",
    "UNIT": "a unit such as sshd.service",
    "LANGUAGE": "`bash`, `sh` or `python`",
    "PORT_RANGE": "a port",
    "PROTOCOL": "`/tcp` or `/udp`",
    "ADDRESS": "an address",
    "COMPARE": "a comparison",
    "LPAR": "`(`",
    "CALL": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "INDEX": "`[`",
    "RSQB": "`]`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "EQUAL": "`=`",
    "ARROW": "`->`",
    "BOTH": "`<->`",
    "RANGE": "`..`",
    "CONCAT": "`++`",
    "PLUS": "`+`",
    "MINUS": "`-`",
    "STAR": "`*`",
    "SLASH": "`/`",
    "DOT": "`.`",
    "HOLE": "`${`",
    "FILE_USER": "`user`",
    "UNIT_WORD": "`unit`",
    "NIX_WORD": "`nix`",
    "AFTERWARDS": "`after`",
    "AFTER_UNITS": "`after`",
    "BEFORE_UNITS": "`before`",
    "AS_DEFAULT": "`default`",
}
OPERATORS = frozenset("COMPARE RANGE CONCAT PLUS MINUS STAR SLASH AND OR CALL INDEX DOT".split())
TEXTS = frozenset(("TEXT", "ESCAPE", "BLOCK_TEXT", "BLOCK_ESCAPE"))
_VALUE = frozenset(
    "NAME NUMBER QUANTITY QUOTE QUOTES RAW RAW_BLOCK NIX NIX_BLOCK PATH LBRACE LSQB LPAR TRUE FALSE NULL IF NOT MINUS "
    "FORCE AS_DEFAULT BEFORE AFTERWARDS ORDER".split()
)


def keyword(terminal: str) -> str:
    """The keyword that a terminal stands for."""
    return _WORDS.get(terminal, "").strip("`") or terminal.lower().replace("_", "-")


def expected(accepts: Set[str]) -> str:
    """What could have stood there, in words; "" when that is too much to say."""
    if {"ROLE", "ENVIRONMENT"} <= accepts:
        return "a statement"
    if {"PACKAGES", "SERVICE"} <= accepts:
        return "a statement or `}`"
    words: list[str] = []
    rest = set(accepts) - TEXTS - {"NIX_BLOCK"}
    if {"NAME", "NUMBER", "LBRACE", "LPAR"} <= rest:
        words.append("a value")
        rest -= _VALUE
    if {"TRUE", "NUMBER", "QUOTE"} <= rest:
        words.append("a value")
        rest -= _VALUE
    if {"NAME", "NUMBER", "LPAR"} <= rest and "PORT_RANGE" in rest:
        words.append("a port")
        rest -= {"NAME", "NUMBER", "LPAR", "PORT_RANGE"}
    if len(rest & OPERATORS) > 3:
        rest -= OPERATORS
        words.append("an operator")
    # The end of the file closes a statement just as a line's end does: one of them is enough to say.
    if "_SEP" in rest:
        rest.discard("$END")
    # A path may always go on; that is never what was forgotten.
    if rest & {"EQUAL", "_SEP"}:
        rest.discard("DOT")
    if {"COMMA", "RSQB"} <= rest:
        rest.discard("_SEP")
    # What follows `if` or a list's element has too narrow a use to be the help in most places.
    if len(rest) + len(words) > 3:
        rest -= {"THEN", "ELSE", "FOR"}
    for name in sorted(rest, key=lambda name: (name not in _WORDS, name)):
        word = _WORDS.get(name) or f"`{keyword(name)}`"
        if word not in words:
            words.append(word)
    # Behind a value an operator may stand anywhere: what else may tells more.
    if len(words) > 6 and "an operator" in words:
        words.remove("an operator")
    if not words or len(words) > 6:
        return ""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def double(text: str) -> float | None:
    """A decimal number, which may have a fraction and an exponent, in double precision; None out of its range."""
    value = float(text)
    is_zero = not text.lower().partition("e")[0].strip("-0.")
    return value if is_zero or SMALLEST_FLOAT <= abs(value) < float("inf") else None
