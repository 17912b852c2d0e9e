# SPDX-License-Identifier: Apache-2.0
"""Cache misses of a packet of a tunnel, Sluice and Linux' xfrm, in a model of a processor's caches.

The gateways, packets and clients are esp_instructions.py's, but the clients send in random order.  The model
(cache/cache.c) is a plugin of the emulator: the guest marks what is to be counted, and does not see the counts.  So the
guest writes down which reports of the model belong to which case (measure()), and the host brings both together (tables()).
"""
import array
import ctypes
import json
import os
import pathlib
import random
import statistics

import esp_instructions as esp

HERE = pathlib.Path(__file__).resolve().parent
SIZE = 64  # bytes of the inner packet
WARM, ROUNDS, DROPPED = 4, 10, 3  # rounds before, of the case, and of its packets when dropped at once
CLIENTS = [int(n) for n in os.environ.get("SELFTEST_CACHE_CLIENTS", "1 1000 100000").split()]
MILLION = int(os.environ.get("SELFTEST_ESP_MILLION", "1000000"))
MODEL = os.environ.get("SELFTEST_CACHE_MODEL", "l1d=32768:8,l1i=32768:8,l2=1048576:16")
CASES = "cache-cases"  # in the guest's log folder
L1D_CYCLES, L2_CYCLES = 12, (40, 200)  # what a miss adds: served by the L2; by an L3, by memory


class RandomIds(esp.Ids):
    """Client ids in random order, the same in each run."""

    def __init__(self, count, sequences=None):
        super().__init__(count, sequences)
        self.random = random.Random(count)

    def take(self, count):
        ids, sequences = array.array("I"), array.array("I")
        for _ in range(count):
            self.at = self.random.randrange(self.count)
            one, sequence = super().take(1)
            ids += one
            sequences += sequence
        return ids, sequences


class Misses:
    """Which of the model's reports are the rounds of one case, and which are of the same packets, dropped at once."""
    sizes, packets, reports = (SIZE,), esp.ROUND, 0

    def __init__(self, side, device, make):
        def rounds(count, mac=esp.MINE):
            return [self.round(side, device, make, mac) for _ in range(count)]
        rounds(WARM)
        self.whole = rounds(ROUNDS)
        rounds(1, esp.ANOTHER)
        self.dropped = rounds(DROPPED, esp.ANOTHER)

    @classmethod
    def round(cls, side, device, make, mac):
        make()
        esp.WIRE.library.mark(1)
        esp.WIRE.inject(side, device, mac)
        esp.WIRE.library.mark_report()
        esp.WIRE.library.mark(0)
        cls.reports += 1
        return cls.reports - 1


def sizes():
    """Bytes that fit into the L1, into the L2, and into neither."""
    bytes_of = {part.split("=")[0]: int(part.split("=")[1].split(":")[0]) for part in MODEL.split(",")}
    return bytes_of["l1d"] // 2, bytes_of["l2"] // 4, bytes_of["l2"] * 8


def touch():
    """Each once, and once more; what is known of that is checked by check()."""
    esp.WIRE.library.mark(1)
    for size in sizes():
        memory = (ctypes.c_uint8 * size)()
        ctypes.memset(memory, 1, size)  # else all of it were the one page of zeros
        for _ in range(2):
            esp.WIRE.library.touch(memory, size)
            Misses.reports += 1
    esp.WIRE.library.mark(0)


def check(reports):
    """The second time: L1 has it; the L2 has it; nobody has it."""
    for size, again, l1, l2 in zip(sizes(), reports[1::2], (0, 1, 1), (0, 0, 1)):
        lines_of = size // 64
        for name, seen, expected in (("l1d", again["l1d"], l1 * lines_of), ("l2", again["l2_data"], l2 * lines_of)):
            # interrupts come between; pages are anywhere, so that a set may have more than its share
            if abs(seen - expected) > lines_of // 10:
                raise RuntimeError(f"the model of the caches is wrong: {seen} misses of {name} where {lines_of} lines are read again, not {expected}")


