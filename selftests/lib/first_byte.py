# SPDX-License-Identifier: Apache-2.0
"""From the start of sluice-client on a device that has nothing but an address to the first byte of a server behind the agent."""
import re
import time

import kds
import lab

DELAY = 20  # ms of round trip, from the device to everybody, and from the gateway to the far side


def far_away(delay=DELAY):
    """The device and the far side are at that distance; 0: at none."""
    lab.ctl("wan", "delay", f"{delay}ms")
    lab.Place("DEVICE").run(f"tc qdisc replace dev eth0 root netem delay {delay}ms" if delay else "tc qdisc del dev eth0 root")


def newcomer(name):
    """A device that nobody here has seen; what it needs to know is the gateway's address."""
    return kds.Device(name, policy=f'mode = "required"\ngateway = ["{lab.address("GATEWAY_WAN", "IPv4")}"]')


def comes_in(device):
    """(what sluice-client said, [(step, milliseconds)] from its start to the first byte); the device is in then."""
    began = time.monotonic()
    out, err = device.client("up", "--timing")
    whole = (time.monotonic() - began) * 1000
    # "kds1.lab:8443: connect 68.1 ms, challenge 21.0 ms"
    steps = [(name, float(ms)) for name, ms in re.findall(r"(\w+) ([\d.]+) ms", err)]
    steps.append(("ESP", max(whole - sum(took for _, took in steps), 0)))
    began = time.monotonic()
    with device.place.connect(lab.address("OPEN", "IPv4"), 80, 30) as s:
        connected = time.monotonic()
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        if not s.recv(1):
            raise RuntimeError("the server said nothing")
    return out.strip(), steps + [("SYN", (connected - began) * 1000), ("server", (time.monotonic() - connected) * 1000)]
