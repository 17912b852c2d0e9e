#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""Echo (7), discard (9) and daytime (13) on both families, keeping half-closes: what comes after the
peer's FIN is nothing, and our own FIN follows once all is echoed.  One process for thousands of
connections, and no imports that are slow to load under emulation."""

import select
import socket
import time

LIMIT = 1 << 18  # bytes waiting to go back; more is not read before they went


def listen(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", port))
    s.listen(4096)
    s.setblocking(False)
    return s


class Connection:
    def __init__(self, sock, port):
        self.sock, self.port = sock, port
        self.waiting = bytearray()
        self.ended = False
        if port == 13:
            self.waiting += time.strftime("%a %b %d %H:%M:%S %Y\r\n").encode()
            self.ended = True

    def run(self, events):
        """Return the events to wait for, or None at the end."""
        if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and len(self.waiting) < LIMIT:
            try:
                data = self.sock.recv(65536)
            except BlockingIOError:
                data = None
            if data == b"":
                self.ended = True
            elif data and self.port == 7:
                self.waiting += data
        while self.waiting:
            try:
                del self.waiting[: self.sock.send(self.waiting)]
            except BlockingIOError:
                break
        if self.ended and not self.waiting:
            return None
        want = select.EPOLLOUT if self.waiting else 0
        if not self.ended and len(self.waiting) < LIMIT:
            want |= select.EPOLLIN
        return want


def main():
    poll = select.epoll()
    listeners = {}
    for port in (7, 9, 13):
        s = listen(port)
        listeners[s.fileno()] = (s, port)
        poll.register(s.fileno(), select.EPOLLIN)
    open_connections = {}
    while True:
        for fd, events in poll.poll():
            if fd in listeners:
                s, port = listeners[fd]
                try:
                    sock, _ = s.accept()
                except OSError:
                    continue
                sock.setblocking(False)
                open_connections[sock.fileno()] = Connection(sock, port)
                poll.register(sock.fileno(), select.EPOLLOUT if port == 13 else select.EPOLLIN)
                continue
            connection = open_connections[fd]
            try:
                want = connection.run(events)
            except OSError:
                want = None
            if want is None:
                poll.unregister(fd)
                del open_connections[fd]
                connection.sock.close()
            else:
                poll.modify(fd, want)


main()
