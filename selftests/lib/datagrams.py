# SPDX-License-Identifier: Apache-2.0
"""UDP as a client sees it: what comes back of a datagram, an answer with its TTL and TOS, or an ICMP error with its reporter."""
import errno
import select
import socket
import struct
import time

import lab
import packets
from lab import SCALE

IP_MTU_DISCOVER, IP_RECVTTL, IP_RECVTOS = 10, 12, 13
IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_UNICAST_HOPS = 51, 52, 66, 67, 16
IPV6_MTU_DISCOVER, IPV6_DONTFRAG = 23, 62
DONT, PROBE = 0, 3  # of IP_MTU_DISCOVER: fragment as needed; don't fragment, and never mind what is known of the path
LONGEST = {"IPv4": 65507, "IPv6": 65527}
ECHO, DISCARD, OBSERVER = 7, 9, 10
UNREACHABLE = {"IPv4": 3, "IPv6": 1}
PORT_UNREACHABLE = {"IPv4": (3, 3), "IPv6": (1, 4)}
PROTOCOL_UNREACHABLE = {"IPv4": (3, 2), "IPv6": (4, 1)}
EXCEEDED = {"IPv4": (11, 0), "IPv6": (3, 0)}
PROHIBITED = {"IPv4": (3, 13), "IPv6": (1, 1)}
NO_NET = {"IPv4": (3, 0), "IPv6": (1, 0)}
NO_HOST = {"IPv4": (3, 1), "IPv6": (1, 3)}
TOO_BIG = {"IPv4": (3, 4), "IPv6": (2, 0)}


class Back:
    """What came back: an answer (payload, ttl, tos) or, with kind, an ICMP error about a datagram to host and port."""

    def __init__(self, host, port, payload, ttl=0, tos=0, kind=None, reporter=None, mtu=0, number=0):
        self.host, self.port, self.payload, self.ttl, self.tos = host, port, payload, ttl, tos
        self.kind, self.reporter, self.mtu, self.errno = kind, reporter, mtu, number

    def words(self):
        """Of the observer: {"ttl": "62", ...}"""
        return dict(word.partition("=")[::2] for word in self.payload.decode().rstrip(".").split())

    def __repr__(self):
        what = f"ICMP {self.kind} of {self.reporter} mtu {self.mtu} ({errno.errorcode.get(self.errno)})" if self.kind else f"{len(self.payload)} bytes"
        return f"<{what} about {self.host} port {self.port}>"


