# SPDX-License-Identifier: Apache-2.0
"""Keys per second of sluice-kds when a gateway restarts and all its devices want another key: kds/load.cpp, on this host.

In a network namespace of its own, which has a loopback device and nothing else.
"""
import os
import pathlib
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", TOP / "build")) / "userspace"
DEVICES = os.environ.get("SELFTEST_DEVICES", "10000")
AT_ONCE = os.environ.get("SELFTEST_AT_ONCE", "64")


def tables():
    """(title, head, rows, note)."""
    subprocess.run(["make", "-s", "userspace"], cwd=TOP, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["nice", "cmake", "--build", BUILD, "--target", "kds_load"], check=True, stdout=subprocess.DEVNULL)
    inside = "ip link set lo up && exec \"$@\""
    done = subprocess.run(["unshare", "--net", "--map-root-user", "sh", "-c", inside, "sh", BUILD / "bin/kds_load", BUILD / "bin/sluice-kds", DEVICES, AT_ONCE],
                          check=True, stdout=subprocess.PIPE, text=True)
    head, *rows = [line.split("|") for line in done.stdout.splitlines()]
    yield (f"Keys of one sluice-kds, {int(DEVICES):,} devices, {AT_ONCE} at once, on this host", head, rows,
           "(each with a TLS connection of its own, a commit that is on the disk, and an audit line.  A core's second is the server's own processor time,\n"
           "  the kernel's for its sockets and files included; the devices share the machine.  Asked again: while the gateway had not acknowledged)")
