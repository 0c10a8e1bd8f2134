# SPDX-License-Identifier: Apache-2.0
"""Fault 4: migrations that are aborted, lose their QEMU, a libvirtd, or the
link between the hosts.

Who runs the guest in the end is libvirt's to say, and in two cases libvirt
does not: a guest that it leaves paused on the source is resumed by a person,
and a guest that it runs on both hosts is ended on one.
"""

import subprocess
import time

from faults_lab import FORGET, GUEST, PORT, Fault, other
from faults_points import aborted, broken, long_stop
from harness import (LAB, Events, Failure, guest_state, inside, lab, port,
                     until)

# libvirt's keepalive in this lab gives up after some 4 s: faults_lab.py.
CUT_SECONDS = 9

UNDECIDED = (
    "libvirt decides who runs the guest, and may leave it paused where it "
    "was: its port stays a carrier there, which claims nothing, until a "
    "person resumes the guest or ends it")
BOTH = (
    "libvirt's own case: it may resume the guest on the source while it runs "
    "on the destination.  The port comes back on the source then, and both "
    "claim the NIC until a person ends one; nothing on one host can see both")


class Slow:
    """A migration that lasts, until its result is asked for."""

    def __init__(self, source, migration):
        self.source = source
        self.migration = migration

    def result(self):
        inside(self.source, "virsh", "--quiet", "migrate-setspeed", GUEST,
               "1000", check=False)
        return self.migration.result()


def slowly(world):
    """Begins a migration that lasts, and waits until memory is copied."""
    source, to = world.at, world.to
    migration = world.migration("--live", "--p2p", "--bandwidth", "4")
    until("memory to be copied", lambda: (
        world.journal_state(to) == "ready"
        and world.journal_state(source) == "precopy"))
    return Slow(source, migration)


class Held:
    """A migration whose guest stands still because the destination's QEMU
    does, until its result is asked for."""

    def __init__(self, world, migration, qemu):
        self.world = world
        self.host = world.to
        self.migration = migration
        self.qemu = qemu

    def result(self):
        self.world.signal(self.host, self.qemu, "CONT")
        return self.migration.result()


def standing_still(world):
    """Begins a migration whose guest stands still, its port gone from the
    source."""
    source, to = world.at, world.to
    with Events(source) as events:
        migration = long_stop(world)
        qemu = world.qemu(to)
        stop = world.trigger(to, qemu, "STOP")
        events.wait_for("Suspended")
        stop()
    until("the source's port to be gone",
          lambda: world.journal_state(source) == "deleted", 5)
    return Held(world, migration, qemu)


def finishing(world):
    """Begins a migration, and holds up ovs-vswitchd of the destination in
    libvirt's last step there.  Returns it and what lets go."""
    source, to = world.at, world.to
    pid = world.pid(to, "ovs-vswitchd")
    with Events(source) as events:
        stop = world.trigger(to, pid, "STOP")
        migration = long_stop(world)
        events.wait_for("Suspended")
        stop()
    try:
        until("libvirt's last step", lambda: "external_ids:PortData=" in
              inside(to, "ps", "-e", "-o", "args").stdout, 5)
    except Failure:
        world.signal(to, pid, "CONT")
        raise
    return migration, lambda: world.signal(to, pid, "CONT")


STAGES = {"while memory is copied": slowly,
          "when the source's port is gone": standing_still}


def running(seconds):
    """The hosts on which the guest runs; waits for one so long."""
    end = time.monotonic() + seconds
    while True:
        hosts = [h for h in "ab" if guest_state(h, GUEST) == "running"]
        if hosts or time.monotonic() > end:
            return hosts
        time.sleep(0.1)


def decide(world, source):
    """A person does what libvirt leaves to a person."""
    if not running(12):
        inside(source, "virsh", "--quiet", "resume", GUEST, check=False)
    where = running(12)
    if not where:
        raise Failure("the guest runs nowhere")
    # What waits elsewhere, libvirt may still be about to end by itself.
    elsewhere = other(where[0])
    end = time.monotonic() + 6
    while guest_state(elsewhere, GUEST) and time.monotonic() < end:
        time.sleep(0.1)
    if guest_state(elsewhere, GUEST) == "paused":
        check_carrier(elsewhere)
        inside(elsewhere, "virsh", "--quiet", "destroy", GUEST, check=False)


