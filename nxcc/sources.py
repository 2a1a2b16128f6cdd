"""Which of the user's files go into a bundle's ``sources/``, and where they stand there.

What the source names goes in, and what those Nix files name by relative paths in turn. All keep their places relative
to each other, so that these paths lead to the same files in the bundle.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from nxcc.bundle import File
from nxcc.diagnostics.core import Label, Source, Span
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from nxcc.diagnostics.core import Log
    from nxcc.model.environment import NamedFile
    from nxcc.syntax.nix import PathUse, Problem

FOLDER = "sources"
MAX_BYTES = 64 * 1024 * 1024
"""A file, or a folder with everything in it, may have this many bytes."""
MAX_FILES = 10_000
"""A folder may have this many files, those in its folders included."""


class Collected(NamedTuple):
    """The files, below ``sources/`` and in order, and where each file and named folder (absolute path) is there."""

    files: tuple[File, ...]
    locate: dict[str, str]


def collect(named: Iterable[NamedFile], root: str, secrets: Collection[str], log: Log) -> Collected:
    """Collect what is named, and report what cannot be collected.

    ``root`` is the folder of the source, ``secrets`` are the absolute paths of files that must not get into a bundle.
    A folder that is imported as Nix has a default.nix.

    A path is written relative to ``root``, or to the deepest folder that contains all files where some lie elsewhere.
    Links are replaced by what they lead to.
    """
    collector = _Collector(os.path.normpath(root), secrets, log)
    for file in named:
        collector.take(file)
    return collector.result()


class _Collector:
    """Collects for one bundle: ``files`` by absolute path, ``folders`` the ones that were taken whole."""

    def __init__(self, root: str, secrets: Collection[str], log: Log) -> None:
        self.root = root
        self.secrets = {place(path) for path in secrets if path for place in (os.path.normpath, os.path.realpath)}
        self.log = log
        self.files: dict[str, tuple[bytes, bool]] = {}
        self.folders: set[str] = set()
        self.scanned: set[str] = set()

    def take(self, named: NamedFile) -> None:
        """Take what the source names."""
        path = os.path.normpath(named.path)
        if not os.path.lexists(path):
            self.log.add("NX0501", named.span, what="file or folder", path=self.name(path))
            return
        if named.nix and os.path.isdir(path) and not os.path.isfile(os.path.join(path, "default.nix")):
            self.log.add("NX0527", named.span, path=self.name(path), help="name the Nix file to import")
            return
        pending = self.add(path, named.span, named.nix)
        while pending:
            pending += self.follow(pending.pop(), named.span)

    def name(self, path: str) -> str:
        """A path as messages show it, the same wherever the environment lies."""
        return os.path.relpath(path, self.root)

    def add(self, path: str, span: Span, nix: bool) -> list[str]:
        """Take a file, or a folder with all that is in it; returns the Nix files that are to be followed."""
        try:
            if os.path.isdir(path):
                return self.add_folder(path, span)
            self.add_file(path, span)
        except OSError as error:
            self.log.add("NX0503", span, path=self.name(error.filename or path), reason=error.strerror)
            return []
        return [path] if nix and path in self.files else []

    def add_folder(self, folder: str, span: Span) -> list[str]:
        if folder in self.folders:
            return []
        self.folders.add(folder)
        found = self.listing(folder, span)
        if found == []:
            self.log.add("NX0528", span, path=self.name(folder))
        for path in found or ():
            self.add_file(path, span)
        return [path for path in found or () if path.endswith(".nix") and path in self.files]

    def add_file(self, path: str, span: Span) -> None:
        if path in self.files:
            return
        if path in self.secrets or os.path.realpath(path) in self.secrets:
            notes = "bundles are shared, and what is in them gets into the Nix store, which everyone can read"
            self.log.add("NX0523", span, path=self.name(path), notes=notes)
            return
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            self.log.add("NX0503", span, path=self.name(path), reason="not a regular file")
        elif status.st_size > MAX_BYTES:
            self.too_large(path, span)
        else:
            with open(path, "rb") as file:
                self.files[path] = (file.read(), bool(status.st_mode & stat.S_IXUSR))

    def too_large(self, path: str, span: Span) -> None:
        limit = f"a file may have {MAX_BYTES >> 20} MiB, a folder as much in all and {MAX_FILES:,} files"
        self.log.add("NX0524", span, path=self.name(path), notes=limit, help="name only the part that is needed")

    def listing(self, folder: str, span: Span) -> list[str] | None:
        """All files of a folder in order, or None where they are too many or too large."""
        files: list[str] = []
        size = folders = 0
        # Each folder with the real paths of those it is in: a link back to one of them would never end.
        pending: list[tuple[str, tuple[str, ...]]] = [(folder, (os.path.realpath(folder),))]
        while pending:
            parent, above = pending.pop()
            for entry in sorted(os.scandir(parent), key=lambda entry: entry.name):
                if _left_out(entry):
                    continue
                if entry.is_symlink() and not os.path.exists(entry.path):
                    self.log.add("NX0529", span, path=self.name(entry.path))
                elif entry.is_dir():
                    real = os.path.realpath(entry.path)
                    if real not in above:
                        pending.append((entry.path, (*above, real)))
                        folders += 1
                elif entry.is_file():
                    files.append(entry.path)
                    size += entry.stat().st_size
                # Folders count too: links to folders can make a great many of a few.
                if len(files) + folders > MAX_FILES or size > MAX_BYTES:
                    self.too_large(folder, span)
                    return None
        return sorted(files)

    def follow(self, path: str, span: Span) -> list[str]:
        """Take what a Nix file names; returns the Nix files among it that are to be followed."""
        from nxcc.syntax.nix import scan

        if path in self.scanned:
            return []
        self.scanned.add(path)
        text = self.files[path][0].decode("utf-8", "replace").replace("\r\n", "\n")
        source = Source(self.name(path), text, path)
        found = scan(text)
        for problem in found.problems:
            self.malformed(problem, source, span)
        # builtins.pathExists ./x: the file gets along without it.
        optional = {use.text for use in found.paths if _only_tested(text, use)}
        pending = []
        for use in found.paths:
            target = os.path.normpath(os.path.join(os.path.dirname(path), use.text))
            if use.interpolated or use.text[0] in "<~/":
                self.outside(use, source, span)
            elif os.path.lexists(target):
                pending += self.add(target, span, target.endswith(".nix"))
            elif use.text not in optional:
                line = source.position(use.start)[0]
                label = (Label(Span(source, use.start, use.end), "named here"),)
                self.log.add("NX0521", span, file=source.name, line=line, path=use.text, secondary=label)
        return pending

    def outside(self, use: PathUse, source: Source, span: Span) -> None:
        """Report a path that cannot be followed."""
        if use.text.startswith("/nix/store/") and not use.interpolated:
            return
        if use.interpolated:
            why = "computed when Nix evaluates it"
        elif use.text.startswith("<"):
            why = "looked up on the machine that builds"
        else:
            why = "read from the machine that builds"
        label = (Label(Span(source, use.start, use.end), why),)
        line = source.position(use.start)[0]
        help = "write the path out, relative to the file that names it"
        self.log.add("NX0522", span, file=source.name, line=line, path=use.text, secondary=label, help=help)

    def malformed(self, problem: Problem, source: Source, span: Span) -> None:
        """Report a Nix file that Nix would refuse."""
        if problem.kind == "empty":
            what = "a Nix file without an expression"
        else:
            text = source.text[problem.start : problem.end]
            words = {"unopened": "closes nothing", "mismatch": "closes another bracket", "semicolon": "ends nothing"}
            what = f"`{text}` {words.get(problem.kind, 'is never closed')}"
        line = source.position(problem.start)[0]
        place = (Label(Span(source, problem.start, problem.end), "here"),)
        self.log.add("NX0526", span, file=source.name, line=line, what=what, secondary=place)

    def result(self) -> Collected:
        """The files at their places in the bundle."""
        base = self.root
        taken = sorted(self.files)
        for path in (*taken, *self.folders):
            while not _within(path, base):
                base = os.path.dirname(base)
        locate = {
            path: os.path.normpath(os.path.join(FOLDER, os.path.relpath(path, base)))
            for path in (*taken, *sorted(self.folders))
        }
        files = (File(locate[path], *self.files[path]) for path in taken)
        return Collected(tuple(sorted(files)), locate)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _only_tested(text: str, use: PathUse) -> bool:
    """Whether a path stands behind ``pathExists``."""
    before = text[max(0, use.start - 80) : use.start].rstrip(" \t\n(")
    return before.endswith("pathExists")


def _left_out(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is no source: version control, links to builds, bundles and their state."""
    if entry.name == ".git":
        return True
    if entry.is_symlink():
        return entry.name.split("-")[0] == "result" and os.readlink(entry.path).startswith("/nix/store/")
    if not entry.is_dir():
        return False
    if entry.name.endswith(".state"):
        # A bundle's state, with its secrets, may outlive the bundle.
        return _in_build(entry.path) or _is_bundle(entry.path.removesuffix(".state"))
    return _is_bundle(entry.path)


def _in_build(path: str) -> bool:
    return os.path.basename(os.path.dirname(path)) == "build"


def _is_bundle(folder: str) -> bool:
    """Whether nxcc made a folder: it has a manifest and, where bundles do not stand by default, what else they have."""
    names = ("manifest.json",) if _in_build(folder) else ("manifest.json", "environment.json")
    return all(os.path.isfile(os.path.join(folder, name)) for name in names)
