# SPDX-License-Identifier: Apache-2.0
"""What the lab's tests and the demo share: running things in hosts, guests,
migrations, traces, and what a port looks like.

Everything is done as a user would do it: by virsh, ovs-vsctl and portferry.
"""

import calendar
import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(HERE, "lab")

# The documented order, for each port: request and kind.
CHECK = [("port-create", "validation"), ("property-verify", "validation"),
         ("port-delete", "validation")]
PREPARE = [("port-create", "operational"), ("property-add", "operational")]
LEAVE = [("nic-save", None), ("nic-save-complete", None),
         ("nic-disconnect", None), ("nic-delete", None),
         ("port-teardown", None), ("port-delete", "operational")]
ARRIVE = [("nic-create", None), ("nic-connect", None), ("nic-restore", None),
          ("nic-restore-complete", None)]
ORDER = CHECK + PREPARE + LEAVE + ARRIVE

# The extensions that come with Portferry, in their order.
EXTENSIONS = ["port", "qos", "mirror", "flows", "counters", "announce"]


class Failure(Exception):
    """A command of the lab failed."""


def run(*command, check=True, text=None):
    result = subprocess.run(command, input=text, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, universal_newlines=True,
                            check=False)
    if check and result.returncode:
        raise Failure("%s: exit status %d: %s" % (
            " ".join(command), result.returncode,
            (result.stderr or result.stdout).strip()))
    return result


def lab(*args, **kwargs):
    return run(LAB, *args, **kwargs)


def inside(host, *command, **kwargs):
    """Runs COMMAND in HOST and returns its result."""
    return lab("in", host, *command, **kwargs)


def output(host, *command):
    return inside(host, *command).stdout


