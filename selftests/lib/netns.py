# SPDX-License-Identifier: Apache-2.0
"""Network namespaces for suites: made with random names, entered for a while, removed at the end."""
import atexit
import contextlib
import ctypes
import os
import secrets
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def sh(command, check=True):
    """A line of shell; its standard output.  A failure shows its standard error."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"{command!r} exited {done.returncode}: {done.stderr.strip()}")
    return done.stdout


class Netns:
    def __init__(self, word):
        self.name = f"{word}-{secrets.token_hex(3)}"
        sh(f"ip netns add {self.name} && ip -n {self.name} link set lo up")
        atexit.register(self.remove)

    def remove(self):
        atexit.unregister(self.remove)
        sh(f"ip netns del {self.name}", check=False)

    def run(self, command, check=True):
        return sh(f"ip netns exec {self.name} {command}", check)

    def ip(self, lines, *options):
        """A batch for ip(8)."""
        done = subprocess.run(["ip", *options, "-n", self.name, "-b", "-"], input=lines, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"ip -b: {done.stderr.strip()} in\n{lines}")

    @contextlib.contextmanager
    def enter(self):
        """The calling thread is inside within the block."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            if LIBC.setns(there, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            yield self
        finally:
            LIBC.setns(here, CLONE_NEWNET)
            os.close(there)
            os.close(here)
