"""Workers: each makes calls, one at a time, as one process after another.

After an `info` the operation may still take effect, so its process never
calls again: the worker goes on under a new process number, with a new client.
"""

from collections.abc import Callable, Iterable
from random import Random

from checker.operation import Outcome
from harness.client import Client
from harness.clock import SECOND_NS, Clock
from harness.cluster import Cluster
from harness.load import Load
from harness.recorder import Completion, Recorder
from systems_under_test.node import NodeId
from workloads.workload import Call, Calls


class Pace:
    """Spreads calls over time so that all workers together make `rate` a second; 0 means no
    limit."""

    def __init__(self, rate: float, clock: Clock, random: Random) -> None:
        self._gap_ns = SECOND_NS / rate if rate else 0.0
        self._clock = clock
        self._random = random
        self._next_ns = float(clock.now_ns())

    async def wait(self) -> None:
        """Return when the next call is due; moments missed are not made up for."""
        if self._gap_ns:
            due_ns = max(self._next_ns, float(self._clock.now_ns()))
            self._next_ns = due_ns + self._random.uniform(0, 2 * self._gap_ns)
            await self._clock.sleep_until_ns(int(due_ns))


class Worker:
    """One of the run's concurrent callers."""

    def __init__(
        self,
        number: int,
        workers: int,
        cluster: Cluster,
        recorder: Recorder,
        timeout_ns: int,
        random: Random,
        home: NodeId | None = None,
    ) -> None:
        """`number` is the first process; later ones are `number + workers`, and so on.

        With a `home`, the calls under faults go to that node and to no other.
        """
        self._home = home
        self._number = self._process = number
        self._workers = workers
        self._cluster = cluster
        self._recorder = recorder
        self._timeout_ns = timeout_ns
        self._random = random
        self._client = self._new_client()

    async def work(self, calls: Calls, pace: Pace, more: Callable[[], bool]) -> None:
        """Make calls as long as there are `more`."""
        while more():
            await pace.wait()
            if more():
                await self.make_next(calls)

    async def generate(self, load: Load, calls: Calls, end_ns: int) -> None:
        """Make the calls that the load has for this worker, until then."""
        while (call := await load.next(self._number, end_ns)) is not None:
            completion = await self.make(call, calls, self._home, stays=self._home is not None)
            load.done(self._number, completion.outcome is Outcome.OK)

    async def follow(
        self, script: Iterable[tuple[int, Call, NodeId | None]], begin_ns: int, calls: Calls
    ) -> None:
        """Make these calls of these nodes, each at its moment counted from the beginning, or as
        soon as it can."""
        for at_ns, call, node in script:
            await self._cluster.clock.sleep_until_ns(begin_ns + at_ns)
            await self.make(call, calls, node)

    async def make_all(self, several: Iterable[tuple[Call, NodeId | None]], calls: Calls) -> None:
        """Make these calls, one after the other, each of the node that is named first."""
        for call, node in several:
            await self.make(call, calls, node)

    async def make(
        self, call: Call, calls: Calls, first: NodeId | None = None, *, stays: bool = False
    ) -> Completion:
        """Make one call, asking the node `first` first, or alone where it `stays`; record it."""
        self._recorder.invoke(self._process, call)
        until_ns = self._cluster.clock.now_ns() + self._timeout_ns
        completion = await self._client.invoke(call, until_ns, first, stays=stays)
        self._recorder.complete(self._process, completion)
        if completion.outcome is Outcome.OK:
            calls.saw(call, completion.result)
            if not call.pure:
                self._cluster.changed_last = completion.node
                self._cluster.changes += 1
        elif completion.outcome is Outcome.FAIL:
            calls.refused(call)
        else:
            await self.leave()
        return completion

    async def make_next(self, calls: Calls) -> Completion:
        """Make the next call, of the node that this worker keeps to, if it does."""
        return await self.make(calls.next(), calls, self._home, stays=self._home is not None)

    async def leave(self) -> None:
        """Go on as another process, with a client and a session of its own."""
        self._process += self._workers
        await self._client.close()
        self._client = self._new_client()

    async def close(self) -> None:
        await self._client.close()

    def _new_client(self) -> Client:
        cluster = self._cluster
        channel = cluster.channel(self._process)
        return Client(cluster.nodes, channel, cluster.clock, self._random)
