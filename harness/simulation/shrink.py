"""Shrinks a failing scenario to one from which nothing can be taken any more.

A smaller scenario is run again and kept if it fails in the same kind of way. The order is that in
which most is taken soonest: what comes after the violation, then faults, clients, keys, calls, and
in the end the world's noise; and all of that again until nothing goes (delta debugging, Zeller and
Hildebrandt, "Simplifying and Isolating Failure-Inducing Input"). A call keeps its moment when
others are taken away, so that what is left goes on to happen as before.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations, permutations
from typing import Any, TypeVar

from checker.wording import plural
from harness.clock import SECOND_NS
from harness.errors import HarnessError
from harness.nemesis.catalogue import FAULTS
from harness.nemesis.schedule import PlannedFault
from harness.simulation.scenario import Scenario, Scripted
from harness.simulation.simulate import Simulated, script_of, simulate
from harness.simulation.world import CALM
from workloads.workload import Call

T = TypeVar("T")

OTHER_DICE = 30
"""This many other seeds are tried for a script that does not fail under its own."""

EVENTS = ("blinks", "clogs", "jumps", "disk_failures", "damages")
"""The troubles of a world that come at moments of their own."""

FEW_CALLS = 16
"""Up to this many calls, steps are taken that try each of them, or each pair, in many ways."""


@dataclass
class Shrinker:
    """Shrinks one failure, until `until` by `time.monotonic` at the latest."""

    best: Simulated
    until: float
    tried: int = 0

    def shrink(self) -> Simulated:
        """The smallest scenario found that fails in the same way; perhaps the one given."""
        self._write_down()
        while time.monotonic() < self.until:
            size = self._size()
            if not self.best.scenario.only_calls:
                self._write_down()  # A calmer world may follow the whole script by now.
            for step in (
                self._end, self._faults, self._core, self._clients, self._keys, self._calls,
                self._calls_simpler, self._pairs, self._merge, self._calm, self._events,
                self._one_fault, self._few,
            ):  # fmt: skip
                step()
            if self._size() == size:
                break
        return self.best

    def _write_down(self) -> None:
        """Take what the clients did for a script, so that less of it can be tried.

        What was found by the end's reads is part of the script then, and the run ends with it.
        Calls that are asked of the nodes that answered them may go another way; where the failure
        is gone then, the world's noise is tried without, which changes the dice as well, and at
        last other dice are.
        """
        scenario = self.best.scenario
        whole = script_of(self.best, whole=True)
        written = []
        if self.best.kind != "not live":
            last_ns = max((step.at_ns for step in whole), default=0) + SECOND_NS
            longer = replace(scenario.config, time_limit=last_ns / SECOND_NS)
            alone = replace(scenario, config=longer, script=whole, only_calls=True)
            lasting = replace(alone, heal_ns=scenario.config.time_limit_ns)
            written += [replace(alone, core=None), lasting]
        written.append(replace(scenario, script=script_of(self.best, whole=False)))
        for smaller in written:
            if self._accept(smaller) or self._accept(replace(smaller, world=CALM)):
                return
        if scenario.script is None:
            for seed in range(OTHER_DICE):
                for smaller in written:
                    other = replace(smaller.config, seed=seed)
                    if self._accept(replace(smaller, config=other)):
                        return

    def _size(self) -> tuple[int, ...]:
        scenario = self.best.scenario
        noise = sum(getattr(scenario.world, f.name) != getattr(CALM, f.name) for f in fields(CALM))
        script = scenario.script or ()
        clients = len({step.client for step in script})
        simplifiable = sum(self._simpler(step.call) is not None for step in script)
        events = sum(len(getattr(scenario.world, name)) for name in EVENTS)
        return (len(scenario.schedule), len(script), simplifiable, clients, noise, events,
                scenario.config.nodes, scenario.config.clients,
                int(scenario.config.time_limit * 1000))  # fmt: skip

    def _accept(self, scenario: Scenario) -> bool:
        """Keep a scenario if it fails in the same way."""
        if time.monotonic() > self.until:
            return False
        self.tried += 1
        try:
            found = simulate(scenario)
        except HarnessError:
            return False  # It blocks, which is a failure of another kind.
        if found.kind != self.best.kind:
            return False
        self.best = found
        return True

    def _accept_with_any_dice(self, scenario: Scenario) -> bool:
        """As above, of a few calls also with other seeds: a calmer world rolls its dice again."""
        if self._accept(scenario):
            return True
        return len(self._script()) <= FEW_CALLS and any(
            self._accept(replace(scenario, config=replace(scenario.config, seed=seed)))
            for seed in range(OTHER_DICE)
        )

    def _end(self) -> None:
        """Leave out what comes after the violation."""
        if self.best.kind != "not live" and self.best.scenario.core is not None:
            self._accept(replace(self.best.scenario, core=None, heal_ns=None))
        scenario = self.best.scenario
        last = max((o.completed_ns or 0 for o in self.best.result.counterexample or ()), default=0)
        if scenario.only_calls and last:
            calls = next(p for p in self.best.history.phases if p.name == "calls")
            self._shorten(last - calls.begins_ns + SECOND_NS // 100)
        for share in (0.25, 0.5, 0.75, 0.9):
            if self._shorten(int(self.best.scenario.config.time_limit_ns * share)):
                break

    def _shorten(self, end_ns: int) -> bool:
        """Leave out calls and faults that begin after a moment, and heal what lasts beyond it."""
        scenario = self.best.scenario
        if not SECOND_NS // 10 <= end_ns < scenario.config.time_limit_ns:
            return False
        schedule = tuple(
            replace(planned, until_ns=min(planned.until_ns, end_ns))
            for planned in scenario.schedule
            if planned.at_ns < end_ns
        )
        script = tuple(step for step in scenario.script or () if step.at_ns < end_ns)
        config = replace(scenario.config, time_limit=end_ns / SECOND_NS)
        return self._accept(replace(scenario, config=config, schedule=schedule, script=script))

    def _faults(self) -> None:
        self._reduce(
            self.best.scenario.schedule,
            lambda left: replace(self.best.scenario, schedule=tuple(left)),
        )

    def _core(self) -> None:
        """Let what lasts hit other nodes, and the last call ask one of these: then no fault may be
        needed that brought the leader there."""
        scenario = self.best.scenario
        if scenario.core is None or not scenario.schedule or not self._script():
            return
        names = scenario.config.node_names
        *others, last = self._script()
        for count in range(1, len(names) - len(scenario.core.nodes) + 1):
            for broken in combinations(names, count):
                core = replace(scenario.core, nodes=tuple(n for n in names if n not in broken))
                alone = replace(scenario, core=core, schedule=())
                for script in (
                    scenario.script,
                    *((*others, replace(last, first=node)) for node in broken),
                ):
                    if self._accept(replace(alone, script=script)):
                        return

    def _clients(self) -> None:
        """Leave out all calls of a client; then number those that are left from 0."""
        for client in sorted({step.client for step in self._script()}, reverse=True):
            self._keep(lambda step, gone=client: step.client != gone)  # type: ignore[misc]
        names = sorted({step.client for step in self._script()})
        if names and len(names) < self.best.scenario.config.clients:
            script = tuple(
                replace(step, client=names.index(step.client)) for step in self._script()
            )
            config = replace(self.best.scenario.config, clients=len(names))
            self._accept(replace(self.best.scenario, config=config, script=script))

    def _keys(self) -> None:
        keys = dict.fromkeys(step.call.key for step in self._script())
        key = self.best.result.key
        if key in keys:
            self._keep(lambda step: step.call.key == key)
        for key in list(keys):
            self._keep(lambda step, gone=key: step.call.key != gone)  # type: ignore[misc]

    def _calls(self) -> None:
        self._reduce(self._script(), lambda left: replace(self.best.scenario, script=tuple(left)))

    def _calls_simpler(self) -> None:
        """Let simpler calls stand in: a plain write for a compare-and-set, say."""
        for place, step in enumerate(self._script()):
            simpler = self._simpler(step.call)
            if simpler is not None:
                script = list(self._script())
                script[place] = replace(step, call=simpler)
                self._accept(replace(self.best.scenario, script=tuple(script)))

    def _pairs(self) -> None:
        """Take two calls at once, where few are left: one may be needed only by the other."""
        taken = len(self._script()) <= FEW_CALLS
        while taken:
            script = self._script()
            taken = any(
                self._keep(lambda step, two=two: step not in two)  # type: ignore[misc]
                for two in combinations(script, 2)
            )

    def _merge(self) -> None:
        """Let one client make the calls of another as well."""
        clients = sorted({step.client for step in self._script()})
        for gone, other in permutations(clients, 2):
            if any(step.client == gone for step in self._script()):
                script = tuple(
                    replace(step, client=other) if step.client == gone else step
                    for step in self._script()
                )
                self._accept(replace(self.best.scenario, script=script))

    def _calm(self) -> None:
        """Take the noise away, all of it at once or one kind after the other."""
        if self.best.scenario.world == CALM or self._accept_with_any_dice(
            replace(self.best.scenario, world=CALM)
        ):
            return
        for name in (field.name for field in fields(CALM)):
            world = self.best.scenario.world
            if getattr(world, name) != getattr(CALM, name):
                calmer = replace(world, **{name: getattr(CALM, name)})
                self._accept(replace(self.best.scenario, world=calmer))

    def _events(self) -> None:
        """Leave out single troubles of the world."""
        for name in EVENTS:

            def without(left: Sequence[Any], name: str = name) -> Scenario:
                changed: dict[str, Any] = {name: tuple(left)}
                world = replace(self.best.scenario.world, **changed)
                return replace(self.best.scenario, world=world)

            if getattr(self.best.scenario.world, name):
                self._accept_with_any_dice(without(()))
            self._reduce(getattr(self.best.scenario.world, name), without)

    def _one_fault(self) -> None:
        """Let one fault, from some time before the first call on, stand for all the trouble.

        It may hit another node than the last call asked, which then asks each of them.
        """
        scenario, script = self.best.scenario, self._script()
        faults = len(scenario.schedule) + (scenario.core is not None)
        if scenario.world == CALM and faults < 2:
            return
        if not 0 < len(script) <= FEW_CALLS:
            return
        *others, last = script
        first_ns, end_ns = script[0].at_ns, scenario.config.time_limit_ns
        for fault in FAULTS.values():
            if fault.least_nodes > scenario.config.nodes or fault.family == "membership":
                continue
            for before_ns in (SECOND_NS // 5, SECOND_NS):
                planned = PlannedFault(1, fault, max(0, first_ns - before_ns), end_ns, seed=1)
                alone = replace(scenario, schedule=(planned,), core=None, world=CALM)
                if self._accept_with_any_dice(alone) or any(
                    self._accept(replace(alone, script=(*others, replace(last, first=node))))
                    for node in scenario.config.node_names
                ):
                    return

    def _few(self) -> None:
        """Fewer nodes, where the world does not tell of single ones."""
        config, world = self.best.scenario.config, self.best.scenario.world
        per_node = ("offsets_ns", "drifts_ppm", "regions", *EVENTS)
        if any(getattr(world, name) for name in per_node) or self.best.scenario.core is not None:
            return
        least = max((p.fault.least_nodes for p in self.best.scenario.schedule), default=1)
        for nodes in range(max(least, 3), config.nodes):
            smaller = replace(config, nodes=nodes)
            script = tuple(
                step if step.first in smaller.node_names else replace(step, first=None)
                for step in self._script()
            )
            if self._accept(replace(self.best.scenario, config=smaller, script=script)):
                return

    def _simpler(self, call: Call) -> Call | None:
        return self.best.scenario.config.named_workload.simpler(call)

    def _script(self) -> tuple[Scripted, ...]:
        return self.best.scenario.script or ()

    def _keep(self, wanted: Callable[[Scripted], bool]) -> bool:
        script = tuple(step for step in self._script() if wanted(step))
        if len(script) == len(self._script()):
            return False
        return self._accept(replace(self.best.scenario, script=script))

    def _reduce(self, items: Sequence[T], scenario: Callable[[Sequence[T]], Scenario]) -> None:
        """Take away parts of a list, first large ones, at last single items."""
        left = list(items)
        if left and self._accept(scenario([])):
            return
        size = max(1, len(left) // 2)
        while left and time.monotonic() < self.until:
            taken = False
            for rest in _without_parts(left, size):
                if rest and self._accept(scenario(rest)):
                    left, taken = rest, True
                    break
            if not taken:
                if size == 1:
                    return
                size = max(1, size // 2)


def _without_parts(items: list[T], size: int) -> Iterator[list[T]]:
    """The list without each of its parts of that size, the last part first."""
    for start in range((len(items) - 1) // size * size, -1, -size):
        yield items[:start] + items[start + size :]


def shrink(failed: Simulated, seconds: float) -> tuple[Simulated, int]:
    """Shrink a failure for at most so long; the smallest found, and how many runs that took."""
    shrinker = Shrinker(failed, time.monotonic() + seconds)
    return shrinker.shrink(), shrinker.tried


def size_of(simulated: Simulated) -> str:
    """How big a run is: "2 clients, 3 operations, 1 fault, with loss".

    Where nothing was served after healing, the operations are those before it.
    """
    scenario = simulated.scenario
    operations = simulated.history.operations
    if simulated.kind == "not live":
        heals = [phase.begins for phase in simulated.history.phases if phase.name == "heal"]
        operations = tuple(o for o in operations if heals and o.invoked < heals[0])
    clients = len({o.process % scenario.config.clients for o in operations})
    size = ", ".join(
        plural(count, word)
        for count, word in (
            (clients, "client"),
            (len(operations), "operation"),
            (len(scenario.schedule) + (scenario.core is not None), "fault"),
        )
    )
    noise = [words for name, words in _NOISE if getattr(scenario.world, name)]
    for name in EVENTS:
        count = len(getattr(scenario.world, name))
        word = name.replace("_", " ").removesuffix("s")
        noise += [plural(count, word)] if count else []
    return f"{size}, with {' and '.join(noise)}" if noise else size


_NOISE = (
    ("loss", "loss"), ("duplication", "duplication"), ("reordering", "reordering"),
    ("slow_syncs", "slow syncs"), ("late_kills", "crashes within a step"),
    ("drifts_ppm", "drifting clocks"), ("habits", "unusual habits"),
)  # fmt: skip
"""What makes a world troubled all the time."""
