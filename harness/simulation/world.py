"""The world of a simulated run: all that is random in it beside clients and faults, as data.

Each seed draws a world of its own (the swarm of Groce et al., "Swarm Testing": runs without some
of the noise altogether find what runs that always have all of it do not), unless options pin it.
The world is stored with the run, and shrinking makes it calmer.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from random import Random
from typing import Any, TypeVar

import msgspec

from harness.clock import MILLISECOND_NS, SECOND_NS
from systems_under_test.node import NodeId

T = TypeVar("T")

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
    again, since what it had promised is unknown."""

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


def draw_world(nodes: tuple[NodeId, ...], length_ns: int, seed: int, *, spare: int = 0) -> World:
    """Draw a world for a run whose calls last `length_ns`. Each kind of noise is there or not.

    Each field has dice of its own, derived from the seed by the field's name, so that a field that
    is added leaves the others of every seed what they were. Only where there is a node to `spare`
    can one be damaged for ever.
    """

    def dice(field: str) -> Random:
        return Random(f"{seed}:world:{field}")

    def microseconds(field: str, *among: int) -> int:
        return dice(field).choice(among) * MICROSECOND_NS

    def sometimes(field: str, draw: Callable[[Random], T], calm: T, chance: float = 0.5) -> T:
        random = dice(field)
        return draw(random) if random.random() < chance else calm

    latency = dice("latency").choice(list(Latency))
    return World(
        latency=latency,
        latency_ns=microseconds("latency_ns", 50, 200, 500, 2_000),
        loss=sometimes("loss", lambda dice: dice.choice((0.001, 0.01, 0.02, 0.05, 0.1, 0.3)), 0.0),
        duplication=sometimes(
            "duplication", lambda dice: dice.choice((0.001, 0.01, 0.02, 0.05)), 0.0
        ),
        reordering=sometimes("reordering", lambda _: True, calm=False),
        client_latency_ns=microseconds("client_latency_ns", 50, 200, 1_000),
        sync_ns=microseconds("sync_ns", 20, 100, 500, 3_000),
        slow_syncs=sometimes("slow_syncs", lambda dice: dice.choice((0.001, 0.01)), 0.0),
        torn=sometimes("torn", lambda _: True, calm=False, chance=0.8),
        late_kills=sometimes("late_kills", lambda _: 0.5, 0.0),
        offsets_ns=sometimes("offsets_ns", lambda dice: _each(nodes, dice, SECOND_NS), ()),
        drifts_ppm=sometimes("drifts_ppm", lambda dice: _each(nodes, dice, 1_000), ()),
        regions=tuple(map(dice("regions").randrange, (3,) * len(nodes)))
        if latency is Latency.WAN
        else (),
        clogs=sometimes("clogs", lambda dice: _clogs(nodes, length_ns, dice), (), 0.3),
        jumps=sometimes("jumps", lambda dice: _jumps(nodes, length_ns, dice), (), 0.3),
        disk_failures=sometimes(
            "disk_failures", lambda dice: _disk_failures(nodes, length_ns, dice), (), 0.2
        ),
        blinks=sometimes("blinks", lambda dice: _blinks(nodes, length_ns, dice), (), 0.3),
        wired=sometimes("wired", lambda _: True, calm=False, chance=0.05),
        damages=sometimes(
            "damages",
            lambda dice: (Damage(dice.choice(nodes), dice.randrange(length_ns)),),
            (),
            0.1 if spare else 0.0,
        ),
    )


def _each(nodes: tuple[NodeId, ...], random: Random, most: int) -> tuple[int, ...]:
    """A number for each node, of either sign."""
    return tuple(random.randint(-most, most) for _ in nodes)


def _clogs(nodes: tuple[NodeId, ...], length_ns: int, random: Random) -> tuple[Clog, ...]:
    if len(nodes) < 2:
        return ()
    clogs = []
    for _ in range(random.randint(1, 4)):
        source, target = random.sample(nodes, 2)
        at_ns = random.randrange(length_ns)
        clogs.append(Clog(source, target, at_ns, at_ns + random.randint(10, 500) * MILLISECOND_NS))
    return tuple(clogs)


def _jumps(nodes: tuple[NodeId, ...], length_ns: int, random: Random) -> tuple[Jump, ...]:
    return tuple(
        Jump(
            random.choice(nodes),
            random.randrange(length_ns),
            random.randint(-5 * SECOND_NS, 5 * SECOND_NS),
        )
        for _ in range(random.randint(1, 4))
    )


def _disk_failures(
    nodes: tuple[NodeId, ...], length_ns: int, random: Random
) -> tuple[DiskFailure, ...]:
    for_ns = random.randint(SECOND_NS // 10, 2 * SECOND_NS)
    return (DiskFailure(random.choice(nodes), random.randrange(length_ns), for_ns),)


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
