# SPDX-License-Identifier: Apache-2.0
"""ESP of a client, for suites: keys from SPIs, packets made and opened by scapy.

Packets that are as they should be come from scapy's SecurityAssociation, so that we do not agree with ourselves alone.
What it refuses to make (wrong padding, what follows the inner packet, a dummy) is put together here around the
AES-GCM of python3-cryptography, and so is what must be made by the thousand: scapy takes milliseconds for each.
"""
import functools
import os
import struct
import types

import packets
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC

ESP = 50
IPV4, IPV6, DUMMY = 4, 41, 59  # next headers
TO_GATEWAY, TO_CLIENT = 0, 1
AES_128_GCM, AES_256_GCM = 1, 2
KEY_BYTES = {AES_128_GCM: 16, AES_256_GCM: 32}
SALT_BYTES, IV_BYTES, ICV_BYTES, HEAD_BYTES = 4, 8, 16, 8
FOREIGN = -1  # in place of a generation's number: an SPI that is none of ours


@functools.cache
def scapy():
    """What we need of scapy.  Its import takes a quarter of a minute under emulation, so only who needs it pays."""
    import scapy.arch
    # It would list the host's interfaces and routes, of a network namespace that is none of ours.
    scapy.arch.read_routes = scapy.arch.read_routes6 = lambda: []
    from scapy.interfaces import NetworkInterfaceDict
    NetworkInterfaceDict.reload = lambda self: None
    from scapy.layers import ipsec
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import IPv6
    return types.SimpleNamespace(SecurityAssociation=ipsec.SecurityAssociation, ESP=ipsec.ESP, IntegrityError=ipsec.IPSecIntegrityError, IP=IP, IPv6=IPv6, UDP=UDP)


def spi(generation, number, incarnation=0, direction=TO_GATEWAY):
    """The SPI of a generation (its number, or FOREIGN), a client's id and an incarnation."""
    g = 3 if generation == FOREIGN else generation % 3
    if not (direction in (0, 1) and 0 <= number < 1 << 20 and 0 <= incarnation < 1 << 9):
        raise ValueError((generation, number, incarnation, direction))
    return g << 30 | direction << 29 | number << 9 | incarnation


def spi_parts(value):
    """(G, id, incarnation, direction) of an SPI."""
    return value >> 30, value >> 9 & 0xFFFFF, value & 0x1FF, value >> 29 & 1


