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


def as_json(*values):
    return [json.dumps(value).encode() for value in values]


HELD = {"evidence": RFC_JWS.decode(), "held": [{"gateway": "gw1", "network": "corp", "spi": 1073750528}]}
BOOT = {"boot_nonce": base64url(7, 32), "newest": 6}
ANOMALIES = {"anomalies": [{"kind": kind, "generation": 7, "id": 17, "incarnation": 0}
                           for kind in ("moved", "clone", "fingerprint", "inner-source", "exhausting")]}
DEVICE = {"name": "laptop1", "roles": ["staff", "admin"], "enabled": False, "fingerprint": base64url(5, 32)}

UPDATES = {"updates": [
    {"sequence": 13, "kind": "generation", "number": 7, "algorithm": "aes-256-gcm", "lifetime": 3600, "master_key": base64url(9, 32)},
    {"sequence": 14, "kind": "promote", "number": 7, "overlap": 600},
    {"sequence": 15, "kind": "revoke", "number": 7, "id": 17, "incarnation_min": 1},
    {"sequence": 16, "kind": "ban", "id": 18}, {"sequence": 17, "kind": "unban", "id": 18},
    {"sequence": 18, "kind": "policy", "blob": base64url(1, 40)}]}
PROBLEM = {"title": "Your health is not good enough", "detail": "os.version is \u202e\"11\"", "failures": [
    {"name": "os.version", "detail": "os.version is \"11\", but must be at least \"12\".", "remedy": "Update."}]}


def answer(algorithm, size, routes=("10.20.0.0/16", "fd20::/48")):
    """A grant of generation 7 for id 17."""
    spi = 7 % 3 << 30 | 17 << 9
    return {"health_in": 600, "keys": [{
        "gateway": "gw1", "addresses": ["192.0.2.1", "2001:db8::1"], "udp_port": 4500, "native": True, "network": "corp", "generation": 7,
        "id": 17, "incarnation": 0, "algorithm": algorithm, "outbound": {"spi": spi, "key": base64url(1, size)},
        "inbound": {"spi": spi | 1 << 29, "key": base64url(2, size)}, "inner": ["100.80.0.17", "fd80::11"],
        "routes": list(routes), "refresh_in": 2700, "expires_in": 3500, "lease_in": 600}],
        "renewed": [{"gateway": "gw1", "network": "old", "spi": spi, "refresh_in": 2700, "expires_in": 3500, "lease_in": 600}],
        "refused": [{"gateway": "gw2", "network": "lab", "reason": "posture", "failures": PROBLEM["failures"]}],
        "later": [{"gateway": "gw3", "network": "corp", "detail": "the gateway has not taken its generation yet"}]}


CHALLENGE = {"nonce": base64url(4, 32), "expires_in": 60, "wanted": {
    "claims": ["os", "updates"], "packages": ["openssh-server"], "plugins": ["lab"], "osquery": {"users": "select 1"}, "quote": False}}


def outputs(*texts):
    """Of plug-ins, which ended well."""
    return b"\0" + b"".join(b"\0" + u16(len(text)) + text for text in texts)


def measured():
    plugin, rows = b'{"scanner": "running", "of": [1, 2.5, "\xc3\xa9"]}', b'[{"uid": "0", "name": "root"}]'
    yield outputs(plugin, b"{}", rows)
    yield outputs(b'{"a":[[[[[[[[[1]]]]]]]]]}', NUMBERS, b"[[[[1]]]]")
    # Together more than fits.
    yield outputs(b'{"a":"' + b"x" * 4000 + b'"}', b'{"\\u0000":"' + b"\\u0001" * 600 + b'"}', b'["' + b"y" * 4000 + b'"]')
    yield outputs(b"{}", b"{}", b"[" + b'"\\u00e9",' * 400 + b"1]")
    yield b"\x01" + b"ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME='Debian GNU/Linux 12'\nX=\"a\\\"b\"\nY=a\\ b # \nID=$x\r\n"
    chain = {"family": "inet", "table": "filter", "name": "input", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}
    for flags in ({}, {"flags": "dormant"}, {"flags": ["owner"]}):
        yield b"\x02" + as_json({"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "inet", "name": "filter", **flags}},
                                             {"chain": chain}, {"rule": {"family": "inet", "table": "filter", "chain": "input"}}]})[0]
    yield (b"\x03Inst libc6 [2.36-9] (2.36-9+deb12u4 Debian:12.5/stable, Debian-Security:12/stable-security [amd64]) []\n"
           b"Label: Debian-Security\nSuite: oldstable-security\nDate: Tue, 24 Nov 2026 00:34:33 UTC\n")
    yield b"\x0416 Apr 2020 07-58 -0400"
    yield b"\x05Tue, 24 Nov 2026 00:34:33 UTC"
    yield (b"\x06Package: openssh-server\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:9.2p1-2\n\n"
           b"Package: x\nstatus: deinstall ok config-files\nVersion: 1\n\npackage:y\nStatus: hold ok triggers-pending\nVersion: 2\n")


POSTURE = {**CLAIMS["posture"], "kernel": {"release": "6.1.0-45-amd64"}, "malware_scanner": {"name": "clamav", "database_age": 3600},
           "plugins": {"a": {"b": 1}}}


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
        "kds_bodies": lambda: [bytes([which]) + body for which, value in enumerate((HELD, BOOT, ANOMALIES, DEVICE)) for body in as_json(value, {})],
        "kds_update": lambda: [bytes([which]) + struct.pack("<Q", 12) + text
                               for which, text in enumerate(as_json(UPDATES, {"fresh": True, "acknowledged": 12, "live": [7]}, PROBLEM) + [bytes(36), bytes(22)])],
        "client_answer": lambda: [bytes([which]) + text for which, text in
                                  [(0, text) for text in as_json(answer("aes-256-gcm", 36), answer("aes-128-gcm", 20),
                                                                       answer("aes-256-gcm", 36, ["10.20.0.0/16"] * 2))] +
                                  [(1, text) for text in as_json(CHALLENGE)] + [(status // 4, text) for status in (404, 500) for text in as_json(PROBLEM)]],
        "measure": measured,
        "posture": lambda: [b"\0" + text for text in as_json(POSTURE, {"plugins": {"bad": 1}}, {})] +
                           [b"\x011:1.0~rc1-1\n1.0-1\n1.00-1", b"\x011.0+b1\n1.0.1_2\n0:1.0"],
        "config": lambda: [TOML, b'"a b".c = {x = 0x1f, y = +inf}\n', b'l = """\nlong\\u00e4"""\n', b"s = 'x'\n[u.u]\nd = \"2h\"\n"],
    }[target]())
