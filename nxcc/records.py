"""Named tuples that are cheap to define.

``typing.NamedTuple`` compiles the text of every annotation of every class, which no program but a type checker reads:
0.15 ms a class, in a program with 200 of them that is to end after a tenth of a second. This one takes a third of it.
Type checkers see ``typing.NamedTuple``; classes are written the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from collections import namedtuple

    _NOT_ATTRIBUTES = frozenset(("__annotations__", "__classcell__", "__dict__", "__module__", "__qualname__"))

    class _Definition(type):
        """Turns the body of a class into a named tuple with its methods."""

        def __new__(cls, name, bases, body):
            fields = body.get("__annotations__", {})
            given = [field for field in fields if field in body]
            if given != list(fields)[len(fields) - len(given) :]:
                raise TypeError(f"{name}: a field without a default follows one with a default")
            defaults = [body[field] for field in given]
            made = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            made.__annotations__ = fields
            made.__qualname__ = body["__qualname__"]
            for key, value in body.items():
                if key not in _NOT_ATTRIBUTES and key not in fields:
                    setattr(made, key, value)
            return made

    _BASE = type.__new__(_Definition, "NamedTuple", (), {})

    class _Base:
        def __mro_entries__(self, bases):
            return (_BASE,)

    NamedTuple = _Base()
