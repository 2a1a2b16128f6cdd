"""Shell words against real shells, and templates that refuse what is not quoted."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import jinja2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tools import need

from nxcc.emit.shell import comment, markdown, templates, word, words

if TYPE_CHECKING:
    from pathlib import Path

PIECES = "' \" $ ` \\ $(x) ${x} `x` -n -- * ? ~ ! !! # & ; | < > ( ) { } [ ] = a=b é 日本 \x01 \x7f \u2028 %s".split(
    " "
)
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
STRINGS = st.one_of(
    st.text(CHARACTERS),
    st.lists(st.sampled_from([*PIECES, " ", "\n", "\r", "\t", "\\\n", "\n\n"]), max_size=9).map("".join),
)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STRINGS, min_size=50, max_size=150))
@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_words_come_back(shell: str, strings: list[str]) -> None:
    # As arguments, after "=", and in a file that is read rather than given as an argument.
    script = f"printf '%s\\0' {words(strings)}\n" + "".join([f"x={word(s)}; printf '%s\\0' \"$x\"\n" for s in strings])
    done = subprocess.run([need(shell)], input=script.encode(), capture_output=True, check=True)
    assert done.stdout.decode() == "".join([s + "\0" for s in strings * 2])
    assert done.stderr == b""


def test_words_look_plain_where_they_can() -> None:
    assert words(["a", "a b", "", "it's", "--x=/y"]) == "a 'a b' '' 'it'\"'\"'s' --x=/y"


def test_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        words(["a", "b\0"])


@settings(max_examples=100, deadline=None)
@given(STRINGS)
def test_a_comment_is_one_line(text: str) -> None:
    line = comment(text + "\0")
    assert len(line.splitlines()) <= 1
    assert line == "" or line.isprintable()


@settings(max_examples=300, deadline=None)
@given(STRINGS | st.lists(st.sampled_from([*PIECES, *"*_[]<>&|~!#$+-.1)`", " ", "\n", "&amp;", "<b>"])).map("".join))
def test_markdown_reads_as_itself(text: str) -> None:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    seen = " ".join(comment(text).split())
    for line, expected in [(markdown(text), seen), (f"so {markdown(text)} it", f"so {seen} it".replace("  ", " "))]:
        tokens = parser.parse(line.replace("  ", " "))
        assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"] * bool(expected)
        inline = [child for token in tokens for child in token.children or ()]
        assert {child.type for child in inline} <= {"text", "text_special"}
        assert "".join([child.content for child in inline]) == expected


def rendered(folder: Path, template: str, **values: Any) -> str:
    (folder / "t.j2").write_text(template)
    return templates(str(folder)).get_template("t.j2").render(**values)


def test_templates_quote(tmp_path: Path) -> None:
    template = """\
# {{ about | comment }}
{% for name in names %}
run {{ name | sh }} {{ names | shwords }}
{% endfor %}
sleep {{ 3 | number }} {{ half | number }}
{{ about | md }}
"""
    text = rendered(tmp_path, template, about="a\n*b*", names=["x y", "z"], half=0.5)
    assert text == "# a *b*\nrun 'x y' 'x y' z\nrun z 'x y' z\nsleep 3 0.5\na \\*b\\*\n"


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("{{ text }}", TypeError),
        ("{{ 1 }}", TypeError),
        ("{{ (text | sh) ~ text }}", TypeError),
        ("{{ (text | sh) + 'x' }}", TypeError),
        ("{{ text | sh | upper }}", TypeError),
        ("{{ text | sh | sh }}", TypeError),
        ("{{ text | shwords }}", TypeError),
        ("{{ text | number }}", TypeError),
        ("{{ true | number }}", TypeError),
        ("{{ 1 | sh }}", TypeError),
        ("{{ none | sh }}", TypeError),
        ("{{ missing }}", jinja2.UndefinedError),
        ("{{ missing | sh }}", jinja2.UndefinedError),
        ("{{ missing | number }}", jinja2.UndefinedError),
        ("{{ missing | shwords }}", jinja2.UndefinedError),
        ("{{ endless | number }}", ValueError),
        ("{{ '\\0' | sh }}", ValueError),
    ],
)
def test_templates_refuse(tmp_path: Path, template: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        rendered(tmp_path, template, text="a b", endless=float("inf"))
