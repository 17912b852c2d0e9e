# SPDX-License-Identifier: Apache-2.0
"""Instructions that a gateway executes for a packet of a tunnel: Linux' xfrm, WireGuard and Sluice.

Each is a network namespace with a tap device, into which prepared packets are written:

    decapsulation   an encrypted packet; what was in it ends in a UDP socket of the host that is full and never read
    encapsulation   an inner packet; it is forwarded into the tunnel, and ends encrypted in a dummy device

From both is taken away what the same bytes cost when they are addressed to another interface, which ip_rcv() sees
first: system call, allocation, copy.  What remains is the way through IP twice and the tunnel between; the first
row is the same without a tunnel.
"""
import array
import contextlib
import ctypes
import errno
import fcntl
import os
import pathlib
import re
import select
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from netns import Netns, sh  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
SIZES = (64, 512, 1400)
BATCH, ROUND = 64, 2048  # packets at once, as a network card is polled, and in a round
ROUNDS = int(os.environ.get("SELFTEST_ESP_ROUNDS", "5"))
WARM = 1
CLIENTS = [int(n) for n in os.environ.get("SELFTEST_ESP_CLIENTS", "1 1000 100000").split()]
MILLION = int(os.environ.get("SELFTEST_ESP_MILLION", "1000000"))
SETUP = 2000  # xfrm clients with all they need
NANOSECONDS = 2 ** int(os.environ.get("VM_ICOUNT") or "0")  # of an instruction
MASTER = bytes(range(32))
GATEWAY, HOST, PORT, OUTER, INNER, PLAIN = "192.0.2.1", "10.0.0.1", 9999, 0xAC100000, 0x0A100000, 0x0A200000
LAN = 0x0A000002
MINE, ANOTHER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
FOREIGN = 3 << 30  # SPIs that are never Sluice's
IDS = (1 << 20) - 1
SO_NO_CHECK = 11


def build(folder=None):
    """The helper; made where it can be kept when called on the host."""
    return shared_object(HERE / "esp_wire.c", folder, "-lcrypto")


def shared_object(source, folder=None, *options):
    """Of one C file, in the build folder."""
    into = pathlib.Path(folder or os.environ.get("LAB_HOST_BUILD") or HERE.parents[1] / "build") / f"{source.stem}.so"
    if not into.exists() or into.stat().st_mtime < source.stat().st_mtime:
        into.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", into, source, *options], check=True)
    return into


class Frames(ctypes.Structure):
    """struct frames"""
    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_void_p), ("stride", ctypes.c_uint32), ("count", ctypes.c_uint32)]

    def __init__(self, room=8192, stride=1600):
        super().__init__()
        self.memory, self.lengths = ctypes.create_string_buffer(room * stride), (ctypes.c_uint32 * room)()
        self.data, self.length, self.stride, self.count = ctypes.addressof(self.memory), ctypes.addressof(self.lengths), stride, 0

    def put(self, frames):
        """As they were captured."""
        for i, frame in enumerate(frames):
            ctypes.memmove(self.data + i * self.stride, frame, len(frame))
            self.lengths[i] = len(frame)
        self.count = len(frames)


