"""One run, from a cluster that is not yet started to a history on disk, in numbered steps.

    1 start       every node accepts connections
    2 warm-up     until the cluster has answered a request, or a while has passed
    3 calls       clients call while the nemesis carries out its schedule
    4 heal        everything that the nemesis broke
    5 recovery    within a bound every node must serve every kind of call again
    6 final reads of what the workload wants to know in the end
    7 save        the nodes' logs; the history has been on disk all along

What comes of it is judged afterwards, from the files (harness/judge.py).
"""

from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from checker.online import Online
from checker.operation import Outcome
from harness.arrivals import Arrivals
from harness.clock import MILLISECOND_NS, SECOND_NS
from harness.cluster import WARM_UP, Capability, Cluster, NoAnswer, Unreachable
from harness.config import RunConfig
from harness.errors import EnvironmentFailed, HarnessError, require_assertions
from harness.feasible import feasible, may_be_left_out
from harness.load import load_of
from harness.nemesis.nemesis import Nemesis
from harness.nemesis.schedule import PlannedFault
from harness.observer import Observer
from harness.recorder import Recorder
from harness.recovery import Recovery
from harness.worker import Pace, Worker
from systems_under_test.node import NodeId
from systems_under_test.requests import Reply, Request
from workloads.workload import Call, Calls, Workload

WARM_UP_NS = 15 * SECOND_NS
"""The longest wait for a first answer; a cluster that is silent even then is left to the gates."""


FINAL_READS = 1_000
"""The most final reads that are made of every node in turn."""

HEALED_WITHIN_NS = 2 * SECOND_NS
"""The longest that what was healed may still be seen in force."""


NEVER_DRAWN = 500
"""A function that is not among this many calls is one that the workload never calls."""


@dataclass
class Observations:
    """What a run learned beside its history; `stopped` is the violation that ended its calls."""

    liveness: dict[str, Any] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    cluster: dict[str, Any] = field(default_factory=dict)
    counters: dict[NodeId, Any] = field(default_factory=dict)
    leaders: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    recorded: dict[str, Any] = field(default_factory=dict)
    arrivals: dict[str, Any] = field(default_factory=dict)
    stalls: list[dict[str, int]] = field(default_factory=list)
    stopped: str = ""

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class RunPlan:
    """All that a run needs to know before it starts; together with the cluster it *is* the run."""

    config: RunConfig
    workload: Workload
    schedule: Sequence[PlannedFault]
    refused: Sequence[str] = ()


def plan(config: RunConfig, cluster: Cluster) -> RunPlan:
    """Draw the schedule from the seed, without the faults that this environment cannot do."""
    families, refused = feasible(
        config, cluster.capabilities, cluster.environment, partial(_way, cluster)
    )
    return RunPlan(config, config.named_workload, config.draw_schedule(families), refused)


_WAYS = {
    Capability.CUT: "partitions",
    Capability.PACKET: "packets",
    Capability.POWER: "power",
    Capability.DISK: "power",
    Capability.CLOCK: "clocks",
}
"""What of a cluster's description says how something is done, or why it cannot be."""


def _way(cluster: Cluster, lacking: Iterable[Capability]) -> str:
    described = cluster.describe()
    told = [described[_WAYS[need]] for need in sorted(lacking) if _WAYS.get(need) in described]
    return f": {told[0]}" if told else ""


class _Violated(Exception):
    """The calls so far are not linearizable; the message says of which key, and why."""


