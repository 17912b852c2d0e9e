# SPDX-License-Identifier: Apache-2.0
"""Many datagrams by one system call (sendmmsg, recvmmsg): Python itself would be what is measured otherwise."""
import ctypes
import errno

LIBC = ctypes.CDLL(None, use_errno=True)
MSG_DONTWAIT = 0x40
PASSING = (errno.EAGAIN, errno.ENOBUFS, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Header(ctypes.Structure):
    """struct msghdr"""
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32), ("iov", ctypes.c_void_p), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t), ("flags", ctypes.c_int)]


class Message(ctypes.Structure):
    """struct mmsghdr"""
    _fields_ = [("header", Header), ("length", ctypes.c_uint)]


class Batch:
    """So many buffers of so many bytes, for a connected socket or for receiving."""

    def __init__(self, count, size):
        self.buffers = ctypes.create_string_buffer(count * size)
        start = ctypes.addressof(self.buffers)
        self.vectors = (Iovec * count)(*((start + i * size, size) for i in range(count)))
        self.messages = (Message * count)()
        for i in range(count):
            self.messages[i].header.iov, self.messages[i].header.iovlen = ctypes.addressof(self.vectors[i]), 1

    def send(self, sock, count):
        """How many went; an ICMP error of an earlier one or a full queue is none."""
        sent = LIBC.sendmmsg(sock.fileno(), self.messages, count, MSG_DONTWAIT)
        number = ctypes.get_errno()
        if sent < 0 and number not in PASSING:
            raise OSError(number, "sendmmsg")
        return max(sent, 0)

    def receive(self, sock):
        """(datagrams, bytes) that waited."""
        got = LIBC.recvmmsg(sock.fileno(), self.messages, len(self.messages), MSG_DONTWAIT, None)
        if got <= 0:
            return 0, 0
        return got, sum(self.messages[i].length for i in range(got))