class Wire:
    """esp_wire.c"""

    def __init__(self):
        self.library = ctypes.CDLL(str(build()))
        self.library.clock_check.restype = ctypes.c_uint64
        self.library.inject.restype = self.library.xfrm_add.restype = ctypes.c_int64
        self.frames = Frames()

    def plain(self, source, destination, size):
        count = len(source)
        self.library.make_plain(ctypes.byref(self.frames), ANOTHER, numbers(source), numbers(destination), count, size)

    def esp(self, top, ids, sequences, size):
        if self.library.make_esp(ctypes.byref(self.frames), ANOTHER, MASTER, ctypes.c_uint32(top), numbers(ids), numbers(sequences), len(ids), size):
            raise RuntimeError("no ESP packets")

    def xfrm(self, netlink, first, step, count, what):
        """Seconds."""
        took = self.library.xfrm_add(netlink.fileno(), MASTER, ctypes.c_uint32(FOREIGN), first, step, count, what)
        if took < 0:
            raise OSError(-took, f"xfrm {what} of {count}: {os.strerror(-took)}")
        return took / 1e9

    def forge(self, group):
        """All but the first of each so many: another source, another's payload."""
        self.library.forge(ctypes.byref(self.frames), group)

    def inject(self, side, device, mac=MINE, partly=False, good=None):
        """Instructions a packet; all of them must arrive, or so many good ones, or, with another's address, none."""
        got = ctypes.c_uint32()
        self.library.readdress(ctypes.byref(self.frames), mac)
        took = self.library.inject(side.tap, ctypes.byref(self.frames), BATCH, side.counter.fileno() if device else side.sink.fileno(), device,
                                   mac == MINE and good is None, ctypes.byref(got))
        if took < 0:
            raise OSError(-took, os.strerror(-took))
        if got.value != ((self.frames.count if good is None else good) if mac == MINE else 0) and not partly:
            raise RuntimeError(f"{got.value} of {self.frames.count} packets arrived at {side.name}: {side.why()}")
        return took / NANOSECONDS / self.frames.count


def numbers(values):
    return (ctypes.c_uint32 * len(values)).from_buffer(values if isinstance(values, array.array) else array.array("I", values))


WIRE = None


class Side:
    """A network namespace whose one link is a tap device of ours."""

    def __init__(self, name, address, more=""):
        self.name, self.ns = name, Netns(name)
        with self.ns.enter():
            self.tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.tap, 0x400454CA, struct.pack("16sH22x", b"wire", 0x1002))  # TUNSETIFF: IFF_TAP, IFF_NO_PI
            self.counter = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            self.xfrm = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 6)
            self.xfrm.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.ns.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 net.ipv4.ip_forward=1 "
                    "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.wire.rp_filter=0")
        # one next hop, as gateways have: else each client's outer address were a neighbour to be made
        self.ns.ip(f"link set wire address {MINE.hex(':')} txqueuelen 4096 up\naddr add {address} dev wire\naddr add {HOST}/32 dev lo\n"
                   f"link add out type dummy\nlink set out mtu 9000 up\nroute add 172.16.0.0/12 via 198.51.100.1 dev out onlink\nroute add 10.32.0.0/12 dev out\n"
                   f"route add {text(LAN)}/32 dev wire\n" + more)
        with self.ns.enter():
            self.out = socket.if_nametoindex("out")
            self.sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            self.sink.bind((HOST, PORT))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as fill:
                for _ in range(32):
                    fill.sendto(bytes(1000), (HOST, PORT))

    def why(self):
        """What was counted, for when packets are missing."""
        counters = self.ns.run("nstat -asz 2>/dev/null; cat /proc/net/xfrm_stat", check=False).split("\n")
        return " ".join(":".join(line.split()[:2]) for line in counters if len(line.split()) > 1 and line.split()[1] not in ("0", "0.0"))

    def close(self):
        os.close(self.tap)
        for s in (self.counter, self.xfrm, self.sink):
            s.close()
        self.ns.remove()


def text(number):
    return socket.inet_ntoa(struct.pack("!I", number))


class Ids:
    """So many client ids, spread over all there are, one after the other, each with its next sequence number."""

    def __init__(self, count, sequences=None):
        self.count, self.step, self.at = count, (IDS - 1) // count, 0
        self.sequences = sequences or array.array("I", bytes(4 << 20))

    def take(self, count):
        ids, sequences = array.array("I"), array.array("I")
        for _ in range(count):
            number = 1 + self.at * self.step
            self.sequences[number] += 1
            ids.append(number)
            sequences.append(self.sequences[number])
            self.at = (self.at + 1) % self.count
        return ids, sequences


