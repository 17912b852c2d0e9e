# SPDX-License-Identifier: Apache-2.0
"""A gateway of the module alone (lib/alone.py) with pools, for suites that are its ESP clients, key server, controller and wire.

Packets are made and opened by scapy (lib/esp.py).  Every case asserts which terminal counters moved, and that
their sum is what came in.  Importing it makes it.
"""
import collections
import contextlib
import ipaddress
import itertools
import os
import select
import socket
import struct
import time

import esp
import genl
import packets
from alone import CONTROL, FAMILIES, GATEWAY_ADDRESS, NET0, SCALE, SHORT, bind, client, gateway
from ktap import equal
from netns import sh

#   client: out0 (clients' outer addresses) --veth-- gateway: wan0 (ESP comes in), net0 (what is inside)
WAN_GATEWAY = {"IPv4": "192.0.2.1", "IPv6": "2001:db8:1::1"}
WAN_SECOND = {"IPv4": "192.0.2.2", "IPv6": "2001:db8:1::2"}
OUTER = {"IPv4": "198.51.100.0", "IPv6": "2001:db8:100::"}
NARROW, NARROW_MTU = {"IPv4": "198.51.101.0", "IPv6": "2001:db8:101::"}, 1380
BASE = {"IPv4": "10.32.0.0", "IPv6": "fd00:32::"}
POOL = (1, 0x7FFFF)  # a registered client has these addresses
HOST_POOL = (0x80000, 0x8FFFF)  # what they send to the host goes up its stack
NO_POOL = 0x90001
ENGINE = os.environ.get("SELFTEST_ENGINE", "auto")  # how the module was loaded
REGISTERED = 1000
HOST_UNREACHABLE = {"IPv4": (3, 1), "IPv6": (1, 3)}
TOO_BIG = {"IPv4": (3, 4), "IPv6": (2, 0)}
ECHO = {"IPv4": (8, 0), "IPv6": (128, 129)}
CE, ECT0, ECT1 = 3, 2, 1
AUTHENTICATION, PADDING, INNER, NEXT_HEADER = "esp-drop-authentication", "esp-drop-padding", "esp-drop-inner", "esp-drop-next-header"
ESP_COUNTERS = [a["name"] for a in genl.SETS["counter"] if a["name"].startswith("esp-")]
TERMINAL = ESP_COUNTERS[ESP_COUNTERS.index("esp-delivered"):ESP_COUNTERS.index("esp-drop-ecn") + 1]

Way = collections.namedtuple("Way", "inner outer udp")
Way.__str__ = lambda way: f"{way.inner} in {way.outer}{' and UDP' if way.udp else ''}"
ALL_WAYS = [Way(inner, outer, udp) for udp in (False, True) for inner in FAMILIES for outer in FAMILIES]
WAYS = [Way("IPv4", "IPv4", False), Way("IPv6", "IPv6", True)]
if SCALE < 10:
    WAYS += [Way("IPv6", "IPv4", True), Way("IPv4", "IPv6", False)]

sh("modprobe -a esp4 esp6", check=False)  # for xfrm beside us; User-Mode Linux has them built in
sh(f"ip link add wan0 netns {gateway.name} type veth peer name out0 netns {client.name}")
client.run("sysctl -qw net.ipv6.conf.out0.disable_ipv6=1", check=False)
client.ip("link set out0 up\n")
OUT_MAC = sh(f"ip -n {client.name} -br link show out0").split()[2]
WAN_MAC = sh(f"ip -n {gateway.name} -br link show wan0").split()[2]
gateway.ip(f"""link set wan0 up
addr add 192.0.2.1/24 dev wan0
addr add 192.0.2.2/24 dev wan0
addr add 2001:db8:1::1/64 dev wan0 nodad
addr add 2001:db8:1::2/64 dev wan0 nodad preferred_lft 0
neigh replace 192.0.2.254 lladdr {OUT_MAC} dev wan0 nud permanent
neigh replace 2001:db8:1::fe lladdr {OUT_MAC} dev wan0 nud permanent
route add 198.51.100.0/24 via 192.0.2.254
route add 198.51.101.0/24 via 192.0.2.254 mtu {NARROW_MTU}
route add 2001:db8:100::/64 via 2001:db8:1::fe
route add 2001:db8:101::/64 via 2001:db8:1::fe mtu {NARROW_MTU}
route add 10.32.0.0/11 dev net0
route add fd00:32::/64 dev net0
""")
with client.enter():
    WAN = packets.Wire("out0", WAN_MAC)


