#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""UDP echo (7), discard (9), observer (10) and daytime (13), both families, always from the address that was asked.

The observer answers with what it saw: "ttl=62 tos=0 length=5 source=10.20.0.2 port=40000".  A datagram that begins with
words like "ttl=9 tos=184 count=3 size=1000" gets its answers with that TTL and TOS, so many, filled with dots to that size.
"""
import select
import socket
import struct

IP_PKTINFO, IP_RECVTTL, IP_RECVTOS = 8, 12, 13
IPV6_RECVPKTINFO, IPV6_PKTINFO, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, IPV6_RECVTCLASS, IPV6_TCLASS = 49, 50, 51, 52, 66, 67
SO_RCVBUFFORCE, SO_SNDBUFFORCE = 33, 32
COUNT_MAX = 10000


def listen(family, port):
    s = socket.socket(family, socket.SOCK_DGRAM)
    # A burst of the longest ones has to fit while this process does not run; whoever is root may have that much.
    for option in (SO_RCVBUFFORCE, SO_SNDBUFFORCE):
        try:
            s.setsockopt(socket.SOL_SOCKET, option, 1 << 24)
        except OSError:
            pass
    if family == socket.AF_INET:
        wanted = [(socket.IPPROTO_IP, option) for option in (IP_PKTINFO, IP_RECVTTL, IP_RECVTOS)]
    else:
        wanted = [(socket.IPPROTO_IPV6, option) for option in (socket.IPV6_V6ONLY, IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS)]
    for level, option in wanted:
        s.setsockopt(level, option, 1)
    s.bind(("", port))
    s.setblocking(False)
    return s


def told(ancillary):
    """TTL, TOS, and the ancillary data that make the answer leave from where the question went."""
    ttl = tos = 0
    here = []
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
            # no device: the route decides; the address is ipi_spec_dst
            here = [(level, kind, struct.pack("=I4s4s", 0, data[8:12], bytes(4)))]
        elif level == socket.IPPROTO_IPV6 and kind == IPV6_PKTINFO:
            here = [(level, kind, data[:16] + struct.pack("=I", 0))]
        elif kind in ((socket.IP_TTL,) if level == socket.IPPROTO_IP else (IPV6_HOPLIMIT,)):
            ttl = struct.unpack("=i", data)[0]
        elif kind == (socket.IP_TOS if level == socket.IPPROTO_IP else IPV6_TCLASS):
            tos = data[0]
    return ttl, tos, here


def words(data):
    """{"ttl": 9, ...} of what a datagram to the observer asks for."""
    found = {}
    for word in data[:200].split():
        key, _, value = word.partition(b"=")
        if not value.isdigit():
            break
        found[key] = int(value)
    return found


def observe(s, data, peer, ttl, tos, here):
    asked = words(data)
    line = f"ttl={ttl} tos={tos} length={len(data)} source={peer[0]} port={peer[1]}".encode()
    level = socket.IPPROTO_IP if s.family == socket.AF_INET else socket.IPPROTO_IPV6
    kinds = (socket.IP_TTL, socket.IP_TOS) if level == socket.IPPROTO_IP else (IPV6_HOPLIMIT, IPV6_TCLASS)
    for key, kind in zip((b"ttl", b"tos"), kinds):
        if key in asked:
            here = here + [(level, kind, struct.pack("=i", asked[key]))]
    for number in range(min(asked.get(b"count", 1), COUNT_MAX)):
        text = line + (b" number=%d " % number if b"count" in asked else b"")
        s.sendmsg([text.ljust(asked.get(b"size", 0), b".")], here, 0, peer)


def answer(s, port):
    """Everything that waits, but not for ever: the other ports have their turn."""
    for _ in range(256):
        try:
            data, ancillary, _, peer = s.recvmsg(65536, 256)
        except BlockingIOError:
            return
        except OSError:
            continue  # an ICMP error about an earlier answer
        ttl, tos, here = told(ancillary)
        try:
            if port == 7:
                s.sendmsg([data], here, 0, peer)
            elif port == 10:
                observe(s, data, peer, ttl, tos, here)
            elif port == 13:
                import time
                s.sendmsg([time.strftime("%a %b %d %H:%M:%S %Y\r\n").encode()], here, 0, peer)
        except OSError:
            pass  # datagrams may be lost


def main():
    poll, sockets = select.epoll(), {}
    for family in (socket.AF_INET, socket.AF_INET6):
        for port in (7, 9, 10, 13):
            s = listen(family, port)
            sockets[s.fileno()] = (s, port)
            poll.register(s.fileno(), select.EPOLLIN)
    while True:
        for fd, _ in poll.poll():
            answer(*sockets[fd])


main()