class Count:
    """Median of instructions a packet, less those of its being dropped at once, and how far the rounds are apart."""
    sizes, packets = SIZES, ROUND

    def __init__(self, side, device, make):
        dropped, whole = [], []
        for number in range(WARM + ROUNDS):
            make()
            if number < WARM:
                dropped = [WIRE.inject(side, device, ANOTHER) for _ in range(3)]
            whole.append(WIRE.inject(side, device))
        whole = [w - statistics.median(dropped) for w in whole[WARM:]]
        self.median = statistics.median(whole)
        self.spread = (max(whole) - min(whole)) / self.median

    def __str__(self):
        return f"{self.median:.0f}"


def decapsulation(side, top, ids, counter=Count):
    return [counter(side, 0, lambda s=size: WIRE.esp(top, *ids.take(counter.packets), s)) for size in counter.sizes]


def encapsulation(side, base, ids, only=None, counter=Count):
    """To inner addresses of clients in turn; to the first `only` of them alone."""
    count = counter.packets

    def make(size):
        if only:
            ids.at = 0
            taken = (list(ids.take(min(only, ids.count))[0]) * count)[:count]
        else:
            taken = ids.take(count)[0]
        WIRE.plain(array.array("I", [LAN] * count), array.array("I", [base + i for i in taken]), size)
    return [counter(side, side.out, lambda s=size: make(s)) for size in counter.sizes]


def plain(counter=Count):
    side = Side("plain", f"{GATEWAY}/24")
    one = array.array("I", [INNER + 1] * counter.packets)
    host = array.array("I", [0x0A000001] * counter.packets)
    into = [counter(side, 0, lambda s=size: WIRE.plain(one, host, s)) for size in counter.sizes]
    row = into, encapsulation(side, PLAIN, Ids(1), counter=counter)
    side.close()
    return row


MEASURED = 64  # policies of xfrm's encapsulation


def xfrm_side(ids, policies=MEASURED, hashed=False, name="xfrm"):
    """States of all clients; policies out of the first so many.  Hashed: else the time to insert one grows with their number."""
    side, clients = Side(name, f"{GATEWAY}/24", "route add 10.16.0.0/12 dev out\n"), ids.count
    if hashed:
        side.ns.run("ip xfrm policy set hthresh4 0 32")
    WIRE.xfrm(side.xfrm, 1, ids.step, clients, 3)
    WIRE.xfrm(side.xfrm, 0 if clients > 1 else 1, 1, 1, 4)
    WIRE.xfrm(side.xfrm, 1, ids.step, min(clients, policies), 8)
    time.sleep(1)  # the hash tables grow
    return side


def xfrm_measure(side, ids, policies=MEASURED, counter=Count):
    """Out, packets are sent to clients with a policy alone."""
    return decapsulation(side, FOREIGN, ids, counter), encapsulation(side, INNER, ids, policies if policies < ids.count else None, counter)


def xfrm(ids, policies=MEASURED, counter=Count, hashed=False):
    side = xfrm_side(ids, policies, hashed)
    row = xfrm_measure(side, ids, policies, counter)
    side.close()
    return row


def open_text(name):
    return pathlib.Path(name).read_text(encoding="ascii")


def memory():
    """Bytes that are neither free nor files nor processes': records are whole pages, which no count of slabs has."""
    value = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in open_text("/proc/meminfo").splitlines()}
    # each processor keeps some thousand free pages of its own, which are not in MemFree
    kept = sum(int(n) for n in re.findall(r"^ +count: +(\d+)$", open_text("/proc/zoneinfo"), re.M)) * os.sysconf("SC_PAGE_SIZE")
    return value["MemTotal"] - kept - sum(value[k] for k in ("MemFree", "Buffers", "Cached", "SReclaimable", "AnonPages", "PageTables"))


def settled():
    """memory(), when namespaces before have been taken down."""
    last, now = 0, memory()
    while abs(now - last) > 1 << 18:
        time.sleep(3)
        last, now = now, memory()
    return now


