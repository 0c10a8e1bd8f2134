# SPDX-License-Identifier: Apache-2.0
"""Fault 6, and on-restore-failure: data that is right but not for the
destination, and data that is too large for PortData.

While memory is copied the port is changed on the source, so that the stamp no
longer says all: what PortData has then is refused at nic-restore, or has no
room in it.
"""

import random
import re

import harness
import invariants
from faults_cut import running, slowly
from faults_lab import GUEST, MAC, PORT, Fault
from faults_refused import define, element, unchanged
from harness import Failure, guest_shell, inside, lab, output, until

# The port's queue has 1 Mbit/s, and then 5: more than the destination has.
CAPACITY = "<portferry:bandwidth capacity='2' unit='Mbit/s'/>"
REQUIRED = "<portferry:extension name='%s' required='yes'/>"
ON_FAILURE = "<portferry:on-restore-failure action='%s'/>"
MORE = "ovs-vsctl set Queue %s other-config:min-rate=5000000"
# What keeps the guest's memory changing: two megabytes again and again.
CHANGE = "(while :; do cat /bin/busybox >/changing; done) & echo $! >/changer"
REST = "kill $(cat /changer); rm /changing /changer"
# Rules that no compression makes small: 14 random bytes in each.
N_RULES = 12000
COOKIE = 0x7067


def last_journal(host):
    return invariants.read(host).journal[-1]


def expect(host, outcome, *texts):
    """The newest migration of HOST's journal ends as OUTCOME, and says
    TEXTS."""
    until("the migration to end on host " + host,
          lambda: last_journal(host)["outcome"] != "running", 15)
    row = last_journal(host)
    missing = [text for text in texts if text not in (row["error"] or "")]
    if row["outcome"] != outcome or missing:
        raise Failure("host %s: the journal says %s: %s; wanted: %s %s" % (
            host, row["outcome"], row["error"], outcome, missing))


def moves_with_more_rate(world, xml):
    """The guest moves to a host whose network has XML, and which refuses the
    rate that its queue has by then."""
    source, to = world.at, world.to
    queue = output(source, "ovs-vsctl", "--bare", "get", "QoS", output(
        source, "ovs-vsctl", "get", "Port", PORT, "qos").strip(),
        "queues:1").strip()
    define(to, element(CAPACITY + xml))
    try:
        migration = slowly(world)
        inside(source, "sh", "-ec", MORE % queue)
        result = migration.result()
        expect(to, "degraded", "qos")
    finally:
        define(to, unchanged)
    return result


def release(world):
    """The port is closed until somebody opens it."""
    to = world.to
    for _ in range(2):
        status = output(to, "portferry", "status")
        if "Port %s is quarantined" % PORT not in status:
            raise Failure("portferry status says: " + status)
        if "NO_FWD" not in output(to, "ovs-ofctl", "show", "br0").split(
                "(%s)" % PORT)[1].split("(")[0]:
            raise Failure("the gate of the quarantined port is open")
        lab("agent", to, "restart")
        until("the agent to be back", lambda: not inside(
            to, "portferry", "status", check=False).returncode)
    # An agent that has just begun asks to be asked again.
    until("the release of the port", lambda: not inside(
        to, "portferry", "release", PORT, check=False).returncode, 5)


class Refused:
    """Run-time data that the destination refuses, with XML in its network.
    QUARANTINED says whether the port is closed then."""

    def __init__(self, xml, quarantined):
        self.xml = xml
        self.quarantined = quarantined

    def __call__(self, world):
        result = moves_with_more_rate(world, self.xml)
        if self.quarantined:
            release(world)
        elif "quarantined" in output(world.to, "portferry", "status"):
            raise Failure("the port is quarantined")
        return result


def iterating(world):
    """Begins a migration that goes on and on, because the guest changes more
    than it copies, until it is let end."""
    source = world.at
    guest_shell(source, GUEST, CHANGE)
    migration = world.migration("--live", "--p2p", "--bandwidth", "8")
    until("the migration on " + source, lambda: not inside(
        source, "virsh", "--quiet", "migrate-setmaxdowntime", GUEST, "1",
        check=False).returncode)
    until("memory to be copied",
          lambda: world.journal_state(source) == "precopy", 15)
    return migration


def port_number(host):
    return output(host, "ovs-vsctl", "get", "Interface", PORT,
                  "ofport").strip()


def rules(port):
    """Many rules of PORT, as ovs-ofctl reads them."""
    return "\n".join(
        "cookie=%#x,priority=30,in_port=%s,dl_src=%s,tcp,nw_dst=%d.%d.%d.%d,"
        "tp_dst=%d actions=drop" % (
            COOKIE | random.getrandbits(40) << 16, port, MAC,
            *random.randbytes(4), random.getrandbits(16))
        for _ in range(N_RULES))


class TooLarge:
    """The port's rules get too many for PortData while memory is copied."""

    def __init__(self, required):
        self.required = required

    def __call__(self, world):
        source, to = world.at, world.to
        xml = element(REQUIRED % "flows") if self.required else unchanged
        for host in source, to:
            define(host, xml)
        world.ready()
        try:
            migration = iterating(world)
            inside(source, "ovs-ofctl", "--bundle", "add-flows", "br0", "-",
                   text=rules(port_number(source)))
            if self.required:
                result = migration.result()
                self._is_refused(source, result)
            else:
                self._is_left_out(source)
                inside(source, "virsh", "--quiet", "migrate-setmaxdowntime",
                       GUEST, "5000")
                inside(source, "virsh", "--quiet", "migrate-setspeed", GUEST,
                       "1000")
                result = migration.result()
                expect(to, "degraded")
        finally:
            for host in source, to:
                inside(host, "ovs-ofctl", "del-flows", "br0",
                       "cookie=%#x/0xffff" % COOKIE)
                define(host, unchanged)
            guest_shell(running(12)[0], GUEST, REST)
        return result

    @staticmethod
    def _is_refused(source, result):
        if not result.returncode:
            raise Failure("the guest has moved")
        row = last_journal(source)
        if not re.search(r"PortData.* [0-9]{6,} .*131049", row["error"]):
            raise Failure("the journal does not say how large it is, and how "
                          "large it may be: %s" % row["error"])

    @staticmethod
    def _is_left_out(source):
        until("the warning", lambda: "what extension 'flows' has is left out" in
              output(source, "cat", "/var/log/openvswitch/portferryd.log"))


def faults():
    for text, xml, quarantined in (
            ("refused, by default", "", False),
            ("refused, of a required extension", REQUIRED % "qos", True),
            ("refused, on-restore-failure=quarantine",
             ON_FAILURE % "quarantine", True),
            ("refused, required, on-restore-failure=continue",
             REQUIRED % "qos" + ON_FAILURE % "continue", False)):
        yield Fault(6, "run-time data " + text, Refused(xml, quarantined),
                    moved=True, gap=12 if quarantined else 5,
                    quick=text.endswith("quarantine"))
    yield Fault(6, "state too large for PortData", TooLarge(False),
                moved=True)
    yield Fault(6, "state too large for PortData, of a required extension",
                TooLarge(True), moved=False)
