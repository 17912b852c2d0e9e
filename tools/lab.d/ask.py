#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""Open TCP connections, or send datagrams, and say what came of each, as a line of JSON each.

    ask.py SECONDS ADDRESS PORT [ADDRESS PORT]...

PORT is a number, with a "u" behind it UDP's: then "hello" is sent, or to port 53 a question, and any answer is "answered".
One after the other begins, none waits for another; SECONDS is when no answer counts as silence.  The kind of an ICMP error
comes from the socket's error queue, not from errno, which cannot tell some kinds apart.
"""
import errno
import select
import socket
import struct
import sys
import time

IP_RECVERR, IPV6_RECVERR, MSG_ERRQUEUE = 11, 25, 0x2000
KINDS = {
    (2, 3, 0): "net unreachable", (2, 3, 1): "host unreachable", (2, 3, 2): "protocol unreachable",
    (2, 3, 3): "port unreachable", (2, 3, 9): "net prohibited", (2, 3, 10): "host prohibited", (2, 3, 13): "prohibited",
    (3, 1, 0): "net unreachable", (3, 1, 1): "prohibited", (3, 1, 3): "host unreachable", (3, 1, 4): "port unreachable",
}


# DNS: the TXT record of small.lab
QUESTION = b"\x51\x75\1\0\0\1\0\0\0\0\0\0" + b"\5small\3lab\0" + b"\0\x10\0\1"


def reason(sock, error):
    """(what came back, who said so)"""
    try:
        _, ancillary, _, _ = sock.recvmsg(0, 512, MSG_ERRQUEUE)
    except OSError:
        ancillary = []
    for _, _, data in ancillary:
        _, origin, kind, code = struct.unpack_from("=IBBB", data)
        if origin in (2, 3):
            offender = data[16:]
            who = ""
            if len(offender) >= 8 and origin == 2:
                who = socket.inet_ntop(socket.AF_INET, offender[4:8])
            elif len(offender) >= 24:
                who = socket.inet_ntop(socket.AF_INET6, offender[8:24])
            return KINDS.get((origin, kind, code), f"ICMP {kind}/{code}"), who
    return {errno.ECONNREFUSED: "refused", errno.EHOSTUNREACH: "host unreachable", errno.ENETUNREACH: "net unreachable",
            errno.EACCES: "prohibited", errno.ETIMEDOUT: "silence"}.get(error, errno.errorcode.get(error, str(error))), ""


def main():
    limit, rest = float(sys.argv[1]), sys.argv[2:]
    poll, waiting, answers = select.epoll(), {}, {}

    def answer(number, what, who=""):
        answers[number] = (what, (time.monotonic() - began[number]) * 1000, who)

    targets = [(rest[i], int(rest[i + 1].rstrip("u"))) for i in range(0, len(rest), 2)]
    datagrams = [rest[i + 1].endswith("u") for i in range(0, len(rest), 2)]
    began = {}

    def begin(number):
        address, port = targets[number]
        six = ":" in address
        sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM if datagrams[number] else socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(*((socket.IPPROTO_IPV6, IPV6_RECVERR, 1) if six else (socket.IPPROTO_IP, IP_RECVERR, 1)))
        began[number] = time.monotonic()
        error = sock.connect_ex((address, port))
        if datagrams[number] and not error:
            sock.send(QUESTION if port == 53 else b"hello")
            waiting[sock.fileno()] = (sock, number)
            poll.register(sock.fileno(), select.EPOLLIN)
        elif error == errno.EINPROGRESS:
            waiting[sock.fileno()] = (sock, number)
            poll.register(sock.fileno(), select.EPOLLOUT)
        else:
            answer(number, *(reason(sock, error) if error else ("open",)))

    spacing = limit / 40  # so that the times are those of single connections
    end = time.monotonic() + limit + spacing * len(targets)
    following = 0
    next_start = time.monotonic()
    while (waiting or following < len(targets)) and time.monotonic() < end:
        if following < len(targets) and time.monotonic() >= next_start:
            begin(following)
            following += 1
            next_start += spacing
        until = next_start if following < len(targets) else end
        for fd, _ in poll.poll(max(0, until - time.monotonic())):
            sock, number = waiting[fd]
            if datagrams[number]:
                try:
                    sock.recv(65536)
                    answer(number, "answered")
                except OSError as error:
                    answer(number, *reason(sock, error.errno))
                poll.unregister(fd)
                del waiting[fd]
                sock.close()
                continue
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            try:
                sock.getpeername()
                answer(number, "open")
            except OSError:
                if not error:
                    continue  # the queue holds an error that the socket has only noted: it goes on trying
                answer(number, *reason(sock, error))
            poll.unregister(fd)
            del waiting[fd]
            sock.close()
    for number in range(len(targets)):
        what, ms, who = answers.get(number, ("silence", limit * 1000, ""))
        print('{"address": "%s", "port": %d, "answer": "%s", "ms": %.1f, "from": "%s"}' % (*targets[number], what, ms, who))


main()