def xfrm_setup():
    side, ids = Side("setup", f"{GATEWAY}/24"), Ids(SETUP)
    before = settled()
    states = WIRE.xfrm(side.xfrm, 1, ids.step, SETUP, 3)
    between = memory()
    policies = WIRE.xfrm(side.xfrm, 1, ids.step, SETUP, 12)
    after = memory()
    side.close()
    return states, policies, (between - before) / SETUP, (after - between) / SETUP


class WireGuard:
    """A gateway, and a client whose packets we carry to it by hand."""

    def __init__(self):
        self.gateway, self.client = Side("wg", f"{GATEWAY}/24"), Side("wgc", "172.16.0.1/32", f"route add {GATEWAY}/32 dev wire\n")
        self.client.ns.ip(f"addr del {HOST}/32 dev lo\nneigh replace {GATEWAY} lladdr {MINE.hex(':')} dev wire nud permanent\n")
        self.gateway.ns.ip(f"route add 172.16.0.1/32 dev wire\nneigh replace 172.16.0.1 lladdr {MINE.hex(':')} dev wire nud permanent\n")
        keys = [sh("wg genkey").strip() for _ in range(2)]
        public = [sh(f"echo {k} | wg pubkey").strip() for k in keys]
        for side, key, peer, more in ((self.gateway, keys[0], public[1], f"{text(INNER + 1)}/32"), (self.client, keys[1], public[0], f"{HOST}/32")):
            with tempfile.NamedTemporaryFile("w") as f:
                f.write(key)
                f.flush()
                side.ns.run(f"sh -c 'ip link add wg0 type wireguard && wg set wg0 listen-port 51820 private-key {f.name} peer {peer} "
                            f"allowed-ips {more} {f'endpoint {GATEWAY}:51820' if side is self.client else ''}'")
        self.client.ns.ip(f"addr add {text(INNER + 1)}/32 dev wg0\nlink set wg0 up\nroute add {HOST}/32 dev wg0\n")
        self.gateway.ns.ip("link set wg0 up\nroute add 10.16.0.0/12 dev wg0\n")
        with self.client.ns.enter():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        self.shake()

    def shake(self):
        self.socket.sendto(b"x", (HOST, PORT))
        for _ in range(50):  # one second each way at most
            for a, b in ((self.client, self.gateway), (self.gateway, self.client)):
                while select.select([a.tap], [], [], 0.02)[0]:
                    os.write(b.tap, os.read(a.tap, 2048))
            if "latest handshake" in self.gateway.ns.run("wg show wg0"):
                break
        else:
            raise RuntimeError("WireGuard: no handshake")
        self.capture(64, 8)
        self.gateway.ns.ip("route del 172.16.0.1/32 dev wire\n")

    def capture(self, size, count):
        """Packets of the client's, into the frames."""
        while select.select([self.client.tap], [], [], 0)[0]:
            os.read(self.client.tap, 2048)
        got, other = [], 0
        while len(got) < count:
            self.socket.sendto(bytes(size - 28), (HOST, PORT))
            if not select.select([self.client.tap], [], [], 1)[0]:
                raise RuntimeError("WireGuard: nothing was sent")
            packet = os.read(self.client.tap, 2048)
            if packet[42] == 4:
                got.append(packet)
            elif (other := other + 1) > 100:  # it asks for another handshake where no answer came for a while
                raise RuntimeError("WireGuard: hardly any data")
        WIRE.frames.put(got)

    def measure(self, counter=Count):
        # The answer to the handshake is waited for before data is sent
        self.capture(64, 8)
        WIRE.inject(self.gateway, 0, partly=True)
        into = [counter(self.gateway, 0, lambda s=size: self.capture(s, counter.packets)) for size in counter.sizes]
        return into, encapsulation(self.gateway, INNER, Ids(1), counter=counter)

    def close(self):
        self.socket.close()
        self.client.close()
        self.gateway.close()


