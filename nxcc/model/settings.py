"""Settings of flavours: what a flavour takes, and whether a source gives it that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.nearest import did_you_mean
from nxcc.model import environment as e
from nxcc.model.expressions import Evaluator
from nxcc.model.scope import Scope
from nxcc.model.values import UNKNOWN, Items, Quantity, Unknown, Value
from nxcc.model.words import describe
from nxcc.records import NamedTuple
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = {
    "word": "a word",
    "string": "a string",
    "int": "a whole number",
    "bool": "true or false",
    "size": "a size such as 2GiB",
    "duration": "a duration such as 2h",
    "walltime": 'a duration of whole seconds, a minute at least: 2h, 90min or "2:30:00"',
}


class Setting(NamedTuple):
    """A setting of a flavour.

    ``kind`` is a key of KINDS; ``choices`` the words allowed (() for any); ``default`` what holds without it;
    ``several`` whether it takes more than one value. ``pattern`` is what the whole of a word or string must match
    (re), ``least`` and ``most`` bound a number where ``most`` is not 0; ``expected`` says so in words.
    """

    name: str
    kind: str
    text: str
    choices: tuple[str, ...] = ()
    default: str = ""
    several: bool = False
    pattern: str = ""
    least: int = 0
    most: int = 0
    expected: str = ""


class FlavourFacts(NamedTuple):
    """What the model must know of a flavour.

    ``in_roles`` are the names of the settings that may stand in a role.
    """

    settings: tuple[Setting, ...]
    in_roles: tuple[str, ...] = ()


class SettingsReader:
    """Reads ``flavour NAME { … }``; ``find`` gives the facts of a flavour by name, None for an unknown one."""

    def __init__(
        self, evaluator: Evaluator, find: Callable[[str], FlavourFacts | None], names: tuple[str, ...]
    ) -> None:
        self.evaluator = evaluator
        self.log = evaluator.log
        self.find = find
        self.names = names

    def flavour(self, word: t.Word) -> FlavourFacts | None:
        """The facts of a flavour; None, reported, for an unknown one."""
        facts = self.find(word.text)
        if facts is None:
            near = did_you_mean(word.text, self.names) or f"the flavours are {', '.join(self.names)}"
            self.log.add("NX0701", word.span, name=word.text, help=near)
        return facts

    def read(self, statement: t.FlavourSettings, scope: Scope, *, in_role: bool) -> e.Settings | None:
        """The settings with their values; None where the flavour is unknown."""
        facts = self.flavour(statement.flavour)
        if facts is None:
            return None
        flavour = statement.flavour.text
        values = []
        seen: set[str] = set()
        for setting in statement.settings:
            name = setting.name.text
            if name in seen:
                self.log.add("NX0319", setting.name.span, name=name)
            seen.add(name)
            found = tuple(word_or_value(self.evaluator, value, scope) for value in setting.values)
            if any(isinstance(value, Unknown) for value in found):
                continue
            rule = next((rule for rule in facts.settings if rule.name == name), None)
            if rule is None:
                known = [rule.name for rule in facts.settings]
                near = did_you_mean(name, known) or f"its settings are {', '.join(known) or 'none'}"
                self.log.add("NX0702", setting.name.span, flavour=flavour, name=name, help=near)
                continue
            if in_role and name not in facts.in_roles:
                self.log.add("NX0709", setting.name.span, flavour=flavour, name=name, help="set it at top level")
                continue
            if not self._fits(rule, setting, found):
                continue
            values.append((name, found, setting.span))
        return e.Settings(flavour, tuple(values), statement.span)

    def _fits(self, rule: Setting, setting: t.Setting, found: tuple[Value, ...]) -> bool:
        expected = rule.expected or KINDS[rule.kind]
        if rule.choices:
            expected = " or ".join(f"`{choice}`" for choice in rule.choices)
        elif rule.several:
            expected += ", or several"
        if not found or (len(found) > 1 and not rule.several):
            self.log.add("NX0703", setting.span, name=rule.name, expected=expected)
            return False
        for node, value in zip(setting.values, found, strict=True):
            if not _is(value, rule.kind) or (rule.choices and value not in rule.choices) or not _within(value, rule):
                near = did_you_mean(value, rule.choices) if isinstance(value, str) else ()
                label = f"this is {describe(value)}" if not isinstance(value, str) else ""
                self.log.add("NX0703", node.span, name=rule.name, expected=expected, label=label, help=near)
                return False
        return True


def word_or_value(evaluator: Evaluator, node: t.Expression, scope: Scope) -> Value:
    """The value of a setting: a word stands for itself, an expression stands in parentheses."""
    if isinstance(node, t.Name) and node.span.source.text[node.span.start] != "(":
        return node.text
    if isinstance(node, t.Select) and node.span.source.text[node.span.start] != "(":
        return _dotted(evaluator, node, scope)
    if isinstance(node, t.ListLiteral):
        items = tuple(word_or_value(evaluator, item, scope) for item in node.items)
        return UNKNOWN if any(isinstance(item, Unknown) for item in items) else Items(items)
    return evaluator.known(node, scope, "a setting")


def _dotted(evaluator: Evaluator, node: t.Select, scope: Scope) -> str:
    """A word with dots, ``nur.repos.kapack``."""
    base = node.base
    head = (
        _dotted(evaluator, base, scope) if isinstance(base, t.Select) else base.text if isinstance(base, t.Name) else ""
    )
    return f"{head}.{evaluator.key(node.key, scope)}"


def _is(value: Value, kind: str) -> bool:
    if kind in ("word", "string"):
        return isinstance(value, str)
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "walltime":
        seconds = seconds_of(value)
        return seconds is not None and seconds >= 60
    return isinstance(value, Quantity) and value.dimension == kind


def seconds_of(value: Value) -> int | None:
    """The seconds of a walltime: a duration, or H:MM or H:MM:SS as OAR writes it. None for anything else."""
    if isinstance(value, Quantity):
        seconds, rest = divmod(value.amount, 1000)
        return None if rest or value.dimension != "duration" else int(seconds)
    if isinstance(value, str):
        import re

        if found := re.fullmatch(r"([0-9]{1,5}):([0-5][0-9])(?::([0-5][0-9]))?", value):
            hours, minutes, more = (int(part or 0) for part in found.groups())
            return hours * 3600 + minutes * 60 + more
    return None


def _within(value: Value, rule: Setting) -> bool:
    """Whether a value of the right kind keeps the rule's pattern and bounds."""
    if rule.pattern and isinstance(value, str):
        import re

        return re.fullmatch(rule.pattern, value) is not None
    return not rule.most or (isinstance(value, int) and rule.least <= value <= rule.most)
