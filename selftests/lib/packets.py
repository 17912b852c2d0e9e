# SPDX-License-Identifier: Apache-2.0
"""Raw packets for module suites: build TCP, UDP and echo over IPv4 and IPv6, send, capture, take apart.

Plain struct code and not scapy, whose import alone takes a quarter of a minute under emulation.
"""
import errno
import ipaddress
import select
import socket
import struct
import time

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86DD
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
TCP, UDP, ICMP, ICMPV6, FRAGMENT = 6, 17, 1, 58, 44


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(source, destination, protocol, length):
    s, d = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    tail = struct.pack("!BBH", 0, protocol, length) if s.version == 4 else struct.pack("!IHBB", length, 0, 0, protocol)
    return s.packed + d.packed + tail


def ip(source, destination, protocol, payload, ttl=64, tos=0, options=b""):
    s, d = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if s.version == 6:
        return struct.pack("!IHBB", 6 << 28 | tos << 20, len(payload), protocol, ttl) + s.packed + d.packed + payload
    ihl = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH", 4 << 4 | ihl, tos, ihl * 4 + len(payload), 0x1234, 0x4000, ttl, protocol, 0) + s.packed + d.packed + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def tcp(source, sport, destination, dport, flags, seq=0, ack=0, payload=b"", options=b"", bad_checksum=False, **ip_options):
    segment = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, (5 + len(options) // 4) << 4, flags, 64240, 0, 0) + options + payload
    total = checksum(pseudo(source, destination, TCP, len(segment)) + segment) ^ (0x5555 if bad_checksum else 0)
    return ip(source, destination, TCP, segment[:16] + struct.pack("!H", total) + segment[18:], **ip_options)


def udp(source, sport, destination, dport, payload, **ip_options):
    datagram = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    total = checksum(pseudo(source, destination, UDP, len(datagram)) + datagram) or 0xFFFF
    return ip(source, destination, UDP, datagram[:6] + struct.pack("!H", total) + datagram[8:], **ip_options)


def icmp(source, destination, kind, code, body, **ip_options):
    """An ICMP or ICMPv6 message by the family of the addresses; body starts behind the checksum."""
    v6 = ipaddress.ip_address(source).version == 6
    message = struct.pack("!BBH", kind, code, 0) + body
    total = checksum((pseudo(source, destination, ICMPV6, len(message)) if v6 else b"") + message)
    return ip(source, destination, ICMPV6 if v6 else ICMP, message[:2] + struct.pack("!H", total) + body, **ip_options)


class Parsed:
    """A captured IP packet; checksums verified, ok says so."""

    def __init__(self, raw):
        self.raw = raw
        if raw[0] >> 4 == 4:
            head = (raw[0] & 15) * 4
            self.source, self.destination = (str(ipaddress.IPv4Address(raw[i:i + 4])) for i in (12, 16))
            self.tos, self.ttl, self.protocol = raw[1], raw[8], raw[9]
            self.body = raw[head:struct.unpack("!H", raw[2:4])[0]]
            self.ok = checksum(raw[:head]) == 0
            self.version = 4
            self.dont_fragment, offset = bool(raw[6] & 0x40), struct.unpack("!H", raw[6:8])[0] & 0x1FFF
            self.first = offset == 0  # not a later fragment
            self.fragment = offset > 0 or bool(raw[6] & 0x20)
        else:
            self.source, self.destination = (str(ipaddress.IPv6Address(raw[i:i + 16])) for i in (8, 24))
            self.tos, self.ttl, self.protocol = struct.unpack("!H", raw[:2])[0] >> 4 & 255, raw[7], raw[6]
            self.body = raw[40:40 + struct.unpack("!H", raw[4:6])[0]]
            self.ok = True
            self.version = 6
            self.dont_fragment, self.first, self.fragment = True, True, self.protocol == FRAGMENT
            if self.fragment and len(self.body) >= 8:
                self.protocol, self.first = self.body[0], struct.unpack("!H", self.body[2:4])[0] >> 3 == 0
                self.body = self.body[8:]
        body = self.body
        if self.protocol == TCP:
            self.sport, self.dport, self.seq, self.ack, offset, self.flags, self.window = struct.unpack_from("!HHIIBBH", body)
            self.payload = body[(offset >> 4) * 4:]
        elif self.protocol == UDP and self.first and len(body) >= 8:
            self.sport, self.dport = struct.unpack_from("!HH", body)
            self.payload = body[8:]
        elif self.protocol in (ICMP, ICMPV6) and not self.first:
            self.type = self.code = None
            self.rest = self.quote = b""
        elif self.protocol in (ICMP, ICMPV6):
            self.type, self.code = body[0], body[1]
            self.rest, self.quote = body[4:8], body[8:]
            covered = body if self.protocol == ICMP else pseudo(self.source, self.destination, ICMPV6, len(body)) + body
            self.ok = self.ok and checksum(covered) == 0

    def __repr__(self):
        detail = ""
        if self.protocol == TCP:
            detail = f" {self.sport}>{self.dport} flags={self.flags:#x} seq={self.seq} ack={self.ack}"
        elif self.protocol in (ICMP, ICMPV6):
            detail = f" type={self.type} code={self.code}"
        return f"<{self.source} > {self.destination} protocol {self.protocol}{detail}>"


def finished(packet):
    """The bytes of a captured TCP packet as a device sends them: where it is the device that writes the checksum, a capture
    has the pseudo header's sum in its place."""
    start = len(packet.raw) - len(packet.body)
    segment = packet.body[:16] + b"\0\0" + packet.body[18:]
    total = checksum(pseudo(packet.source, packet.destination, TCP, len(segment)) + segment)
    return packet.raw[:start] + segment[:16] + struct.pack("!H", total) + segment[18:]


class Wire:
    """Sends from and captures on a device, in the network namespace of its making."""

    def __init__(self, device, gateway_mac):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((device, 0))
        self.offloading = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.offloading.setsockopt(263, 15, 1)  # SOL_PACKET, PACKET_VNET_HDR
        self.offloading.bind((device, 0))
        self.mac = self.socket.getsockname()[4]
        self.gateway = bytes.fromhex(gateway_mac.replace(":", ""))

    def send(self, packet):
        kind = ETH_P_IP if packet[0] >> 4 == 4 else ETH_P_IPV6
        self.socket.send(self.gateway + self.mac + struct.pack("!H", kind) + packet)

    def send_offloaded(self, packet, csum_start, csum_offset, gso_type=0, gso_size=0):
        """With a checksum that the device is to write; csum_start is counted from the IP header (virtio's header).
        With gso_type 3 it is also the device's to fragment, into pieces of gso_size (VIRTIO_NET_HDR_GSO_UDP).

        False: our own kernel does not send such a packet (newer ones want the start behind the IP header)."""
        kind = ETH_P_IP if packet[0] >> 4 == 4 else ETH_P_IPV6
        header = struct.pack("=BBHHHH", 1, gso_type, 14 + csum_start + csum_offset + 2 if gso_type else 0, gso_size, 14 + csum_start, csum_offset)
        try:
            self.offloading.send(header + self.gateway + self.mac + struct.pack("!H", kind) + packet)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return False
        return True

    def flush(self):
        while select.select([self.socket], [], [], 0)[0]:
            self.socket.recv(65536)

    def receive(self, matches, seconds=3):
        """The first packet to us that matches; None after the time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                return None
            frame, info = self.socket.recvfrom(65536)
            if info[2] == socket.PACKET_OUTGOING or info[1] not in (ETH_P_IP, ETH_P_IPV6):
                continue
            packet = Parsed(frame[14:])
            if matches(packet):
                return packet
        return None
