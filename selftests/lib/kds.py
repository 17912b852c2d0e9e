# SPDX-License-Identifier: Apache-2.0
"""The lab's key servers, devices with certificates of their own, and an operator."""
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import lab
from agents import PKI, pki
from ktap import equal, eventually

RUN = pathlib.Path(os.environ["LAB_RUN"]) / "kds"
HEALTH = RUN / "health.json"
HEALTHY = {"scanner": "running"}
REFUSED, NO_SERVER, NO_POLICY, BAD_POLICY = 5, 6, 7, 8
ECHO = 7
LINK = 40  # seconds within which a gateway's link is up again: its pauses grow to 30
SERVERS = {"kds1": "KDS_ADDRESS", "kds2": "KDS2_ADDRESS"}


def up(*lines):
    """Key servers, DHCP, a gateway that has its keys of them; and what a device measures.  Lines: of the gateway's settings there."""
    folder = pathlib.Path("/etc/sluice/posture.d")
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    (folder / "lab").write_text(f"#!/bin/sh\ncat {HEALTH}\n")
    (folder / "lab").chmod(0o755)
    lab.ctl("kds", *lines)
    (RUN / "operator.toml").write_text(
        f'realm = "lab"\ncertificate = "{PKI}/admin.crt"\nkey = "{PKI}/admin.key"\nauthority = "{PKI}/ca.crt"\nrevoked = "{PKI}/ca.crl"\n'
        f'kds = ["{where("kds1")}", "{where("kds2", "IPv6")}"]\n')
    healthy()
    booted()
    return lease()


def lease():
    """An address and a name server for the device, by DHCP; what the client of it said."""
    place = lab.Place("DEVICE")
    etc = pathlib.Path("/etc/netns") / place.name
    etc.mkdir(parents=True, exist_ok=True)
    (etc / "resolv.conf").touch()
    script = RUN / "dhcp-script"
    script.write_text("#!/bin/sh\n[ \"$1\" = bound ] || [ \"$1\" = renew ] || exit 0\n"
                      "ip address replace $ip/$mask dev $interface\nip route replace default via $router\n"
                      f"{{ echo search $domain; for a in $dns; do echo nameserver $a; done; }} > {etc}/resolv.conf\n")
    script.chmod(0o755)
    return place.run(f"{os.environ['LAB_RUN']}/busybox udhcpc -i eth0 -n -q -t 10 -s {script}")


def healthy(**claims):
    """What the device's plug-in says from now on."""
    HEALTH.write_text(json.dumps({**HEALTHY, **claims}))


def generations():
    return {g["number"]: g["state"] for g in lab.sluice("generation", "list")}


def booted():
    """The gateway has a generation that the key servers made, as the current one; its number."""
    return eventually(lambda: [n for n, state in generations().items() if state == "current" and n in made()], 60 * lab.SCALE,
                      "a generation of the key servers is current")[0]


def json_lines(action=None, outcome=None):
    """The audit logs of both key servers."""
    lines = []
    for name in SERVERS:
        path = RUN / f"{name}.audit"
        if path.exists():
            lines += [json.loads(line) for line in path.read_text().splitlines()]
    return [x for x in lines if (action is None or x["action"] == action) and (outcome is None or x["outcome"] == outcome)]


def where(server, family="IPv4"):
    """A key server's address and port."""
    host = lab.address(SERVERS[server], family)
    return f"[{host}]:8443" if ":" in host else f"{host}:8443"


def said(*words, server=None, family="IPv4", config=None):
    """sluice kds, as the operator gives it, of one key server or of those of its configuration: exit code, output, complaints."""
    only = ["--kds", where(server, family)] if server else []
    done = subprocess.run(["ip", "netns", "exec", lab.Place("INTERNET").name, "sluice", "kds", "--config", config or RUN / "operator.toml", *only,
                           *map(str, words)], capture_output=True, text=True, timeout=120 * lab.SCALE)
    return done.returncode, done.stdout, done.stderr


def operate(*words, **how):
    """The same with --json, decoded; it has to be done."""
    code, out, err = said(*words, "--json", **how)
    if code:
        raise AssertionError(f"sluice kds {words} {how} exited {code}: {err}")
    return json.loads(out)


def audit(after=0):
    """What changed the store, of all key servers."""
    return operate("audit", "--after", after)


def when(line):
    """The time of an audit line, by the clock that does not jump."""
    return datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp() - time.time() + time.monotonic()


def select(query, *values):
    """Rows of the store."""
    import sqlite3
    connection = sqlite3.connect(f"file:{RUN}/store.sqlite?mode=ro", uri=True, timeout=30 * lab.SCALE)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


def end_early(gateway):
    """As when an id's incarnations have run out: the gateway's next generation is due."""
    import sqlite3
    with contextlib.closing(sqlite3.connect(f"{RUN}/store.sqlite", timeout=30 * lab.SCALE)) as connection:
        connection.execute("UPDATE gateway SET early = 1 WHERE name = ?", (gateway,))
        connection.commit()


def made():
    """Numbers of the generations of gw1 that the store has."""
    return {row[0] for row in select("SELECT number FROM generation WHERE gateway = 'gw1'")}


def store(*words, check=0):
    """sluice-kds device ..., on the store."""
    done = subprocess.run(["sluice-kds", "--config", RUN / "kds1.toml", "device", *map(str, words)], capture_output=True, text=True)
    if done.returncode != check:
        raise AssertionError(f"sluice-kds device {words} exited {done.returncode}: {done.stdout}{done.stderr}")


