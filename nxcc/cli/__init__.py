"""The command line: one file a command, imported when that command runs.

Nothing but typer is imported here; what a command needs, it imports itself.
"""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

COMMANDS = {
    "init": "Write a first env.nxc, or take over a composition of NixOS Compose.",
    "compile": "Compile an environment into a bundle of files.",
    "check": "Report what is wrong with an environment; writes nothing.",
    "lock": "Fix the inputs of an environment in env.lock.",
    "show": "Print the environment as nxcc understands it.",
    "flavours": "List the flavours: what each writes, and the tools that it needs.",
    "explain": "Explain a diagnostic's code with a wrong and a right example.",
}


class Commands(TyperGroup):
    """The commands by name; each is built from its own module when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, None where there is none."""
        if cmd_name not in COMMANDS:
            self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # names that typer may suggest
            return None
        from importlib import import_module

        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(cmd_name)(import_module(f"nxcc.cli.{cmd_name}").command)
        return typer.main.get_command(single)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands' part of ``--help`` without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    name="nxcc",
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from nxcc import __version__

        typer.echo(f"nxcc {__version__}")
        raise typer.Exit()


@app.callback()
def nxcc(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Compile role descriptions of distributed environments to NixOS and deployment files.

    nxcc writes files and starts nothing; `nxcc COMMAND --help` tells more about each command.
    """