def derive(master, value, algorithm=AES_256_GCM):
    """Key and salt of an SPI, as one string (SP 800-108r1 in counter mode with AES-256-CMAC)."""
    size = KEY_BYTES[algorithm] + SALT_BYTES
    out = b""
    for counter in range(1, (size + 15) // 16 + 1):
        mac = CMAC(algorithms.AES(master))
        mac.update(struct.pack(">I4sII", counter, b"SK" + bytes([0x30 + algorithm, 0]), value, size * 8))
        out += mac.finalize()
    return out[:size]


class Generation:
    """What a key server knows of a generation."""

    def __init__(self, number, master=None, algorithm=AES_256_GCM):
        self.number, self.master, self.algorithm = number, master or os.urandom(32), algorithm

    def keys(self, value):
        return derive(self.master, value, self.algorithm)


class Opened:
    """A packet to the client, decrypted."""

    def __init__(self, spi_value, seq, iv, inner, next_header, padding, outer):
        self.spi, self.seq, self.iv, self.raw, self.next_header, self.padding, self.outer = spi_value, seq, iv, inner, next_header, padding, outer
        self.inner = packets.Parsed(inner)

    def __repr__(self):
        return f"<ESP {self.spi:08x} seq={self.seq} {self.inner}>"


class Session:
    """One key of one client: what goes to the gateway under it, and what comes back.

    source and gateway are the outer addresses; with a port it is ESP in UDP.  All may be changed at any time, as with
    a client that roams.  The IV of a packet is a constant of the session XOR its sequence number, as a stock Linux has it.
    """

    def __init__(self, generation, number, source, gateway, port=None, udp_port=4500, incarnation=0):
        self.generation, self.number, self.incarnation = generation, number, incarnation
        self.source, self.gateway, self.port, self.udp_port = source, gateway, port, udp_port
        self.spi, self.spi_back = (spi(generation.number, number, incarnation, d) for d in (TO_GATEWAY, TO_CLIENT))
        self.keys, self.keys_back = generation.keys(self.spi), generation.keys(self.spi_back)
        self.cipher, self.cipher_back = AESGCM(self.keys[:-SALT_BYTES]), AESGCM(self.keys_back[:-SALT_BYTES])
        self.constant = int.from_bytes(os.urandom(IV_BYTES), "big")
        self.seq = 0  # last one sent

    def next_seq(self):
        self.seq += 1
        return self.seq

    def iv(self, seq):
        return (self.constant ^ seq).to_bytes(IV_BYTES, "big")

    def outer_header(self, tos=0):
        s = scapy()
        if ":" in self.source:
            return s.IPv6(src=self.source, dst=self.gateway, hlim=64, tc=tos)
        return s.IP(src=self.source, dst=self.gateway, ttl=64, tos=tos)

    def seal(self, inner, seq=None, iv=None, tos=0):
        """The outer packet around an inner one, all by scapy."""
        s = scapy()
        seq = self.next_seq() if seq is None else seq
        # The sequence number goes in here, since encrypt() would take 0 for none.
        sa = s.SecurityAssociation(s.ESP, self.spi, seq_num=seq, crypt_algo="AES-GCM", crypt_key=self.keys, tunnel_header=self.outer_header(tos),
                                   nat_t_header=s.UDP(sport=self.port, dport=self.udp_port) if self.port else None)
        packet = sa.encrypt((s.IP if inner[0] >> 4 == 4 else s.IPv6)(inner), iv=self.iv(seq) if iv is None else iv)
        if self.port:  # scapy 2.5 has the length without ESP, and of IPv6 no checksum, without which Linux takes none (RFC 8200, 8.1)
            packet[s.UDP].len = 8 + len(packet[s.ESP])
            if packet.version == 6:
                del packet[s.UDP].chksum
        return bytes(packet)

    def body(self, plaintext, seq, iv=None, keys=None, spi_value=None):
        """ESP around a plaintext that has its padding, pad length and next header already."""
        iv = self.iv(seq) if iv is None else iv
        cipher, salt = (self.cipher, self.keys[-SALT_BYTES:]) if keys is None else (AESGCM(keys[:-SALT_BYTES]), keys[-SALT_BYTES:])
        head = struct.pack("!II", self.spi if spi_value is None else spi_value, seq)
        return head + iv + cipher.encrypt(salt + iv, plaintext, head)

    def craft(self, payload, next_header=None, padding=None, pad_length=None, seq=None, tos=0, **more):
        """The same from any payload with any trailer, by hand; more is for body()."""
        if next_header is None:
            next_header = IPV4 if payload[0] >> 4 == 4 else IPV6
        if padding is None:
            padding = bytes(range(1, 1 + -(len(payload) + 2) % 4))
        seq = self.next_seq() if seq is None else seq
        trailer = padding + bytes([len(padding) if pad_length is None else pad_length, next_header])
        return self.wrap(self.body(payload + trailer, seq, **more), tos)

    def wrap(self, body, tos=0):
        """Outer headers around ESP, or around whatever it is."""
        if self.port:
            return packets.udp(self.source, self.port, self.gateway, self.udp_port, body, tos=tos)
        return packets.ip(self.source, self.gateway, ESP, body, tos=tos)

    def is_back(self, packet):
        """Is this captured packet one of this key to this session's address and port?"""
        body = esp_of(packet, self.udp_port)
        return body is not None and packet.destination == self.source and int.from_bytes(body[:4], "big") == self.spi_back and \
            (packet.protocol == packets.UDP) == bool(self.port) and (not self.port or packet.dport == self.port)

    def open(self, packet):
        """Opens a captured packet to the client: decrypted by scapy, and by hand for the trailer, which scapy throws away."""
        s = scapy()
        body = esp_of(packet, self.udp_port)
        value, seq = struct.unpack("!II", body[:HEAD_BYTES])
        sa = s.SecurityAssociation(s.ESP, self.spi_back, crypt_algo="AES-GCM", crypt_key=self.keys_back, tunnel_header=self.outer_header())
        outer = (s.IP if packet.version == 4 else s.IPv6)(packet.raw)
        if self.port:  # it knows port 4500 only
            outer.remove_payload()
            outer = outer / s.ESP(body)
        inner = bytes(sa.decrypt(outer))
        iv = body[HEAD_BYTES:HEAD_BYTES + IV_BYTES]
        plain = self.cipher_back.decrypt(self.keys_back[-SALT_BYTES:] + iv, body[HEAD_BYTES + IV_BYTES:], body[:HEAD_BYTES])
        pad = plain[-2]
        if plain[:-2 - pad] != inner:
            raise AssertionError(f"scapy has {inner.hex()}, by hand it is {plain[:-2 - pad].hex()}")
        return Opened(value, seq, iv, inner, plain[-1], plain[-2 - pad:-2], packet)


def esp_of(packet, udp_port=4500):
    """ESP in a captured packet, native or from the UDP port; None if there is none."""
    if packet.fragment:
        return None
    body = packet.body if packet.protocol == ESP else packet.payload if packet.protocol == packets.UDP and packet.sport == udp_port else None
    return body if body is not None and len(body) >= HEAD_BYTES + IV_BYTES + ICV_BYTES + 2 else None


def fragments(packet, size):
    """The packet in fragments with `size` bytes of it each (a multiple of 8)."""
    out = []
    if packet[0] >> 4 == 4:
        head, body = packet[:20], packet[20:]
        for at in range(0, len(body), size):
            part = body[at:at + size]
            field = at // 8 | (0x2000 if at + size < len(body) else 0)
            h = head[:2] + struct.pack("!HHH", 20 + len(part), 0x4711, field) + head[8:10] + b"\0\0" + head[12:]
            out.append(h[:10] + struct.pack("!H", packets.checksum(h)) + h[12:] + part)
        return out
    head, body, identity = packet[:40], packet[40:], os.urandom(4)
    for at in range(0, len(body), size):
        part = body[at:at + size]
        extension = struct.pack("!BBH", head[6], 0, at | (at + size < len(body))) + identity
        out.append(head[:4] + struct.pack("!HB", 8 + len(part), packets.FRAGMENT) + head[7:] + extension + part)
    return out


class ReplayModel:
    """RFC 4303, 3.4.3, as plainly as it can be said: what a receiver with a window of 128 packets does with each number."""

    WINDOW = 128

    def __init__(self):
        self.top, self.seen = 0, set()

    def take(self, seq):
        """"taken", or the counter of its end."""
        if seq == 0:
            return "esp-drop-sequence"
        if self.top - seq >= self.WINDOW:
            return "esp-drop-old"
        if seq in self.seen:
            return "esp-drop-replayed"
        self.seen.add(seq)
        self.top = max(self.top, seq)
        return "taken"
