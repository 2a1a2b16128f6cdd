"""What it costs to instantiate each flavour of an environment, against plain NixOS systems.

The environment has 8 roles: hello, nginx, postgresql, and sshd with a user, in turn. Compared are processor time (user)
and peak memory of ``nix-instantiate DIR -A FLAVOUR`` with those of the same 8 systems written by hand, evaluated with
one shared set of packages and without documentation. Medians of runs that take turns, so that a busy moment hits all.

    python benchmarks/instantiate.py --nixpkgs /path/to/nixpkgs [--runs 5] [--flavours docker vm] [--extras]

Needs nix-instantiate, and a nixpkgs that this Nix can evaluate. Exit code 1 where a flavour takes more than 1.6 times
the time, or 1 GiB.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from typing import NamedTuple

ROLES = 8
MOST_TIME = 1.6
MOST_MEMORY = 1024.0

# What a role says, in nxcc's language and in Nix.
KINDS = (
    ("packages hello", "environment.systemPackages = [ pkgs.hello ];"),
    ("service nginx { enable = true }", "services.nginx.enable = true;"),
    ("service postgresql { enable = true }", "services.postgresql.enable = true;"),
    (
        "service openssh { enable = true }\n  user someone { groups wheel }",
        'services.openssh.enable = true; users.users.someone = { isNormalUser = true; extraGroups = [ "wheel" ]; };',
    ),
)
# What makes the library's own modules work as well.
EXTRAS = """
  environment.etc."token".text = "${secret.token}"
  ready unit multi-user.target
  networking.firewall.allowedTCPPorts = [80]
"""


class Cost(NamedTuple):
    """Of one run: ``seconds`` of processor time in user mode, and ``memory`` at its peak, in MiB."""

    seconds: float
    memory: float


def main() -> int:
    """Measure and print; exit code 1 where a limit is passed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--nixpkgs", default=os.environ.get("NXCC_TEST_NIXPKGS"), help="a folder with nixpkgs")
    options.add_argument("--runs", type=int, default=5, help="runs of each (default 5)")
    options.add_argument("--flavours", nargs="+", default=None, help="only these")
    options.add_argument("--extras", action="store_true", help="each role also has a secret, a port and a ready")
    chosen = options.parse_args()
    if not chosen.nixpkgs:
        options.error("--nixpkgs or NXCC_TEST_NIXPKGS must name a nixpkgs")
    nixpkgs = os.path.abspath(chosen.nixpkgs)
    with tempfile.TemporaryDirectory() as folder:
        compile_to(folder, chosen.extras)
        with open(f"{folder}/plain.nix", "w", encoding="utf-8") as file:
            file.write(plain_systems())
        arguments = ("--arg", "nixpkgs", nixpkgs)
        flavours = chosen.flavours or attributes(folder, nixpkgs)
        commands = {"8 plain systems": ("nix-instantiate", f"{folder}/plain.nix", *arguments)}
        for flavour in flavours:
            commands[flavour] = ("nix-instantiate", f"{folder}/out/default.nix", *arguments, "-A", flavour)
        costs: dict[str, list[Cost]] = {name: [] for name in commands}
        # The first run of each writes derivations, and fills the cache of files; it does not count.
        for number in range(chosen.runs + 1):
            for name, command in commands.items():
                cost = measure(command, folder)
                if number:
                    costs[name].append(cost)
        return report(costs)


def compile_to(folder: str, extras: bool) -> None:
    """Write the environment's source and its bundle, ``out``, into a folder."""
    from nxcc.compiler import compile_file

    lines = ["environment bench", "secret token" if extras else ""]
    for number in range(ROLES):
        body = KINDS[number % len(KINDS)][0] + (EXTRAS if extras else "")
        lines.append(f"role role{number} {{\n  {body}\n}}")
    source = f"{folder}/env.nxc"
    with open(source, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    for written in compile_file(source, ["all"]).files:
        path = f"{folder}/out/{written.path}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file_of_bundle:
            file_of_bundle.write(written.content)


def plain_systems() -> str:
    """A Nix file with the same systems as somebody writes them who shares packages and builds no manual."""
    roles = "\n".join(f"    ({{ pkgs, ... }}: {{ {KINDS[number % len(KINDS)][1]} }})" for number in range(ROLES))
    return f"""{{ nixpkgs }}:
let
  system = "x86_64-linux";
  pkgs = import nixpkgs {{ inherit system; }};
  base = {{
    nixpkgs.pkgs = pkgs;
    documentation.enable = false;
    boot.loader.grub.enable = false;
    fileSystems."/".fsType = "tmpfs";
  }};
in
map
  (role: (import (nixpkgs + "/nixos/lib/eval-config.nix") {{
    inherit system;
    modules = [ base role ];
  }}).config.system.build.toplevel)
  [
{roles}
  ]
"""


def attributes(folder: str, nixpkgs: str) -> list[str]:
    """What the bundle builds: names of flavours, and of their variants."""
    import json

    expression = f"builtins.attrNames (import {folder}/out/default.nix {{ nixpkgs = {nixpkgs}; }}).packages"
    done = subprocess.run(
        ("nix-instantiate", "--eval", "--strict", "--json", "-E", expression),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = json.loads(done.stdout)
    return found


def measure(command: tuple[str, ...], folder: str) -> Cost:
    """Run a command to its end; RuntimeError with its errors where it fails."""
    with open(f"{folder}/errors", "w+b") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{' '.join(command)}\n{errors.read().decode(errors='replace')}")
    return Cost(used.ru_utime, used.ru_maxrss / 1024)


def report(costs: dict[str, list[Cost]]) -> int:
    """Print medians, and their ratios to the first's; 1 where one passes a limit."""
    failed = 0
    base = 0.0
    for name, runs in costs.items():
        seconds = statistics.median(run.seconds for run in runs)
        memory = statistics.median(run.memory for run in runs)
        base = base or seconds
        over = [
            what
            for what, is_over in (("TIME", seconds / base > MOST_TIME), ("MEMORY", memory > MOST_MEMORY))
            if is_over
        ]
        failed += bool(over)
        print(f"{name:<20} {seconds:6.2f} s  {seconds / base:5.2f}x  {memory:6.0f} MiB  {' '.join(over)}".rstrip())
    print(f"limits: {MOST_TIME}x the first's time, {MOST_MEMORY:.0f} MiB")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
