# SPDX-License-Identifier: Apache-2.0
"""Memory of idle streams and of parked SYNs."""
import os
import socket
import struct
import time

import lab
import packets
from ktap import eventually

STREAMS = int(float(os.environ.get("SELFTEST_STREAMS", "300")) / lab.SCALE)
PARKED = int(float(os.environ.get("SELFTEST_PARKED", "4000")) / lab.SCALE)


def kernel():
    """Bytes of slab that cannot be given back."""
    with open("/proc/meminfo", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("SUnreclaim"))


def resident(target):
    return {name: sum(lab.rss(p) for p in pids() if os.path.exists(f"/proc/{p}")) for name, pids in target.processes.items()}


def idle_streams(targets):
    rows = []
    for target in targets:
        warm = [target.open() for _ in range(8)]
        for s in warm:
            s.recv(1)
            s.close()
        time.sleep(1)
        before, slab = resident(target), kernel()
        sockets = []
        for _ in range(STREAMS):
            s = target.open()
            s.recv(1)
            sockets.append(s)
        time.sleep(1)  # pools fill again
        after = resident(target)
        for name in before:
            rows.append([target.name, name, (after[name] - before[name]) // STREAMS])
        rows.append([target.name, "kernel", max(0, kernel() - slab) // STREAMS])
        for s in sockets:
            s.close()
        time.sleep(1)
    return rows


def parked_syn():
    """Parked while no controller is there: what is measured is the module's alone."""
    client, gateway = lab.Place("CLIENT"), lab.Place("GATEWAY")
    netlink, network = gateway.genl(), os.environ["LAB_NETWORK"]
    source, host = lab.address("CLIENT_ADDRESS", "IPv4"), lab.address("SILENT", "IPv4")
    raws = [packets.tcp(source, 1024 + i, host, 80, packets.SYN, i, options=b"\x02\x04\x05\xb4\x04\x02\x08\x0a" + struct.pack("!II", i, 0) + b"\x01\x03\x03\x07")
            for i in range(PARKED)]
    with client.enter():
        out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    lab.ctl("stop", "sluiced")
    try:
        eventually(lambda: netlink.do("network-get", name=network)["parked"] == 0, 30 * lab.SCALE, "an empty park")
        before = kernel()
        for raw in raws:
            out.sendto(raw, (host, 0))
        count = eventually(lambda: netlink.do("network-get", name=network)["parked"], 5, "parked")
        each = (kernel() - before) // count
        cache = lab.slab("sluice_parked")
    finally:
        lab.ctl("start", "sluiced")
    return [["parked at once", count], ["kernel memory of one, with its packet", each],
            ["of that the entry", cache[1] if cache else "(the kernel merged its slab cache)"]]
