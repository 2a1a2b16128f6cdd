"""What surrounds the roles: nixpkgs, inputs, overrides, packages and secrets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nxcc.diagnostics.nearest import did_you_mean
from nxcc.model import environment as e
from nxcc.model.expressions import Evaluator
from nxcc.model.scope import GLOBAL
from nxcc.model.settings import word_or_value
from nxcc.model.values import Attributes, Items, Reference, SourcePath, Unknown, Value, nix_only, plain
from nxcc.model.words import describe
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DEFAULT_NIXPKGS = "github:NixOS/nixpkgs/nixos-26.05"
"""The newest stable release that this nxcc knows."""

SYSTEMS = ("x86_64-linux", "aarch64-linux", "i686-linux", "armv7l-linux", "riscv64-linux", "powerpc64le-linux")


def _reference(evaluator: Evaluator, node: t.Expression, *, copied: bool = False) -> tuple[str, str] | None:
    """A flake reference and "", or "" and the absolute path of a folder; None after an error.

    With ``copied``, a folder that is named relative to the source goes into the bundle.
    """
    if isinstance(node, t.Path):
        path = evaluator.absolute(node.text, node.span)
        if not os.path.exists(path):
            evaluator.log.add("NX0501", node.span, what="file or folder", path=node.text, notes=f"looked for {path}")
            return None
        if copied:
            evaluator.files.setdefault(path, e.NamedFile(path, False, node.span))
        return "", path
    text = evaluator.text(node, GLOBAL, "a flake reference")
    if text is None:
        return None
    if text.startswith(("./", "../", "/")):
        path = evaluator.absolute(text, node.span)
        if not os.path.exists(path):
            evaluator.log.add("NX0501", node.span, what="file or folder", path=text, notes=f"looked for {path}")
            return None
        if copied and not text.startswith("/"):
            evaluator.files.setdefault(path, e.NamedFile(path, False, node.span))
        return "", path
    if not text:
        evaluator.log.add("NX0301", node.span, expected="a flake reference", found="an empty string")
        return None
    good = all(char.isascii() and char.isprintable() and char not in ' "\\^{}<>|`' for char in text)
    if not good or (":" not in text and not text[0].isalpha()):
        help = 'for example "github:NixOS/nixpkgs/nixos-26.05" or "path:/somewhere"'
        evaluator.log.add("NX0402", node.span, name=text, what="a flake reference", help=help)
        return None
    return text, ""


def _once(evaluator: Evaluator, settings: Sequence[t.Setting]) -> None:
    """Report settings that are given twice in one block."""
    seen: set[str] = set()
    for setting in settings:
        if setting.name.text in seen:
            evaluator.log.add("NX0319", setting.name.span, name=setting.name.text)
        seen.add(setting.name.text)


def nixpkgs(evaluator: Evaluator, statement: t.Nixpkgs | None) -> e.Nixpkgs:
    """The nixpkgs to build with."""
    reference, path, system = DEFAULT_NIXPKGS, "", "x86_64-linux"
    unfree: bool | tuple[str, ...] = False
    insecure: tuple[str, ...] = ()
    if statement is None:
        return e.Nixpkgs(reference, path, system, unfree, insecure, None)
    found = _reference(evaluator, statement.reference)
    reference, path = found or (reference, path)
    _once(evaluator, statement.settings)
    for setting in statement.settings:
        name = setting.name.text
        values = [word_or_value(evaluator, value, GLOBAL) for value in setting.values]
        texts = tuple(value for value in values if isinstance(value, str))
        if name not in ("system", "unfree", "insecure"):
            near = did_you_mean(name, ("system", "unfree", "insecure")) or "there are system, unfree and insecure"
            evaluator.log.add("NX0204", setting.name.span, name=name, what="nixpkgs", help=near)
        elif len(texts) != len(values) or not texts or (name == "system" and len(texts) > 1):
            expected = {"system": "one string", "unfree": "`all`, or names of packages"}.get(name, "names of packages")
            evaluator.log.add("NX0703", setting.span, name=name, expected=expected)
        elif name == "system":
            system = texts[0]
            if system not in SYSTEMS:
                near = did_you_mean(system, SYSTEMS) or f"for example {SYSTEMS[0]}"
                evaluator.log.add("NX0203", setting.values[0].span, kind="system", name=system, help=near)
        elif name == "unfree":
            unfree = True if texts == ("all",) else texts
        else:
            insecure = texts
    return e.Nixpkgs(reference, path, system, unfree, insecure, statement.span)


def inputs(evaluator: Evaluator, statements: Sequence[t.Input]) -> list[e.Input]:
    """The inputs; one of a setup takes the place of the one of its name."""
    found: dict[str, e.Input] = {}
    for statement in statements:
        reference = _reference(evaluator, statement.reference, copied=True)
        follows: list[str] = []
        attribute: tuple[str, ...] = ()
        _once(evaluator, [setting for setting in statement.settings if setting.name.text == "as"])
        for setting in statement.settings:
            name = setting.name.text
            values = [word_or_value(evaluator, value, GLOBAL) for value in setting.values]
            texts = [value for value in values if isinstance(value, str)]
            if name not in ("follows", "as"):
                near = did_you_mean(name, ("follows", "as")) or "there are `follows` and `as`"
                evaluator.log.add("NX0204", setting.name.span, name=name, what="an input", help=near)
            elif not texts or len(texts) != len(values) or (name == "as" and len(texts) > 1):
                expected = "names of inputs" if name == "follows" else "one name, such as nur.repos.kapack"
                evaluator.log.add("NX0703", setting.span, name=name, expected=expected)
            elif name == "as":
                attribute = tuple(texts[0].split("."))
            else:
                follows.extend(texts)
        for followed in follows:
            known = ["nixpkgs", *(s.name.text for s in statements)]
            if followed not in known or followed == statement.name.text:
                near = did_you_mean(followed, known) or ()
                evaluator.log.add("NX0203", statement.span, kind="input", name=followed, help=near)
        if statement.name.text in ("nixpkgs", "self", "system"):
            evaluator.log.add("NX0202", statement.name.span, name=statement.name.text, help="choose another name")
        if reference:
            name = statement.name.text
            found[name] = e.Input(name, *reference, tuple(follows), attribute, statement.span)
    return list(found.values())


def overrides(evaluator: Evaluator, statements: Sequence[t.Override], known: Sequence[e.Input]) -> list[e.Override]:
    """The overrides; one of a setup takes the place of the one of its target."""
    found: dict[tuple[str, tuple[str, ...]], e.Override] = {}
    for statement in statements:
        target = plain(evaluator.value(statement.target))
        if isinstance(target, Unknown):
            continue
        if not isinstance(target, Reference) or target.kind == "package" or not target.path:
            help = "name a package of `pkgs` or of an input"
            evaluator.log.add("NX0301", statement.target.span, expected="a package", found=describe(target), help=help)
            continue
        made = _override(evaluator, statement, target)
        if made:
            found[made.input, made.target] = made
    return list(found.values())


def _override(evaluator: Evaluator, statement: t.Override, target: Reference) -> e.Override | None:
    parts: dict[str, Value] = {"src": None, "version": None, "attrs": None, "args": None}
    checksum = ""
    patches: tuple[Value, ...] = ()
    names = ("src", "version", "patches", "attrs", "args")
    _once(evaluator, statement.settings)
    for setting in statement.settings:
        name = setting.name.text
        if name not in names:
            near = did_you_mean(name, names) or f"there are {', '.join(names)}"
            evaluator.log.add("NX0204", setting.name.span, name=name, what="an override", help=near)
            continue
        values = [evaluator.value(value) for value in setting.values]
        bare = [plain(value) for value in values]
        if any(isinstance(value, Unknown) for value in bare):
            continue
        if name == "patches":
            items = bare[0].items if len(bare) == 1 and isinstance(bare[0], Items) else tuple(values)
            if not all(isinstance(plain(item), SourcePath) or nix_only(item) for item in items):
                evaluator.log.add("NX0703", setting.span, name=name, expected="files")
            patches = tuple(items)
        elif name == "src":
            source = bare[0] if bare else None
            remote = isinstance(source, str) and not source.startswith("path:")
            good = isinstance(source, str | SourcePath) or nix_only(source)
            if not good or len(bare) > 2 or (len(bare) == 2) != remote:
                expected = 'a path, or a reference and its hash: `src "github:o/r/rev" "sha256-…"`'
                evaluator.log.add("NX0703", setting.span, name=name, expected=expected)
                continue
            parts["src"] = values[0] if not isinstance(source, str) else source
            checksum = bare[1] if len(bare) == 2 and isinstance(bare[1], str) else ""
            if remote and not checksum.startswith(("sha256-", "sha512-", "sha1-")):
                help = "the hash that Nix names when the one given is wrong"
                evaluator.log.add("NX0703", setting.span, name=name, expected="a hash, `sha256-…`", help=help)
        elif len(values) != 1 or (name in ("attrs", "args") and not isinstance(bare[0], Attributes)):
            evaluator.log.add("NX0703", setting.span, name=name, expected="a set" if name != "version" else "a string")
        else:
            parts[name] = values[0]
    head = target.head if target.kind == "input" else ""
    return e.Override(
        target.path,
        parts["src"],
        checksum,
        parts["version"],
        patches,
        parts["attrs"],
        parts["args"],
        statement.span,
        head,
    )


def packages(evaluator: Evaluator, statements: Sequence[t.Package]) -> list[e.Package]:
    """The user's own packages."""
    found = []
    for statement in statements:
        path = evaluator.path(statement.path, GLOBAL, nix=True, what="package")
        arguments = evaluator.value(statement.arguments) if statement.arguments else None
        if path is not None and not isinstance(arguments, Unknown):
            found.append(e.Package(statement.name.text, path, arguments, statement.name.span))
    return found


