"""Where two derivations differ: the first place below them that explains it."""

from __future__ import annotations

import difflib
import json

from nix_systems import run_nix


def explain(ours: str, theirs: str) -> str:
    """Differences of two derivations, down to those whose inputs have the same names but whose text differs."""
    lines: list[str] = []
    _compare(ours, theirs, lines, set())
    return "\n".join(lines[:60])


def _show(path: str) -> dict[str, dict[str, object]]:
    done = run_nix("nix", "--extra-experimental-features", "nix-command", "show-derivation", path)
    shown: dict[str, dict[str, dict[str, object]]] = json.loads(done.stdout)
    return shown[path]


def _name(path: str) -> str:
    return path.partition("-")[2]


def _compare(ours: str, theirs: str, lines: list[str], seen: set[tuple[str, str]]) -> None:
    if ours == theirs or (ours, theirs) in seen or len(seen) > 100:
        return
    seen.add((ours, theirs))
    a, b = _show(ours), _show(theirs)
    inputs_a, inputs_b = ({_name(path): path for path in one["inputDrvs"]} for one in (a, b))
    deeper = [name for name in inputs_a.keys() & inputs_b.keys() if inputs_a[name] != inputs_b[name]]
    for name in sorted(inputs_a.keys() ^ inputs_b.keys()):
        lines.append(f"{_name(ours)}: {name} only in {'ours' if name in inputs_a else 'theirs'}")
    for name in sorted(deeper):
        _compare(inputs_a[name], inputs_b[name], lines, seen)
    if not deeper:
        for key in sorted(a["env"].keys() | b["env"].keys()):
            if key != "out" and a["env"].get(key) != b["env"].get(key):
                text = difflib.ndiff(str(a["env"].get(key)).splitlines(), str(b["env"].get(key)).splitlines())
                lines += [f"{_name(ours)}: {key}:", *(line for line in text if line[0] in "-+")]
