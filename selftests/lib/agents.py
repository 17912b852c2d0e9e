# SPDX-License-Identifier: Apache-2.0
"""Agents of a suite's own beside the lab's, with certificates of their own."""
import os
import pathlib
import subprocess
import tempfile

import lab

NETWORK, PKI = os.environ["LAB_NETWORK"], os.environ["LAB_PKI"]
FOLDER = tempfile.mkdtemp()


def pki(*words, folder=PKI):
    done = subprocess.run(["sluice-pki", *map(str, words), "--dir", folder], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"sluice-pki {words}: {done.stderr}")


class Agent:
    """A sluice-agent beside the lab's, as root; ended by its process id."""

    def __init__(self, name, network=NETWORK, folder=PKI, certificate=None, authority=None):
        file = f"{FOLDER}/{name}.toml"
        with open(file, "w", encoding="ascii") as f:
            f.write(f'name = "{name}"\nnetwork = "{network}"\ngateway = "gw.lab:443"\npool = 1\n'
                    f'certificate = "{certificate or f"{folder}/{name}.crt"}"\nkey = "{folder}/{name}.key"\n'
                    f'authority = "{authority or PKI}/ca.crt"\nrevoked = "{PKI}/ca.crl"\n')
        self.size = lab.log_size("sluiced")
        self.path = f"{FOLDER}/{name}.log"
        with open(self.path, "w", encoding="ascii") as out:
            self.process = lab.Place("AGENT").start("sluice-agent", "--config", file, stdout=out, stderr=out)

    def said(self):
        return pathlib.Path(self.path).read_text(encoding="utf-8", errors="replace")

    def gateway_said(self):
        return lab.log("sluiced", self.size)

    def end(self):
        self.process.kill()
        self.process.wait()


def connected():
    """(network, agent) of each."""
    rows = lab.sluice("agent", "list")
    return [(a["network"], a["agent"]) for a in (rows["agents"] if isinstance(rows, dict) else rows)]
