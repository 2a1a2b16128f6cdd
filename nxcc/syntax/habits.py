"""Help for what people write who know other languages: JSON, YAML, Nix, C, Python, the shell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nxcc.records import NamedTuple
from nxcc.syntax.forms import form
from nxcc.syntax.words import ROLE_KEYWORDS, TOP_KEYWORDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from nxcc.syntax.opened import Opener


class Place(NamedTuple):
    """Where a syntax error is.

    ``at`` is the offset of what was found, ``start`` that of its statement; ``found`` describes it as the headline
    does; ``accepts`` holds the terminals that could have stood there, ``brackets`` those that are open.
    """

    text: str
    at: int
    start: int
    found: str
    accepts: frozenset[str]
    brackets: tuple[Opener, ...]

    @property
    def rest(self) -> str:
        """The text from the error on, up to its line's end."""
        end = self.text.find("\n", self.at)
        return self.text[self.at : end if end >= 0 else len(self.text)][:200]

    @property
    def before(self) -> str:
        """The statement's text in front of the error, without blanks at its end."""
        return self.text[max(self.start, self.at - 200) : self.at].rstrip()

    @property
    def word(self) -> str:
        """The word that the statement begins with."""
        match = re.compile(r"[A-Za-z_][\w-]*+").match(self.text, self.start)
        return match[0] if match else ""

    @property
    def glued(self) -> bool:
        """Whether no blank stands before the error."""
        return self.at == 0 or not self.text[self.at - 1].isspace()


def habit(place: Place) -> tuple[str, ...]:
    """The help for an error, one line; none where nothing is known about it."""
    for rule in _RULES:
        if help := rule(place):
            return (help,)
    return ()


def _comment(p: Place) -> str:
    return "a comment begins with `#`" if p.rest.startswith(("//", "/*", "--")) else ""


def _words_for_signs(p: Place) -> str:
    if p.rest.startswith(">") and p.text[p.at - 1 : p.at] == "<":
        return "write `!=`"
    if p.rest.startswith("?") and p.brackets[-1:] and "EQUAL" in p.accepts:
        return ""
    if p.rest.startswith("?"):
        return "write `if CONDITION then VALUE else VALUE`"
    if p.text[p.at - 1 : p.at] == "'" and re.match(r"\w", p.rest):
        return "a text with `'` in it stands in double quotes"
    for wrong, right in (("&&", "and"), ("||", "or"), ("!", "not")):
        if p.rest.startswith(wrong) and not p.rest.startswith("!="):
            return f"write `{right}`"
    return ""


def _nix_words(p: Place) -> str:
    word = re.search(r"[=\[(]\s*(with|rec)$", p.before)
    if not word:
        return ""
    if word[1] == "rec":
        return "a set is `{ … }`, without `rec`; a value that others need is a `let`"
    return "packages are installed with `packages git htop`; elsewhere they are `pkgs.NAME`, without `with`"


def _arrow(p: Place) -> str:
    if "ARROW" not in p.accepts:
        return ""
    return "a link is `link A -> B` in one direction, `link A <-> B` in both"


def _hole(p: Place) -> str:
    if p.rest.startswith("${"):
        return "`${…}` stands in strings; outside of them write the expression by itself"
    if p.rest.startswith("$"):
        return "a name is written without `$`"
    return ""


def _missing_value(p: Place) -> str:
    """``a =`` with nothing behind it goes on in the next line."""
    line = p.text.rfind("\n", 0, p.at) + 1
    above = p.text[max(0, line - 200) : line].rstrip()
    word = re.fullmatch(r"[ \t]*([\w.\"-]+)[ \t]*", p.text[line : p.at])
    if not word or not (p.rest[:1] in ("=", "{", ":") or word[1] in (*ROLE_KEYWORDS, *TOP_KEYWORDS)):
        return ""
    number = p.text.count("\n", 0, len(p.text[:line].rstrip())) + 1
    for sign in ("=", ","):
        if above.endswith(sign) and not above.endswith("=="):
            return f"line {number} ends with `{sign}` and goes on here: something is missing there"
    return ""