class Inside:
    """What is delivered to the network's device, as tcpdump sees it."""

    def __init__(self):
        with gateway.enter():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(packets.ETH_P_ALL))
            self.socket.bind(("net0", 0))

    def receive(self, seconds=3 * SCALE):
        end = time.monotonic() + seconds
        while select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
            raw, info = self.socket.recvfrom(65536)
            if info[2] != socket.PACKET_OUTGOING:
                return packets.Parsed(raw)
        return None

    def flush(self):
        while select.select([self.socket], [], [], 0)[0]:
            self.socket.recv(65536)


INSIDE = Inside()
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # what is sent arrives in order

for first, last, host in ((*POOL, 0), (*HOST_POOL, 1)):
    CONTROL.do("pool-new", network=NET0, first=first, last=last, base_ipv4=genl.address(BASE["IPv4"]), base_ipv6=genl.address(BASE["IPv6"]), host=host)
CONTROL.do("client-new", id=REGISTERED, network=NET0, access=NET0, prefix=[genl.prefix("10.32.0.0/13"), genl.prefix("fd00:32::/109")])
CONTROL.do("esp-set", udp_port=4500)
CONTROLLER = bind()
IDS, NUMBERS = itertools.count(1), itertools.count(1)


# --- generations -------------------------------------------------------------------------------------------------

def bring(generation=None, lifetime=3600):
    """A new generation, as the next one."""
    generation = generation or esp.Generation(next(NUMBERS))
    CONTROL.do("generation-new", number=generation.number, algorithm=generation.algorithm, master_key=generation.master, lifetime=lifetime)
    return generation


def end_all():
    for row in CONTROL.dump("generation-get"):
        CONTROL.do("generation-del", number=row["number"])


def fresh(**more):
    """No generation but a new current one, which is returned."""
    end_all()
    generation = bring(**more)
    CONTROL.do("generation-promote", number=generation.number)
    return generation


CURRENT = None


def current():
    """The current generation, the only one; a case that played with them leaves the next one to make it anew."""
    global CURRENT
    if not CURRENT or [(r["number"], r["state"]) for r in CONTROL.dump("generation-get")] != [(CURRENT.number, "current")]:
        CURRENT = fresh()
    return CURRENT


def states():
    return {r["number"]: r["state"] for r in CONTROL.dump("generation-get")}


# --- clients and their packets -----------------------------------------------------------------------------------

def at(base, number):
    return str(ipaddress.ip_address(base) + number)


def inner_address(family, number):
    return at(BASE[family], number)


def session(way, number=None, generation=None, **more):
    """A new client on an outer address of its own, unless it is given."""
    number = number or next(IDS)
    more.setdefault("source", at(OUTER[way.outer], 1 + number % 200))
    return esp.Session(generation or current(), number, gateway=WAN_GATEWAY[way.outer], port=20000 + number % 40000 if way.udp else None, **more)


def same_client(way, s, **more):
    """Another key of the same client at the same place."""
    more.setdefault("generation", s.generation)
    return session(way, s.number, source=s.source, **more)


def echo(way, s, payload=b"some payload", destination=None, source=None, **options):
    """An echo request of the client, by default to the gateway address."""
    return packets.icmp(source or inner_address(way.inner, s.number), destination or GATEWAY_ADDRESS[way.inner], ECHO[way.inner][0], 0, struct.pack("!HH", s.number & 0xFFFF, 1) + payload, **options)


def datagram(way, s, payload=b"to the client", source=None, number=None, **options):
    """A datagram to the client's inner address from elsewhere, to be forwarded by the gateway."""
    return packets.udp(source or at(OUTER[way.inner], 240), 9, inner_address(way.inner, s.number if s else number), 4000, payload, **options)


USED = set()  # (SPI, IV) of all that the gateway has sent