def check_carrier(host):
    """A paused guest's port on HOST claims nothing."""
    row = port(host, PORT)["Interface"]
    claims = [key for key, _ in row["external_ids"][1]
              if key in ("iface-id", "attached-mac")]
    if row["type"] != "patch" or claims:
        raise Failure("host %s: the paused guest's port is %s" % (host, row))


# ---- The faults -----------------------------------------------------------

def abort_standing_still(world):
    """QEMU's monitor on the source may wait for the destination's QEMU, which
    stands still, and virsh with it."""
    migration = standing_still(world)
    abort = subprocess.Popen(
        [LAB, "in", world.at, "virsh", "--quiet", "domjobabort", GUEST],
        stderr=subprocess.DEVNULL)
    time.sleep(1)
    result = migration.result()
    abort.wait()
    return result


def kill_qemu(world):
    to = world.to
    migration = slowly(world)
    inside(to, "kill", "-KILL", world.qemu(to))
    return migration.result()


def kill_qemu_finishing(world):
    """Finish fails: QEMU dies while it waits for ovs-vswitchd."""
    to = world.to
    migration, let_go = finishing(world)
    try:
        inside(to, "kill", "-KILL", world.qemu(to))
        time.sleep(0.5)
    finally:
        let_go()
    return migration.result()


class KillLibvirtd:
    def __init__(self, role, stage):
        self.role = role
        self.stage = stage

    def __call__(self, world):
        source = world.at
        host = source if self.role == "source" else world.to
        migration = self.stage(world)
        lab("libvirtd", host, "kill")
        result = migration.result()
        lab("libvirtd", host, "start")
        decide(world, source)
        # The journal, not virsh, knows how a migration went whose libvirtd
        # has died.
        return None if self.role == "source" else result


class CutLink:
    """Management's link, over which libvirt and QEMU talk, is cut for longer
    than libvirt's keepalive waits."""

    def __init__(self, stage):
        self.stage = stage

    def __call__(self, world):
        source = world.at
        migration = self.stage(world)
        inside("b", "ip", "link", "set", "mgmt0", "down")
        try:
            time.sleep(CUT_SECONDS)
        finally:
            inside("b", "ip", "link", "set", "mgmt0", "up")
        result = migration.result()
        decide(world, source)
        return result


def lose_last_answer(world):
    """libvirt's own case: it may run the guest on both hosts."""
    source, to = world.at, world.to
    migration, let_go = finishing(world)
    inside("b", "ip", "link", "set", "mgmt0", "down")
    try:
        let_go()
        time.sleep(CUT_SECONDS)
    finally:
        inside("b", "ip", "link", "set", "mgmt0", "up")
    result = migration.result()
    decide(world, source)
    if len(running(1)) == 2:
        inside(to, "virsh", "--quiet", "destroy", GUEST)
        inside(to, "sh", "-c", FORGET)
    return result


def faults():
    yield Fault(4, "domjobabort while memory is copied", aborted, moved=False,
                quick=True)
    yield Fault(4, "domjobabort when the source's port is gone",
                abort_standing_still, gap=15)
    yield Fault(4, "destination's QEMU killed while memory is copied",
                kill_qemu, moved=False)
    yield Fault(4, "destination's QEMU killed after the stop", broken,
                moved=False, gap=10, quick=True)
    yield Fault(4, "destination's QEMU killed in the last step",
                kill_qemu_finishing, moved=False, gap=25)
    for role in "destination", "source":
        for text, stage in STAGES.items():
            yield Fault(4, "%s's libvirtd killed %s" % (role, text),
                        KillLibvirtd(role, stage), gap=40, seconds=45,
                        note=UNDECIDED if stage == standing_still else "")
    for text, stage in STAGES.items():
        yield Fault(4, "link cut %s" % text, CutLink(stage), gap=40,
                    seconds=45)
    yield Fault(4, "link cut: the last step's answer is lost",
                lose_last_answer, gap=40, seconds=45, both=True, note=BOTH)
