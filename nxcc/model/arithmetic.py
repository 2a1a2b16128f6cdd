"""Numbers and quantities: units, and the operators on values that are known."""

from __future__ import annotations

from typing import Any

from nxcc.model.values import Attributes, Items, Quantity, SecretPath, Value, known_text, plain
from nxcc.records import NamedTuple
from nxcc.syntax.words import SMALLEST_FLOAT

MAX_RANGE = 65_536
INT64 = 2**63
LARGEST = 2**80
"""What no amount of a quantity reaches: far more than any size, and what numbers print in full."""

# unit: (dimension, how many base units it is)
UNITS: dict[str, tuple[str, int]] = {
    "B": ("size", 1),
    "KiB": ("size", 2**10),
    "MiB": ("size", 2**20),
    "GiB": ("size", 2**30),
    "TiB": ("size", 2**40),
    "ms": ("duration", 1),
    "s": ("duration", 1000),
    "min": ("duration", 60_000),
    "h": ("duration", 3_600_000),
    "d": ("duration", 86_400_000),
    "kbit": ("rate", 1000),
    "mbit": ("rate", 1_000_000),
    "gbit": ("rate", 1_000_000_000),
    "%": ("percentage", 1),
}


class Fault(NamedTuple):
    """Why an operation has no result: a code with its fields and help."""

    code: str
    fields: dict[str, Any]
    help: str | tuple[str, ...] = ()


def quantity(number: str, unit: str) -> Quantity:
    """A quantity from its written number and unit; exact where the amount is a whole number of base units."""
    dimension, scale = UNITS[unit]
    whole, _, fraction = number.partition(".")
    amount: int | float
    digits, divisor = int(whole + fraction) * scale, 10 ** len(fraction)
    amount = digits // divisor if digits % divisor == 0 else digits / divisor
    return Quantity(amount, dimension, number + unit)


def unit_of(value: Quantity) -> str:
    """The unit that a quantity is written in."""
    return value.text.lstrip("0123456789.-")


def in_unit(amount: int | float, dimension: str, unit: str) -> Quantity:
    """A quantity of ``amount`` base units, written in a unit where that is exact enough to read."""
    scale = UNITS[unit][1]
    number: int | float = amount // scale if isinstance(amount, int) and amount % scale == 0 else amount / scale
    return Quantity(amount, dimension, f"{number:g}{unit}" if isinstance(number, float) else f"{number}{unit}")


def option_number(value: Quantity) -> int | Fault:
    """A quantity as an option's value: whole bytes, seconds or bits per second."""
    if value.dimension == "percentage":
        return Fault("NX0311", {}, f"write the number: `{value.text.rstrip('%')}`")
    scale, name = {"size": (1, "bytes"), "duration": (1000, "seconds"), "rate": (1, "bits per second")}[value.dimension]
    if isinstance(value.amount, float) or value.amount % scale:
        return Fault("NX0310", {"text": value.text, "unit": name}, 'in a string it stays as written: `"${…}"`')
    number = value.amount // scale
    return number if number < INT64 else Fault("NX0321", {})


def operate(operator: str, left: Value, right: Value) -> Value | Fault:
    """The result of a binary operator on two values that are known, ``and`` and ``or`` aside."""
    if operator in ("==", "!="):
        return _equal(left, right) == (operator == "==")
    if operator in ("<", "<=", ">", ">="):
        return _compare(operator, left, right)
    if operator == "..":
        if _integer(left) and _integer(right):
            assert isinstance(left, int)
            assert isinstance(right, int)
            if right - left >= MAX_RANGE:
                return Fault("NX0315", {"limit": MAX_RANGE})
            return Items(tuple(range(left, right + 1)))
        return _no(operator, left, right)
    if operator == "++":
        return _no(operator, left, right)
    if isinstance(left, Quantity) or isinstance(right, Quantity):
        return _quantities(operator, left, right)
    if not (_number(left) and _number(right)):
        return _no(operator, left, right)
    assert isinstance(left, int | float)
    assert isinstance(right, int | float)
    return _numbers(operator, left, right)


