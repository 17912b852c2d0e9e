# SPDX-License-Identifier: Apache-2.0
"""A ping's round trip through gateway and agent, against the sum of the parts that it is made of."""
import collections
import statistics
import time

import lab
from pinger import Pinger

# from, to: the client's link, the WAN (the agent's host asks, for nothing can be asked of it), the far LAN
PARTS = {"IPv4": (("CLIENT", "100.64.1.254"), ("AGENT", "GATEWAY_WAN"), ("AGENT", "OPEN")),
         "IPv6": (("CLIENT", "fd64:1::254"), ("AGENT", "GATEWAY_WAN"), ("AGENT", "OPEN"))}
# medians, milliseconds; more: of the pairs' differences; allowed: 1 ms and 5 % of the parts
Times = collections.namedtuple("Times", "through parts more allowed")


class Pings:
    def __init__(self, family):
        self.through, self.server = Pinger(lab.Place("CLIENT"), family), lab.address("OPEN", family)
        self.parts = [(Pinger(lab.Place(place), family), host if ":" in host or "." in host else lab.address(host, family)) for place, host in PARTS[family]]
        self.sequence = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        lab.ctl("wan", "delay", "0")
        for pinger in [self.through] + [p for p, _ in self.parts]:
            pinger.close()

    def once(self, pinger, host):
        self.sequence = self.sequence % 65000 + 1
        began = time.perf_counter()
        back = pinger.one(host, self.sequence, 5)
        if not back or not back.is_reply:
            raise RuntimeError(f"ping to {host}: {back}")
        return (time.perf_counter() - began) * 1000

    def times(self, delay, rounds):
        """Pairs, one right after the other, at this round trip of the WAN in milliseconds."""
        lab.ctl("wan", "delay", f"{delay}ms")
        pairs = [(self.once(self.through, self.server), sum(self.once(*part) for part in self.parts)) for _ in range(rounds + 1)][1:]
        parts = statistics.median(p for _, p in pairs)
        return Times(statistics.median(t for t, _ in pairs), parts, statistics.median(t - p for t, p in pairs), 1 + parts * 0.05)
