# SPDX-License-Identifier: Apache-2.0
"""A ping's round trip through gateway and agent, against the sum of the parts that it is made of."""
import time

import lab
from pinger import Pinger

# from, to: the client's link, the WAN (the agent's host asks, for nothing can be asked of it), the far LAN
PARTS = (("CLIENT", "100.64.1.254"), ("AGENT", "GATEWAY_WAN"), ("AGENT", "OPEN"))


def destination(name):
    return name if name[0].isdigit() else lab.address(name, "IPv4")


class Pings:
    def __init__(self):
        self.through = Pinger(lab.Place("CLIENT"), "IPv4")
        self.parts = [(Pinger(lab.Place(place), "IPv4"), destination(host)) for place, host in PARTS]
        self.sequence = 0

    def once(self, pinger, host):
        self.sequence = self.sequence % 65000 + 1
        began = time.perf_counter()
        back = pinger.one(host, self.sequence, 5)
        if not back or not back.is_reply:
            raise RuntimeError(f"ping to {host}: {back}")
        return time.perf_counter() - began

    def pair(self):
        """(through, sum of the parts), seconds, one right after the other."""
        return self.once(self.through, lab.address("OPEN", "IPv4")), sum(self.once(*part) for part in self.parts)

    def close(self):
        for pinger in [self.through] + [p for p, _ in self.parts]:
            pinger.close()