def _no_value(p: Place) -> str:
    if p.found in ("end of the line", "end of the file", "`;`", "`}`") and p.before.endswith("="):
        return "a value follows `=`"
    return ""


def _colon(p: Place) -> str:
    if p.rest[:1] != ":":
        return ""
    if p.word == "let":
        return "a constant has no type: `let NAME = VALUE`"
    if p.word == p.before and p.word in ROLE_KEYWORDS:
        return f"`{p.word}` and what follows it stand side by side, without `:`"
    if p.word == "ports":
        return "`publish 8080:80` maps a port of the host to one of the node"
    if "EQUAL" in p.accepts:
        return "write `=` between a name and its value"
    if "NUMBER" in p.accepts and p.word not in ("param", "profile", "role"):
        return "a setting and its value stand side by side: `NAME VALUE`"
    return ""


def _equal(p: Place) -> str:
    if not p.brackets and p.word in TOP_KEYWORDS and p.word == p.before and re.match(r"=(?!=)", p.rest):
        return f"`{p.word}` and what follows it stand side by side, without `=`"
    if p.rest.startswith("+="):
        return "write `=`: what several places add to a list comes together by itself"
    if p.rest[:1] != "=" or p.rest.startswith(("==", "=>")):
        return ""
    if p.word == "param" and "COLON" in p.accepts:
        return "a parameter has a type: `param NAME: int = 3`"
    if p.word == "secret":
        return "a secret is made at deployment, or read from a file: `secret NAME from ./file`"
    if p.word in ("service", "enable"):
        begin = "services." if p.word == "service" else ""
        return f"an option is set by itself: `{begin}{p.before[len(p.word) :].strip().split(' ')[-1]} = …`"
    if p.brackets and {"NUMBER", "QUOTE"} & p.accepts and re.fullmatch(r"[\w-]+", p.before):
        return "a setting and its value stand side by side, without `=`"
    if "COMPARE" in p.accepts and not re.match(r"[\w.\"]+$", p.before):
        return "equality is `==`"
    return ""


def _parameter(p: Place) -> str:
    if p.word != "param":
        return ""
    if p.rest.startswith("in") and "EQUAL" in p.accepts:
        return "a parameter has a default: `param NAME: int = 3 in 1..5`"
    if re.match(r"[0-9\[]", p.rest) and "IN" in p.accepts:
        return "what a parameter may be follows `in`: `in 1..5` or `in [1, 3]`"
    return ""


def _blank(p: Place) -> str:
    """A blank before what has none."""
    if p.rest[:1] in ("(", "[") and not p.glued and {"CALL", "INDEX"} & p.accepts:
        return "a call and an index follow their name without a blank: `f(x)`, `x[i]`"
    if re.match(r"(?:B|KiB|MiB|GiB|TiB|ms|s|min|h|d|kbit|mbit|gbit|%)(?!\w)", p.rest) and re.search(
        r"[0-9][ \t]+$", p.text[max(0, p.at - 10) : p.at]
    ):
        return "a unit follows its number without a blank"
    return ""


def _chained(p: Place) -> str:
    if re.match(r"==|!=|<=|>=|<|>", p.rest) and "COMPARE" not in p.accepts and {"AND", "OR"} <= p.accepts:
        return "comparisons are not chained: `a < b and b < c`"
    if p.rest.startswith("..") and "RANGE" not in p.accepts and {"AND", "OR"} <= p.accepts:
        return "a range has two ends: `1..5`"
    return ""