def secrets(evaluator: Evaluator, statements: Iterable[t.Secret]) -> list[e.Secret]:
    """The secrets. The file of one is named, never opened."""
    found = []
    for statement in statements:
        name = statement.name.text
        file, fixed = "", False
        if isinstance(statement.file, t.Path):
            file = evaluator.absolute(statement.file.text, statement.file.span)
        elif statement.file is not None:
            text = evaluator.text(statement.file, GLOBAL, "the path of a secret")
            file = evaluator.absolute(text, statement.file.span) if text else ""
            fixed = (text or "").startswith("/")
        kind = "ssh-key" if statement.ssh_key else "file" if statement.file else "random"
        text = evaluator.text(statement.text) if statement.text else ""
        owner = statement.owner.text if statement.owner else "root"
        group = statement.group.text if statement.group else "root"
        mode = statement.mode.text if statement.mode else "0400"
        mode = mode.rjust(4, "0")
        if int(mode, 8) & 0o7007 or int(mode, 8) & 0o022:
            evaluator.log.add(
                "NX0402",
                statement.mode.span if statement.mode else statement.span,
                name=mode,
                what="the mode of a secret",
                help="it may be read by its owner and its group, and written by its owner: 0400, 0440, 0600 or 0640",
            )
        found.append(e.Secret(name, kind, owner, group, mode, text or "", file, statement.name.span, fixed))
    return found
