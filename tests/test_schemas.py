"""environment.json and manifest.json are what docs/*.schema.json say, and those say all of it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from test_composition import OK, compiled

from nxcc.bundle import Bundle, manifest, write
from nxcc.compiler import compile_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs")
NAMES = ("environment", "manifest", "deployed")


def schema(name: str) -> dict[str, Any]:
    with open(os.path.join(DOCS, f"{name}.schema.json"), encoding="utf-8") as file:
        loaded: dict[str, Any] = json.load(file)
    return loaded


def errors(name: str, data: object) -> list[str]:
    """What is wrong with a file's data."""
    return [f"{e.json_path}: {e.message}" for e in Draft202012Validator(schema(name)).iter_errors(data)]


@pytest.mark.parametrize("name", OK)
def test_environment_of_every_case(name: str) -> None:
    assert errors("environment", json.loads(compiled(name)["environment.json"])) == []


@pytest.mark.parametrize("name", ["ok-project", "ok-locked", "ok-k3s"])
def test_manifest(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases", name))
    found = compile_file("env.nxc", ("docker",))
    write(Bundle(found.files), str(tmp_path / "out"), facts=found.facts)
    data = manifest(str(tmp_path / "out"))
    assert errors("manifest", data) == []
    assert data is not None
    assert ("locked" in data["inputs"]["nixpkgs"]) == (name == "ok-locked")


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


def _objects(part: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, dict):
        if "properties" in part and isinstance(part["properties"], dict):
            yield place, part
        for key, inner in part.items():
            yield from _objects(inner, f"{place}/{key}")
    elif isinstance(part, list):
        for index, inner in enumerate(part):
            yield from _objects(inner, f"{place}/{index}")


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_closed_and_described(name: str) -> None:
    whole = schema(name)
    found = list(_objects(whole, ""))
    assert len(found) > 1
    for place, part in found:
        assert part["additionalProperties"] is False, place
        for key, inner in part["properties"].items():
            target = whole["$defs"][inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner
            assert target.get("description", "").endswith("."), f"{place}/{key}"


def test_schema_refuses_what_is_not_one() -> None:
    data = json.loads(compiled("ok-statements")["environment.json"])
    assert errors("environment", {**data, "more": 1})
    assert errors("environment", {**data, "roles": []})
    data["roles"][0]["ports"][0]["first"] = 70000
    assert errors("environment", data)


def test_units() -> None:
    """Each unit as the schema says it: bytes, milliseconds, percent, bits per second."""
    data = json.loads(compiled("ok-network")["environment.json"])
    assert data["links"][0] == {"from": "a", "to": "b", "delay": 10, "jitter": 1, "loss": 0.5, "rate": 100_000_000}
    assert data["links"][1]["delay"] == 1000
    roles = json.loads(compiled("ok-statements")["environment.json"])["roles"]
    assert roles[0]["resources"] == [{"cpus": 2.5, "memory": 4 * 2**30, "disk": 20 * 2**30}]
