# SPDX-License-Identifier: Apache-2.0
"""A generic netlink client that knows nothing but uapi/sluice.yaml.

It encodes and decodes by the contract itself, so a suite that uses it tests the module against the
contract and not against our C++ library.  No packages beyond PyYAML.
"""
import ipaddress
import os
import pathlib
import socket
import struct

import yaml

SPEC = yaml.safe_load((pathlib.Path(__file__).resolve().parents[2] / "uapi/sluice.yaml").read_text())
SETS = {s["name"]: s["attributes"] for s in SPEC["attribute-sets"]}
OPS = {op["name"]: (number + 1, op) for number, op in enumerate(SPEC["operations"])}
ENUMS = {d["name"]: [e["name"] for e in d["entries"]] for d in SPEC["definitions"]}
FORMATS = {"u8": "=B", "u16": "=H", "u32": "=I", "u64": "=Q"}

NETLINK_GENERIC = 16  # not in the socket module
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_DUMP = 1, 4, 0x10, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
GENL_ID_CTRL, CTRL_CMD_GETFAMILY = 16, 3
SOL_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK = 270, 10, 11, 12


def address(text):
    """16 bytes of an address, IPv4 as IPv4-mapped."""
    ip = ipaddress.ip_address(text)
    return (b"\0" * 10 + b"\xff\xff" + ip.packed) if ip.version == 4 else ip.packed


def address_text(raw):
    ip = ipaddress.IPv6Address(raw)
    return str(ip.ipv4_mapped or ip)


def prefix(text):
    """A nested prefix of "10.0.0.0/8"."""
    net = ipaddress.ip_network(text)
    return {"address": address(str(net.network_address)), "length": net.prefixlen + (96 if net.version == 4 else 0)}


class NetlinkError(OSError):
    """What the kernel refused: errno, extack message, the attribute it points at, and the number of one that is missing."""

    def __init__(self, errno, message, attribute, missing=None):
        super().__init__(errno, f"{os.strerror(errno)}: {message}" if message else os.strerror(errno))
        self.message, self.attribute, self.missing = message, attribute, missing


def attr(number, payload, nested=False):
    head = struct.pack("=HH", 4 + len(payload), number | (0x8000 if nested else 0))
    return head + payload + b"\0" * (-len(payload) % 4)


def encode(set_name, values):
    """Attributes of a set from a dict; a list repeats the attribute; a tuple (type, bytes) goes as it is."""
    out = b""
    for number, a in enumerate(SETS[set_name], 1):
        if a["name"] not in values:
            continue
        each = values[a["name"]]
        for value in each if isinstance(each, list) else [each]:
            if a["type"] == "nest":
                out += attr(number, encode(a["nested-attributes"], value), nested=True)
            elif a["type"] == "string":
                out += attr(number, value.encode() + b"\0")
            elif a["type"] == "binary":
                out += attr(number, value)
            else:
                if isinstance(value, str):
                    value = ENUMS[a["enum"]].index(value)
                out += attr(number, struct.pack(FORMATS[a["type"]], value))
    return out


def attributes(data):
    while len(data) >= 4:
        length, number = struct.unpack_from("=HH", data)
        yield number & 0x3FFF, data[4:length]
        data = data[(length + 3) & ~3:]


def decode(set_name, data):
    out = {}
    for number, payload in attributes(data):
        a = SETS[set_name][number - 1]
        if a["type"] == "pad":
            continue
        if a["type"] == "nest":
            value = decode(a["nested-attributes"], payload)
        elif a["type"] == "string":
            value = payload.rstrip(b"\0").decode()
        elif a["type"] == "binary":
            value = address_text(payload) if len(payload) == 16 else payload
        else:
            value = struct.unpack(FORMATS[a["type"]], payload)[0]
            if "enum" in a:
                value = ENUMS[a["enum"]][value]
        if a.get("multi-attr"):
            out.setdefault(a["name"], []).append(value)
        else:
            out[a["name"]] = value
    return out


