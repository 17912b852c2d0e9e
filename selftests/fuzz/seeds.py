# SPDX-License-Identifier: Apache-2.0
"""What each fuzzer begins with: inputs that get past the first checks.  The folder's .cpp files say how one is laid out."""
import hashlib
import json
import struct


def u16(value):
    return struct.pack("<H", value)


def base64url(byte, size):
    """*size* times the same byte."""
    import base64
    return base64.urlsafe_b64encode(bytes([byte]) * size).rstrip(b"=").decode()


CLAIMS = {
    "eat_nonce": base64url(1, 32), "iat": 1700000000, "exp": 1700000300, "ueid": base64url(1, 33),
    "cnf": {"x5t#S256": base64url(2, 32)}, "tls_exporter": base64url(3, 32),
    "posture": {"os": {"id": "debian", "version": "12"}, "packages": {"count": 412, "versions": {"openssh-server": "1:9.2p1-2"}},
                "firewall": {"active": True}, "unmeasured": {"secure_boot": "no EFI variables"}}}

# RFC 7515, A.3.1.
RFC_JWS = (b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
           b".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
NONE_JWS = b"eyJhbGciOiJub25lIn0.e30."

# What the key of quote.cpp has signed: TPMS_ATTEST of PCRs 0 and 7.
QUOTE = (struct.pack(">IH", 0xff544347, 0x8018) + struct.pack(">H", 34) + b"\x0b" * 34 + struct.pack(">H", 32) +
         hashlib.sha256(b"\1" + bytes(31) + b"\2" + bytes(31) + hashlib.sha256(b"a.b.c").digest()).digest() +
         struct.pack(">QIIBQ", 123456, 7, 0, 1, 0x2019102300163636) + struct.pack(">IHB", 1, 11, 3) + b"\x81\0\0" +
         struct.pack(">H", 32) + hashlib.sha256(b"\3" + bytes(31) + b"\4" + bytes(31)).digest())

NUMBERS = b"[9007199254740992,-9007199254740992,0.1,1e15,-0.0,18446744073709551615,1E-7,9007199254740993.0]"
NESTED = b'{"a":' * 15 + b"[1,2]" + b"}" * 15
TEXTS = rb'{"\u0061":"\ud83d\ude00\"\\\/\b\f\n\r\t","b":["' + "\u00e4\u20ac\U0001f600".encode() + b'",true,false,null,{},[]]}'


def frame(body):
    return struct.pack(">I", len(body)) + body


def field(number, value):
    """Of protobuf: a number as a varint below 128, or bytes."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value)]) + value


HELLO = field(1, field(1, 1) + field(2, 1) + field(3, b"corp") + field(4, b"berlin") + field(5, bytes(16)) + field(7, b"x"))
OFFER = field(3, field(1, 7) + field(2, 6) + field(3, bytes(4)) + field(4, 80) + field(5, bytes(16)) + field(10, 1))
ANSWER = field(4, field(1, 7) + field(2, 3) + field(4, 3) + field(5, 1) + field(6, bytes(4)) + field(9, b"no route"))
WITHDRAW = field(5, field(1, bytes([1, 2, 3])))
PING = field(7, field(1, 5))


def datagram(association, kind, body=b"", ttl=0, tos=0, flags=0):
    return struct.pack(">IHBBBBH", association, len(body), kind, ttl, tos, flags, 0) + body


def attribute(kind, payload):
    return u16(4 + len(payload)) + u16(kind) + payload + bytes(-len(payload) % 4)


def attributes(sizes):
    """One attribute of each number from 1 on, whose payload has that many bytes."""
    return b"".join(attribute(kind, bytes([kind % 2]) * size) for kind, size in enumerate(sizes, 1))


def netlink():
    # For every parser each number alone, of the sizes that integers, addresses and text have: those that it takes are enough to
    # be joined.  And nests of one size.
    for parser in range(15):
        for size in (1, 2, 4, 8, 16):
            for kind in range(1, 20):
                yield bytes([parser]) + attribute(kind, bytes([1]) * size)
            for nest in range(1, 12):
                yield bytes([parser]) + attribute(0x8000 | nest, attributes([size] * 6))
    request = struct.pack("<IHHIIBBH", 36, 30, 5, 1, 2, 4, 1, 0) + attribute(1, bytes(4)) + attribute(2, bytes(4))
    extack = attribute(1, b"no such thing\0") + attribute(2, struct.pack("<I", 28))
    for flags in (0x300, 0x200):
        error = struct.pack("<IHHII", 0, 2, flags, 1, 2) + struct.pack("<i", -22) + request[:16] + extack
        yield bytes([15]) + u16(len(error)) + error + request


TOML = b"""n = 5
b = false
s = "text"
d = "10s"
l = ["a", "b"]
ll = [["a"], "b"]
[u]
n = 70000
[[a]]
n = -5
d = "250ms"
[[a]]
unknown = 1979-05-27T07:32:00Z
"""


def policy_answer(nonce, blob):
    return b"SLPA\x01\0" + struct.pack(">H", len(blob)) + nonce + blob


def seeds(target):
    claims = json.dumps(CLAIMS).encode()
    nonce = bytes(range(16))
    return list({
        "json": lambda: [b"{}", claims, NUMBERS, NESTED, TEXTS, b'{"a":1,"a":2}', b"\xef\xbb\xbf{}", b"{}\0"],
        "quote": lambda: [b"\0" + QUOTE, b"\0" + QUOTE[:-1], b"\x01\0\x18\0\x0b\0\x20" + b"r" * 32 + b"\0\x20" + b"s" * 32, b"\x02\x30\0x"],
        "jws": lambda: [b"\0" + RFC_JWS, b"\0" + NONE_JWS, b"\0" + RFC_JWS + b"=", b"\x01\x05\0A" + claims, b"\x01\xff\xffB{}"],
        "claims": lambda: [struct.pack("<Q", now) + claims for now in (1700000000, 1699999940, 1699999939, 1700000359, 1700000360)],
        "session_frame": lambda: [b"\0" + b"".join(map(frame, (HELLO, OFFER, ANSWER, WITHDRAW, PING))), b"\0" + frame(b""),
                                  b"\0" + struct.pack(">I", 65537),
                                  b"\x01" + datagram(1, 1, b"payload", 64, 0xb8, 1) + datagram(2, 2, bytes(24)) + datagram(3, 3) +
                                  datagram(0, 4, bytes(8))],
        "netlink": netlink,
        "policy_message": lambda: [b"\0" + policy_answer(nonce, b"a policy"), b"\x01" + nonce + policy_answer(nonce, bytes(1200))],
        "config": lambda: [TOML, b'"a b".c = {x = 0x1f, y = +inf}\n', b'l = """\nlong\\u00e4"""\n', b"s = 'x'\n[u.u]\nd = \"2h\"\n"],
    }[target]())
