"""What a simulated run is, as data: drawn from the seed, stored with the run, replayed, shrunk.

A scenario holds the options, the world, the schedule of faults, what lasts after healing, and, once
it was taken from a run, every call with its client and moment. The code and the scenario are all
that a run depends on.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import msgspec

from harness.cluster import Capability
from harness.config import RunConfig
from harness.errors import OptionError, UsageError
from harness.feasible import feasible
from harness.nemesis.catalogue import FAMILIES
from harness.nemesis.fault import Fault
from harness.nemesis.schedule import PlannedFault
from harness.simulation.cluster import SimulatedCluster
from harness.simulation.world import World, draw_world
from harness.store import FORMAT_VERSION
from systems_under_test.node import NodeId
from workloads.workload import Call


class Lasting(StrEnum):
    """What goes on to be wrong with the nodes outside of the core."""

    DEAD = "dead"
    ISOLATED = "isolated"
    DEAF = "deaf"
    MUTE = "mute"


@dataclass(frozen=True, slots=True)
class Core:
    """The nodes that are healed after the calls, while the others' failure becomes permanent.

    That is how TigerBeetle's simulator tells a system that only waits from one that is stuck: the
    core can form a quorum, so it must serve, whatever the others do.
    """

    nodes: tuple[NodeId, ...]
    others: Lasting


@dataclass(frozen=True, slots=True)
class Scripted:
    """One call of a script: who makes it, when (from the beginning of the calls), and of whom."""

    client: int
    at_ns: int
    call: Call
    first: NodeId | None = None
    """The node to ask first; where there is none, the client draws one."""


_Step: TypeAlias = tuple[int, int, NodeId | None, str, str, Any, bool]
"""A scripted call as it stands in files: client, moment, first node, and the call."""


@dataclass(frozen=True)
class Scenario:
    """A simulated run.

    `script` holds the very calls that clients make; without one the workload draws them. A run of
    `only_calls` ends with them: nothing is asked to recover or read at last. `heal_ns` is when to
    heal while calls go on, from their beginning; else healing comes after them. The nodes outside
    of the `core` are left with what lasts.
    """

    config: RunConfig
    world: World
    schedule: tuple[PlannedFault, ...]
    core: Core | None = None
    script: tuple[Scripted, ...] | None = None
    only_calls: bool = False
    heal_ns: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "labrys": "scenario",
            "version": FORMAT_VERSION,
            "config": asdict(self.config),
            "world": self.world.to_json(),
            "schedule": [planned.to_json() for planned in self.schedule],
            "only_calls": self.only_calls,
            "heal_ns": self.heal_ns,
            "core": None if self.core is None else asdict(self.core),
            "script": None
            if self.script is None
            else [
                [step.client, step.at_ns, step.first, step.call.function, step.call.key,
                 step.call.argument, step.call.pure]
                for step in self.script
            ],
        }  # fmt: skip

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: Path) -> "Scenario":
        """The scenario that `to_json` told of; `UsageError` names the file where it is damaged."""
        try:
            script = msgspec.convert(values["script"], tuple[_Step, ...] | None)
            return cls(
                config=RunConfig.from_values(values["config"]),
                world=World.from_json(values["world"]),
                schedule=tuple(map(PlannedFault.from_json, values["schedule"])),
                only_calls=msgspec.convert(values["only_calls"], bool),
                heal_ns=msgspec.convert(values["heal_ns"], int | None),
                core=msgspec.convert(values["core"], Core | None),
                script=None
                if script is None
                else tuple(
                    Scripted(client, at_ns, Call(*call), first)
                    for client, at_ns, first, *call in script
                ),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise UsageError(f"{where} is damaged ({error!r}); name another run") from error


def scenario_of(config: RunConfig, cycles_ns: Mapping[str, int] | None = None) -> Scenario:
    """The scenario of a run with these options: its world and faults are drawn from the seed.

    Nothing stays broken for ever where members change: one that has just come back may not hold yet
    what its place in the system asks of it, so that fewer failures are tolerated for a while.
    """
    for fault in (fault for own in config.families.values() for fault in own):
        if Capability.LOG in fault.needs:
            raise OptionError(
                "schedule" if config.schedule else "faults",
                f"cannot hold {fault.name} here: simulated nodes have no logs; "
                "wait for a fact that they tell, or choose another environment",
            )
    families, _ = in_simulator(config)
    tolerated = config.node_class.tolerated(config.nodes)
    spare = 0 if "membership" in families else tolerated
    world = draw_world(config.node_names, config.time_limit_ns, config.seed, spare=spare)
    schedule = config.draw_schedule(families, cycles_ns)
    damaged = tuple(damage.node for damage in world.damages)
    return Scenario(config, world, tuple(schedule), _draw_core(config, spare, damaged))


def in_simulator(config: RunConfig) -> tuple[dict[str, tuple[Fault, ...]], list[str]]:
    """The faults of a run that the simulator can do, and sentences about the others."""
    able = SimulatedCluster.capabilities
    if not config.node_class.changes_members:
        able -= {Capability.MEMBERS}
    return feasible(config, able, SimulatedCluster.environment)


def swarm(base: RunConfig, pinned: frozenset[str], seed: int) -> Scenario:
    """Draw what `pinned` does not name: the size of everything, and which faults there are.

    Each option and each family of faults has dice of its own, derived from the seed by name. So a
    seed stays what it was when options, systems or faults are added beside those it drew.
    """

    def dice(name: str) -> Random:
        return Random(f"{seed}:swarm:{name}")

    if base.schedule:
        pinned |= {"faults", "time_limit"}  # It names its faults, and takes its time.
    if base.load:
        pinned |= {"rate", "time_limit", "clients"}  # It says how fast, and may count on both.
    node = base.node_class
    drawn: dict[str, Any] = {
        "nodes": dice("nodes").choice(node.sizes),
        "clients": dice("clients").choice((2, 3, 4, 6)),
        "time_limit": float(dice("time_limit").choice((4, 6, 10))),
        "rate": float(dice("rate").choice((10, 20, 40, 100))),
        "keys": dice("keys").choice((1, 1, 2, 3)),
        "operation_timeout": dice("operation_timeout").choice((1.0, 2.0)),
        "operations_per_key": 100,
        "spares": 0,
    }
    if dice("rush").random() < 0.15:
        # A rush: calls of one key compete all the time. It is short, as it costs so much more.
        drawn |= {"rate": 500.0, "time_limit": 2.0, "keys": 1}
    nodes = base.nodes if "nodes" in pinned else drawn["nodes"]
    drawn["faults"] = _draw_families(nodes, dice, membership=node.changes_members)
    if "membership" in (base.faults if "faults" in pinned else drawn["faults"]):
        drawn["spares"] = dice("spares").randrange(3)
    free = {name: value for name, value in drawn.items() if name not in pinned}
    config = replace(base, seed=seed, environment="simulated", **free)
    cycles_ns = {}
    if "fault_interval" not in pinned:
        usual_ns = config.fault_interval_ns
        paces = (usual_ns, usual_ns, usual_ns // 2, usual_ns // 5)
        cycles_ns = {family: dice(f"pace:{family}").choice(paces) for family in config.families}
    scenario = scenario_of(config, cycles_ns)
    habits = draw_habits(node.habits, seed)
    return replace(scenario, world=replace(scenario.world, habits=habits))


def _draw_families(
    nodes: int, dice: Callable[[str], Random], *, membership: bool
) -> tuple[str, ...]:
    """Some families of faults that make sense with this many nodes, one of them at least.

    A share is drawn, and each family rolls its own die against it. A family that is added thus
    changes only the seeds in which it strikes itself.
    """
    share = dice("share").choice((1 / 3, 2 / 3, 1.0))
    rolls = {
        family: dice(f"family:{family}").random()
        for family, faults in FAMILIES.items()
        if any(fault.usual and fault.least_nodes <= nodes for fault in faults)
    }
    changes = rolls.pop("membership", 1.0) < 0.5 and membership
    chosen = [family for family, roll in rolls.items() if roll < share]
    chosen = chosen or [min(rolls, key=rolls.__getitem__)]
    return (*sorted(chosen), *(["membership"] if changes else []))


def draw_habits(known: Mapping[str, Any], seed: int) -> tuple[tuple[str, Any], ...]:
    """Half the time none, and otherwise some of the habits that a system has.

    The idea is that of FoundationDB's BUGGIFY: what is allowed and seldom happens, a snapshot say,
    happens all the time in some runs (Zhou et al., "FoundationDB: A Distributed Unbundled
    Transactional Key Value Store", section 4).
    """
    if Random(f"{seed}:habits").random() < 0.5:
        return ()
    return tuple(
        (name, value)
        for name, value in known.items()
        if Random(f"{seed}:habits:{name}").random() < 0.5
    )


def _draw_core(config: RunConfig, spare: int, damaged: tuple[NodeId, ...]) -> Core | None:
    """Half the time, no more members than the system can `spare` stay broken for ever; those whose
    disk was damaged are always among these."""
    random = Random(f"{config.seed}:core")
    count = 0 if random.random() < 0.5 else random.randint(1, max(spare, 1))
    others = [node for node in config.member_names if node not in damaged]
    random.shuffle(others)
    broken = (*damaged, *others)[: min(max(count, len(damaged)), spare)]
    if not broken:
        return None
    nodes = tuple(node for node in config.node_names if node not in broken)
    return Core(nodes, random.choice(list(Lasting)))