def answer(s, seconds=3, gap=False):
    """The next packet to the client; what holds for all of them is checked here.  With gap, numbers before it may be missing."""
    packet = WAN.receive(s.is_back, seconds * SCALE)
    if not packet:
        raise AssertionError("nothing came back")
    got = s.open(packet)
    equal((got.spi, got.iv) in USED, False, f"IV {got.iv.hex()} twice under SPI {got.spi:08x}")
    USED.add((got.spi, got.iv))
    last = getattr(s, "last_back", 0)
    equal(got.seq > last if gap else got.seq == last + 1, True, f"sequence number {got.seq} after {last}")
    s.last_back = got.seq
    constant = int.from_bytes(got.iv, "big") ^ got.seq
    equal(constant, getattr(s, "constant_back", constant), "IV xor sequence number")
    s.constant_back = constant
    equal(got.padding, bytes(range(1, len(got.padding) + 1)), "padding")
    equal(len(got.raw + got.padding) % 4, 2, "alignment")
    equal(got.next_header, esp.IPV4 if got.inner.version == 4 else esp.IPV6, "next header")
    equal(packet.source, s.gateway, "outer source")
    equal(packet.ok, True, "outer checksum")
    if packet.version == 6 and s.port:
        equal(packet.body[6:8] != b"\0\0", True, "UDP over IPv6 has a checksum")
    if got.inner.protocol in (packets.ICMP, packets.ICMPV6):
        equal(got.inner.ok, True, "inner checksum")
    return got


def namespace_counters():
    return {k: v for k, v in CONTROL.dump("counter-get")[0].items() if isinstance(v, int)}


@contextlib.contextmanager
def counted(name, number=1, **more):
    """Within the block exactly `number` packets end with this terminal counter, and those of `more`; no others come.

    `more` may name others of the namespace's counters, too; those that it does not name are not looked at.
    """
    want = {k.replace("_", "-"): v for k, v in more.items()}
    if name:
        want[name] = number
    before = namespace_counters()
    yield
    want["esp-received"] = sum(want.get(k, 0) for k in TERMINAL)
    looked_at = {*TERMINAL, *want}
    want = {k: v for k, v in want.items() if v}

    def moved(after):
        return {k: after[k] - before[k] for k in after if k in looked_at and after[k] != before[k]}

    end = time.monotonic() + 2 * SCALE
    while moved(after := namespace_counters()) != want and time.monotonic() < end:
        time.sleep(0.01)
    equal(moved(after), want, "counters")
    equal(sum(after[k] for k in TERMINAL), after["esp-received"], "sum of the terminal counters")


def exchange(way, s, s_back=None, request=None, **how):
    """An echo request to the gateway is delivered and answered; the answer is returned."""
    request = request or echo(way, s)
    with counted("esp-delivered", esp_sent=1):
        WAN.send(s.seal(request, **how))
        got = answer(s_back or s)
    want = packets.Parsed(request)
    equal((got.inner.source, got.inner.destination, got.inner.type, got.inner.rest, got.inner.quote),
          (want.destination, want.source, ECHO[way.inner][1], want.rest, want.quote), "answer")
    return got


def heard(way, **more):
    """A client that has been heard."""
    s = session(way, **more)
    exchange(way, s)
    return s


def row(s):
    """What esp-client-get says of a client under its generation."""
    found = CONTROL.dump("esp-client-get", id=s.number, generation=s.generation.number)
    equal(len(found) <= 1, True, f"rows of one id: {found}")
    return found[0] if found else None


def drain():
    while CONTROLLER.event(0.02):
        pass
    WAN.flush()
    INSIDE.flush()


def anomaly(kind, seconds=5):
    """The next anomaly of this kind."""
    end = time.monotonic() + seconds * SCALE
    other = []
    while (left := end - time.monotonic()) > 0:
        event = CONTROLLER.event(left)
        if event and event[0] == "anomaly-ntf":
            if event[1]["anomaly"] == kind:
                return event[1]
            other.append(event[1])
    raise AssertionError(f"no anomaly {kind}; others: {other}")


def no_anomaly():
    event = CONTROLLER.event(SHORT / 4)
    equal(event, None, "anomaly")


def invariants():
    """what came in is the sum of what became of it; no (SPI, IV) was sent twice; no anomaly was lost"""
    got = namespace_counters()
    equal(sum(got[k] for k in TERMINAL), got["esp-received"])
    equal(len(USED) <= got["esp-sent"], True)
    equal(got["esp-drop-memory"] + got["esp-send-memory"], 0)
