# SPDX-License-Identifier: Apache-2.0
"""Memory of idle streams, of parked SYNs and of associations."""
import os
import socket
import struct
import time

import lab
import packets
from ktap import eventually

STREAMS = int(float(os.environ.get("SELFTEST_STREAMS", "300")) / lab.SCALE)
ASSOCIATIONS = int(float(os.environ.get("SELFTEST_ASSOCIATIONS", "10000")) / lab.SCALE)
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


def association():
    """Bound ones to a port that is never answered, from raw packets: no socket of the client's is in the figure."""
    client, gateway = lab.Place("CLIENT"), lab.Place("GATEWAY")
    netlink, network = gateway.genl(), os.environ["LAB_NETWORK"]
    source, host = lab.address("CLIENT_ADDRESS", "IPv4"), lab.address("OPEN", "IPv4")
    raws = [packets.udp(source, 1024 + i, host, 9, b"x") for i in range(ASSOCIATIONS)]
    processes = {"sluiced": lab.pid("sluiced"), "sluice-agent": lab.pid("agent")}
    with client.enter():
        out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    netlink.do("network-set", name=network, association_source_max=ASSOCIATIONS * 2, association_client_max=ASSOCIATIONS * 2)

    def bound():
        now = netlink.counters(network)
        return now["bound"] - now["unbound"]
    try:
        start, before, slab = bound(), {name: lab.rss(pid) for name, pid in processes.items()}, kernel()
        for first in range(0, ASSOCIATIONS, 500):
            for raw in raws[first:first + 500]:
                out.sendto(raw, (host, 0))
            until = time.monotonic() + 5 * lab.SCALE
            while bound() - start < first + 450 and time.monotonic() < until:
                time.sleep(0.05)
        count = bound() - start
        if count < ASSOCIATIONS // 2:
            raise RuntimeError(f"only {count} associations were bound")
        grown = {name: lab.rss(pid) - before[name] for name, pid in processes.items()}
        each = (kernel() - slab) // count
        cache, sockets = lab.slab("sluice_parked"), lab.slab("UDP")
    finally:
        netlink.do("network-set", name=network, association_source_max=4096, association_client_max=16384)
    return [["bound at once", count]] + [[name, size // count] for name, size in grown.items()] + [
        ["kernel, the agent's socket included", each], ["of that the entry", cache[1] if cache else "(the kernel merged its slab cache)"],
        ["and the agent's UDP socket alone", sockets[1] if sockets else "(the kernel merged its slab cache)"]]
