"""``nxcc compile``: an environment into a bundle of files."""

import os
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from nxcc.cli.common import (
    ALL,
    STANDARD,
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
    closest,
    flavour_list,
    flavour_names,
    misuse,
    parameters,
    put,
    wanted,
)
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nxcc.bundle import Written
    from nxcc.compiler import Compilation
    from nxcc.diagnostics.core import Diagnostic

SHOWN = 12
"""So many changed files are listed without ``--verbose``."""


def command(
    file: FileArgument,
    flavour: FlavourOption = None,
    setup: SetupOption = None,
    set_: SetOption = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR|-",
            show_default=False,
            help="The bundle's folder, build/ENVIRONMENT[@SETUP] unless given; - prints one artifact.",
        ),
    ] = None,
    artifact: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            show_default=False,
            help="With -o -: the file of the bundle to print (default: composition.nix).",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that were edited by hand.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep files that were edited by hand.")] = False,
    deny: DenyOption = None,
    output_format: FormatOption = "text",
    color: ColourOption = "auto",
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Compile an environment into a bundle: one folder of files for the tools that you have.

    Without --flavour, the flavours that the bundle already has are compiled again. Exit code 0: done; 1: the input
    has errors, nothing was written; 2: wrong usage, or a fault of the machine.
    """
    if force and keep:
        misuse("`--force` and `--keep` contradict each other")
    if artifact and output != STANDARD:
        misuse("`--artifact` needs `-o -`")
    if output == "":
        misuse("`-o` names no folder", "help: `-o .` is the current one")
    work = Work(file, setup, parameters(set_), deny, Voice(output_format, color, quiet, verbose))
    flavours = wanted(flavour)
    if output == STANDARD:
        _print_artifact(work, flavours, artifact or "composition.nix")
    else:
        _write_bundle(work, flavours, output, force, keep)


class Work(NamedTuple):
    """What is compiled, and how the command speaks about it."""

    file: str
    setup: str | None
    parameters: "Mapping[str, str]"
    deny: str | None
    voice: Voice

    def compile(
        self, flavours: "Sequence[str]", text: str | None = None, directory: str | None = None
    ) -> "Compilation":
        """Compile for these flavours; ``text`` is that of standard input, once it was read."""
        from nxcc.compiler import compile_file

        return compile_file(
            self.file, flavours, parameters=self.parameters, setup=self.setup, source=text, directory=directory
        )

    def judge(self, compilation: "Compilation") -> "Compilation":
        """Write what the compilation says; ends the command where the input has errors."""
        self.voice.judge(compilation, self.deny)
        return compilation


def _print_artifact(work: Work, flavours: tuple[str, ...], artifact: str) -> None:
    """Print one file of the bundle; a flavour's own file implies the flavour."""
    folder = artifact.partition("/")[0]
    if not flavours and folder in flavour_names():
        flavours = (folder,)
    compilation = work.judge(work.compile(flavours))
    contents = {made.path: made.content for made in compilation.files}
    if artifact not in contents:
        misuse(
            f"the bundle has no file `{artifact}`",
            *closest(artifact, contents),
            "files:",
            *(f"  {path}" for path in contents),
        )
    put(contents[artifact])


def _write_bundle(work: Work, flavours: tuple[str, ...], output: str | None, force: bool, keep: bool) -> None:
    """Compile for these flavours and those that the bundle has already, and write all of it or nothing."""
    from time import perf_counter

    from nxcc import bundle

    start = perf_counter()
    directory, compilation = _planned(work, flavours, output)
    if work.voice.refused(compilation, work.deny):
        work.judge(compilation)
    # What the compile says is written once, at the end: the formats for programs are one document.
    try:
        written = bundle.write(
            bundle.Bundle(compilation.files), directory, facts=compilation.facts, force=force, keep=keep
        )
    except bundle.HandEdited as edited:
        found = (*compilation.diagnostics, *_edited(directory, edited.paths))
        work.judge(compilation._replace(diagnostics=found))
        raise  # not reached: those are errors
    except bundle.BundleError as error:
        work.voice.say(compilation.diagnostics)
        misuse(str(error))
    work.judge(compilation)
    if not work.voice.quiet:
        _report(directory, compilation, written, perf_counter() - start if work.voice.verbose else None)


