"""``nxcc init``: a source to start with, or one that takes over what a user of NixOS Compose has."""

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Annotated

import typer

from nxcc.cli.common import ColourOption, FormatOption, QuietOption, Voice, closest, misuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nxcc.init.takeover import Taken


def command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", show_default=False, help="The environment's name; with --from it may be left out."
        ),
    ] = None,
    directory: Annotated[
        str | None,
        typer.Argument(metavar="[DIR]", show_default=False, help="Where env.nxc is written; the current folder."),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PATH",
            show_default=False,
            help="A composition of NixOS Compose, or the folder of a project of it, to take over.",
        ),
    ] = None,
    composition: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", show_default=False, help="With --from: the one of several compositions to take over."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    output_format: FormatOption = "text",
    color: ColourOption = "auto",
    quiet: QuietOption = False,
) -> None:
    """Write a first env.nxc: an example to change, or what takes over a composition of NixOS Compose.

    With --from, one argument is the folder. The composition stays where it is, and nothing of it is changed. Exit code
    0: done; 1: nothing to take over, or files are in the way, nothing was written; 2: wrong usage, or no such file.
    """
    voice = Voice(output_format, color, quiet)
    if origin is None:
        if composition is not None:
            misuse("`--composition` needs `--from`")
        if name is None:
            misuse("the environment has no name", "help: `nxcc init NAME`, or `nxcc init --from composition.nix`")
        folder = directory or "."
        _put(voice, {os.path.join(folder, "env.nxc"): _start(name)}, force)
        voice.tell(f"next: nxcc compile {_word(os.path.join(folder, 'env.nxc'))} --flavour docker")
        return
    if directory is None:
        name, directory = None, name
    if name is not None:
        _known(name)
    taken = _taken(voice, origin, directory or ".", composition or "", name or "")
    _put(voice, taken.files, force)
    for line in taken.told:
        voice.tell(line)
    from nxcc.flavours import find

    flavour = taken.flavour if taken.flavour and find(taken.flavour) else "docker"
    for source in taken.sources:
        voice.tell(f"next: nxcc compile {_word(source)} --flavour {flavour}")


def _start(name: str) -> str:
    from nxcc.init.start import start

    _known(name)
    return start(name)


def _known(name: str) -> None:
    """End the command where an environment cannot have a name."""
    from nxcc.init.start import can_name

    if not can_name(name):
        help = "help: letters, digits and `-`, at most 63; the first is a letter"
        misuse(f"`{name}` cannot be the name of an environment", help)


def _taken(voice: Voice, origin: str, folder: str, only: str, name: str) -> "Taken":
    """What takes over ``origin``; ends the command, with what is wrong, where there is nothing."""
    from nxcc.diagnostics.core import Log
    from nxcc.init.compositions import NoSuch
    from nxcc.init.takeover import take_over

    log = Log()
    try:
        taken = take_over(origin, folder, log, only=only, name=name)
    except NoSuch as unknown:
        if not unknown.names:
            misuse(f"{origin} has one composition, without a name", "help: leave out `--composition`")
        near, names = closest(only, unknown.names), ", ".join(unknown.names)
        misuse(f"{origin} has no composition `{only}`", *near, f"note: it has {names}")
    voice.say(log.sorted())
    if taken is None:
        raise typer.Exit(1)
    return taken


def _put(voice: Voice, files: "Mapping[str, str]", force: bool) -> None:
    """Write files, all of them or, where other ones are in the way, none."""
    other = [path for path, text in files.items() if os.path.lexists(path) and not _same(path, text)]
    if other and not force:
        from nxcc.diagnostics.core import Log

        log = Log()
        for path in other:
            log.add("NX0805", None, path=os.path.normpath(path), help="`--force` overwrites it")
        voice.say(log.sorted())
        raise typer.Exit(1)
    parts = {path: f"{path}.part" for path in files}
    try:
        for path, text in files.items():
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            if os.path.isdir(path):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
            with open(parts[path], "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        for path, part in parts.items():
            os.replace(part, path)
            voice.tell(f"{os.path.normpath(path)}: written")
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):
                os.unlink(part)


def _same(path: str, text: str) -> bool:
    from nxcc.model.paths import read_regular

    try:
        return read_regular(path) == text.encode("utf-8")
    except OSError:
        return False


def _word(path: str) -> str:
    from nxcc.emit.shell import word

    return word(os.path.normpath(path))
