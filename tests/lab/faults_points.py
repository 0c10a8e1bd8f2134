# SPDX-License-Identifier: Apache-2.0
"""Faults 2 and 3: the agent is killed, stopped, or fails, at each request of
the state machine and at each undoing of it.

A point is one of fault.h: "kill before source/save".  What an undoing needs
to come about is a failure of libvirt's, or another point before.
"""

import time

from faults_lab import GUEST, Fault
from harness import Events, inside, until

# States that carry out a request, in their order, and whether the guest moves
# if the agent is killed there: refused as long as a hook waits for the agent,
# and never held up later.
DESTINATION = [("check-create", False), ("check-verify", False),
               ("check-delete", False), ("create", False), ("add", False),
               ("take", False), ("nic-create", True), ("nic-connect", True),
               ("nic-restore", True), ("finish", True)]
SOURCE = [("open", True), ("precopy-write", True), ("save", True),
          ("disconnect", True), ("nic-delete", True), ("teardown", True),
          ("port-delete", True), ("mark", True), ("finish", True)]
# Longer than a hook waits for the agent; and, where none does, long enough for
# libvirt to be through with the migration.
HOOK_SECONDS = 12
STOP_SECONDS = 6

QUICK = ("kill before destination/check-verify",
         "kill after destination/take",
         "kill before destination/nic-restore",
         "kill after source/save",
         "kill after source/port-delete", "kill before source/undo",
         "kill after destination/clean")


def migrated(world):
    """Migrates the guest."""
    return world.migration().result()


def aborted(world):
    """A migration that is aborted before the switchover."""
    migration = world.migration("--live", "--p2p", "--bandwidth", "2")
    source, to = world.at, world.to
    until("the destination to be ready", lambda: (
        world.journal_state(to) == "ready"
        and world.journal_state(source) == "precopy"))
    inside(source, "virsh", "--quiet", "domjobabort", GUEST, check=False)
    return migration.result()


def long_stop(world):
    """Begins a migration in which the guest stands still for seconds, so that
    things can be broken before it runs elsewhere.  Returns it."""
    source = world.at
    migration = world.migration("--live", "--p2p", "--bandwidth", "10")
    world.qemu(world.to)
    until("the migration on " + source, lambda: not inside(
        source, "virsh", "--quiet", "migrate-setmaxdowntime", GUEST, "5000",
        check=False).returncode)
    return migration


def broken(world):
    """The destination's QEMU is killed when the source's port is gone."""
    to = world.to
    with Events(world.at) as events:
        migration = long_stop(world)
        qemu = world.qemu(to)
        events.wait_for("Suspended")
        inside(to, "kill", "-KILL", qemu, check=False)
        return migration.result()


def held(world):
    """The guest stands still for so long that an agent that was killed is
    back before it runs elsewhere."""
    to = world.to
    with Events(world.at) as events:
        migration = long_stop(world)
        qemu = world.qemu(to)
        stop = world.trigger(to, qemu, "STOP")
        events.wait_for("Suspended")
        stop()
    time.sleep(2)
    world.signal(to, qemu, "CONT")
    return migration.result()


def paused(world):
    """A guest that is paused all the time, and resumed in the end."""
    inside(world.at, "virsh", "--quiet", "suspend", GUEST)
    result = world.migration().result()
    inside(world.at if result.returncode else world.to, "virsh", "--quiet",
           "resume", GUEST)
    return result


class AtPoint:
    """Injects POINTS on the host of ROLE, while PROVOKE(world) goes on."""

    def __init__(self, role, points, provoke=migrated):
        self.role = role
        self.points = points
        self.provoke = provoke

    def __call__(self, world):
        host = world.at if self.role == "source" else world.to
        world.arm(host, *self.points)
        result = self.provoke(world)
        until("the point to be reached: %s" % (self.points,),
              lambda: not world.is_armed(host), 15)
        return result


class Stopped:
    """Stops the agent at POINT for so long, while the guest migrates."""

    def __init__(self, role, point, seconds):
        self.role = role
        self.point = point
        self.seconds = seconds

    def __call__(self, world):
        host = world.at if self.role == "source" else world.to
        world.arm(host, self.point)
        migration = world.migration()
        try:
            until("the point to be reached: %s" % self.point,
                  lambda: not world.is_armed(host), 15)
            time.sleep(self.seconds)
        finally:
            world.signal(host, world.agent_pid(host), "CONT")
        return migration.result()


def _kills():
    for role, states in (("destination", DESTINATION), ("source", SOURCE)):
        for state, moved in states:
            for when in "before", "after":
                point = "kill %s %s/%s" % (when, role, state)
                # A check of which nothing more is heard expires after 30 s.
                yield Fault(3, point, AtPoint(role, [point]), moved=moved,
                            seconds=45, quick=point in QUICK)


def _kills_held():
    """The same in the switchover, when the killed agent comes back in time to
    go on."""
    for state, moved in SOURCE[2:-1]:
        for when in "before", "after":
            point = "kill %s source/%s" % (when, state)
            yield Fault(3, point + ", back in time",
                        AtPoint("source", [point], held), moved=moved,
                        gap=10, seconds=45,
                        quick=point == "kill before source/port-delete")


# What an undoing needs: its state, what provokes it, the points before it.
UNDOING = [
    ("destination", "check-refuse", migrated,
     ["fail in destination/check-verify"], False),
    ("destination", "clean", aborted, [], False),
    ("destination", "clean-failed", migrated,
     ["fail in destination/add"], False),
    ("source", "undo-keep", migrated, ["fail in source/teardown"], None),
    ("source", "undo", broken, [], False),
    ("source", "clear", aborted, [], False),
    ("source", "close", migrated, ["fail in source/save"], None),
    ("source", "pause-save", paused, [], True),
    ("source", "pause-disconnect", paused, [], True),
]


def _undoings():
    for role, state, provoke, before, moved in UNDOING:
        for when in "before", "after":
            point = "kill %s %s/%s" % (when, role, state)
            yield Fault(3, point, AtPoint(role, before + [point], provoke),
                        moved=moved, gap=10, quick=point in QUICK)


def _failures():
    for role, states in (("destination", DESTINATION), ("source", SOURCE)):
        for state, moved in states:
            point = "fail in %s/%s" % (role, state)
            # A source whose request fails asks libvirt to abort, which may
            # come too late.
            yield Fault(3, point, AtPoint(role, [point]),
                        moved=None if role == "source" and moved else moved,
                        quick=point == "fail in source/disconnect")


def _stops():
    for role, states in (("destination", DESTINATION), ("source", SOURCE)):
        for state, moved in states:
            point = "stop before %s/%s" % (role, state)
            seconds = STOP_SECONDS if moved else HOOK_SECONDS
            yield Fault(2, point, Stopped(role, point, seconds),
                        moved=moved, gap=seconds + 8, seconds=45,
                        quick=point == "stop before destination/check-create")


def faults():
    yield from _kills()
    yield from _kills_held()
    yield from _undoings()
    yield from _failures()
    yield from _stops()


