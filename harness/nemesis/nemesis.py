"""Carries out a schedule against a cluster and writes down what it did."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from random import Random

from harness.clock import Clock
from harness.cluster import Capability, Cluster, Effect
from harness.errors import HarnessError
from harness.nemesis.fault import Fault, NotApplied
from harness.nemesis.schedule import PlannedFault
from harness.recorder import Recorder, Struck
from systems_under_test.node import NodeId


class Nemesis:
    """Injects and heals the faults of one schedule at their moments."""

    def __init__(self, cluster: Cluster, recorder: Recorder, clock: Clock) -> None:
        self._cluster = cluster
        self._recorder = recorder
        self._clock = clock
        self._active: dict[int, Fault] = {}
        self._injected: set[int] = set()
        """The numbers of faults that have wholly struck and are not healed."""

        self._met: dict[int, int | None] = {}
        """What the environment had counted when each fault began."""

        self._struck: dict[str, Fault] = {}
        """The last fault of each family."""

    async def perform(
        self, schedule: Sequence[PlannedFault], begin_ns: int, end_ns: int | None = None
    ) -> None:
        """Perform a schedule whose times count from `begin_ns`; the families side by side.

        Where an environment takes so long that a fault would begin after `end_ns`, it is left out.
        """
        families: dict[str, list[PlannedFault]] = {}
        for planned in schedule:
            families.setdefault(planned.fault.family, []).append(planned)
        await self._clock.together(
            *(self._perform_family(own, begin_ns, end_ns) for own in families.values())
        )

    async def heal_everything(self) -> None:
        """Heal what is still active, and then each family once more, whatever the history says.

        Where one healing fails all others are tried; then the first error is raised.
        """
        cluster = self._cluster
        nodes = cluster.nodes
        healings: list[Callable[[], Awaitable[None]]] = [
            *(partial(self._heal, *active) for active in self._active.items()),
            cluster.calm,
            cluster.mend,
            partial(cluster.disturb, {}),
            partial(cluster.skew, {}),
            cluster.free,
            cluster.repair,
            partial(cluster.limit_processors, nodes, None),
            partial(cluster.limit_memory, nodes, None),
            partial(cluster.resume, nodes),
            partial(cluster.start, nodes),
            *(partial(fault.heal, cluster) for fault in self._struck.values()),
        ]
        failures: list[HarnessError] = []
        for heal in healings:
            try:
                await heal()
            except HarnessError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    async def _perform_family(
        self, schedule: Iterable[PlannedFault], begin_ns: int, end_ns: int | None
    ) -> None:
        for planned in schedule:
            await self._clock.sleep_until_ns(begin_ns + planned.at_ns)
            if end_ns is not None and self._clock.now_ns() > end_ns:
                return
            self._active[planned.number] = self._struck[planned.fault.family] = planned.fault
            since_ns, struck = await self._inject(planned, begin_ns + planned.until_ns)
            self._recorder.inject(planned.number, planned.fault.name, since_ns, struck)
            self._injected.add(planned.number)
            if planned.number in self._active:
                await self._clock.sleep_until_ns(begin_ns + planned.until_ns)
            await self._heal(planned.number, planned.fault)

    async def _inject(self, planned: PlannedFault, until_ns: int) -> tuple[int, Struck]:
        """Inject a fault once what it waits for has come; since when it strikes, what was done, and
        what the environment showed of it.

        A fault that needs nothing of the environment says itself whether it found anything to do.
        """
        needs, effects = planned.fault.needs - {Capability.LOG}, self._cluster.effects
        since_ns = self._clock.now_ns()
        try:
            cluster = await planned.fault.awaited(self._cluster, until_ns)
            since_ns = self._clock.now_ns()
            self._met[planned.number] = await self._count(planned.fault)
            before = len(effects)
            detail = await planned.fault.inject(cluster, Random(planned.seed))
        except NotApplied as nothing:
            return since_ns, Struck(str(nothing), applied=False)
        nodes, seen = _shown(effects[before:], needs)
        return since_ns, Struck(detail, not needs or bool(seen), nodes, seen)

    async def _count(self, fault: Fault) -> int | None:
        """How often faults of this kind have met something so far, where the environment counts."""
        counts = [await self._cluster.met(need) for need in sorted(fault.needs)]
        known = [count for count in counts if count is not None]
        return sum(known) if known else None

    async def _heal(self, number: int, fault: Fault) -> None:
        """Heal a fault. One that is still being injected is healed now, and once more afterwards;
        what was healed with everything else in the meantime is left alone."""
        active = self._active.pop(number, None) is not None
        injected = number in self._injected
        if active or injected:
            self._injected.discard(number)
            effects = len(self._cluster.effects)
            if number in self._met:  # Else it has found nothing to do.
                await self._cluster.look_again(fault.needs)
            after, before = await self._count(fault), self._met.get(number)
            nodes, seen = _shown(self._cluster.effects[effects:], fault.needs)
            await fault.heal(self._cluster)
        if injected:
            met = None if after is None or before is None else after - before
            self._recorder.heal(number, met, nodes, seen)


def _shown(
    effects: Iterable[Effect], needs: frozenset[Capability]
) -> tuple[tuple[NodeId, ...], str]:
    """The nodes that effects struck, of those that a fault asked for, and how it was seen."""
    shown = [effect for effect in effects if effect.capability in needs]
    nodes = sorted({node for effect in shown for node in effect.nodes})
    return tuple(nodes), shown[-1].seen if shown else ""
