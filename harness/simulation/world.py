"""The world of a simulated run: all that is random in it beside clients and faults, as data.

Each seed draws a world of its own (the swarm of Groce et al., "Swarm Testing": runs that lack some
of the noise altogether find what runs that always have all of it do not), unless options pin it.
The world is stored with the run, and shrinking makes it calmer.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from random import Random
from typing import Any

import msgspec

from harness.clock import MILLISECOND_NS, SECOND_NS
from systems_under_test.node import NodeId

MICROSECOND_NS = 1_000

LASTING_LOSS = 0.05
"""The most that is lost once everything else is healed."""


class Latency(StrEnum):
    """How long messages take on a link."""

    CONSTANT = "constant"
    UNIFORM = "uniform"
    EXPONENTIAL = "exponential"
    WAN = "wan"


@dataclass(frozen=True, slots=True)
class Clog:
    """A link on which nothing moves for a while; then everything arrives at once."""

    source: NodeId
    target: NodeId
    at_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Jump:
    """A node's clock is set forwards or backwards."""

    node: NodeId
    at_ns: int
    by_ns: int


@dataclass(frozen=True, slots=True)
class DiskFailure:
    """From that moment the next sync of the node fails, or its disk is full; the node stops and is
    started again after a while."""

    node: NodeId
    at_ns: int
    for_ns: int


@dataclass(frozen=True, slots=True)
class Blink:
    """A node crashes and is back within milliseconds: sooner than the others miss it."""

    node: NodeId
    at_ns: int
    for_ns: int


@dataclass(frozen=True, slots=True)
class Damage:
    """A node crashes, and finds by its checksums that its journal was changed: it refuses to start
    again, since nobody knows what it had promised."""

    node: NodeId
    at_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """A seed's world. Times are in nanoseconds, chances from 0 to 1, drifts in parts per million.

    `loss` beyond `LASTING_LOSS` ends with the faults, as no system can promise to serve within a
    bound whatever is lost. Clients' messages take `client_latency_ns` and are never lost. `regions`
    gives the region of each node where the latency is that of a wide area. `wired` has every
    message written by the wire codec and read back. `late_kills` is the chance that a kill strikes
    a node in the middle of its next step, between two effects. `habits` are constants of the
    system's class with other values than usual (see `Node.habits`).
    """

    latency: Latency = Latency.CONSTANT
    latency_ns: int = 500 * MICROSECOND_NS
    loss: float = 0.0
    duplication: float = 0.0
    reordering: bool = False
    client_latency_ns: int = 200 * MICROSECOND_NS
    sync_ns: int = 200 * MICROSECOND_NS
    slow_syncs: float = 0.0
    torn: bool = True
    late_kills: float = 0.0
    offsets_ns: tuple[int, ...] = ()
    drifts_ppm: tuple[int, ...] = ()
    regions: tuple[int, ...] = ()
    clogs: tuple[Clog, ...] = ()
    jumps: tuple[Jump, ...] = ()
    disk_failures: tuple[DiskFailure, ...] = ()
    blinks: tuple[Blink, ...] = ()
    damages: tuple[Damage, ...] = ()
    wired: bool = False
    habits: tuple[tuple[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Any) -> "World":
        """The world that `to_json` told of; `ValueError` where it is none."""
        return msgspec.convert(values, cls)


CALM = World()
"""A world without any noise: constant latencies, perfect clocks, fast disks."""


def draw_world(
    nodes: tuple[NodeId, ...], length_ns: int, random: Random, *, spare: int = 0
) -> World:
    """Draw a world for a run whose calls last `length_ns`. Each kind of noise is there or not.

    Only where there is a node to `spare` can one be damaged for ever.
    """

    def sometimes(chance: float = 0.5) -> bool:
        return random.random() < chance

    latency = random.choice(list(Latency))
    count = len(nodes)
    return World(
        latency=latency,
        latency_ns=random.choice((50, 200, 500, 2_000)) * MICROSECOND_NS,
        loss=random.choice((0.001, 0.01, 0.02, 0.05, 0.1, 0.3)) if sometimes() else 0.0,
        duplication=random.choice((0.001, 0.01, 0.02, 0.05)) if sometimes() else 0.0,
        reordering=sometimes(),
        client_latency_ns=random.choice((50, 200, 1_000)) * MICROSECOND_NS,
        sync_ns=random.choice((20, 100, 500, 3_000)) * MICROSECOND_NS,
        slow_syncs=random.choice((0.001, 0.01)) if sometimes() else 0.0,
        torn=sometimes(0.8),
        late_kills=0.5 if sometimes() else 0.0,
        offsets_ns=tuple(random.randint(-SECOND_NS, SECOND_NS) for _ in nodes)
        if sometimes()
        else (),
        drifts_ppm=tuple(random.randint(-1_000, 1_000) for _ in nodes) if sometimes() else (),
        regions=tuple(random.randrange(3) for _ in nodes) if latency is Latency.WAN else (),
        clogs=_clogs(nodes, length_ns, random) if sometimes(0.3) and count > 1 else (),
        jumps=tuple(
            Jump(random.choice(nodes), random.randrange(length_ns),
                 random.randint(-5 * SECOND_NS, 5 * SECOND_NS))
            for _ in range(random.randint(1, 4))
        )
        if sometimes(0.3)
        else (),
        disk_failures=(
            DiskFailure(random.choice(nodes), random.randrange(length_ns),
                        random.randint(SECOND_NS // 10, 2 * SECOND_NS)),
        )
        if sometimes(0.2)
        else (),
        blinks=_blinks(nodes, length_ns, random) if sometimes(0.3) else (),
        wired=sometimes(0.05),
        damages=(Damage(random.choice(nodes), random.randrange(length_ns)),)
        if spare > 0 and sometimes(0.1)
        else (),
    )  # fmt: skip


def _clogs(nodes: tuple[NodeId, ...], length_ns: int, random: Random) -> tuple[Clog, ...]:
    clogs = []
    for _ in range(random.randint(1, 4)):
        source, target = random.sample(nodes, 2)
        at_ns = random.randrange(length_ns)
        clogs.append(Clog(source, target, at_ns, at_ns + random.randint(10, 500) * MILLISECOND_NS))
    return tuple(clogs)


def _blinks(nodes: tuple[NodeId, ...], length_ns: int, random: Random) -> tuple[Blink, ...]:
    """Some a second, or very many, since what they find needs one at just the wrong moment."""
    rate = random.choice((1, 4, 15, 40))
    return tuple(
        Blink(
            random.choice(nodes),
            random.randrange(length_ns),
            random.randint(1, 20) * MILLISECOND_NS,
        )
        for _ in range(rate * max(1, length_ns // SECOND_NS))
    )
