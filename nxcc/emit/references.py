"""Flake references as Nix expressions that work without flakes: where default.nix finds an input that is not locked.

Format: the Nix manual, "nix flake", section "Flake references".
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from nxcc.emit.nix import AttrSet, Binding, Call, PathLit, Select, Var

if TYPE_CHECKING:
    from nxcc.emit.nix import Expr

_FORGES = {
    "github": ("github.com", "https://{host}/{owner}/{repo}/archive/{at}.tar.gz"),
    "gitlab": ("gitlab.com", "https://{host}/api/v4/projects/{owner}%2F{repo}/repository/archive.tar.gz?sha={at}"),
    "sourcehut": ("git.sr.ht", "https://{host}/{owner}/{repo}/archive/{at}.tar.gz"),
}


def unlocked(name: str, reference: str) -> Expr:
    """The source that a flake reference means, as it is when Nix evaluates it.

    References that only a flake registry knows become an expression that says so.
    """
    scheme, colon, rest = reference.partition(":")
    rest, _, query = rest.partition("?")
    parameters = dict(parse_qsl(query))
    if not colon or scheme == "flake":
        return _throw(f"input {name}: only flakes know {reference}; lock the environment or give --arg {name} PATH")
    if scheme in _FORGES:
        source = _forge(scheme, rest, parameters)
    elif scheme == "path":
        source = PathLit(unquote(rest))
    elif scheme.startswith("git+"):
        source = _git(f"{scheme.removeprefix('git+')}:{rest}", parameters)
    elif scheme.removeprefix("tarball+") in ("https", "http", "file"):
        fetched = f"{scheme.removeprefix('tarball+')}:{rest}" + (f"?{query}" if query else "")
        source = _builtin("fetchTarball", fetched)
    else:
        return _throw(f"input {name}: {reference} needs flakes, or --arg {name} PATH")
    folder = parameters.get("dir", "")
    return source if not folder else _below(source, folder)


def _forge(scheme: str, rest: str, parameters: dict[str, str]) -> Expr:
    default, template = _FORGES[scheme]
    owner, _, repo = rest.partition("/")
    repo, _, at = repo.partition("/")
    at = parameters.get("rev") or parameters.get("ref") or unquote(at) or "HEAD"
    host = parameters.get("host", default)
    return _builtin("fetchTarball", template.format(host=host, owner=owner, repo=repo, at=at))


def _git(url: str, parameters: dict[str, str]) -> Expr:
    bindings = [Binding(("url",), url)]
    bindings += [Binding((key,), parameters[key]) for key in ("ref", "rev") if key in parameters]
    if "rev" in parameters and "ref" not in parameters:
        bindings.append(Binding(("allRefs",), True))
    if parameters.get("submodules") in ("1", "true"):
        bindings.append(Binding(("submodules",), True))
    return _builtin("fetchGit", AttrSet(tuple(bindings)))


def _below(source: Expr, folder: str) -> Expr:
    from nxcc.emit.nix import Op

    return Op("+", source, f"/{folder.strip('/')}")


def _builtin(name: str, argument: Expr) -> Expr:
    return Call(Select(Var("builtins"), (name,)), (argument,))


def _throw(message: str) -> Expr:
    return Call(Var("throw"), (message,))
