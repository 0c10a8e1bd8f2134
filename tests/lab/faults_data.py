# SPDX-License-Identifier: Apache-2.0
"""Fault 6: PortData and stamps that are missing, damaged, stale, or hostile.

PortData is replaced on the source's carrier, between the agent's last write
and libvirt's reading it: the agent stands still meanwhile.  The guest moves
all the same, and its port is what the stamp says.  A stamp is replaced before
the migration, and refused.
"""

import base64
import json
import re
import zlib

import harness
import invariants
from faults_cut import Held
from faults_lab import GUEST, MAC, PORT, Fault
from faults_points import long_stop
from faults_refused import define, element, unchanged
from harness import Failure, inside, output, until

NAMESPACE = "urn:portferry:domain:1.0"
# What ovs-vsctl can be given as one argument, less the key's name.
LIMIT = 131072 - 100


def pack(data):
    """PortData with DATA, bytes, in it."""
    text = base64.urlsafe_b64encode(zlib.compress(data, 9)).decode()
    return "pf1." + text.rstrip("=")


def unpack(value):
    text = value[len("pf1."):]
    return json.loads(zlib.decompress(base64.urlsafe_b64decode(
        text + "=" * (-len(text) % 4))))


def in_json(pattern, replacement):
    """A change of PortData's JSON, which has to match PATTERN."""
    def change(value):
        text = json.dumps(unpack(value))
        changed = re.sub(pattern, replacement, text)
        if changed == text:
            raise Failure("no '%s' in PortData: %s" % (pattern, text))
        return pack(changed.encode())
    return change


def one_byte(at):
    """A change of the byte at that part, from 0 to 1, of the text."""
    def change(value):
        i = min(int(len(value) * at), len(value) - 1)
        return value[:i] + ("x" if value[i] != "x" else "y") + value[i + 1:]
    return change


class Tampered:
    """The PortData that libvirt takes along is CHANGE(PortData); None is no
    PortData."""

    earlier = None                  # The PortData of an earlier migration.

    def __init__(self, change):
        self.change = change

    def __call__(self, world):
        source = world.at
        world.arm(source, "stop after source/mark")
        agent = world.agent_pid(source)
        try:
            migration = self._begin(world, source)
            where = ["Interface", PORT, "external_ids"]
            value = output(source, "ovs-vsctl", "get", *where[:2],
                           "external_ids:PortData").strip().strip('"')
            changed = self.change(value)
            if changed is None:
                inside(source, "ovs-vsctl", "--no-wait", "remove", *where,
                       "PortData")
            else:
                inside(source, "ovs-vsctl", "--no-wait", "set", *where[:2],
                       'external_ids:PortData="%s"' % changed)
            result = migration.result()
            Tampered.earlier = value
        finally:
            world.signal(source, agent, "CONT")
        self._check_outcome(world)
        return result

    @staticmethod
    def _check_outcome(world):
        """The destination says that not all came."""
        to = world.to
        until("the destination to end",
              lambda: not world.journal_state(to), 15)
        outcome = invariants.read(to).journal[-1]["outcome"]
        if outcome != "degraded":
            raise Failure("the destination's outcome is %s" % outcome)

    @staticmethod
    def _begin(world, source):
        with harness.Events(source) as events:
            migration = long_stop(world)
            qemu = world.qemu(world.to)
            stop = world.trigger(world.to, qemu, "STOP")
            events.wait_for("Suspended")
            stop()
        until("the source's agent to stop", lambda: not world.is_armed(
            source), 5)
        return Held(world, migration, qemu)


def stale(_value):
    if not Tampered.earlier:
        raise Failure("there was no earlier migration")
    return Tampered.earlier


