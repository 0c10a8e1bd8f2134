#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tests/demo shows: a guest with two ports moves from one host to the
other and back, with Portferry and without.

Run by tests/demo, which sets LAB and PF_STAGE.  Two labs are up side by side,
LAB and LAB-plain, each with the same guest.  What is checked here is what the
README promises; how it behaves when things fail is test-migration.py's.
"""

import os
import re
import signal
import statistics
import sys
import textwrap
import time

import harness
from harness import inside, lab, port

WIDTH = 100
ROUNDS = 3                      # There and back, with Portferry and without.
GUEST = "vm1"
# The lab whose guest's kernel and initramfs both labs use: tests/setup's.
IMAGE = os.path.join(os.path.dirname(os.path.dirname(harness.HERE)),
                     "_build", "lab")
# The gap with Portferry should be within this times that without.
EXPECTED_RATIO = 1.2

# The guest's NICs.  Each address is in a VLAN of its own.
NICS = [
    {"name": "web0", "mac": "52:54:00:aa:00:01",
     "xml": "network=ovsnet,portgroup=db,ip=10.99.50.11/24,"
            "iface-id=11111111-5a0f-4e2d-8001-d1e0d1e0d1e0"},
    {"name": "trunk0", "mac": "52:54:00:aa:00:02",
     "xml": "network=ovsnet,portgroup=trunk,ip=10.99.42.12/24,"
            "ip.60=10.99.60.12/24,"
            "iface-id=22222222-5a0f-4e2d-8002-d1e0d1e0d1e0"},
]
ADDRESSES = {
    "10.99.50.11": "web0, access VLAN 50",
    "10.99.42.12": "trunk0, native VLAN 42",
    "10.99.60.12": "trunk0, tagged VLAN 60",
}
# What an administrator sets by hand once the guest runs.
BY_HAND = ["set", "Port", "web0", "external_ids:owner=alice",
           "other_config:transient=false", "protected=true",
           "--", "set", "Interface", "web0", "external_ids:site=berlin",
           "other_config:shaped=yes", "mtu_request=1400",
           "ingress_policing_rate=90000", "ingress_policing_burst=9000",
           "--", "set", "Port", "trunk0", "external_ids:owner=bob",
           "other_config:priority-tags=if-nonzero",
           "--", "set", "Interface", "trunk0", "external_ids:rack=r7"]

# What is attached to web0: a QoS, and on each host a mirror of one name; rules
# against spoofing in several tables, an access list, a meter and a group.
# Without Portferry they stay behind; they are such that the guest is reached
# all the same.
QOS = ["set", "Port", "web0", "qos=@q", "--", "--id=@q", "create", "QoS",
       "type=linux-htb", "other-config:max-rate=100000000",
       "queues:0=@q0", "queues:1=@q1",
       "--", "--id=@q0", "create", "Queue", "other-config:min-rate=1000000",
       "--", "--id=@q1", "create", "Queue", "dscp=10",
       "other-config:min-rate=2000000", "other-config:max-rate=50000000"]
MIRROR = ["add-port", "br0", "mon0", "--", "set", "Interface", "mon0",
          "type=internal", "ofport_request=9000",
          "--", "--id=@o", "get", "Port", "mon0",
          "--", "--id=@m", "create", "Mirror", "name=tap", "output_port=@o",
          "--", "add", "Bridge", "br0", "mirrors", "@m"]
MIRRORED = ["--id=@p", "get", "Port", "web0",
            "--", "add", "Mirror", "tap", "select_src_port", "@p",
            "--", "add", "Mirror", "tap", "select_dst_port", "@p"]
METER = "meter=3,pktps,burst,band=type=drop,rate=20000,burst_size=20000"
GROUP = "group_id=7,type=all,bucket=actions=NORMAL"
ACL = 1000
RULES = ["table=0,priority=200,in_port=web0,actions=resubmit(,10)",
         "table=0,priority=190,udp,dl_dst={mac},tp_dst=9,actions=drop",
         "table=10,priority=100,in_port=web0,dl_src={mac},dl_type=0x8035,"
         "actions=resubmit(,11)",
         "table=10,priority=100,in_port=web0,dl_src={mac},arp,arp_sha={mac},"
         "arp_spa={ip},actions=resubmit(,11)",
         "table=10,priority=100,in_port=web0,dl_src={mac},ip,nw_src={ip},"
         "actions=resubmit(,11)",
         "table=10,priority=50,in_port=web0,actions=drop",
         "table=11,priority=10,in_port=web0,actions=meter:3,set_queue:1,"
         "group:7"]
RULES += ["table=11,priority=%d,in_port=web0,tcp,nw_dst=10.%d.%d.0/24,"
          "tp_dst=%d,actions=drop" % (1000 + n, n // 250, n % 250, 1024 + n)
          for n in range(ACL)]

# What the tables of ports show: label, row and column.
SETTINGS = [
    ("OpenFlow number", "Interface", "ofport"),
    ("iface-id", "Interface", "external_ids:iface-id"),
    ("tag", "Port", "tag"),
    ("trunks", "Port", "trunks"),
    ("vlan_mode", "Port", "vlan_mode"),
    ("protected", "Port", "protected"),
    ("MTU requested", "Interface", "mtu_request"),
    ("policing rate", "Interface", "ingress_policing_rate"),
    ("policing burst", "Interface", "ingress_policing_burst"),
    ("Port external_ids", "Port", "external_ids"),
    ("Port other_config", "Port", "other_config"),
    ("Interface external_ids", "Interface", "external_ids"),
    ("Interface other_config", "Interface", "other_config"),
]
# External ids that say who plugged the port, not what it is like.
LIBVIRTS_IDS = ("iface-id", "attached-mac", "iface-status", "vm-id")


class Stopped(Exception):
    """A signal asks the demo to end."""


# ---- Printing --------------------------------------------------------------

STARTED = time.monotonic()
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def coloured(text, code):
    return "\033[%sm%s\033[0m" % (code, text) if COLOUR else text


def say(text=""):
    print(text, flush=True)


def progress(text):
    """A line about what begins now."""
    say("[%3d s] %s" % (time.monotonic() - STARTED, text))


def heading(text):
    say()
    say(coloured(text, "1"))
    say("-" * len(text))


class Checks:
    """What has to be true, and what was not."""

    def __init__(self):
        self.count = 0
        self.failed = []

    def check(self, where, what, problems, quiet=False):
        """Notes that WHAT is true WHERE if PROBLEMS, texts, is empty; with
        QUIET, prints it only if it is not."""
        self.count += 1
        if not problems:
            if not quiet:
                say("  %s  %s" % (coloured("ok", "32"), what))
            return
        self.failed.append("%s: not true: %s" % (where, what))
        say("  %s  %s" % (coloured("NO", "31;1"), what))
        for problem in problems:
            say(textwrap.fill(str(problem), WIDTH, initial_indent=" " * 6,
                              subsequent_indent=" " * 8))


def columns(rows, widths):
    """Prints ROWS of cells, each wrapped into its column."""
    for row in rows:
        cells = [textwrap.wrap(cell, width) or [""]
                 for cell, width in zip(row, widths)]
        for i in range(max(len(cell) for cell in cells)):
            line = "  ".join(
                (cell[i] if i < len(cell) else "").ljust(width)
                for cell, width in zip(cells, widths))
            say("  " + line.rstrip())


# ---- Ports -----------------------------------------------------------------

def value_text(value):
    """A value of an OVSDB row as a person writes it."""
    if isinstance(value, list):
        if value[0] == "map":
            return ", ".join("%s=%s" % tuple(pair) for pair in value[1]
                             if pair[0] not in LIBVIRTS_IDS) or "-"
        return ", ".join(str(member) for member in value[1]) or "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def setting(rows, row, column):
    column, _, key = column.partition(":")
    value = rows[row][column]
    return dict(value[1]).get(key, "-") if key else value_text(value)


def read_ports(host):
    return {nic["name"]: port(host, nic["name"]) for nic in NICS}


def show_ports(ports):
    say()
    names = list(ports)
    columns([[""] + names]
            + [[label] + [setting(ports[name], row, column)
                          for name in names]
               for label, row, column in SETTINGS], (22, 36, 36))


def differences(before, after):
    """How the ports AFTER are unlike those BEFORE, as texts."""
    found = []
    for name in before:
        for row in before[name]:
            for column, old in before[name][row].items():
                new = after[name][row][column]
                if new != old:
                    found.append("%s: %s.%s is %s, was %s" % (
                        name, row, column, value_text(new), value_text(old)))
    return found


# ---- What is attached to them ----------------------------------------------

def attach(host):
    """Gives web0 all that, as its operator would."""
    inside(host, "ovs-vsctl", *QOS, "--", *MIRRORED)
    ofctl = ("ovs-ofctl", "-O", "OpenFlow15", "--names")
    inside(host, *ofctl, "add-meter", "br0", METER)
    inside(host, *ofctl, "add-group", "br0", GROUP)
    words = {"mac": NICS[0]["mac"], "ip": list(ADDRESSES)[0]}
    inside(host, *ofctl, "add-flows", "br0", "-",
           text="\n".join(RULES).format(**words) + "\n")


def read_attached(host):
    found = harness.openflow(host)
    found["mirrors"] = harness.mirrors(host)
    found["qos"] = (harness.qos(host, "web0")
                    if harness.has_port(host, "web0") else None)
    return found


def pairs(values):
    return ", ".join("%s=%s" % item for item in sorted(values.items()))


def attached_cells(found):
    """What is attached on a host, as the cells of a column."""
    qos = found["qos"]
    queues = qos["Queues"] if qos else {}
    cells = ["%s, %s" % (qos["QoS"]["type"], pairs(qos["QoS"]["other_config"]))
             if qos else "-"]
    cells += [pairs(queues[n]["other_config"]) if n in queues else "-"
              for n in (0, 1)]
    mirror = found["mirrors"]["tap"]
    cells += [", ".join(mirror[column]) or "-" for column in
              ("select_src_port", "select_dst_port", "output_port")]
    tables = [re.search(r"\btable=(\d+)", rule) for rule in found["rules"]
              if not rule.startswith("priority=0 ")]
    tables = [int(match.group(1)) if match else 0 for match in tables]
    cells += ["%d" % tables.count(n) if n in tables else "-"
              for n in (0, 10, 11)]
    for what in ("groups", "meters"):
        text = ", ".join(found[what]).replace("bucket=bucket_id:0,", "")
        cells.append(text.replace(" bands= type", " band") or "-")
    return cells


def show_attached(hosts):
    say()
    labels = ["QoS", "  queue 0", "  queue 1", "mirror 'tap': from",
              "  to", "  output", "rules in table 0", "  in table 10",
              "  in table 11", "group", "meter"]
    names = sorted(hosts)
    columns([["web0 has"] + ["on host-" + host for host in names]]
            + [list(row) for row in zip(labels, *[
                attached_cells(hosts[host]) for host in names])],
            (18, 37, 37))


def announcements(frames, host):
    """What HOST told the fabric of where the guest is: for each kind, NIC and
    VLAN how often, and when first."""
    found = {}
    names = {nic["mac"]: nic["name"] for nic in NICS}
    for f in frames:
        if (f["dev"] == "up0_" + host and not f["out"]
                and f["src"] in names and f["type"] in ("rarp", "arp")
                and f["spa"] == f["tpa"]):
            key = (names[f["src"]], f["type"].upper(), f["vlan"][0])
            found.setdefault(key, []).append(f["t"])
    return found


# ---- The two labs ----------------------------------------------------------

class Lab:
    """A lab with its guest; harness works on the one last entered."""

    def __init__(self, path, title, plain=False):
        self.path = path
        self.title = title
        self.plain = plain
        self.before = None      # The ports before the first migration,
        self.attached = None    # what is attached to them,
        self.empty = None       # and each host's switch before the guest.

    def enter(self):
        os.environ["LAB"] = self.path

    def up(self):
        """Brings it up, after an earlier run's remains are gone."""
        self.down()
        os.makedirs(self.path, exist_ok=True)
        os.symlink(os.path.join(IMAGE, "guest"), self._image())
        lab("up", *(["--plain"] if self.plain else []))

    def down(self):
        self.enter()
        lab("down")
        if os.path.islink(self._image()):
            os.unlink(self._image())
            os.rmdir(self.path)

    def _image(self):
        return os.path.join(self.path, "guest")

    def start_guest(self):
        self.enter()
        for host in "ab":
            inside(host, "ovs-vsctl", *MIRROR)
        self.empty = {host: harness.switch(host) for host in "ab"}
        harness.start_guest("a", GUEST, *[
            "%s,mac=%s,target=%s" % (nic["xml"], nic["mac"], nic["name"])
            for nic in NICS])
        if not self.plain:
            harness.wait_for_stamp("a", GUEST)
            stamp = harness.stamp_of("a", GUEST)
        inside("a", "ovs-vsctl", *BY_HAND)
        attach("a")
        inside("c", "ip", "neigh", "flush", "all")
        if not self.plain:
            harness.wait_for_new_stamp("a", GUEST, stamp)
        self.before = read_ports("a")
        self.attached = read_attached("a")


