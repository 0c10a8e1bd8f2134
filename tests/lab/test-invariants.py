#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every check of invariants.py against states that are broken on purpose: a
check that cannot fail proves nothing.

Needs no lab: the states are texts as the hosts' commands print them.  Prints
TAP.
"""

import json
import subprocess
import unittest

import invariants
import tap

GUEST = "vm1"
MAC = "52:54:00:aa:00:01"
RULES = invariants.Rules(MAC, 42, "10.99.42.11", "10.99.42.66", "10.99.50.")
EMPTY = ["set", []]


def uuid(name):
    return ["uuid", name]


def refs(*names):
    return ["set", [uuid(name) for name in names]]


class Host:
    """A host that can be broken, and printed as invariants.READ does it."""

    def __init__(self, guest=False):
        self.ports = {}
        self.interfaces = {}
        self.qos = {}
        self.queues = {}
        self.mirrored = []
        self.rules = ["priority=0 actions=NORMAL"]
        self.groups = []
        self.meters = []
        self.gates = {}
        self.links = ["lo"]
        self.files = ["/run/portferry d", "/run/portferry/portferryd.ctl s"]
        self.guests = {}
        self.migrations = []
        self.port("up0", 1)
        if guest:
            self.guest()

    def port(self, name, number, kind="", ids=(), options=()):
        self.ports[name] = {"tag": EMPTY, "qos": EMPTY,
                            "external_ids": ["map", []]}
        self.interfaces[name] = {
            "type": kind, "ofport": number, "error": EMPTY,
            "options": ["map", [list(pair) for pair in options]],
            "external_ids": ["map", [list(pair) for pair in ids]]}
        self.gates[name] = ("0", "LIVE")
        self.links.append(name)

    def guest(self):
        self.guests[GUEST] = "running"
        self.port("web0", 2, ids=[("attached-mac", MAC),
                                  ("iface-status", "active")])
        self.ports["web0"].update(tag=42, qos=uuid("Q"))
        self.qos["Q"] = ["map", [[1, uuid("U")]]]
        self.queues["U"] = ["map", [["max-rate", "20"]]]
        self.mirrored.append("web0")
        self.rules.append("priority=50,in_port=2 actions=drop")
        self.groups.append("group_id=7,type=all,bucket=actions=NORMAL")
        self.meters.append("meter=7 kbps bands=\ntype=drop rate=50000")

    def _table(self, name, rows):
        headings = ["_uuid"] + sorted({key for row in rows.values()
                                       for key in row})
        return json.dumps({"caption": name + " table", "headings": headings,
                           "data": [[uuid(key)] + [row[column] for column in
                                                   headings[1:]]
                                    for key, row in rows.items()]})

    def _switch(self):
        return "\n".join([
            self._table("Bridge", {"B": {
                "name": "br0", "ports": refs(*self.ports),
                "mirrors": refs("M")}}),
            self._table("Port", {name: dict(
                row, name=name, interfaces=uuid(name))
                for name, row in self.ports.items()}),
            self._table("Interface", {name: dict(row, name=name)
                                      for name, row in
                                      self.interfaces.items()}),
            self._table("Mirror", {"M": {
                "name": "watch", "select_src_port": refs(*self.mirrored),
                "select_dst_port": EMPTY, "output_port": EMPTY}}),
            self._table("QoS", {key: {"type": "linux-htb", "queues": queues}
                                for key, queues in self.qos.items()}),
            self._table("Queue", {key: {"other_config": value}
                                  for key, value in self.queues.items()})])

    def _journal(self):
        return "\n".join([
            self._table("Migration", {
                str(i): dict(row, steps=refs(*[
                    "%d.%d" % (i, j) for j in range(len(row["steps"]))]))
                for i, row in enumerate(self.migrations)}),
            self._table("Step", {
                "%d.%d" % (i, j): step
                for i, row in enumerate(self.migrations)
                for j, step in enumerate(row["steps"])})])

    def text(self):
        parts = {
            "Open_vSwitch": self._switch(), "Portferry": self._journal(),
            "flows br0": "OFPST_FLOW reply (OF1.5):\n" + "\n".join(
                " " + rule for rule in self.rules),
            "groups br0": "OFPST_GROUP_DESC reply:\n" + "\n".join(
                " " + group for group in self.groups),
            "meters br0": "OFPST_METER_CONFIG reply:\n" + "\n\n".join(
                self.meters),
            "ports-desc br0": "OFPST_PORT_DESC reply:\n" + "\n".join(
                " %d(%s): addr:00\n     config:     %s\n     state:      %s"
                % (self.interfaces[name]["ofport"], name, *gate)
                for name, gate in self.gates.items()),
            "guests": "\n".join(" 1    %s   %s" % item
                                for item in self.guests.items()),
            "links": "\n".join("%d: %s@x: <UP>" % (i, name)
                               for i, name in enumerate(self.links)),
            "files": "\n".join(self.files)}
        return "".join("==== %s\n%s\n" % part for part in parts.items())

    def state(self):
        return invariants.State(self.text())

    def migration(self, role, outcome, error="", started=10, steps=()):
        self.migrations.append({
            "id": "x", "role": role, "domain": GUEST, "state": "any",
            "outcome": outcome, "error": error or EMPTY, "level": EMPTY,
            "started": started * 1000000, "steps": [{
                "seq": i, "time": 0, "host": "host-a", "request": request,
                "result": result, "detail": detail or EMPTY}
                for i, (request, result, detail) in enumerate(steps)]})


class Places(unittest.TestCase):
    """The guest has moved from a to b."""

    def setUp(self):
        self.a, self.b = Host(), Host(guest=True)

    def problems(self):
        with_guest, without = Host(guest=True).state(), Host().state()
        return invariants.check_places(
            GUEST, {"a": self.a.state(), "b": self.b.state()},
            dict.fromkeys("ab", with_guest.facts),
            dict.fromkeys("ab", without.facts))

    def broken(self, name, *texts):
        """Exactly invariant NAME is broken, and each of TEXTS is said."""
        found = self.problems()
        self.assertEqual([name], [key for key in found if found[key]], found)
        for text in texts:
            self.assertIn(text, "\n".join(found[name]))

    def test_good_state(self):
        self.assertEqual({"I1": [], "I3": []}, self.problems())

    def test_guest_runs_nowhere(self):
        self.b = Host()
        self.broken("I1", "runs on no host")

    def test_guest_runs_twice(self):
        self.a = Host(guest=True)
        self.broken("I1", "runs on ['a', 'b']")

    def test_guest_is_paused(self):
        self.b.guests[GUEST] = "paused"
        self.assertTrue(self.problems()["I1"])

    def test_no_port(self):
        for table in (self.b.ports, self.b.interfaces, self.b.gates):
            del table["web0"]
        self.b.mirrored = []
        self.assertIn("host b: no Port web0", self.problems()["I1"])

    def test_other_tag(self):
        self.b.ports["web0"]["tag"] = 43
        self.broken("I1", "Port web0: tag is 43, was 42")

    def test_no_tag(self):
        self.b.ports["web0"]["tag"] = EMPTY
        self.broken("I1", "Port web0: tag is [], was 42")

    def test_closed_gate_where_the_guest_runs(self):
        self.b.gates["web0"] = ("NO_RECV NO_FWD", "LIVE")
        self.broken("I1", "gate of web0: config is")

    def test_ghost_where_the_guest_runs(self):
        self.b.interfaces["web0"].update(type="patch")
        self.broken("I1", 'Interface web0: type is "patch"')

    def test_other_number(self):
        self.b.interfaces["web0"]["ofport"] = 9
        self.broken("I1", "ofport is 9, was 2")

    def test_no_claim(self):
        self.b.interfaces["web0"]["external_ids"] = ["map", []]
        self.broken("I1", "external_ids is {}")

    def test_no_limit(self):
        self.b.ports["web0"]["qos"] = EMPTY
        self.b.qos, self.b.queues = {}, {}
        self.broken("I1", "no QoS of web0")

    def test_other_limit(self):
        self.b.queues["U"] = ["map", [["max-rate", "21"]]]
        self.broken("I1", '"max-rate": "21"')

    def test_no_mirror(self):
        self.b.mirrored = []
        self.broken("I1", "select_src_port is []")

    def test_rule_is_missing(self):
        self.b.rules.pop()
        self.broken("I1", "no rule on br0: priority=50")

    def test_group_is_missing(self):
        self.b.groups.pop()
        self.broken("I1", "no group on br0")

    def test_meter_is_missing(self):
        self.b.meters.pop()
        self.broken("I1", "no meter on br0")

    def test_port_is_there_twice(self):
        self.b.port("pf525400aa0001", 3, ids=[("attached-mac", MAC)])
        self.broken("I3", "Port pf525400aa0001")

    def test_port_is_on_the_other_host(self):
        self.a.port("web0", 2)
        self.broken("I3", "host a: Port web0", "device web0")

    def test_carrier_is_left(self):
        self.a.port("web0", 2, "patch", options=[("peer", "web0")])
        self.broken("I3", "Interface web0", '"type": "patch"')

    def test_open_gate_of_a_carriers_host(self):
        self.a.gates["web0"] = ("0", "LIVE")
        self.a.interfaces["web0"] = {"ofport": 2}
        self.a.interfaces.update(web0=dict(Host(guest=True).interfaces[
            "web0"]))
        self.broken("I3", "gate of web0")

    def test_validation_port_is_left(self):
        self.b.port("pfv0", 7, "patch")
        self.broken("I3", "Port pfv0")

    def test_portdata_is_left(self):
        self.b.interfaces["web0"]["external_ids"][1].append(
            ["PortData", "pf1.x"])
        self.broken("I1", "PortData")

    def test_qos_is_left(self):
        self.a.qos["Q"] = ["map", []]
        self.broken("I3", "host a: unused QoS")

    def test_second_qos_is_left(self):
        self.b.qos["Q2"] = ["map", []]
        self.broken("I3", "host b: unused QoS")

    def test_queue_is_left(self):
        self.a.queues["U"] = ["map", []]
        self.broken("I3", "host a: unused Queue")

    def test_mirror_reference_is_left(self):
        self.a.port("other", 5)
        self.a.mirrored = ["other"]
        self.broken("I3", "Mirror watch: select_src_port")

    def test_rule_group_and_meter_are_left(self):
        for rows in ("rules", "groups", "meters"):
            with self.subTest(rows):
                self.setUp()
                getattr(self.a, rows)[:] = getattr(self.b, rows)
                self.broken("I3", rows[:-1] + " on br0")

    def test_same_rule_twice(self):
        self.b.rules.append(self.b.rules[-1])
        self.broken("I3", "(once more)")

    def test_file_is_left(self):
        self.a.files.append("/run/portferry/incoming/vm1 f")
        self.broken("I3", "incoming/vm1")

    def test_socket_is_gone(self):
        self.a.files.pop()
        self.broken("I3", "no file /run/portferry/portferryd.ctl")

    def test_migration_is_open(self):
        self.a.migration("source", "running")
        self.broken("I3", "open migration, source")

    def test_guest_is_left_paused(self):
        self.a.guests[GUEST] = "paused"
        self.broken("I3", "host a: guest vm1 is paused")


def frame(t, src=MAC, vlan=(42,), out=False, **more):
    return dict({"t": t, "src": src, "vlan": list(vlan), "out": out,
                 "from": "10.99.42.11", "type": "icmp", "icmp": 0}, **more)


class Frames(unittest.TestCase):
    def check(self, fabric, taps=(), both=False):
        return invariants.check_frames(RULES, fabric, taps, both)

    def test_good_frames(self):
        self.assertEqual([], self.check(
            [("a", frame(1)), ("a", frame(2)), ("b", frame(3))],
            [("b", frame(3, vlan=(), out=True))]))

    def test_frames_on_both_hosts(self):
        fabric = [("a", frame(1)), ("b", frame(2)), ("a", frame(3))]
        self.assertEqual(["frames entered on host a, then on b 1000 ms later, "
                          "on a 2000 ms later"], self.check(fabric))
        self.assertEqual([], self.check(fabric, both=True))

    def test_wrong_vlan(self):
        for vlan in (), (43,), (42, 42):
            found = self.check([("a", frame(1, vlan=vlan))])
            self.assertEqual(["host a: a frame in VLAN %s, 1 times" % list(
                vlan)], found)

    def test_around_the_rules(self):
        self.assertEqual(
            ["host b: a frame of 10.99.42.66 passed around the rules, "
             "2 times"],
            self.check([("b", frame(1, **{"from": "10.99.42.66"}))] * 2))

    def test_others_frames_do_not_count(self):
        self.assertEqual([], self.check(
            [("a", frame(1, src="52:54:00:00:00:99", vlan=(50,)))]))

    def test_guest_gets_another_vlans_frames(self):
        found = self.check([], [
            ("b", frame(1, vlan=(), out=True, **{"from": "10.99.50.1"})),
            ("b", frame(1, vlan=(50,), out=True))])
        self.assertEqual(2, len(found), found)


    def test_probes(self):
        mine = [("a", frame(1))]
        answers = [("a", frame(1, **{"from": "10.99.42.66"}))]
        others = [frame(1, **{"from": "10.99.50.1"})]
        self.assertEqual([], invariants.check_probes(RULES, mine, answers,
                                                     others))
        for args in ([], answers, others), (mine, [], others), \
                (mine, answers, []):
            found = invariants.check_probes(RULES, *args)
            self.assertEqual(1, len(found), found)


class Journal(unittest.TestCase):
    def check(self, rows, where="b", returncode=0, stderr="", both=False):
        hosts = {"a": Host(), "b": Host()}
        for host, *row in rows:
            hosts[host].migration(*row)
        return invariants.check_journal(
            GUEST, {host: hosts[host].state() for host in "ab"}, 5, "a",
            where, subprocess.CompletedProcess([], returncode, "", stderr),
            both)

    def test_moved(self):
        self.assertEqual([], self.check([
            ("a", "source", "completed"), ("b", "destination", "degraded")]))

    def test_stayed(self):
        self.assertEqual([], self.check(
            [("b", "destination", "refused", "no bridge")], "a", 1, "why"))

    def test_journal_says_the_contrary(self):
        self.assertTrue(self.check([("b", "destination", "refused", "x")]))
        self.assertTrue(self.check([("b", "destination", "completed")], "a",
                                   1, "why"))
        self.assertTrue(self.check([("a", "source", "completed")], "a", 1,
                                   "why"))

    def test_ran_on_both_hosts(self):
        rows = [("a", "source", "rolled-back"),
                ("b", "destination", "completed")]
        self.assertTrue(self.check(rows, "a", 1, "why"))
        self.assertEqual([], self.check(rows, "a", 1, "why", both=True))

    def test_no_reason(self):
        self.assertIn("without a reason", "".join(self.check(
            [("b", "destination", "failed")], "a", 1, "why")))
        self.assertIn("step nic-save is failed without a reason", "".join(
            self.check([("a", "source", "completed", "", 10,
                         [("nic-save", "failed", "")])])))

    def test_earlier_migrations_do_not_count(self):
        self.assertEqual([], self.check(
            [("a", "source", "failed", "", 4)]))

    def test_virsh(self):
        self.assertIn("virsh fails without a word",
                      self.check([], "a", 1, ""))
        self.assertIn("virsh says that the guest has moved",
                      self.check([], "a", 0))


class Gap(unittest.TestCase):
    def test_longest_gap(self):
        frames = [frame(t) for t in (1, 1.1, 1.5, 1.6)]
        self.assertAlmostEqual(0.4, invariants.longest_gap(
            RULES, frames, 1, 1.7))
        self.assertAlmostEqual(1.4, invariants.longest_gap(
            RULES, frames, 1, 3))
        self.assertAlmostEqual(2, invariants.longest_gap(RULES, [], 1, 3))
        self.assertAlmostEqual(1, invariants.longest_gap(
            RULES, [frame(1.5, icmp=8)], 1, 2))


class Unreadable(unittest.TestCase):
    def test_unreadable_state(self):
        for text in "", "==== Open_vSwitch\n\n==== Portferry\n\n":
            with self.assertRaises(invariants.Unreadable):
                invariants.State(text)


if __name__ == "__main__":
    tap.main(lambda: None, lambda: None)
