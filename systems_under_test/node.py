"""The contract between a protocol and whatever drives it.

A protocol is a deterministic state machine that performs no input or output of its own: events go
in through `Node.step`, effects come out of it, in order, and a driver performs them. The same class
therefore runs in the simulator, as a local process and in a container. The idea is that of etcd's
raft library, Stateright's actors and h11.

The one rule that protocols rely on for their safety: **effects are performed in order, and a
`Persist` or `Compact` is durable (synced to disk) before any later effect of the same step becomes
visible.** So a promise is kept by persisting it first and sending the answer second. A driver may
sync once for many steps as long as nothing overtakes the `Persist` that stands before it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias, final

from systems_under_test.quorum import majority

NodeId: TypeAlias = str
"""Who sends or receives: a node ("n1", "n2", ...) or a client's connection ("client-17")."""

Json: TypeAlias = Any
"""A JSON value: None, bool, int, float, str, list or dict of these."""


new_tuple = tuple.__new__
"""Makes a named tuple in half the time that its class takes: effects are made by the million."""


class Payload:
    """What a message says or a journal record holds.

    A subclass is a frozen dataclass whose fields are JSON values, other payloads, or tuples of
    either, so that `wire` can write it as one line and read it back equal. A payload is immutable:
    its receiver may keep it, and no one may change what is inside it.
    """

    __slots__ = ()


class Message(NamedTuple):
    """An envelope: a payload on its way from `source` to `target`. It may be lost or duplicated."""

    source: NodeId
    target: NodeId
    payload: Payload


# --- events: what happens to a node ---------------------------------------------------------------


class Started(NamedTuple):
    """The node begins, with the records that it persisted since it last compacted, oldest first.

    It is the first event and comes exactly once in the life of a `Node` object. A crashed node
    comes back as a new object that knows nothing but `stored`.
    """

    stored: tuple[Payload, ...]


class Received(NamedTuple):
    """A message arrived, from a peer or from a client."""

    message: Message


class TimerFired(NamedTuple):
    """A timer that this node set, and has neither cancelled nor set again, ran out."""

    name: str


Event: TypeAlias = Started | Received | TimerFired

# --- effects: what a node asks for ----------------------------------------------------------------


class Send(NamedTuple):
    """Hand a message to the network, which may lose, delay, duplicate or reorder it."""

    message: Message


class SetTimer(NamedTuple):
    """Fire `TimerFired(name)` once, `after_ns` from now; replaces a running timer of that name."""

    name: str
    after_ns: int


class CancelTimer(NamedTuple):
    """Forget the timer of that name; no event of it arrives any more. Unknown names do no harm."""

    name: str


class Persist(NamedTuple):
    """Append a record to the journal; it is durable before any later effect of the same step."""

    record: Payload


class Compact(NamedTuple):
    """Replace all that was ever persisted by these records, at once: a crash finds the old ones or
    the new ones, never a part of either. Durable before any later effect of the same step.

    What is large is better told in several records, since each is one line of the journal.
    """

    records: tuple[Payload, ...]


Effect: TypeAlias = Send | SetTimer | CancelTimer | Persist | Compact


class Watcher(Protocol):
    """Sees the nodes of one cluster again and again, and remembers what it needs."""

    def check(self, nodes: Iterable[Any], changed: Any = None) -> None:
        """Raise `AssertionError` if the nodes that are alive break a property of the protocol.

        Where only one of them has `changed` since the last call, it alone need be looked at.
        """
        ...


