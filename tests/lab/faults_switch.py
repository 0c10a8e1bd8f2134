# SPDX-License-Identifier: Apache-2.0
"""Fault 5: ovsdb-server and ovs-vswitchd are restarted, or stand still, on
either host.  And the agent's restart and absence (2), which are alike."""

import time

from faults_cut import STAGES, slowly, standing_still
from faults_lab import FORGET, Fault
from harness import inside, lab

# Longer than any deadline of the agent's.
STOP_SECONDS = 8

ABSENT = (
    "without its agent the source does what libvirt does: the port goes, and "
    "what it had besides itself stays until somebody takes it away")
SAVED = ("what restarts ovs-vswitchd saves the rules and brings them back, as "
         "ovs-ctl does: without that they are gone for every port of the host")

# What ovs-ctl does when it restarts ovs-vswitchd, which forgets all rules.
SAVE = r"""
of="ovs-ofctl -O OpenFlow15"
$of dump-groups br0 | sed -n 's/^ *group_id/group_id/p' >/run/saved-groups
$of dump-flows --no-stats br0 | sed -n 's/^ *\(.*actions=\)/\1/p' \
    >/run/saved-flows
$of dump-meters br0 | tr '\n' ' ' | sed 's/meter=/\nmeter=/g' |
    sed -n 's/^\(meter=[0-9]*\) \([a-z ]*\) bands= */\1 \2 band=/p' |
    sed 's/  */,/g; s/,$//' | sed '$a\' >/run/saved-meters
ovs-vsctl --no-wait set Open_vSwitch . other_config:flow-restore-wait=true
"""
RESTORE = """
of="ovs-ofctl -O OpenFlow15"
until $of show br0 >/dev/null 2>&1; do sleep 0.05; done
while read -r meter; do $of add-meter br0 "$meter"; done </run/saved-meters
$of add-groups br0 /run/saved-groups
$of --bundle replace-flows br0 /run/saved-flows
rm /run/saved-*
ovs-vsctl --no-wait remove Open_vSwitch . other_config flow-restore-wait
"""


class Restarted:
    """DAEMON of ROLE's host is restarted at STAGE."""

    def __init__(self, role, daemon, stage):
        self.role = role
        self.daemon = daemon
        self.stage = stage

    def __call__(self, world):
        host = world.at if self.role == "source" else world.to
        keep = self.daemon == "ovs-vswitchd" and self.role == "source"
        migration = self.stage(world)
        if keep:
            inside(host, "sh", "-ec", SAVE)
        lab(self.daemon, host, "restart")
        if keep:
            inside(host, "sh", "-ec", RESTORE)
        return migration.result()


class StandsStill:
    """ovs-vswitchd of ROLE's host stands still from STAGE on."""

    def __init__(self, role, stage, seconds=STOP_SECONDS):
        self.role = role
        self.stage = stage
        self.seconds = seconds

    def __call__(self, world):
        host = world.at if self.role == "source" else world.to
        pid = world.pid(host, "ovs-vswitchd")
        if not self.stage:
            world.signal(host, pid, "STOP")
            migration = world.migration()
        else:
            migration = self.stage(world)
            world.signal(host, pid, "STOP")
        try:
            time.sleep(self.seconds)
        finally:
            world.signal(host, pid, "CONT")
        return migration.result()


class AgentAway:
    """ROLE's agent is stopped for the whole of a migration."""

    def __init__(self, role):
        self.role = role

    def __call__(self, world):
        host = world.at if self.role == "source" else world.to
        lab("agent", host, "stop")
        try:
            result = world.migration().result()
        finally:
            lab("agent", host, "start")
        if self.role == "source":
            inside(host, "sh", "-c", FORGET)
        return result


def both_restarted(world):
    """ovsdb-server and ovs-vswitchd of both hosts, without a migration."""
    for host in "ab":
        inside(host, "sh", "-ec", SAVE)
        lab("ovsdb-server", host, "restart")
        lab("ovs-vswitchd", host, "restart")
        inside(host, "sh", "-ec", RESTORE)
    time.sleep(1)
    return None


def faults():
    for role, moved in ("destination", False), ("source", True):
        yield Fault(2, "%s's agent is not there" % role, AgentAway(role),
                    moved=moved, gap=6, quick=True,
                    note=ABSENT if role == "source" else "")
        for text, stage in STAGES.items():
            yield Fault(2, "%s's agent restarted %s" % (role, text),
                        Restarted(role, "agent", stage), moved=True, gap=12)
    for daemon in "ovsdb-server", "ovs-vswitchd":
        for role in "destination", "source":
            for text, stage in STAGES.items():
                yield Fault(5, "%s's %s restarted %s" % (role, daemon, text),
                            Restarted(role, daemon, stage), gap=15,
                            note=SAVED if daemon == "ovs-vswitchd"
                            and role == "source" else "",
                            quick=(stage == slowly and daemon == "ovsdb-server"
                                   and role == "destination"))
    yield Fault(5, "destination's ovs-vswitchd stands still at the check",
                StandsStill("destination", None), moved=False, quick=True)
    yield Fault(5, "source's ovs-vswitchd stands still from the start",
                StandsStill("source", None), gap=STOP_SECONDS + 8)
    for role in "destination", "source":
        yield Fault(5, "%s's ovs-vswitchd stands still after the stop" % role,
                    StandsStill(role, standing_still), gap=STOP_SECONDS + 12)
    yield Fault(5, "ovsdb-server and ovs-vswitchd restarted at rest",
                both_restarted, moved=False)
