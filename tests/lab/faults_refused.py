# SPDX-License-Identifier: Apache-2.0
"""Fault 1: the destination refuses the guest, another hook does, or its QEMU
does not start.  Each leaves the guest where it was, and virsh says why."""

import os
import re
import time

from faults_lab import MAC, PORT, Fault
from harness import HERE, Failure, inside, output


def define(host, change):
    """Gives network ovsnet of HOST what CHANGE(xml) makes of the lab's XML,
    and the agent the time to follow."""
    uuid = output(host, "virsh", "net-uuid", "ovsnet").strip()
    with open(os.path.join(HERE, "net-ovsnet.xml")) as xml:
        text = xml.read().replace("</name>", "</name><uuid>%s</uuid>" % uuid)
    inside(host, "virsh", "--quiet", "net-define", "/dev/stdin",
           text=change(text))
    time.sleep(1.5)


def element(children):
    """A change: the network's <portferry:migration> has CHILDREN."""
    return lambda xml: re.sub(
        r"<portferry:migration ([^>]*)/>",
        r"<portferry:migration \1>%s</portferry:migration>" % children, xml)


def unchanged(xml):
    return xml


class Refused:
    """Migrates while something is wrong on the destination: BREAK(host) makes
    it so, MEND(host) takes it back.  virsh has to say TEXT."""

    def __init__(self, text, break_, mend):
        self.text = text
        self.break_ = break_
        self.mend = mend

    def __call__(self, world):
        to = world.to
        try:
            self.break_(to)
            result = world.migration().result()
        finally:
            self.mend(to)
        if self.text not in result.stderr:
            raise Failure("virsh says '%s', not '%s'" % (
                result.stderr.strip(), self.text))
        return result


def by_network(text, change):
    return Refused(text, lambda host: define(host, change),
                   lambda host: define(host, unchanged))


def by_command(text, break_, mend):
    """BREAK and MEND are shell commands."""
    return Refused(text, lambda host: inside(host, "sh", "-ec", break_),
                   lambda host: inside(host, "sh", "-c", mend))


def by_port(text, name, *settings):
    """A port NAME on the destination, with SETTINGS of its Interface."""
    return by_command(
        text, "ovs-vsctl add-port br0 %s -- set Interface %s type=internal %s"
        % (name, name, " ".join(settings)), "ovs-vsctl del-port " + name)


def by_hook(operation, name):
    """A hook of somebody else in qemu.d, before ours or after, fails."""
    path = "/etc/libvirt/hooks/qemu.d/" + name
    script = ('#!/bin/sh\n[ "$2 $3" != "%s begin" ] || '
              '{ echo "not today" >&2; exit 1; }\n' % operation)

    def place(host):
        inside(host, "sh", "-ec", "cat >%s; chmod 755 %s" % (path, path),
               text=script)
    return Refused("not today", place, lambda host: inside(
        host, "rm", "-f", path))


def iface_id_in_use(world):
    """Another port has the port's iface-id."""
    value = output(world.at, "ovs-vsctl", "get", "Interface", PORT,
                   "external_ids:iface-id").strip().strip('"')
    return by_port("iface-id %s is in use by port 'thief'" % value, "thief",
                   "external_ids:iface-id=" + value)(world)


def unstarted(world):
    """QEMU ends at once: the guest's kernel is an empty file there."""
    kernel = os.path.join(world.folder, "guest", "vmlinuz")
    return by_command("", "mount --bind /dev/null " + kernel,
                      "umount " + kernel)(world)


REFUSALS = [
    ("its VLAN is not allowed", by_network(
        "VLAN 42 (tag) is not among the VLANs",
        element("<portferry:vlan allowed='50,60'/>"))),
    ("a required extension is missing", by_network(
        "extension 'firewall', which network 'ovsnet' requires",
        element("<portferry:extension name='firewall' required='yes'/>"))),
    ("the network is not managed", by_network(
        "network 'ovsnet' on this host is not",
        lambda xml: re.sub(r"<metadata>.*</metadata>", "", xml, flags=re.S))),
    ("the network's XML has a mistake", by_network(
        "network 'ovsnet' on this host", element("<portferry:nonsense/>"))),
    ("there is no such bridge", by_network(
        "there is no bridge 'br9'", lambda xml: xml.replace(
            "bridge name='br0'", "bridge name='br9'"))),
    ("its rates are above the capacity", by_network(
        "qos", element(
            "<portferry:bandwidth capacity='100' unit='kbit/s'/>"))),
    ("its rules are not the network's", by_network(
        "flows", element("<portferry:flows cookie='0x1' mask='0xffff'/>"))),
    ("its MAC is in use", by_port(
        "attached-mac %s is in use by port 'thief'" % MAC, "thief",
        "external_ids:attached-mac=" + MAC)),
    ("its iface-id is in use", iface_id_in_use),
    ("its name is a port's", by_port("a port named '%s'" % PORT, PORT)),
    ("its name is a device's", by_command(
        "a network device named '%s'" % PORT,
        "ip link add %s type bridge" % PORT, "ip link del " + PORT)),
    ("a fake bridge has its VLAN", by_command(
        "fake bridge", "ovs-vsctl add-br fake42 br0 42",
        "ovs-vsctl del-br fake42")),
    ("a required mirror is missing", Refused(
        "mirror 'watch'", lambda host: (
            define(host, element(
                "<portferry:extension name='mirror' required='yes'/>")),
            inside(host, "ovs-vsctl", "set", "Mirror", "watch",
                   "name=other")),
        lambda host: (inside(host, "ovs-vsctl", "set", "Mirror", "other",
                             "name=watch", check=False),
                      define(host, unchanged)))),
]


def faults():
    for text, inject in REFUSALS:
        yield Fault(1, "refused: " + text, inject, moved=False, gap=3,
                    quick=text == "its VLAN is not allowed")
    for operation in "migrate", "prepare", "start":
        yield Fault(1, "a hook after ours fails at %s" % operation,
                    by_hook(operation, "90-other"), moved=False, gap=3,
                    seconds=45, quick=operation == "start")
    yield Fault(1, "a hook before ours fails at prepare",
                by_hook("prepare", "10-other"), moved=False, gap=3,
                seconds=45)
    yield Fault(1, "the destination's QEMU does not start", unstarted,
                moved=False, gap=3, quick=True)
