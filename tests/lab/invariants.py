#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what must be true after every migration, however it went.

Reads only what others have written: each host's Open vSwitch database, its
OpenFlow rules, groups, meters and ports, libvirt, the devices and files, the
captures of frames, and the journal as it is in the database.  It never asks
the agent.

  I1  the guest runs once, and its ports are there, operational and open, as
      they were, and nowhere else
  I2  its frames never entered the network on both hosts, in another VLAN, or
      around its rules; and it got none of another VLAN
  I3  nothing is left over
  I4  the journal says what happened, with the reason, and so does virsh
  I5  it answers again within the stated time

What a host should be like is what it was like before: a host with the guest,
a host without.  So a difference of any kind is a finding; nobody has to have
thought of it.

As a command, `invariants.py --self-test' tries the checks against states that
are broken on purpose.
"""

import collections
import json
import os
import re
import sys

import harness

NAMES = ("I1", "I2", "I3", "I4", "I5")

# One command for all of a host: each part begins with a line of its own.
READ = r"""
part() { echo "==== $1"; }
part Open_vSwitch; ovsdb-client --format=json dump Open_vSwitch
part Portferry; ovsdb-client --format=json dump Portferry
for bridge in $(ovs-vsctl --timeout=5 list-br); do
    for what in flows groups meters ports-desc; do
        part "$what $bridge"
        no_stats=
        [ $what != flows ] || no_stats=--no-stats
        ovs-ofctl --timeout=5 -O OpenFlow15 dump-$what $no_stats $bridge
    done
done
part guests; virsh --quiet list --all
part links; ip -o link
part files
find /run/portferry /run/openvswitch /var/lib/portferry -printf '%p %y\n'
"""

# Columns of the tables that are compared.  What OVS counts or measures is not.
COLUMNS = {
    "Bridge": ["name", "controller", "datapath_type", "external_ids",
               "fail_mode", "flow_tables", "ipfix", "netflow", "other_config",
               "protocols", "sflow"],
    "Port": ["tag", "trunks", "vlan_mode", "cvlans", "protected",
             "other_config", "external_ids", "bond_mode", "lacp", "mac"],
    "Interface": ["type", "options", "ofport", "ofport_request",
                  "mtu_request", "other_config", "external_ids",
                  "ingress_policing_rate", "ingress_policing_burst",
                  "ingress_policing_kpkts_rate",
                  "ingress_policing_kpkts_burst", "error"],
    "Mirror": ["external_ids", "output_vlan", "select_all", "select_vlan",
               "snaplen"],
    "QoS": ["type", "other_config", "external_ids"],
    "Queue": ["dscp", "other_config", "external_ids"],
}
# What changes by itself: what the guest did in its life, and by what the
# extension finds rows that it has made.
IGNORED_IDS = ("portferry-counters", "portferry-qos")


class Unreadable(Exception):
    """A host does not tell its state."""


def _parts(text):
    """The parts of READ's output."""
    parts = {}
    for chunk in re.split(r"^==== ", text, flags=re.M)[1:]:
        name, _, body = chunk.partition("\n")
        parts[name] = body
    return parts


def _tables(text):
    """{table: {uuid: {column: value}}}, as `ovsdb-client dump' prints it."""
    tables = {}
    for line in text.splitlines():
        table = json.loads(line)
        rows = [dict(zip(table["headings"], row)) for row in table["data"]]
        tables[table["caption"].split()[0]] = {
            row["_uuid"][1]: row for row in rows}
    return tables


def _uuids(value):
    """The UUIDs of a reference, a set or a map of references, by key."""
    if value[0] == "uuid":
        return {0: value[1]}
    if value[0] == "set":
        return {i: member[1] for i, member in enumerate(value[1])}
    return {key: member[1] for key, member in value[1]}


def _plain(value):
    """A value without the marks of OVSDB's JSON, in an order that is always
    the same."""
    if isinstance(value, list) and value[0] == "set":
        return sorted((_plain(member) for member in value[1]), key=str)
    if isinstance(value, list) and value[0] == "map":
        return {str(key): _plain(member) for key, member in sorted(
            value[1], key=str) if key not in IGNORED_IDS}
    return value


