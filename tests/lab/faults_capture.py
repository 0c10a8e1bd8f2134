#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What passes in a host: every frame of some devices, and what it says of the
guest's port.

Run in a host as `faults_capture.py FILE DEVICE...', it writes a line for each
frame of these devices, also of those that are made later, until it is ended:

  TIME DEVICE in|out VLAN SOURCE DESTINATION ETHERTYPE IP-SOURCE IP-DESTINATION
  ICMP-TYPE

TIME is in seconds since the epoch; VLAN is 0 for an untagged frame; "in" is
what enters the host from the device, which of a tap is what the guest sends.
"""

import collections
import os
import select
import socket
import struct
import sys

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4
SO_TIMESTAMPNS = 35
TP_STATUS_VLAN_VALID = 0x10
TAGS = (0x8100, 0x88a8)

Frame = collections.namedtuple(
    "Frame", "time device direction vlan source destination ethertype "
    "ip_source ip_destination icmp_type")


def _mac(data):
    return ":".join("%02x" % byte for byte in data)


def _ip(data):
    return ".".join(str(byte) for byte in data)


def describe(data, vlan):
    """VLAN and what follows it, as in a line, of the frame DATA, whose tag
    the kernel may have taken out."""
    kind, rest = struct.unpack_from("!H", data, 12)[0], data[14:]
    if kind in TAGS and len(rest) >= 4:
        vlan = struct.unpack_from("!H", rest)[0] & 0xfff
        kind, rest = struct.unpack_from("!H", rest, 2)[0], rest[4:]
    source = destination = icmp = "-"
    if kind == 0x0800 and len(rest) >= 20:
        source, destination = _ip(rest[12:16]), _ip(rest[16:20])
        header = (rest[0] & 15) * 4
        if rest[9] == 1 and len(rest) > header:
            icmp = rest[header]
    elif kind in (0x0806, 0x8035) and len(rest) >= 28:
        source, destination = _ip(rest[14:18]), _ip(rest[24:28])
    return "%d %s %s %04x %s %s %s" % (vlan, _mac(data[6:12]), _mac(data[:6]),
                                       kind, source, destination, icmp)


def _ancillary(items):
    """Time and VLAN from what the kernel says besides the frame."""
    when, vlan = 0.0, 0
    for level, kind, data in items:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, ns = struct.unpack("@qq", data[:16])
            when = seconds + ns / 1e9
        elif level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, _ = struct.unpack("@IIIHHHH", data[:20])
            if status & TP_STATUS_VLAN_VALID:
                vlan = tci & 0xfff
    return when, vlan


def capture(path, devices):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                         socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.setblocking(False)
    with open(path, "a") as out:
        while True:
            select.select([sock], [], [])
            lines = []
            while len(lines) < 1000:
                try:
                    data, items, _, address = sock.recvmsg(256, 256)
                except (BlockingIOError, OSError):
                    break
                if address[0] in devices and len(data) >= 14:
                    when, vlan = _ancillary(items)
                    lines.append("%.6f %s %s %s\n" % (
                        when, address[0],
                        "out" if address[2] == PACKET_OUTGOING else "in",
                        describe(data, vlan)))
            out.write("".join(lines))
            out.flush()


class Capture:
    """A capture in HOST, begun by this process."""

    def __init__(self, start, path, devices):
        """START(COMMAND...) starts a command in the host."""
        self.path = path
        open(path, "w").close()
        self.process = start(sys.executable, os.path.abspath(__file__), path,
                             *devices)
        self.offset = 0

    def mark(self):
        """Forgets the frames so far."""
        self.offset = os.path.getsize(self.path)

    def frames(self):
        """The frames since mark()."""
        with open(self.path) as lines:
            lines.seek(self.offset)
            for line in lines:
                words = line.split()
                if line.endswith("\n") and len(words) == len(Frame._fields):
                    yield Frame(float(words[0]), words[1], words[2],
                                int(words[3]), *words[4:])


if __name__ == "__main__":
    capture(sys.argv[1], set(sys.argv[2:]))
