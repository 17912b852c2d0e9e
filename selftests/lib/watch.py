# SPDX-License-Identifier: Apache-2.0
"""IP packets of a host, as they come and go, with their times."""
import select
import socket
import struct

import lab
import packets

SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35


class Watch:
    """`seen` has each packet with .out (sent by the host) and .at (seconds), in their order."""

    def __init__(self, place):
        with place.enter():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(packets.ETH_P_ALL))
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
            self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            self.socket.bind((lab.device(place), packets.ETH_P_ALL))
        self.seen = []

    def gather(self):
        while select.select([self.socket], [], [], 0)[0]:
            raw, ancillary, _, info = self.socket.recvmsg(70000, 64)
            if info[1] in (packets.ETH_P_IP, packets.ETH_P_IPV6):
                packet = packets.Parsed(raw)
                packet.out = info[2] == socket.PACKET_OUTGOING
                seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
                packet.at = seconds + nanoseconds / 1e9
                self.seen.append(packet)
        return self.seen

    def udp(self, out, **fields):
        """Those of UDP that went or came and whose fields (sport, dport, destination ...) are these."""
        return [p for p in self.gather() if p.protocol == packets.UDP and p.out == out and p.first
                and all(getattr(p, k) == v for k, v in fields.items())]

    def errors(self, protocol, sport):
        """ICMP errors that came about packets of the protocol from that port."""
        found = []
        for p in self.gather():
            if not p.out and p.protocol in (packets.ICMP, packets.ICMPV6) and p.type in ((3, 11, 12) if p.version == 4 else (1, 2, 3, 4)):
                inner = packets.Parsed(p.quote)
                if inner.protocol == protocol and inner.first and inner.sport == sport:
                    found.append(p)
        return found

    def close(self):
        self.socket.close()
