"""The units that nodes come to on a real nixpkgs 20.09: systemd itself finds no cycle in their order, and
nxcc-provision.target starts nothing of the role's.

NixOS takes systemd's own units as they are; here they are this machine's.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from nix_systems import make_bundle, nixpkgs, of_bundle
from tools import need

OWN = Path("/usr/lib/systemd/system")
FLAVOURS = ("vm", "vm-ramdisk", "g5k-image", "g5k-nfs-store")
TARGETS = ("multi-user.target", "nxcc-provision.target")

# A role that uses every module, and has units of each kind that a node starts by itself.
COMPOSITION = """{ lib, ... }: {
  roles.node = {
    imports = [
      ./nix/modules/links.nix ./nix/modules/nxc-compat.nix ./nix/modules/secrets.nix ./nix/modules/shares.nix
    ];
    nxcc.secrets.token = { };
    nxcc.shares."/srv/a b" = { };
    nxcc.mounts."/data" = { role = "other"; host = "other"; source = "/data"; };
    nxcc.links = [ { to = [ "other" ]; delay = 1; } ];
    nxcc.ready = [ { port = 80; } ];
    nxc.users.names = [ "user1" ];
    nxc.wait-online.enable = true;
    services.resolved.enable = true;
    services.nginx.enable = true;
    systemd.services = lib.genAttrs [ "timed" "called" "seen" "early" ] (_: {
      script = "cat /run/nxcc/secrets/token";
    });
    systemd.timers.timed = { wantedBy = [ "timers.target" ]; timerConfig.OnBootSec = "1s"; };
    systemd.sockets.called = { wantedBy = [ "sockets.target" ]; listenStreams = [ "9999" ]; };
    systemd.paths.seen = { wantedBy = [ "paths.target" ]; pathConfig.PathExists = "/run"; };
    systemd.targets.basic.wants = [ "early.service" ];
  };
}
"""
# The unit's text, whether it is on, and who wants it.
FACTS = """
builtins.listToAttrs (map
  (flavour: {
    name = flavour;
    value = builtins.mapAttrs
      (_: unit: {
        inherit (unit) enable wantedBy requiredBy;
        text = builtins.unsafeDiscardStringContext (unit.text or "");
      })
      bundle.systems.${flavour}.node.config.systemd.units;
  })
  %s)
"""


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    need("systemd-analyze")
    nixpkgs()
    bundle = make_bundle(tmp_path_factory.mktemp("units") / "bundle", COMPOSITION)
    names = " ".join(f'"{flavour}"' for flavour in FLAVOURS)
    found: dict[str, Any] = of_bundle(bundle, FACTS % f"[ {names} ]")
    return found


def write(units: dict[str, Any], folder: Path) -> Path:
    """Lays units out as NixOS does: parts of systemd's own ones beside these, and links to what is wanted."""
    for name, unit in units.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        # Programs of the store are not here.
        text = re.sub(r"/nix/store/[^\s\"']+", "/bin/true", unit["text"])
        if not unit["enable"]:
            file.symlink_to("/dev/null")
        elif (OWN / name).exists() and "ExecStart=" not in text:
            (folder / f"{name}.d").mkdir()
            (folder / f"{name}.d" / "overrides.conf").write_text(text)
        else:
            file.write_text(text)
        for key, kind in (("wantedBy", "wants"), ("requiredBy", "requires")):
            for other in unit[key]:
                (folder / f"{other}.{kind}").mkdir(exist_ok=True)
                (folder / f"{other}.{kind}" / name).symlink_to(f"../{name}")
    return folder


