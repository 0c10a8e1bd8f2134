#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Injects faults into migrations in the lab, and checks after each that
everything that must be true is: invariants.py says what.

  faults.py [--quick] [--list] [--tap] [PATTERN...]

Runs the faults whose names match a PATTERN (a regular expression, or the
number in the issue's list), or all; with --quick, those that stand for the
others.  Prints a table: the fault, what became of the migration, the
invariants, the longest time without a reply of the guest.  With --tap the
table's rows are comments in TAP, a test for each fault.  The exit status is 0
if all invariants held.  Run by tests/faults, which sets LAB and PF_STAGE.
"""

import argparse
import os
import re
import shutil
import sys
import textwrap
import time
import traceback

import faults_cut
import faults_data
import faults_guests
import faults_journal
import faults_lab
import faults_points
import faults_refused
import faults_restore
import faults_switch
import harness
import invariants
from faults_lab import GUEST, RULES

ROW = "%-2s %-52s %-40s %-9s %9s"
PROBLEMS_SHOWN = 6
LEGEND = """
In brackets: what the source's and the destination's journal say of the
migration; "-": nothing, it did not get so far.
I1: the guest runs once, its ports are there as they were, open, and nowhere
else.  I2: its frames entered on one host at a time, in its VLAN, by its rules.
I3: nothing is left over.  I4: journal and virsh say what happened and why.
I5: it answered within the limit.  The gap is the longest time without a reply
to a ping each 10 ms, from the fault's beginning to the last check."""


def catalogue():
    """All faults, in the order of the issue's list."""
    parts = (faults_refused, faults_points, faults_cut, faults_switch,
             faults_data, faults_restore, faults_journal, faults_guests)
    found = [fault for part in parts for fault in part.faults()]
    return sorted(found, key=lambda fault: fault.number)


class Report:
    """What came of one fault."""

    def __init__(self):
        self.outcome = ""
        self.problems = {name: [] for name in invariants.NAMES}
        self.gap = None
        self.is_silent = False
        self.hangs = False

    def is_good(self):
        return not any(self.problems.values())


def settle(world, fault):
    """Waits until I1 and I3 hold and the guest answers, or the fault's time
    is over.  Returns the states and the problems then."""
    end = time.monotonic() + fault.seconds
    while True:
        states, problems = None, {"I1": [], "I3": []}
        try:
            states = world.states()
            problems = invariants.check_places(GUEST, states, world.with_guest,
                                               world.without)
        except invariants.Unreadable as error:
            problems["I1"].append(str(error))
        if not any(problems.values()) and world.answers():
            return states, problems
        if time.monotonic() > end:
            return states, problems
        time.sleep(0.2)


def outcome_text(world, states, source, where):
    """What became of the migration, in a few words."""
    words = []
    for host, role in ((source, "source"),
                       (faults_lab.other(source), "destination")):
        rows = [row for row in states[host].journal
                if row["started"] >= world.began * 1e6
                and row["role"] == role]
        words.append(rows[-1]["outcome"] if rows else "-")
    return "%s (%s / %s)" % (
        "moved" if where != source else "stayed", *words)


def inject(world, fault):
    """Injects FAULT and judges."""
    report = Report()
    source = world.at
    virsh = None
    world.mark()
    try:
        virsh = fault.inject(world)
    except Exception as error:
        report.problems["I1"].append("%s: %s" % (type(error).__name__, error))
        if not isinstance(error, harness.Failure):
            traceback.print_exc()
    report.problems["I1"] += world.disarm()
    states, problems = settle(world, fault)
    for name in problems:
        report.problems[name] += problems[name]
    if states is None:
        report.outcome = "a host does not tell its state"
        return report
    where = [host for host, state in states.items()
             if state.guests.get(GUEST) == "running"]
    if not where:
        report.outcome = "the guest runs nowhere"
        return report
    world.at = where[0] if where != [source] else source
    judge(world, fault, report, states, source, virsh)
    return report


def judge(world, fault, report, states, source, virsh):
    """I2, I4 and I5, and whether the guest is where it should be."""
    end = time.time()
    fabric, taps, client = world.frames()
    report.problems["I2"] += invariants.check_frames(RULES, fabric, taps,
                                                     fault.both)
    report.problems["I2"] += invariants.check_probes(RULES, fabric, taps,
                                                     client)
    report.problems["I4"] += invariants.check_journal(
        GUEST, states, world.began, source, world.at, virsh, fault.both)
    report.gap = invariants.longest_gap(RULES, client, world.began, end)
    if report.gap > fault.gap:
        report.problems["I5"].append(
            "no reply for %.1f s; the limit is %.1f s" % (report.gap,
                                                         fault.gap))
    if not world.answers():
        report.is_silent = True
        report.hangs = not world.console_answers(world.at)
        report.problems["I5"].append(
            "it does not answer at the end; its console %s" % (
                "does not either: the guest itself hangs" if report.hangs
                else "does"))
    report.outcome = outcome_text(world, states, source, world.at)
    moved = world.at != source
    if fault.moved is not None and fault.moved != moved:
        report.problems["I1"].append("the guest has %smoved%s" % (
            "" if moved else "not ",
            ": " + virsh.stderr.strip() if virsh is not None else ""))


def keep_logs(world, fault, folder):
    """Keeps what the hosts have logged in a folder for FAULT in FOLDER."""
    name = re.sub(r"[^a-zA-Z0-9]+", "-", fault.name)
    for host in "ab":
        kept = os.path.join(folder, name, host)
        shutil.rmtree(kept, ignore_errors=True)
        os.makedirs(kept)
        for log in ("agent.log", "log-openvswitch/portferryd.log",
                    "log-openvswitch/ovs-vswitchd.log",
                    "log-libvirt/libvirtd.log", "lib-portferry/portferry.db"):
            path = os.path.join(world.folder, host, log)
            if os.path.exists(path):
                shutil.copy(path, kept)


def mend(world):
    """After a finding: a lab and a guest as at the beginning."""
    world.down()
    world.up()
    world.start_guest()


def row_text(fault, report):
    marks = " ".join("!!" if report.problems[name] else name[1]
                     for name in invariants.NAMES)
    return ROW % (fault.number, fault.name, report.outcome, marks,
                  "-" if report.gap is None else "%d ms" % (
                      report.gap * 1000))


def select(args):
    chosen = [fault for fault in catalogue() if fault.quick or not args.quick]
    if args.patterns:
        chosen = [fault for fault in chosen if any(
            pattern == str(fault.number) or re.search(pattern, fault.name)
            for pattern in args.patterns)]
    return chosen


def run(world, chosen, say, tap):
    failed = []
    for number, fault in enumerate(chosen, 1):
        begun = time.monotonic()
        report = inject(world, fault)
        if report.hangs and not any(report.problems[name]
                                    for name in ("I1", "I3", "I4")):
            # QEMU's emulation hangs now and then after a migration: that
            # says nothing of the port.
            say("      %s: the guest hangs, on its console too: once more" %
                fault.name)
            mend(world)
            report = inject(world, fault)
        say(row_text(fault, report))
        if fault.note:
            say(textwrap.fill(fault.note, 100, initial_indent=" " * 6,
                              subsequent_indent=" " * 6))
        for name, problems in report.problems.items():
            for problem in problems[:PROBLEMS_SHOWN]:
                say("      %s: %s" % (name, problem))
            if len(problems) > PROBLEMS_SHOWN:
                say("      %s: and %d more" % (
                    name, len(problems) - PROBLEMS_SHOWN))
        if tap:
            print("%sok %d - fault %d: %s (%.1f s)" % (
                "" if report.is_good() else "not ", number, fault.number,
                fault.name, time.monotonic() - begun), flush=True)
        if not report.is_good():
            failed.append(fault.name)
            keep_logs(world, fault, os.environ.get("PF_FINDINGS") or
                      world.folder + "-findings")
        if (report.problems["I1"] or report.problems["I3"]
                or report.is_silent):
            mend(world)
        else:
            world.ready()
    return failed


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--tap", action="store_true")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN")
    args = parser.parse_args()
    chosen = select(args)
    if args.list or not chosen:
        print("\n".join("%2d %s%s" % (f.number, f.name,
                                      " (quick)" if f.quick else "")
                        for f in chosen) or "no such fault")
        sys.exit(0 if chosen else 2)

    def say(text):
        for line in text.split("\n"):
            print("# " + line if args.tap else line, flush=True)

    if args.tap:
        print("1..%d" % len(chosen), flush=True)
    begun = time.monotonic()
    world = faults_lab.World(os.environ["LAB"])
    try:
        world.up()
        world.start_guest()
        say(ROW % ("", "fault", "outcome (source / destination)",
                   "invariants", "gap"))
        failed = run(world, chosen, say, args.tap)
    finally:
        if not os.environ.get("PF_KEEP"):
            world.down()
    say(LEGEND)
    say("")
    say("%d faults, %d with findings%s, in %d s" % (
        len(chosen), len(failed), failed and " (%s)" % "; ".join(failed) or "",
        time.monotonic() - begun))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