class Node(ABC):
    """One replica: a deterministic function of its arguments and of the events it was given.

    A system overrides `set_up`, the three handlers and `facts`, and calls `send`, `broadcast`,
    `set_timer`, `cancel_timer`, `persist` and `compact`. Handlers never block, read a clock, or
    draw from anything but `self.random`. An `AssertionError` out of a handler means that the
    protocol broke an invariant of its own: drivers stop the node and report it as a finding.
    """

    payloads: ClassVar[tuple[type[Payload], ...]] = ()
    """The classes of the messages and journal records that this system speaks.

    Payloads inside these are found through the types of their fields, and those of clients'
    requests (`systems_under_test.requests`) are always known.
    """

    functions: ClassVar[tuple[str, ...]] = ("read", "write", "cas")
    """What clients may call: the functions of a key-value store, unless the system says others."""

    invariants: ClassVar[Callable[[], "Watcher"] | None] = None
    """Makes what watches the safety properties of a whole cluster, where the system has such."""

    @classmethod
    def tolerated(cls, count: int) -> int:
        """Of this many nodes, how many may fail for ever while the others go on serving."""
        return count - majority(count)

    sizes: ClassVar[tuple[int, ...]] = (3, 3, 4, 5, 5)
    """The numbers of nodes that explored seeds draw from."""

    changes_members: ClassVar[bool] = False
    """Whether nodes can join and leave: the requests `add`, `remove` and `members` are served."""

    syncs: ClassVar[bool] = True
    """Whether what is persisted is synced; false is a flaw, which a loss of power shows."""

    refuses_damage: ClassVar[bool] = True
    """Whether it refuses to start on a damaged journal; false is a flaw: it is cut off there."""

    habits: ClassVar[Mapping[str, Any]] = {}
    """Constants of the class, by name, with values that are as right as the usual ones and make
    common what is rare: short journals, small batches. Explored seeds draw some of them."""

    def __init__(
        self,
        node_id: NodeId,
        peers: Iterable[NodeId],
        random: Random,
        members: Iterable[NodeId] | None = None,
    ) -> None:
        """`peers` are all other nodes that can be addressed, without this one.

        `members` are those that the cluster begins with, everybody unless it is given. A node that
        is not among them is a spare: it waits to be added. A system whose members never change has
        no need of this argument.
        """
        self.node_id = node_id
        self.peers = tuple(sorted(peers))
        everybody = (node_id, *self.peers)
        self.first_members = tuple(sorted(everybody if members is None else members))
        self.random = random
        self.now_ns = 0
        self._effects: list[Effect] = []
        self.set_up()

    def set_up(self) -> None:  # noqa: B027
        """Set what the node holds before its first event; every layer lets the lower ones begin.

        Node and peers are known by then. What is durable comes with `Started`.
        """

    @final
    def step(self, event: Event, now_ns: int) -> list[Effect]:
        """Take one event and return the effects to perform, in order: the only door to a node.

        `now_ns` is the node's own clock in nanoseconds since the epoch. It may be wrong, and it may
        jump in either direction, since the nemesis can reach it.
        """
        self.now_ns = now_ns
        self._effects = []
        # Asked for its exact type, as matching its parts takes four times as long; and what comes
        # by the million is taken by position, which is quicker than by name.
        if type(event) is Received:
            self.on_message(event[0])
        elif type(event) is TimerFired:
            self.on_timer(event.name)
        elif type(event) is Started:
            self.on_start(event.stored)
        return self._effects

    @abstractmethod
    def on_start(self, stored: tuple[Payload, ...]) -> None:
        """Rebuild the state from the journal's records and set the first timers."""

    @abstractmethod
    def on_message(self, message: Message) -> None:
        """Handle a message of a peer or a client's `Request`."""

    @abstractmethod
    def on_timer(self, name: str) -> None:
        """Handle a timer that ran out."""

    def facts(self) -> dict[str, Json]:
        """A few facts for reports and for aiming faults; `role` and `leader` where there are any.

        The nemesis takes the node whose `role` is "leader" in the highest `term` for the leader.
        """
        return {}

    def send(self, target: NodeId, payload: Payload) -> None:
        message = new_tuple(Message, (self.node_id, target, payload))
        self._effects.append(new_tuple(Send, (message,)))

    def broadcast(self, payload: Payload) -> None:
        """Send the same payload to every peer."""
        for peer in self.peers:
            self.send(peer, payload)

    def set_timer(self, name: str, after_ns: int) -> None:
        self._effects.append(new_tuple(SetTimer, (name, after_ns)))

    def cancel_timer(self, name: str) -> None:
        self._effects.append(CancelTimer(name))

    def persist(self, record: Payload) -> None:
        self._effects.append(new_tuple(Persist, (record,)))

    def compact(self, records: Iterable[Payload]) -> None:
        """Replace all that was persisted so far by these records."""
        self._effects.append(Compact(tuple(records)))
