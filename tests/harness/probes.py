"""Datagrams over every link between nodes, each with its number and the moment it was sent."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harness.cluster import Link

Inside = Callable[[str, Callable[[], Any]], Any]
"""Does something in the network of a node."""

PORT = 9999


class Probes:
    """Sockets in the networks of nodes."""

    def __init__(self, hosts: Mapping[str, str], inside: Inside) -> None:
        self.hosts = dict(hosts)
        self.links: list[Link] = [(one, two) for one in hosts for two in hosts if one != two]
        self._names = {host: node for node, host in hosts.items()}
        self._sockets = {node: inside(node, self._made(node)) for node in hosts}

    def _made(self, node: str) -> Callable[[], socket.socket]:
        def made() -> socket.socket:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            one.bind((self.hosts[node], PORT))
            one.setblocking(False)
            return one

        return made

    def send(self, count: int, pause_s: float = 0.002) -> dict[Link, list[tuple[int, float]]]:
        """Send that many over each link; what arrived, as number and delay in ms, in that order."""
        arrived: dict[Link, list[tuple[int, float]]] = {link: [] for link in self.links}
        for number in range(count):
            self._send_round(number, self.links)
            until = time.monotonic() + pause_s
            while time.monotonic() < until:
                self._receive(arrived)
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            self._receive(arrived)
        return arrived

    def moments(self, stop: threading.Event) -> dict[Link, list[int]]:
        """Send once in a millisecond, until told to stop; when each probe was sent that arrived."""
        arrived: dict[Link, list[tuple[int, float]]] = {link: [] for link in self.links}
        sent_ns: dict[Link, list[int]] = {link: [] for link in self.links}
        number = 0
        while not stop.is_set():
            for link in self.links:
                sent_ns[link].append(time.monotonic_ns())
                self._send_round(number, [link])
            number += 1
            self._receive(arrived)
            time.sleep(0.001)
        time.sleep(0.05)
        self._receive(arrived)
        return {
            link: [sent_ns[link][number] for number, _ in seen] for link, seen in arrived.items()
        }

    def close(self) -> None:
        for one in self._sockets.values():
            one.close()

    def _send_round(self, number: int, links: Iterable[Link]) -> None:
        for source, target in links:
            text = f"{number} {time.monotonic_ns()}".encode()
            self._sockets[source].sendto(text, (self.hosts[target], PORT))

    def _receive(self, arrived: dict[Link, list[tuple[int, float]]]) -> None:
        for target, one in self._sockets.items():
            while True:
                try:
                    data, (host, _) = one.recvfrom(100)
                except BlockingIOError:
                    break
                number, moment_ns = map(int, data.split())
                late_ms = (time.monotonic_ns() - moment_ns) / 1e6
                arrived[self._names[host], target].append((number, late_ms))


class Talk:
    """A connection from one node to another, made before anything is cut."""

    def __init__(self, probes: Probes, inside: Inside, source: str, target: str) -> None:
        address = (probes.hosts[target], PORT + 1)
        listener = inside(target, lambda: socket.create_server(address))
        self._out = inside(source, lambda: socket.create_connection(address, 2))
        self._in, _ = listener.accept()
        listener.close()

    def passes(self, limit_s: float = 0.3) -> bool:
        """Whether what the source says arrives in time; what came late is heard first."""
        self._out.sendall(b"x")
        self._in.settimeout(limit_s)
        try:
            return bool(self._in.recv(99))
        except TimeoutError:
            return False

    def close(self) -> None:
        self._out.close()
        self._in.close()