def operator(method, path, body=None, server="kds1", want=(200, 201, 204)):
    """A request that `sluice kds` does not make: the answer, decoded."""
    context = ssl.create_default_context(cafile=f"{PKI}/ca.crt")
    context.load_cert_chain(f"{PKI}/admin.crt", f"{PKI}/admin.key")
    with lab.Place("INTERNET").enter():
        connection = http.client.HTTPSConnection(lab.address(SERVERS[server], "IPv4"), 8443, context=context, timeout=30 * lab.SCALE)
        connection.connect()
    connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"} if body is not None else {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status not in want:
        raise AssertionError(f"{method} {path}: {answer.status} {text!r}")
    return json.loads(text) if text else None


class Stream:
    """Datagrams to the echo server and back, fifty a second; when the last came back."""

    def __init__(self, device):
        self.socket = device.place.socket("IPv4", socket.SOCK_DGRAM)
        self.socket.connect((lab.address("OPEN", "IPv4"), ECHO))
        self.socket.settimeout(0.02)
        self.last = self.count = self.refused = 0
        self.going = True
        self.thread = threading.Thread(target=self.run, daemon=True)  # a case that fails leaves it
        self.thread.start()

    def run(self):
        while self.going:
            try:
                self.socket.send(b"x")
            except OSError:
                self.refused += 1
                time.sleep(0.02)
                continue
            try:
                self.socket.recv(10)
                self.last = time.monotonic()
                self.count += 1
                time.sleep(0.02)
            except OSError:
                pass

    def flows(self, seconds=10):
        count = self.count
        eventually(lambda: self.count > count + 3, seconds * lab.SCALE, "datagrams come back")
        return self

    def ends(self, since, seconds, what):
        """No more come back; how long after *since* the last one did."""
        eventually(lambda: time.monotonic() - self.last > 1.5 * lab.SCALE, seconds, what)
        self.end()
        return self.last - since

    def end(self):
        self.going = False
        self.thread.join()
        self.socket.close()


def policy():
    """The blob that the gateway answers with, once the key servers have told it."""
    return bytes.fromhex(eventually(lambda: lab.sluice("policy", "show")["blob"], 60 * lab.SCALE, "the gateway has a policy"))


def answer(blob):
    """The gateway answers with this blob from now on; None: not at all."""
    if blob is None:
        lab.sluice("policy", "off")
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(blob)
        file.flush()
        lab.sluice("policy", "set", "--port", 4510, "--file", file.name)


class Device:
    """A device with its certificate and settings; `place` is where it runs, `policy` its [policy] (None: no such table)."""

    def __init__(self, name, place="DEVICE", roles=("staff",), enrol=True, realm="lab", folder=PKI, issue=(), settings="", policy='mode = "ignore"'):  # pylint: disable=redefined-outer-name
        self.name, self.place, self.realm = name, lab.Place(place), realm
        self.folder = pathlib.Path(tempfile.mkdtemp())
        pki("issue", "device", "--realm", realm, "--name", name, *issue, folder=folder)
        for end in ("crt", "key"):
            shutil.copy(f"{folder}/{name}.{end}", self.folder / f"device.{end}")
        (self.folder / "client.toml").write_text(
            f'realm = "lab"\ncertificate = "{self.folder}/device.crt"\nkey = "{self.folder}/device.key"\nauthority = "{PKI}/ca.crt"\n{settings}'
            + (f"[policy]\n{policy}\n" if policy is not None else ""))
        if enrol:
            operate("device", "add", name, *(w for role in roles for w in ("--role", role)))

    def client(self, *words, check=0):
        """sluice-client: output and complaints."""
        command = ["ip", "netns", "exec", self.place.name, "sluice-client", *words]
        if words[0] in ("up", "fetch", "policy", "tpm"):
            command += ["--config", str(self.folder / "client.toml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120 * lab.SCALE,
                              env={**os.environ, "RUNTIME_DIRECTORY": str(self.folder)})
        if done.returncode != check:
            raise AssertionError(f"sluice-client {words} exited {done.returncode}, not {check}: {done.stdout}{done.stderr}")
        return done.stdout, done.stderr

    def tpm(self, tcti):
        """From now on it asks this TPM for quotes."""
        path = self.folder / "client.toml"
        path.write_text(path.read_text().split("[tpm]")[0] + f'[tpm]\ntcti = "{tcti}"\n')

    def end(self):
        self.client("down")


def reached(device, family="IPv4", seconds=5):
    """The server behind the agent gives the device its bytes back."""
    try:
        s = device.place.connect(lab.address("OPEN", family), ECHO, seconds)
        s.sendall(b"hello\n")
        return s.recv(6) == b"hello\n"
    except OSError:
        return False
    finally:
        if "s" in locals():
            s.close()


def start(device):
    """sluice-client run for it."""
    with open(device.folder / "daemon.log", "a", encoding="ascii") as log:
        return device.place.start("sluice-client", "run", "--config", device.folder / "client.toml", stdout=log, stderr=log,
                                  env={**os.environ, "RUNTIME_DIRECTORY": str(device.folder)})


def state(device):
    return json.loads(subprocess.run(["ip", "netns", "exec", device.place.name, "sluice-client", "status", "--json"], capture_output=True, text=True,
                                     env={**os.environ, "RUNTIME_DIRECTORY": str(device.folder)}).stdout)


def finish(daemon, device, want=0):
    """SIGTERM: the tunnel is down, the daemon has ended."""
    daemon.terminate()
    try:
        equal(daemon.wait(20 * lab.SCALE), want, "exit code of the daemon")
        equal(state(device), {"state": "down"})
    finally:
        daemon.kill()
        print("# " + (device.folder / "daemon.log").read_text().strip().replace("\n", "\n# "))


def linked():
    status = lab.sluice("status")
    return status.get("kds", {}).get("connected")
