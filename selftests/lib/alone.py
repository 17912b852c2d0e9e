# SPDX-License-Identifier: Apache-2.0
"""A gateway of the module alone, for suites that are client, controller and wire.  Importing it makes it.

   client --veth-- gateway: net0 (gateway address), acc0 (clients come in)

Clients: 1 has one address of each family, 2 another and an IPv6 /64.
"""
import os
import socket
import time

import genl
import packets
from ktap import equal
from netns import Netns, sh

SCALE = float(os.environ.get("LAB_SCALE", "1"))
SHORT = 0.4 * SCALE  # long enough for an answer that comes at once, to see that none does
FAMILIES = ("IPv4", "IPv6")
CLIENT = {"IPv4": "100.64.1.11", "IPv6": "fd64:1::11"}
OTHER = {"IPv4": "100.64.1.12", "IPv6": "fd64:1:0:1::12"}
GATEWAY_ADDRESS = {"IPv4": "100.64.0.1", "IPv6": "fd64::1"}
NEXT_HOP = {"IPv4": "100.64.1.254", "IPv6": "fd64:1::254"}
SERVER = {"IPv4": "10.20.0.10", "IPv6": "fd20::10"}
NET_UNREACHABLE = {"IPv4": (3, 0), "IPv6": (1, 0)}
PROHIBITED = {"IPv4": (3, 13), "IPv6": (1, 1)}
ICMP_PROTOCOL = {"IPv4": packets.ICMP, "IPv6": packets.ICMPV6}
MARK, MASK = 0x5C000000, 0xFF000000

client, gateway = Netns("client"), Netns("gateway")
sh(f"ip link add acc0 netns {gateway.name} type veth peer name eth0 netns {client.name}")
gateway.run("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1", check=False)
gateway.ip("""link set acc0 up
addr add 100.64.1.254/24 dev acc0
addr add fd64:1::254/48 dev acc0 nodad
rule add fwmark 0x5c000000/0xff000000 lookup 5353
route add local default dev lo table 5353
""")
gateway.ip("rule add fwmark 0x5c000000/0xff000000 lookup 5353\nroute add local default dev lo table 5353\n", "-6")
client.ip("""link set eth0 up
addr add 100.64.1.11/24 dev eth0
addr add 100.64.1.12/24 dev eth0
addr add fd64:1::11/48 dev eth0 nodad
addr add fd64:1:0:1::12/48 dev eth0 nodad
route add default via 100.64.1.254
route add default via fd64:1::254
""")


def make_network():
    """What the module keeps: the network and its clients.  Returns a socket to it, and the network's index."""
    gateway.ip("""link add net0 type sluice
addr add 100.64.0.1/32 dev net0
addr add fd64::1/128 dev net0 nodad
link set net0 up
""")
    with gateway.enter():
        control, index = genl.Netlink(), socket.if_nametoindex("net0")
    control.do("client-new", id=1, network=index, access=ACC0, prefix=[genl.prefix("100.64.1.11/32"), genl.prefix("fd64:1::11/128")])
    control.do("client-new", id=2, network=index, access=ACC0, prefix=[genl.prefix("100.64.1.12/32"), genl.prefix("fd64:1:0:1::/64")])
    return control, index


with gateway.enter():
    ACC0 = socket.if_nametoindex("acc0")
GATEWAY_MAC = sh(f"ip -n {gateway.name} -br link show acc0").split()[2]
with client.enter():
    WIRE = packets.Wire("eth0", GATEWAY_MAC)
CONTROL, NET0 = make_network()


PROXY_PORT = 7777


def bind(credit=1000, **more):
    """A new controller."""
    with gateway.enter():
        controller = genl.Netlink()
    controller.do("controller-bind", proxy_port=PROXY_PORT, mark=MARK, mark_mask=MASK, credit=credit, **more)
    return controller


def counted(before, **want):
    """The counters that moved since `before`, and by how much: exactly these.  What was announced is counted once its
    message was taken, which may be a moment after we have read it."""
    want = {k.replace("_", "-"): v for k, v in want.items()}
    end = time.monotonic() + SCALE
    while (moved := counters_moved(before)) != want and time.monotonic() < end:
        time.sleep(0.02)
    equal(moved, want, "counters")


def counters_moved(before):
    after = CONTROL.counters("net0")
    moved = {k: after[k] - before[k] for k in after if isinstance(after[k], int) and after[k] != before[k] and k != "network"}
    moved.pop("passed-link", None)
    return moved
