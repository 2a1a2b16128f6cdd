"""How fast nxcc starts, as ratios that hold on any machine.

Wall time of commands against ``python -c "import lark, jinja2, yaml, typer"``: medians of runs that take turns, so that
a busy moment hits all of them. And the processor time to parse a source of 2,000 lines.

    python benchmarks/startup.py [--runs 9] [--nxcc .venv/bin/nxcc]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXAMPLE = os.path.join(ROOT, "examples", "k3s", "env.nxc")
LINES = 2000


def main() -> int:
    """Measure and print; exit code 1 where a limit is passed."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling nxcc anew in each run is not what a user waits for
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--runs", type=int, default=9, help="runs of each command (default 9)")
    options.add_argument("--nxcc", default=None, help="the installed program (default: the one beside this Python)")
    chosen = options.parse_args()
    beside = os.path.join(os.path.dirname(sys.executable), "nxcc")
    nxcc = chosen.nxcc or (beside if os.path.exists(beside) else shutil.which("nxcc"))
    program = [nxcc] if nxcc else [sys.executable, "-m", "nxcc"]
    with tempfile.TemporaryDirectory() as folder:
        baseline = [sys.executable, "-c", "import lark, jinja2, yaml, typer"]
        commands = {
            "check": ([*program, "check", EXAMPLE], 1.0),
            "compile --flavour all": ([*program, "compile", EXAMPLE, "--flavour", "all", "-o", f"{folder}/k3s"], 1.6),
            "compile --flavour g5k-image": (
                [*program, "compile", EXAMPLE, "--flavour", "g5k-image", "-o", f"{folder}/image"],
                1.4,
            ),
            "--help": ([*program, "--help"], 0.65),
        }
        return report(baseline, commands, chosen.runs)


def report(baseline: list[str], commands: dict[str, tuple[list[str], float]], runs: int) -> int:
    """Print the ratio of each command's median to the baseline's; returns how many limits were passed."""
    times: dict[str, list[float]] = {name: [] for name in ("baseline", *commands)}
    for _ in range(runs):
        for name, command in (("baseline", baseline), *((name, command) for name, (command, _) in commands.items())):
            times[name].append(wall(command))
    base = statistics.median(times["baseline"])
    print(f"{'python -c import lark, jinja2, yaml, typer':<44} {base * 1000:6.0f} ms")
    failed = 0
    for name, (_, limit) in commands.items():
        median = statistics.median(times[name])
        ratio = median / base
        failed += ratio > limit
        print(f"{'nxcc ' + name:<44} {median * 1000:6.0f} ms  {ratio:.2f}x  (limit {limit}x){_verdict(ratio, limit)}")
    seconds = parse_time()
    failed += seconds > 0.5
    name = f"parsing {LINES:,} lines, processor time"
    print(f"{name:<44} {seconds * 1000:6.0f} ms  (limit 500 ms){_verdict(seconds, 0.5)}")
    return 1 if failed else 0


def _verdict(value: float, limit: float) -> str:
    return "  TOO SLOW" if value > limit else ""


def wall(command: list[str]) -> float:
    """Seconds that a command takes; CalledProcessError with its output where it fails."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        print(done.stdout, done.stderr, sep="", file=sys.stderr)
        done.check_returncode()
    return seconds


def parse_time() -> float:
    """Processor seconds to parse ``LINES`` lines, the best of three; the parser's tables are loaded before."""
    from nxcc.diagnostics.core import Log, Source
    from nxcc.syntax.parser import parse

    text = source()
    best = float("inf")
    for _ in range(3):
        log = Log()
        start = time.process_time()
        parse(Source("long.nxc", text), log)
        best = min(best, time.process_time() - start)
        assert not log.diagnostics, log.diagnostics[:3]
    return best


def source() -> str:
    """A source of ``LINES`` lines with statements of many kinds."""
    role = '''
role r{n} "role {n}" {{
  packages git gzip python3Packages.numpy
  ports 22 {port}/udp 30000-30100
  resources {{ cpus 2; memory 2GiB }}
  service nginx {{
    enable = true
    virtualHosts."site{n}.example.org" {{ root = "/srv/site{n}"; locations."/".index = "index.html" }}
  }}
  networking.firewall.logRefusedConnections = default false   # any NixOS option
  file "/etc/motd{n}" mode 0644 = "node {n} of ${{setup.name}}\\n"
  on-boot greet{n} = """
    echo "role {n}" > /run/greeting
    for i in 1 2 3; do echo $i; done
  """
  environment.variables = {{ A = "1"; B = ["x", "y", "z"]; C.d.e = 1 + {n} * 2 }}
  ready port {port}
}}
'''
    lines = ["environment long"]
    number = 0
    while len(lines) < LINES:
        number += 1
        lines += role.format(n=number, port=1000 + number).splitlines()
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
