"""Words of a POSIX shell, and the templates of scripts and prose, which take quoted values only."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import jinja2

_SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_"
_MARKDOWN = frozenset("\\`*_[]<>&|~!#$")
_MODULES = "templates-jinja2-%s"


def word(text: str) -> str:
    """``text`` as one word of a shell command, every character kept; ValueError for NUL, which no argument can hold."""
    if "\0" in text:
        raise ValueError("a shell word cannot hold a NUL character")
    if text and not text.strip(_SAFE):
        return text
    return "'" + text.replace("'", "'\"'\"'") + "'"


def words(texts: Iterable[str]) -> str:
    """The texts as words with blanks between them."""
    return " ".join([word(text) for text in texts])


def comment(text: str) -> str:
    """``text`` for one ``#`` line: blanks for line ends and everything else that does not print."""
    return "".join([char if char.isprintable() else " " for char in text]).strip()


def markdown(text: str) -> str:
    """``text`` that reads as itself within a line of Markdown prose; runs of blanks and line ends become one blank."""
    line = " ".join(comment(text).split())
    out = "".join(["\\" + char if char in _MARKDOWN else char for char in line])
    # What makes a list or a heading of the line that it begins.
    if out[:1] in ("-", "+", "="):
        return "\\" + out
    digits = len(out) - len(out.lstrip("0123456789"))
    if digits and out[digits : digits + 1] in (".", ")"):
        return f"{out[:digits]}\\{out[digits:]}"
    return out


class Quoted(str):
    """Text that has passed a quoting filter; joined with anything else it is a plain string again."""

    __slots__ = ()


@cache
def templates(folder: str = "") -> jinja2.Environment:
    """Jinja2 over nxcc's template folder, or ``folder``.

    nxcc's own are loaded as the modules that ``precompile`` made of them, where these are of the Jinja2 at hand:
    compiling them takes as long as all the rest of a compile.

    Every inserted value must come out of a filter, else rendering raises TypeError: ``sh`` (a shell word),
    ``shwords`` (several), ``comment`` (for a ``#`` line), ``number``, ``md`` (Markdown prose). What is missing raises
    jinja2.UndefinedError.
    """
    import jinja2

    from nxcc.resources import resource

    def finalize(value: object) -> object:
        if isinstance(value, jinja2.Undefined):
            str(value)  # says by name what is missing
        if not isinstance(value, Quoted):
            raise TypeError(f"{value!r} is inserted without a quoting filter")
        return value

    def text_filter(quote: Callable[[str], str]) -> Callable[[object], Quoted]:
        def quoted(value: object) -> Quoted:
            return Quoted(quote(_text(value)))

        return quoted

    def shwords(values: Iterable[object]) -> Quoted:
        if isinstance(values, str):
            raise TypeError(f"{values!r} is one word; shwords takes a list")
        return Quoted(words([_text(value) for value in values]))

    modules = resource(_MODULES % getattr(jinja2, "__version__", "unknown"))
    compiled = not folder and os.path.isdir(modules)
    # Scripts and prose: HTML's escapes would only damage them.
    environment = jinja2.Environment(
        loader=jinja2.ModuleLoader(modules) if compiled else jinja2.FileSystemLoader(folder or resource("templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        finalize=finalize,
    )
    environment.filters.update(
        sh=text_filter(word), shwords=shwords, comment=text_filter(comment), md=text_filter(markdown), number=_number
    )
    return environment


def precompile(folder: str) -> str:
    """Write nxcc's templates as Python modules, for the wheel; returns their folder, which is made in ``folder``.

    Its name has the version of Jinja2, whose private names they import. Raises jinja2.TemplateSyntaxError.
    """
    from importlib.metadata import version

    from nxcc.resources import resource

    target = os.path.join(folder, _MODULES % version("jinja2"))
    templates(resource("templates")).compile_templates(target, extensions=["j2"], zip=None, ignore_errors=False)
    return target


def _text(value: object) -> str:
    """A string's plain text: quoting twice is a mistake in the template."""
    if isinstance(value, Quoted):
        raise TypeError(f"{str(value)!r} is quoted already")
    if not isinstance(value, str):
        str(value)  # an undefined name says so
        raise TypeError(f"{value!r} is no string")
    return value


def _number(value: object) -> Quoted:
    """A finite number in digits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        str(value)
        raise TypeError(f"{value!r} is no number")
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{value!r} is no finite number")
    return Quoted(value)