def cycles(folder: Path, target: str) -> list[str]:
    """What systemd says about the order of all that a target starts, where it is not possible."""
    done = subprocess.run(
        ("systemd-analyze", "verify", "--man=no", target),
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:{OWN}", "SYSTEMD_LOG_LEVEL": "info"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return [line for line in done.stderr.splitlines() if "cycle" in line]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_units_have_an_order(flavour: str, target: str, units: dict[str, Any], tmp_path: Path) -> None:
    folder = write(units[flavour], tmp_path / "units")
    assert (folder / "nxcc-identity.service").exists()
    assert cycles(folder, target) == []
    # The looking itself finds one.
    with (folder / "nxcc-identity.service").open("a") as file:
        file.write("\n[Unit]\nAfter=sshd.service\n")
    assert cycles(folder, target) != []


def started(folder: Path, target: str) -> set[str]:
    """The units that are started with a target: what each of them wants, and what systemd adds to that."""
    found: set[str] = set()
    ahead = [target]
    while ahead:
        name = ahead.pop()
        if name in found:
            continue
        found.add(name)
        names = {name, re.sub(r"@[^.]*\.", "@.", name)}
        files = [place / one for place in (folder, OWN) for one in names if (place / one).exists()][:1]
        files += [folder / f"{name}.d" / "overrides.conf"]
        text = "\n".join(file.read_text() for file in files if file.exists())
        for _, words in re.findall(r"^(Requires|Wants|BindsTo|Requisite|Upholds)=(.*)$", text, re.MULTILINE):
            ahead += words.split()
        for kind in ("wants", "requires"):
            for place in (folder, OWN):
                ahead += [
                    one
                    for each in names
                    if (place / f"{each}.{kind}").is_dir()
                    for one in os.listdir(place / f"{each}.{kind}")
                ]
        if (
            text
            and not name.endswith(".target")
            and not re.search(r"^DefaultDependencies=(no|false)", text, re.MULTILINE)
        ):
            ahead.append("sysinit.target")
    return found


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_provision_starts_nothing_of_the_role_s(flavour: str, units: dict[str, Any], tmp_path: Path) -> None:
    folder = write(units[flavour], tmp_path / "units")
    role = {
        "timed.timer",
        "called.socket",
        "seen.path",
        "early.service",
        "nginx.service",
        "nxcc-secrets.service",
        "nxcc-links.service",
    }
    waiting = started(folder, "nxcc-provision.target")
    assert role & waiting == set()
    assert {"nxcc-identity.service", "sshd.service", "nxcc-peers.service", "dbus.socket", "dhcpcd.service"} <= waiting
    assert {"sysinit.target", "local-fs.target", "nscd.service", "nxc-deployment.service"} <= waiting
    # All of it once the rest was delivered.
    assert role <= started(folder, "multi-user.target") | started(folder, "basic.target")


NAMES = ["/srv/100%", '/srv/with "quotes"', "/srv/a b", "/srv/back\\slash", "/srv/äö"]


def test_shares_of_any_name_are_made_and_exported(tmp_path: Path) -> None:
    need("systemd-tmpfiles")
    shares = " ".join(f"{json.dumps(name, ensure_ascii=False)} = {{ }};" for name in NAMES)
    composition = f"_: {{ roles.node = {{ imports = [ ./nix/modules/shares.nix ]; nxcc.shares = {{ {shares} }}; }}; }}"
    bundle = make_bundle(tmp_path / "bundle", composition)
    found = of_bundle(
        bundle,
        "let inherit (bundle.systems.vm.node) config; in"
        " { rules = config.systemd.tmpfiles.rules; exports = config.services.nfs.server.exports; }",
    )
    root, rules = tmp_path / "root", tmp_path / "rules.conf"
    root.mkdir()
    rules.write_text("".join(f"{rule}\n" for rule in found["rules"] if "/srv" in rule))
    command = ("systemd-tmpfiles", "--create", f"--root={root}", str(rules))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    # Whoever runs the tests may not be root, and cannot give folders away.
    assert "Failed to replace specifiers" not in done.stderr, done.stderr
    assert sorted(f"/srv/{path.name}" for path in (root / "srv").iterdir()) == sorted(NAMES), done.stderr
    # What exportfs reads: a name in quotes, with octal digits for some characters.
    exported = [re.fullmatch(r'"([^"]*)" \*\(\S+\)', line) for line in found["exports"].splitlines()]
    assert all(exported)
    names = [re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), one[1]) for one in exported if one]
    assert sorted(names) == sorted(NAMES)
