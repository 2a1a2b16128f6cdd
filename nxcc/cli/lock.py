"""``nxcc lock``: fix the inputs of an environment."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from nxcc.cli.common import (
    ColourOption,
    FileArgument,
    FormatOption,
    QuietOption,
    SetOption,
    Voice,
    misuse,
    parameters,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nxcc.model.environment import Environment


def command(
    file: FileArgument,
    update: Annotated[
        bool, typer.Option("--update", help="Take the newest of every input, not only of new ones.")
    ] = False,
    set_: SetOption = None,
    output_format: FormatOption = "text",
    color: ColourOption = "auto",
    quiet: QuietOption = False,
) -> None:
    """Fix the inputs of an environment in env.lock, beside FILE; to be committed.

    Nix finds out what each reference means today. What was locked before stays, unless its reference changed.
    """
    from nxcc.lock import LockError, lock_path, locked_source, make_lock, parse_lock

    voice = Voice(output_format, color, quiet)
    inputs: dict[str, str] = {}
    follows: dict[str, tuple[str, ...]] = {}
    for environment in _environments(file, parameters(set_), voice):
        _collect(environment, inputs, follows)
    path = lock_path(file)
    previous = "" if update else _read(path)
    if not quiet and sys.stderr is not None and sys.stderr.isatty():
        print(f"asking Nix for {', '.join(inputs)} …", file=sys.stderr)
    try:
        text = make_lock(inputs, follows, previous=previous)
        lock = parse_lock(text)
        rows = [(name, inputs[name], locked_source(lock, name).revision or "-") for name in inputs]
    except LockError as error:
        misuse(str(error))
    if text != previous:
        _write(path, text)
    voice.tell(f"{path}: {'unchanged' if text == previous else 'written'}\n{table(rows)}".rstrip())


def _environments(file: str, values: dict[str, str], voice: Voice) -> "Iterator[Environment]":
    """The environment without a setup, then with each of its setups; ends the command where one has errors."""
    from nxcc.compiler import check_file
    from nxcc.diagnostics.core import Log
    from nxcc.model.load import load
    from nxcc.syntax.tree import Setup

    def checked(setup: str, text: str | None) -> "Environment":
        compilation = check_file(file, parameters=values, setup=setup, source=text)
        if compilation.environment is None:
            voice.judge(compilation, None)
        assert compilation.environment is not None, "a compilation without errors has an environment"
        return compilation.environment

    plain = checked("none", None)
    yield plain
    text = plain.sources[0].text
    for statement in load(file, Log(), text).statements:
        if isinstance(statement, Setup):
            yield checked(statement.name.text, text)


def _collect(environment: "Environment", inputs: dict[str, str], follows: dict[str, tuple[str, ...]]) -> None:
    """Add what an environment takes from elsewhere; what a setup has otherwise gets a name of its own."""
    from nxcc.lock import lock_name

    wanted = {} if environment.nixpkgs.path else {"nixpkgs": environment.nixpkgs.reference}
    wanted |= {one.name: one.reference for one in environment.inputs if one.reference}
    names = {
        name: name if inputs.get(name, reference) == reference else lock_name(name, environment.setup)
        for name, reference in wanted.items()
    }
    inputs |= {names[name]: reference for name, reference in wanted.items()}
    for one in environment.inputs:
        # Where a setup replaces what is followed, Nix adds that itself from the bundle's flake.nix.
        followed = tuple(other for other in one.follows if names.get(other) == other)
        if one.reference and followed:
            follows.setdefault(names[one.name], followed)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _write(path: str, text: str) -> None:
    """Replace a file at once, so that it is never half written."""
    import os

    part = f"{path}.part"
    with open(part, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    os.replace(part, path)