class Move:
    """One migration of a lab's guest under ping, and what was seen."""

    def __init__(self, which, source):
        which.enter()
        self.lab = which
        self.source = source
        self.destination = "b" if source == "a" else "a"
        self.name = "host-%s -> host-%s" % (source, self.destination)
        with harness.Events(source) as here, \
                harness.Events(self.destination) as there, \
                harness.Capture("c") as capture:
            result, self.gaps = harness.ping_gaps(
                list(ADDRESSES), harness.migrate_command(
                    GUEST, source, "--live"))
            if result.returncode:
                raise harness.Failure("virsh migrate --live, %s: %s" % (
                    self.name, result.stderr.strip()))
            stops = here.wait_for("Suspended")
            self.runs = there.wait_for("Resumed")
            frames = capture.frames()
        self.pause = (self.runs - stops) * 1000
        self.gap = max(self.gaps.values())
        if not which.plain:
            self._settle()
        self.ports = read_ports(self.destination)
        self.attached = {host: read_attached(host) for host in "ab"}
        self.told = announcements(frames, self.destination)

    def _settle(self):
        """Waits until both agents are done, and reads both journals."""
        self.trace = harness.settled(self.destination)
        self.source_trace = harness.settled(self.source)
        harness.wait_for_stamp(self.destination, GUEST)
        self.steps = harness.whole_steps(self.trace, self.source_trace)


