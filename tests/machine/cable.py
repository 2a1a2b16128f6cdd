"""Two QEMUs on the nodes' network, in a network of this process's own: cable.py QEMU NETDEV [cable]

Sends a frame into one and takes it out of the other; with a cable, listens there meanwhile, and sends a frame in from
there. Says what should not have been.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 120
# Ports of this process and of the machines, without their numbers.
HERE, THERE = 1000, 2000
MEMBERS = Path("/proc/net/igmp")
# Of the range for experiments.
ETHERTYPE = b"\x88\xb5"
MARK = b"the last frame of the cable"


def main(qemu: str, netdev: str, cable: bool) -> None:
    """Runs all of it; raises AssertionError or OSError where it fails."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    found = re.search(r"(239\.\d+\.\d+\.\d+)(?::|,remote.port=)(\d+)", netdev)
    assert found, netdev
    group, port = found[1], int(found[2])
    outside = plug() if cable else None
    machines = []
    ends = []
    try:
        for number in (1, 2):
            ends.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            ends[-1].bind(("127.0.0.1", HERE + number))
            machines.append(subprocess.Popen(command(qemu, netdev, number), stderr=subprocess.DEVNULL))
        wait(lambda: all(process.poll() is None for process in machines) and members(group) == {"lo": 2})
        talk(ends)
        if outside:
            listen(outside)
            outside.send(packet(group, port, b"\xff" * 6 + b"\x06" * 6 + ETHERTYPE + b"from outside"))
            talk(ends)
    finally:
        for process in machines:
            process.kill()
            process.wait()


def plug() -> socket.socket:
    """A card with the default route, and what is at the other end of its cable."""
    for words in (
        "link add card type veth peer name wall",
        "address add 10.9.0.1/24 dev card",
        "link set card up",
        "link set wall up",
        "route add default via 10.9.0.254",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    outside = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    outside.bind(("wall", 0))
    outside.settimeout(PATIENCE)
    return outside


def command(qemu: str, netdev: str, number: int) -> list[str]:
    """A QEMU that joins the nodes' network with a port of this process's."""
    plain = f"socket,id=here,udp=127.0.0.1:{HERE + number},localaddr=127.0.0.1:{THERE + number}"
    hub = ["-netdev", "hubport,id=one,hubid=1,netdev=nodes", "-netdev", "hubport,id=two,hubid=1,netdev=here"]
    quiet = ["-machine", "none", "-nodefaults", "-display", "none"]
    return [qemu, *quiet, "-netdev", netdev, "-netdev", plain, *hub]


def wait(what: Callable[[], bool]) -> None:
    """Until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, MEMBERS.read_text()
        time.sleep(0.05)


def members(group: str) -> dict[str, int]:
    """How many have joined a group, by device."""
    joined: dict[str, int] = {}
    device = ""
    # As the kernel writes it: the four bytes as a number of this machine's.
    number = f"{struct.unpack('=I', socket.inet_aton(group))[0]:08X}"
    for line in MEMBERS.read_text().splitlines()[1:]:
        words = line.split()
        if not line.startswith("\t"):
            device = words[1]
        elif words[0] == number:
            joined[device] = int(words[1])
    return joined


def talk(ends: list[socket.socket]) -> None:
    """A frame that goes into one machine comes out of the other, and nothing else does."""
    frame = b"\xff" * 6 + b"\x02" * 6 + ETHERTYPE + os.urandom(50)
    ends[0].sendto(frame, ("127.0.0.1", THERE + 1))
    ends[1].settimeout(PATIENCE)
    got = ends[1].recv(4096)
    if got != frame:
        print(f"the second got {got!r}")


def listen(outside: socket.socket) -> None:
    """Nothing of IPv4 has gone over the cable until now, but what is sent at the end."""
    mark = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    mark.bind(("card", 0))
    mark.send(b"\xff" * 6 + b"\x02" * 6 + ETHERTYPE + MARK)
    while MARK not in (frame := outside.recv(4096)):
        if frame[12:14] == b"\x08\x00":
            print(f"over the cable went {frame!r}")


def packet(group: str, port: int, payload: bytes) -> bytes:
    """A frame to a multicast group, from a neighbour."""
    udp = struct.pack("!HHHH", port, port, 8 + len(payload), 0) + payload
    ends = socket.inet_aton("10.9.0.7") + socket.inet_aton(group)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 4, 17, 0) + ends
    total = sum(struct.unpack("!10H", header))
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    header = header[:10] + struct.pack("!H", total) + header[12:]
    number = socket.inet_aton(group)
    mac = bytes([1, 0, 0x5E, number[1] & 0x7F, number[2], number[3]])
    return mac + b"\x06\0\0\0\0\1" + b"\x08\x00" + header + udp


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], "cable" in sys.argv[3:])
