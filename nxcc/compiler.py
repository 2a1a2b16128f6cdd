"""The pipeline: load → evaluate → check → plan each flavour → bundle.

Nothing here prints or writes; what a compile has to say is in the Compilation that it returns.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from nxcc import __version__
from nxcc.diagnostics.core import InputError, Log
from nxcc.flavours import find, names
from nxcc.flavours.honour import unhonoured
from nxcc.model.check import check
from nxcc.model.evaluate import evaluate
from nxcc.model.load import load
from nxcc.model.settings import FlavourFacts
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nxcc.bundle import File
    from nxcc.diagnostics.core import Diagnostic
    from nxcc.flavours.base import Flavour
    from nxcc.model.environment import Environment

ALL = "all"

RECURSION = 12_000
"""Python's own limit while nxcc works: expressions may nest deeper than it expects, see MAX_NESTED of the model."""


class Compilation(NamedTuple):
    """What a compile gives.

    ``environment`` is None where the input has errors, and ``files`` and ``facts`` are empty then. ``diagnostics``
    are sorted by place. ``flavours`` are those that were planned; ``files`` the bundle's, in order, manifest.json
    aside; ``facts`` go into that.
    """

    environment: Environment | None
    diagnostics: tuple[Diagnostic, ...]
    flavours: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    facts: Mapping[str, object] = {}

    @property
    def ok(self) -> bool:
        """Whether the input has no errors; warnings and notes it may have."""
        return all(diagnostic.severity != "error" for diagnostic in self.diagnostics)


def check_file(
    path: str,
    *,
    parameters: Mapping[str, str] | None = None,
    setup: str | None = None,
    flavours: Sequence[str] = (),
    source: str | None = None,
) -> Compilation:
    """Check a source file without compiling it.

    ``path`` is a file, or ``-`` for standard input; with ``source`` its text is that, and nothing is read for it.
    ``parameters`` are values by name, as ``--set`` takes them; ``setup`` is a setup's name, "none" for none, None for
    the default one. ``flavours`` (``all`` for all) adds what these cannot honour. Raises OSError where the file
    cannot be read.
    """
    log = Log()
    try:
        environment, planned = _front(path, log, parameters or {}, setup, flavours, source)
    except RecursionError:
        return _too_deep(log)
    if environment and environment.files and not log.failed:
        # What is wrong with the files that the source names would stop a compile.
        from nxcc.sources import collect

        secrets = [secret.file for secret in environment.secrets if secret.file]
        collect(environment.files, environment.folder, secrets, log)
    failed = log.failed or environment is None
    return Compilation(None if failed else environment, tuple(log.sorted()), tuple(f.name for f in planned))


def compile_file(
    path: str,
    flavours: Sequence[str],
    *,
    parameters: Mapping[str, str] | None = None,
    setup: str | None = None,
    source: str | None = None,
    directory: str | None = None,
) -> Compilation:
    """Compile a source file into the files of a bundle, for these flavours (``all`` for all).

    The arguments are as for check_file; ``directory`` is where the bundle will lie, ``build/ENVIRONMENT`` below the
    current folder unless given: files of secrets are named relative to it. Nothing is written. Raises OSError where
    the source, or its env.lock, cannot be read.
    """
    log = Log()
    try:
        environment, planned = _front(path, log, parameters or {}, setup, flavours, source)
        if environment is None or log.failed:
            return Compilation(None, tuple(log.sorted()))
        from nxcc.assemble import assemble

        files, facts = assemble(environment, planned, path, directory, log)
    except RecursionError:
        return _too_deep(log)
    if log.failed:
        return Compilation(None, tuple(log.sorted()))
    return Compilation(environment, tuple(log.sorted()), tuple(f.name for f in planned), files, facts)


def _too_deep(log: Log) -> Compilation:
    """What is left to say where values nest deeper than Python follows: an input that a program made."""
    log.add("NX0320", None, help="shorten the chain of definitions that need one another")
    return Compilation(None, tuple(log.sorted()))


def _front(
    path: str,
    log: Log,
    parameters: Mapping[str, str],
    setup: str | None,
    flavours: Sequence[str],
    source: str | None,
) -> tuple[Environment | None, list[Flavour]]:
    """The checked environment, and the flavours to plan; errors are in the log."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION))
    try:
        program = load(path, log, source)
    except InputError:
        return None, []
    environment = evaluate(program, log, parameters=parameters, setup=setup, find=_facts, flavours=names())
    if environment is None or log.failed:
        return environment, []
    check(environment, log)
    return environment, _wanted(environment, flavours, log)


def _facts(name: str) -> FlavourFacts | None:
    """What the model must know of a flavour."""
    flavour = find(name)
    return FlavourFacts(flavour.settings, flavour.role_settings) if flavour else None


def _wanted(environment: Environment, flavours: Sequence[str], log: Log) -> list[Flavour]:
    """The flavours by name; ``all`` leaves out those that cannot honour the source."""
    wanted = [name for name in flavours if name != ALL]
    wanted += [name for name in names() if ALL in flavours and name not in wanted]
    planned = []
    for name in dict.fromkeys(wanted):
        flavour = find(name)
        if flavour is None:
            from nxcc.diagnostics.nearest import did_you_mean

            near = did_you_mean(name, names()) or f"the flavours are {', '.join(names())}"
            log.add("NX0701", None, name=name, help=near)
            continue
        if unhonoured(environment, flavour, log, leave_out=name not in flavours):
            planned.append(flavour)
    return planned


__all__ = ["ALL", "Compilation", "__version__", "check_file", "compile_file"]
