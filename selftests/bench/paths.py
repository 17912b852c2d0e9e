# SPDX-License-Identifier: Apache-2.0
"""The ways to one server that are compared: direct, sluice, ssh -L, sshuttle.

The server is a process in the namespace of the HTTP proxy's host, on the far LAN.  ssh and sshuttle go to the
lab's SSH server on the same LAN from the direct client, over a WAN of the same delay; the rest of their way is
the same LAN as the agent's.
"""
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time

import lab
from ktap import eventually
from netns import sh

GREETING = b"!"
ASK = b"GO\n"


def serve(listener):
    """Sends one byte; then as many as the client asks for."""
    block = bytes(1 << 18)

    def one(sock):
        with sock:
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.sendall(GREETING)
                line = sock.makefile("rb").readline()
                volume = int(line or b"0")
                while volume > 0:
                    volume -= sock.send(block[:volume] if volume < len(block) else block)
                sock.recv(1)
            except OSError:
                pass
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=one, args=(sock,), daemon=True).start()


class Target:
    """One way to the server."""

    def __init__(self, name, place, host, port, honest, processes=None):
        self.name, self.place, self.host, self.port, self.honest = name, place, host, port, honest
        self.processes = processes or {}  # what carries it: name -> function that gives process ids

    def open(self):
        s = self.place.socket("IPv4")
        s.settimeout(60)
        s.connect((self.host, self.port))
        return s

    def time_first_byte(self):
        """Seconds of connect(), and until the server's first byte."""
        s = self.place.socket("IPv4")
        s.settimeout(60)
        began = time.perf_counter()
        s.connect((self.host, self.port))
        connected = time.perf_counter() - began
        got = s.recv(1)
        first = time.perf_counter() - began
        s.close()
        if got != GREETING:
            raise RuntimeError(f"{self.name}: no greeting")
        return connected, first

    def throughput(self, streams, volume):
        """Bytes per second of so many streams together."""
        sockets = [self.open() for _ in range(streams)]
        for s in sockets:
            s.recv(1)
        each = volume // streams
        began = time.perf_counter()
        poll, left = select.epoll(), {}
        for s in sockets:
            s.sendall(b"%d\n" % each)
            s.setblocking(False)
            left[s.fileno()] = [s, each]
            poll.register(s.fileno(), select.EPOLLIN)
        while left:
            for fd, _ in poll.poll(60):
                entry = left[fd]
                try:
                    got = len(entry[0].recv(1 << 18))
                except BlockingIOError:
                    continue
                if not got:
                    raise RuntimeError(f"{self.name}: ended early")
                entry[1] -= got
                if not entry[1]:
                    poll.unregister(fd)
                    del left[fd]
        took = time.perf_counter() - began
        for s in sockets:
            s.close()
        return each * streams / took


def children(pid):
    """The process and all below it."""
    found = [pid]
    for task in found:
        try:
            with open(f"/proc/{task}/task/{task}/children", encoding="ascii") as f:
                found += [int(p) for p in f.read().split()]
        except OSError:
            pass
    return found


SAME_CIPHER = "ssh -L, AES-256-GCM"


class Setup:
    def __init__(self):
        self.client, self.direct, self.there = lab.Place("CLIENT"), lab.Place("DIRECT"), lab.Place("PROXY")
        self.started, self.missing, self.targets = [], [], []
        self.server = 0

    def __enter__(self):
        host, server = lab.address("PROXY_ADDRESS", "IPv4"), lab.Place("SERVER")
        direct = lab.address("DIRECT_ADDRESS", "IPv4")
        # the server's host answers the direct client over the direct path, as LAB_OPEN does
        via = re.search(r"via (\S+)", sh(f"ip -n {server.name} route get {direct}")).group(1)
        self.there.ip(f"route replace {direct}/32 via {via}\n")
        listener = self.there.listen("IPv4")
        port = listener.getsockname()[1]
        listener.settimeout(None)
        self.server = os.fork()
        if self.server == 0:
            try:
                serve(listener)
            finally:
                os._exit(1)
        listener.close()
        self.targets = [
            Target("direct", self.direct, host, port, True),
            Target("sluice", self.client, host, port, True,
                   {"sluiced": lambda: [lab.pid("sluiced")], "sluice-agent": lambda: [lab.pid("agent")]})]
        self.ssh("ssh -L", host, port, port)
        # OpenSSH prefers ChaCha20-Poly1305, TLS AES-256-GCM: their difference is not ours, so one has ours.
        self.ssh(SAME_CIPHER, host, port, port + 2, "-c", "aes256-gcm@openssh.com")
        self.sshuttle(host, port)
        return self

    def __exit__(self, *_):
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
        os.kill(self.server, signal.SIGKILL)
        os.waitpid(self.server, 0)

    @staticmethod
    def options():
        return ["-i", os.environ["LAB_SSH_KEY"], "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]

    def ready(self, target, process, what):
        def answers():
            if process.poll() is not None:
                raise RuntimeError(f"{what} ended: {process.stderr.read()[-300:]}")
            try:
                target.time_first_byte()
                return True
            except (OSError, RuntimeError):
                return False
        try:
            # sshuttle starts two interpreters and calls nft twenty times, each a second or so under emulation
            eventually(answers, 120 * lab.SCALE, f"{what} carries a connection")
            self.targets.append(target)
        except (AssertionError, RuntimeError) as why:
            os.set_blocking(process.stderr.fileno(), False)
            said = process.stderr.read() or ""
            self.missing.append(f"{what}: {' '.join(f'{why}; it says: {said[-300:]}'.split())}")

    def ssh(self, name, host, port, local, *options):
        peer = lab.address("OPEN", "IPv4")
        process = self.direct.start("ssh", "-N", *self.options(), *options, "-L", f"127.0.0.1:{local}:{host}:{port}", f"root@{peer}",
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.started.append(process)
        target = Target(name, self.direct, "127.0.0.1", local, False,
                        {"ssh": lambda: children(process.pid), "sshd": lambda: children(lab.pid("sshd"))[1:]})
        self.ready(target, process, name)

    def sshuttle(self, host, port):
        """A user of sshuttle is a client of its own: other programs of the direct client go on as they are."""
        peer = lab.address("OPEN", "IPv4")
        # Only this port is taken, so that the direct path stays direct on another.
        process = self.direct.start("sshuttle", "--method", "nft", "-r", f"root@{peer}", "-e", "ssh " + " ".join(self.options()),
                                    f"{host}:{port + 1}", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.started.append(process)
        # the server answers on that port as well, but not those who come without sshuttle
        self.there.run(f"nft 'add table ip bench; add chain ip bench in {{ type nat hook prerouting priority -100; }}; "
                       f"add rule ip bench in ip saddr {peer} tcp dport {port + 1} redirect to :{port}'")
        target = Target("sshuttle", self.direct, host, port + 1, False,
                        {"sshuttle": lambda: children(process.pid), "sshd": lambda: children(lab.pid("sshd"))[1:]})
        self.ready(target, process, "sshuttle")