class Run:
    """Carries out a plan on a cluster."""

    def __init__(
        self, plan: RunPlan, cluster: Cluster, recorder: Recorder, logs: Path | None = None
    ) -> None:
        """`logs` is the folder for the nodes' logs, if they are wanted."""
        require_assertions()
        self.plan = plan
        self._config = plan.config
        self._cluster = cluster
        self._clock = cluster.clock
        self._recorder = recorder
        self._logs = logs
        self._nemesis = Nemesis(cluster, recorder, cluster.clock)
        self._observer = Observer(cluster, cluster.clock)
        self._seen = Observations()
        self._workers: list[Worker] = []
        if self._config.check_online:
            recorder.online = Online(plan.workload.model())

    async def perform(self) -> Observations:
        """Perform every step; whatever happens, the cluster is closed and its logs are kept."""
        calls = self.plan.workload.calls(self._random("calls"), self._config.shape)
        try:
            await self._step("start", self._cluster.open)
            self._require_capabilities()
            await self._step("warm-up", self._warm_up)
            self._workers = [self._worker(number) for number in range(self._config.clients)]
            await self._step("calls", lambda: self._call_under_faults(calls))
            if not self.ends_with_calls:
                await self._step("heal", self._heal)
                await self._step("recovery", lambda: self._recover(calls))
                await self._step("final reads", lambda: self._read_finally(calls))
            await self._collect()
        finally:
            try:
                self._recorder.phase("end")
                await self._keep_logs()
            finally:
                await self._cluster.close()
        return self._seen

    @property
    def ends_with_calls(self) -> bool:
        """Whether nothing is asked to recover or read at last: a violation was seen by then."""
        return bool(self._seen.stopped)

    @property
    def must_serve(self) -> tuple[NodeId, ...]:
        """The nodes that must serve again once all is healed."""
        return self._cluster.nodes

    def _require_capabilities(self) -> None:
        """Only a cluster that is open knows its rights; better no run than one without faults."""
        left_out: dict[str, str] = {}
        for fault in (planned.fault for planned in self.plan.schedule):
            if not fault.needs <= self._cluster.capabilities:
                needs = fault.needs - self._cluster.capabilities
                lacking = f"{', '.join(sorted(needs))}, which the fault {fault.name} needs"
                lacking += _way(self._cluster, needs)
                cannot = f"this {self._cluster.environment} environment cannot {lacking}"
                if not may_be_left_out(self._config, fault.family):
                    raise EnvironmentFailed(
                        f"{cannot}; leave {fault.family} out of the faults, or give the harness "
                        "the rights"
                    )
                left_out[fault.name] = cannot
        if left_out:
            kept = [one for one in self.plan.schedule if one.fault.name not in left_out]
            refused = [*self.plan.refused, *left_out.values()]
            self.plan = replace(self.plan, schedule=kept, refused=refused)

    async def _step(self, name: str, action: Callable[[], Any]) -> None:
        self._recorder.phase(name)
        began_ns = self._clock.now_ns()
        await action()
        self._seen.seconds[name] = (self._clock.now_ns() - began_ns) / SECOND_NS

    async def _warm_up(self) -> None:
        channel = self._cluster.channel(WARM_UP)
        call = self.plan.workload.warm_up
        until_ns = self._clock.now_ns() + WARM_UP_NS
        attempt = 0
        while self._clock.now_ns() < until_ns:
            node = self._cluster.nodes[attempt % len(self._cluster.nodes)]
            attempt += 1
            request = Request(0, attempt, call.function, call.key, call.argument)
            try:
                answer = await channel.ask(node, request, self._clock.now_ns() + SECOND_NS)
            except (Unreachable, NoAnswer):
                answer = None
            if isinstance(answer, Reply):
                break
            await self._clock.sleep_until_ns(self._clock.now_ns() + 20 * MILLISECOND_NS)
        await channel.close()

    async def _call_under_faults(self, calls: Calls) -> None:
        begin_ns = self._clock.now_ns()
        end_ns = begin_ns + self._config.time_limit_ns
        try:
            await self._clock.together(
                self._nemesis.perform(self.plan.schedule, begin_ns, end_ns),
                self._observer.watch(end_ns),
                self._stop_at_violation(end_ns),
                *self._clients_at_work(calls, begin_ns, end_ns),
            )
        except _Violated as violated:
            self._seen.stopped = str(violated)
            await self._nemesis.heal_everything()
        except EnvironmentFailed as failed:
            raise EnvironmentFailed(f"{failed}{await self._left_in_force()}") from failed

    def _clients_at_work(
        self, calls: Calls, begin_ns: int, end_ns: int
    ) -> list[Coroutine[Any, Any, None]]:
        """What goes on while the nemesis strikes: each worker makes calls until they end."""
        if self._config.open_loop:
            arrivals = Arrivals(self._config, self._clock, self._random("arrivals"))
            self._seen.arrivals = arrivals.counted
            return [arrivals.work(worker, calls, end_ns) for worker in self._workers]
        if self._config.load:
            load = load_of(self._config, self.plan.workload, calls, self._clock)
            return [worker.generate(load, calls, end_ns) for worker in self._workers]
        pace = Pace(self._config.rate, self._clock, self._random("pace"))
        return [
            worker.work(calls, pace, lambda: self._clock.now_ns() < end_ns)
            for worker in self._workers
        ]

    async def _stop_at_violation(self, end_ns: int) -> None:
        """Raise `_Violated`, which ends all that goes on, as soon as the calls show a violation."""
        online = self._recorder.online
        while online is not None and self._clock.now_ns() < end_ns:
            if online.violation:
                raise _Violated(online.violation)
            await self._clock.sleep_until_ns(self._clock.now_ns() + 20 * MILLISECOND_NS)

    async def _heal(self) -> None:
        try:
            await self._nemesis.heal_everything()
        except EnvironmentFailed as failed:
            raise EnvironmentFailed(f"{failed}{await self._left_in_force()}") from failed
        until_ns = self._clock.now_ns() + HEALED_WITHIN_NS
        while left := await self._cluster.in_force():
            if self._clock.now_ns() > until_ns:
                raise EnvironmentFailed(
                    f"faults were healed and are still in force ({'; '.join(left)}): see what "
                    f"became of the {self._cluster.environment} environment, then run again"
                )
            await self._clock.sleep_until_ns(self._clock.now_ns() + 20 * MILLISECOND_NS)

    async def _left_in_force(self) -> str:
        """Heal everything after a fault has failed; what is still in force then, in words."""
        told = ""
        try:
            await self._nemesis.heal_everything()
        except HarnessError as error:
            told = f"; healing failed as well: {error}"
        try:
            left = await self._cluster.in_force()
        except HarnessError as error:
            return f"{told}; what is still in force is not known: {error}"
        return f"{told}; still in force: {'; '.join(left)}" if left else told

    async def _recover(self, calls: Calls) -> None:
        """Liveness: every node must serve every kind of call, within one bound for all of them."""
        began_ns = self._clock.now_ns()
        limit_ns = int(self._config.recovery_limit * SECOND_NS)
        found = Recovery()
        worker = self._workers[0]
        for node in self.must_serve:
            wanted = dict.fromkeys(self.plan.workload.functions)
            asked: Counter[str] = Counter()
            while wanted and self._awake_ns(began_ns) < limit_ns:
                if asked.total() >= NEVER_DRAWN and not wanted.keys() & asked.keys():
                    break  # Nobody ever calls these, which is no failure of the system.
                call = calls.next()
                asked[call.function] += 1
                completion = await worker.make(call, calls, first=node)
                if completion.outcome is Outcome.OK and node in completion.heard:
                    wanted.pop(call.function, None)
                else:
                    pause_ns = 20 * MILLISECOND_NS
                    await self._clock.sleep_until_ns(self._clock.now_ns() + pause_ns)
            found.add(node, wanted, asked)
        took_ns = self._clock.now_ns() - began_ns
        found_out = found.told(self._config.recovery_limit, took_ns)
        self._seen.liveness = {**found_out, "stalled_ns": self._clock.stalled_ns(began_ns)}

    def _awake_ns(self, since_ns: int) -> int:
        """How much time has passed in which the harness did not itself stand still."""
        return self._clock.now_ns() - since_ns - self._clock.stalled_ns(since_ns)

    async def _read_finally(self, calls: Calls) -> None:
        """Share the final reads among the workers; a cluster that does not serve is not asked."""
        if not self._seen.liveness["passed"]:
            return
        reads = list(calls.final())
        if self.plan.workload.eventual:
            await self._read_until_settled(reads, calls)
            return
        asked = [*self._of_every_node(reads), *((call, None) for call in reads if not call.pure)]
        count = len(self._workers)
        await self._clock.together(
            *(
                worker.make_all(asked[number::count], calls)
                for number, worker in enumerate(self._workers)
            )
        )

    def _of_every_node(self, reads: Sequence[Call]) -> Iterator[tuple[Call, NodeId]]:
        """Reads that change nothing, each made of every node, the youngest keys first, as far as
        the bound on their number goes; beyond it, of one node each."""
        nodes = self.must_serve
        pure = [call for call in reads if call.pure]
        often = min(len(pure), FINAL_READS // len(nodes))
        for number, call in enumerate(reversed(pure)):
            first = number % len(nodes)
            for node in nodes if number < often else nodes[first : first + 1]:
                yield call, node

    async def _read_until_settled(self, reads: Sequence[Call], calls: Calls) -> None:
        """Read every node again and again until all show what they should, or the bound of the
        recovery has passed."""
        began_ns = self._clock.now_ns()
        limit_ns = int(self._config.recovery_limit * SECOND_NS)
        worker = self._workers[0]
        while True:
            results = []
            for node in self.must_serve:
                for call in reads:
                    completion = await worker.make(call, calls, node, stays=True)
                    if completion.outcome is Outcome.OK:
                        results.append(completion.result)
            whole = len(results) == len(reads) * len(self.must_serve)
            if (whole and calls.settled(results)) or self._awake_ns(began_ns) > limit_ns:
                return
            await self._clock.sleep_until_ns(self._clock.now_ns() + SECOND_NS // 10)

    async def _collect(self) -> None:
        """Ask the nodes for their counters, and see whether one ended of itself."""
        await self._observer.look()
        self._seen.counters = self._observer.counters()
        self._seen.leaders = self._observer.leaders
        self._seen.findings = [*_unexpected(self._cluster.crashes()), *self._cluster.findings]
        self._seen.cluster = self._cluster.describe()
        counted = self._recorder.counted()
        self._seen.recorded = {
            **counted,
            "nodes": list(self._cluster.nodes),
            "serving": list(self.must_serve),
        }
        self._seen.stalls = [asdict(stall) for stall in self._clock.stalls]
        for worker in self._workers:
            await worker.close()

    async def _keep_logs(self) -> None:
        if self._logs is None:
            return
        self._logs.mkdir(exist_ok=True)
        try:
            await self._cluster.collect_logs(self._logs)
        except HarnessError as error:
            self._seen.findings.append(f"the nodes' logs could not be kept: {error}")

    def _worker(self, number: int) -> Worker:
        timeout_ns = int(self._config.operation_timeout * SECOND_NS)
        random = self._random(f"client:{number}")
        nodes, clients = self._cluster.nodes, self._config.clients
        home = nodes[number % len(nodes)] if self._config.clients_stay else None
        return Worker(number, clients, self._cluster, self._recorder, timeout_ns, random, home)

    def _random(self, part: str) -> Random:
        """Each part draws from its own generator, so that a draw here shifts none elsewhere."""
        return Random(f"{self._config.seed}:{part}")


def _unexpected(crashes: Mapping[NodeId, str]) -> list[str]:
    return [f"{node} ended though nobody killed it: {words}" for node, words in crashes.items()]
