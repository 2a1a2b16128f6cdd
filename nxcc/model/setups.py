"""Setups: which one is chosen, and what its statements change. The others are checked, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from nxcc.diagnostics.core import Label
from nxcc.diagnostics.nearest import did_you_mean
from nxcc.model import project
from nxcc.model.scope import GLOBAL
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from nxcc.diagnostics.core import Log
    from nxcc.model.expressions import Evaluator
    from nxcc.model.load import Program
    from nxcc.model.names import Names
    from nxcc.model.settings import SettingsReader

Statement = TypeVar("Statement")


class Setups:
    """The setups of a program; ``chosen`` is the one of this compile, None for none."""

    def __init__(self, program: Program, names: Names, log: Log, name: str | None) -> None:
        self.program = program
        self.names = names
        self.log = log
        self.chosen = self._chosen(name)
        for one in self.of(t.Input):
            self._declare_input(one, keep=True)

    @property
    def name(self) -> str:
        """The name of the chosen setup; "" for none."""
        return self.chosen.name.text if self.chosen else ""

    def of(self, kind: type[Statement]) -> list[Statement]:
        """The statements of a kind that the chosen setup has."""
        body = self.chosen.body if self.chosen else ()
        return [s for s in body if isinstance(s, kind)]

    def _all(self, kind: type[Statement]) -> list[Statement]:
        return [s for s in self.program.statements if isinstance(s, kind)]

    def _chosen(self, name: str | None) -> t.Setup | None:
        """The setup of this compile: the one asked for, else the default one."""
        defaults = [setup for setup in self.names.setups.values() if setup.default]
        for extra in defaults[1:]:
            first = (Label(defaults[0].name.span, "the first one"),)
            self.log.add("NX0212", extra.name.span, what="default setup", secondary=first)
        if name is None:
            return defaults[0] if defaults else None
        if name == "none":
            return None
        if name not in self.names.setups:
            near: str | tuple[str, ...] = did_you_mean(name, self.names.setups)
            if not near:
                known = ", ".join(f"`{setup}`" for setup in self.names.setups)
                near = f"the setups are {known}" if known else "this environment has no setups"
            self.log.add("NX0203", None, kind="setup", name=name, help=near)
        return self.names.setups.get(name)

    def check_others(self, evaluator: Evaluator, flavours: SettingsReader) -> None:
        """Report what is wrong in the setups that were not chosen; parameters of all are checked elsewhere."""
        for setup in self._all(t.Setup):
            if setup is not self.chosen:
                self._check(setup, evaluator, flavours)

    def _check(self, setup: t.Setup, evaluator: Evaluator, flavours: SettingsReader) -> None:
        inputs = [s for s in setup.body if isinstance(s, t.Input)]
        for one in inputs:
            self._declare_input(one, keep=False)
        project.inputs(evaluator, [*self._all(t.Input), *inputs])
        known = [s for s in setup.body if isinstance(s, t.Override) and self._has_input(s.target)]
        project.overrides(evaluator, known, ())
        for statement in setup.body:
            if isinstance(statement, t.FlavourSettings):
                flavours.read(statement, GLOBAL, in_role=False)
            elif isinstance(statement, t.KernelParams):
                for value in statement.values:
                    evaluator.text(value, GLOBAL, "a kernel parameter")

    def _has_input(self, node: t.Expression) -> bool:
        """Whether what a setup overrides is there without the inputs that the setup alone adds."""
        while isinstance(node, t.Select):
            node = node.base
        inputs = {s.name.text for setup in self._all(t.Setup) for s in setup.body if isinstance(s, t.Input)}
        return not (isinstance(node, t.Name) and node.text in inputs and node.text not in self.names.values)

    def _declare_input(self, statement: t.Input, *, keep: bool) -> None:
        """Make an input of a setup known where no statement outside declares it."""
        other = self.names.values.get(statement.name.text)
        if other is None:
            self.names.check_name(statement.name)
            if keep:
                self.names.values[statement.name.text] = statement
        elif not isinstance(other, t.Input):
            label = (Label(other.name.span, "declared here"),) if hasattr(other, "name") else ()
            self.log.add("NX0208", statement.name.span, name=statement.name.text, secondary=label)