class Netlink:
    """One socket in the network namespace that the process is in when it is made."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.socket.bind((0, 0))
        self.socket.settimeout(30)
        for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK):
            self.socket.setsockopt(SOL_NETLINK, option, 1)
        self.sequence = 0
        self.pending = []
        self.family = GENL_ID_CTRL
        reply = self.exchange(CTRL_CMD_GETFAMILY, attr(2, b"sluice\0"), NLM_F_ACK)[0]
        self.family = struct.unpack("=H", dict(attributes(reply))[1])[0]

    def close(self):
        self.socket.close()

    def send(self, command, payload, flags):
        self.sequence += 1
        length = 20 + len(payload)
        self.socket.send(struct.pack("=IHHIIBBH", length, self.family, NLM_F_REQUEST | flags, self.sequence, 0,
                                     command, 1, 0) + payload)
        return self.sequence

    def exchange(self, command, payload, flags):
        """Sends and collects until the acknowledgement or the end of the dump."""
        return self.collect(self.send(command, payload, flags))

    def collect(self, sequence):
        replies = []
        while True:
            data = self.socket.recv(1 << 17)
            while data:
                length, kind, mflags, seq, _ = struct.unpack_from("=IHHII", data)
                body, data = data[16:length], data[(length + 3) & ~3:]
                if seq != sequence:
                    if seq == 0:  # an event that overtook the answer
                        self.pending.append(body)
                    continue
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    error = struct.unpack_from("=i", body)[0] if len(body) >= 4 else 0
                    if error < 0:
                        raise self.error(-error, mflags, body, kind)
                    return replies
                replies.append(body[4:])

    def flags_until_done(self, sequence):
        """The header flags of every message of a dump that was sent with send()."""
        flags = []
        while True:
            data = self.socket.recv(1 << 17)
            while data:
                length, kind, mflags, seq, _ = struct.unpack_from("=IHHII", data)
                data = data[(length + 3) & ~3:]
                if seq == sequence:
                    flags.append(mflags)
                    if kind in (NLMSG_ERROR, NLMSG_DONE):
                        return flags

    @staticmethod
    def error(errno, flags, body, kind):
        message, offset, missing = None, None, None
        if flags & NLM_F_ACK_TLVS:
            skip = 4 if kind == NLMSG_DONE else 4 + 16
            for number, payload in attributes(body[skip:]):
                if number == 1:
                    message = payload.rstrip(b"\0").decode()
                elif number == 2:
                    offset = struct.unpack("=I", payload)[0]
                elif number == 5:
                    missing = struct.unpack("=I", payload)[0]
        return NetlinkError(errno, message, offset, missing)

    def do(self, operation, /, **values):
        """One request by the contract; the decoded reply, or None if there is only an acknowledgement."""
        number, op = OPS[operation]
        values = {key.replace("_", "-"): value for key, value in values.items()}
        replies = self.exchange(number, encode(op["attribute-set"], values), NLM_F_ACK)
        return decode(op["attribute-set"], replies[0]) if replies else None

    def raw(self, name, payload):
        """One request with attributes as bytes, for what the contract refuses."""
        return self.exchange(OPS[name][0], payload, NLM_F_ACK)

    def dump(self, operation, **values):
        """Every message of a dump, decoded; `values` are the attributes of its request."""
        number, op = OPS[operation]
        payload = encode(op["attribute-set"], {key.replace("_", "-"): value for key, value in values.items()})
        return [decode(op["attribute-set"], r) for r in self.exchange(number, payload, NLM_F_DUMP)]

    def event(self, timeout=5):
        """The next event as (operation, dict); None after the time-out."""
        if self.pending:
            return self.event_of(self.pending.pop(0))
        self.socket.settimeout(timeout)
        try:
            data = self.socket.recv(1 << 17)
        except (TimeoutError, socket.timeout):
            return None
        finally:
            self.socket.settimeout(30)
        return self.event_of(data[16:struct.unpack_from("=I", data)[0]])

    @staticmethod
    def event_of(body):
        name = next(n for n, (number, _) in OPS.items() if number == body[0])
        return name, decode(OPS[name][1]["attribute-set"], body[4:])

    def counters(self, network):
        """A network's counters as a dict."""
        return next(c for c in self.dump("counter-get") if c.get("name") == network)