@contextlib.contextmanager
def without_module():
    """Its handler of ESP comes before xfrm's, which would be counted."""
    loaded = "sluice" in sh("lsmod")
    if loaded:
        sh("rmmod sluice")
    try:
        yield
    finally:
        if loaded:
            sh(f"insmod {os.environ['LAB_MODULE']}/sluice.ko")


class Sluice:
    def __init__(self):
        import genl  # noqa: E402  the family is there now
        self.side = side = Side("sluice", f"{GATEWAY}/24")
        side.ns.ip("link add net0 type sluice\nlink set net0 up\nroute add 10.16.0.0/12 dev net0\n")
        with side.ns.enter():
            self.control, index = genl.Netlink(), socket.if_nametoindex("net0")
        self.control.do("pool-new", network=index, first=1, last=IDS, base_ipv4=genl.address(text(INNER)), host=1)
        self.control.do("esp-set", unknown_rate=10000000)
        self.empty = settled()
        self.control.do("generation-new", number=3, algorithm="aes-256-gcm", master_key=MASTER, lifetime=86400)
        self.control.do("generation-promote", number=3)
        side.why = self.why

    def why(self):
        counters = self.control.dump("counter-get")
        return str({k: v for c in counters for k, v in c.items() if k.startswith("esp-") and v})

    def hear(self, ids):
        """One packet from each, no more than 8,192 a second: what unknown sources are worth is limited."""
        left = ids.count
        while left:
            now = min(left, 8192)
            WIRE.esp(0, *ids.take(now), 64)
            WIRE.inject(self.side, 0)
            left -= now
            time.sleep(1.1)  # of the guest's time: nothing of ours

    def generation(self):
        return self.control.dump("generation-get")[0]

    def status(self):
        return self.control.do("esp-get")

    def measure(self, ids, counter=Count):
        return decapsulation(self.side, 0, ids, counter), encapsulation(self.side, INNER, ids, counter=counter)


def available():
    """False: this module has no ESP yet."""
    import genl
    try:
        genl.Netlink().do("esp-get")
    except genl.NetlinkError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
        return False
    return True


NOTE = """(every instruction is 1: an AES round, or a vector of ChaCha20, as much as an addition; a cache miss, a mispredicted branch and a
  pipeline's stall are nothing.  All in one boot.  In: from ip_rcv() to a full UDP socket; out: from ip_rcv() to a dummy device; both
  with IP before and after, which the first row is.  Spread: largest less smallest round, by the median, the worst of the six.
  Clients in turn, {batch} packets at once.  xfrm: both directions' states of all clients, and policies of 1 in (any client) and {policies} out.{copies})"""
COPIES = "\n  THE PROCESSOR HAS erms: each byte of a copy is counted as an instruction; set VM_CPU=max,la57=off,cx16=off,erms=off,fsrm=off."


def prepare(counted=True):
    global WIRE
    # also what the first xfrm state asks for: waited for by a clock that jumps when idle, its tests would run out of time
    sh("modprobe -a tun dummy esp4 xfrm_user aesni_intel ghash_clmulni_intel wireguard sha512_ssse3 drbg seqiv")
    WIRE = Wire()
    for _ in range(2 * counted):
        tick = WIRE.library.clock_check() / 1e7
    if counted and abs(tick / NANOSECONDS - 1) > 0.02:
        raise RuntimeError(f"{tick:.3f} ns an instruction: not a lab that counts (tools/lab run -c 1)")


