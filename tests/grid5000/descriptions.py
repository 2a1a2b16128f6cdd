"""Kadeploy's reader of environment descriptions, with the texts of its errors.

After lib/kadeploy3/common/{environment,configparser}.rb and client/client.rb of Kadeploy 3.3.11. ``newer`` is what
Grid'5000 runs, as far as descriptions in use there tell: zstd, and the keys arch, alias and custom_variables.
"""

from __future__ import annotations

import copy
import subprocess
from typing import Any

import yaml

COMPRESSIONS = ("gzip", "bzip2", "xz")


class Refused(Exception):
    """The description is refused: the text goes to the client's standard error, ``warnings`` went before it."""

    def __init__(self, text: str, warnings: list[str] | None = None) -> None:
        super().__init__(text)
        self.warnings = warnings or []


class _Wrong(Exception):
    """Ruby's ParserError."""


NAMES = {str: "String", int: "Integer", bool: "[TrueClass, FalseClass]", dict: "Hash", list: "Array"}


def load(path: str, shown: str = "") -> Any:
    """The data of a description file. Raises Refused."""
    shown = shown or path
    kind = subprocess.run(["file", "--mime-type", "--brief", path], capture_output=True, text=True, check=True).stdout
    if kind.strip() != "text/plain":
        raise Refused(f"The file {shown} should be in plain text format")
    try:
        with open(path, encoding="utf-8") as file:
            return yaml.safe_load(file)
    except yaml.YAMLError as error:
        raise Refused(f"Invalid YAML file '{shown}'\n{error}") from None


class _Parser:
    """configparser.rb: takes out what is asked for; what remains is unused."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.value_here = data
        self.path: list[Any] = []

    def _field(self, name: str, mandatory: bool, kind: type) -> tuple[Any, bool]:
        try:
            if not isinstance(self.value_here, dict):
                if mandatory:
                    raise _Wrong("The field is mandatory" if self.value_here is None else "The field has to be a Hash")
                return None, False
            value = self.value_here.get(name)
            if value is None:
                if mandatory:
                    raise _Wrong("The field is mandatory")
                return None, name in self.value_here
            fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
            if not fits:
                raise _Wrong(f"The field should have the type {NAMES[kind]}")
            return value, True
        except _Wrong as wrong:
            raise self._error(name, str(wrong)) from None

    def _error(self, name: str, message: str) -> Refused:
        path = "/".join(str(part) for part in [*self.path, name])
        return Refused(f"Error[environment description] {message} [field: {path}]")

    def value(self, name: str, kind: type, default: Any = None, allowed: tuple[Any, ...] = ()) -> Any:
        found, _ = self._field(name, default is None, kind)
        if found is None:
            found = default
        else:
            del self.value_here[name]
        if allowed and found not in allowed:
            listed = f"'{allowed[0]}'" if len(allowed) == 1 else ""
            if len(allowed) > 1:
                listed = "'" + "', '".join(str(one) for one in allowed[:-1]) + f"' or '{allowed[-1]}'"
            text = f"allowed value{' is' if len(allowed) == 1 else 's are'}: {listed}"
            raise self._error(name, f"Invalid value '{found}', {text}")
        return found

    def within(self, name: str, mandatory: bool = False, kind: type = dict) -> list[Any]:
        """The parts to read below a field: itself, or each element of a list; [] where it is absent."""
        found, _ = self._field(name, mandatory, kind)
        if found is None:
            return []
        return list(found) if kind is list else [found]

    def enter(self, part: Any, *names: Any) -> tuple[Any, list[Any]]:
        outer = (self.value_here, self.path)
        self.value_here, self.path = None if part is False else part, [*self.path, *names]
        return outer

    def leave(self, outer: tuple[Any, list[Any]]) -> None:
        self.value_here, self.path = outer

    def drop_if_read(self, name: str) -> None:
        """A block that nothing is left of is no unused field."""
        if not self.value_here[name]:
            del self.value_here[name]

    def unused(self) -> list[str]:
        found: list[str] = []

        def look(value: Any, path: list[str]) -> None:
            if value is None:
                found.append("/".join(path))
            elif isinstance(value, dict):
                for key, inside in value.items():
                    look(inside, [*path, str(key)])
            elif isinstance(value, list):
                for index, inside in enumerate(value):
                    look(inside, [*path, str(index)])
            else:
                found.append("/".join(path))

        if isinstance(self.data, dict | list):
            look(self.data, [])
        return found


def check(data: Any, newer: bool = False) -> tuple[dict[str, Any], list[str]]:
    """The facts of a description, and the warnings that the client prints. Raises Refused with the client's text."""
    try:
        return _check(copy.deepcopy(data), newer)
    except Refused as refused:
        raise Refused(f"Invalid environment specification (error #7)\n{refused}", refused.warnings) from None


