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

from harness import names
from harness.clock import MILLISECOND_NS
from harness.errors import OptionError
from harness.nemesis.fault import Fault

SHORTEST_NS = 500 * MILLISECOND_NS


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault of a schedule, in nanoseconds from the beginning of the calls."""

    number: int
    fault: Fault
    at_ns: int
    until_ns: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        found_by = names.name_of(self.fault)
        return {
            "number": self.number,
            "name": self.fault.name,
            "family": self.fault.family,
            "at_ns": self.at_ns,
            "until_ns": self.until_ns,
            "seed": self.seed,
            **({} if found_by == self.fault.name else {"found_by": found_by}),
        }

    @classmethod
    def from_json(cls, values: Any) -> "PlannedFault":
        """The fault that `to_json` told of; `ValueError` or `KeyError` where it is none."""
        told = msgspec.convert(values, _Told)
        fault = names.fault(told.found_by or told.name)
        return cls(told.number, fault, told.at_ns, told.until_ns, told.seed)


@dataclass(frozen=True, slots=True)
class _Told:
    """A planned fault as it stands in files; `found_by` is the name of one of the user's own."""

    number: int
    name: str
    at_ns: int
    until_ns: int
    seed: int
    found_by: str = ""


def choose_faults(chosen: Iterable[str], nodes: int) -> dict[str, tuple[Fault, ...]]:
    """The faults to draw from, by family, for names of families and of single faults.

    Raises `UsageError` for a name that leads to no fault, and for a single fault, or a family of
    which no fault is left, that makes no sense with so few nodes.
    """
    families: dict[str, list[Fault]] = {}
    for name in chosen:
        named = names.faults(name)
        fitting = [fault for fault in named if fault.least_nodes <= nodes]
        if not fitting:
            least = min(fault.least_nodes for fault in named)
            raise OptionError(
                "faults",
                f"cannot be {name!r}, which needs at least {least} nodes where there are {nodes}; "
                "give more nodes or other faults",
            )
        for fault in fitting:
            family = families.setdefault(fault.family, [])
            if fault not in family:
                family.append(fault)
    return {family: tuple(faults) for family, faults in families.items()}


def draw(
    families: Mapping[str, tuple[Fault, ...]],
    length_ns: int,
    seed: int,
    cycles_ns: Mapping[str, int],
    shortest_ns: int = 0,
) -> list[PlannedFault]:
    """Draw a schedule for a run whose calls last `length_ns`; every fault is healed before its end.

    A family strikes once in about as long as `cycles_ns` says of it, and at least once. It begins
    with the leader, where most mistakes are and which a short run might otherwise miss; each of its
    faults comes once before any comes again. Each family has dice of its own, derived from `seed`
    by its name, so what strikes beside it changes nothing of when and how it strikes. A fault lasts
    `shortest_ns` at least, where the run has room for it: cycles are at least three times as long.
    """
    cycles_ns = {family: max(cycles_ns[family], 3 * shortest_ns) for family in families}
    shortest_ns = max(shortest_ns, SHORTEST_NS)
    drawn: list[PlannedFault] = []
    for family, faults in families.items():
        own = Random(f"{seed}:schedule:{family}")
        drawn += _draw_family(faults, length_ns, cycles_ns[family], own, shortest_ns)
    drawn.sort(key=lambda planned: (planned.at_ns, planned.fault.family))
    return [
        PlannedFault(number, planned.fault, planned.at_ns, planned.until_ns, planned.seed)
        for number, planned in enumerate(drawn, start=1)
    ]


def _draw_family(
    faults: Sequence[Fault], length_ns: int, cycle_ns: int, random: Random, shortest_ns: int
) -> Iterable[PlannedFault]:
    cycles = max(1, round(length_ns / cycle_ns))
    cycle_ns = length_ns // cycles
    deck = sorted(random.sample(faults, len(faults)), key=lambda fault: fault.at_leader)
    for cycle in range(cycles):
        deck = deck or random.sample(faults, len(faults))
        quiet_ns = int(cycle_ns * random.uniform(0.35, 0.65))
        longest_ns = cycle_ns - quiet_ns
        active_ns = max(min(shortest_ns, longest_ns), int(longest_ns * random.uniform(0.4, 1)))
        at_ns = cycle * cycle_ns + quiet_ns
        yield PlannedFault(0, deck.pop(), at_ns, at_ns + active_ns, random.getrandbits(32))