def _commas(p: Place) -> str:
    opener = p.brackets[-1].text if p.brackets else ""
    if opener == "[" and re.search(r"\[\s*for\s+$", p.text[max(0, p.at - 40) : p.at]):
        return "what the list holds comes first: `[x * 2 for x in LIST]`"
    if opener == "[" and {"COMMA", "RSQB"} <= p.accepts:
        if p.rest[:1] == ";":
            return "the elements of a list are separated by commas or newlines"
        if re.match(r"[\w\"'`{(\[.$-]", p.rest):
            return "the elements of a list are separated by commas: `[a, b]`"
    if opener == "[" and p.rest[:1] == "," and not p.text[p.text.rfind("\n", 0, p.at) + 1 : p.at].strip():
        return "a comma stands at a line's end, not at the beginning of the next"
    if opener == "(" and p.rest[:1] == "," and "RPAR" in p.accepts:
        return "a list stands in `[ ]`"
    if opener == "(" and {"COMMA", "RPAR"} <= p.accepts and re.match(r"[\w\"'`{(\[]", p.rest):
        return "arguments are separated by commas"
    if p.word in ("role", "profile") and re.match(r"[A-Za-z_]", p.rest) and "COMMA" in p.accepts:
        return "several profiles are separated by commas: `: a, b`"
    if opener == "{" and p.rest[:1] == "," and "_SEP" in p.accepts:
        return "statements are separated by newlines or `;`"
    return ""


ELSEWHERE = {
    "if": "statements are chosen with `when CONDITION { … }`",
    "else": "`else` follows the `}` of a `when`, or a value behind `then`",
    "then": "`then` belongs to `if CONDITION then VALUE else VALUE`",
    "for": "a role of several nodes is `role NAME[COUNT]`; `[x for x in LIST]` makes a list",
    "with": "names after `packages` are those of pkgs: no `with pkgs;` is needed",
    "inherit": "write `NAME = NAME`",
    "rec": "sets see what `let` declares outside of them",
    "in": "`let` is a statement of its own, without `in`",
    "node": "the machines of an environment are roles: `role NAME { … }`",
    "imports": "a statement `import ./module.nix` for each module",
    **dict.fromkeys(("cpu", "cpus", "memory", "ram", "disk"), "write `resources { cpus 2; memory 2GiB; disk 10GiB }`"),
    **dict.fromkeys(
        ("run", "exec", "command", "cmd", "entrypoint"),
        '`on-boot NAME = "…"` runs a script at each boot, `script NAME bash = "…"` installs one',
    ),
    **dict.fromkeys(
        ("volume", "volumes"), '`share "/…"` and `mount "/…" from ROLE` are for directories of several nodes'
    ),
    **dict.fromkeys(("depends", "depends-on", "depends_on"), "`after ROLE` waits until the nodes of a role are ready"),
    "expose": "`ports 80` opens a port, `publish 8080:80` leads to it from the host",
    "env": "write `variable NAME = …`",
    "copy": 'write `file "/…" from ./…`',
    "install": "write `packages`",
    "cron": 'NixOS has an option for that: `systemd.services.NAME.startAt = "daily"`',
}
"""Words that begin a statement in other languages, and what nxc has for them."""


def _words(p: Place) -> str:
    """Words of other languages where a statement begins, or goes on."""
    word = re.match(r"[A-Za-z_]\w*", p.rest)
    name = word[0] if word else ""
    if p.at == p.start or name == p.word or p.before == p.word:
        for said in (name, p.word):
            if said in ELSEWHERE:
                return ELSEWHERE[said]
    if name == "else":
        return "`else` follows the `}` of a `when`, or a value behind `then`"
    if name in ("elif", "elsif", "elseif"):
        return "write `else when CONDITION { … }`"
    if name in ("extends", "extend", "uses", "includes", "is") and p.word in ("role", "profile"):
        return f"profiles that a {p.word} builds on follow `:`"
    if name == "if" and "WHEN" in p.accepts:
        return "write `else when`"
    if name == "as" or (name == "from" and "EQUAL" in p.accepts):
        return ""
    if re.search(r"\bwith\s+pkgs\s*;\s*$", p.text[max(0, p.at - 40) : p.at]):
        return "names after `packages` are those of pkgs: no `with pkgs;` is needed"
    return ""


_TAKE_A_PLACE = ("share", "mount", "file")


