"""The driver for real sockets, clocks and files: feeds one node and performs its effects.

Everything runs in one asyncio loop; only the journal's writes run in a thread. While an fsync is
under way further events are stepped, and what they persist and send waits in the outbox
(outbox.py): one fsync serves many steps, and no message overtakes a record.
"""

import asyncio
import signal
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum
from typing import Any

from systems_under_test.connections import Address, Incoming, PeerLink, log
from systems_under_test.journal import Journal
from systems_under_test.node import (
    CancelTimer,
    Event,
    Message,
    Node,
    NodeId,
    Payload,
    Received,
    Send,
    SetTimer,
    Started,
    TimerFired,
)
from systems_under_test.outbox import Outbox
from systems_under_test.requests import Status
from systems_under_test.wall_clock import WallClock
from systems_under_test.wire import Codec, Hello

_COUNTERS = (
    "messages_sent",
    "messages_received",
    "bytes_sent",
    "bytes_received",
    "records",
    "fsyncs",
)
_LOGGED = ("role", "term", "ballot", "leader")
"""Facts whose changes are worth a line in the log."""


class Exit(IntEnum):
    """The process's exit status. Wrong arguments end it with 2, as argparse does."""

    CLEAN = 0
    JOURNAL_DAMAGED = 65
    ADDRESS_TAKEN = 69
    INVARIANT_BROKEN = 70
    NODE_FAILED = 71
    JOURNAL_FAILED = 74


class Server:
    """Feeds events to one node and performs its effects, until something stops it."""

    def __init__(
        self,
        node: Node,
        codec: Codec,
        journal: Journal,
        peers: Mapping[NodeId, Address],
        clock: WallClock | None = None,
    ) -> None:
        self.node = node
        self._clock = clock
        self.codec = codec
        self.journal = journal
        hello = codec.encode(Hello(node.node_id))
        self.links = {peer: PeerLink(hello, peer, address) for peer, address in peers.items()}
        self.clients: dict[NodeId, Incoming] = {}
        self.inbound: dict[NodeId, Incoming] = {}
        self.counters = dict.fromkeys(_COUNTERS, 0)
        self._loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[Exit] = self._loop.create_future()
        self._disk = ThreadPoolExecutor(1, "journal")
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._turn_due = False
        self._outbox = Outbox()
        self._written: tuple[Payload | None, bytes] = (None, b"")
        self._facts: tuple[Any, ...] = ()
        self._clients_named = 0

    async def run(self, listen: Address) -> Exit:
        """Start the node, serve until stopped, and return why."""
        self._loop.set_exception_handler(self._unexpected)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.stop, Exit.CLEAN, "asked to stop")
        try:
            listener = await self._loop.create_server(
                lambda: Incoming(self), *listen, start_serving=False, backlog=1024
            )
        except OSError as error:
            log(f"cannot listen on {listen[0]}:{listen[1]}: {error.strerror or error}")
            return Exit.ADDRESS_TAKEN
        stored, self.journal.records = self.journal.records, ()  # Nobody needs them after this.
        self.step(Started(stored))
        del stored
        await listener.start_serving()
        log(f"listening on {listen[0]}:{listen[1]}")
        links = [asyncio.create_task(link.keep_connected()) for link in self.links.values()]
        status = await self._stopped
        listener.close()
        for task in links:
            task.cancel()
        return status

    def stop(self, status: Exit, why: str) -> None:
        """End the process; nothing is stepped or sent any more. The first reason counts."""
        if not self._stopped.done():
            log(f"stopping with status {int(status)}: {why}")
            self._stopped.set_result(status)

    def step(self, event: Event) -> None:
        """Let the node take one event, and perform what it asks for."""
        if self._stopped.done():
            return
        try:
            ahead_ns = 0 if self._clock is None else self._clock.offset_ns
            effects = self.node.step(event, time.time_ns() + ahead_ns)
        except AssertionError:
            traceback.print_exc()
            self.stop(Exit.INVARIANT_BROKEN, f"a broken invariant, found at {_show(event)}")
            return
        except Exception:
            traceback.print_exc()
            self.stop(Exit.NODE_FAILED, f"an error of the node at {_show(event)}")
            return
        for effect in self._outbox.release(effects):
            match effect:
                case Send(message):
                    self._send(message)
                case SetTimer(name, after_ns):
                    self._cancel(name)
                    self._timers[name] = self._loop.call_later(after_ns / 1e9, self._fire, name)
                case CancelTimer(name):
                    self._cancel(name)
        if not self._turn_due:
            self._turn_due = True
            self._loop.call_soon(self._end_turn)

    def status(self) -> Status:
        facts = self.node.facts()
        if self._clock is not None:
            facts = {**facts, "clock_offset_ns": self._clock.offset_ns}
        if self.journal.disk is not None:
            facts = {**facts, "disk_met": self.journal.disk.met}
        return Status(self.node.node_id, facts, dict(self.counters))

    def client_name(self) -> NodeId:
        self._clients_named += 1
        return f"client-{self._clients_named}"

    def _send(self, message: Message) -> None:
        target = message.target
        if target == self.node.node_id:
            self._loop.call_soon(self.step, Received(message))
            return
        receiver = self.links.get(target) or self.clients.get(target)
        if receiver is None:
            return  # A client that has left.
        if message.payload is not self._written[0]:  # A broadcast is encoded once.
            self._written = (message.payload, self.codec.encode(message.payload))
        line = self._written[1]
        self.counters["messages_sent"] += 1
        self.counters["bytes_sent"] += len(line)
        receiver.send(line)

    def _end_turn(self) -> None:
        """After all events that were ready: one fsync, one write a link, one look at the facts."""
        self._turn_due = False
        if self._stopped.done():
            return
        self._start_sync()
        for link in self.links.values():
            link.flush()
        facts = self.node.facts()
        shown = tuple(facts.get(name) for name in _LOGGED)
        if shown != self._facts:
            self._facts = shown
            log(" ".join(f"{name}={facts[name]}" for name in _LOGGED if name in facts))

    def _start_sync(self) -> None:
        group = self._outbox.begin_sync()
        if group is None:
            return
        self.counters["records"] += len(group.records)
        # Payloads are immutable, so the thread may encode a whole state while the node goes on.
        lines = map(self.codec.encode, group.records)
        if group.replaces:
            self.counters["fsyncs"] += 2  # The file, and the folder that names it.
            writing = self._loop.run_in_executor(self._disk, self.journal.replace, lines)
        else:
            self.counters["fsyncs"] += 1
            writing = self._loop.run_in_executor(self._disk, self.journal.append, list(lines))
        writing.add_done_callback(self._synced)

    def _synced(self, writing: "asyncio.Future[None]") -> None:
        if writing.cancelled() or self._stopped.done():
            return
        error = writing.exception()
        if error is not None:
            self.stop(Exit.JOURNAL_FAILED, str(error))
            return
        ready = self._outbox.synced()
        self._start_sync()
        for message in ready:
            self._send(message)
        for link in self.links.values():
            link.flush()

    def _unexpected(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An error that nobody caught: an effect may not have been performed, so the node stops."""
        error = context.get("exception")
        if error is None or isinstance(error, OSError):
            log(f"{context['message']}: {error}")
            return
        traceback.print_exception(error)
        self.stop(Exit.NODE_FAILED, f"{context['message']}: {error}")

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _fire(self, name: str) -> None:
        del self._timers[name]
        self.step(TimerFired(name))


def _show(event: Event) -> str:
    text = repr(event)
    return text if len(text) <= 500 else text[:500] + "..."
