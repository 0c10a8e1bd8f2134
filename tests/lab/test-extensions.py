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
from harness import (Capture, Events, Migration, Noise, guest_shell,
                     has_port, inside, lab, leftovers, migrate, output, ping,
                     port, settled, start_guest, stop_guest, until,
                     wait_for_stamp)

HOSTS = "ab"
MAC = "52:54:00:aa:00:01"
MAC2 = "52:54:00:aa:00:02"
ADDRESS = "10.99.42.11"
ADDRESS2 = "10.99.60.21"
CLIENT = "10.99.42.1"
# What the guest says it were, and the rules do not let it be.
SPOOFED = "10.99.42.99"
ACL = 1000

# An access port, and a trunk with libvirt's <bandwidth>.
NICS = ["network=ovsnet,portgroup=web,mac=%s,target=web0,ip=%s/24" % (
            MAC, ADDRESS),
        "network=ovsnet,portgroup=trunk,mac=%s,target=trk0,ip.60=%s/24" % (
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


def timeouts(rules):
    """What is left of each timeout: the sums tell of a loss or a gift."""
    found = {}
    for rule in rules:
        key = without_timeouts([rule])[0]
        for kind, seconds in re.findall(r"(idle|hard)_timeout=(\d+)", rule):
            found[kind, key] = int(seconds)
    return found


def add_mirror(host):
    """The mirror `tap' to which both hosts' operators give the same name."""
    inside(host, "ovs-vsctl", "add-port", "br0", "mon0", "--", "set",
           "Interface", "mon0", "type=internal",
           "--", "--id=@o", "get", "Port", "mon0",
           "--", "--id=@m", "create", "Mirror", "name=tap", "output_port=@o",
           "--", "add", "Bridge", "br0", "mirrors", "@m")


def remove_mirror(host):
    inside(host, "ovs-vsctl", "--id=@m", "get", "Mirror", "tap", "--",
           "remove", "Bridge", "br0", "mirrors", "@m", "--", "del-port",
           "mon0")


class ExtensionTest(unittest.TestCase):
    """A test with the guest vm1 on host a, which has everything."""

    maxDiff = None

    def setUp(self):
        for host in HOSTS:
            self.addCleanup(remove_mirror, host)
            add_mirror(host)
        self.empty = {host: harness.switch(host) for host in HOSTS}
        self.addCleanup(stop_guest, "vm1")
        self.start()

    def start(self):
        xml = lab("guest-xml", "vm1", *NICS).stdout
        head, tail = xml.rsplit("</interface>", 1)
        lab("start", "a", "-", text=head + BANDWIDTH + "</interface>" + tail)
        inside("c", "ip", "neigh", "flush", "all")
        inside("a", "ovs-vsctl", *QOS, *MIRROR)
        inside("a", "ovs-ofctl", "-O", "OpenFlow15", "add-meter", "br0",
               METER)
        ofctl("a", "add-groups", GROUPS)
        ofctl("a", "add-flows", RULES + ACL_RULES)
        self.wait_for_stamp("a")

    def wait_for_stamp(self, host):
        """Waits until the stamp has all that the ports have."""
        want = len(RULES) + len(ACL_RULES)
        until("a stamp on %s with everything" % host, lambda: "x" and
              harness.stamp_of(host, "vm1"), 10)
