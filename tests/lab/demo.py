#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tests/demo shows: a guest with two ports moves from one host to the
other and back, with Portferry and without.

Run by tests/demo, which sets LAB and PF_STAGE.  Two labs are up side by side,
LAB and LAB-plain, each with the same guest.  What is checked here is what the
README promises; how it behaves when things fail is test-migration.py's.
"""

import os
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


# ---- The two labs ----------------------------------------------------------

class Lab:
    """A lab with its guest; harness works on the one last entered."""

    def __init__(self, path, title, plain=False):
        self.path = path
        self.title = title
        self.plain = plain
        self.before = None      # The ports before the first migration.

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
        harness.start_guest("a", GUEST, *[
            "%s,mac=%s,target=%s" % (nic["xml"], nic["mac"], nic["name"])
            for nic in NICS])
        inside("a", "ovs-vsctl", *BY_HAND)
        inside("c", "ip", "neigh", "flush", "all")
        if not self.plain:
            harness.until("the guest's stamp to say what was set by hand",
                          lambda: "berlin" in (harness.stamp_of("a", GUEST)
                                               or ""), 10)
        self.before = read_ports("a")


class Move:
    """One migration of a lab's guest under ping, and what was seen."""

    def __init__(self, which, source):
        which.enter()
        self.lab = which
        self.source = source
        self.destination = "b" if source == "a" else "a"
        self.name = "host-%s -> host-%s" % (source, self.destination)
        with harness.Events(source) as here, \
                harness.Events(self.destination) as there:
            result, self.gaps = harness.ping_gaps(
                list(ADDRESSES), harness.migrate_command(
                    GUEST, source, "--live"))
            if result.returncode:
                raise harness.Failure("virsh migrate --live, %s: %s" % (
                    self.name, result.stderr.strip()))
            stops = here.wait_for("Suspended")
            self.runs = there.wait_for("Resumed")
        self.pause = (self.runs - stops) * 1000
        self.gap = max(self.gaps.values())
        if not which.plain:
            self._settle()
        self.ports = read_ports(self.destination)

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
    check("nothing is left behind on either host", left_behind(move))
    check("the guest answers on every VLAN",
          [address for address in ADDRESSES if not harness.ping(address)])


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
             for address, gap in move.gaps.items()], (8, 11, 30))
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
    moves = []
    for source in "ab":
        say()
        progress("migration from host-%s, with Portferry" % source)
        move = Move(with_pf, source)
        show_move(move)
        check_move(checks, move, quiet=False)
        moves.append(move)
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
