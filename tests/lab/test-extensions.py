#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The extensions in the lab: a guest with everything that people attach to a
port, moved by nothing but `virsh migrate'.

Run by tests/check; by hand, as root: PF_STAGE=DESTDIR ./test-extensions.py
[TEST...].  Prints TAP.
"""

import json
import os
import re
import time
import unittest

import harness
from harness import (Capture, Events, Migration, Noise, guest_shell, inside,
                     lab, leftovers, migrate, output, ping, port, settled,
                     stop_guest, until, wait_for_stamp)

HOSTS = "ab"
MAC = "52:54:00:aa:00:01"
MAC2 = "52:54:00:aa:00:02"
ADDRESS = "10.99.42.11"
ADDRESS2 = "10.99.60.21"
CLIENT = "10.99.42.1"
# What the guest says it were, and the rules do not let it be.
SPOOFED = "10.99.42.99"
ACL = 1000
MANY = 10000
# Of an agent's memory in six migrations, in KiB: the guest's rules alone are
# as much.
MOST_GROWTH = 300

# An access port, and a trunk with libvirt's <bandwidth>.
NICS = ["network=ovsnet,portgroup=web,mac=%s,target=web0,ip=%s/24" % (
            MAC, ADDRESS),
        "network=ovsnet,portgroup=router,mac=%s,target=trk0,ip.60=%s/24" % (
            MAC2, ADDRESS2)]
BANDWIDTH = ("<bandwidth><inbound average='12500' peak='25000' burst='512'/>"
             "</bandwidth>")

GROUPS = ["group_id=7,type=indirect,bucket=actions=output:web0"]
METER = "meter=3,pktps,burst,band=type=drop,rate=20000,burst_size=20000"
# Table 0 hands over what comes from the port, and what goes to it.
RULES = """
table=0,priority=200,cookie=0x70660001,in_port=web0,actions=resubmit(,10)
table=0,priority=190,cookie=0x70660001,dl_dst={mac},actions=resubmit(,20)
table=10,priority=100,cookie=0x70660002,in_port=web0,dl_src={mac},\
dl_type=0x8035,actions=NORMAL
table=10,priority=100,cookie=0x70660002,in_port=web0,dl_src={mac},arp,\
arp_sha={mac},arp_spa={ip},actions=resubmit(,11)
table=10,priority=100,cookie=0x70660002,in_port=web0,dl_src={mac},ip,\
nw_src={ip},actions=resubmit(,11)
table=10,priority=50,cookie=0x70660002,in_port=web0,actions=drop
table=11,priority=10,cookie=0x70660003,in_port=web0,\
actions=meter:3,set_queue:1,NORMAL
table=20,priority=100,cookie=0x70660004,udp,dl_dst={mac},tp_dst=9,actions=drop
table=20,priority=90,cookie=0x70660004,dl_vlan=42,dl_dst={mac},\
actions=strip_vlan,group:7
table=20,priority=10,cookie=0x70660004,dl_dst={mac},actions=drop
table=30,priority=7,cookie=0x70660005,importance=5,send_flow_rem,\
idle_timeout=900,in_port=web0,tcp,tp_dst=21,actions=drop
table=30,priority=8,cookie=0x70660005,hard_timeout=1200,in_port=web0,tcp,\
tp_dst=22,actions=drop
table=30,priority=9,cookie=0x70660005,idle_timeout=3000,hard_timeout=4000,\
in_port=web0,tcp,tp_dst=23,actions=drop
table=40,priority=5,ip,nw_dst={ip},actions=output:web0
""".format(mac=MAC, ip=ADDRESS).split()
ACL_RULES = ["table=11,priority=%d,cookie=0x70660006,in_port=web0,tcp,"
             "nw_dst=10.%d.%d.0/24,tp_dst=%d,actions=drop" % (
                 1000 + n, n // 250, n % 250, 1024 + n) for n in range(ACL)]

QOS = ["set", "Port", "web0", "qos=@q", "--", "--id=@q", "create", "QoS",
       "type=linux-htb", "other-config:max-rate=100000000",
       "external_ids:made-by=alice", "queues:0=@q0", "queues:1=@q1",
       "--", "--id=@q0", "create", "Queue",
       "other-config:min-rate=1000000",
       "--", "--id=@q1", "create", "Queue", "dscp=10",
       "other-config:min-rate=2000000", "other-config:max-rate=50000000",
       "other-config:priority=1"]
MIRROR = ["--", "--id=@p", "get", "Port", "web0", "--", "add", "Mirror", "tap",
          "select_src_port", "@p", "--", "add", "Mirror", "tap",
          "select_dst_port", "@p"]


def other(host):
    return "b" if host == "a" else "a"


def ofctl(host, command, lines):
    inside(host, "ovs-ofctl", "-O", "OpenFlow15", "--names", command, "br0",
           "-", text="\n".join(lines) + "\n")


def without_timeouts(rules):
    return sorted(re.sub(r"(idle|hard)_timeout=\d+, ?", "", rule)
                  for rule in rules)


def expiry(host):
    """When each rule that nobody uses will expire, in seconds since the epoch,
    by what ovs-ofctl prints: its timeouts and its ages."""
    now = time.time()
    found = {}
    for line in output(host, "ovs-ofctl", "-O", "OpenFlow15", "--names",
                       "dump-flows", "br0").splitlines():
        values = {key: float(value) for key, value in
                  re.findall(r"(\w+)=([\d.]+)s?, ", line)}
        # An age is printed only where it is not the same.
        for kind, age in (("idle_timeout", "idle_age"),
                          ("hard_timeout", "hard_age")):
            if kind in values:
                found[kind, line.split(" ")[-2]] = now + values[kind] - (
                    values.get(age, values["duration"]))
    return found


def reset_switch(host):
    """Takes from HOST what belonged to a guest that was destroyed, and stays
    in Open vSwitch.  Makes the mirror `tap', to which both hosts' operators
    give the same name."""
    for command in ("del-flows", "del-groups", "del-meters"):
        inside(host, "ovs-ofctl", "-O", "OpenFlow15", command, "br0")
    ofctl(host, "add-flows", ["priority=0,actions=NORMAL"])
    inside(host, "ovs-vsctl", "--all", "destroy", "QoS", "--", "--all",
           "destroy", "Queue", "--", "clear", "Bridge", "br0", "mirrors",
           "--", "--may-exist", "add-port", "br0", "mon0",
           "--", "set", "Interface", "mon0", "type=internal",
           "ofport_request=9000",
           "--", "--id=@o", "get", "Port", "mon0",
           "--", "--id=@m", "create", "Mirror", "name=tap", "output_port=@o",
           "--", "add", "Bridge", "br0", "mirrors", "@m")


class ExtensionTest(unittest.TestCase):
    """A test with the guest vm1 on host a, which has everything."""

    maxDiff = None

    # Of the guest that a test has left as it was, for the next one: what was
    # on the hosts before it, and what its ports are like.
    empty = whole = None

    def setUp(self):
        if not self.is_as_before():
            self.start_anew()

    def is_as_before(self):
        """The guest of the test before this one is on a, whole."""
        if not self.whole or harness.guest_state("a", "vm1") != "running":
            return False
        return (self.everything("a") == self.whole
                and harness.switch("b") == self.empty["b"]
                and not leftovers("a") + leftovers("b"))

    def start_anew(self):
        cls = ExtensionTest
        cls.whole = None
        stop_guest("vm1")
        for host in HOSTS:
            settled(host)
            reset_switch(host)
        cls.empty = {host: harness.switch(host) for host in HOSTS}
        self.start()
        cls.whole = self.everything("a")

    def start(self):
        xml = lab("guest-xml", "vm1", *NICS).stdout
        head, tail = xml.rsplit("</interface>", 1)
        lab("start", "a", "-", text=head + BANDWIDTH + "</interface>" + tail)
        inside("c", "ip", "neigh", "flush", "all")
        wait_for_stamp("a", "vm1")
        before = harness.stamp_of("a", "vm1")
        inside("a", "ovs-vsctl", *QOS, *MIRROR)
        inside("a", "ovs-ofctl", "-O", "OpenFlow15", "add-meter", "br0",
               METER)
        ofctl("a", "add-groups", GROUPS)
        ofctl("a", "add-flows", RULES + ACL_RULES)
        harness.wait_for_new_stamp("a", "vm1", before)

    def wait_for_text(self, host, text):
        until("the stamp to have %s" % text,
              lambda: text in (harness.stamp_of(host, "vm1") or ""), 5)

    def everything(self, host):
        """The guest's ports on HOST, and what is in the switch for them.  The
        timeouts of rules run down and are looked at apart."""
        found = harness.openflow(host)
        found["rules"] = without_timeouts(found["rules"])
        found.update(web0=port(host, "web0"), trk0=port(host, "trk0"),
                     qos={n: harness.qos(host, n) for n in ("web0", "trk0")},
                     mirrors=harness.mirrors(host),
                     rows=harness.switch(host)["rows"])
        return found

    def assert_same(self, before, after):
        # A thousand rules are too many to show.
        found = harness.differences(before, after)
        self.assertEqual([], found[:10], "%d differences" % len(found))

    def assert_expiry(self, expected, host, moves=1):
        """The rules on HOST expire when they would have, had the guest not
        made so many MOVES.  With MOVES 0 it has come back: what is idle begins
        to be so anew."""
        found = expiry(host)
        self.assertEqual(sorted(expected), sorted(found))
        self.assertEqual(4, len(found))
        # Timeouts are whole seconds, and stand still while the guest does.
        late = {key: found[key] - expected[key] for key in found}
        for key, seconds in late.items():
            self.assertGreater(seconds, -2 - moves, key)
            if moves or key[0] == "hard_timeout":
                self.assertLess(seconds, 2 + 2 * moves, key)

    def assert_empty(self, *hosts):
        """Nothing of the guest is on HOSTS, nor of a migration on any."""
        for host in HOSTS:
            settled(host)
            until("leftovers on host %s to go: %s" % (host, leftovers(host)),
                  lambda: not leftovers(host), 10)
        for host in hosts:
            try:
                until("", lambda: harness.switch(host) == self.empty[host], 5)
            except harness.Failure:
                self.assert_same(self.empty[host], harness.switch(host))

    def assert_completed(self, destination, may_lag=False, changed=False):
        """The newest migration went in the documented order, for both ports.
        With MAY_LAG, libvirt may have taken the source's data along before the
        source was done, as on a host with too much to do.  With CHANGED, the
        ports have changed since their stamp was written."""
        trace, source = settled(destination), settled(other(destination))
        if may_lag and trace["level"] in ("precopy", "saved"):
            harness.log("# to host %s: level %s, %s" % (
                destination, trace["level"], trace["error"]))
            return
        for each, role in ((trace, "destination"), (source, "source")):
            self.assertEqual((role, "completed", None),
                             (each["role"], each["outcome"], each["error"]))
        steps = harness.whole_steps(trace, source)
        for mac in (MAC, MAC2):
            self.assertEqual([], harness.order_problems(steps, mac))
            self.assertEqual([], harness.extension_problems(steps, mac,
                                                            changed))
        return steps

    def move(self, source):
        result = migrate("vm1", source, check=False)
        self.assertEqual(0, result.returncode, result.stderr)

    def roll_back(self):
        """A migration that breaks when the source's ports are gone: Finish on
        b sets PortData, for which ovs-vsctl waits for ovs-vswitchd; meanwhile
        QEMU dies there.  Returns when the guest ran again on a."""
        migration = Migration("vm1", "a", "--live", "--p2p", "--bandwidth",
                              "8")
        until("the guest's ports on b", lambda: [
            m for m in harness.portferry("b", "status")["migrations"]
            if m["state"] == "ready"])
        qemu = output("b", "cat", "/run/libvirt/qemu/vm1.pid").strip()
        pid = lab("ovs-vswitchd", "b", "pid").stdout.strip()
        with Events("a") as events:
            inside("b", "kill", "-STOP", pid)
            try:
                until("Finish on b", lambda: "external_ids:PortData=" in
                      output("b", "ps", "-e", "-o", "args"))
                self.assertEqual("patch", port(
                    "a", "web0")["Interface"]["type"])
                self.assertNotIn("in_port=web0", "".join(
                    harness.openflow("a")["rules"]))
                inside("b", "kill", "-KILL", qemu)
                runs = events.wait_for("Resumed")
            finally:
                inside("b", "kill", "-CONT", pid)
        self.assertNotEqual(0, migration.result().returncode)
        until("the port to be back", lambda: port(
            "a", "web0")["Interface"]["type"] == "")
        trace = settled("a")
        self.assertEqual(("source", "rolled-back"),
                         (trace["role"], trace["outcome"]), trace)
        return runs


class Travel(ExtensionTest):
    """What is attached to a port is there after a migration."""

    def test_everything_makes_five_round_trips(self):
        before = self.everything("a")
        expires = expiry("a")
        for moves, source in enumerate(HOSTS * 5, 1):
            self.move(source)
            self.assert_completed(other(source), may_lag=True)
            self.assert_same(before, self.everything(other(source)))
            self.assert_expiry(expires, other(source), moves)
            self.assert_empty(source)
            if moves == 4:
                held = {host: harness.agent(host) for host in HOSTS}
        for address in (ADDRESS, ADDRESS2):
            self.assertTrue(ping(address), address)
        for host in HOSTS:
            self.assert_agent_holds(host, *held[host])

    def assert_agent_holds(self, host, things, memory):
        """The agent on HOST has no descriptors and files that it did not have
        after a few migrations, nor more memory.  Its journal is a short one,
        and was full by then."""
        try:
            until("", lambda: harness.agent(host)[0] == things, 5)
        except harness.Failure:
            self.assert_same(things, harness.agent(host)[0])
        self.assertLess(harness.agent(host)[1] - memory, MOST_GROWTH, host)

    def test_everything_is_back_after_a_rollback(self):
        before = self.everything("a")
        expires = expiry("a")
        self.roll_back()
        self.assert_same(before, self.everything("a"))
        self.assert_expiry(expires, "a", 0)
        expires = expiry("a")
        self.assert_empty("b")
        for address in (ADDRESS, ADDRESS2):
            self.assertTrue(ping(address), address)
        harness.wait_for_new_stamp("a", "vm1")
        self.move("a")
        self.assert_completed("b")
        self.assert_same(before, self.everything("b"))
        self.assert_expiry(expires, "b")
        self.assert_empty("a")

    def test_ten_thousand_rules_travel(self):
        stamp = harness.stamp_of("a", "vm1")
        ofctl("a", "add-flows", [
            "table=11,priority=%d,cookie=0x70660007,in_port=web0,tcp,"
            "nw_dst=11.%d.%d.0/24,tp_dst=%d,actions=drop" % (
                5000 + n, n // 250, n % 250, 1 + n)
            for n in range(MANY - ACL)])
        harness.wait_for_new_stamp("a", "vm1", stamp)
        before = self.everything("a")
        self.assertGreater(len(before["rules"]), MANY)
        for source in HOSTS:
            self.move(source)
            self.assert_completed(other(source), may_lag=True)
            self.assert_same(before, self.everything(other(source)))
            self.assert_empty(source)

    def test_changes_at_the_last_moment_arrive(self):
        # libvirt writes no metadata during a migration: the stamp stays.
        migration = Migration("vm1", "a", "--live", "--p2p", "--bandwidth",
                              "8")
        until("the guest's ports on b", lambda: [
            m for m in harness.portferry("b", "status")["migrations"]
            if m["state"] == "ready"])
        ofctl("a", "add-flows", [
            "table=50,priority=3,cookie=0x77,in_port=web0,udp,tp_dst=77,"
            "actions=drop"])
        ofctl("a", "del-flows", ["table=11,in_port=web0,tcp,tp_dst=1024,"
                                 "nw_dst=10.0.0.0/24"])
        ofctl("a", "mod-flows", ["table=20,udp,dl_dst=%s,tp_dst=9,"
                                 "actions=resubmit(,21)" % MAC])
        row = output("a", "ovs-vsctl", "get", "Port", "web0", "qos").strip()
        inside("a", "ovs-vsctl", "set", "QoS", row,
               "other-config:max-rate=70000000")
        inside("a", "ovs-vsctl", "--id=@p", "get", "Port", "web0", "--",
               "remove", "Mirror", "tap", "select_src_port", "@p")
        before = self.everything("a")
        result = migration.result()
        self.assertEqual(0, result.returncode, result.stderr)
        self.assert_completed("b", may_lag=True, changed=True)
        self.assert_same(before, self.everything("b"))
        self.assert_empty("a")

    def test_counters_are_of_the_whole_life(self):
        keys = ["%s_%s" % (way, what) for way in ("rx", "tx")
                for what in ("packets", "bytes")]

        def life(host):
            return next(p for p in harness.portferry(host, "ports")["ports"]
                        if p["name"] == "web0")

        last = {key: 0 for key in keys}
        for source in HOSTS:
            self.assertTrue(ping(ADDRESS, 20))
            statistics = json.loads(output(
                source, "ovs-vsctl", "--format=json", "--columns=statistics",
                "list", "Interface", "web0"))["data"][0][0][1]
            here = dict(statistics)
            until("the counters on %s to be above %s" % (source, last),
                  lambda: all(life(source)[key] >= last[key] + 20
                              for key in keys), 10)
            if source == "b":
                # The tap of this host knows only of what was here.
                self.assertLess(here["rx_packets"],
                                life(source)["rx_packets"])
            last = {key: life(source)[key] for key in keys}
            self.move(source)
            self.assert_completed(other(source), may_lag=True)
        now = life("a")
        for key in keys:
            self.assertGreaterEqual(now[key], last[key], key)
        row = next(t for t in harness.trace("a")["steps"]
                   if t["extension"] == "counters"
                   and t["request"] == "nic-restore" and t["port"] == MAC)
        noted = dict(re.findall(r"(\w+)=(\d+)", row["detail"]))
        for key in keys:
            self.assertGreaterEqual(int(noted[key]), last[key], key)


# ---- Frames ----------------------------------------------------------------

NEIGHBOUR = "52:54:00:c0:00:01"
BROADCAST = "ff:ff:ff:ff:ff:ff"


def noise(dst, vlan, to, number):
    return "src=%s,dst=%s,vlan=%d,from=10.99.%d.77,to=%s,port=%d" % (
        NEIGHBOUR, dst, vlan, vlan, to, number)


# To which UDP port, and to which device of the guest it may come, with which
# tags.
NOISE = {
    7042: (noise(MAC, 42, ADDRESS, 7042), {"web0": []}),
    7043: (noise(BROADCAST, 42, "10.99.42.255", 7043), {"web0": []}),
    9: (noise(MAC, 42, ADDRESS, 9), {}),
    7050: (noise(BROADCAST, 50, "10.99.50.255", 7050), {"trk0": [50]}),
    7051: (noise(MAC, 51, ADDRESS, 7051), {}),
    7061: (noise(MAC2, 60, ADDRESS2, 7061), {"trk0": [60]}),
    7070: (noise(BROADCAST, 70, "10.99.70.255", 7070), {"trk0": []}),
    7080: (noise(BROADCAST, 80, "10.99.80.255", 7080), {}),
}
# The tags of any frame at a device of the guest.
TAGS = {"web0": [[]], "trk0": [[], [50], [60]]}


class Frames(ExtensionTest):
    """What passed, as a capture of every device has it, from the creation of
    each on.  The fabric learns no addresses, so that all frames come to both
    hosts, all the time."""

    def setUp(self):
        super().setUp()
        for host in "abc":
            self.addCleanup(self.fabric_learns, host, "on")
            self.fabric_learns(host, "off")
        inside("c", "ip", "link", "set", "dev", "fab1", "type", "bridge",
               "fdb_flush")
        self.assertTrue(ping(ADDRESS))
        self.assertTrue(ping(ADDRESS2))
        guest_shell("a", "vm1", "killall ping; ip addr add %s/24 dev eth0; "
                    "ping -i 0.05 -I %s %s >/dev/null 2>&1 &" % (
                        SPOOFED, SPOOFED, CLIENT))

    def fabric_learns(self, host, state):
        inside("c", "ip", "link", "set", "dev", "up0_" + host, "type",
               "bridge_slave", "learning", state)

    def watch(self, act):
        """Captures all frames while ACT runs, among all kinds of noise.
        Returns what ACT does, and the frames of each host."""
        captures = {}
        try:
            for host in "abc":
                captures[host] = Capture(host)
            with Noise("c", "up0", 20, *[n for n, _ in NOISE.values()]):
                time.sleep(0.5)
                result = act()
                time.sleep(1.5)
            return result, {h: c.frames() for h, c in captures.items()}
        finally:
            for capture in captures.values():
                capture.close()

    def assert_frames(self, frames, hosts):
        """No frame passed that may not; and those that may, at the guest's
        ports on HOSTS."""
        for host in HOSTS:
            # Each frame can be told to be a device's, also of one that went.
            self.assertEqual([], [f for f in frames[host]
                                  if f["dev"] == "?"])
            seen = {number: {} for number in NOISE}
            for f in frames[host]:
                if f["dev"] in TAGS and f["out"]:
                    self.assertIn(f["vlan"], TAGS[f["dev"]], f)
                    if f.get("port") in seen:
                        seen[f["port"]][f["dev"]] = f["vlan"]
            for number, (text, devices) in NOISE.items():
                self.assertEqual(devices if host in hosts else {},
                                 seen[number], "host %s: %s" % (host, text))
                # And all of it came to the host, and often.
                self.assertGreater(len([
                    f for f in frames[host] if f["dev"] == "up0"
                    and not f["out"] and f.get("port") == number]), 50,
                                   "host %s: %s" % (host, text))
            if host in hosts:
                self.assertTrue([f for f in frames[host]
                                 if f["dev"] == "web0" and not f["out"]
                                 and f.get("from") == SPOOFED], host)
        for f in self.from_guest(frames["c"], "ab", MAC):
            self.assertEqual([42], f["vlan"], f)
            self.assertNotEqual(SPOOFED, f.get("from"), f)
            self.assertIn(f["type"], ("arp", "rarp", "icmp", "udp", "tcp"), f)
            self.assertIn(f.get("spa"), (None, ADDRESS, "0.0.0.0"), f)
        for f in self.from_guest(frames["c"], "ab", MAC2):
            self.assertIn(f["vlan"], ([70], [60]), f)

    def from_guest(self, frames, hosts, mac):
        """What came to the fabric from MAC on HOSTS."""
        links = ["up0_" + host for host in hosts]
        return [f for f in frames if f["dev"] in links and not f["out"]
                and f["src"] == mac]

    def announcements(self, frames, host):
        """RARP and gratuitous ARP from HOST, per MAC address."""
        return {mac: [f for f in self.from_guest(frames["c"], host, mac)
                      if f["type"] in ("rarp", "arp")
                      and f["spa"] == f["tpa"]] for mac in (MAC, MAC2)}

    def assert_announced(self, frames, host):
        """HOST has told the fabric where the guest is, in the port's VLANs,
        whatever the guest and QEMU say themselves.  Returns when the first was
        sent for each MAC address."""
        found = self.announcements(frames, host)
        tagged = {mac: {(f["type"], f["vlan"][0]) for f in found[mac]}
                  for mac in found}
        self.assertLessEqual({("rarp", 42), ("arp", 42)}, tagged[MAC])
        self.assertLessEqual({("rarp", 70), ("rarp", 60)}, tagged[MAC2])
        for kind in ("rarp", "arp"):
            # Those that did not come through the tap.
            theirs = [f for f in frames[host] if f["dev"] == "web0"
                      and not f["out"] and f["type"] == kind
                      and f["spa"] == f["tpa"] != SPOOFED]
            ours = [f for f in found[MAC] if f["type"] == kind]
            self.assertGreaterEqual(len(ours) - len(theirs), 3, kind)
        for f in found[MAC]:
            self.assertEqual((MAC, BROADCAST), (f["sha"], f["dst"]), f)
            if f["type"] == "arp":
                self.assertEqual(ADDRESS, f["spa"], f)
        return {mac: found[mac][0]["t"] for mac in found}

    def test_only_what_may_pass_passes_there_and_back(self):
        for source in HOSTS:
            there = other(source)
            _, frames = self.watch(lambda: self.move(source))
            steps = self.assert_completed(there)
            self.assert_frames(frames, HOSTS)
            self.assertEqual({MAC: [], MAC2: []},
                             self.announcements(frames, source))
            announced = self.assert_announced(frames, there)
            for name, mac in (("web0", MAC), ("trk0", MAC2)):
                mine = [s for s in steps if s["port"] == mac]
                gone = harness.ends_at(mine, "port-delete", "operational")
                opens = max(s["time_us"] for s in mine if s["request"]
                            == "nic-restore-complete") / 1e6
                self.assertGreater(announced[mac], opens, name)
                here = [f["t"] for f in frames[source] if f["dev"] == name]
                first = min(f["t"] for f in frames[there]
                            if f["dev"] == name and f["out"])
                # What the datapath has already follows a closed gate within
                # milliseconds, not at once.
                self.assertLess(max(here), gone, name)
                self.assertGreater(first, max(gone, opens), name)

    def test_only_what_may_pass_passes_in_a_rollback(self):
        runs, frames = self.watch(self.roll_back)
        self.assert_frames(frames, "a")
        announced = self.assert_announced(frames, "a")
        self.assertGreater(min(announced.values()), runs - 0.5)
        # And nothing of the guest was ever on b.
        self.assertEqual([], [f for mac in (MAC, MAC2) for f in
                              self.from_guest(frames["c"], "b", mac)])
        self.assertEqual([], [f for f in frames["b"] if f["dev"] in TAGS])

    def test_a_guest_that_stands_still_is_not_announced(self):
        # It is not the guest of the test before for the next one.
        ExtensionTest.whole = None
        _, frames = self.watch(lambda: migrate(
            "vm1", "a", "--live", "--p2p", "--suspend"))
        self.assert_completed("b")
        self.assertEqual("paused", harness.guest_state("b", "vm1"))
        # Its gate is open: the network's frames come to it.
        self.assertTrue([f for f in frames["b"] if f["dev"] == "web0"
                         and f.get("port") == 7042])
        # What QEMU itself sends is RARP.
        self.assertEqual([], [f for f in self.announcements(
            frames, "b")[MAC] if f["type"] == "arp"])


# ---- Verification ----------------------------------------------------------

class Verification(ExtensionTest):
    """Who types `virsh migrate' is told why not, and `portferry check' tells
    the same before."""

    def define(self, children):
        self.addCleanup(harness.define_network, "b", "ovsnet", "")
        harness.define_network("b", "ovsnet", children)

    def check(self, *options):
        """Exit status and results of `portferry check' on b."""
        result = inside("b", "portferry", "check", "/dev/stdin",
                        "--format=json", *options, check=False,
                        text=output("a", "virsh", "dumpxml", "vm1"))
        return result.returncode, result.stdout + result.stderr

    def assert_refused(self, *texts):
        """The guest is refused for each of TEXTS, by check and migration."""
        try:
            until("", lambda: all(t in self.check()[1] for t in texts), 5)
        except harness.Failure:
            pass                # Shown below.
        status, answer = self.check()
        result = migrate("vm1", "a", check=False)
        self.assertNotEqual(0, result.returncode)
        for text in texts:
            self.assertIn(text, result.stderr)
            self.assertIn(text, answer)
        self.assertEqual(1, status)
        self.assertEqual("running", harness.guest_state("a", "vm1"))
        self.assertEqual("refused", settled("b")["outcome"])

    def test_every_refusal_reaches_check_and_virsh_migrate_at_once(self):
        status, answer = self.check()
        self.assertEqual(0, status, answer)
        before = self.everything("a")
        self.define("<portferry:extension name='mirror' required='yes'/>"
                    "<portferry:bandwidth capacity='2' unit='Mbit/s'/>"
                    "<portferry:vlan allowed='42,50,70-79'/>")
        self.addCleanup(reset_switch, "b")
        inside("b", "ovs-vsctl", "clear", "Bridge", "br0", "mirrors")
        self.assert_refused(
            "VLAN 60 (trunks) is not among the VLANs that network 'ovsnet' "
            "allows (42,50,70-79",
            "min-rate 3000000 bit/s (sum of the port's queues) is above the "
            "capacity 2000000 bit/s that network 'ovsnet' has",
            "tap", "network 'ovsnet' requires the extension")
        harness.define_network("b", "ovsnet", "")
        reset_switch("b")
        until("the guest to be welcome", lambda: self.check()[0] == 0, 5)
        self.assert_same(before, self.everything("a"))
        self.assert_empty("b")

    def test_check_of_a_guest_that_runs_here(self):
        def check(*arguments, text=None):
            result = inside("a", "portferry", "check", *arguments,
                            check=False, text=text)
            return result.returncode, result.stdout, result.stderr

        # It is in no conflict with its own ports.
        uuid = output("a", "virsh", "domuuid", "vm1").strip()
        for name in "vm1", uuid:
            status, answer, errors = check(name, "--format=json")
            self.assertEqual((0, ""), (status, errors), answer)
            results = json.loads(answer)["results"]
            self.assertEqual({"ok"}, {r["result"] for r in results}, answer)
            self.assertLessEqual(
                {("web0", e) for e in ("port", "qos", "mirror", "flows")},
                {(r["port"], r["extension"]) for r in results})
        # What this host's network would not take back is told.
        self.addCleanup(harness.define_network, "a", "ovsnet", "")
        harness.define_network("a", "ovsnet",
                               "<portferry:vlan allowed='42,50'/>")
        until("the agent on a to follow", lambda: check("vm1")[0] == 1, 5)
        self.assertIn("VLAN 60 (trunks) is not among the VLANs",
                      " ".join(check("vm1")[1].split()))
        # What is no guest, no managed network, no managed guest, no XML.
        for arguments, text, error in (
                (("vm9",), None, "no guest 'vm9' runs on this host"),
                (("vm1", "--network=x"), None,
                 "network 'x' is not managed on this host"),
                (("-",), "<domain type='qemu'><name>vm9</name><uuid>%s</uuid>"
                 "</domain>" % uuid,
                 "guest 'vm9' has no NIC on a network that Portferry manages"),
                (("-",), "<network/>", "element should be <domain>")):
            status, answer, errors = check(*arguments, text=text)
            self.assertEqual((1, ""), (status, answer))
            self.assertIn(error, errors)

    def test_qos_type_that_the_destination_does_not_have(self):
        row = output("a", "ovs-vsctl", "get", "Port", "web0", "qos").strip()
        self.addCleanup(inside, "a", "ovs-vsctl", "set", "QoS", row,
                        "type=linux-htb")
        inside("a", "ovs-vsctl", "set", "QoS", row, "type=egress-policer")
        self.wait_for_text("a", "egress-policer")
        self.assert_refused("QoS type 'egress-policer' is not one that "
                            "ovs-vswitchd supports on bridge 'br0' (")

    def test_rule_to_another_port(self):
        rule = ("table=60,priority=9,in_port=web0,udp,tp_dst=60,"
                "actions=output:%s")
        inside("a", "ovs-vsctl", "add-port", "br0", "own0", "--", "set",
               "Interface", "own0", "type=internal")
        self.addCleanup(inside, "a", "ovs-vsctl", "del-port", "own0")
        self.addCleanup(inside, "a", "ovs-ofctl", "del-flows", "br0",
                        "table=60")
        ofctl("a", "add-flows", [rule % "own0"])
        # By name, where there is no such port.
        self.define("<portferry:flows other-ports='by-name'/>")
        self.assert_refused("rules refer to port own0, and bridge br0 has no "
                            "port of that name here")
        # One that is on both hosts, where such rules are refused.
        ofctl("a", "add-flows", [rule % "up0"])
        harness.define_network("b", "ovsnet",
                               "<portferry:flows other-ports='refuse'/>")
        self.assert_refused("table=60", "up0", "other-ports")
        self.assert_empty("b")


# ---- What is not Portferry's ------------------------------------------------

class Others(ExtensionTest):
    """Extensions of somebody else, and what is said of all of them."""

    def test_status_lists_the_extensions(self):
        for host in HOSTS:
            text = output(host, "portferry", "status")
            names = re.search(r"^Extensions\n(.*?)\n\n", text,
                              re.M | re.S).group(1)
            self.assertEqual(
                ["port", "qos", "mirror", "flows", "counters", "announce"],
                [line.split()[0] for line in names.splitlines()[1:]])

    def install_example(self, host):
        """Builds the example as somebody would who has Portferry's package
        and nothing else, in HOST, and installs it there."""
        inside(host, "sh", "-ec", """
            rm -rf /run/example
            cp -r /usr/share/doc/portferry/example-extension /run/example ||
                cp -r /usr/local/share/doc/portferry/example-extension \
                    /run/example
            make -C /run/example install""")
        lab("agent", host, "restart")
        self.wait_for_agent(host)

    def remove_example(self, host):
        inside(host, "sh", "-c", "rm -f \"$(pkg-config --variable="
               "extensiondir portferry)/labels.so\"")
        lab("agent", host, "restart")
        self.wait_for_agent(host)

    def wait_for_agent(self, host):
        until("the agent on %s" % host, lambda: all(
            c["connected"] for c in harness.portferry(
                host, "status")["connections"]))

    def labels(self, host):
        text = output(host, "ovs-vsctl", "get", "Bridge", "br0",
                      "external_ids").strip()
        return dict(re.findall(r'((?:label|moves)-\w+)="?(\w+)"?', text))

    def test_extension_of_somebody_else_travels(self):
        # Its stamp still tells of the extension when that is gone.
        ExtensionTest.whole, before = None, self.everything("a")
        for host in HOSTS:
            self.addCleanup(self.remove_example, host)
            self.addCleanup(inside, host, "ovs-vsctl", "clear", "Bridge",
                            "br0", "external_ids")
            self.install_example(host)
            self.assertIn("labels.so", output(host, "portferry", "status"))
        inside("a", "ovs-vsctl", "set", "Bridge", "br0",
               "external_ids:label-web0=frontend")
        self.wait_for_text("a", "frontend")
        for moves, source in enumerate(HOSTS, 1):
            there = other(source)
            self.move(source)
            steps = self.assert_completed(there)
            self.assertLessEqual(
                {"property-verify", "property-add", "nic-save",
                 "port-teardown", "nic-restore"},
                {s["request"] for s in steps if s["extension"] == "labels"})
            until("the label on %s" % there, lambda: self.labels(there) == {
                "label-web0": "frontend", "moves-web0": str(moves),
                "moves-trk0": str(moves)}, 5)
            self.assertEqual({}, self.labels(source))
            row = next(p for p in harness.portferry(there, "ports")["ports"]
                       if p["name"] == "web0")
            self.assertEqual(("frontend", moves), (row["label"],
                                                   row["moves"]))
            self.assertIn("label frontend, moves %d" % moves, " ".join(
                output(there, "portferry", "ports").split()))
            self.assert_same(before, self.everything(there))
            self.assert_empty(source)
            self.wait_for_text(there, "frontend")
        # What it refuses is refused.
        self.addCleanup(harness.define_network, "b", "ovsnet", "")
        harness.define_network(
            "b", "ovsnet", "<portferry:extension name='labels' required="
            "'yes'><portferry:option name='max-length' value='3'/>"
            "</portferry:extension>")
        until("the agent on b to follow", lambda: harness.portferry(
            "b", "status")["networks"][0]["extensions"])
        result = migrate("vm1", "a", check=False)
        self.assertIn('label "frontend" has 8 characters, and may have 3',
                      result.stderr)
        # And who does not have it, where it is required, takes no guest.
        self.remove_example("b")
        result = migrate("vm1", "a", check=False)
        self.assertIn("extension 'labels', which network 'ovsnet' requires",
                      result.stderr)
        self.assertIn("it requires extension 'labels', which is not loaded",
                      harness.portferry("b", "status")["networks"][0]["error"])
        self.assert_empty("b")


if __name__ == "__main__":
    import tap
    # A journal that is full after a few migrations.
    os.environ["LAB_AGENT_ARGS"] = "--journal-limit=4"
    tap.main(setup=lambda: (lab("guest-image"), lab("up")),
             teardown=lambda: lab("down"))
