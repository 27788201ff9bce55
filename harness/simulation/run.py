"""A simulated run: the steps of every run, and what only a simulated one can be asked for.

It can follow a script, heal while calls go on or not at all, and leave nodes broken for ever; so a
failure can be shrunk, and a system that only waits be told from one that is stuck.
"""

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from harness.recorder import Recorder, Struck
from harness.run import Run, RunPlan
from harness.simulation.cluster import SimulatedCluster
from harness.simulation.scenario import Lasting, Scenario, in_simulator
from systems_under_test.node import NodeId
from workloads.workload import Call, Calls


class SimulatedRun(Run):
    """Carries out a scenario on its cluster."""

    def __init__(
        self,
        scenario: Scenario,
        cluster: SimulatedCluster,
        recorder: Recorder,
        logs: Path | None = None,
    ) -> None:
        super().__init__(plan_of(scenario), cluster, recorder, logs)
        self._scenario = scenario

    @property
    def ends_with_calls(self) -> bool:
        return self._scenario.only_calls or super().ends_with_calls

    @property
    def must_serve(self) -> tuple[NodeId, ...]:
        core = self._scenario.core
        return core.nodes if core is not None else super().must_serve

    def _clients_at_work(
        self, calls: Calls, begin_ns: int, end_ns: int
    ) -> list[Coroutine[Any, Any, None]]:
        """The workers follow the script, if there is one; and perhaps all is healed meanwhile."""
        if self._scenario.script is None:
            work = super()._clients_at_work(calls, begin_ns, end_ns)
        else:
            scripts: list[list[tuple[int, Call, NodeId | None]]] = [[] for _ in self._workers]
            for step in self._scenario.script:
                scripts[step.client].append((step.at_ns, step.call, step.first))
            workers = zip(self._workers, scripts, strict=True)
            work = [worker.follow(script, begin_ns, calls) for worker, script in workers]
        if self._scenario.heal_ns is not None:
            work.insert(0, self._heal_later(begin_ns + self._scenario.heal_ns))
        return work

    async def _heal_later(self, moment_ns: int) -> None:
        await self._clock.sleep_until_ns(moment_ns)
        await self._heal()

    async def _heal(self) -> None:
        """Heal everything; or only the core, and leave the others with what lasts."""
        await super()._heal()
        core = self._scenario.core
        if core is None:
            return
        others = [node for node in self._cluster.nodes if node not in core.nodes]
        inwards = [(inner, outer) for inner in core.nodes for outer in others]
        outwards = [(outer, inner) for inner in core.nodes for outer in others]
        since_ns = self._clock.now_ns()
        match core.others:
            case Lasting.DEAD:
                await self._cluster.kill(others)
            case Lasting.ISOLATED:
                await self._cluster.cut(inwards + outwards)
            case Lasting.DEAF:
                await self._cluster.cut(inwards)
            case Lasting.MUTE:
                await self._cluster.cut(outwards)
        number = max((planned.number for planned in self.plan.schedule), default=0) + 1
        detail = f"{', '.join(others)} {'stays' if len(others) == 1 else 'stay'} {core.others}"
        self._recorder.inject(number, f"lasting-{core.others}", since_ns, Struck(detail))


def plan_of(scenario: Scenario) -> RunPlan:
    """The run that a scenario asks for, as every run is planned."""
    config = scenario.config
    _, refused = in_simulator(config)
    return RunPlan(config, config.named_workload, scenario.schedule, refused)
