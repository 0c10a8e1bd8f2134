# SPDX-License-Identifier: Apache-2.0
"""The lab in which faults are injected: a guest with everything that may be
at a port, what watches it all the time, and what a fault is.

The guest is not started again between faults: it moves to the other host, or
does not, and is where the next fault begins.
"""

import json
import os
import subprocess
import time

import harness
import invariants
from harness import Failure, inside, lab, until

GUEST = "vm1"
PORT = "web0"
MAC = "52:54:00:aa:00:01"
ADDRESS = "10.99.42.11"
FORBIDDEN = "10.99.42.66"
NIC = ("network=ovsnet,portgroup=web,mac=%s,target=%s,ip=%s/24,ip=%s/24" % (
    MAC, PORT, ADDRESS, FORBIDDEN))
RULES = invariants.Rules(MAC, 42, ADDRESS, FORBIDDEN, "10.99.50.")

# The file that the agents look at: fault.h.
FAULTS = "lab-faults"

# Before there is a guest: a mirror to a port of its own.
HOST_SETUP = r"""
ovs-vsctl add-port br0 watch0 -- set Interface watch0 type=internal \
    -- --id=@p get Port watch0 \
    -- --id=@m create Mirror name=watch output-port=@p \
    -- add Bridge br0 mirrors @m
mkdir -p /run/portferry/incoming
# So that a cut link is found out in seconds.
for file in qemu libvirtd; do
    printf 'keepalive_interval = 1\nkeepalive_count = 3\n' \
        >>/etc/libvirt/$file.conf
done
"""
# What an administrator gives the guest's port: a limit, a mirror, and rules
# against spoofing with a group and a meter.
PORT_SETUP = r"""
set -e
port=$(ovs-vsctl get Interface %(port)s ofport)
ovs-vsctl set Port %(port)s external_ids:owner=alice qos=@q \
    -- set Interface %(port)s external_ids:site=berlin \
    -- --id=@q create QoS type=linux-htb other-config:max-rate=50000000 \
       queues:1=@u \
    -- --id=@u create Queue other-config:min-rate=1000000 \
       other-config:max-rate=20000000 \
    -- --id=@p get Port %(port)s -- add Mirror watch select_src_port @p \
    -- add Mirror watch select_dst_port @p
of="ovs-ofctl -O OpenFlow15"
$of add-meter br0 meter=7,kbps,burst,band=type=drop,rate=50000,burst_size=5000
$of add-group br0 group_id=7,type=all,bucket=bucket_id:1,actions=NORMAL
$of --bundle add-flows br0 - <<END
cookie=0x7066,priority=100,in_port=$port,arp,arp_spa=%(address)s,\
arp_sha=%(mac)s actions=NORMAL
cookie=0x7066,priority=100,in_port=$port,dl_src=%(mac)s,icmp,\
nw_src=%(address)s actions=meter:7,group:7
cookie=0x7066,priority=90,in_port=$port,dl_src=%(mac)s,ip,\
nw_src=%(address)s actions=NORMAL
cookie=0x7066,priority=80,in_port=$port,dl_src=%(mac)s,rarp actions=NORMAL
cookie=0x7066,priority=80,in_port=$port,ipv6,icmp6 actions=drop
cookie=0x7066,priority=70,in_port=$port,udp,tp_src=67 actions=drop
cookie=0x7066,priority=70,in_port=$port,dl_type=0x88cc actions=drop
cookie=0x7066,priority=50,in_port=$port actions=drop
cookie=0x7066,priority=60,dl_dst=%(mac)s,udp,tp_dst=68 actions=drop
END
""" % {"port": PORT, "address": ADDRESS, "mac": MAC}

# What a port has besides itself stays where its guest is ended, or
# leaves without Portferry, until the administrator takes it away.
FORGET = """
of="ovs-ofctl -O OpenFlow15"
$of del-flows br0 cookie=0x7066/-1
$of del-groups br0
$of del-meters br0
ovs-vsctl --all destroy QoS -- --all destroy Queue
"""

# The client's addresses do not ask who has an address: what is measured is
# the port, and the forbidden address is never told.  Frames of another VLAN
# are all the time before the guest's door.
CLIENT_SETUP = "; ".join(
    "ip neigh replace %s lladdr %s dev c42 nud permanent" % (address, MAC)
    for address in (ADDRESS, FORBIDDEN))
