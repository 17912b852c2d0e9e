# SPDX-License-Identifier: Apache-2.0
"""Echo requests from a raw socket, and what comes back about them: replies whole, errors with what they quote."""
import os
import select
import socket
import struct
import time

import packets
from lab import SCALE

REQUEST = {"IPv4": 8, "IPv6": 128}
REPLY = {"IPv4": 0, "IPv6": 129}
IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, IPV6_UNICAST_HOPS, IPV6_TCLASS, IPV6_DONTFRAG, IPV6_MTU_DISCOVER = 51, 52, 16, 67, 62, 23
IP_MTU_DISCOVER = 10


class Back:
    """What came back: a reply (payload) or an error; kind is (type, code)."""

    def __init__(self, family, source, ttl, message):
        self.source, self.ttl, self.at = source, ttl, time.monotonic()
        self.kind, self.payload, self.quote = (message[0], message[1]), message[8:], None
        self.mtu = struct.unpack("!I", message[4:8])[0] & (0xFFFF if family == "IPv4" else 0xFFFFFFFF)
        self.is_reply = message[0] == REPLY[family]
        echo = message
        if not self.is_reply:
            self.quote = message[8:]
            echo = self.quote[(self.quote[0] & 15) * 4 if family == "IPv4" else 40:]
        self.key = struct.unpack("!HH", echo[4:8]) if len(echo) >= 8 else None
        self.ours = len(echo) >= 8 and (self.is_reply or echo[0] == REQUEST[family])

    def __repr__(self):
        return f"<{'reply' if self.is_reply else self.kind} from {self.source} ttl {self.ttl}>"


class Pinger:
    """One identifier of its own; sequence numbers are the caller's."""

    next_id = os.getpid()

    def __init__(self, place, family):
        self.family, self.v4 = family, family == "IPv4"
        Pinger.next_id = Pinger.next_id % 65000 + 1
        self.id = Pinger.next_id
        with place.enter():
            if self.v4:
                self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, packets.ICMP)
            else:
                self.socket = socket.socket(socket.AF_INET6, socket.SOCK_RAW, packets.ICMPV6)
                self.socket.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 21)

    def send(self, host, sequence, payload=b"sluice", ttl=64, tos=0, dont_fragment=False):
        s = self.socket
        if self.v4:
            s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
            s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, 3 if dont_fragment else 0)  # PROBE or DONT
        else:
            s.setsockopt(socket.IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl)
            s.setsockopt(socket.IPPROTO_IPV6, IPV6_TCLASS, tos)
        message = struct.pack("!BBHHH", REQUEST[self.family], 0, 0, self.id, sequence) + payload
        if self.v4:
            message = message[:2] + struct.pack("!H", packets.checksum(message)) + message[4:]
        s.sendto(message, (host, 0))

    def receive(self, seconds):
        """The next answer to one of ours; None after the time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and select.select([self.socket], [], [], left)[0]:
            raw, ancillary, _, peer = self.socket.recvmsg(70000, 128)
            if self.v4:
                head = (raw[0] & 15) * 4
                back = Back("IPv4", peer[0], raw[8], raw[head:])
            else:
                ttl = next((struct.unpack("i", d)[0] for _, kind, d in ancillary if kind == IPV6_HOPLIMIT), 0)
                back = Back("IPv6", peer[0], ttl, raw)
            if back.ours and back.key and back.key[0] == self.id and back.kind[0] != REQUEST[self.family]:
                return back
        return None

    def ask(self, requests, seconds):
        """Sends all (host, sequence, options) at once, and gathers."""
        for host, sequence, options in requests:
            self.send(host, sequence, **options)
        return self.gather(requests, time.monotonic() + seconds)

    def gather(self, requests, end):
        """{sequence: answers in their order} when each has one, or at the end."""
        found = {sequence: [] for _, sequence, _ in requests}
        while not all(found.values()) and (left := end - time.monotonic()) > 0:
            back = self.receive(left)
            if back and back.key[1] in found:
                found[back.key[1]].append(back)
        return found

    def one(self, host, sequence=1, seconds=6 * SCALE, **options):
        return (self.ask([(host, sequence, options)], seconds)[sequence] or [None])[0]

    def close(self):
        self.socket.close()
