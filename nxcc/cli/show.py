"""``nxcc show``: the environment as nxcc understands it."""

from typing import TYPE_CHECKING, Annotated

import typer

from nxcc.cli.common import (
    ColourOption,
    FileArgument,
    FormatOption,
    SetOption,
    SetupOption,
    Voice,
    misuse,
    parameters,
    put,
    table,
)

if TYPE_CHECKING:
    from nxcc.model.values import Value


def command(
    file: FileArgument,
    params: Annotated[bool, typer.Option("--params", help="A table of the parameters with their values.")] = False,
    nodes: Annotated[bool, typer.Option("--nodes", help="A table of the nodes.")] = False,
    setup: SetupOption = None,
    set_: SetOption = None,
    output_format: FormatOption = "text",
    color: ColourOption = "auto",
) -> None:
    """Print the environment as nxcc understands it.

    Without an option: environment.json, as a bundle holds it.
    """
    from nxcc.compiler import check_file, compile_file

    if params and nodes:
        misuse("`--params` and `--nodes` are two tables; ask for one")
    voice = Voice(output_format, color, quiet=True)
    values = parameters(set_)
    if not params and not nodes:
        compilation = compile_file(file, (), parameters=values, setup=setup)
        voice.judge(compilation, None)
        put(next(made.content for made in compilation.files if made.path == "environment.json"))
        return
    compilation = check_file(file, parameters=values, setup=setup)
    voice.judge(compilation, None)
    environment = compilation.environment
    assert environment is not None, "a compilation without errors has an environment"
    if params:
        head = ("PARAMETER", "TYPE", "VALUE", "")
        put(table([head, *((p.name, p.type, words(p.value), p.text) for p in environment.parameters)]))
    else:
        put(table([("NODE", "ROLE", "ADDRESS"), *((n.name, n.role, n.address) for n in environment.nodes)]))


def words(value: "Value") -> str:
    """A parameter's value as the language writes it."""
    from nxcc.model.values import Items, Quantity, plain

    value = plain(value)
    if isinstance(value, Quantity):
        return value.text
    if isinstance(value, Items):
        return "[" + ", ".join(words(item) for item in value.items) + "]"
    import json

    return json.dumps(value, ensure_ascii=False)
