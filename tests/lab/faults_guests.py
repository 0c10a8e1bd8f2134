# SPDX-License-Identifier: Apache-2.0
"""Faults 9 and 10: guests with many NICs of which one is refused, NICs of all
kinds of networks in every order, many migrations, many guests at once.

These need guests of their own, which come and go while the other one rests.
"""

import itertools
import subprocess
import time

import harness
import invariants
from faults_lab import GUEST, RULES, Fault, other
from faults_refused import define, element, unchanged
from faults_restore import CAPACITY, expect
from harness import LAB, Failure, inside, until

KINDS = {
    "managed": "network=ovsnet,portgroup=web,mac=%s,target=%s",
    # libvirt would give it another iface-id on each host.
    "unmanaged": "network=ovsplain,portgroup=web,mac=%s,target=%s,"
                 "iface-id=5a0f1e2d-0000-4000-8000-000000000009",
    "bridge": "bridge=lbr0,mac=%s,target=%s",
}


def mac(guest, nic):
    return "52:54:00:ab:%02x:%02x" % (guest, nic)


class Guests:
    """Other guests, by name, that begin on a host; what hosts are like with
    each and without, for the checks of invariants.py."""

    def __init__(self, world):
        self.world = world
        self.before = {host: state.facts
                       for host, state in world.states().items()}
        self.at = {}
        self.facts = {}

    def start(self, guests):
        """Starts GUESTS, {name: (host, NICs)}, side by side."""
        running = []
        for name, (host, nics) in guests.items():
            xml = harness.lab("guest-xml", name, *nics).stdout
            process = subprocess.Popen(
                [LAB, "start", host, "-"], stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                universal_newlines=True)
            process.stdin.write(xml)
            process.stdin.close()
            self.at[name] = host
            running.append(process)
        for process in running:
            if process.wait():
                raise Failure(process.stderr.read())

    def end(self):
        for name in self.at:
            harness.stop_guest(name)

    def learn(self):
        """What the guests add to a host; they are all on their first host."""
        states = self.world.states()
        for host, state in states.items():
            wrong, _ = invariants.differences(self.before[host], state.facts)
            if wrong:
                raise Failure("host %s has changed: %s" % (host, wrong))
            for key, value in state.facts.items():
                if key not in self.before[host]:
                    self.facts[key] = (host, value)

    def expected(self, host, moved):
        """The facts of HOST with all guests where they began, or all moved."""
        facts = dict(self.before[host])
        for key, (first, value) in self.facts.items():
            if (first == host) != moved:
                facts[key] = _without_number(key, value)
        return facts

    def check(self, moved):
        """Waits until all is as it should be; fails with what is not."""
        end = time.monotonic() + 40
        while True:
            problems = self._problems(moved)
            if not problems:
                return
            if time.monotonic() > end:
                raise Failure("; ".join(problems[:8]))
            time.sleep(0.5)

    def _problems(self, moved):
        problems = []
        for host, state in self.world.states().items():
            found = {key: _without_number(key, value)
                     if key not in self.before[host] else value
                     for key, value in state.facts.items()}
            for text in sum(invariants.differences(
                    self.expected(host, moved), found), []):
                problems.append("host %s: %s" % (host, text))
            problems += ["host %s: open migration" % host
                         for row in state.journal
                         if row["outcome"] == "running"]
            for name, first in self.at.items():
                here = (first == host) != moved
                if (state.guests.get(name) == "running") != here:
                    problems.append("host %s: guest %s is %s" % (
                        host, name, state.guests.get(name)))
        return problems


def _without_number(key, value):
    """Guests that go past each other may want the same OpenFlow number; only
    one can have it."""
    if isinstance(value, dict) and "ofport" in value and key.startswith(
            "Interface "):
        return dict(value, ofport="*")
    return value


class EightNics:
    """A guest with eight NICs; subclasses do something to the fifth."""

    name = "vm8"
    fifth = "eight4"

    def __call__(self, world):
        guests = Guests(world)
        nics = [KINDS["managed"] % (mac(8, i), "eight%d" % i)
                for i in range(8)]
        try:
            guests.start({self.name: (world.at, nics)})
            until("the stamp", lambda: (harness.stamp_of(
                world.at, self.name) or "").count("iface-id") == 8)
            guests.learn()
            self.migrate(world, guests)
        finally:
            guests.end()


