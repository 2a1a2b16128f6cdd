"""``nxcc check``: report what is wrong with an environment."""

from typing import Annotated

import typer

from nxcc.cli.common import (
    ColourOption,
    DenyOption,
    FileArgument,
    FlavourOption,
    FormatOption,
    QuietOption,
    SetOption,
    SetupOption,
    VerboseOption,
    Voice,
    parameters,
    wanted,
)


def command(
    file: FileArgument,
    flavour: FlavourOption = None,
    setup: SetupOption = None,
    set_: SetOption = None,
    nix: Annotated[
        bool, typer.Option("--nix", help="Let Nix parse composition.nix as well (needs nix-instantiate).")
    ] = False,
    deny: DenyOption = None,
    output_format: FormatOption = "text",
    color: ColourOption = "auto",
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Report what is wrong with an environment; writes nothing.

    Exit code 0: no errors; 1: the input has errors; 2: wrong usage, or a file or tool is missing.
    """
    from time import perf_counter

    start = perf_counter()
    voice = Voice(output_format, color, quiet, verbose)
    flavours = wanted(flavour)
    values = parameters(set_)
    if nix:
        from nxcc.cli.nix import checked

        compilation = checked(file, flavours, values, setup)
    else:
        from nxcc.compiler import check_file

        compilation = check_file(file, parameters=values, setup=setup, flavours=flavours)
    voice.judge(compilation, deny)
    environment = compilation.environment
    if environment and voice.for_people:
        roles, nodes = len(environment.roles), len(environment.nodes)
        voice.tell(f"{environment.name}: no errors; {_count(roles, 'role')}, {_count(nodes, 'node')}")
        if verbose:
            for role in environment.roles:
                voice.tell(f"  {role.name}: {', '.join(node.name for node in role.nodes)}")
            voice.tell(f"took {perf_counter() - start:.2f} s")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
