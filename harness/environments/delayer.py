"""Holds packets up, loses them or lets few through: a process, fed by the kernel's packet queues.

It needs no kernel module but the queue's (NFQUEUE), which every Linux has that has iptables; netem
is often not there. A rule hands over the packets of some links; each is let go when its time has
come, or dropped. A queue is bypassed when this process ends, so a dead one cuts nothing.

It speaks lines of JSON on standard input and output, and ends when its input does. Its arguments
are open files of the network namespaces in which it is to take packets, or none for its own.
`{"links": [[source, target, conditions], ...]}` with addresses replaces all conditions, and
`{}` changes nothing; both are answered with `{"met": packets}`, counted from the beginning.
Errors of the kernel end it, with the reason on standard error.
"""

import contextlib
import ctypes
import heapq
import json
import os
import select
import socket
import struct
import sys
import time
from random import Random
from typing import Any

from systems_under_test.serve import die_with_parent

_NETLINK_NETFILTER = 12
_SOL_NETLINK, _NO_ENOBUFS = 270, 5
_PACKET, _VERDICT, _CONFIG = (3 << 8 | kind for kind in range(3))
_REQUEST, _ACKNOWLEDGE = 1, 4
_ERROR = 2
_COPIED = 65_535
"""So much of a packet is copied where some are to be corrupted, and else its IPv4 header alone."""

_HEADER = 20

_PAYLOAD = 10
_WAITING_MAX = 65_536
_HELD_BACK_NS = 1_000_000_000
"""On a link of a limited rate, packets that would wait longer are lost, as in a router."""