class FifthRefused(EightNics):
    """The destination has a port with the MAC of the fifth."""

    def migrate(self, world, guests):
        source, to = world.at, world.to
        thief = ["ovs-vsctl", "add-port", "br0", "thief", "--", "set",
                 "Interface", "thief", "type=internal",
                 "external_ids:attached-mac=" + mac(8, 4)]
        inside(to, *thief)
        try:
            result = harness.migrate(self.name, source, check=False)
        finally:
            inside(to, "ovs-vsctl", "del-port", "thief")
        if mac(8, 4) not in result.stderr:
            raise Failure("virsh says: " + result.stderr)
        guests.check(moved=False)
        harness.wait_for_stamp(source, self.name)
        harness.migrate(self.name, source)
        guests.check(moved=True)


class FifthNotRestored(EightNics):
    """The fifth gets a queue while memory is copied, with a rate that the
    destination has not: it has what the stamp says, the others have all."""

    QUEUE = ("ovs-vsctl set Port %s qos=@q -- --id=@q create QoS "
             "type=linux-htb queues:1=@u -- --id=@u create Queue "
             "other-config:min-rate=5000000")

    def migrate(self, world, guests):
        source, to = world.at, world.to
        define(to, element(CAPACITY))
        try:
            move = harness.Migration(self.name, source, "--live", "--p2p",
                                     "--bandwidth", "4")
            until("memory to be copied",
                  lambda: world.journal_state(source) == "precopy")
            inside(source, "sh", "-ec", self.QUEUE % self.fifth)
            inside(source, "virsh", "--quiet", "migrate-setspeed", self.name,
                   "1000")
            result = move.result()
            if result.returncode:
                raise Failure(result.stderr.strip())
            expect(to, "degraded", "qos")
        finally:
            define(to, unchanged)
        guests.check(moved=True)


class MixedNics:
    """A guest with a NIC of each of KINDS, in this order."""

    def __init__(self, kinds):
        self.kinds = kinds

    def __call__(self, world):
        guests = Guests(world)
        nics = [KINDS[kind] % (mac(9, i), "mix%d" % i)
                for i, kind in enumerate(self.kinds)]
        source = world.at
        try:
            guests.start({"vm9": (source, nics)})
            harness.wait_for_stamp(source, "vm9")
            time.sleep(1)
            guests.learn()
            for moved in True, False:
                harness.migrate("vm9", source if moved else other(source))
                guests.check(moved)
        finally:
            guests.end()


def fifty(world):
    """Fifty migrations of the guest, there and back."""
    for _ in range(50):
        world.mark()
        result = world.migration().result()
        if result.returncode:
            raise Failure(result.stderr.strip())
        world.at = other(world.at)
        end = time.monotonic() + 20
        while True:
            problems = invariants.check_places(
                GUEST, world.states(), world.with_guest, world.without)
            if not any(problems.values()):
                break
            if time.monotonic() > end:
                raise Failure(str(problems))
            time.sleep(0.2)
        fabric, taps, _ = world.frames()
        problems = invariants.check_frames(RULES, fabric, taps)
        if problems:
            raise Failure("; ".join(problems))
        world.ready()


def crossing(world):
    """Ten guests go from a to b at once while two go the other way."""
    guests = Guests(world)
    where = {"g%d" % i: "a" if i < 10 else "b" for i in range(12)}
    try:
        guests.start({name: (host, [KINDS["managed"] % (
            mac(int(name[1:]), 0), "tap" + name)])
            for name, host in where.items()})
        for name, host in where.items():
            harness.wait_for_stamp(host, name)
        time.sleep(2)
        guests.learn()
        moves = [harness.Migration(name, host, "--live", "--p2p")
                 for name, host in where.items()]
        for move in moves:
            result = move.result()
            if result.returncode:
                raise Failure(result.stderr.strip())
        guests.check(moved=True)
    finally:
        guests.end()


def faults():
    yield Fault(9, "eight NICs, the fifth is refused", FifthRefused(),
                moved=False)
    yield Fault(9, "eight NICs, the fifth fails to restore",
                FifthNotRestored(), moved=False)
    for kinds in itertools.permutations(KINDS):
        yield Fault(9, "NICs: %s" % ", ".join(kinds), MixedNics(kinds),
                    moved=False)
    yield Fault(10, "fifty migrations there and back", fifty)
    yield Fault(10, "ten guests from a to b, two from b to a", crossing,
                moved=False, gap=10)
