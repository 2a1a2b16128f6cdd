"""Packages that setup.toml builds differently, as ``override`` statements.

What each key means: nix/setup.nix of NixOS Compose 0.6.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nxcc.emit import nxc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OPERATIONS = ("src", "args", "deps", "attrs")


class Unknown(Exception):  # what is not taken over is no error
    """A part of setup.toml that has no form in the language; ``key`` and why."""

    def __init__(self, key: tuple[str, ...], reason: str) -> None:
        self.key = key
        self.reason = reason
        super().__init__(reason)


def packages(setup: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], dict[str, Any]]]:
    """The packages that a setup changes: place below pkgs, key in setup.toml, and what is changed.

    ``[overrides]``, the older form, has attributes beside ``src``; that becomes ``attrs``.
    """
    found: dict[tuple[str, ...], tuple[tuple[str, ...], dict[str, Any]]] = {}
    for place, key, content in _of(setup, "overrides"):
        attributes = {name: value for name, value in content.items() if name != "src"}
        changes = {"src": content["src"]} if "src" in content else {}
        found[place] = key, changes | ({"attrs": attributes} if attributes else {})
    for place, key, content in _of(setup, "build"):
        older = found.get(place, (key, {}))[1]
        found[place] = key, merged(older, content)
    for place, (key, content) in found.items():
        yield place, key, content


def _of(setup: Mapping[str, Any], table: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], dict[str, Any]]]:
    for name, content in _tables(setup.get(table)).items():
        if name != "nur":
            yield (name,), (table, name), content
            continue
        # overrides.nur.REPOSITORY.PACKAGE, but build.nur.repos.REPOSITORY.PACKAGE
        key: tuple[str, ...] = (table, "nur", "repos") if table == "build" else (table, "nur")
        repositories = content.get("repos", {}) if table == "build" else content
        for repository, contents in _tables(repositories).items():
            for package, changes in _tables(contents).items():
                yield ("nur", "repos", repository, package), (*key, repository, package), changes


def _tables(content: Any) -> dict[str, Any]:
    return (
        {name: value for name, value in content.items() if isinstance(value, dict)} if isinstance(content, dict) else {}
    )


def merged(first: Any, second: Any) -> Any:
    """Two sets as Nix's lib.recursiveUpdate joins them."""
    if not isinstance(first, dict) or not isinstance(second, dict):
        return second
    return first | {name: merged(first.get(name), value) for name, value in second.items()}


def statement(place: tuple[str, ...], changes: Mapping[str, Any]) -> str:
    """The ``override`` of a package; Unknown for what it cannot say."""
    for operation in changes:
        if operation not in OPERATIONS:
            raise Unknown((operation,), f"an override has {', '.join(OPERATIONS)}")
    settings = []
    attributes = [f"{nxc.key(name)} = {_value(('attrs', name), value)}" for name, value in _table(changes, "attrs")]
    if "src" in changes:
        source = _source(changes["src"])
        if source.startswith("`"):
            attributes.append(f"src = {source}")
        else:
            settings.append(f"src {source}")
    arguments = [f"{nxc.key(name)} = {_value(('args', name), value)}" for name, value in _table(changes, "args")]
    for name, value in _table(changes, "deps"):
        if not isinstance(value, str) or not value:
            raise Unknown(("deps", name), "it names no package")
        arguments.append(f"{nxc.key(name)} = {'.'.join(('pkgs', *map(nxc.key, value.split('.'))))}")
    if arguments:
        settings.append(f"args {{ {'; '.join(arguments)} }}")
    if attributes:
        settings.append(f"attrs {{ {'; '.join(attributes)} }}")
    if not settings:
        raise Unknown((), "it changes nothing")
    return f"override {'.'.join(('pkgs', *map(nxc.key, place)))} {{ {'; '.join(settings)} }}"


def _table(changes: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    content = changes.get(name, {})
    if not isinstance(content, dict):
        raise Unknown((name,), "it is no table")
    return list(content.items())


def _value(key: tuple[str, ...], data: Any) -> str:
    try:
        return nxc.value(data)
    except ValueError as error:
        raise Unknown(key, str(error)) from None


def _source(source: Any) -> str:
    """What stands behind ``src``; Nix in backticks for what it cannot say."""
    if isinstance(source, str) and source:
        return nxc.string("path:/" + source.lstrip("/"))
    if not isinstance(source, dict) or not source:
        raise Unknown(("src",), "it is neither a path nor a function of nixpkgs with its arguments")
    function = min(source)  # the first by name, as NixOS Compose takes it
    arguments = source[function]
    if not isinstance(arguments, dict):
        raise Unknown(("src", function), "it has no arguments")
    checksum = arguments.get("sha256", arguments.get("hash"))
    names = {name for name in arguments if name not in ("sha256", "hash")}
    if isinstance(checksum, str) and checksum.startswith(("sha256-", "sha512-")):
        reference = ""
        if function == "fetchFromGitHub" and names == {"owner", "repo", "rev"}:
            reference = f"github:{arguments['owner']}/{arguments['repo']}/{arguments['rev']}"
        elif function == "fetchurl" and names == {"url"} and str(arguments["url"]).startswith("https://"):
            reference = arguments["url"]
        if reference:
            return f"{nxc.string(reference)} {nxc.string(checksum)}"
    return _fetched(function, arguments)


def _fetched(function: str, arguments: Mapping[str, Any]) -> str:
    """A call of one of nixpkgs' functions, in backticks."""
    from nxcc.emit.nix import AttrSet, Binding, Call, Select, Var, expression

    try:
        set_ = AttrSet(tuple(Binding((name,), _data(value)) for name, value in arguments.items()))
        text = expression(Call(Select(Var("pkgs"), (function,)), (set_,)))
    except (TypeError, ValueError) as error:
        raise Unknown(("src", function), str(error)) from None
    text = " ".join(line.strip() for line in text.split("\n"))
    return f"`{text}`"


def _data(data: Any) -> Any:
    from nxcc.emit.nix import AttrSet, Binding, ListOf

    if isinstance(data, dict):
        return AttrSet(tuple(Binding((name,), _data(value)) for name, value in data.items()))
    if isinstance(data, list):
        return ListOf(tuple(map(_data, data)))
    if isinstance(data, str) and "\n" in data:
        raise ValueError("a text of several lines")
    nxc.value(data)
    return data
