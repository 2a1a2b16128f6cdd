"""Makes the tree's statements; see nxcc/syntax/expressions.py for what they are made of."""

from __future__ import annotations

from typing import Any

from lark import Token

from nxcc.diagnostics.core import Span
from nxcc.records import NamedTuple
from nxcc.syntax import tree as t
from nxcc.syntax.expressions import Bunch, Expressions


class _Count(NamedTuple):
    value: Any
    span: Span


class _Block(NamedTuple):
    items: tuple[Any, ...]
    span: Span


class Builder(Expressions):
    """The callbacks of all rules of the grammar. ``begin`` comes before each parse."""

    # -------------------------------------------------------------- top level

    def start(self, c: list[Any]) -> tuple[Any, ...]:
        """A file."""
        return self._nodes(c)

    def environment(self, c: list[Any]) -> t.Environment:
        """environment."""
        return t.Environment(self._word(c[1]), c[2] if len(c) > 2 else None, self._span(c))

    def nixpkgs(self, c: list[Any]) -> t.Nixpkgs:
        """nixpkgs."""
        return t.Nixpkgs(c[1], c[2].items if len(c) > 2 else (), self._span(c))

    def input(self, c: list[Any]) -> t.Input:
        """input."""
        return t.Input(self._word(c[1]), c[2], c[3].items if len(c) > 3 else (), self._span(c))

    def overlay(self, c: list[Any]) -> t.Overlay:
        """overlay."""
        return t.Overlay(c[1], self._span(c))

    def override(self, c: list[Any]) -> t.Override:
        """override."""
        return t.Override(c[1], c[2].items, self._span(c))

    def package(self, c: list[Any]) -> t.Package:
        """package."""
        return t.Package(self._word(c[1]), c[2], c[3] if len(c) > 3 else None, self._span(c))

    def param(self, c: list[Any]) -> t.Param:
        """param."""
        allowed = self._after(c, "IN")
        text = c[-1] if len(c) > 6 and c[-1] is not allowed else None
        return t.Param(self._word(c[1]), self._word(c[3]), c[5], allowed, text, self._span(c))

    def let(self, c: list[Any]) -> t.Let:
        """let."""
        return t.Let(self._word(c[1]), c[3], self._span(c))

    def secret(self, c: list[Any]) -> t.Secret:
        """secret."""
        words = self._each_once(c[2:])
        return t.Secret(
            self._word(c[1]),
            "SSH_KEY" in words,
            words.get("OWNER"),
            words.get("GROUP"),
            words.get("MODE"),
            words.get("TEXT"),
            words.get("FROM"),
            self._span(c),
        )

    def secret_word(self, c: list[Any]) -> Bunch:
        """A word of secret."""
        if type(c[0]) is not Token:
            return Bunch(("TEXT", c[0]), self._span(c))
        value = c[1] if len(c) > 1 else None
        return Bunch((c[0].type, self._word(value) if type(value) is Token else value), self._span(c))

    def include(self, c: list[Any]) -> t.Include:
        """include."""
        return t.Include(c[1], self._span(c))

    def profile(self, c: list[Any]) -> t.Profile:
        """profile."""
        parameters, uses, text = (), (), None
        for x in c[2:-1]:
            if type(x) is Bunch and x.items and type(x.items[0]) is t.Use:
                uses = x.items
            elif type(x) is Bunch:
                parameters = x.items
            else:
                text = x
        return t.Profile(self._word(c[1]), parameters, uses, text, c[-1].items, self._span(c))

    def parameters(self, c: list[Any]) -> Bunch:
        """The parameters of a profile."""
        return self._bunch(c)

    def parameter(self, c: list[Any]) -> t.ProfileParameter:
        """A parameter of a profile."""
        return t.ProfileParameter(self._word(c[0]), self._word(c[2]), c[4] if len(c) > 4 else None, self._span(c))

    def uses(self, c: list[Any]) -> Bunch:
        """Profiles that a role builds on."""
        return self._bunch(c)

    def use(self, c: list[Any]) -> t.Use:
        """A profile with its arguments."""
        return t.Use(self._word(c[0]), c[1].items if len(c) > 1 else (), self._span(c))

    def role(self, c: list[Any]) -> t.Role:
        """role."""
        count, uses, text, body = None, (), None, ()
        for x in c[2:]:
            if type(x) is _Count:
                count = x.value
            elif type(x) is _Block:
                body = x.items
            elif type(x) is Bunch:
                uses = x.items
            else:
                text = x
        return t.Role(self._word(c[1]), count, uses, text, None, body, self._span(c))

    def adopted(self, c: list[Any]) -> t.Role:
        """role … from a composition."""
        count = self._first(c, _Count)
        body = self._first(c, _Block)
        return t.Role(
            self._word(c[1]),
            count.value if count else None,
            (),
            None,
            self._after(c, "FROM"),
            body.items if body else (),
            self._span(c),
        )

    def count(self, c: list[Any]) -> _Count:
        """[COUNT]."""
        return _Count(c[1], self._span(c))

    def link(self, c: list[Any]) -> t.Link:
        """link."""
        fields = c[4].items if len(c) > 4 else ()
        return t.Link(self._word(c[1]), self._word(c[3]), c[2].type == "BOTH", fields, self._span(c))

    def network(self, c: list[Any]) -> t.Network:
        """network."""
        return t.Network(c[1].items, self._span(c))

    def flavour(self, c: list[Any]) -> t.FlavourSettings:
        """flavour."""
        return t.FlavourSettings(self._word(c[1]), c[2].items, self._span(c))

    def setup(self, c: list[Any]) -> t.Setup:
        """setup."""
        return t.Setup(self._word(c[1]), self._token(c, "DEFAULT") is not None, c[-1].items, self._span(c))

    def setup_block(self, c: list[Any]) -> Bunch:
        """The body of a setup."""
        return self._bunch(c)

    def set_param(self, c: list[Any]) -> t.SetParam:
        """PARAM = value."""
        return t.SetParam(self._word(c[0]), c[2], self._span(c))

    def test(self, c: list[Any]) -> t.Test:
        """test."""
        return t.Test(c[1] if len(c) > 2 else None, c[-1], self._span(c))

    # -------------------------------------------------------------- roles and profiles

    def role_block(self, c: list[Any]) -> _Block:
        """The body of a role or profile."""
        return _Block(self._nodes(c), self._span(c))

    def packages(self, c: list[Any]) -> t.Packages:
        """packages."""
        return t.Packages(self._nodes(c), self._span(c))

    def ports(self, c: list[Any]) -> t.Ports:
        """ports."""
        return t.Ports(self._nodes(c), self._span(c))

    def port(self, c: list[Any]) -> t.Port:
        """A word of ports."""
        protocol = self._token(c, "PROTOCOL")
        span = self._span(c)
        first, last = c[0], None
        if type(first) is Token:
            low, _, high = first.partition("-")
            start = span.start
            first = t.Literal(int(low), low, Span(self.source, start, start + len(low)))
            last = t.Literal(int(high), high, Span(self.source, start + len(low) + 1, start + len(c[0])))
        return t.Port(first, last, protocol[1:] if protocol else "", span)

    def publish(self, c: list[Any]) -> t.Publish:
        """publish."""
        return t.Publish(self._nodes(c), self._span(c))

    def published(self, c: list[Any]) -> t.Published:
        """A word of publish."""
        address, protocol = self._token(c, "ADDRESS"), self._token(c, "PROTOCOL")
        host, node = self._nodes(c)
        return t.Published(
            address[:-1].strip("[]") if address else "", host, node, protocol[1:] if protocol else "", self._span(c)
        )

    def service(self, c: list[Any]) -> t.Service:
        """service."""
        names = tuple(x.items for x in c if type(x) is Bunch)
        return t.Service(names, self._first(c, t.SetLiteral), self._span(c))

    def enable(self, c: list[Any]) -> t.Enable:
        """enable."""
        return t.Enable(tuple(x.items for x in c if type(x) is Bunch), self._span(c))

    def variable(self, c: list[Any]) -> t.Variable:
        """variable."""
        return t.Variable(self._word(c[1]), c[3], self._span(c))

    def file(self, c: list[Any]) -> t.File:
        """file."""
        words = self._each_once(c[2:-2])
        return t.File(
            c[1],
            words.get("MODE"),
            words.get("FILE_USER"),
            words.get("GROUP"),
            c[-2].type == "FROM",
            c[-1],
            self._span(c),
        )

    def file_word(self, c: list[Any]) -> Bunch:
        """A word of file."""
        return Bunch((c[0].type, self._word(c[1])), self._span(c))

    def script(self, c: list[Any]) -> t.Script:
        """script."""
        libraries = self._first(c[3:-1], Bunch)
        return t.Script(
            self._word(c[1]),
            self._word(c[2]),
            libraries.items if libraries else (),
            c[-2].type == "FROM",
            c[-1],
            self._span(c),
        )

    def libraries(self, c: list[Any]) -> Bunch:
        """with a b."""
        return self._bunch(c)

    def on_boot(self, c: list[Any]) -> t.OnBoot:
        """on-boot."""
        words = self._each_once(c[2:-2])
        return t.OnBoot(
            self._word(c[1]),
            words.get("AFTER_UNITS", ()),
            words.get("BEFORE_UNITS", ()),
            words.get("WANTS", ()),
            words.get("NEEDS", ()),
            words.get("WITH", ()),
            c[-1],
            self._span(c),
        )

    def boot_word(self, c: list[Any]) -> Bunch:
        """A word of on-boot."""
        units = tuple(self._word(x) for x in c if type(x) is Token and x.type == "UNIT")
        return Bunch((c[0].type, units or self._nodes(c)), self._span(c))

    def user(self, c: list[Any]) -> t.User:
        """user."""
        body = self._first(c, Bunch)
        names = (x for x in c[1:] if type(x) is not Bunch and not (type(x) is Token and x.type == "COMMA"))
        words = tuple(self._word(x) if type(x) is Token else x for x in names)
        return t.User(words, body.items if body else (), self._span(c))

    def user_block(self, c: list[Any]) -> Bunch:
        """The body of user."""
        return self._bunch(c)

    def user_groups(self, c: list[Any]) -> t.UserGroups:
        """groups."""
        return t.UserGroups(
            tuple(self._key(x) for x in c[1:] if type(x) is not Token or x.type == "NAME"), self._span(c)
        )

    def user_keys(self, c: list[Any]) -> t.UserKeys:
        """keys."""
        return t.UserKeys(self._nodes(c), self._span(c))

    def user_home(self, c: list[Any]) -> t.UserHome:
        """home."""
        return t.UserHome(c[1], self._span(c))

    def user_uid(self, c: list[Any]) -> t.UserUid:
        """uid."""
        return t.UserUid(c[1], self._span(c))

    def user_admin(self, c: list[Any]) -> t.UserAdmin:
        """admin."""
        return t.UserAdmin(self._span(c))

    def share(self, c: list[Any]) -> t.Share:
        """share."""
        words = self._each_once(c[2:])
        return t.Share(
            c[1], "READ_ONLY" in words, words.get("OWNER"), words.get("GROUP"), words.get("MODE"), self._span(c)
        )

    def share_word(self, c: list[Any]) -> Bunch:
        """A word of share."""
        return Bunch((c[0].type, self._word(c[-1])), self._span(c))

    def mount(self, c: list[Any]) -> t.Mount:
        """mount."""
        return t.Mount(c[1], self._word(c[3]), c[5] if len(c) > 5 else None, self._span(c))

    def after(self, c: list[Any]) -> t.After:
        """after."""
        return t.After(self._words(c), self._span(c))

    def ready(self, c: list[Any]) -> t.Ready:
        """ready."""
        return t.Ready(self._nodes(c), self._span(c))

    def condition(self, c: list[Any]) -> t.Condition:
        """A condition of ready."""
        value = c[1]
        if type(value) is Token:
            value = t.String((str(value),), self._word(value).span)
        return t.Condition(str(c[0]), value, self._span(c))

    def resources(self, c: list[Any]) -> t.Resources:
        """resources."""
        return t.Resources(c[1].items, self._span(c))

    def kernel(self, c: list[Any]) -> t.Kernel:
        """kernel."""
        return t.Kernel(c[1], self._span(c))

    def kernel_params(self, c: list[Any]) -> t.KernelParams:
        """kernel-params."""
        return t.KernelParams(self._nodes(c), self._span(c))

    def import_(self, c: list[Any]) -> t.Import:
        """import."""
        return t.Import(c[1], self._span(c))

    def nix_body(self, c: list[Any]) -> t.NixBody:
        """nix."""
        self.fragments[-1] = (c[1], True)
        return t.NixBody(c[1], self._span(c))

    def when(self, c: list[Any]) -> t.When:
        """when, of statements or of options."""
        otherwise: tuple[Any, ...] = ()
        if len(c) > 4:
            last = c[4]
            otherwise = (last,) if type(last) is t.When else self._body(last)
        return t.When(c[1], self._body(c[2]), otherwise, self._span(c))

    when_entries = when

    def on(self, c: list[Any]) -> t.On:
        """on, of statements or of options."""
        return t.On(self._words(c), self._body(c[-1]), self._span(c))

    on_entries = on

    def _each_once(self, words: list[Bunch]) -> dict[str, Any]:
        """The words of a statement with their values, by terminal; one given again is reported."""
        found: dict[str, Any] = {}
        for word in words:
            kind, value = word.items
            if kind in found:
                self.problems.append(("NX0114", word.span, "", {}))
            found[kind] = value
        return found

    def _body(self, block: Any) -> tuple[Any, ...]:
        body: tuple[Any, ...] = block.entries if type(block) is t.SetLiteral else block.items
        return body

    def fields(self, c: list[Any]) -> Bunch:
        """The fields of resources or link."""
        return self._bunch(c)

    def field(self, c: list[Any]) -> t.Field:
        """A field."""
        return t.Field(self._word(c[0]), c[1], self._span(c))

    def settings(self, c: list[Any]) -> Bunch:
        """A block of settings."""
        return self._bunch(c)

    def setting(self, c: list[Any]) -> t.Setting:
        """A setting."""
        return t.Setting(self._word(c[0]), self._nodes(c), self._span(c))