class Client:
    """A socket of a place; connected when it is given a host."""

    def __init__(self, place, family, host=None, port=None):
        self.family, self.v4 = family, family == "IPv4"
        self.socket = s = place.socket(family, socket.SOCK_DGRAM)
        self.level = socket.IPPROTO_IP if self.v4 else socket.IPPROTO_IPV6
        s.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        for option in (IP_RECVTTL, IP_RECVTOS, lab.IP_RECVERR) if self.v4 else (IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS, lab.IPV6_RECVERR):
            s.setsockopt(self.level, option, 1)
        self.may_fragment()
        s.setblocking(False)
        if host:
            s.connect((host, port))

    def may_fragment(self, may=True):
        """IPv4: the don't-fragment bit.  IPv6: what is longer than a packet is fragmented by us, or by nobody."""
        self.socket.setsockopt(self.level, IP_MTU_DISCOVER if self.v4 else IPV6_MTU_DISCOVER, DONT if may and self.v4 else 1 if may else PROBE)
        if not self.v4:
            self.socket.setsockopt(self.level, IPV6_DONTFRAG, 0 if may else 1)

    def send(self, host, port, payload=b"sluice", ttl=None, tos=None):
        """An errno that stands for an earlier datagram's error is not this one's."""
        ancillary = []
        if ttl is not None:
            ancillary.append((self.level, socket.IP_TTL if self.v4 else IPV6_HOPLIMIT, struct.pack("=i", ttl)))
        if tos is not None:
            ancillary.append((self.level, socket.IP_TOS if self.v4 else IPV6_TCLASS, struct.pack("=i", tos)))
        end = time.monotonic() + 5 * SCALE
        while True:
            try:
                return self.socket.sendmsg([payload], ancillary, 0, (host, port) if host else None)
            except BlockingIOError:
                select.select([], [self.socket], [], 1)
            except OSError as error:
                if error.errno == errno.EMSGSIZE or time.monotonic() > end:
                    raise

    def error(self):
        """The next error of the queue; None when it is empty."""
        try:
            payload, ancillary, _, peer = self.socket.recvmsg(70000, 512, lab.MSG_ERRQUEUE)
        except OSError:
            return None
        for _, kind, data in ancillary:
            if kind not in (lab.IP_RECVERR, lab.IPV6_RECVERR):
                continue
            number, origin, icmp, code, _, info = struct.unpack_from("=IBBBBI", data)
            if origin in (2, 3):
                reporter = socket.inet_ntop(*((socket.AF_INET, data[20:24]) if origin == 2 else (socket.AF_INET6, data[24:40])))
                return Back(peer[0], peer[1], payload, kind=(icmp, code), reporter=reporter, mtu=info, number=number)
            if origin == 1:  # our own host: too long for the path as it is known here
                return Back(peer[0], peer[1], payload, kind="local", reporter="", mtu=info, number=number)
        return None

    def next(self):
        """What waits; None when nothing does."""
        for _ in range(8):  # an error wakes recvmsg once more with its errno
            back = self.error()
            if back:
                return back
            try:
                payload, ancillary, _, peer = self.socket.recvmsg(70000, 256)
            except BlockingIOError:
                return None
            except OSError:
                continue
            ttl = tos = 0
            for _, kind, data in ancillary:
                if kind == (socket.IP_TTL if self.v4 else IPV6_HOPLIMIT):
                    ttl = struct.unpack("=i", data)[0]
                elif kind == (socket.IP_TOS if self.v4 else IPV6_TCLASS):
                    tos = data[0]
            return Back(peer[0], peer[1], payload, ttl, tos)
        return None

    def receive(self, seconds=6 * SCALE):
        """The next that comes back; None after the time."""
        end = time.monotonic() + seconds
        while True:
            back = self.next()
            if back or (left := end - time.monotonic()) <= 0:
                return back
            poll = select.poll()
            poll.register(self.socket, select.POLLIN | select.POLLERR)
            poll.poll(left * 1000)

    def gather(self, count, seconds):
        """All that comes back until there are so many, or the time is over."""
        found, end = [], time.monotonic() + seconds
        while len(found) < count and (back := self.receive(max(0, end - time.monotonic()))):
            found.append(back)
        return found

    def ask(self, host, port, payload=b"sluice", seconds=6 * SCALE, **options):
        self.send(host, port, payload, **options)
        return self.receive(seconds)

    def port(self):
        return self.socket.getsockname()[1]

    def close(self):
        self.socket.close()


class Raw(Client):
    """The same of another IP protocol, by a raw socket: payload is all that follows the IP header."""

    def __init__(self, place, family, protocol):  # pylint: disable=super-init-not-called
        self.family, self.v4 = family, family == "IPv4"
        self.level = socket.IPPROTO_IP if self.v4 else socket.IPPROTO_IPV6
        with place.enter():
            self.socket = socket.socket(lab.AF[family], socket.SOCK_RAW, protocol)
        for option in (IP_RECVTTL, IP_RECVTOS, lab.IP_RECVERR) if self.v4 else (IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS, lab.IPV6_RECVERR):
            self.socket.setsockopt(self.level, option, 1)
        self.may_fragment()
        self.socket.setblocking(False)

    def send(self, host, port=0, payload=b"sluice", ttl=None, tos=None):
        return super().send(host, 0, payload, ttl, tos)

    def next(self):
        back = super().next()
        if back and back.payload and self.v4 and not back.kind:  # IPv4's raw sockets give the header as well
            back.ttl, back.tos, back.payload = back.payload[8], back.payload[1], back.payload[(back.payload[0] & 15) * 4:]
        return back