def _check(data: Any, newer: bool) -> tuple[dict[str, Any], list[str]]:
    parser = _Parser(data)
    compressions = (*COMPRESSIONS, "zstd") if newer else COMPRESSIONS
    facts: dict[str, Any] = {
        "name": parser.value("name", str),
        "version": parser.value("version", int, 1),
        "description": parser.value("description", str, ""),
        "author": parser.value("author", str, ""),
        "visibility": parser.value("visibility", str, "private", ("public", "private", "shared")),
        "destructive": parser.value("destructive", bool, False),
        "os": parser.value("os", str, None, ("linux", "xen", "other")),
    }
    if newer:
        facts["arch"] = parser.value("arch", str, "x86_64", ("x86_64", "aarch64", "ppc64le"))
        facts["alias"] = parser.value("alias", str, "")
        parser.value_here.pop("custom_variables", None)
    for part in parser.within("image", mandatory=True):
        outer = parser.enter(part, "image")
        file = parser.value("file", str)
        kind = parser.value("kind", str, None, ("tar", "dd", "fsa"))
        if kind == "fsa":
            compression = str(parser.value("compression", int, 0, tuple(range(10))))
        else:
            compression = parser.value("compression", str, None, compressions)
        facts["image"] = {"file": file, "kind": kind, "compression": compression}
        parser.leave(outer)
        parser.drop_if_read("image")
    for part in parser.within("preinstall"):
        facts["preinstall"] = _archive(parser, part, ["preinstall"], compressions)
        parser.drop_if_read("preinstall")
    facts["postinstalls"] = [
        _archive(parser, part, ["postinstalls", index], compressions)
        for index, part in enumerate(parser.within("postinstalls", kind=list))
    ]
    if isinstance(parser.value_here, dict) and isinstance(parser.value_here.get("postinstalls"), list):
        del parser.value_here["postinstalls"]  # with whatever else its elements hold: Ruby's clear
    facts["filesystem"] = parser.value("filesystem", str, "")
    facts["partition_type"] = parser.value("partition_type", int, 0)
    facts["multipart"] = parser.value("multipart", bool, False)
    if facts["multipart"] or "options" in parser.value_here:
        raise Refused("Error[environment description] multipart is not played here [field: multipart]")
    facts.update(kernel="", initrd="", kernel_params="", hypervisor="", hypervisor_params="")
    for part in parser.within("boot"):
        outer = parser.enter(part, "boot")
        for name in ("kernel", "initrd", "kernel_params", "hypervisor", "hypervisor_params"):
            facts[name] = parser.value(name, str, "")
        parser.leave(outer)
        parser.drop_if_read("boot")
    warnings = [f"Warning[env_desc]: Unused field '{path}'" for path in parser.unused()]
    if facts["image"]["kind"] == "tar":
        for name in (*(("hypervisor",) if facts["os"] == "xen" else ()), "kernel", "filesystem"):
            if not facts[name]:
                text = f"The field '{name}' is mandatory for OS {facts['os']} with the 'tar' image kind"
                raise Refused(text, warnings)
    return facts, warnings


def _archive(parser: _Parser, part: Any, path: list[Any], compressions: tuple[str, ...]) -> dict[str, str]:
    outer = parser.enter(part, *path)
    found = {
        "archive": parser.value("archive", str),
        "compression": parser.value("compression", str, None, compressions),
        "script": parser.value("script", str, "none"),
    }
    parser.leave(outer)
    return found