class Stamped:
    """The guest's stamp is CHANGE(stamp), None is no stamp, for which it is
    refused, and virsh says TEXT."""

    def __init__(self, text, change):
        self.text = text
        self.change = change

    def __call__(self, world):
        source = world.at
        stamp = harness.stamp_of(source, GUEST)
        if not stamp:
            raise Failure("the guest has no stamp")
        changed = self.change(stamp)
        if changed == stamp:
            raise Failure("the stamp is not what was thought: " + stamp)
        agent = world.agent_pid(source)
        # The agent would write it again.
        world.signal(source, agent, "STOP")
        try:
            self._set(source, changed)
            result = world.migration().result()
        finally:
            self._set(source, stamp)
            world.signal(source, agent, "CONT")
        if self.text not in result.stderr:
            raise Failure("virsh says '%s', not '%s'" % (
                result.stderr.strip(), self.text))
        return result

    @staticmethod
    def _set(host, stamp):
        if stamp is None:
            inside(host, "virsh", "--quiet", "metadata", GUEST, NAMESPACE,
                   "--remove")
            return
        # libvirt adds the namespace itself.
        plain = re.sub(r" xmlns:portferry=['\"][^'\"]*['\"]", "", stamp)
        plain = plain.replace("portferry:", "")
        inside(host, "virsh", "--quiet", "metadata", GUEST, NAMESPACE,
               "--key", "portferry", "--set", plain)


def replaced(old, new):
    return lambda stamp: re.sub(old, new, stamp, count=1, flags=re.S)


TAMPERED = [
    ("missing", lambda value: None),
    ("empty", lambda value: ""),
    ("half of it", lambda value: value[:len(value) // 2]),
    ("all but a byte", lambda value: value[:-1]),
    ("with a byte changed", one_byte(0.5)),
    ("of a later version", lambda value: "pf2" + value[3:]),
    ("as large as can be", lambda value: value + "A" * (LIMIT - len(value))),
    ("90 MB when unpacked", lambda value: pack(b" " * 90000000)),
    ("a million levels deep", lambda value: pack(b"[" * 1000000)),
    ("of an earlier migration", stale),
    ("with another NIC's MAC", in_json(MAC, "52:54:00:aa:00:99")),
    ("with another port's rules", in_json("in_port=%s," % PORT,
                                          "in_port=up0,")),
]
STAMPED = [
    ("of nothing but its ports", "says nothing of its VLANs", replaced(
        "<portferry:extension.*</portferry:extension>", "")),
    ("half of an extension's data", "", replaced(
        r'(name="flows" version="1">[^<]{99})[^<]*', r"\1")),
    ("another port's rules", "flows", replaced("in_port=%s" % PORT,
                                               "in_port=up0")),
    ("no JSON", "", replaced(r">\{", ">{{")),
    ("a path as a name", "", replaced('name="%s"' % PORT,
                                      'name="../../etc/x"')),
    ("a later version", "", replaced(r'version="1"', 'version="9"')),
    ("a type for the Interface", "", replaced(
        r'\{"interface":\{', r'{"interface":{"type":"internal",')),
]


def forbidden_vlan(world):
    """PortData has a VLAN that the destination's network does not allow."""
    to = world.to
    define(to, element("<portferry:vlan allowed='42'/>"))
    try:
        return Tampered(in_json(r'(tag[\\" ]*: *)42', r"\g<1>50"))(world)
    finally:
        define(to, unchanged)


def unstamped(world):
    """The guest has no stamp, and the destination's network refuses that."""
    to = world.to
    define(to, element("<portferry:unstamped action='refuse'/>"))
    try:
        return Stamped("carries no stamp", lambda stamp: None)(world)
    finally:
        define(to, unchanged)


def faults():
    for text, change in TAMPERED:
        yield Fault(6, "PortData: " + text, Tampered(change), moved=True,
                    gap=15, quick=text == "with a byte changed")
    yield Fault(6, "PortData: with a VLAN that is not allowed",
                forbidden_vlan, moved=True, gap=15)
    yield Fault(6, "stamp: missing", unstamped, moved=False, gap=3)
    for text, says, change in STAMPED:
        yield Fault(6, "stamp: " + text, Stamped(says, change), moved=False,
                    gap=3, quick=text == "another port's rules")