def tables():
    """(title, head, rows, note) of each."""
    prepare()
    sluice_there, found, costs = available(), [], []
    with without_module():
        found.append(("no tunnel", plain()))
        for clients in CLIENTS:
            found.append((f"xfrm, {clients:,} SA" + "s" * (clients > 1), xfrm(Ids(clients))))
        setup = xfrm_setup()  # after the first of them, which loads the ciphers
        peer = WireGuard()
        found.append(("WireGuard, 1 peer", peer.measure()))
        peer.close()
    costs.append([f"xfrm: states of a client, of {SETUP:,}", f"{setup[2]:.0f}", f"{setup[0] / SETUP * 1e9 / NANOSECONDS:.0f}", f"{setup[0]:.3f}"])
    costs.append([f"xfrm: policies of a client, of {SETUP:,}", f"{setup[3]:.0f}", f"{setup[1] / SETUP * 1e9 / NANOSECONDS:.0f}", f"{setup[1]:.3f}"])
    if sluice_there:
        sluice(found, costs)
        by_driver(found)
    base = next(row for name, row in found if name.startswith("xfrm"))
    rows = []
    for name, both in found:
        rows.append([name] + [str(c) for part in both for c in part] + [f"{max(c.spread for part in both for c in part) * 100:.1f} %"])
    yield (f"Instructions per packet, AES-256-GCM, by bytes of the inner packet; medians of {ROUNDS} rounds of {ROUND}",
           ["", *[f"in {s}" for s in SIZES], *[f"out {s}" for s in SIZES], "spread"], rows,
           NOTE.format(batch=BATCH, policies=MEASURED, copies=COPIES if re.search(r"^flags.*\berms\b", open_text("/proc/cpuinfo"), re.M) else ""))
    rows = [[name] + [f"{c.median / b.median:.2f}" for part, of in zip(both, base) for c, b in zip(part, of)] for name, both in found]
    yield ("The same, of xfrm with one SA", ["", *[f"in {s}" for s in SIZES], *[f"out {s}" for s in SIZES]], rows, "")
    yield ("What a client costs before it sends, and what it takes", ["", "bytes", "instructions", f"guest seconds for {SETUP:,}"], costs,
           "(bytes: growth of all memory that is neither free nor of files and processes)")


def sluice(found, costs):
    peer, sequences = Sluice(), array.array("I", bytes(4 << 20))
    for clients in CLIENTS + [MILLION] * (MILLION > 0):
        ids = Ids(clients, sequences)
        peer.hear(ids)
        generation, heard = peer.generation(), peer.generation()["clients"]
        if heard < 10000:  # more table and key cache than clients
            costs.append([f"Sluice: a generation's records with {heard:,} heard, in all", generation["memory"], "0", "0"])
        else:
            costs.append([f"Sluice: a client, of {heard:,} heard, ids {ids.step} apart", f"{(memory() - peer.empty) / heard:.0f}", "0", "0"])
            costs.append(["  of that the generation's records", f"{generation['memory'] / heard:.0f}", "", ""])
        found.append((f"Sluice, {clients:,} client" + "s" * (clients > 1), peer.measure(ids)))
    found.append((f"Sluice, 1 of {heard:,} clients", peer.measure(Ids(1, sequences))))
    status = peer.status()
    costs.append([f"Sluice: {status['driver']}, keys kept: {status['key-cache']:,}", "", "", ""])
    peer.side.close()


def by_driver(found):
    """The same by the crypto API's driver, which is what a Sluice without an engine of its own would use."""
    sh(f"rmmod sluice; insmod {os.environ['LAB_MODULE']}/sluice.ko engine=driver")
    peer, sequences = Sluice(), array.array("I", bytes(4 << 20))
    for clients in (CLIENTS[0], CLIENTS[-1]):
        ids = Ids(clients, sequences)
        peer.hear(ids)
        found.append((f"by {peer.status()['driver']}, {clients:,}", peer.measure(ids)))
    peer.side.close()
    sh(f"rmmod sluice; insmod {os.environ['LAB_MODULE']}/sluice.ko")


def main():
    for title, head, rows, note in tables():
        print(f"\n{title}")
        cells = [[str(c) for c in row] for row in [head] + rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
        for row in cells:
            print("  " + "  ".join(c.ljust(w) if j == 0 else c.rjust(w) for j, (c, w) in enumerate(zip(row, widths))))
        print(f"  {note}", flush=True)


if __name__ == "__main__":
    main()