def _planned(work: Work, flavours: tuple[str, ...], output: str | None) -> tuple[str, "Compilation"]:
    """The bundle's folder, and the compilation for all flavours that it is to have."""
    if output is not None:
        every = _united(flavours, _listed(output)) or _no_flavour(work.file, output)
        return output, work.compile(every, directory=output)
    # The environment's name, and so the folder, is known only after a compile.
    compilation = work.compile(flavours)
    environment = compilation.environment
    if environment is None:
        work.judge(compilation)
    assert environment is not None, "a compilation without errors has an environment"
    name = f"{environment.name}@{environment.setup}" if environment.setup else environment.name
    directory = os.path.join("build", name)
    every = _united(flavours, _listed(directory)) or _no_flavour(work.file, directory)
    if not set(every) <= {*flavours, *compilation.flavours}:
        text = environment.sources[0].text if work.file == STANDARD else None
        compilation = work.compile(every, text)
    return directory, compilation


def _listed(directory: str) -> tuple[str, ...]:
    """The flavours of the bundle in a folder, after finishing what a killed compile left there."""
    from nxcc import bundle

    try:
        bundle.recover(directory)
        manifest = bundle.manifest(directory)
    except bundle.BundleError as error:
        misuse(str(error) if directory in str(error) else f"{directory}: {error}")
    return tuple(manifest.get("flavours", ())) if manifest else ()


def _united(asked: tuple[str, ...], listed: tuple[str, ...]) -> tuple[str, ...]:
    return (*listed, *(name for name in asked if name not in listed))


def _no_flavour(file: str, directory: str) -> NoReturn:
    from nxcc.emit.shell import word

    misuse(
        f"no flavour is given, and {directory} is no bundle yet that could name some",
        f"help: `nxcc compile {word(file)} --flavour NAME`; NAME may be `{ALL}`",
        *flavour_list(),
    )


def _edited(directory: str, paths: "Sequence[str]") -> "list[Diagnostic]":
    """An error for each file that is not as nxcc wrote it, or that it never wrote."""
    from nxcc import bundle
    from nxcc.diagnostics.core import Log

    ours = (bundle.manifest(directory) or {"files": {}})["files"]
    log = Log()
    for path in paths:
        last = "`--force` overwrites such files, `--keep` keeps them as they are" if path == paths[-1] else ()
        log.add("NX0801" if path in ours else "NX0805", None, path=os.path.join(directory, path), help=last)
    return log.diagnostics


def _report(directory: str, compilation: "Compilation", written: "Written", seconds: float | None) -> None:
    """Print what was written, and the command to run next."""
    kinds = {"new": written.created, "changed": written.changed, "removed": written.removed, "kept": written.kept}
    counts = [f"{len(paths)} {kind}" for kind, paths in kinds.items() if paths]
    total = len(written.created) + len(written.changed) + len(written.unchanged) + len(written.kept)
    lines = [f"{directory}: {total} file{'' if total == 1 else 's'}, {', '.join(counts) or 'nothing changed'}"]
    everything = seconds is not None
    for kind, paths in kinds.items() if everything or not _only_new(written) else ():
        shown = paths if everything else paths[:SHOWN]
        lines += [f"  {kind:<8} {path}" for path in shown]
        if len(paths) > len(shown):
            lines.append(f"  {kind:<8} and {len(paths) - len(shown)} more")
    if seconds is not None:
        lines.append(f"took {seconds:.2f} s")
    lines += _next(directory, compilation)
    put("\n".join(lines) + "\n")


def _only_new(written: "Written") -> bool:
    return not (written.changed or written.removed or written.unchanged or written.kept)


def _next(directory: str, compilation: "Compilation") -> list[str]:
    """The commands that go on from the bundle, a line a flavour."""
    from nxcc.emit.shell import word
    from nxcc.flavours import find

    paths = {made.path for made in compilation.files}
    found = []
    for name in compilation.flavours:
        flavour = find(name)
        commands = []
        for command in flavour.first if flavour else ():
            program, *words = command.split(" ")
            if f"{name}/{program}" in paths:
                commands.append(" ".join((word(os.path.join(directory, name, program)), *words)))
        if commands:
            found.append(f"next: {' && '.join(commands)}")
    return found