def measure():
    """In the guest."""
    esp.prepare()
    touch()
    with open(pathlib.Path(os.environ["VM_LOG"]) / CASES, "w", encoding="ascii") as file:
        def case(kind, clients, row):
            file.write(json.dumps({"kind": kind, "clients": clients, **{way: vars(part[0]) for way, part in zip(("in", "out"), row)}}) + "\n")
            file.flush()

        there = esp.available()
        with esp.without_module():
            case("no tunnel", 1, esp.plain(Misses))
            for clients in CLIENTS:
                case("xfrm", clients, esp.xfrm(RandomIds(clients), clients, Misses, hashed=True))
        if there:
            peer, sequences = esp.Sluice(), array.array("I", bytes(4 << 20))
            for clients in CLIENTS + [MILLION] * (MILLION > 0):
                peer.hear(esp.Ids(clients, sequences))
                case("Sluice", clients, peer.measure(RandomIds(clients, sequences), Misses))
            peer.side.close()


def build(folder):
    """What QEMU is to be called with, for counts to come to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CASES).unlink(missing_ok=True)
    return f"-plugin {esp.shared_object(HERE / 'cache' / 'cache.c')},out={folder / 'cache-reports'},{MODEL}"


class Figures:
    """Of a case and direction, a packet's."""

    def __init__(self, reports, of):
        packets = esp.ROUND
        less = {key: statistics.median(reports[n][key] for n in of["dropped"]) for key in reports[0]}
        rounds = [{key: (reports[n][key] - less[key]) / packets for key in less} for n in of["whole"]]
        for figures in rounds:
            figures["l2"] = figures["l2_data"] + figures["l2_fetches"]
        self.value = {key: statistics.median(f[key] for f in rounds) for key in rounds[0]}
        self.spread = {key: max(f[key] for f in rounds) - min(f[key] for f in rounds) for key in rounds[0]}

    def cycles(self, miss):
        return self.value["instructions"] + L1D_CYCLES * self.value["l1d"] + miss * self.value["l2"]


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def tables(folder):
    """On the host, from the folder: (title, head, rows, note) of each."""
    reports, found = lines(folder / "cache-reports"), {}
    if [r["report"] for r in reports] != list(range(len(reports))):
        raise RuntimeError(f"{folder}/cache-reports: reports are missing")
    check(reports)
    for case in lines(folder / CASES):
        found[case["kind"], case["clients"]] = [Figures(reports, case[way]) for way in ("in", "out")]
    named = [(f"{kind}, {clients:,}" if kind != "no tunnel" else kind, both, found.get(("xfrm", clients)) if kind == "Sluice" else None)
             for (kind, clients), both in found.items()]
    columns = ("l1d", "l1i", "l2_data", "l2_fetches")
    yield (f"Cache misses a packet of {SIZE} bytes, clients in random order; {MODEL}; medians of {ROUNDS} rounds of {esp.ROUND} packets",
           ["", *[f"{way} {what}" for way in ("in", "out") for what in ("L1D", "L1I", "L2 data", "L2 code")], "spread of L2"],
           [[name, *[f"{part.value[c]:.1f}" for part in both for c in columns], f"{max(part.spread['l2'] for part in both):.2f}"] for name, both, _ in named],
           "(a model of caches and not a processor: no prefetching, no walks of page tables, one processor; less what the same packets cost when dropped\n"
           "  at once.  Spread: misses of the largest less of the smallest round)")
    yield ("Sluice's of xfrm's with as many clients", ["", *[f"{way} {what}" for way in ("in", "out") for what in ("L1D", "L1I", "L2", "instructions")]],
           [[name, *[f"{a.value[c] / b.value[c]:.2f}" if b.value[c] >= 0.5 else "-" for a, b in zip(both, base) for c in ("l1d", "l1i", "l2", "instructions")]]
            for name, both, base in named if base], "(-: xfrm has none)")
    rows = []
    for name, both, base in named:
        row = [name]
        for part, other in zip(both, base or (None, None)):
            row += [f"{part.value['instructions']:.0f}", *[f"{part.cycles(c):.0f}" for c in L2_CYCLES],
                    " to ".join(f"{part.cycles(c) / other.cycles(c):.2f}" for c in L2_CYCLES) if other else ""]
        rows.append(row)
    yield (f"Cycles a packet by a formula, not measured: 1 an instruction, {L1D_CYCLES} a miss of L1D, {L2_CYCLES[0]} (an L3 has it) or {L2_CYCLES[1]} (memory) one of L2",
           ["", *[f"{way} {what}" for way in ("in", "out") for what in ("instructions", *[f"at {c}" for c in L2_CYCLES], "of xfrm")]], rows,
           "(misses of L1I are in the table above and not in here: code is fetched ahead)")