# ---- What has to be true ---------------------------------------------------

def order_problems(move):
    problems = []
    for nic in NICS:
        problems += ["%s: %s" % (nic["name"], text) for text in
                     harness.order_problems(move.steps, nic["mac"])]
    return problems


def outcome_problems(move):
    problems = []
    for trace, role in ((move.trace, "destination"),
                        (move.source_trace, "source")):
        found = (trace["role"], trace["outcome"], trace["error"])
        if found != (role, "completed", None):
            problems.append("the %s's role, outcome and error are %s" % (
                role, found))
    return problems + [
        "step %s, %s on %s, is %s: %s" % (
            step["seq"], step["request"], step["host"], step["result"],
            step["detail"])
        for step in move.steps if step["result"] != "ok"]


def check_before(check, what, steps, earlier, later):
    """Checks that the last EARLIER, a request and its kind, was over before
    LATER, a time in seconds.  WHAT says so, with a %s for how long."""
    try:
        ms = (later - harness.ends_at(steps, *earlier)) * 1000
    except ValueError:
        check(what % "?", ["the trace has no %s" % earlier[0]])
    else:
        check(what % ("%.0f ms" % ms),
              [] if ms > 0 else ["%.1f ms too late" % -ms])


def check_move(checks, move, quiet):
    """All that the README promises of a migration."""
    where = "%s with Portferry" % move.name
    steps = move.steps
    requests = len({(s["request"], s["kind"]) for s in steps})

    def check(what, problems):
        checks.check(where, what, problems, quiet)

    check("the documented order at each of the %d ports: %d requests"
          % (len(NICS), requests), order_problems(move))
    check("completed, and each of its %d steps is ok" % len(steps),
          outcome_problems(move))
    check_before(check, "the operational ports were in place (requests 4 and "
                 "5) %s before the guest ran", steps,
                 ("property-add", "operational"), move.runs)
    check_before(check, "the source's ports were gone (10) %s before the "
                 "destination's NICs connected (12)", steps,
                 ("port-delete", "operational"),
                 min((s["time_us"] for s in steps
                      if s["request"] == "nic-connect"), default=0) / 1e6)
    check("the ports are equal to what they were before: %d columns each"
          % sum(len(row) for row in move.ports["web0"].values()),
          differences(move.lab.before, move.ports))
    check("QoS, mirror, %d rules, group and meter are equal too"
          % (len(RULES)), harness.differences(
              move.lab.attached, move.attached[move.destination])[:5])
    check("host-%s's switch is as it was before the guest" % move.source,
          harness.differences(move.lab.empty[move.source],
                              harness.switch(move.source))[:5])
    check("nothing is left behind on either host", left_behind(move))
    check("the fabric was told where the guest is: %s" % told_text(move),
          [] if {kind for _, kind, _ in move.told} == {"ARP", "RARP"}
          and {name for name, _, _ in move.told} == set(move.ports)
          else ["it was not told of each port"])
    check("the guest answers on every VLAN",
          [address for address in ADDRESSES if not harness.ping(address)])


