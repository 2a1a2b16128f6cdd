"""Values in the words of messages."""

from __future__ import annotations

from nxcc.model.values import (
    Attributes,
    FlavourName,
    Fragment,
    Interpolated,
    Items,
    Modified,
    Operation,
    Quantity,
    Reference,
    ScriptPath,
    SecretPath,
    SourcePath,
    TextFile,
    Value,
    plain,
)


def describe(value: Value) -> str:
    """What a value is, in words."""
    value = plain(value)
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, int):
        return f"the whole number {value}"
    if isinstance(value, float):
        return f"the number {value}"
    if isinstance(value, str):
        return "a string"
    if value is None:
        return "null"
    names: dict[type, str] = {
        Interpolated: "a string",
        Items: "a list",
        Attributes: "a set",
        SourcePath: "a path",
        Reference: "a package",
        Fragment: "Nix",
        FlavourName: "the name of the flavour",
        SecretPath: "the path of a secret",
        ScriptPath: "the path of a script",
        TextFile: "a file in the store",
        Operation: "what only Nix can compute",
        Modified: "a value with a priority",
    }
    if isinstance(value, Quantity):
        return f"the {value.dimension} {value.text}"
    return names.get(type(value), "unknown")


def elements(count: int) -> str:
    """A number of elements."""
    return "1 element" if count == 1 else f"{count} elements"


def no_text(value: Value, *, hole: bool = True) -> tuple[str, str] | None:
    """What a value is that cannot stand in a string, and how to get it into one; None where it can."""
    value = plain(value)
    if isinstance(value, bool | Items | Attributes | Modified) or value is None:
        return describe(value), way_out(value, hole=hole)
    if isinstance(value, Operation):
        if value.operator == "if":
            return no_text(value.operands[1], hole=hole) or no_text(value.operands[2], hole=hole)
        if value.operator in ("++", ".."):
            return "a list", way_out(Items(()), hole=hole)
        if value.operator in _CONDITIONS:
            return "what is true or false", way_out(True, hole=hole)
    return None


_CONDITIONS = ("==", "!=", "<", "<=", ">", ">=", "and", "or", "not")


def way_out(value: Value, *, hole: bool = True) -> str:
    """How to get what cannot stand in a string into one: as ``${…}``, or as an expression."""
    opened, closed = ("`${", "}`") if hole else ("`", "`")
    if isinstance(value, bool):
        return f'choose the text: {opened}if x then "yes" else "no"{closed}'
    if isinstance(value, Items):
        return f'join its elements: {opened}join(x, ","){closed}'
    if value is None:
        return 'use the empty string ""'
    return "name one of its attributes"
