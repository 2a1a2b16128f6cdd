"""What a flavour is: a name, its settings, what it can honour, and a plan of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nxcc.model.environment import holds
from nxcc.model.settings import Setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nxcc.bundle import File
    from nxcc.diagnostics.core import Span
    from nxcc.model.environment import Environment, Role


class Flavour:
    """A target platform.

    A subclass fills in the class attributes and ``plan``. ``settings`` may stand at top level and, those in
    ``role_settings``, in a role. ``ignores`` maps a kind of statement ("publish", "disk", "kernel", "links" …) that
    the flavour cannot honour to (severity, why): the compiler reports each use of one at the user's line. ``steps`` are
    what to run in its folder, each with a word on it, for the bundle's README; ``first`` are those to go on with.
    """

    name: ClassVar[str]
    platform: ClassVar[str]
    summary: ClassVar[str]
    tools: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[tuple[Setting, ...]] = ()
    role_settings: ClassVar[tuple[str, ...]] = ()
    ignores: ClassVar[dict[str, tuple[str, str]]] = {}
    first: ClassVar[tuple[str, ...]] = ("run build", "run up")
    steps: ClassVar[tuple[tuple[str, str], ...]] = (
        ("run build", "with Nix, once"),
        ("run up", "start all nodes, wait until they are ready"),
        ("run status", ""),
        ("run down", ""),
    )

    def losses(self, environment: Environment) -> Iterator[tuple[str, Span, str, str]]:
        """What it cannot honour of this very environment, beside ``ignores``: (kind, place, severity, why).

        For a kind of statement that it honours but for some values.
        """
        yield from ()

    def plan(self, environment: Environment) -> list[File]:
        """The flavour's files, paths relative to the bundle (``docker/docker-compose.yml``), in order."""
        raise NotImplementedError


__all__ = ["Flavour", "Setting", "script", "secret_files", "secrets_of", "setting"]


def setting(environment: Environment, flavour: str, name: str, default: str, role: str = "") -> str:
    """The value of a setting as text: the role's own, else the environment's, else ``default``."""
    found = default
    scopes = [environment.settings]
    if role:
        scopes.append(environment.role(role).settings)
    for scope in scopes:
        for settings in scope:
            if settings.flavour == flavour:
                for key, values, _ in settings.values:
                    if key == name:
                        found = str(values[0])
    return found


def secrets_of(role: Role, flavour: str) -> list[str]:
    """The secrets that the role's nodes read in a flavour, each once."""
    return list(dict.fromkeys(use.name for use in role.secrets if holds(use, flavour)))


def secret_files(name: str, kind: str) -> tuple[str, ...]:
    """The files of a secret: of a key both halves."""
    return (name, f"{name}.pub") if kind == "ssh-key" else (name,)


def script(head: str, parts: Sequence[str]) -> str:
    """A shell script: ``head``, then these templates (``run/base``: templates/run/base.sh) as they are."""
    from nxcc.resources import resource

    texts = [head]
    for part in parts:
        with open(resource("templates", f"{part}.sh"), encoding="utf-8") as file:
            texts.append(file.read())
    return "\n".join(texts)