def _numbers(operator: str, left: int | float, right: int | float) -> Value | Fault:
    result: int | float
    if operator == "+":
        result = left + right
    elif operator == "-":
        result = left - right
    elif operator == "*":
        result = left * right
    elif right == 0:
        return Fault("NX0308", {})
    elif isinstance(left, int) and isinstance(right, int):
        # As in Nix, the quotient of integers is rounded towards zero.
        result = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
    else:
        result = left / right
    if isinstance(result, int) and not -INT64 <= result < INT64:
        return Fault("NX0321", {})
    if isinstance(result, float) and (result - result != 0 or 0 < abs(result) < SMALLEST_FLOAT):
        return Fault("NX0321", {})
    return result


def _quantities(operator: str, left: Value, right: Value) -> Value | Fault:
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        if operator not in ("+", "-", "/"):
            return _no(operator, left, right)
        if left.dimension != right.dimension:
            return Fault("NX0309", {"left": unit_of(left), "right": unit_of(right)})
        if operator == "/":
            if right.amount == 0:
                return Fault("NX0308", {})
            if isinstance(left.amount, int) and isinstance(right.amount, int) and left.amount % right.amount == 0:
                return left.amount // right.amount
            return left.amount / right.amount
        amount = left.amount + right.amount if operator == "+" else left.amount - right.amount
        unit = min(unit_of(left), unit_of(right), key=lambda unit: UNITS[unit][1])
        if amount < 0:
            return Fault("NX0302", {}, "a quantity is never negative")
        return in_unit(amount, left.dimension, unit)
    if operator == "*" and isinstance(right, Quantity):
        left, right = right, left
    if isinstance(left, Quantity) and _number(right) and operator in ("*", "/"):
        assert isinstance(right, int | float)
        if operator == "/" and right == 0:
            return Fault("NX0308", {})
        amount = left.amount * right if operator == "*" else left.amount / right
        if isinstance(amount, float) and amount.is_integer():
            amount = int(amount)
        if amount >= LARGEST:
            return Fault("NX0321", {})
        if amount < 0:
            return Fault("NX0302", {}, "a quantity is never negative")
        return in_unit(amount, left.dimension, unit_of(left))
    return _no(operator, left, right)


def _compare(operator: str, left: Value, right: Value) -> bool | Fault:
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        if left.dimension != right.dimension:
            return Fault("NX0309", {"left": unit_of(left), "right": unit_of(right)})
        first, second = left.amount, right.amount
    elif _number(left) and _number(right):
        assert isinstance(left, int | float)
        assert isinstance(right, int | float)
        first, second = left, right
    elif isinstance(left, str) and isinstance(right, str):
        smaller = left < right
        return {"<": smaller, ">": left > right, "<=": not left > right, ">=": not smaller}[operator]
    else:
        return Fault("NX0302", {})
    return {"<": first < second, "<=": first <= second, ">": first > second, ">=": first >= second}[operator]


def _equal(left: Value, right: Value) -> bool:
    """Whether two values are the same, as in Nix: of numbers the amount counts, of sets not the order."""
    left, right = plain(left), plain(right)
    if left is right:
        return True
    left, right = (known_text(value) if isinstance(value, SecretPath) else value for value in (left, right))
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        return left.dimension == right.dimension and left.amount == right.amount
    if isinstance(left, Items) and isinstance(right, Items):
        return len(left.items) == len(right.items) and all(map(_equal, left.items, right.items))
    if isinstance(left, Attributes) and isinstance(right, Attributes):
        first, second = members(left), members(right)
        return first.keys() == second.keys() and all(_equal(first[name], second[name]) for name in first)
    if _number(left) and _number(right):
        return left == right
    return type(left) is type(right) and left == right


def members(value: Attributes) -> dict[str, Value]:
    """The attributes of a set; parts that were written apart come together."""
    found: dict[str, Value] = {}
    for entry in value.entries:
        name, inner = entry.path[0], plain(entry.value)
        if len(entry.path) > 1:
            inner = Attributes((entry._replace(path=entry.path[1:]),))
        other = found.get(name)
        if isinstance(other, Attributes) and isinstance(inner, Attributes):
            inner = Attributes(other.entries + inner.entries)
        found[name] = inner
    return found


def _number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _integer(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _no(operator: str, left: Value, right: Value) -> Fault:
    help: str | tuple[str, ...] = ()
    if operator == "+" and (isinstance(left, str) or isinstance(right, str)):
        help = 'join strings by interpolation: `"${a}${b}"`'
    elif operator == "+" and isinstance(left, Items):
        help = "lists are joined with `++`"
    return Fault("NX0302", {}, help)