def _paths(p: Place) -> str:
    if p.word in ("nixpkgs", "input") and {"PATH", "QUOTE"} <= p.accepts:
        return 'where it comes from stands in quotes: `"github:…"`'
    if p.word == "nix" and p.rest[:1] == "{":
        return "Nix stands between backticks: `` nix `…` ``"
    if p.rest[:1] == "/" and "QUOTE" in p.accepts and p.word in _TAKE_A_PLACE and not p.before.endswith("from"):
        return f'a path on the node stands in quotes: `{p.word} "/…"`'
    if "PATH" not in p.accepts and p.rest[:1] != "/":
        return ""
    if p.rest[:1] == "/" and ("PATH" in p.accepts or re.search(r"(?:import|include|from)\s+[\w.-]+$", p.before)):
        return "a path begins with `./` or `../`, relative to this file"
    if p.rest[:1] == "~":
        return "a path begins with `./` or `../`, relative to this file"
    if re.match(r"[\w-]+[./]", p.rest) and "NAME" not in p.accepts:
        return f"a path begins with `./`: `./{p.rest.split()[0].rstrip(';')}`"
    if p.rest[:1] == "<" and "NIX" in p.accepts:
        return "what only Nix knows stands in backticks: `` `<…>` ``"
    return ""


def _quotes(p: Place) -> str:
    if p.found == "string":
        if p.before[-1:] in ('"', "'") and "_SEP" in p.accepts and p.word not in ("environment", "test"):
            return 'join strings by interpolation: `"${a}${b}"`'
        if "NAME" in p.accepts and not {"QUOTE", "NUMBER", "NIX"} & p.accepts:
            return "a name stands without quotes"
        return ""
    if p.word == "environment" and {"QUOTE", "_SEP"} <= p.accepts and re.match(r"[A-Za-z_]", p.rest):
        return 'a description stands in quotes: `environment NAME "text"`'
    return ""


def _numbers(p: Place) -> str:
    if re.match(r"[0-9]+[A-Za-z_]", p.rest) and "NAME" in p.accepts:
        name = re.match(r"[\w-]+", p.rest)
        if p.word == "packages" and name:
            return f'a name does not begin with a digit; write `pkgs."{name[0]}"`'
        return "a name does not begin with a digit"
    if re.match(r"\.[0-9]", p.rest) and "NUMBER" in p.accepts:
        number = re.match(r"\.[0-9]+", p.rest)
        return f"write `0{number[0]}`" if number else ""
    return ""


def _protocol(p: Place) -> str:
    if p.rest[:1] == "/" and "PROTOCOL" in p.accepts:
        return "a protocol is `/tcp` or `/udp`"
    return ""


def _separator(p: Place) -> str:
    """Two statements on a line, or one that was split."""
    line = p.text.rfind("\n", 0, p.at) + 1
    if not p.text[line : p.at].strip():
        if re.match(r"[-/<>.(\[|&?]|\.\.", p.rest) and line:
            return "a statement goes on behind a line's end where the line ends with an operator, a comma or a bracket"
        return ""
    word = re.match(r"[A-Za-z_][\w-]*", p.rest)
    if p.word in ("role", "profile") and not p.brackets and "LBRACE" in p.accepts:
        return ""
    keyword = word and word[0] in (*ROLE_KEYWORDS, *TOP_KEYWORDS)
    if "_SEP" in p.accepts and (keyword or re.match(r"[A-Za-z_\"][\w.\"-]*[ \t]*[={](?!=)", p.rest)):
        return "two statements on one line are separated by `;`"
    return ""


_RULES: tuple[Callable[[Place], str], ...] = (
    _comment,
    _words_for_signs,
    _nix_words,
    _arrow,
    _hole,
    _missing_value,
    form,
    _colon,
    _parameter,
    _equal,
    _blank,
    _chained,
    _commas,
    _words,
    _numbers,
    _paths,
    _protocol,
    _no_value,
    _quotes,
    _separator,
)