def _row(table, row):
    return {column: _plain(row[column]) for column in COLUMNS[table]
            if column in row}


class State:
    """What a host is like: facts by name, guests, and its journal."""

    def __init__(self, text):
        parts = _parts(text)
        self.facts = {}
        self.guests = {}
        try:
            self._switch(_tables(parts["Open_vSwitch"]))
            self.journal = _journal(_tables(parts["Portferry"]))
        except (KeyError, ValueError) as error:
            raise Unreadable("a database is not readable: %r" % error)
        for name, body in parts.items():
            what, _, bridge = name.partition(" ")
            if bridge:
                getattr(self, "_" + what.replace("-", "_"))(bridge, body)
        self._devices(parts["links"], parts["files"])
        for line in parts["guests"].splitlines():
            words = line.split(None, 2)
            if len(words) == 3:
                self.guests[words[1]] = words[2]

    def _switch(self, db):
        names = {}
        for uuid, row in db["Port"].items():
            names[uuid] = row["name"]
        used = set()
        for row in db["Bridge"].values():
            self._add("Bridge " + row["name"], _row("Bridge", row))
            for port in _uuids(row["ports"]).values():
                self._port(db, row["name"], db["Port"][port], used)
            for mirror in _uuids(row["mirrors"]).values():
                self._mirror(row["name"], db["Mirror"][mirror], names)
        # Rows of these tables stay when nothing refers to them.
        for table in ("QoS", "Queue"):
            for uuid in set(db[table]) - used:
                self._add("unused " + table, _row(table, db[table][uuid]))

    def _port(self, db, bridge, row, used):
        name = row["name"]
        self._add("Port " + name, dict(_row("Port", row), bridge=bridge))
        for uuid in _uuids(row["interfaces"]).values():
            interface = db["Interface"][uuid]
            self._add("Interface " + interface["name"],
                      dict(_row("Interface", interface), port=name))
        for uuid in _uuids(row["qos"]).values():
            qos = db["QoS"][uuid]
            queues = _uuids(qos["queues"])
            used.update([uuid], queues.values())
            self._add("QoS of " + name, dict(
                _row("QoS", qos), queues={
                    number: _row("Queue", db["Queue"][queue])
                    for number, queue in queues.items()}))

    def _mirror(self, bridge, row, names):
        value = dict(_row("Mirror", row), bridge=bridge)
        for column in ("select_src_port", "select_dst_port", "output_port"):
            value[column] = sorted(names[uuid] for uuid in
                                   _uuids(row[column]).values())
        self._add("Mirror " + row["name"], value)

    def _flows(self, bridge, text):
        for line in text.splitlines():
            if "NXST" not in line and "OFPST" not in line:
                self._add("rule on %s: %s" % (bridge, line.strip()), 1)

    def _groups(self, bridge, text):
        for line in text.splitlines():
            if "group_id" in line:
                self._add("group on %s: %s" % (bridge, line.strip()), 1)

    def _meters(self, bridge, text):
        for meter in re.findall(r"^meter=(?:.|\n(?!\n|meter=))*", text, re.M):
            self._add("meter on %s: %s" % (bridge, " ".join(meter.split())),
                      1)

    def _ports_desc(self, bridge, text):
        for name, config, state in re.findall(
                r"^ \S+?\((\S+)\): addr.*\n +config: +(.*)\n +state: +(.*)",
                text, re.M):
            self._add("gate of " + name, {"config": config, "state": state})

    def _devices(self, links, files):
        for name in re.findall(r"^\d+: ([^:@]+)", links, re.M):
            self._add("device " + name, 1)
        for path in files.splitlines():
            self._add("file " + re.sub(r"\.\d+\.ctl", ".N.ctl", path), 1)

    def _add(self, key, value):
        while key in self.facts:
            key += " (once more)"
        self.facts[key] = value


