# SPDX-License-Identifier: Apache-2.0
"""What a flood of forged packets costs those who have a key: instructions, counted as in esp_instructions.py.

Packets of known clients, one after the other, and between two of them as many forged ones as the row says: with a client's SPI, from
an address that is nobody's, of random bytes.  One processor does nothing else, so what a forged packet takes is taken from the clients.
"""
import array
import statistics

import esp_instructions as esp

CLIENTS, SIZE, GOOD, BEFORE, FORGED = 1000, 512, 700, 8192, (0, 1, 10)
FULL = 0.5  # of a processor, by known clients alone
KEPT = 0.9  # of their packets


def mixed(side, top, ids, forged):
    """Instructions for each good packet with all that comes beside it; all good ones must arrive."""
    frames, flood = esp.WIRE.frames, esp.Frames()

    def make():
        esp.WIRE.frames = flood  # it has come for a while: what a limit lets through at first is gone
        esp.WIRE.esp(top, *ids.take(BEFORE), SIZE)
        esp.WIRE.forge(BEFORE)
        esp.WIRE.frames = frames
        esp.WIRE.esp(top, *ids.take(GOOD * (forged + 1)), SIZE)
        esp.WIRE.forge(forged + 1)
        if forged:
            esp.WIRE.frames = flood
            esp.WIRE.inject(side, 0, good=1)
            esp.WIRE.frames = frames
    make()
    dropped = statistics.median(esp.WIRE.inject(side, 0, esp.ANOTHER) for _ in range(3))
    whole = []
    for _ in range(esp.WARM + esp.ROUNDS):
        make()
        whole.append(esp.WIRE.inject(side, 0, good=GOOD) - dropped)
    return statistics.median(whole[esp.WARM:]) * (forged + 1)


def limit(good, forged):
    """Forged packets for each good one, with a processor FULL of good ones: with more of them fewer than KEPT find a place in the queue."""
    return (1 / KEPT - FULL) / FULL * good / forged


def tables():
    esp.prepare()
    sequences, found = array.array("I", bytes(4 << 20)), []
    with esp.without_module():
        ids = esp.Ids(CLIENTS)
        side = esp.xfrm_side(ids)
        found.append(("xfrm", [mixed(side, esp.FOREIGN, ids, forged) for forged in FORGED]))
        side.close()
    if esp.available():
        peer, ids = esp.Sluice(), esp.Ids(CLIENTS, sequences)
        peer.hear(ids)
        for name, rate in (("Sluice", 5000), ("Sluice, unknown-rate=10000000", 10000000)):
            peer.control.do("esp-set", unknown_rate=rate)
            found.append((name, [mixed(peer.side, 0, ids, forged) for forged in FORGED]))
        peer.side.close()
    rows = []
    for name, each in found:
        one = (each[-1] - each[0]) / FORGED[-1]
        rows.append([name, *[f"{n:.0f}" for n in each], f"{one:.0f}", f"{one / each[0]:.2f}", *[f"{each[0] / n:.2f}" for n in each[1:]], f"{limit(each[0], one):.1f}"])
    yield (f"A flood of forged packets, {CLIENTS:,} known clients, {SIZE} bytes, from 2^17 addresses for some time; medians of {esp.ROUNDS} rounds of {GOOD} good packets",
           ["instructions", *[f"{n} forged each" for n in FORGED], "a forged one", "of a good one", *[f"rate at {n}" for n in FORGED[1:]], "90 % kept up to"], rows,
           "(all good packets came through, in each round.  Rate: of known clients, of theirs without the flood, on a processor that has no other\n"
           f"  work and none to spare; kept: with a processor {FULL * 100:.0f} % full of good packets, so many forged ones for each until more than a tenth of all finds no place;\n"
           "  Sluice: unknown-rate=5000, the default: so many are decrypted a second, and 32 for those that share one of 1,024 places by their ids)")
