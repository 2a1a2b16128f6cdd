"""Runs lark's tables over a text: what ``Lark.parse`` does, in half the time.

An operand climbs a dozen levels of precedence by rules that have one child and no node (``?sum: product``). Where such
a climb ends depends on three things only: the state below, the state of the operand, and the token that follows. So it
is remembered, and taken in one step from the second time on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lark import Token
from lark.exceptions import UnexpectedInput, UnexpectedToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from lark import Lark

# lark gives it no types.
_unexpected: Callable[..., Exception] = UnexpectedToken


class Driver:
    """A parser's tables, with what is remembered of them. ``parse`` may be called again and again."""

    def __init__(self, parser: Lark) -> None:
        self.parser = parser
        # Of each rule, by its identity: how many children it has, its callback, its name.
        self.rules: dict[int, tuple[int, Callable[[list[Any]], Any], str]] = {}
        self.climbs: dict[tuple[int, int, str], int] = {}

    def parse(self, text: str) -> Any:
        """What the callback of the grammar's first rule returns; raises UnexpectedInput with an interactive parser."""
        interactive: Any = self.parser.parse_interactive(text)
        state = interactive.parser_state
        token: Token | None = None
        try:
            for token in interactive.lexer_thread.lex(state):
                self._feed(state, token)
            end = Token.new_borrow_pos("$END", "", token) if token is not None else Token("$END", "", 0, 1, 1)
            return self._feed(state, end)
        except UnexpectedInput as error:
            error.interactive_parser = interactive
            raise

    def _feed(self, state: Any, token: Token) -> Any:
        """Reduce what the token ends, and shift it; for the last token return the value of the whole."""
        kind = token.type
        conf = state.parse_conf
        states, end_state = conf.states, conf.end_state
        stack, values = state.state_stack, state.value_stack
        climbs = self.climbs
        while True:
            top = stack[-1]
            action = states[top].get(kind)
            if action is None:
                expected = {name for name in states[top] if name.isupper()}
                raise _unexpected(token, expected, state=state)
            argument = action[1]
            if type(argument) is int:
                stack.append(argument)
                values.append(token)
                return None
            if len(stack) > 1:
                below = stack[-2]
                climbed = climbs.get((below, top, kind))
                if climbed is None:
                    climbed = climbs[below, top, kind] = self._climb(states, end_state, below, top, kind)
                if climbed != top:
                    stack[-1] = climbed
                    continue
            rule = self.rules.get(id(argument)) or self._rule(argument, conf.callbacks)
            size = rule[0]
            if size:
                children = values[-size:]
                del stack[-size:]
                del values[-size:]
            else:
                children = []
            value = rule[1](children)
            after = states[stack[-1]][rule[2]][1]
            stack.append(after)
            values.append(value)
            if after == end_state and kind == "$END":
                return value

    def _rule(self, rule: Any, callbacks: Any) -> tuple[int, Callable[[list[Any]], Any], str]:
        found = self.rules[id(rule)] = len(rule.expansion), callbacks[rule], str(rule.origin.name)
        return found

    @staticmethod
    def _climb(states: Any, end_state: int, below: int, top: int, kind: str) -> int:
        """The state in place of ``top`` after all rules that only pass their one child on; ``top`` if there is none."""
        while True:
            action = states[top].get(kind)
            if action is None or type(action[1]) is int:
                return top
            rule = action[1]
            if len(rule.expansion) != 1 or not rule.options.expand1 or rule.alias or rule.expansion[0].name[0] == "_":
                return top
            after = states[below][rule.origin.name][1]
            if after == end_state:
                return top
            top = after
