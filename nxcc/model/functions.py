"""The functions of the language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.nearest import did_you_mean
from nxcc.model.expressions import Evaluator
from nxcc.model.names import FUNCTIONS
from nxcc.model.paths import read_regular
from nxcc.model.scope import MAX_LIST, Scope
from nxcc.model.values import (
    UNKNOWN,
    Interpolated,
    Items,
    SourcePath,
    TextFile,
    Unknown,
    Value,
    known_text,
    plain,
    resolved,
    textual,
)
from nxcc.model.words import no_text
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Span

PARAMETERS: dict[str, tuple[str, ...]] = {
    "join": ("list", "sep"),
    "len": ("x",),
    "lines": ("string",),
    "read": ("file",),
    "text": ("name", "string"),
    "base64": ("string",),
}
MAX_READ = 1024 * 1024

_OTHER_WORDS = {
    "length": "`len(x)` counts the elements of a list, or the characters of a string",
    "size": "`len(x)` counts the elements of a list, or the characters of a string",
    "split": "`lines(x)` splits a string into its lines",
    "range": "a range is written `1..n`",
    "concatStringsSep": "`join(list, sep)` joins strings",
    "toString": 'a string takes values in: `"${x}"`',
    "str": 'a string takes values in: `"${x}"`',
    "string": 'a string takes values in: `"${x}"`',
    "format": 'a string takes values in: `"${x}"`',
    "readFile": "`read(./file)` is a file's text",
    "file": "`read(./file)` is a file's text",
    "open": "`read(./file)` is a file's text",
}
"""What other languages call it: what it is here."""


def apply(evaluator: Evaluator, node: t.Apply, scope: Scope) -> Value:
    """The value of a call; UNKNOWN after an error."""
    function = node.function
    if not isinstance(function, t.Name) or function.text not in FUNCTIONS:
        shown = function.span.source.text[function.span.start : function.span.end]
        help = _no_function(evaluator, node, shown)
        evaluator.log.add("NX0207", function.span, name=" ".join(shown.split()), help=help)
        return UNKNOWN
    name = function.text
    arguments = _bind(evaluator, name, node)
    if arguments is None:
        return UNKNOWN
    if name == "read" and isinstance(arguments[0], t.Path):
        return _read_file(evaluator, evaluator.absolute(arguments[0].text, arguments[0].span), arguments[0].span)
    values = [evaluator.value(argument, scope) for argument in arguments]
    if any(isinstance(plain(value), Unknown) for value in values):
        return UNKNOWN
    return _FUNCTIONS[name](evaluator, values, arguments)


def _no_function(evaluator: Evaluator, node: t.Apply, shown: str) -> str | tuple[str, ...]:
    """The help for a call of what is no function."""
    name = shown if isinstance(node.function, t.Name) else ""
    if name in evaluator.names.values and len(node.arguments) == 1:
        argument = node.arguments[0].span
        return f"an element of a list is `{name}[{argument.source.text[argument.start : argument.end]}]`"
    if name in _OTHER_WORDS:
        return _OTHER_WORDS[name]
    near = did_you_mean(name, FUNCTIONS) if name else ()
    return near or f"the functions are {', '.join(FUNCTIONS)}; those of Nix are called in backticks"


def _bind(evaluator: Evaluator, name: str, node: t.Apply) -> list[t.Expression] | None:
    """The arguments in the order of the parameters; None, reported, where they do not fit."""
    parameters = PARAMETERS[name]
    bound: dict[str, t.Expression] = {}
    for i, argument in enumerate(node.arguments):
        key = argument.name.text if argument.name else (parameters[i] if i < len(parameters) else "")
        if key not in parameters or key in bound:
            label = f"`{key}` is given already" if key in bound else ""
            evaluator.log.add("NX0313", argument.span, name=name, label=label, help=_form(name))
            return None
        bound[key] = argument.value
    for parameter in parameters:
        if parameter not in bound:
            evaluator.log.add("NX0312", node.span, name=name, argument=parameter, help=_form(name))
            return None
    return [bound[parameter] for parameter in parameters]


def _form(name: str) -> str:
    return f"it is `{name}({', '.join(PARAMETERS[name])})`"


def _expected(evaluator: Evaluator, node: t.Expression, expected: str, value: Value) -> Value:
    evaluator.not_a(node.span, expected, value)
    return UNKNOWN


def _join(evaluator: Evaluator, values: list[Value], nodes: list[t.Expression]) -> Value:
    source, separator = plain(values[0]), resolved(values[1])
    if not isinstance(source, Items):
        return _expected(evaluator, nodes[0], "a list", source)
    if not isinstance(separator, str):
        return _expected(evaluator, nodes[1], "a string", separator)
    # A list that is written here has a place for each element.
    places = nodes[0].items if isinstance(nodes[0], t.ListLiteral) else ()
    parts: list[Value] = []
    for i, item in enumerate(source.items):
        bare = plain(item)
        if (wrong := no_text(bare, hole=False)) is not None:
            place = places[i] if places else nodes[0]
            evaluator.log.add("NX0306", place.span, found=wrong[0], help=wrong[1])
            return UNKNOWN
        if i:
            parts.append(separator)
        parts.extend(bare.parts if isinstance(bare, Interpolated) else (bare,))
    joined: list[Value] = []
    for part in parts:
        text = known_text(part)
        if text is not None and joined and isinstance(joined[-1], str):
            joined[-1] += text
        else:
            joined.append(part if text is None else text)
    if all(isinstance(part, str) for part in joined):
        return "".join(part for part in joined if isinstance(part, str))
    return Interpolated(tuple(joined))


def _len(evaluator: Evaluator, values: list[Value], nodes: list[t.Expression]) -> Value:
    value = resolved(values[0])
    if isinstance(value, Items):
        return len(value.items)
    if isinstance(value, str):
        return len(value)
    return _expected(evaluator, nodes[0], "a list or a string", value)


def _lines(evaluator: Evaluator, values: list[Value], nodes: list[t.Expression]) -> Value:
    value = resolved(values[0])
    if not isinstance(value, str):
        return _expected(evaluator, nodes[0], "a string", value)
    lines = value.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    if len(lines) > MAX_LIST:
        evaluator.log.add("NX0315", nodes[0].span, limit=MAX_LIST)
        return UNKNOWN
    return Items(tuple(lines))


def _read(evaluator: Evaluator, values: list[Value], nodes: list[t.Expression]) -> Value:
    value = plain(values[0])
    if isinstance(value, str):
        help = f"a path begins with `./` and has no quotes: `./{value}`" if "/" not in value else ()
        evaluator.log.add("NX0301", nodes[0].span, expected="a path", found="a string", help=help)
        return UNKNOWN
    if not isinstance(value, SourcePath):
        return _expected(evaluator, nodes[0], "a path", value)
    return _read_file(evaluator, value.path, nodes[0].span)


def _read_file(evaluator: Evaluator, path: str, span: Span) -> Value:
    """The text of a file: it goes into the output, the file itself does not."""
    evaluator.reads.setdefault(path, span)
    shown = span.source.text[span.start : span.end]
    try:
        data = read_regular(path, MAX_READ + 1)
    except FileNotFoundError:
        evaluator.log.add("NX0501", span, what="file", path=shown, notes=f"looked for {path}")
        return UNKNOWN
    except OSError as error:
        evaluator.log.add("NX0503", span, path=shown, reason=error.strerror or str(error))
        return UNKNOWN
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or len(data) > MAX_READ:
        evaluator.log.add("NX0504", span, path=shown, help="`file … from` takes any file as it is")
        return UNKNOWN
    return text


def _text(evaluator: Evaluator, values: list[Value], nodes: list[t.Expression]) -> Value:
    name, content = resolved(values[0]), values[1]
    if not isinstance(name, str):
        return _expected(evaluator, nodes[0], "a string", name)
    if not store_name(name):
        evaluator.log.add(
            "NX0402",
            nodes[0].span,
            name=name,
            what="the name of a file in the store",
            help="letters, digits and `+-._?=`",
        )
        return UNKNOWN
    if not textual(content):
        return _expected(evaluator, nodes[1], "a string", content)
    return TextFile(name, content)


def store_name(name: str) -> bool:
    """Whether Nix takes a name for a path in its store."""
    allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._?="
    return 0 < len(name) <= 200 and name[0] != "." and all(char in allowed for char in name)


def _base64(evaluator: Evaluator, values: list[Value], nodes: list[t.Expression]) -> Value:
    from binascii import b2a_base64

    value = resolved(values[0])
    if not isinstance(value, str):
        return _expected(evaluator, nodes[0], "a string", value)
    return b2a_base64(value.encode("utf-8", "surrogatepass"), newline=False).decode("ascii")


_FUNCTIONS = {"join": _join, "len": _len, "lines": _lines, "read": _read, "text": _text, "base64": _base64}