def told_text(move):
    return ", ".join("%d %s for %s in VLAN %d" % (
        len(times), kind, name, vlan)
                     for (name, kind, vlan), times in sorted(
                         move.told.items()))


def check_quietly(checks, move):
    """The same, and the migration is shown only if something is wrong."""
    failed = len(checks.failed)
    check_move(checks, move, quiet=True)
    if len(checks.failed) > failed:
        show_move(move)


def left_behind(move):
    found = ["host-%s: port %s is still there" % (move.source, nic["name"])
             for nic in NICS if harness.has_port(move.source, nic["name"])]
    for host in "ab":
        found += ["host-%s: %s" % (host, text)
                  for text in harness.leftovers(host)]
    return found


def show_counters(checks, move):
    """What the guest's whole life is, beside what the host's tap has seen."""
    say()
    say("$ portferry ports                 # on host-%s" % move.destination)
    say(harness.output(move.destination, "portferry", "ports").rstrip())
    say()
    whole = {p["name"]: p["rx_packets"] for p in harness.portferry(
        move.destination, "ports")["ports"]}
    here = {name: int(harness.output(
        move.destination, "ovs-vsctl", "get", "Interface", name,
        "statistics:rx_packets")) for name in whole}
    checks.check(move.name, "the counters are of the guest's whole life: "
                 + ", ".join("%s sent %d packets, %d of them here" % (
                     name, whole[name], here[name]) for name in whole),
                 ["%s: not more than here" % name for name in whole
                  if whole[name] <= here[name]])


