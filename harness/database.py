"""What the nodes of a system are, wherever they run: how they are started, reached and spoken to.

A `Database` says what to start and how to speak to it; an environment (`harness.environments`) says
where. Systems that are Python nodes have one already (`harness.databases.python_node`); a program
of your own is a subclass of some 40 lines, named as "module:Class" wherever a system is named.

A `Connection` raises `Refused` where the call certainly had no effect, and `Unsent` where it never
left. Whatever else it raises leaves the call in doubt. What becomes of an operation is decided from
that in `harness.client` alone.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from systems_under_test.node import NodeId

if TYPE_CHECKING:
    from harness.clock import Clock
    from harness.cluster import Capability, Channel
    from systems_under_test.requests import Status

Address: TypeAlias = tuple[str, int]
Argv: TypeAlias = list[str]


class Refused(Exception):
    """The node refused the call, which certainly had and will have no effect.

    `leader` names the node to ask instead, where the answer said so.
    """

    def __init__(self, why: str = "", leader: NodeId | None = None) -> None:
        super().__init__(why)
        self.leader = leader


class Unsent(Exception):
    """The call never left: no connection could be made."""


@dataclass(frozen=True)
class Place:
    """Where one node lives, as it and its clients are told.

    `addresses` are how clients reach each node, at the first of the database's ports; `peers` how
    this node reaches the others. `ports` are this node's own, in the order of `Database.ports`.
    `data` is its folder, empty at first and kept while it is down. `python` runs our Python there.
    """

    node: NodeId
    nodes: tuple[NodeId, ...]
    members: tuple[NodeId, ...]
    seed: int
    addresses: Mapping[NodeId, Address]
    peers: Mapping[NodeId, Address]
    ports: tuple[int, ...]
    data: Path
    python: str = "python3"
    clock: Path | None = None
    """A file with how far our own node's wall clock is to be ahead, where faults set clocks."""

    disk: Path | None = None
    """A file with how weak our own node's disk is to be, where faults weaken disks."""

    watched: bool = False
    """Whether the program may end when its standard input does, which means that we have ended."""

    @property
    def host(self) -> str:
        return self.addresses[self.node][0]

    @property
    def hosts(self) -> dict[NodeId, str]:
        return {node: host for node, (host, _) in self.addresses.items()}


@dataclass(frozen=True)
class Faults:
    """The commands by which faults are struck in a store that runs already; "" where none can.

    Each is a program and its words, without a shell. In them `{node}` stands for the node's name
    and `{host}` for its address; `cut` and `mend` are of what `{source}`, at `{source_host}`, sends
    to it. A command returns once it has done what it should, with status 0.
    """

    kill: str = ""
    start: str = ""
    pause: str = ""
    resume: str = ""
    cut: str = ""
    mend: str = ""

    @property
    def capabilities(self) -> "frozenset[Capability]":
        """What can be done, and undone again."""
        from harness.cluster import Capability

        pairs = {
            Capability.KILL: (self.kill, self.start),
            Capability.PAUSE: (self.pause, self.resume),
            Capability.CUT: (self.cut, self.mend),
        }
        return frozenset(capability for capability, pair in pairs.items() if all(pair))


class Connection:
    """One process's line to one node.

    `call` may be a plain function, as with drivers that block: it then runs in a thread of its own.
    Results are JSON values.
    """

    async def call(self, function: str, key: str, argument: Any) -> Any:
        """Make a call and return its result. Switch the driver's own retries off: a call that it
        sends twice may take effect twice."""
        raise NotImplementedError

    async def close(self) -> None:
        """Give the line up."""