PROBES = (["-i", "0.01", ADDRESS], ["-i", "0.02", FORBIDDEN],
          ["-b", "-i", "0.05", "10.99.50.255"])


def other(host):
    return "b" if host == "a" else "a"


class Capture:
    """What `capture' has recorded in a host, of DEVICES."""

    def __init__(self, path, devices):
        self.devices = set(devices)
        self.input = open(path)
        self.seen = []
        self.rest = ""

    def mark(self):
        """Forgets the frames so far."""
        self.frames()
        self.seen = []

    def frames(self):
        """The frames since mark()."""
        lines = (self.rest + self.input.read()).split("\n")
        self.rest = lines.pop()
        for line in lines:
            frame = json.loads(line)
            if frame.get("dev") in self.devices:
                self.seen.append(frame)
        return self.seen


class World:
    """The lab with its guest, and what is known of it."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.captures = {}
        self.with_guest = {}
        self.without = {}
        self.at = None              # The host on which the guest runs.
        self.began = 0.0
        self.restarted = 0.0        # When the guest was started last.

    # ---- Up and down ----

    def up(self):
        """Brings it up, after an earlier run's remains are gone."""
        os.environ["LAB_AGENT_ENV"] = "PORTFERRY_FAULTS=/run/" + FAULTS
        lab("down")
        lab("up")
        for host in "ab":
            inside(host, "sh", "-ec", HOST_SETUP)
            lab("libvirtd", host, "restart")
        inside("c", "sh", "-ec", CLIENT_SETUP)
        for host, devices in (("a", [PORT]), ("b", [PORT]),
                              ("c", ["up0_a", "up0_b", "c42", "c50"])):
            path = os.path.join(self.folder, host, "frames")
            with open(path, "w") as out:
                self._start(host, os.path.join(harness.HERE, "capture"),
                            stdout=out)
            self.captures[host] = Capture(path, devices)
        for probe in PROBES:
            self._start("c", "ping", "-q", *probe)
        until("the agents to be there", lambda: all(
            any(fact.startswith("file /run/portferry/portferryd.ctl")
                for fact in invariants.read(host).facts) for host in "ab"))
        self.without = {host: invariants.read(host).facts for host in "ab"}

    def down(self):
        for process in self.processes:
            process.terminate()
            process.wait()
        self.processes = []
        lab("down", check=False)

    def _start(self, host, *command, stdout=subprocess.DEVNULL):
        process = subprocess.Popen(
            [harness.LAB, "in", host, *command], stdout=stdout,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ, PYTHONUNBUFFERED="1"))
        self.processes.append(process)
        return process

    def start_guest(self, host="a"):
        """Starts the guest, and learns what hosts are like with it."""
        harness.start_guest(host, GUEST, NIC)
        inside(host, "sh", "-ec", PORT_SETUP)
        self.at = host
        self.restarted = time.time()
        facts = invariants.read(host).facts
        wrong, besides = invariants.differences(self.without[host], facts)
        if len(besides) < 15:
            raise Failure("the guest's port is not as it was set up: %s" %
                          besides)
        mine = {key: value for key, value in facts.items()
                if self.without[host].get(key) != value}
        self.with_guest = {h: dict(self.without[h], **mine) for h in "ab"}
        until("the stamp to say it all", lambda: "bucket" in (
            harness.stamp_of(host, GUEST) or ""), 10)
        self.ready()

    def ready(self):
        """Waits until the guest answers and its stamp rests."""
        def stamps():
            return harness.stamp_of(self.at, GUEST)
        end = time.monotonic() + 20
        stamp = stamps()
        since = time.monotonic()
        while not stamp or time.monotonic() - since < 0.5:
            if time.monotonic() > end:
                raise Failure("guest %s has no stamp that rests" % GUEST)
            time.sleep(0.1)
            now = stamps()
            if now != stamp:
                stamp, since = now, time.monotonic()

    # ---- What faults use ----

    @property
    def to(self):
        """The host to which the guest would move."""
        return other(self.at)

    def path(self, host, name):
        """A file of HOST's /run, as this process sees it."""
        return os.path.join(self.folder, host, "run", name)

    def arm(self, host, *points):
        """Has HOST's agent fail at POINTS, one after the other."""
        path = self.path(host, FAULTS)
        with open(path + ".new", "w") as out:
            out.write("\n".join(points) + "\n")
        os.rename(path + ".new", path)

    def is_armed(self, host):
        return os.path.exists(self.path(host, FAULTS))

    def disarm(self):
        """Returns the points that were not reached."""
        left = []
        for host in "ab":
            if self.is_armed(host):
                with open(self.path(host, FAULTS)) as lines:
                    left += ["host %s: '%s' was not reached" % (
                        host, line.strip()) for line in lines]
                os.unlink(self.path(host, FAULTS))
        return left

    def migration(self, *options):
        """A migration of the guest in the background."""
        return harness.Migration(GUEST, self.at, *options)

    def pid(self, host, what):
        return lab(what, host, "pid").stdout.strip()

    def signal(self, host, pid, name):
        inside(host, "kill", "-" + name, pid, check=False)

    def trigger(self, host, pid, name):
        """Prepares a signal, so that it is there within a millisecond when
        what is returned is called."""
        process = subprocess.Popen(
            [harness.LAB, "in", host, "sh", "-c",
             "echo; read -r _; kill -%s %s" % (name, pid)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdout.readline()

        def pull():
            process.communicate(b"\n")
        return pull

    def agent_pid(self, host):
        with open(self.path(host, "lab-agent.pid")) as text:
            return text.read().strip()

    def qemu(self, host):
        """The guest's QEMU on HOST, once it is there."""
        return until("QEMU on " + host, lambda: inside(
            host, "cat", "/run/libvirt/qemu/%s.pid" % GUEST,
            check=False).stdout.strip())

    def states(self):
        return {host: invariants.read(host) for host in "ab"}

    def journal_state(self, host):
        """The state of the newest migration in HOST's journal; "" if it is
        over."""
        rows = [row for row in harness.journal(host)
                if row["outcome"] == "running"]
        return rows[-1]["state"] if rows else ""

    # ---- Marking and judging ----

    def mark(self):
        """A fault begins."""
        for capture in self.captures.values():
            capture.mark()
        self.began = time.time()

    def frames(self):
        """(fabric, taps, client) since mark(), as invariants.py takes
        them."""
        seen = {host: capture.frames()
                for host, capture in self.captures.items()}
        fabric = [(frame["dev"][-1], frame) for frame in seen["c"]
                  if frame["dev"].startswith("up0_") and not frame["out"]]
        taps = [(host, frame) for host in "ab" for frame in seen[host]]
        return fabric, taps, [frame for frame in seen["c"]
                              if frame["dev"] in ("c42", "c50")]

    def answers(self):
        """True if the guest has answered in the last moments."""
        now = time.time()
        frames = self.frames()[2]
        return (frames and frames[-1]["t"] > now - 0.3 and
                invariants.longest_gap(RULES, frames, now - 0.4, now) < 0.3)

    def console_answers(self, host):
        """Whether the guest's shell does, which needs no network."""
        word = "alive%d" % time.monotonic_ns()
        # QEMU looks once a second whether somebody has opened its side.
        script = (
            "log=/var/log/libvirt/qemu/%s.console; "
            "tty=$(virsh --quiet ttyconsole %s | head -n 1) && exec 3<>$tty; "
            "for i in $(seq 15); do "
            "printf 'echo %s | tr a-z A-Z\\r' >&3; sleep 0.7; "
            "grep -q %s $log && exit 0; done; exit 1" % (
                GUEST, GUEST, word, word.upper()))
        return inside(host, "sh", "-c", script, check=False).returncode == 0


class Fault:
    """One row of the table."""

    def __init__(self, number, name, inject, moved=None, gap=5, quick=False,
                 both=False, seconds=25, note=""):
        self.number = number        # Of the list.
        self.name = name
        self.inject = inject        # inject(world) returns what virsh said.
        self.moved = moved          # True, False, or None: either.
        self.gap = gap              # I5, in seconds.
        self.quick = quick
        self.both = both            # libvirt's own case: both may run.
        self.seconds = seconds      # Until everything is as it should be.
        self.note = note