# ---- The demo --------------------------------------------------------------

def show_move(move):
    """The trace, as the product prints it, and the gaps beside it."""
    heading("virsh migrate --live %s, %s, with Portferry" % (GUEST,
                                                             move.name))
    say("$ portferry trace --last          # on host-%s" % move.destination)
    say(harness.output(move.destination, "portferry", "trace",
                       "--last").rstrip())
    first = min(s["time_us"] for s in move.trace["steps"]) / 1e6
    say()
    ran = (move.runs - first) * 1000
    say("In this table's time the guest stopped on host-%s at %.1f ms, and "
        "ran on host-%s at %.1f ms." % (move.source, ran - move.pause,
                                 move.destination, ran))
    opened = (harness.ends_at(move.steps, "nic-restore-complete")
              - first) * 1000
    say("The gates were open at %.1f ms." % opened)
    if move.trace["level"] != "deleted":
        say(textwrap.fill(
            "libvirt took the source's data along when the source was only "
            "at level '%s'. What it did after that is not in this table, but "
            "in the source's own:" % move.trace["level"], WIDTH))
        say("$ portferry trace --last          # on host-%s" % move.source)
        say(harness.output(move.source, "portferry", "trace",
                           "--last").rstrip())
    say("The longest gap in the ping from the client:")
    columns([["%.1f ms" % gap, address, ADDRESSES[address]]
             for address, gap in move.gaps.items()], (10, 11, 30))
    say()


def gap_rows(with_pf, plain):
    """A row for each pair of moves, with Portferry and without, and below
    them medians and maxima; each row is a name and four numbers."""
    rows = [[one.name, one.gap, one.pause, other.gap, other.pause]
            for one, other in zip(with_pf, plain)]
    numbers = list(zip(*(row[1:] for row in rows)))
    return rows + [["median"] + [statistics.median(n) for n in numbers],
                   ["longest"] + [max(n) for n in numbers]]


