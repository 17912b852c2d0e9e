# SPDX-License-Identifier: Apache-2.0
"""A TPM 2.0 of its own for a device: swtpm behind the kernel's driver for such, so that a program finds /dev/tpmrmN as on any host."""
import glob
import pathlib
import subprocess
import sys
import tempfile

from ktap import eventually
from lab import SCALE


class Tpm:
    def __init__(self):
        subprocess.run(["modprobe", "tpm_vtpm_proxy"], check=True)
        before = set(glob.glob("/dev/tpmrm*"))
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.process = subprocess.Popen(["swtpm", "chardev", "--vtpm-proxy", "--tpm2", "--tpmstate", f"dir={self.folder}",
                                         "--log", f"file={self.folder}/log"], stdout=subprocess.DEVNULL)
        self.path = eventually(lambda: set(glob.glob("/dev/tpmrm*")) - before, 30 * SCALE, "the TPM is there").pop()

    def extend(self, number):
        """PCR *number* is another one than it was: TPM2_PCR_Extend of the SHA-256 bank by 32 bytes."""
        command = b"".join((b"\x80\x02", (65).to_bytes(4, "big"), (0x182).to_bytes(4, "big"), number.to_bytes(4, "big"),
                            (9).to_bytes(4, "big"), b"\x40\x00\x00\x09\0\0\0\0\0", (1).to_bytes(4, "big"), b"\x00\x0b", b"x" * 32))
        answer = transmit(self.path, command)
        if answer[6:10] != bytes(4):
            raise AssertionError(f"TPM2_PCR_Extend: {answer.hex()}")

    def replays(self):
        """The TCTI of a TPM like this one that gives the quote that it gave first, whatever it is asked to quote."""
        return f"cmd:python3 {pathlib.Path(__file__).resolve()} {self.path} {self.folder}/quote"

    def end(self):
        self.process.terminate()
        self.process.wait()


def transmit(path, command):
    with open(path, "r+b", buffering=0) as device:
        device.write(command)
        return device.read(4096)


def main():
    """Commands of TPM 2.0 on stdin, their answers on stdout, by the device; a quote is asked for once, and kept in a file."""
    path, kept = sys.argv[1], pathlib.Path(sys.argv[2])
    with open(path, "r+b", buffering=0) as device:
        while header := sys.stdin.buffer.read(10):
            command = header + sys.stdin.buffer.read(int.from_bytes(header[2:6], "big") - 10)
            is_quote = header[6:10] == (0x158).to_bytes(4, "big")
            if is_quote and kept.exists():
                answer = kept.read_bytes()
            else:
                device.write(command)
                answer = device.read(4096)
                if is_quote:
                    kept.write_bytes(answer)
            sys.stdout.buffer.write(answer)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
