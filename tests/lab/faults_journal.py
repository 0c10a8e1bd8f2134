# SPDX-License-Identifier: Apache-2.0
"""Faults 7 and 8: the journal's disk is full, its file damaged, or of an older
version; two agents are started at once; the agent is updated in the middle of
a migration."""

import time

from faults_cut import STAGES
from faults_lab import GUEST, Fault
from harness import Failure, inside, lab, until

# The journal's folder for a while: its database leaves ovsdb-server first.
REMOVE = "ovs-appctl -t ovsdb-server ovsdb-server/remove-db Portferry"
FOLDER = "/var/lib/portferry"


class OtherJournal:
    """The destination's agent has a new journal, in a file system of 64 KiB,
    to which BREAK, a shell command, does something before it migrates, and
    MEND after that."""

    def __init__(self, before="true", break_="true", mend="true"):
        self.before = before
        self.break_ = break_
        self.mend = mend

    def __call__(self, world):
        to = world.to
        lab("agent", to, "stop")
        inside(to, "sh", "-ec", "%s; mount -t tmpfs -o size=64k,mode=0755 "
               "journal %s; cd %s; %s" % (REMOVE, FOLDER, FOLDER,
                                          self.before))
        try:
            lab("agent", to, "start")
            time.sleep(1)
            inside(to, "sh", "-c", "cd %s; %s" % (FOLDER, self.break_))
            result = world.migration().result()
            if "journal" not in result.stderr:
                raise Failure("virsh does not say that it is the journal: " +
                              result.stderr.strip())
            inside(to, "sh", "-c", "cd %s; %s" % (FOLDER, self.mend))
            self._moves_again(world)
        finally:
            lab("agent", to, "stop")
            inside(to, "sh", "-c", "%s; umount %s" % (REMOVE, FOLDER))
            lab("agent", to, "start")
        return result

    @staticmethod
    def _moves_again(world):
        """With a journal that is whole, the destination accepts the guest:
        it is asked, and the migration aborted."""
        until("the journal", lambda: "Portferry" in inside(
            world.to, "ovsdb-client", "list-dbs").stdout)
        said = ""
        end = time.monotonic() + 45
        while time.monotonic() < end:
            migration = world.migration("--live", "--p2p", "--bandwidth", "2")
            while migration.process.poll() is None:
                if world.journal_state(world.to) == "ready":
                    inside(world.at, "virsh", "--quiet", "domjobabort",
                           GUEST, check=False)
                    migration.result()
                    return
                time.sleep(0.1)
            said = migration.result().stderr.strip()
            time.sleep(1)
        raise Failure("refused with a journal that is whole: " + said)


# What makes the journal one that an older Portferry has made: a column has
# another name.
OLDER = r"""
schema=/run/older-schema
ovsdb-client get-schema Portferry |
    sed 's/"version":"[^"]*"/"version":"0.9.0"/; s/"peer":/"other":/' >$schema
%s
ovsdb-tool convert %s/portferry.db $schema
rm $schema %s/.portferry.db.tmp.~lock~
""" % (REMOVE, FOLDER, FOLDER)


def version(host):
    """The journal's; "" while it is not served."""
    return inside(host, "ovsdb-client", "get-schema-version", "Portferry",
                  check=False).stdout.strip()


class OlderJournal:
    """Portferry is updated on both hosts at STAGE, and what it finds is a
    journal of an older version."""

    def __init__(self, stage):
        self.stage = stage

    def __call__(self, world):
        versions = {host: until("the journal of host " + host,
                                lambda: version(host)) for host in "ab"}
        migration = self.stage(world)
        for host in "ab":
            lab("agent", host, "stop")
            inside(host, "sh", "-ec", OLDER)
            lab("agent", host, "start")
        for host in "ab":
            until("the journal of host %s to be converted" % host,
                  lambda: version(host) == versions[host])
        return migration.result()


def second_agent(world):
    """A second agent ends at once, and the first goes on."""
    for host in "ab":
        result = inside(host, "timeout", "10", "portferryd", check=False)
        if result.returncode in (0, 124) or "another" not in result.stderr:
            raise Failure("a second agent on host %s: exit status %d: %s" % (
                host, result.returncode, result.stderr.strip()))
    return world.migration().result()


class Updated:
    """The agent's files are replaced and it is restarted, at STAGE."""

    def __init__(self, stage):
        self.stage = stage

    def __call__(self, world):
        migration = self.stage(world)
        lab("install")
        for host in "ab":
            lab("agent", host, "restart")
        return migration.result()


def faults():
    yield Fault(7, "the journal's disk is full", OtherJournal(
        break_="dd if=/dev/zero of=filler bs=1k 2>/dev/null || :",
        mend="rm filler"), moved=False, gap=3, seconds=45)
    yield Fault(7, "the journal is damaged", OtherJournal(
        before="echo 'OVSDB JSON 10 0123' >portferry.db",
        mend="mv portferry.db damaged"), moved=False, gap=3, seconds=45)
    for text, stage in STAGES.items():
        yield Fault(7, "the journals are of an older version " + text,
                    OlderJournal(stage), moved=True, gap=12)
    yield Fault(8, "a second agent on each host", second_agent, moved=True)
    for text, stage in STAGES.items():
        yield Fault(8, "both agents updated " + text, Updated(stage),
                    moved=True, gap=12)
