# SPDX-License-Identifier: Apache-2.0
"""Packets per second of a tunnel's gateway by the clock, Sluice, Linux' xfrm and WireGuard in turn.

Sides and packets are esp_instructions.py's.  The module is loaded for Sluice's part of each round alone: its handler of ESP comes
before xfrm's, which would be slowed by it.
"""
import array
import os
import statistics

import esp_instructions as esp

PAIRS = int(os.environ.get("SELFTEST_ESP_PAIRS", "7"))


class Once:
    """Nanoseconds a packet, from the system call that brings it."""
    sizes, packets = esp.SIZES, esp.ROUND

    def __init__(self, side, device, make):
        for _ in range(2):  # the first is for the caches
            make()
            self.nanoseconds = esp.WIRE.inject(side, device)


def flat(row):
    return [once.nanoseconds for part in row for once in part]


def tables():
    esp.prepare(counted=False)
    counts = (esp.CLIENTS[0], esp.CLIENTS[-1])
    names = [f"xfrm, {n:,}" for n in counts] + ["WireGuard, 1 peer"] + [f"Sluice, {n:,}" for n in counts]
    rounds, sequences = {name: [] for name in names}, array.array("I", bytes(4 << 20))
    with esp.without_module():
        tunnels = [(esp.Ids(n), f"xfrm{n}") for n in counts]
        sides = [esp.xfrm_side(ids, name=name) for ids, name in tunnels]
    if not esp.available():
        raise RuntimeError("this module has no ESP")
    for number in range(PAIRS):
        with esp.without_module():
            for name, side, (ids, _) in zip(names, sides, tunnels):
                rounds[name].append(flat(esp.xfrm_measure(side, ids, counter=Once)))
            peer = esp.WireGuard()  # a new one: after two minutes it shakes hands again in the middle of its packets
            rounds[names[2]].append(flat(peer.measure(Once)))
            peer.close()
        sluice = esp.Sluice()
        for name, count in zip(names[3:], counts):
            ids = esp.Ids(count, sequences)
            sluice.hear(ids)
            rounds[name].append(flat(sluice.measure(ids, Once)))
        sluice.side.close()
        print(f"# progress round {number + 1} of {PAIRS}", flush=True)
    for side in sides:
        side.close()
    head = [*[f"in {s}" for s in esp.SIZES], *[f"out {s}" for s in esp.SIZES]]

    def columns(name):
        return list(zip(*rounds[name]))
    yield (f"Packets per second by the clock, medians of {PAIRS} rounds of {esp.ROUND}, AES-256-GCM (WireGuard: ChaCha20-Poly1305)", ["", *head],
           [[name, *[f"{1e9 / statistics.median(column):.0f}" for column in columns(name)]] for name in names],
           f"({os.cpu_count()} processors; WireGuard decrypts on all of them, the others on the one that a packet came in on.  With the system call that brings it)")
    rows = []
    for name, other in ((names[3], names[0]), (names[4], names[1]), (names[3], names[2])):
        row = [f"{name}, of {other}"]
        for ours, theirs in zip(columns(name), columns(other)):
            ratios = sorted(t / o for o, t in zip(ours, theirs))
            row.append(f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} - {ratios[-1]:.2f})")
        rows.append(row)
    yield ("The same in pairs: Sluice's rate of the other's, median of the rounds (least - greatest)", ["", *head], rows, "")
