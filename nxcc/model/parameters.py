"""Parameters: defaults, what a setup or the command line gives them, their types and what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nxcc.diagnostics.core import Label
from nxcc.diagnostics.nearest import did_you_mean
from nxcc.model import arithmetic
from nxcc.model import environment as e
from nxcc.model.expressions import Evaluator
from nxcc.model.scope import GLOBAL, MAX_DIGITS
from nxcc.model.values import UNKNOWN, Items, Quantity, Unknown, Value, Written, known_text, nix_only, plain, resolved
from nxcc.model.words import describe
from nxcc.syntax import tree as t
from nxcc.syntax.words import double

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nxcc.diagnostics.core import Log, Span
    from nxcc.model.names import Names

TYPES = {
    "int": "a whole number",
    "float": "a number",
    "string": "a string",
    "bool": "true or false",
    "size": "a size such as 2GiB",
    "duration": "a duration such as 2h",
    "list": "a list",
}

_OTHER_TYPES = {
    "integer": "int",
    "number": "float",
    "double": "float",
    "str": "string",
    "text": "string",
    "boolean": "bool",
    "bytes": "size",
    "memory": "size",
    "time": "duration",
    "array": "list",
}
"""What other languages call a type."""


class Parameters:
    """The parameters of an environment with their values."""

    def __init__(self, evaluator: Evaluator, names: Names, given: Mapping[str, str], setup: t.Setup | None) -> None:
        self.evaluator = evaluator
        self.log = evaluator.log
        self.names = names
        self.given = given
        self.of_setup: dict[str, t.SetParam] = {}
        for statement in setup.body if setup else ():
            if isinstance(statement, t.SetParam):
                self.of_setup[statement.name.text] = statement
        self.values: dict[str, Value] = {}

    def value(self, statement: t.Param) -> Value:
        """The value of this compile; UNKNOWN after an error. The evaluator refuses those that need themselves."""
        name = statement.name.text
        if name not in self.values:
            self.values[name] = self._value(statement)
        return self.values[name]

    def _value(self, statement: t.Param) -> Value:
        name = statement.name.text
        default = self._checked(statement, statement.default)
        if name in self.of_setup:
            default = self._checked(statement, self.of_setup[name].value)
        if name not in self.given:
            return default
        text = self.given[name]
        value = parse(text, statement.type.text)
        if isinstance(value, Unknown):
            if statement.type.text in TYPES:
                self.log.add(
                    "NX0304",
                    statement.type.span,
                    name=name,
                    type=TYPES[statement.type.text],
                    found=f"`{text}`",
                    label="its type",
                    notes=f"the value is that of `--set {name}={text}`",
                )
            return UNKNOWN
        return value if self._allowed(statement, value, None) else UNKNOWN

    def _checked(self, statement: t.Param, node: t.Expression) -> Value:
        value = self.evaluator.value(node, GLOBAL)
        value = convert(self.evaluator, value, statement.type, statement.name.text, node.span)
        return value if self._allowed(statement, value, node.span) else UNKNOWN

    def _allowed(self, statement: t.Param, value: Value, span: Span | None) -> bool:
        node = statement.allowed
        if node is None or isinstance(value, Unknown):
            return not isinstance(value, Unknown)
        name, shown = statement.name.text, show(value)
        said: dict[str, Any] = {"secondary": (Label(node.span, "what is allowed"),)}
        if span is None:
            # The command line has no place: that of what it goes against stands for it.
            span, said = node.span, {"label": "what is allowed"}
            said["notes"] = f"the value is that of `--set {name}={self.given[name]}`"
        if isinstance(node, t.Binary) and node.operator == "..":
            low = self.evaluator.known(node.left, GLOBAL, "what is allowed")
            high = self.evaluator.known(node.right, GLOBAL, "what is allowed")
            if isinstance(low, Unknown) or isinstance(high, Unknown):
                return False
            inside = [arithmetic.operate("<=", low, value), arithmetic.operate("<=", value, high)]
            if any(isinstance(result, arithmetic.Fault) for result in inside):
                expected = f"bounds for {TYPES[statement.type.text]}"
                for bound, result, place in zip((low, high), inside, (node.left, node.right), strict=True):
                    if isinstance(result, arithmetic.Fault):
                        self.log.add("NX0301", place.span, expected=expected, found=describe(bound))
                return False
            if not all(inside):
                allowed = f"between {show(low)} and {show(high)}"
                self.log.add("NX0303", span, name=name, value=shown, allowed=allowed, **said)
            return all(inside)
        choices = self.evaluator.known(node, GLOBAL, "what is allowed")
        if isinstance(choices, Unknown):
            return False
        if not isinstance(choices, Items):
            self.log.add("NX0301", node.span, expected="a range or a list", found=describe(choices))
            return False
        if any(arithmetic.operate("==", choice, value) is True for choice in choices.items):
            return True
        allowed = " or ".join(show(choice) for choice in choices.items)
        if len(choices.items) != 1:
            allowed = f"one of {', '.join(show(choice) for choice in choices.items)}"
        near = did_you_mean(value, [c for c in choices.items if isinstance(c, str)]) if isinstance(value, str) else ()
        self.log.add("NX0303", span, name=name, value=shown, allowed=allowed, help=near, **said)
        return False

    def check_all(self) -> None:
        """Report what is wrong with any parameter, with those of every setup, and with what the command line gives."""
        known = [name for name, s in self.names.values.items() if isinstance(s, t.Param)]
        for name in self.given:
            if name not in known:
                near = did_you_mean(name, known) or f"the parameters are {', '.join(f'`{one}`' for one in known)}"
                if not known:
                    near = "this environment has no parameters"
                note = f"it is that of `--set {name}={self.given[name]}`"
                self.log.add("NX0203", None, kind="parameter", name=name, help=near, notes=note)
        for statement in self.names.values.values():
            if isinstance(statement, t.Param):
                if statement.type.text not in TYPES:
                    unknown_type(self.log, statement.type)
                self.evaluator.value(t.Name(statement.name.text, statement.name.span))
        for setup in self.names.setups.values():
            seen: dict[str, Span] = {}
            for item in setup.body:
                if not isinstance(item, t.SetParam):
                    continue
                param = self.names.values.get(item.name.text)
                if not isinstance(param, t.Param):
                    self.names.unknown("parameter", item.name, known)
                    continue
                first = seen.setdefault(item.name.text, item.name.span)
                if first is not item.name.span:
                    labels = (Label(first, "the first one"),)
                    self.log.add("NX0319", item.name.span, name=item.name.text, secondary=labels)
                self._checked(param, item.value)

    def parameters(self) -> list[e.Parameter]:
        """All parameters with their values."""
        found = []
        for statement in self.names.values.values():
            if isinstance(statement, t.Param):
                value = plain(self.value(statement))
                text = self.evaluator.text(statement.text) if statement.text else ""
                if not isinstance(value, Unknown):
                    found.append(
                        e.Parameter(statement.name.text, statement.type.text, value, text or "", statement.name.span)
                    )
        return found


def unknown_type(log: Log, word: t.Word) -> None:
    """Report a type that there is not."""
    other = _OTHER_TYPES.get(word.text.lower())
    near = (f"did you mean `{other}`?",) if other else did_you_mean(word.text, TYPES)
    log.add("NX0205", word.span, name=word.text, help=near or f"the types are {', '.join(TYPES)}")


def convert(evaluator: Evaluator, value: Value, type_: t.Word, name: str, span: Span) -> Value:
    """A value as one of a type; UNKNOWN, reported, where it is none."""
    value = resolved(value)
    if isinstance(value, Unknown):
        return UNKNOWN
    if type_.text not in TYPES:
        unknown_type(evaluator.log, type_)
        return UNKNOWN
    if nix_only(value):
        evaluator.log.add("NX0314", span, what=f"the value of `{name}`")
        return UNKNOWN
    if has_type(value, type_.text):
        if type_.text == "float" and isinstance(value, int):
            return Written.of(float(value), str(value))
        return value
    labels = (Label(type_.span, "its type"),)
    evaluator.log.add("NX0304", span, name=name, type=TYPES[type_.text], found=describe(value), secondary=labels)
    return UNKNOWN


def has_type(value: Value, type_: str) -> bool:
    """Whether a known value is of a type; a whole number is a number too."""
    if type_ == "bool":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if type_ in ("int", "float"):
        return isinstance(value, int if type_ == "int" else int | float)
    if type_ == "string":
        return isinstance(value, str)
    if type_ == "list":
        return isinstance(value, Items)
    return isinstance(value, Quantity) and value.dimension == type_


def parse(text: str, type_: str) -> Value:
    """A value of a type from the command line; UNKNOWN where the text is none. A list is its elements and commas."""
    import re

    if type_ == "string":
        return UNKNOWN if "\0" in text else text
    if type_ == "bool":
        return {"true": True, "false": False}.get(text, UNKNOWN)
    if type_ == "int":
        if not re.fullmatch(r"-?[0-9]{1,19}", text) or not -arithmetic.INT64 <= int(text) < arithmetic.INT64:
            return UNKNOWN
        return int(text)
    if type_ == "float":
        if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", text):
            return UNKNOWN
        number = double(text)
        return UNKNOWN if number is None else Written.of(number, text)
    if type_ in ("size", "duration"):
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]+)", text)
        if not match or len(match[1]) > MAX_DIGITS or arithmetic.UNITS.get(match[2], ("", 0))[0] != type_:
            return UNKNOWN
        return arithmetic.quantity(match[1], match[2])
    if type_ == "list":
        return UNKNOWN if "\0" in text else Items(tuple(_element(item) for item in text.split(",")) if text else ())
    return UNKNOWN


def _element(text: str) -> Value:
    """An element of a list on the command line: a number where it looks like one, else a string."""
    for type_ in ("int", "float", "bool"):
        value = parse(text, type_)
        if not isinstance(value, Unknown):
            return value
    return text


def show(value: Value) -> str:
    """A value in a message."""
    if isinstance(value, bool):
        return str(value).lower()
    text = known_text(value)
    if text is None:
        return describe(value)
    return f'"{text}"' if isinstance(value, str) else text
