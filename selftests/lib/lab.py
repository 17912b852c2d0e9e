# SPDX-License-Identifier: Apache-2.0
"""The lab as a suite sees it: LAB_* variables, namespaces, connect() and what came of it, the daemons.

One process holds both ends of a connection: a socket stays in the namespace that it was made in.
"""
import errno
import json
import os
import select
import socket
import struct
import subprocess
import time

from netns import Netns

SCALE = float(os.environ.get("LAB_SCALE", "1"))
DEBUG = os.environ.get("LAB_DEBUG", "0") == "1"
FAMILIES = ("IPv4", "IPv6")
IP_RECVERR, IPV6_RECVERR, MSG_ERRQUEUE, SIOCOUTQ = 11, 25, 0x2000, 0x5411
AF = {"IPv4": socket.AF_INET, "IPv6": socket.AF_INET6}


def address(name, family):
    """The address that LAB_<name> or its twin for IPv6 holds."""
    return os.environ[f"LAB_{name}{'6' if family == 'IPv6' else ''}"]


class Place(Netns):
    """A namespace of the lab, by its variable's name; nothing is made or removed."""

    def __init__(self, variable):  # pylint: disable=super-init-not-called
        self.name = os.environ[f"LAB_{variable}"]

    def remove(self):
        pass

    def socket(self, family, kind=socket.SOCK_STREAM):
        with self.enter():
            return socket.socket(AF[family], kind)

    def listen(self, family="IPv6", port=0, backlog=1024):
        """A listener on all addresses (of both families for IPv6)."""
        s = self.socket(family)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == "IPv6":
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.bind(("", port))
        s.listen(backlog)
        s.settimeout(30 * SCALE)
        return s

    def connect(self, host, port, seconds=20):
        s = self.socket("IPv6" if ":" in host else "IPv4")
        s.settimeout(seconds * SCALE)
        s.connect((host, port))
        return s

    def genl(self):
        import genl  # reads the contract, which takes a moment: only who needs it waits
        with self.enter():
            return genl.Netlink()

    def start(self, *command, **options):
        """A process inside; the caller ends it."""
        return subprocess.Popen(["ip", "netns", "exec", self.name, *map(str, command)], **options)


def device(place):
    """The device that a host's packets are plain on."""
    return "sluice0" if place.name in (os.environ["LAB_ESP"], os.environ["LAB_ESP_NAT"], os.environ["LAB_ESP6"]) else "eth0"


def client_id():
    """The id of LAB_CLIENT as a client of the first network, as rules have it."""
    return int(os.environ["LAB_CLIENT_ID"])


class Answer:
    """What a connect() brought: outcome is "open", "silence" or an errno's name; icmp is (type, code)."""

    def __init__(self, outcome, icmp=None, reporter=None, seconds=0.0):
        self.outcome, self.icmp, self.reporter, self.seconds = outcome, icmp, reporter, seconds

    def key(self):
        return (self.outcome, self.icmp)

    def __repr__(self):
        more = f" icmp {self.icmp[0]}/{self.icmp[1]} from {self.reporter}" if self.icmp else ""
        return f"<{self.outcome}{more} after {self.seconds:.2f} s>"


def icmp_of(sock):
    """(type, code) and reporter in the socket's error queue, or Nones."""
    try:
        _, ancillary, _, _ = sock.recvmsg(0, 512, MSG_ERRQUEUE)
    except OSError:
        return None, None
    for _, _, data in ancillary:
        _, origin, kind, code = struct.unpack_from("=IBBB", data)
        if origin == 2:
            return (kind, code), socket.inet_ntop(socket.AF_INET, data[20:24])
        if origin == 3:
            return (kind, code), socket.inet_ntop(socket.AF_INET6, data[24:40])
    return None, None


def ask(place, targets, seconds=6):
    """connect() to all (address, port) at once; a list of Answers in their order."""
    poll, waiting, answers, began = select.epoll(), {}, [None] * len(targets), time.monotonic()

    def finish(number, sock, error):
        now = time.monotonic() - began
        if error:
            answers[number] = Answer(errno.errorcode[error], *icmp_of(sock), now)
        else:
            answers[number] = Answer("open", seconds=now)
        sock.close()

    with place.enter():
        for number, (host, port) in enumerate(targets):
            six = ":" in host
            sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.setsockopt(*((socket.IPPROTO_IPV6, IPV6_RECVERR, 1) if six else (socket.IPPROTO_IP, IP_RECVERR, 1)))
            error = sock.connect_ex((host, port))
            if error == errno.EINPROGRESS:
                waiting[sock.fileno()] = (number, sock)
                poll.register(sock.fileno(), select.EPOLLOUT)
            else:
                finish(number, sock, error)
    end = began + seconds * SCALE
    while waiting and (left := end - time.monotonic()) > 0:
        for fd, _ in poll.poll(left):
            number, sock = waiting[fd]
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not error:
                try:
                    sock.getpeername()
                except OSError:
                    time.sleep(0.01)
                    continue  # noted by the socket as a soft error: it goes on trying
            poll.unregister(fd)
            del waiting[fd]
            finish(number, sock, error)
    for number, sock in waiting.values():
        answers[number] = Answer("silence", seconds=seconds * SCALE)
        sock.close()
    return answers


def ctl(*words, check=True):
    """lab-ctl; its output."""
    done = subprocess.run(["lab-ctl", *map(str, words)], capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"lab-ctl {words} exited {done.returncode}: {done.stderr.strip()} {done.stdout.strip()}")
    return done.stdout.strip()


def pid(name):
    """Process id of one of the lab's processes, 0 when it is not running."""
    try:
        with open(f"{os.environ['LAB_RUN']}/pid/{name}", encoding="ascii") as f:
            number = int(f.read())
        os.kill(number, 0)
        return number
    except (OSError, ValueError):
        return 0


def log(name, start=0):
    """What a process of the lab wrote since that offset."""
    try:
        with open(f"{os.environ['LAB_RUN']}/log/{name}.log", "rb") as f:
            f.seek(start)
            return f.read().decode(errors="replace")
    except OSError:
        return ""


def log_size(name):
    try:
        return os.stat(f"{os.environ['LAB_RUN']}/log/{name}.log").st_size
    except OSError:
        return 0


def rss(number):
    """Resident memory of a process, bytes; what counts is private (VmRSS without file pages)."""
    with open(f"/proc/{number}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def slab(name):
    """(objects in use, bytes an object) of a slab cache; None where the kernel merged it."""
    try:  # free objects of a processor's own slab count as in use until it gives them back
        with open(f"/sys/kernel/slab/{name}/shrink", "w", encoding="ascii") as f:
            f.write("1")
    except OSError:
        pass
    with open("/proc/slabinfo", encoding="ascii") as f:
        for line in f:
            words = line.split()
            if words[0] == name:
                return int(words[1]), int(words[3])
    return None


def sluice(*words, check=True):
    """The CLI in the gateway with --json, decoded."""
    done = subprocess.run(["ip", "netns", "exec", os.environ["LAB_GATEWAY"], "sluice", "--json", *map(str, words)],
                          capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"sluice {words} exited {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout) if done.stdout.strip() else None
