"""The one namespace of an environment: what may be a name, and what each name stands for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Label, Span
from nxcc.diagnostics.nearest import did_you_mean
from nxcc.syntax import tree as t

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nxcc.diagnostics.core import Log
    from nxcc.model.load import Program

NIX_KEYWORDS = frozenset("with let rec inherit assert".split())
SCOPE = frozenset("pkgs lib config modulesPath inputs flavour setup secret script name args".split())
MODIFIERS = frozenset("force default before after order".split())
FUNCTIONS = ("join", "len", "lines", "read", "text", "base64")
PYTHON_KEYWORDS = frozenset(
    "False None True and as assert async await break class continue def del elif else except finally for from global "
    "if import in is lambda nonlocal not or pass raise return try while with yield".split()
)
# The names that NixOS's test driver puts before a test script (nixos/lib/test-driver of nixpkgs, 20.09 to 26.05).
DRIVER_GLOBALS = frozenset(
    "start_all test_script machines vlans driver log os create_machine subtest run_tests join_all retry "
    "serial_stdout_off serial_stdout_on polling_condition Machine BaseMachine QemuMachine NspawnMachine "
    "machines_qemu machines_nspawn dump_machine_ssh t debug machine".split()
)
# What Nix finds without `builtins.`; a binding of these names would change what fragments mean.
NIX_GLOBALS = frozenset(
    "abort baseNameOf builtins derivation derivationStrict dirOf fetchGit fetchMercurial fetchTarball fetchTree "
    "fromTOML import isNull map placeholder removeAttrs scopedImport throw toString break".split()
)

KINDS = {
    t.Param: "parameter",
    t.Let: "constant",
    t.Secret: "secret",
    t.Script: "script",
    t.Package: "package",
    t.Input: "input",
    t.Profile: "profile",
    t.Role: "role",
    t.Setup: "setup",
}
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.IGNORECASE)


def host_label(name: str) -> bool:
    """Whether a name can be a host name: a DNS label of at most 63 characters."""
    return len(name) <= 63 and _LABEL.fullmatch(name) is not None


def python_name(node: str) -> str:
    """The variable of a node in a test script."""
    return node.replace("-", "_")


class Names:
    """What each name of the environment stands for.

    Values share one namespace: parameters, constants, packages, scripts, roles, inputs and profiles. Secrets and
    setups have their own.
    """

    def __init__(self, program: Program, log: Log) -> None:
        self.log = log
        self.values: dict[str, t.TopStatement] = {}
        self.secrets: dict[str, t.Secret] = {}
        self.setups: dict[str, t.Setup] = {}
        for statement in program.statements:
            if isinstance(statement, t.Secret):
                self._declare(self.secrets, statement.name, statement)
            elif isinstance(statement, t.Setup):
                if statement.name.text == "none":
                    log.add("NX0202", statement.name.span, name="none", help="`--setup none` turns a default one off")
                self._declare(self.setups, statement.name, statement)
            elif isinstance(statement, t.Param | t.Let | t.Script | t.Package | t.Input | t.Profile | t.Role):
                self._declare(self.values, statement.name, statement)
                self.check_name(statement.name, role=isinstance(statement, t.Role))

    def _declare(
        self,
        where: dict[str, t.TopStatement] | dict[str, t.Secret] | dict[str, t.Setup],
        name: t.Word,
        statement: t.TopStatement,
    ) -> None:
        scope: dict[str, t.TopStatement] = where  # type: ignore[assignment]
        first = scope.setdefault(name.text, statement)
        if first is not statement:
            self.log.add(
                "NX0201",
                name.span,
                name=name.text,
                label="declared again",
                secondary=(Label(word_of(first).span, "first declared here"),),
            )

    def check_name(self, name: t.Word, role: bool = False) -> bool:
        """Report a name that would break the output; whether it is usable."""
        text = name.text
        why = ""
        if text in NIX_KEYWORDS or text in NIX_GLOBALS:
            why = "Nix gives this word a meaning of its own"
        elif text in SCOPE:
            why = "Nix fragments know something else by this name"
        elif text in MODIFIERS:
            why = "it is a modifier of options"
        elif text in FUNCTIONS:
            why = "it is a function of the language"
        elif role and python_name(text) in PYTHON_KEYWORDS:
            why = "Python gives this word a meaning, and each node is a variable in tests"
        elif role and python_name(text) in DRIVER_GLOBALS:
            why = "the NixOS test driver uses it, and each node is a variable in tests"
        if why:
            self.log.add("NX0202", name.span, name=text, notes=why, help="choose another name")
        return not why

    def local(self, name: t.Word, inner: dict[str, Span], *, of_profile: bool = False) -> bool:
        """Report a local name (of a profile, a comprehension …) that hides another; whether it may be bound.

        One that is no name at all may: what uses it is not wrong as well. ``of_profile`` is for its parameters.
        """
        self.check_name(name)
        other = inner.get(name.text)
        if other is None and name.text in self.values:
            other = word_of(self.values[name.text]).span
        if other is not None:
            help = "choose another name"
            if of_profile and name.text not in inner and isinstance(self.values[name.text], t.Param | t.Let):
                help += f", or leave the parameter out: profiles see `{name.text}` as it is"
            self.log.add("NX0208", name.span, name=name.text, secondary=(Label(other, "declared here"),), help=help)
            return False
        return True

    def unknown(self, kind: str, name: t.Word | t.Name, candidates: Iterable[str]) -> None:
        """Report a name that nothing of a kind has."""
        statement = self.values.get(name.text)
        if statement is not None and KINDS[type(statement)] != kind:
            declared = (Label(word_of(statement).span, "declared here"),)
            found, wanted = a(KINDS[type(statement)]), a(kind)
            self.log.add("NX0209", name.span, name=name.text, found=found, wanted=wanted, secondary=declared)
            return
        near = did_you_mean(name.text, candidates)
        labels = self.similar(near)
        self.log.add("NX0203", name.span, kind=kind, name=name.text, help=near, secondary=labels)

    def similar(self, near: tuple[str, ...]) -> tuple[Label, ...]:
        """Where the one name is declared that a help suggests; none where it suggests several."""
        for candidate, statement in self.values.items():
            if near == (f"did you mean `{candidate}`?",):
                return (Label(word_of(statement).span, f"{a(KINDS[type(statement)])} with a similar name"),)
        return ()


def a(kind: str) -> str:
    """A word with its article."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def word_of(statement: t.TopStatement) -> t.Word:
    """The name that a statement declares."""
    word = getattr(statement, "name", None)
    assert isinstance(word, t.Word)
    return word
