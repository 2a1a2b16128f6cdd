"""What bodies tell flavours, and what they ask of the whole environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Span
from nxcc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nxcc.model import environment as e
    from nxcc.model.scope import RoleNames, Scope
    from nxcc.model.values import Value
    from nxcc.syntax import tree as t


class Once(NamedTuple):
    """What a role may have once in each of the flavours ``only``: ``name`` is that of a statement, or a file's path."""

    name: str
    span: Span
    only: tuple[str, ...]
    help: str = ""


class Facts:
    """What flavours ask of a body, in the order of its statements."""

    def __init__(self) -> None:
        self.after: list[e.After] = []
        self.ready: list[e.Ready] = []
        self.ports: list[e.Ports] = []
        self.publish: list[e.Publish] = []
        self.shares: list[e.Share] = []
        self.mounts: list[e.Mount] = []
        self.resources: list[e.Resources] = []
        self.kernels: list[e.Kernel] = []
        self.settings: list[e.Settings] = []
        self.secrets: list[e.UseSecret] = []
        self.once: list[Once] = []

    def extend(self, other: Facts) -> None:
        """Add what another body has."""
        for name, found in vars(self).items():
            found.extend(item for item in getattr(other, name) if name != "secrets" or item not in found)


class Readers:
    """What bodies ask of the whole environment."""

    def role(self, word: t.Word) -> RoleNames | None:
        """The RoleNames of a role; None, reported, for an unknown one."""
        raise NotImplementedError

    def flavour(self, word: t.Word) -> bool:
        """Whether a flavour is known; reported where not."""
        raise NotImplementedError

    def settings(self, statement: t.FlavourSettings, scope: Scope) -> e.Settings | None:
        """The settings of a flavour, with their values."""
        raise NotImplementedError

    def secrets_in(self, values: Sequence[Value]) -> list[str]:
        """The names of the secrets that values refer to, scripts followed, in order."""
        raise NotImplementedError
