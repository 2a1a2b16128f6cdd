"""Named tuples that are cheap to define behave as typing's do."""

from __future__ import annotations

import copy
import pickle
import typing

import pytest

from nxcc.records import NamedTuple


class Point(NamedTuple):
    """A point."""

    x: int
    y: int = 2
    names: tuple[Undefined, ...] = ()  # type: ignore[name-defined]  # noqa: F821  # never looked at

    @property
    def total(self) -> int:
        """The sum."""
        return self.x + self.y

    def moved(self, by: int) -> Point:
        """Another point."""
        return self._replace(x=self.x + by)


class Reference(typing.NamedTuple):
    """A point."""

    x: int
    y: int = 2
    names: tuple[str, ...] = ()


def test_it_is_a_tuple_with_names_defaults_and_methods() -> None:
    point = Point(1)
    assert (point.x, point.y, point.total, point.moved(2).x) == (1, 2, 3, 3)
    assert repr(point) == "Point(x=1, y=2, names=())"
    assert isinstance(point, tuple)
    assert point == (1, 2, ())
    assert hash(Point(1)) == hash((1, 2, ()))
    assert Point.__doc__ == "A point."
    assert Point.__module__ == __name__


def test_it_has_what_typings_have() -> None:
    assert Point._fields == Reference._fields
    assert Point._field_defaults == Reference._field_defaults
    assert list(Point.__annotations__) == list(Reference.__annotations__)
    assert set(dir(Reference)) - {"__orig_bases__"} <= set(dir(Point))


def test_it_cannot_be_changed_and_takes_what_it_declares() -> None:
    with pytest.raises(AttributeError):
        Point(1).x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Point(1).other = 2  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]


def test_it_is_copied_and_pickled() -> None:
    point = Point(1, 5)
    assert copy.deepcopy(point) == point
    assert pickle.loads(pickle.dumps(point)) == point
    assert type(pickle.loads(pickle.dumps(point))) is Point


def test_a_default_before_a_field_without_one_is_refused() -> None:
    with pytest.raises(TypeError):

        class Wrong(NamedTuple):
            a: int = 1
            b: int  # type: ignore[misc]