def show_gaps(moves):
    """With Portferry and without, beside each other; returns the ratio."""
    heading("The longest gap in the ping, and the guest's own pause, in ms")
    rows = gap_rows([m for m in moves if not m.lab.plain],
                    [m for m in moves if m.lab.plain])
    cells = [["", "with Portferry", "", "without", ""],
             ["", "gap", "pause", "gap", "pause"]]
    cells += [[row[0]] + ["%.0f" % number for number in row[1:]]
              for row in rows]
    say()
    columns([[row[0]] + [cell.rjust(14) for cell in row[1:]]
             for row in cells], (18, 14, 14, 14, 14))
    say()
    ratio = rows[-2][1] / rows[-2][3]
    say(textwrap.fill(
        "The median of the gaps is %.2f times that without Portferry; up to "
        "%.1f times is expected. Most of a gap is the pause, from the guest's "
        "stop to its run elsewhere, which differs much from one migration to "
        "the next: the ratio is reported and decides nothing." % (
            ratio, EXPECTED_RATIO), WIDTH))
    levels = [m.trace["level"] for m in moves if not m.lab.plain]
    say(textwrap.fill(
        "In %d of %d migrations with Portferry the source had told by the "
        "time that libvirt took its data along that its ports were gone; "
        "that they were is checked in all of them." % (
            levels.count("deleted"), len(levels)), WIDTH))
    return ratio


def show_losses(move):
    heading("What is attached to web0, after %s without Portferry" % move.name)
    show_attached(move.attached)
    heading("What the ports are like after %s without Portferry" % move.name)
    lost = differences(move.lab.before, move.ports)
    for text in lost or ["as before"]:
        say(textwrap.fill(text, WIDTH, initial_indent="  ",
                          subsequent_indent="    "))


def bring_up(with_pf, plain):
    progress("the guest's kernel and initramfs")
    os.environ["LAB"] = IMAGE
    lab("guest-image")
    progress("two hosts and a client, with Portferry on the hosts")
    with_pf.up()
    progress("two hosts and a client, without Portferry")
    plain.up()
    for which in (with_pf, plain):
        progress("guest %s on host-a, %s" % (GUEST, which.title))
        which.start_guest()


def first_round(checks, with_pf):
    """There and back, shown in full; returns both moves."""
    heading("The guest's ports on host-a before it moves")
    show_ports(with_pf.before)
    heading("What is attached to web0, before it moves")
    show_attached({host: read_attached(host) for host in "ab"})
    moves = []
    for source in "ab":
        say()
        progress("migration from host-%s, with Portferry" % source)
        move = Move(with_pf, source)
        show_move(move)
        check_move(checks, move, quiet=False)
        moves.append(move)
        heading("What is attached to web0, after %s" % move.name)
        show_attached(move.attached)
        show_counters(checks, move)
    heading("The guest's ports on host-a after it has been to host-b")
    show_ports(moves[1].ports)
    say()
    checks.check("there and back", "equal to what they were before, name and "
                 "OpenFlow number included",
                 differences(with_pf.before, moves[1].ports))
    return moves


def demo(checks, with_pf, plain):
    bring_up(with_pf, plain)
    moves = first_round(checks, with_pf)
    say()
    for turn in range(ROUNDS):
        for which in (with_pf, plain):
            if turn == 0 and not which.plain:
                continue        # That was the first round.
            progress("round %d of %d: there and back, %s" % (
                turn + 1, ROUNDS, which.title))
            for source in "ab":
                moves.append(Move(which, source))
                if not which.plain:
                    check_quietly(checks, moves[-1])
    show_losses(next(m for m in moves if m.lab.plain))
    return show_gaps(moves)


def show_logs(which):
    """What the agents complained about, for whom it did not work."""
    which.enter()
    for host in "ab":
        result = inside(host, "tail", "-n", "15",
                        "/var/log/openvswitch/portferryd.log", check=False)
        say("The end of the agent's log on host-%s:" % host)
        say(result.stdout.rstrip())


def stop(signum, _frame):
    raise Stopped("ended by %s" % signal.Signals(signum).name)


def clean_up(labs):
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    say()
    progress("taking both labs down")
    for which in labs:
        which.down()


def main():
    path = os.path.abspath(os.environ["LAB"])
    labs = (Lab(path, "with Portferry"),
            Lab(path + "-plain", "without Portferry", plain=True))
    checks = Checks()
    verdict = None
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, stop)
    try:
        try:
            ratio = demo(checks, *labs)
            if checks.failed:
                show_logs(labs[0])
        finally:
            clean_up(labs)
    except (harness.Failure, Stopped) as error:
        verdict = " ".join(str(error).split())
    if checks.failed:
        verdict = "; ".join(checks.failed + ([verdict] if verdict else []))
    if verdict:
        say(coloured("demo: FAILED: %s" % verdict, "31;1"))
        return 1
    say(coloured("demo: all is as it should be: %d checks, %d migrations, "
                 "gap %.2f times that without Portferry" % (
                     checks.count, 4 * ROUNDS, ratio), "32;1"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