def _journal(db):
    """The journal's migrations, oldest first, each with its steps."""
    rows = []
    for row in db["Migration"].values():
        entry = {column: _plain(row[column]) for column in (
            "id", "role", "domain", "state", "outcome", "error", "level",
            "started")}
        entry["error"] = " ".join(entry["error"] or []) if isinstance(
            entry["error"], list) else entry["error"]
        entry["steps"] = sorted(
            ({column: _plain(db["Step"][uuid][column]) for column in (
                "seq", "time", "host", "request", "result", "detail")}
             for uuid in _uuids(row["steps"]).values()),
            key=lambda step: step["seq"])
        rows.append(entry)
    return sorted(rows, key=lambda entry: entry["started"])


def read(host):
    """The State of HOST."""
    result = harness.inside(host, "sh", "-c", READ, check=False)
    return State(result.stdout)


# ---- What is different ------------------------------------------------------

def _value_text(value):
    return json.dumps(value, sort_keys=True)


def differences(expected, found):
    """How FOUND, the facts of a host, is unlike EXPECTED.  Returns (what is
    missing or changed, what is there besides), as texts."""
    wrong, besides = [], []
    for key, value in expected.items():
        if key not in found:
            wrong.append("no " + key)
        elif found[key] != value:
            wrong += _changes(key, value, found[key])
    for key in found:
        if key not in expected:
            text = "" if found[key] == 1 else ": " + _value_text(found[key])
            besides.append(key + text)
    return wrong, besides


def _changes(key, old, new):
    if not isinstance(old, dict):
        return ["%s is %s, was %s" % (key, new, old)]
    return ["%s: %s is %s, was %s" % (
        key, column, _value_text(new.get(column)),
        _value_text(old.get(column)))
        for column in sorted(set(old) | set(new))
        if old.get(column) != new.get(column)]


# ---- I1 and I3 --------------------------------------------------------------

def check_places(guest, states, with_guest, without):
    """I1 and I3 of GUEST.  STATES, WITH_GUEST and WITHOUT are by host: a
    State, and the facts as they should be.  Returns problems by name."""
    problems = {"I1": [], "I3": []}
    running = [host for host, state in states.items()
               if state.guests.get(guest) == "running"]
    if len(running) != 1:
        problems["I1"].append("%s runs on %s: %s" % (
            guest, running or "no host",
            {host: state.guests for host, state in states.items()}))
    for host, state in states.items():
        here = host in running
        wrong, besides = differences((with_guest if here else without)[host],
                                     state.facts)
        problems["I1" if here else "I3"] += [
            "host %s: %s" % (host, text) for text in wrong]
        problems["I3"] += ["host %s: %s is left over" % (host, text)
                           for text in besides]
        if not here and guest in state.guests:
            problems["I3"].append("host %s: guest %s is %s" % (
                host, guest, state.guests[guest]))
        problems["I3"] += [
            "host %s: the journal has an open migration, %s, state %s" % (
                host, row["role"], row["state"])
            for row in state.journal if row["outcome"] == "running"]
    return problems


# ---- I2 ---------------------------------------------------------------------

class Rules:
    """What frames of a guest's NIC are allowed."""

    def __init__(self, mac, vlan, address, forbidden, foreign):
        self.mac = mac
        self.vlan = vlan
        self.address = address      # The only one that its rules let pass.
        self.forbidden = forbidden  # One that the guest also answers for.
        self.foreign = foreign      # The prefix of another VLAN's addresses.


def _address(frame):
    return frame.get("from") or frame.get("spa") or ""


def _counted(texts):
    return ["%s, %d times" % item
            for item in sorted(collections.Counter(texts).items())]