class Database:
    """How the nodes of one system are prepared, started and spoken to. Made without arguments."""

    functions: tuple[str, ...] = ("read", "write", "cas")
    """What it serves, so that a workload which calls something else is refused at once."""

    largest_value: int = 1_000_000
    """Bytes of the largest value that it takes, as JSON."""

    ports: tuple[int, ...] = ()
    """On which it listens; the first is for clients."""

    start_limit_s: ClassVar[float] = 10.0
    """How long a node may take until it is ready."""

    failover_s: ClassVar[float] = 0.0
    """How long it takes to replace a leader. Faults last longer than that, or nothing happens."""

    clock_can_be_faked: ClassVar[bool] = False
    """Whether libfaketime moves its wall clock, as it does where the C library is asked for it."""

    changes_members: bool = False
    python: str | None = None
    """The "module:Class" of our own nodes, whose code a container must have."""

    image: ClassVar[str | None] = None
    """A container image that has the program, here or to be pulled."""

    packages: ClassVar[tuple[str, ...]] = ()
    """Debian packages that have the program: without an image one is made of them."""

    compose: ClassVar[str | None] = None
    """A docker-compose file whose `services` are the nodes, one each, or one for all."""

    services: ClassVar[tuple[str, ...]] = ()

    journals: ClassVar[tuple[str, ...]] = ()
    """Which files of a node's folder are its journal, as patterns ("wal/*.log"), so that faults can
    damage them. The last one by name is the one that grows."""

    addresses: tuple[str, ...] = ()
    """Where the nodes of a store that runs already are reached, each as "host:port"."""

    faults: Faults = Faults()
    """How faults are struck in such a store."""

    def prepare(self, at: Place) -> None:
        """Make what a node needs in `at.data` before it starts for the first time."""

    def command(self, at: Place) -> Argv | list[Argv]:
        """The program of a node, or several, each as a list of words.

        In a container nothing means the command that the image or the service has.
        """
        return []

    def version(self, at: Place) -> Argv | None:
        """The command that prints the program's version, for the page; None where it has none."""
        return None

    async def assemble(self, places: Sequence[Place]) -> None:
        """Make one cluster of nodes that are ready, where they do not find each other."""

    async def ready(self, at: Place) -> bool:
        """Whether the node serves: by default, whether it accepts connections on its first port."""
        try:
            _, writer = await asyncio.open_connection(*at.addresses[at.node])
        except ConnectionError:
            return False
        writer.transport.abort()
        return True

    async def connect(self, at: Place) -> Connection:
        """A new line to a node. Raise anything where it cannot be made: nothing was sent then."""
        raise NotImplementedError

    async def facts(self, at: Place) -> dict[str, Any] | None:
        """What the node says of itself: `role` "leader" and a `term`, to aim faults; None if it
        says nothing."""
        return None

    def channel(
        self, clock: "Clock", places: Mapping[NodeId, Place], doubts: Counter[str]
    ) -> "Channel":
        """One process's way to all nodes; why calls were left in doubt is counted in `doubts`."""
        from harness.databases.driver import DriverChannel

        return DriverChannel(self, clock, places, doubts)

    async def status(self, clock: "Clock", at: Place) -> "Status | None":
        """The node's facts and counters, or None if it does not answer within half a second."""
        from systems_under_test.requests import Status

        try:
            async with asyncio.timeout(0.5):
                facts = await self.facts(at)
        except Exception:
            return None
        return None if facts is None else Status(at.node, facts, {})


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What a cluster is made of, before anything is said of where: a database and its nodes.

    `members` are the nodes that the system begins with: all, unless they are given. The run's files
    go to `folder`, which is made if need be.
    """

    database: Database
    nodes: tuple[NodeId, ...]
    seed: int
    folder: Path
    clock: "Clock"
    members: tuple[NodeId, ...] = ()
    needs: frozenset["Capability"] = frozenset()
    """What the faults of the run need, where the environment has to prepare for it."""

    connections: int = 0
    """How many connections to each of our own nodes clients share; 0 gives each its own."""

    def place(
        self,
        node: NodeId,
        data: Path,
        addresses: Mapping[NodeId, Address],
        peers: Mapping[NodeId, Address] | None = None,
        *,
        told: Mapping[str, Path] | None = None,
        **more: Any,
    ) -> Place:
        """Where a node lives, for an environment that knows its folder and everyone's addresses."""
        others = addresses if peers is None else peers
        return Place(
            node=node,
            nodes=self.nodes,
            members=self.members or self.nodes,
            seed=self.seed,
            addresses=addresses,
            peers={peer: address for peer, address in others.items() if peer != node},
            data=data,
            clock=(told or {}).get("clock"),
            disk=(told or {}).get("disk"),
            **more,
        )
