"""Links: what is shaped between roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nxcc.diagnostics.core import Label
from nxcc.diagnostics.nearest import did_you_mean
from nxcc.model import environment as e
from nxcc.model.expressions import Evaluator
from nxcc.model.scope import GLOBAL
from nxcc.model.values import Attributes, Entry, Items, Quantity, Unknown, Value
from nxcc.model.words import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nxcc.diagnostics.core import Span
    from nxcc.model.facts import Readers
    from nxcc.syntax import tree as t

FIELDS = {
    "delay": ("duration", "a duration such as 10ms"),
    "jitter": ("duration", "a duration such as 1ms"),
    "loss": ("percentage", "a percentage up to 100%"),
    "rate": ("rate", "a rate such as 100mbit"),
}


def links(evaluator: Evaluator, read: Readers, statements: Sequence[t.Link]) -> list[e.Link]:
    """The links of a program; both directions of ``<->`` as two."""
    found: list[e.Link] = []
    places: dict[tuple[str, str], Span] = {}
    for statement in statements:
        values = _fields(evaluator, statement)
        known = [read.role(word) for word in (statement.source, statement.target)]
        if values is None or None in known:
            continue
        pairs = [(statement.source.text, statement.target.text)]
        if statement.both and pairs[0][0] != pairs[0][1]:
            pairs.append(pairs[0][::-1])
        for pair in pairs:
            if pair in places:
                first = (Label(places[pair], "the first one"),)
                evaluator.log.add("NX0409", statement.span, source=pair[0], target=pair[1], secondary=first)
                continue
            places[pair] = statement.span
            rate = values.get("rate")
            found.append(
                e.Link(
                    *pair,
                    values.get("delay"),
                    values.get("jitter"),
                    values.get("loss"),
                    None if rate is None else int(rate),
                    statement.span,
                )
            )
    return found


def _fields(evaluator: Evaluator, statement: t.Link) -> dict[str, int | float] | None:
    values: dict[str, int | float] = {}
    sound = True
    for field in statement.fields:
        name = field.name.text
        if name not in FIELDS:
            near = did_you_mean(name, FIELDS) or f"there are {', '.join(f'`{known}`' for known in FIELDS)}"
            evaluator.log.add("NX0204", field.name.span, name=name, what="a link", help=near)
            sound = False
            continue
        value = evaluator.known(field.value, GLOBAL, "a link")
        dimension, expected = FIELDS[name]
        fits = isinstance(value, Quantity) and value.dimension == dimension
        if fits and isinstance(value, Quantity):
            fits = value.amount <= 100 if name == "loss" else value.amount >= 1 if name == "rate" else True
        if not fits or not isinstance(value, Quantity):
            if not isinstance(value, Unknown):
                evaluator.log.add("NX0301", field.value.span, expected=expected, found=describe(value))
            sound = False
            continue
        if name in values:
            evaluator.log.add("NX0319", field.name.span, name=name)
        values[name] = value.amount
    if sound and not values:
        evaluator.log.add("NX0312", statement.span, name="link", argument="delay, jitter, loss or rate")
    elif sound and "jitter" in values and "delay" not in values:
        evaluator.log.add("NX0312", statement.span, name="jitter", argument="delay", notes="jitter varies a delay")
    return values if sound else None


def shape(roles: Sequence[e.Role], found: Sequence[e.Link]) -> list[e.Role]:
    """The roles, those that links begin at with the option that shapes what their nodes send."""
    hosts = {role.name: tuple(node.name for node in role.nodes) for role in roles}
    items: dict[str, list[Value]] = {}
    for link in found:
        shaped = (("delay", link.delay), ("jitter", link.jitter), ("loss", link.loss), ("rate", link.rate))
        entries = [Entry(("to",), Items(hosts.get(link.target, ())), link.span)]
        entries += [Entry((name,), value, link.span) for name, value in shaped if value is not None]
        items.setdefault(link.source, []).append(Attributes(tuple(entries)))
    return [_with_links(role, items[role.name]) if role.name in items else role for role in roles]


def _with_links(role: e.Role, items: Sequence[Value]) -> e.Role:
    option = e.Definition(("nxcc", "links"), Items(tuple(items)), role.span)
    features = tuple(dict.fromkeys((*role.body.features, "links")))
    return role._replace(body=role.body._replace(definitions=(*role.body.definitions, option), features=features))