class PacketQueue:
    """One packet queue of the kernel, in the namespace that this thread is in."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._early: list[bytes] = []
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        self.socket.setsockopt(_SOL_NETLINK, _NO_ENOBUFS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind((0, 0))
        self._configure(_attribute(1, struct.pack(">BBH", 1, 0, 0)))  # Bind.
        self.copy(_HEADER)
        self._configure(_attribute(3, struct.pack(">I", _WAITING_MAX)))
        fail_open = struct.pack(">I", 1)
        self._configure(_attribute(4, fail_open) + _attribute(5, fail_open))
        self.socket.setblocking(False)

    def copy(self, size: int) -> None:
        """Have so much copied of each packet that comes from now on."""
        self._configure(_attribute(2, struct.pack(">IB", size, 2)))

    def _configure(self, attributes: bytes) -> None:
        self.socket.send(_message(_CONFIG, self._number, attributes, _REQUEST | _ACKNOWLEDGE))
        while True:
            select.select([self.socket], [], [])
            answer = self.socket.recv(1 << 17)
            _, kind = struct.unpack_from("=IH", answer)
            if kind == _ERROR:
                break
            self._early.append(answer)  # A packet that came before the answer.
        (error,) = struct.unpack_from("=i", answer, 16)
        if error:
            raise OSError(-error, f"packet queue: {os.strerror(-error)}")

    def packets(self) -> list[tuple[int, bytes]]:
        """The numbers of packets that came, each with its header."""
        found: list[tuple[int, bytes]] = []
        while True:
            try:
                data = self._early.pop(0) if self._early else self.socket.recv(1 << 17)
            except BlockingIOError:
                return found
            at = 0
            while at + 16 <= len(data):
                length, kind = struct.unpack_from("=IH", data, at)
                if kind == _PACKET:
                    found.append(_packet(data[at + 20 : at + length]))
                at += max(16, length + 3 & ~3)

    def let_go(self, packet: int, *, lost: bool = False, changed: bytes = b"") -> None:
        """Let a packet go on, perhaps with other contents, or be lost."""
        told = _attribute(2, struct.pack(">II", 0 if lost else 1, packet))
        told += _attribute(_PAYLOAD, changed) if changed else b""
        self.socket.send(_message(_VERDICT, self._number, told, _REQUEST))


def _message(kind: int, queue: int, attributes: bytes, flags: int) -> bytes:
    body = struct.pack(">BBH", 0, 0, queue) + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def _packet(attributes: bytes) -> tuple[int, bytes]:
    number, header, at = 0, b"", 0
    while at + 4 <= len(attributes):
        length, kind = struct.unpack_from("=HH", attributes, at)
        if kind & 0x7FFF == 1:
            (number,) = struct.unpack_from(">I", attributes, at + 4)
        elif kind & 0x7FFF == _PAYLOAD:
            header = attributes[at + 4 : at + length]
        at += max(4, length + 3 & ~3)
    return number, header


class Way:
    """What becomes of the packets of one link."""

    def __init__(self, conditions: dict[str, Any], random: Random) -> None:
        self._conditions = conditions
        self._random = random
        self._free_ns = self._latest_ns = 0

    def corrupt(self, packet: bytes) -> bytes:
        """The packet with a bit of its contents flipped, if it is to be; else nothing."""
        bits = 8 * (len(packet) - _HEADER)
        if bits <= 0 or self._random.random() >= self._conditions["corruption"]:
            return b""
        at = 8 * _HEADER + self._random.randrange(bits)
        changed = bytearray(packet)
        changed[at // 8] ^= 1 << at % 8
        return bytes(changed)

    def due_ns(self, size: int, now_ns: int) -> int | None:
        """When a packet of that size may go on; None if it is lost."""
        conditions, draw = self._conditions, self._random.random
        if draw() < conditions["loss"]:
            return None
        due_ns: int = now_ns + conditions["delay_ns"]
        due_ns += int(conditions["jitter_ns"] * (2 * draw() - 1))
        if conditions["rate"]:
            free_ns = max(self._free_ns, now_ns)
            if free_ns - now_ns > _HELD_BACK_NS:
                return None
            self._free_ns = free_ns + size * 1_000_000_000 // conditions["rate"]
            due_ns += self._free_ns - now_ns
        if not conditions["reorders"]:
            due_ns = self._latest_ns = max(due_ns, self._latest_ns)
        return due_ns


class Delayer:
    """All queues and the packets that wait."""

    def __init__(self, queues: list[PacketQueue], seed: str) -> None:
        self._queues = queues
        self._seed = seed
        self._ways: dict[tuple[bytes, bytes], Way] = {}
        self._corrupts = False
        self._waiting: list[tuple[int, int, PacketQueue, int, bytes]] = []
        self._met = 0

    def obey(self, command: dict[str, Any]) -> dict[str, int]:
        if "links" in command:
            self._ways = {
                (socket.inet_aton(source), socket.inet_aton(target)): Way(
                    conditions, Random(f"{self._seed}:{source}:{target}")
                )
                for source, target, conditions in command["links"]
            }
            corrupts = any(conditions["corruption"] for *_, conditions in command["links"])
            if corrupts != self._corrupts:
                self._corrupts = corrupts
                for queue in self._queues:
                    queue.copy(_COPIED if corrupts else _HEADER)
        return {"met": self._met}

    def run(self) -> None:
        poll = select.poll()
        poll.register(0, select.POLLIN)
        queues = {queue.socket.fileno(): queue for queue in self._queues}
        for file in queues:
            poll.register(file, select.POLLIN)
        while True:
            for file, _ in poll.poll(self._wait_ms()):
                if file in queues:
                    self._take(queues[file])
                    continue
                line = sys.stdin.buffer.readline()
                if not line:
                    return
                answer = json.dumps(self.obey(json.loads(line))).encode()
                sys.stdout.buffer.write(answer + b"\n")
                sys.stdout.buffer.flush()
            self._let_go()

    def _wait_ms(self) -> float | None:
        if not self._waiting:
            return None
        return max(0.0, (self._waiting[0][0] - time.monotonic_ns()) / 1e6)

    def _take(self, queue: PacketQueue) -> None:
        now_ns = time.monotonic_ns()
        for number, packet in queue.packets():
            header = packet[:_HEADER]
            way = self._ways.get((header[12:16], header[16:20]))
            if way is None:
                queue.let_go(number)
                continue
            self._met += 1
            due_ns = way.due_ns(int.from_bytes(header[2:4], "big"), now_ns)
            if due_ns is None:
                queue.let_go(number, lost=True)
            else:
                changed = way.corrupt(packet) if self._corrupts else b""
                heapq.heappush(self._waiting, (due_ns, self._met, queue, number, changed))

    def _let_go(self) -> None:
        now_ns = time.monotonic_ns()
        while self._waiting and self._waiting[0][0] <= now_ns:
            _, _, queue, number, changed = heapq.heappop(self._waiting)
            queue.let_go(number, changed=changed)


def _queue_in(file: int, number: int) -> PacketQueue:
    """A queue in the namespace that this open file holds."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(file, 0) != 0:
        raise OSError(ctypes.get_errno(), "the network of a node could not be entered")
    return PacketQueue(number)


def main() -> None:
    die_with_parent()
    seed, number, *files = sys.argv[1:]
    with contextlib.suppress(OSError):  # On a busy machine packets would be later than asked for.
        os.nice(-15)
    try:
        queues = [_queue_in(int(file), int(number)) for file in files] or [PacketQueue(int(number))]
    except OSError as error:
        print(json.dumps({"failed": error.strerror or str(error)}), flush=True)
        sys.exit(1)
    print(json.dumps({"met": 0}), flush=True)
    Delayer(queues, seed).run()


if __name__ == "__main__":
    main()
