"""Schedules: which fault comes when. A schedule is data, drawn from the seed and kept with the run.

Within a family faults take turns with quiet spells; the families keep their own time, so that their
faults overlap. What exactly a fault hits (which nodes, which leader) is drawn from the fault's own
seed when it is injected.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from harness.clock import MILLISECOND_NS
from harness.errors import UsageError
from harness.nemesis.crash import Kill
from harness.nemesis.fault import Fault, Target
from harness.nemesis.membership import Change, Membership
from harness.nemesis.partition import Partition, Shape
from harness.nemesis.pause import Pause

_ALL: tuple[Fault, ...] = (
    *(Partition(shape) for shape in Shape),
    *(Kill(target) for target in Target),
    *(Pause(target) for target in Target),
    *(Membership(change) for change in Change),
)

FAULTS: dict[str, Fault] = {fault.name: fault for fault in _ALL}
"""Every single fault by name."""

FAMILIES: dict[str, tuple[Fault, ...]] = {
    family: tuple(fault for fault in _ALL if fault.family == family)
    for family in dict.fromkeys(fault.family for fault in _ALL)
}
"""The faults of each family: naming a family stands for all that fit the size of the cluster."""

SHORTEST_NS = 500 * MILLISECOND_NS


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault of a schedule, in nanoseconds from the beginning of the calls."""

    number: int
    fault: Fault
    at_ns: int
    until_ns: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "name": self.fault.name,
            "family": self.fault.family,
            "at_ns": self.at_ns,
            "until_ns": self.until_ns,
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, values: Any) -> "Planned":
        """The fault that `to_json` told of; `ValueError` or `KeyError` where it is none."""
        told = msgspec.convert(values, _Told)
        return cls(told.number, FAULTS[told.name], told.at_ns, told.until_ns, told.seed)


@dataclass(frozen=True, slots=True)
class _Told:
    """A planned fault as it stands in files."""

    number: int
    name: str
    at_ns: int
    until_ns: int
    seed: int


def choose_faults(names: Sequence[str], nodes: int) -> dict[str, tuple[Fault, ...]]:
    """The faults to draw from, by family, for names of families and of single faults.

    Raises `UsageError` for a single fault, or a family of which no fault is left, that makes no
    sense with so few nodes. The names themselves are known to exist.
    """
    chosen: dict[str, list[Fault]] = {}
    for name in names:
        fitting = [fault for fault in _named(name) if fault.least_nodes <= nodes]
        if not fitting:
            least = min(fault.least_nodes for fault in _named(name))
            raise UsageError(
                f"the fault {name!r} needs at least {least} nodes, and there are {nodes}; "
                "give more --nodes or other --faults"
            )
        for fault in fitting:
            family = chosen.setdefault(fault.family, [])
            if fault not in family:
                family.append(fault)
    return {family: tuple(faults) for family, faults in chosen.items()}


def draw(
    families: dict[str, tuple[Fault, ...]],
    length_ns: int,
    random: Random,
    cycles_ns: Mapping[str, int],
) -> list[Planned]:
    """Draw a schedule for a run whose calls last `length_ns`; every fault is healed before its end.

    A family strikes once in about as long as `cycles_ns` says of it, and at least once. It begins
    with the leader, where most mistakes are and which a short run might otherwise miss; each of its
    faults comes once before any comes again.
    """
    drawn: list[Planned] = []
    for family, faults in families.items():
        own = Random(f"{random.getrandbits(64)}:{family}")
        drawn += _draw_family(faults, length_ns, cycles_ns[family], own)
    drawn.sort(key=lambda planned: planned.at_ns)
    return [
        Planned(number, planned.fault, planned.at_ns, planned.until_ns, planned.seed)
        for number, planned in enumerate(drawn, start=1)
    ]


def _draw_family(
    faults: Sequence[Fault], length_ns: int, cycle_ns: int, random: Random
) -> Iterable[Planned]:
    cycles = max(1, round(length_ns / cycle_ns))
    cycle_ns = length_ns // cycles
    deck = sorted(random.sample(faults, len(faults)), key=lambda fault: fault.at_leader)
    for cycle in range(cycles):
        deck = deck or random.sample(faults, len(faults))
        quiet_ns = int(cycle_ns * random.uniform(0.35, 0.65))
        longest_ns = cycle_ns - quiet_ns
        active_ns = max(min(SHORTEST_NS, longest_ns), int(longest_ns * random.uniform(0.4, 1)))
        at_ns = cycle * cycle_ns + quiet_ns
        yield Planned(0, deck.pop(), at_ns, at_ns + active_ns, random.getrandbits(32))


def _named(name: str) -> tuple[Fault, ...]:
    return FAMILIES[name] if name in FAMILIES else (FAULTS[name],)
