# SPDX-License-Identifier: Apache-2.0
"""The ways of datagrams that are compared: direct, sluice, socat over TCP, OpenVPN over TCP.

The far end is a socket on the HTTP proxy's host; socat and OpenVPN go from the direct client to the lab's open server,
which stands where the agent stands, over a WAN of the same delay.  Both ends are in this process, so the sender knows what
has arrived: it keeps a window of datagrams under way, and nothing is measured that was thrown away.
"""
import os
import select
import signal
import socket
import subprocess
import time

import lab
from batch import Batch
from ktap import eventually
from paths import children

WINDOW_BYTES = 96 << 10  # less than every queue on the way holds
ECHO_PORT = 7
VPN_NETWORK = ("10.201.0.1", "10.201.0.2")
VPN_SERVER = "10.20.0.21"  # the far end once more, by way of the tunnel


class Way:
    """A client's socket, connected, and what carries its datagrams: name -> function that gives process ids."""

    def __init__(self, name, place, host, port, processes=None, keeps=True):
        self.name, self.place, self.host, self.port, self.processes, self.keeps = name, place, host, port, processes or {}, keeps
        self.client = None

    def open(self):
        self.client = self.place.socket("IPv4", socket.SOCK_DGRAM)
        self.client.setsockopt(socket.SOL_SOCKET, 33, 1 << 23)  # SO_RCVBUFFORCE
        self.client.connect((self.host, self.port))
        return self.client


def ticks(pids):
    """Seconds of processor time, those of children that have ended included."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                words = f.read().rpartition(")")[2].split()
            total += sum(map(int, words[11:15]))
        except OSError:
            pass
    return total / os.sysconf("SC_CLK_TCK")


def busy():
    """Seconds that the machine's processors were not idle, interrupts included."""
    with open("/proc/stat", encoding="ascii") as f:
        words = [int(w) for w in f.readline().split()[1:8]]
    return (sum(words) - words[3] - words[4]) / os.sysconf("SC_CLK_TCK")


class Rate:
    def __init__(self, way, received, got_bytes, size, seconds, machine, processes):
        self.lost_boundaries = not way.keeps
        count = received if way.keeps else got_bytes / size
        self.per_second = count / seconds
        self.per_core = count / machine if machine else 0.0
        self.processes = {name: spent / count * 1e6 if count else 0.0 for name, spent in processes.items()}


