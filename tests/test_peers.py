"""nix/modules/peers.sh with the real iptables and nft, in a network namespace: who gets through, and at which port."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tools import need

from nxcc.resources import resource

SCRIPT = Path(resource("nix")) / "modules" / "peers.sh"

# Addresses of one machine play all nodes: packets between them pass its input chain like those of others.
SELF, PEER, OTHER_PEER, STRANGER = "10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.9"

# What NixOS's firewall is to the module: the chain nixos-fw with the lines of `extraCommands` before the last, or the
# table nixos-fw with the set and `extraInputRules`. Both make all of it anew when they reload.
IPTABLES = f"""
start() {{
    iptables -w -D INPUT -j nixos-fw 2>/dev/null || true
    for chain in nixos-fw nixos-fw-accept; do
        iptables -w -F $chain 2>/dev/null || true
        iptables -w -X $chain 2>/dev/null || true
    done
    iptables -w -N nixos-fw-accept
    iptables -w -A nixos-fw-accept -j ACCEPT
    iptables -w -N nixos-fw
    iptables -w -A nixos-fw -s {SELF} -j nixos-fw-accept
    iptables -w -N nxcc-peers 2>/dev/null || true
    iptables -w -A nixos-fw -j nxcc-peers
    iptables -w -A nixos-fw -j DROP
    iptables -w -A INPUT -j nixos-fw
}}
show() {{ iptables-save -t filter | grep nxcc-peers; }}
"""
NFT = f"""
start() {{
    nft -f - <<END
    table inet nixos-fw
    delete table inet nixos-fw
    table inet nixos-fw {{
      set nxcc-peers {{ type ipv4_addr; }}
      chain input {{
        type filter hook input priority filter; policy drop;
        ip saddr {SELF} accept
        jump input-allow
      }}
      chain input-allow {{
        ip saddr @nxcc-peers RULE
      }}
    }}
END
}}
show() {{ nft list set inet nixos-fw nxcc-peers; }}
"""

# Which of the addresses reach which of two ports, in lines "@NAME JSON".
PROBE = f"""
import json, socket, sys, time
servers = [socket.create_server(("{SELF}", port)) for port in (2049, 8000)]
tried = []
for server in servers:
    for source in ("{PEER}", "{OTHER_PEER}", "{STRANGER}"):
        client = socket.socket()
        client.bind((source, 0))
        client.setblocking(False)
        client.connect_ex(server.getsockname())
        tried.append((client, [source, server.getsockname()[1]]))
time.sleep(0.2)
reached = []
for client, pair in tried:
    try:
        client.getpeername()
        reached.append(pair)
    except OSError:
        pass
print("@" + sys.argv[1], json.dumps(reached))
"""

MAIN = f"""
set -eu
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
for address in {SELF} {PEER} {OTHER_PEER} {STRANGER}; do ip addr add $address/32 dev lo; done
probe() {{ python3 "$FOLDER/probe.py" "$1"; }}
fill() {{ $SHELL_UNDER_TEST "$SCRIPT" $ARGUMENTS; }}
start
fill
probe without-file
printf '{PEER}\\n{OTHER_PEER}' >"$NXCC_PEERS"
fill
probe both
show >"$FOLDER/once"
fill
show >"$FOLDER/twice"
cmp "$FOLDER/once" "$FOLDER/twice" && echo '@again "same"'
start
fill
probe reloaded
printf '{OTHER_PEER}\\n\\n-j\\n{PEER};reboot\\n' >"$NXCC_PEERS"
fill
probe fewer
: >"$NXCC_PEERS"
fill
probe none
"""


def multicall(name: str) -> str:
    """A program that is several, which go by their names: where this machine has it."""
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    return os.path.realpath(path or need(name))


@pytest.mark.parametrize(("trust", "shell"), [("peers", "dash"), ("none", "busybox sh")])
@pytest.mark.parametrize("backend", ["iptables-legacy", "iptables-nft", "nft"])
def test_who_gets_through(tmp_path: Path, shell: str, backend: str, trust: str) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    if backend == "nft":
        (programs / "nft").symlink_to(multicall("nft"))
        prelude = NFT.replace("RULE", "accept" if trust == "peers" else "tcp dport 2049 accept")
        arguments = "nft"
    else:
        for name in ("iptables", "iptables-restore", "iptables-save"):
            (programs / name).symlink_to(multicall(backend))
        prelude = IPTABLES
        arguments = "iptables" if trust == "peers" else "iptables 2049"
    (tmp_path / "probe.py").write_text(PROBE)
    (tmp_path / "main").write_text(prelude + MAIN)
    variables = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "FOLDER": str(tmp_path),
        "SCRIPT": str(SCRIPT),
        "ARGUMENTS": arguments,
        "SHELL_UNDER_TEST": " ".join([need(shell.split()[0]), *shell.split()[1:]]),
        "NXCC_PEERS": str(tmp_path / "peers"),
    }
    # iptables-legacy locks a file below /run.
    command = [
        need("unshare"),
        "-rnm",
        "sh",
        "-c",
        'mount -t tmpfs tmpfs /run && exec sh -x "$0"',
        str(tmp_path / "main"),
    ]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found = {line[1:].partition(" ")[0]: json.loads(line.partition(" ")[2]) for line in done.stdout.splitlines()}
    ports = (2049, 8000) if trust == "peers" else (2049,)

    def pairs(*sources: str) -> list[list[object]]:
        return [[source, port] for port in ports for source in sources]

    assert found == {
        "without-file": [],
        "both": pairs(PEER, OTHER_PEER),
        "again": "same",
        "reloaded": pairs(PEER, OTHER_PEER),
        "fewer": pairs(OTHER_PEER),
        "none": [],
    }


@pytest.mark.parametrize("arguments", [[], ["other"]])
def test_usage(arguments: list[str]) -> None:
    done = subprocess.run([need("dash"), str(SCRIPT), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")
