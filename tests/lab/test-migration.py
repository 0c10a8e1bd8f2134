#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Migrations in the lab: real libvirtd, QEMU, ovsdb-server and ovs-vswitchd on
two hosts, and nothing but `virsh migrate'.

Run by tests/check; by hand, as root: PF_STAGE=DESTDIR ./test-migration.py
[TEST...].  Prints TAP.
"""

import re
import subprocess
import time
import unittest

import harness
from harness import (Capture, Events, Migration, guest_state, has_port,
                     inside, lab, leftovers, migrate, output, ping, ping_gaps,
                     port, settled, stamp_of, start_guest, stop_guest, until,
                     wait_for_new_stamp, wait_for_stamp)

MAC = "52:54:00:aa:00:0%d"
WEB = "network=ovsnet,portgroup=web,mac=%s,target=%s,ip=10.99.42.%d/24"
# Long enough between the guest's stop and its run elsewhere to do things.
SLOW = ("--live", "--p2p", "--bandwidth", "20")


def other(host):
    return "b" if host == "a" else "a"


class LabTest(unittest.TestCase):
    """A test that begins with an empty lab and leaves it empty."""

    maxDiff = None

    def setUp(self):
        self.names = []
        self.addCleanup(self.clean)

    def clean(self):
        for name in self.names:
            stop_guest(name)

    def start(self, name, *nics, stamped=True, host="a"):
        self.names.append(name)
        start_guest(host, name, *nics)
        # The client forgets where an earlier guest with that address was.
        inside("c", "ip", "neigh", "flush", "all")
        if stamped:
            wait_for_stamp(host, name)

    def assert_order(self, host, *macs):
        """The newest migration into HOST went in the documented order."""
        trace = settled(host)
        self.assertEqual((trace["role"], trace["outcome"], trace["error"]),
                         ("destination", "completed", None))
        source = settled(other(host))
        self.assertEqual((source["role"], source["outcome"], source["error"]),
                         ("source", "completed", None))
        steps = harness.whole_steps(trace, source)
        for mac in macs:
            self.assertEqual([], harness.order_problems(steps, mac))
        if trace["level"] == "deleted":
            self.assertEqual(len(steps), len(trace["steps"]))
        return steps

    def assert_nothing_left(self):
        for host in "ab":
            settled(host)
            until("leftovers on host %s to go: %s" % (host, leftovers(host)),
                  lambda: not leftovers(host), 10)

    def assert_outcome(self, host, role, outcome):
        trace = settled(host)
        self.assertEqual((role, outcome), (trace["role"], trace["outcome"]),
                         trace)
        return trace


class Order(LabTest):
    """The main job."""

    def test_port_arrives_whole_and_returns_whole(self):
        self.start("vm1", WEB % (MAC % 1, "web0", 11))
        inside("a", "ovs-vsctl", "set", "Port", "web0",
               "external_ids:owner=alice", "other_config:transient=false",
               "protected=true",
               "--", "set", "Interface", "web0", "external_ids:site=berlin",
               "mtu_request=1400", "ingress_policing_rate=90000",
               "ingress_policing_burst=9000", "other_config:shaped=yes")
        until("the stamp to follow", lambda: "berlin" in
              harness.stamp_of("a", "vm1"), 5)
        before = port("a", "web0")
        self.assertTrue(ping("10.99.42.11"), "ping before")

        for source in "ab":
            with Events(other(source)) as there, Events(source) as here:
                result, gaps = ping_gaps(
                    ["10.99.42.11"],
                    harness.migrate_command("vm1", source))
                self.assertEqual(0, result.returncode, result.stderr)
                runs = there.wait_for("Resumed")
                here.wait_for("Stopped Migrated")
            harness.log("# %s -> %s: gap %s ms" % (source, other(source),
                                                   gaps))
            steps = self.assert_order(other(source), MAC % 1)
            self.assertLess(harness.ends_at(steps, "property-add",
                                            "operational"), runs)
            gone = harness.ends_at(steps, "port-delete", "operational")
            connects = [s for s in steps if s["request"] == "nic-connect"]
            self.assertLess(gone, connects[0]["time_us"] / 1e6)
            self.assertEqual(before, port(other(source), "web0"))
            self.assertFalse(has_port(source, "web0"))
            self.assertTrue(ping("10.99.42.11"), "ping after")
            self.assert_nothing_left()
            self.assert_outcome(source, "source", "completed")
            wait_for_stamp(other(source), "vm1")

    def test_change_at_the_last_moment_arrives(self):
        self.start("vm1", WEB % (MAC % 1, "web0", 11))
        # libvirt writes no metadata during a migration: the stamp stays.
        migration = Migration("vm1", "a", "--live", "--p2p", "--bandwidth",
                              "8")
        until("the migration on a", lambda: harness.portferry(
            "a", "status")["migrations"])
        inside("a", "ovs-vsctl", "set", "Port", "web0", "tag=50",
               "external_ids:late=yes")
        result = migration.result()
        self.assertEqual(0, result.returncode, result.stderr)
        self.assert_order("b", MAC % 1)
        row = port("b", "web0")["Port"]
        self.assertEqual((50, [["late", "yes"]]),
                         (row["tag"], row["external_ids"][1]))
        self.assert_nothing_left()

    def test_first_nic_on_linux_bridge_others_ours(self):
        self.start("vm2", "bridge=lbr0,mac=%s,ip=10.99.0.20/24" % (MAC % 1),
                   WEB % (MAC % 2, "web1", 20),
                   "network=ovsnet,portgroup=trunk,mac=%s,target=trk0,"
                   "ip=10.99.42.21/24,ip.50=10.99.50.21/24" % (MAC % 3))
        addresses = ["10.99.0.20", "10.99.42.20", "10.99.50.21"]
        before = [port("a", name) for name in ("web1", "trk0")]
        for source in "ab":
            result, gaps = ping_gaps(addresses, harness.migrate_command(
                "vm2", source))
            self.assertEqual(0, result.returncode, result.stderr)
            harness.log("# %s -> %s: gaps %s ms" % (source, other(source),
                                                    gaps))
            self.assert_order(other(source), MAC % 2, MAC % 3)
            self.assertEqual(before, [port(other(source), name)
                                      for name in ("web1", "trk0")])
            self.assert_nothing_left()
            wait_for_stamp(other(source), "vm2")
        for address in addresses:
            self.assertTrue(ping(address), address)

    def test_name_of_libvirts_choice_becomes_stable(self):
        self.start("vm1", "network=ovsnet,portgroup=web,mac=%s,"
                   "ip=10.99.42.11/24" % (MAC % 1))
        migrate("vm1", "a")
        self.assert_order("b", MAC % 1)
        self.assertTrue(has_port("b", "pf525400aa0001"), harness.ports("b"))
        wait_for_stamp("b", "vm1")
        migrate("vm1", "b")
        self.assertTrue(has_port("a", "pf525400aa0001"), harness.ports("a"))
        self.assertTrue(ping("10.99.42.11"))
        self.assert_nothing_left()

    def test_unstamped_guest_gets_what_its_xml_says(self):
        lab("agent", "a", "stop")
        self.addCleanup(lab, "agent", "a", "start")
        self.start("vm1", WEB % (MAC % 1, "web0", 11), stamped=False)
        migrate("vm1", "a")
        self.assert_outcome("b", "destination", "completed")
        self.assertEqual(42, port("b", "web0")["Port"]["tag"])
        self.assertTrue(ping("10.99.42.11"))
        lab("agent", "a", "start")
        self.assert_nothing_left()

    def test_stamp_that_somebody_changes_is_written_again(self):
        self.start("vm1", WEB % (MAC % 1, "web0", 11))
        stamp = harness.stamp_of("a", "vm1")
        for change in (("--remove",),
                       ("--key", "portferry", "--set", "<stamp version='1'/>"),
                       ("--key", "portferry", "--set", "<other/>")):
            inside("a", "virsh", "--quiet", "metadata", "vm1",
                   "urn:portferry:domain:1.0", "--live", *change)
            harness.until("the stamp after %s" % (change,),
                          lambda: harness.stamp_of("a", "vm1") == stamp)

    def test_stamp_that_cannot_be_read_again_is_written_once(self):
        self.start("vm1", WEB % (MAC % 1, "web0", 11))
        for iface_id in ("no-uuid", "0D0C6D0E-0000-4000-8000-00000000000D"):
            inside("a", "ovs-vsctl", "set", "Interface", "web0",
                   "external_ids:iface-id=" + iface_id)
            harness.until("a stamp with " + iface_id, lambda: 'iface-id="%s"'
                          % iface_id in harness.output(
                              "a", "virsh", "metadata", "vm1",
                              "urn:portferry:domain:1.0"))
            events = inside("a", "virsh", "event", "--domain", "vm1",
                            "--event", "metadata-change", "--loop",
                            "--timeout", "2", check=False).stdout
            self.assertLessEqual(events.count("'metadata-change'"), 1, events)

    def test_paused_guest_moves_and_stays_paused(self):
        self.start("vm1", WEB % (MAC % 1, "web0", 11))
        before = port("a", "web0")
        inside("a", "virsh", "--quiet", "suspend", "vm1")
        migrate("vm1", "a", "--p2p", "--live")
        trace = settled("b")
        self.assertEqual("completed", trace["outcome"], trace)
        self.assertEqual("paused", guest_state("b", "vm1"))
        self.assertEqual(before, port("b", "web0"))
        inside("b", "virsh", "--quiet", "resume", "vm1")
        self.assertTrue(ping("10.99.42.11"))
        self.assert_nothing_left()


class Variants(LabTest):
    """The other ways in which libvirt moves, saves and restores guests."""

    def setUp(self):
        super().setUp()
        self.start("vm1", WEB % (MAC % 1, "web0", 11))
        self.before = port("a", "web0")

    def assert_moved(self, state="running"):
        self.assert_outcome("b", "destination", "completed")
        self.assertEqual(state, guest_state("b", "vm1"))
        self.assertEqual(self.before, port("b", "web0"))
        self.assertFalse(has_port("a", "web0"))
        if state != "running":
            inside("b", "virsh", "--quiet", "resume", "vm1")
        self.assertTrue(ping("10.99.42.11"))
        self.assert_nothing_left()

    def test_direct(self):
        migrate("vm1", "a", "--live")
        self.assert_moved()

    def test_not_live(self):
        migrate("vm1", "a", "--p2p")
        self.assert_moved()

    def test_arrives_suspended(self):
        migrate("vm1", "a", "--live", "--p2p", "--suspend")
        self.assert_moved("paused")

    def test_arrives_suspended_and_is_announced_when_resumed(self):
        """The address is only in its rules: neither QEMU nor the guest
        announces that."""
        stamp = stamp_of("a", "vm1")
        inside("a", "ovs-ofctl", "add-flow", "br0",
               "priority=9,arp,in_port=web0,arp_spa=10.99.42.77,"
               "actions=NORMAL")
        self.addCleanup(inside, "b", "ovs-ofctl", "del-flows", "br0",
                        "arp,arp_spa=10.99.42.77")
        wait_for_new_stamp("a", "vm1", stamp)
        migrate("vm1", "a", "--live", "--p2p", "--suspend")
        self.assert_outcome("b", "destination", "completed")
        with Capture("c") as capture:
            inside("b", "virsh", "--quiet", "resume", "vm1")
            until("the counters of other hosts to be written down",
                  lambda: "portferry-counters" in output(
                      "b", "ovs-vsctl", "get", "Interface", "web0",
                      "external_ids"))
            time.sleep(1.5)
            frames = capture.frames()
        announced = [frame for frame in frames
                     if frame.get("spa") == "10.99.42.77"
                     and frame["dev"] == "up0_b"]
        self.assertEqual(5, len(announced), announced)

    def test_post_copy(self):
        migrate("vm1", "a", "--live", "--p2p", "--postcopy",
                "--postcopy-after-precopy")
        self.assert_moved()

    def test_tunnelled(self):
        migrate("vm1", "a", "--live", "--p2p", "--tunnelled")
        self.assert_moved()

    def test_persistent(self):
        migrate("vm1", "a", "--live", "--p2p", "--persistent")
        self.addCleanup(inside, "b", "virsh", "--quiet", "undefine", "vm1",
                        check=False)
        self.assert_moved()

    def test_offline_leaves_nothing(self):
        xml = output("a", "virsh", "dumpxml", "--migratable", "vm1")
        inside("a", "virsh", "--quiet", "destroy", "vm1")
        inside("a", "virsh", "--quiet", "define", "/dev/stdin", text=xml)
        self.addCleanup(inside, "a", "virsh", "--quiet", "undefine", "vm1",
                        check=False)
        migrate("vm1", "a", "--offline", "--persistent")
        self.addCleanup(inside, "b", "virsh", "--quiet", "undefine", "vm1",
                        check=False)
        self.assertFalse(has_port("b", "web0"))
        until("the check to expire", lambda: not harness.portferry(
            "b", "status")["migrations"], 60)
        self.assert_nothing_left()

    def test_saved_and_restored_guest_is_no_migration(self):
        before = harness.journal("a")
        inside("a", "virsh", "--quiet", "save", "vm1", "/run/vm1.saved")
        self.assertFalse(has_port("a", "web0"))
        inside("a", "virsh", "--quiet", "restore", "/run/vm1.saved")
        self.assertTrue(ping("10.99.42.11"))
        self.assertEqual(before, harness.journal("a"))
        self.assertEqual(42, port("a", "web0")["Port"]["tag"])
        self.assert_nothing_left()
        wait_for_stamp("a", "vm1")
        migrate("vm1", "a")
        self.assertEqual(42, port("b", "web0")["Port"]["tag"])

    def test_two_guests_at_once(self):
        self.start("vm4", WEB % (MAC % 5, "web4", 14))
        both = [Migration(name, "a", "--live", "--p2p")
                for name in ("vm1", "vm4")]
        for migration in both:
            result = migration.result()
            self.assertEqual(0, result.returncode, result.stderr)
        settled("b")
        for name in ("web0", "web4"):
            self.assertEqual(42, port("b", name)["Port"]["tag"])
        self.assertEqual({("vm1", "completed"), ("vm4", "completed")},
                         {(row["domain"], row["outcome"])
                          for row in harness.journal("b")
                          if row["role"] == "destination"}
                         & {("vm1", "completed"), ("vm4", "completed")})
        for address in ("10.99.42.11", "10.99.42.14"):
            self.assertTrue(ping(address))
        self.assert_nothing_left()


class Refusals(LabTest):
    """What is refused leaves the guest where it was."""

    def refused(self, text):
        before = port("a", "web0")
        result = migrate("vm1", "a", check=False)
        self.assertNotEqual(0, result.returncode)
        self.assertIn(text, result.stderr)
        self.assertEqual(before, port("a", "web0"))
        self.assertEqual("running", guest_state("a", "vm1"))
        self.assertTrue(ping("10.99.42.11"))
        self.assertFalse(has_port("b", "web0"))
        self.assert_nothing_left()

    def define(self, host, children):
        """Gives network ovsnet of HOST another <portferry:migration>, until
        the test is over."""
        self.addCleanup(harness.define_network, host, "ovsnet", "")
        harness.define_network(host, "ovsnet", children)

    def test_vlan_that_the_network_does_not_allow(self):
        self.start("vm1", WEB % (MAC % 1, "web0", 11))
        self.define("b", "<portferry:vlan allowed='50,100-199'/>")
        until("the agent to follow", lambda: harness.portferry(
            "b", "status")["networks"][0]["allowed_vlans"])
        self.refused("VLAN 42 (tag) is not among the VLANs that network "
                     "'ovsnet' allows (50,100-199")
        trace = self.assert_outcome("b", "destination", "refused")
        self.assertEqual(
            [], harness.order_problems(
                [s for s in trace["steps"]
                 if s["request"] != "property-verify"], MAC % 1,
                [("port-create", "validation"),
                 ("port-delete", "validation")]))

    def test_required_extension_that_is_missing(self):
        self.start("vm1", WEB % (MAC % 1, "web0", 11))
        self.define("b",
                    "<portferry:extension name='firewall' required='yes'/>")
        until("the agent to follow", lambda: harness.portferry(
            "b", "status")["networks"][0]["extensions"])
        self.refused("extension 'firewall', which network 'ovsnet' requires")

    def test_network_that_is_not_managed_there(self):
        self.start("vm1", WEB % (MAC % 1, "web0", 11))
        self.define("b", None)
        until("the agent to follow", lambda: not harness.portferry(
            "b", "status")["networks"])
        self.refused("network 'ovsnet' on this host is not")

    def test_agent_that_does_not_answer(self):
        self.start("vm1", WEB % (MAC % 1, "web0", 11))
        lab("agent", "b", "stop")
        try:
            result = migrate("vm1", "a", check=False)
            self.assertNotEqual(0, result.returncode)
            self.assertIn("portferryd", result.stderr)
        finally:
            lab("agent", "b", "start")
        self.assertTrue(ping("10.99.42.11"))
        self.assert_nothing_left()

    def test_mac_in_use(self):
        self.start("vm1", WEB % (MAC % 1, "web0", 11))
        inside("b", "ovs-vsctl", "add-port", "br0", "thief", "--", "set",
               "Interface", "thief", "type=internal",
               "external_ids:attached-mac=" + MAC % 1)
        self.addCleanup(inside, "b", "ovs-vsctl", "del-port", "thief")
        self.refused("attached-mac %s is in use by port 'thief'" % (MAC % 1))


class Failures(LabTest):
    """The migration breaks: the guest and its port are back."""

    def setUp(self):
        super().setUp()
        self.start("vm1", WEB % (MAC % 1, "web0", 11))
        self.before = port("a", "web0")

    def assert_back(self, outcome="rolled-back"):
        until("the port to be back", lambda: has_port("a", "web0")
              and port("a", "web0") == self.before)
        self.assertTrue(ping("10.99.42.11"))
        self.assertEqual("running", guest_state("a", "vm1"))
        self.assert_outcome("a", "source", outcome)
        self.assertFalse(has_port("b", "web0"))
        self.assert_nothing_left()

    def assert_moves(self):
        """And a second try works."""
        wait_for_stamp("a", "vm1")
        time.sleep(1)
        result = migrate("vm1", "a", check=False)
        self.assertEqual(0, result.returncode, result.stderr)
        self.assert_order("b", MAC % 1)
        self.assertEqual(self.before, port("b", "web0"))
        self.assertTrue(ping("10.99.42.11"))
        self.assert_nothing_left()

    def qemu_on_b(self):
        """The guest's QEMU on b, once it is there."""
        return until("QEMU on b", lambda: inside(
            "b", "cat", "/run/libvirt/qemu/vm1.pid",
            check=False).stdout.strip())

    def long_stop(self):
        """Begins a migration in which the guest stands still for seconds, so
        that things can be broken before it runs on b.  Returns it, and QEMU on
        b."""
        migration = Migration("vm1", "a", "--live", "--p2p", "--bandwidth",
                              "10")
        qemu = self.qemu_on_b()
        until("the migration on a", lambda: not inside(
            "a", "virsh", "--quiet", "migrate-setmaxdowntime", "vm1", "5000",
            check=False).returncode)
        return migration, qemu

    def test_destinations_qemu_killed_after_suspended(self):
        with Events("a") as events:
            migration, qemu = self.long_stop()
            events.wait_for("Suspended")
            inside("b", "kill", "-KILL", qemu)
            events.wait_for("Resumed")
        self.assertNotEqual(0, migration.result().returncode)
        self.assert_back()
        self.assert_moves()

    def test_finish_that_fails(self):
        pid = lab("ovs-vswitchd", "b", "pid").stdout.strip()
        with Events("a") as events:
            migration, qemu = self.long_stop()
            events.wait_for("Suspended")
            # Finish on b sets PortData, for which ovs-vsctl waits for
            # ovs-vswitchd; meanwhile QEMU dies there.
            inside("b", "kill", "-STOP", pid)
            try:
                until("Finish on b", lambda: "external_ids:PortData=" in
                      output("b", "ps", "-e", "-o", "args"))
                self.assertEqual("patch", output(
                    "a", "ovs-vsctl", "get", "Interface", "web0",
                    "type").strip())
                inside("b", "kill", "-KILL", qemu)
                events.wait_for("Resumed")
            finally:
                inside("b", "kill", "-CONT", pid)
        self.assertNotEqual(0, migration.result().returncode)
        self.assert_back()
        self.assert_moves()

    def test_aborted_before_the_switchover(self):
        migration = Migration("vm1", "a", "--live", "--p2p", "--bandwidth",
                              "2")
        until("the migration on a", lambda: harness.portferry(
            "a", "status")["migrations"])
        inside("a", "virsh", "--quiet", "domjobabort", "vm1")
        self.assertNotEqual(0, migration.result().returncode)
        self.assert_back()
        self.assert_moves()

    def suspend_during_migration(self):
        """A migration that has been held up, with its guest suspended."""
        migration = Migration("vm1", "a", "--live", "--p2p", "--bandwidth",
                              "1")
        until("the migration on a", lambda: harness.portferry(
            "a", "status")["migrations"])
        with Events("a") as events:
            inside("a", "virsh", "--quiet", "suspend", "vm1")
            events.wait_for("Suspended")
        until("the port to be a carrier", lambda: port(
            "a", "web0")["Interface"]["type"] == "patch")
        return migration

    def test_suspend_and_resume_during_migration(self):
        """libvirt lets `virsh resume' wait until the migration is over, and
        lets the guest run itself when that was aborted."""
        migration = self.suspend_during_migration()
        resume = subprocess.Popen(
            [harness.LAB, "in", "a", "virsh", "--quiet", "resume", "vm1"],
            stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        inside("a", "virsh", "--quiet", "domjobabort", "vm1")
        self.assertNotEqual(0, migration.result().returncode)
        resume.wait()
        self.assert_back()
        self.assert_moves()

    def test_guest_suspended_during_migration_arrives(self):
        migration = self.suspend_during_migration()
        inside("a", "virsh", "--quiet", "migrate-setspeed", "vm1", "1000")
        result = migration.result()
        self.assertEqual(0, result.returncode, result.stderr)
        self.assertEqual("completed", settled("b")["outcome"])
        self.assertEqual(self.before, port("b", "web0"))
        self.assertEqual("running", guest_state("b", "vm1"))
        self.assertTrue(ping("10.99.42.11"))
        self.assert_nothing_left()

    def test_libvirtd_restarts(self):
        for host in "ab":
            lab("libvirtd", host, "restart")
            until("the agent on %s to reconnect" % host, lambda: all(
                c["connected"] for c in harness.portferry(
                    host, "status")["connections"]))
            self.assertEqual(self.before, port("a", "web0"))
        self.assert_moves()

    def kill_libvirtd_during_switchover(self, host):
        """Returns the hosts on which the guest then runs."""
        with Events("a") as events:
            migration = self.long_stop()[0]
            events.wait_for("Suspended")
            lab("libvirtd", host, "kill")
        migration.result()
        lab("libvirtd", host, "start")
        until("the agent to reconnect", lambda: all(
            c["connected"] for c in harness.portferry(
                host, "status")["connections"]))
        where = self.hosts_where_it_runs(15)
        if not where:
            # libvirt does not know how it ended: a person has to say.
            inside("a", "virsh", "--quiet", "resume", "vm1")
            where = self.hosts_where_it_runs(15)
        self.assertTrue(where, "the guest runs nowhere")
        until("its port", lambda: has_port(where[0], "web0")
              and port(where[0], "web0") == self.before)
        self.assertTrue(ping("10.99.42.11"))
        return where

    def hosts_where_it_runs(self, seconds):
        """Waits until the guest runs; none if it does not by then."""
        end = time.monotonic() + seconds
        while True:
            where = [h for h in "ab" if guest_state(h, "vm1") == "running"]
            if where or time.monotonic() > end:
                return where
            time.sleep(0.1)

    def test_destinations_libvirtd_killed_during_switchover(self):
        self.assertEqual(["a"], self.kill_libvirtd_during_switchover("b"))
        until("host b to be clean", lambda: not has_port("b", "web0"))
        self.assert_nothing_left()
        self.assert_moves()

    def test_sources_libvirtd_killed_during_switchover(self):
        where = self.kill_libvirtd_during_switchover("a")
        self.assertEqual(1, len(where), where)
        if where == ["b"] and guest_state("a", "vm1"):
            # libvirt on a does not know how it ended, and leaves the guest
            # paused: its port stays a carrier, which claims nothing.
            row = port("a", "web0")["Interface"]
            self.assertEqual("patch", row["type"])
            self.assertEqual([], [k for k, _ in row["external_ids"][1]
                                  if k in ("iface-id", "attached-mac")])
            inside("a", "virsh", "--quiet", "destroy", "vm1")
        until("the other host to be clean", lambda: not has_port(
            other(where[0]), "web0"))
        self.assert_nothing_left()

    def test_destinations_agent_killed_while_memory_moves(self):
        migration = Migration("vm1", "a", *SLOW)
        until("the gate on b to be closed", lambda: [
            m for m in harness.portferry("b", "status")["migrations"]
            if m["state"] == "ready"])
        lab("agent", "b", "kill")
        result = migration.result()
        self.assertEqual(0, result.returncode, result.stderr)
        self.assert_order("b", MAC % 1)
        self.assertEqual(self.before, port("b", "web0"))
        self.assertTrue(ping("10.99.42.11"))
        self.assert_nothing_left()

    def test_sources_agent_killed_while_memory_moves(self):
        migration = Migration("vm1", "a", *SLOW)
        until("the migration on a", lambda: harness.portferry(
            "a", "status")["migrations"])
        lab("agent", "a", "kill")
        result = migration.result()
        self.assertEqual(0, result.returncode, result.stderr)
        until("b to end", lambda: settled("b")["outcome"]
              in ("completed", "degraded"))
        self.assertEqual(self.before, port("b", "web0"))
        self.assertTrue(ping("10.99.42.11"))
        self.assert_nothing_left()

    def test_sources_agent_killed_at_the_switchover_and_rolled_back(self):
        with Events("a") as events:
            migration, qemu = self.long_stop()
            events.wait_for("Suspended")
            lab("agent", "a", "kill")
            inside("b", "kill", "-KILL", qemu, check=False)
        migration.result()
        where = until("the guest to run somewhere", lambda: [
            h for h in "ab" if guest_state(h, "vm1") == "running"])
        until("its port", lambda: has_port(where[0], "web0")
              and port(where[0], "web0") == self.before)
        self.assertTrue(ping("10.99.42.11"))
        self.assertFalse(has_port(other(where[0]), "web0"))
        self.assert_nothing_left()

    def test_agents_restarted_between_migrations(self):
        for host in "ab":
            lab("agent", host, "restart")
        self.assertEqual(self.before, port("a", "web0"))
        until("the agents to be ready", lambda: all(
            c["connected"] for h in "ab"
            for c in harness.portferry(h, "status")["connections"]))
        self.assert_moves()


class Unmanaged(LabTest):
    """A guest on no managed network never notices Portferry."""

    def test_guest_starts_and_moves_while_the_agents_are_stopped(self):
        for host in "ab":
            lab("agent", host, "stop")
            self.addCleanup(lab, "agent", host, "start")
        self.start("vm3", "network=ovsplain,portgroup=web,mac=%s,"
                   "ip=10.99.42.30/24" % (MAC % 4), stamped=False)
        migrate("vm3", "a")
        self.assertEqual("running", guest_state("b", "vm3"))
        self.assertTrue(ping("10.99.42.30"))

    def test_agents_leave_it_alone(self):
        self.start("vm3", "network=ovsplain,portgroup=web,mac=%s,"
                   "ip=10.99.42.30/24" % (MAC % 4), stamped=False)
        known = [harness.journal(h) for h in "ab"]
        migrate("vm3", "a")
        self.assertTrue(ping("10.99.42.30"))
        self.assertIsNone(harness.stamp_of("b", "vm3"))
        self.assertEqual(known, [harness.journal(h) for h in "ab"])

    def test_no_command_is_started_by_the_agent(self):
        """Neither ovs-vsctl nor ovs-ofctl nor a shell."""
        self.start("vm1", WEB % (MAC % 1, "web0", 11))
        pids = {h: lab("agent", h, "pid").stdout.strip() for h in "ab"}
        tracers = [subprocess.Popen(
            [harness.LAB, "in", h, "strace", "-f", "-qq", "-e",
             "trace=execve", "-o", "/run/agent.strace", "-p", pids[h]],
            stderr=subprocess.DEVNULL) for h in "ab"]
        time.sleep(0.5)
        migrate("vm1", "a")
        self.assert_order("b", MAC % 1)
        for tracer in tracers:
            tracer.terminate()
            tracer.wait()
        for host in "ab":
            self.assertNotIn("execve", output(host, "cat",
                                              "/run/agent.strace"))


if __name__ == "__main__":
    import tap
    tap.main(setup=lambda: (lab("guest-image"), lab("up")),
             teardown=lambda: lab("down"))