class Setup:
    def __init__(self):
        self.direct, self.far, self.server = lab.Place("DIRECT"), lab.Place("PROXY"), lab.Place("SERVER")
        self.started, self.missing, self.ways = [], [], []
        self.socket = None

    def __enter__(self):
        """After paths.Setup, which has made the far host's way back to the direct client."""
        self.socket = self.far.socket("IPv4", socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 23)
        self.socket.bind(("", 0))
        host, port = lab.address("PROXY_ADDRESS", "IPv4"), self.socket.getsockname()[1]
        self.ways = [Way("direct", self.direct, host, port),
                     Way("sluice", lab.Place("CLIENT"), host, port,
                         {"sluiced": lambda: [lab.pid("sluiced")], "sluice-agent": lambda: [lab.pid("agent")]})]
        self.socat(host, port)
        self.openvpn(port)
        for way in self.ways:
            way.open()
        return self

    def __exit__(self, *_):
        for way in self.ways:
            if way.client:
                way.client.close()
        self.socket.close()
        for process in self.started:
            for pid in reversed(children(process.pid)):
                try:
                    os.kill(pid, signal.SIGTERM)
                except OSError:
                    pass
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def start(self, place, *command):
        process = place.start(*command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.started.append(process)
        return process

    def ready(self, way):
        """Waits until a datagram comes through, or says why it is not measured."""
        try:
            with way.place.enter():
                probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

            def comes():
                try:
                    probe.sendto(b"?", (way.host, way.port))
                except OSError:
                    return False
                return select.select([self.socket], [], [], 0.5)[0]
            eventually(comes, 60 * lab.SCALE, f"{way.name} carries a datagram")
            probe.close()
            self.ways.append(way)
        except AssertionError as why:
            self.missing.append(str(why))
        self.drain()

    def drain(self):
        batch = Batch(64, 2048)
        while select.select([self.socket], [], [], 0.1)[0] and batch.receive(self.socket)[0]:
            pass

    def socat(self, host, port):
        peer, middle = lab.address("OPEN", "IPv4"), 5300
        far = self.start(self.server, "socat", "-b", "65536", f"TCP4-LISTEN:{middle},reuseaddr,nodelay,fork", f"UDP4:{host}:{port}")
        near = self.start(self.direct, "socat", "-b", "65536", f"UDP4-LISTEN:{middle},bind=127.0.0.1,reuseaddr,fork", f"TCP4:{peer}:{middle},nodelay")
        self.ready(Way("socat over TCP", self.direct, "127.0.0.1", middle,
                       {"socat, near": lambda: children(near.pid), "socat, far": lambda: children(far.pid)}, keeps=False))

    def openvpn(self, port):
        """TLS with the lab's certificates, AES-256-GCM, as our own sessions have."""
        subprocess.run(["modprobe", "tun"], check=False)
        pki, peer = os.environ["LAB_PKI"], lab.address("OPEN", "IPv4")
        common = ["openvpn", "--dev", "tun", "--ca", f"{pki}/ca.crt", "--data-ciphers", "AES-256-GCM", "--disable-dco", "--keepalive", "10", "60",
                  "--socket-flags", "TCP_NODELAY", "--verb", "3"]
        far = self.start(self.server, *common, "--proto", "tcp4-server", "--port", "1194", "--tls-server", "--dh", "none", "--cert", f"{pki}/gw1.crt",
                         "--key", f"{pki}/gw1.key", "--ifconfig", *VPN_NETWORK, "--log", f"{os.environ['LAB_RUN']}/log/openvpn-far.log")
        near = self.start(self.direct, *common, "--proto", "tcp4-client", "--remote", peer, "1194", "--tls-client", "--cert", f"{pki}/berlin.crt",
                          "--key", f"{pki}/berlin.key", "--ifconfig", *reversed(VPN_NETWORK), "--route", VPN_SERVER, "255.255.255.255",
                          "--log", f"{os.environ['LAB_RUN']}/log/openvpn-near.log")
        self.server.run("sysctl -qw net.ipv4.ip_forward=1")
        self.far.ip(f"address add {VPN_SERVER}/24 dev eth0\nroute replace {VPN_NETWORK[1]}/32 via {peer}\n")
        self.ready(Way("OpenVPN over TCP", self.direct, VPN_SERVER, port,
                       {"openvpn, near": lambda: children(near.pid), "openvpn, far": lambda: children(far.pid)}))

    def rate(self, way, size, seconds):
        """Client to server, as fast as a window of datagrams lets it."""
        batch, incoming, window = Batch(32, size), Batch(128, 65536), max(8, WINDOW_BYTES // max(size, 512))
        self.drain()
        before = busy(), {name: ticks(pids()) for name, pids in way.processes.items()}
        sent = received = got_bytes = 0
        began = progress = time.perf_counter()
        while (now := time.perf_counter()) < began + seconds:
            arrived = received if way.keeps else got_bytes // size
            free = window - (sent - arrived)
            if free >= 8:
                sent += batch.send(way.client, min(free, 32))
            elif now > progress + 0.25:  # what has not come for so long is lost
                sent, progress = arrived, now
            if select.select([self.socket], [], [], 0 if free >= 8 else 0.01)[0]:
                count, length = incoming.receive(self.socket)
                if count:
                    received, got_bytes, progress = received + count, got_bytes + length, time.perf_counter()
        took = time.perf_counter() - began
        spent = {name: ticks(pids()) - before[1][name] for name, pids in way.processes.items()}
        return Rate(way, received, got_bytes, size, took, busy() - before[0], spent)

    def round_trip(self, way, number):
        """Seconds of a datagram there and one back; None when it was lost.  Not by socat, whose far end merges them."""
        question, answer = b"question %d of %s" % (number, way.name.encode()), b"answer %d" % number
        began = time.perf_counter()
        try:
            way.client.send(question)
            peer = self.wait_for(self.socket, question)
            if peer:
                self.socket.sendto(answer, peer)
                if self.wait_for(way.client, answer):
                    return time.perf_counter() - began
        except OSError:  # an error about an earlier one
            pass
        return None

    @staticmethod
    def wait_for(sock, payload):
        """Its sender; what is left of earlier ones is passed over.  None after 2 s."""
        end = time.monotonic() + 2
        while (left := end - time.monotonic()) > 0 and select.select([sock], [], [], left)[0]:
            got, peer = sock.recvfrom(65536)
            if got == payload:
                return peer
        return None