def until(what, condition, seconds=30):
    """Waits until CONDITION() is true and returns its value; fails with the
    text WHAT after SECONDS."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure("waited %d s in vain: %s" % (seconds, what))
        time.sleep(0.05)


# ---- Guests ---------------------------------------------------------------

def start_guest(host, name, *nics):
    """Starts guest NAME with NICS as `lab guest-xml' takes them."""
    xml = lab("guest-xml", name, *nics).stdout
    lab("start", host, "-", text=xml)


def stop_guest(name):
    """Ends guest NAME wherever it is."""
    for host in "ab":
        inside(host, "virsh", "--quiet", "destroy", name, check=False)


def guest_shell(host, name, command):
    """Lets guest NAME run COMMAND: types it at the console's shell."""
    console = output(host, "virsh", "ttyconsole", name).strip()
    # QEMU looks once a second whether there is somebody at the console.
    inside(host, "sh", "-c", "exec 3<>\"$0\"; stty raw -echo <&3;"
           "sleep 1.2; cat >&3; sleep 0.3", console, text=command + "\n")


def guest_state(host, name):
    result = inside(host, "virsh", "--quiet", "domstate", name, check=False)
    return result.stdout.strip() if not result.returncode else None


def wait_for_stamp(host, name):
    """Waits until the agent has written the guest's stamp."""
    until("stamp of guest %s on host %s" % (name, host),
          lambda: "portferry:stamp" in output(host, "virsh", "dumpxml", name))


def wait_for_new_stamp(host, name, old=None):
    """Waits until the guest's stamp is there, and not OLD, and does not change
    any more."""
    seen = [None, old]

    def is_new():
        seen.append(stamp_of(host, name))
        time.sleep(0.4)
        return seen[-1] not in (None, old) and len(set(seen[-3:])) == 1
    until("the stamp of guest %s on host %s to follow" % (name, host), is_new)


def stamp_of(host, name):
    match = re.search(r"<portferry:stamp.*</portferry:stamp>",
                      output(host, "virsh", "dumpxml", name), re.DOTALL)
    return match.group(0) if match else None


def define_network(host, name, children):
    """Gives network NAME of HOST another <portferry:migration>, with CHILDREN;
    None: none at all."""
    xml = output(host, "virsh", "net-dumpxml", "--inactive", name)
    xml = re.sub(r"<metadata>.*</metadata>", "", xml, flags=re.DOTALL)
    element = "" if children is None else (
        "<metadata><portferry:migration xmlns:portferry="
        "'urn:portferry:network:1.0'>%s</portferry:migration></metadata>"
        % children)
    inside(host, "virsh", "--quiet", "net-define", "/dev/stdin",
           text=xml.replace("</name>", "</name>" + element))


def migrate_command(name, source, *options):
    destination = "b" if source == "a" else "a"
    if not options:
        options = ("--live", "--p2p")
    return [LAB, "in", source, "virsh", "--quiet", "migrate", *options, name,
            "qemu+tcp://host-%s/system" % destination]


def migrate(name, source, *options, check=True):
    """Migrates guest NAME from SOURCE to the other host."""
    return run(*migrate_command(name, source, *options), check=check)


class Migration:
    """A migration in the background."""

    def __init__(self, name, source, *options):
        self.process = subprocess.Popen(
            migrate_command(name, source, *options), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, universal_newlines=True)

    def result(self):
        out, err = self.process.communicate(timeout=120)
        return subprocess.CompletedProcess([], self.process.returncode, out,
                                           err)


class Events:
    """The lifecycle events on HOST, as `virsh event' prints them, with the
    time at which libvirt's client got them."""

    LINE = re.compile(r"(\d+-\d+-\d+ \d+:\d+:\d+\.\d+)\+0000: event "
                      r"'lifecycle' for domain '[^']*': (.*)")

    def __init__(self, host):
        self.process = subprocess.Popen(
            [LAB, "in", host, "stdbuf", "-oL", "virsh", "event", "--loop",
             "--timestamp", "--event", "lifecycle"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.buffer = ""
        self.seen = []
        # virsh says nothing once it listens: it has the time to start.
        time.sleep(0.5)

    def wait_for(self, text):
        """Reads on until an event whose words begin with TEXT comes; returns
        its time in seconds since the epoch.  Fails after a minute."""
        end = time.monotonic() + 60
        while True:
            match = self.LINE.match(self._line(end) or "")
            if not match and time.monotonic() > end:
                raise Failure("no event '%s', but: %s" % (text, self.seen))
            if match:
                self.seen.append(match.group(2))
                if match.group(2).startswith(text):
                    return _seconds(match.group(1))

    def _line(self, end):
        """The next line; None if there is none before END."""
        while "\n" not in self.buffer:
            ready = select.select([self.process.stdout], [], [],
                                  max(0, end - time.monotonic()))[0]
            data = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not data:
                time.sleep(0.05)
                return None
            self.buffer += data.decode()
        line, self.buffer = self.buffer.split("\n", 1)
        return line

    def close(self):
        self.process.terminate()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def _seconds(text):
    whole, fraction = text.split(".")
    return (calendar.timegm(time.strptime(whole, "%Y-%m-%d %H:%M:%S"))
            + float("0." + fraction))


# ---- Ping -----------------------------------------------------------------

def ping(address, count=3):
    """True if ADDRESS answers the client."""
    return inside("c", "ping", "-q", "-i", "0.2", "-c", str(count), "-W", "1",
                  address, check=False).returncode == 0


def ping_gaps(addresses, command):
    """Pings ADDRESSES from the client while COMMAND runs.  Returns its exit
    status and the longest gap for each address, in ms."""
    result = lab("ping-gap", ",".join(addresses), *command, check=False)
    gaps = {m.group(1): float(m.group(2)) for m in
            re.finditer(r"^(\S+) gap_ms=([\d.]+)", result.stdout, re.M)}
    if set(gaps) != set(addresses):
        raise Failure("ping-gap: " + result.stdout + result.stderr)
    return result, gaps


# ---- Frames ----------------------------------------------------------------

class Capture:
    """All frames of HOST's devices, also of those to come: see capture.  Left
    out are the management network, and what only repeats others' frames."""

    LEFT_OUT = ["lo", "mgmt0", "fab0", "mgmt0_a", "mgmt0_b", "mgmt0_c", "fab1",
                "up0_c", "br0", "mon0"]

    def __init__(self, host):
        self.host = host
        # Not a pipe, which nobody would empty.
        self.file = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [LAB, "in", host, os.path.join(HERE, "capture"), *self.LEFT_OUT],
            stdout=self.file)
        until("the capture on host %s" % host, self._lines)

    def _lines(self):
        self.file.seek(0)
        return self.file.read().splitlines()

    def frames(self):
        """Ends it and returns the frames, as dicts, in order."""
        self.close()
        until("the end of the capture on host %s" % self.host,
              lambda: '"lost"' in self._lines()[-1])
        lines = [json.loads(line) for line in self._lines()]
        if lines[-1]["lost"]:
            raise Failure("capture on host %s: %s" % (self.host, lines[-1]))
        return lines[1:-1]

    def close(self):
        self.process.terminate()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


class Noise:
    """Frames that HOST sends on DEVICE again and again: see
    capture-noise."""

    def __init__(self, host, device, milliseconds, *frames):
        self.process = subprocess.Popen(
            [LAB, "in", host, os.path.join(HERE, "capture-noise"), device,
             str(milliseconds), *frames], stdout=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait()


# ---- Open vSwitch ----------------------------------------------------------

PORT_COLUMNS = ["tag", "trunks", "vlan_mode", "cvlans", "protected",
                "lacp", "other_config", "external_ids"]
INTERFACE_COLUMNS = ["type", "ofport", "mtu_request", "other_config",
                     "bfd", "cfm_mpid", "lldp", "external_ids",
                     "ingress_policing_rate",
                     "ingress_policing_burst", "ingress_policing_kpkts_rate",
                     "ingress_policing_kpkts_burst", "error"]


# The key of an Interface's external_ids that is Portferry's and stays.
COUNTERS = "portferry-counters"


def _rows(host, table, columns, *names):
    text = output(host, "ovs-vsctl", "--format=json", "--columns",
                  ",".join(columns), "list", table, *names)
    data = json.loads(text)
    return [dict(zip(data["headings"], row)) for row in data["data"]]


def _row(host, table, name, columns):
    return _rows(host, table, columns, name)[0]


def port(host, name):
    """All that makes port NAME what it is, as ovs-vsctl prints it.  What it
    has counted on other hosts is left out: that differs each time; and
    PortData, which is there while a migration is under way."""
    interface = _row(host, "Interface", name, INTERFACE_COLUMNS)
    interface["external_ids"][1] = [
        pair for pair in interface["external_ids"][1]
        if pair[0] not in (COUNTERS, "PortData")]
    return {"Port": _row(host, "Port", name, PORT_COLUMNS),
            "Interface": interface}


def has_port(host, name):
    return not inside(host, "ovs-vsctl", "port-to-br", name,
                      check=False).returncode


def ports(host):
    return output(host, "ovs-vsctl", "list-ports", "br0").split()


def _members(value):
    """A set of OVSDB as a list."""
    return value[1] if isinstance(value, list) and value[0] == "set" \
        else [value]


def qos(host, name):
    """The QoS of port NAME and its queues, by their contents but for
    Portferry's mark on them; None: it has none."""
    rows = _members(_row(host, "Port", name, ["qos"])["qos"])
    if not rows:
        return None
    row = _row(host, "QoS", rows[0][1], ["type", "other_config",
                                         "external_ids", "queues"])
    queues = {number: _row(host, "Queue", queue[1],
                           ["dscp", "other_config", "external_ids"])
              for number, queue in row.pop("queues")[1]}
    for each in [row, *queues.values()]:
        for column in ("other_config", "external_ids"):
            each[column] = dict(each[column][1])
        each["external_ids"].pop("portferry-qos", None)
    return {"QoS": row, "Queues": queues}


def mirrors(host):
    """Each mirror's name, and the names of the ports that it selects and
    outputs to."""
    names = {row["_uuid"][1]: row["name"] for row in
             _rows(host, "Port", ["_uuid", "name"])}
    columns = ["select_src_port", "select_dst_port", "output_port"]
    return {row["name"]: {column: sorted(names[member[1]] for member in
                                         _members(row[column]))
                          for column in columns}
            for row in _rows(host, "Mirror", ["name"] + columns)}


def _openflow(host, *args):
    """What ovs-ofctl prints, without headings, in order: with a meter's bands
    on its line."""
    text = output(host, "ovs-ofctl", "-O", "OpenFlow15", "--names", *args)
    text = re.sub(r"^(OFPST|NXST)\S* .*\n", "", text, flags=re.M)
    text = re.sub(r"\n(?=type=)", " ", text)
    return sorted(line.strip() for line in text.splitlines() if line)


def openflow(host):
    """The rules, groups and meters of bridge br0."""
    return {"rules": _openflow(host, "--no-stats", "dump-flows", "br0"),
            "groups": _openflow(host, "dump-groups", "br0"),
            "meters": _openflow(host, "dump-meters", "br0")}


def switch(host):
    """All of HOST's Open vSwitch that guests' ports can leave something
    in."""
    return dict(openflow(host), mirrors=mirrors(host),
                ports=sorted(ports(host)),
                rows={table: len(_rows(host, table, ["_uuid"]))
                      for table in ("Port", "Interface", "QoS", "Queue",
                                    "Mirror")})


# ---- Portferry --------------------------------------------------------------

def portferry(host, *args):
    return json.loads(output(host, "portferry", *args, "--format=json"))


def trace(host, which="--last"):
    return portferry(host, "trace", which)


def settled(host):
    """Waits until no migration is under way on HOST, and returns the trace of
    the newest; None if there never was one."""
    until("migrations on host %s to end" % host,
          lambda: not portferry(host, "status")["migrations"])
    if not journal(host):
        return None
    return trace(host)


def journal(host):
    """The rows of the journal's migrations, as they are in the database."""
    text = output(host, "ovsdb-client", "--format=json", "dump", "Portferry",
                  "Migration", "domain", "outcome", "role", "state")
    data = json.loads(text)
    return [dict(zip(data["headings"], row)) for row in data["data"]]


def whole_steps(destination, source):
    """The steps of a migration from both hosts' traces.  The destination's has
    of the source what came with the guest, which is all of it only if the
    source was done by the time that libvirt took its data along."""
    own = [s for s in destination["steps"] if s["host"] not in
           {t["host"] for t in source["steps"]}]
    arrive = [request for request, _ in ARRIVE]
    return ([s for s in own if s["request"] not in arrive] + source["steps"]
            + [s for s in own if s["request"] in arrive])


def order_problems(steps, mac, whole=ORDER):
    """What is wrong with the order of the STEPS of the port MAC, as texts."""
    mine = [s for s in steps if s["port"] == mac]
    names = []
    problems = []
    for step in mine:
        key = (step["request"], step["kind"])
        if not names or names[-1] != key:
            names.append(key)
        if step["result"] != "ok":
            problems.append("%s is %s: %s" % (step["request"], step["result"],
                                              step["detail"]))
    if names != whole:
        problems.append("requests are %s, not %s" % (names, whole))
    for before, after in zip(mine, mine[1:]):
        if (before["time_us"] > after["time_us"]
                and before["request"] != after["request"]):
            problems.append("%s began before %s" % (after["request"],
                                                    before["request"]))
    return problems


def extension_problems(steps, mac, changed=False):
    """What is wrong with the order in which the extensions began their part of
    each request of the port MAC, as texts: the teardown's is the reverse one.
    With CHANGED, what the port has is not what the stamp says: what is other
    is verified first, and then restored."""
    problems = []
    for request in sorted({s["request"] for s in steps}):
        if changed and request == "nic-restore":
            continue
        began = {s["extension"]: s["time_us"] for s in steps
                 if s["port"] == mac and s["request"] == request}
        order = [e for e in EXTENSIONS if e in began]
        if request == "port-teardown":
            order.reverse()
        problems += ["%s: %s began before %s" % (request, after, before)
                     for before, after in zip(order, order[1:])
                     if began[before] > began[after]]
    return problems


def ends_at(steps, request, kind=None):
    """When the last REQUEST was over, in seconds since the epoch."""
    return max(s["time_us"] + s["us"] for s in steps
               if s["request"] == request and s["kind"] == kind) / 1e6


def leftovers(host):
    """What a migration left behind on HOST that it should not, as texts."""
    found = []
    text = output(host, "ovs-vsctl", "--format=json",
                  "--columns=name,external_ids,type", "list", "Interface")
    for name, ids, kind in json.loads(text)["data"]:
        keys = [key for key, _ in ids[1]]
        found += ["Interface %s has %s" % (name, key) for key in keys
                  if key == "PortData" or (key.startswith("portferry-")
                                           and key != COUNTERS)]
        if kind == "patch":
            found.append("Interface %s is a patch port" % name)
    text = output(host, "ovs-vsctl", "--format=json",
                  "--columns=name,external_ids", "list", "Port")
    for name, ids in json.loads(text)["data"]:
        found += ["Port %s has %s" % (name, key) for key, _ in ids[1]
                  if key.startswith("portferry-")]
    found += ["the journal has an open migration: %s" % row
              for row in journal(host) if row["outcome"] == "running"]
    incoming = inside(host, "ls", "/run/portferry/incoming", check=False)
    found += ["marker of guest %s" % n for n in incoming.stdout.split()]
    return found


# Where Portferry and Open vSwitch have their files.
FILES = "/run/portferry /run/openvswitch /var/lib/portferry /etc/openvswitch"


def agent(host):
    """What the agent on HOST holds: its descriptors, by what they are, and the
    files that are there; and its memory in KiB, without what it has read from
    files."""
    pid = lab("agent", host, "pid").stdout.strip()
    links = output(host, "sh", "-c",
                   "for f in /proc/%s/fd/*; do readlink $f; done" % pid)
    memory = output(host, "grep", "RssAnon", "/proc/%s/status" % pid)
    return {"descriptors": sorted(re.sub(r":\[\d+\]", "", link)
                                  for link in links.splitlines()),
            "files": sorted(output(host, "sh", "-c", "find %s" % FILES)
                            .splitlines())}, int(memory.split()[1])


def differences(before, after, path=""):
    """How AFTER is unlike BEFORE, as texts: dicts by key, lists of texts by
    what is in only one of them, anything else as a whole."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [text for key in sorted(set(before) | set(after), key=str)
                for text in differences(before.get(key), after.get(key),
                                        "%s/%s" % (path, key))]
    if before == after:
        return []
    if (isinstance(before, list) and isinstance(after, list)
            and all(isinstance(m, str) for m in before + after)):
        lost = [m for m in before if m not in set(after)]
        new = [m for m in after if m not in set(before)]
        if lost or new:
            return (["%s lacks: %s" % (path, m) for m in lost]
                    + ["%s has: %s" % (path, m) for m in new])
    return ["%s is %s, not %s" % (path, after, before)]


def log(text):
    print(text, file=sys.stderr, flush=True)
