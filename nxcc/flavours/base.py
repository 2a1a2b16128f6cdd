"""What a flavour is: a name, its settings, what it can honour, and a plan of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nxcc.model.settings import Setting

if TYPE_CHECKING:
    from nxcc.bundle import File
    from nxcc.model.environment import Environment


class Flavour:
    """A target platform.

    A subclass fills in the class attributes and ``plan``. ``settings`` may stand at top level and, those in
    ``role_settings``, in a role. ``ignores`` maps a kind of statement ("publish", "disk", "kernel", "links" …) that
    the flavour cannot honour to (severity, why): the compiler reports each use of one at the user's line.
    """

    name: ClassVar[str]
    platform: ClassVar[str]
    summary: ClassVar[str]
    tools: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[tuple[Setting, ...]] = ()
    role_settings: ClassVar[tuple[str, ...]] = ()
    ignores: ClassVar[dict[str, tuple[str, str]]] = {}

    def plan(self, environment: Environment) -> list[File]:
        """The flavour's files, paths relative to the bundle (``docker/docker-compose.yml``), in order."""
        raise NotImplementedError


__all__ = ["Flavour", "Setting", "setting"]


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