def check_frames(rules, fabric, taps, both=False):
    """I2.  FABRIC are the frames that enter the network, TAPS those at the
    NIC's taps: pairs of a host and a frame as `capture' prints it.  With BOTH,
    libvirt has let the guest run on both hosts."""
    mine = sorted(((frame["t"], host, frame) for host, frame in fabric
                   if frame["src"] == rules.mac), key=lambda item: item[0])
    moves = [(before, after) for before, after in zip(mine, mine[1:])
             if before[1] != after[1]]
    problems = []
    if len(moves) > 1 and not both:
        problems.append("frames entered on host %s, then %s" % (
            mine[0][1], ", ".join("on %s %.0f ms later" % (
                after[1], (after[0] - moves[0][0][0]) * 1000)
                for _, after in moves[:6])))
    problems += _counted(
        "host %s: a frame in VLAN %s" % (host, frame["vlan"])
        for _, host, frame in mine if frame["vlan"] != [rules.vlan])
    problems += _counted(
        "host %s: a frame of %s passed around the rules" % (
            host, rules.forbidden)
        for _, host, frame in mine if _address(frame) == rules.forbidden)
    problems += _counted(
        "host %s: the guest got a frame of %s, VLAN %s" % (
            host, _address(frame), frame["vlan"])
        for host, frame in taps if frame["out"] and (
            _address(frame).startswith(rules.foreign) or frame["vlan"]))
    return problems


def check_probes(rules, fabric, taps, client):
    """Whether I2 was tried at all: the guest's frames, its answers that the
    rules must stop, and frames of another VLAN were there to be seen."""
    seen = {
        "a frame of the guest in the network": any(
            frame["src"] == rules.mac for _, frame in fabric),
        "an answer of the guest for " + rules.forbidden: any(
            _address(frame) == rules.forbidden and not frame["out"]
            for _, frame in taps),
        "a frame of %s0/24 before the guest's door" % rules.foreign: any(
            _address(frame).startswith(rules.foreign) for frame in client)}
    return ["not seen: " + what for what, was in seen.items() if not was]


# ---- I4 ---------------------------------------------------------------------

HERE = ("completed", "degraded")
NOT_HERE = {"destination": ("refused", "rolled-back", "failed"),
            "source": ("rolled-back", "failed")}


def check_journal(guest, states, since, source, where, virsh, both=False):
    """I4.  SINCE, in seconds, began the migration from host SOURCE; the guest
    is on host WHERE now.  VIRSH is what `virsh migrate' came to, or None.
    With BOTH, it has run on both hosts, and so do the journals say."""
    problems = []
    for host, state in states.items():
        role = "source" if host == source else "destination"
        for row in state.journal:
            if row["domain"] != guest or row["started"] < since * 1e6:
                continue
            if row["outcome"] != "running" and row["role"] == role:
                problems += _outcome_problems(
                    host, row, where != source or (
                        both and role == "destination"))
            problems += [
                "host %s: step %s is %s without a reason" % (
                    host, step["request"], step["result"])
                for step in row["steps"]
                if step["result"] == "failed" and not step["detail"]]
    if virsh is not None:
        if virsh.returncode and not virsh.stderr.strip():
            problems.append("virsh fails without a word")
        if not virsh.returncode and where == source:
            problems.append("virsh says that the guest has moved")
    return problems


def _outcome_problems(host, row, moved):
    outcome, role = row["outcome"], row["role"]
    if moved:
        # A source whose own request failed knows that, and not that the
        # migration went on.
        allowed = HERE + (("failed",) if role == "source" else ())
    else:
        allowed = NOT_HERE[role]
    problems = []
    if outcome not in allowed:
        problems.append("host %s: the %s's outcome is %s, and the guest has "
                        "%smoved" % (host, role, outcome,
                                     "" if moved else "not "))
    if outcome in ("refused", "failed") and not row["error"]:
        problems.append("host %s: the %s is %s without a reason" % (
            host, role, outcome))
    return problems


# ---- I5 ---------------------------------------------------------------------

def longest_gap(rules, frames, begin, end):
    """The longest time, in seconds, from BEGIN to END in which no reply of
    the guest to a ping was among FRAMES, the client's."""
    times = [frame["t"] for frame in frames
             if frame.get("from") == rules.address
             and frame.get("icmp") == 0 and not frame["out"]
             and begin <= frame["t"] <= end]
    times = [begin] + sorted(times) + [end]
    return max(after - before for before, after in zip(times, times[1:]))


if __name__ == "__main__":
    if sys.argv[1:] != ["--self-test"]:
        sys.exit(__doc__.strip())
    os.execv(sys.executable, [sys.executable, os.path.join(
        harness.HERE, "test-invariants.py")])
