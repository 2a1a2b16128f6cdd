"""setup.toml of NixOS Compose: parameters, variants and options, as statements.

What each key means: nix/setup.nix and nixos_compose/setup.py of NixOS Compose 0.6.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nxcc.emit import nxc
from nxcc.init.draft import Entry
from nxcc.init.overrides import Unknown, merged, packages, statement
from nxcc.model.names import FUNCTIONS, MODIFIERS, NIX_GLOBALS, NIX_KEYWORDS, SCOPE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from nxcc.diagnostics.core import Span
    from nxcc.init.draft import Draft
    from nxcc.init.toml import Toml

TABLES = ("project", "params", "options", "build", "overrides", "override-params")
"""The tables of setup.toml that are no variants."""
_OWN = NIX_KEYWORDS | NIX_GLOBALS | SCOPE | MODIFIERS | frozenset(FUNCTIONS)
_TYPES = ((bool, "bool"), (int, "int"), (float, "float"), (str, "string"), (list, "list"))


class Setup:
    """What a setup.toml gives: ``params`` are those that are taken over, with their values.

    ``replaced`` are references of inputs by name, ``kernel`` parameters of the kernel, both of all variants;
    ``flavour`` is the flavour that it names, or "".
    """

    def __init__(self, toml: Toml, draft: Draft) -> None:
        self.toml = toml
        self.draft = draft
        self.params: dict[str, Any] = {}
        self.variants = [
            name for name, content in toml.data.items() if name not in TABLES and isinstance(content, dict)
        ]
        options = toml.data.get("options")
        options = options if isinstance(options, dict) else {}
        self.flavour = options["flavour"] if isinstance(options.get("flavour"), str) else ""
        self.kernel: tuple[str, ...] = ()
        self.replaced: dict[str, tuple[str, Span]] = {}

    def composition_setup(self) -> dict[str, Any]:
        """What a composition gets as ``setup`` without a variant."""
        params = self.toml.data.get("params", {})
        return {**self.toml.data, "params": params, "project": {"selected": ""}} if isinstance(params, dict) else {}

    def without_variant(self, taken: Collection[str]) -> None:
        """Add what holds in every variant: parameters and overrides; notes ``replaced`` and ``kernel``.

        ``taken`` are names that other things have.
        """
        data, draft = self.toml.data, self.draft
        for name, content in data.items():
            if name not in TABLES and not isinstance(content, dict):
                why = "NixOS Compose keeps there which variant it built last" if name == "selected" else _NO_SUCH
                draft.left(f"`{name}`", self.toml.span(name), why)
            elif name in TABLES and not isinstance(content, dict):
                draft.left(f"`{name}`", self.toml.span(name), "it is no table")
        self._project(_table(data, "project"))
        for name in _table(data, "override-params"):
            why = f"`--setup-param` left it there; with nxcc it is `--set {name}=VALUE`"
            draft.left(f"override-params.{name}", self.toml.span("override-params", name), why)
        self._params(taken)
        draft.entries += self._options((), _table(data, "options"))
        draft.blank()
        draft.entries += self._overrides((), data, data)
        draft.blank()

    def each_variant(self, input_text: Callable[[str, str], str]) -> None:
        """Add a ``setup`` for each variant; ``input_text`` gives the statement of an input with another reference."""
        for name in self.variants:
            content, span = self.toml.data[name], self.toml.span(name)
            inner: list[Entry] = []
            for key, value in content.items():
                if key not in ("params", "options", "build", "overrides"):
                    self.draft.left(f"`{name}.{key}`", self.toml.span(name, key), _NO_SUCH, inner)
                elif not isinstance(value, dict):
                    self.draft.left(f"`{name}.{key}`", self.toml.span(name, key), "it is no table", inner)
            for param, value in _table(content, "params").items():
                place, what = self.toml.span(name, "params", param), f"`{name}.params.{param}`"
                if param not in self.params:
                    self.draft.left(what, place, "the parameter itself is not taken over", inner)
                else:
                    inner.append(Entry(f"{param} = {nxc.value(value)}", place, what))
            options = self._options((name,), _table(content, "options"))
            for other, (reference, place) in self.replaced.items():
                what = f"`--override-input {other}`"
                if text := input_text(other, reference):
                    inner.append(Entry(text, place, what))
                else:
                    self.draft.left(what, place, "there is no such input here", inner)
            self.replaced = {}
            inner += options
            inner += self._overrides((name,), content, merged(self.toml.data, content))
            if self.kernel:
                words = " ".join(map(nxc.string, self.kernel))
                place = self.toml.span(name, "options", "kernel-params")
                inner.append(Entry(f"kernel-params {words}", place, f"`{name}.options.kernel-params`"))
                self.kernel = ()
            self.draft.entries.append(Entry(f"setup {name}", span, f"the variant `{name}`", inner))
        self.draft.blank()

    def kernel_when(self, kernel: tuple[str, ...]) -> tuple[str, str]:
        """The head and the statement of kernel parameters that variants with some of their own do not have."""
        own = [name for name in self.variants if "kernel-params" in _table(_table(self.toml.data, name), "options")]
        words = " ".join(map(nxc.string, kernel))
        return " and ".join(f"setup.name != {nxc.string(name)}" for name in own), f"kernel-params {words}"

    def _project(self, project: Mapping[str, Any]) -> None:
        for key, value in project.items():
            what, span = f"`project.{key}`", self.toml.span("project", key)
            if key == "selected":
                why = f"NixOS Compose keeps there which variant it built last; with nxcc it is `--setup {value}`"
                self.draft.left(what, span, why)
            else:
                self.draft.left(what, span, _NO_SUCH)

    def _params(self, taken: Collection[str]) -> None:
        params = dict(_table(self.toml.data, "params"))
        places: dict[str, tuple[str, ...]] = {name: ("params", name) for name in params}
        for variant in self.variants:
            for name, value in _table(self.toml.data[variant], "params").items():
                if name not in params:
                    params[name] = value
                    places[name] = (variant, "params", name)
        for name, value in params.items():
            span, what = self.toml.span(*places[name]), f"the parameter `{name}`"
            others = [_table(self.toml.data[variant], "params").get(name, value) for variant in self.variants]
            kinds = {_type(other) for other in (value, *others)}
            kind = "float" if kinds == {"int", "float"} else _type(value)
            why = ""
            if not nxc.is_name(name) or name in _OWN:
                why = "the language has no such name for one; rename it, in the composition too"
            elif name in taken:
                why = "a role or an input has this name; rename it, in the composition too"
            elif not kind or len(kinds | {kind}) > (2 if kind == "float" else 1):
                why = (
                    "it has values of several types" if kind else "a parameter is a number, a text, a boolean or a list"
                )
            if not why:
                try:
                    text = f"param {name}: {kind} = {nxc.value(value)}"
                    list(map(nxc.value, others))
                except ValueError as error:
                    why = str(error)
            if why:
                self.draft.left(what, span, why)
                continue
            self.params[name] = value
            self.draft.entries.append(Entry(text, span, what))
        self.draft.blank()

    def _options(self, at: tuple[str, ...], options: Mapping[str, Any]) -> list[Entry]:
        """What is left of options, as comments; the rest is noted."""
        found: list[Entry] = []
        for key, value in options.items():
            what, span = f"`{'.'.join((*at, 'options', key))}`", self.toml.span(*at, "options", key)
            if key == "nix-flags" and isinstance(value, str):
                self._flags(what, span, value, found)
            elif key == "kernel-params" and isinstance(value, str):
                self.kernel = tuple(value.split())
            elif key == "flavour" and not at:
                continue
            else:
                self.draft.left(what, span, _OPTIONS.get(key, _NO_SUCH), found)
        return found

    def _flags(self, what: str, span: Span, value: str, found: list[Entry]) -> None:
        """Options of Nix: inputs from elsewhere are noted."""
        import shlex

        try:
            words = shlex.split(value)
        except ValueError as error:
            self.draft.left(what, span, str(error), found)
            return
        others = []
        while words:
            word = words.pop(0)
            if word == "--override-input" and len(words) >= 2:
                name, reference = words.pop(0), words.pop(0)
                if nxc.is_name(name) and name != "nixpkgs":
                    self.replaced[name] = reference, span
                else:
                    others.append(f"{word} {name} {reference}")
            else:
                others.append(word)
        if others:
            self.draft.left(
                what, span, f"nxcc does not call Nix to build; give it `{' '.join(others)}` yourself", found
            )

    def _overrides(self, at: tuple[str, ...], own: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[Entry]:
        """The overrides of packages that ``own`` names, as ``whole`` has them."""
        named = {place for place, _, _ in packages(own)}
        for place, key, changes in packages(whole):
            if place not in named:
                continue
            what, span = f"`{'.'.join((*at, *key))}`", self.toml.span(*at, *key)
            try:
                yield Entry(statement(place, changes), span, what)
            except Unknown as unknown:
                found: list[Entry] = []
                what = f"`{'.'.join((*at, *key, *unknown.key))}`"
                self.draft.left(what, self.toml.span(*at, *key, *unknown.key), unknown.reason, found)
                yield from found
            except ValueError as error:
                found = []
                self.draft.left(what, span, str(error), found)
                yield from found


_NO_SUCH = "NixOS Compose knows no such key here"
_OPTIONS = {
    "composition-file": "the composition is named by `nxcc init --from`",
    "composition-flavour": "with nxcc the flavour is `--flavour`",
    "flavour": "with nxcc the flavour is `--flavour`",
}


def _table(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    content = data.get(name, {})
    return content if isinstance(content, dict) else {}


def _type(value: Any) -> str:
    """The language's type for a value; "" where it has none."""
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "")
