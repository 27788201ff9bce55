"""Open loop: calls arrive at moments of their own, whether or not earlier ones were answered.

Clients that wait for an answer before they call again ask a slow store less: just when it is slow,
few calls feel it, and the latencies that are recorded are too good (coordinated omission; Gil Tene,
"How NOT to Measure Latency"). Here each call has a moment at which it is due, drawn beforehand. The
client that is free first takes it. Where none is free it begins late, and its corrected latency
counts from the moment at which it was due.
"""

from array import array
from random import Random
from typing import Any

import numpy as np

from checker.operation import Outcome
from checker.statistics import percentiles
from harness.clock import MILLISECOND_NS, SECOND_NS, Clock
from harness.config import RunConfig
from harness.worker import Worker
from workloads.workload import Calls

LATE_NS = 10 * MILLISECOND_NS
"""A call that begins so long after it was due had to wait for a client."""


class Arrivals:
    """The calls of a run that are due at random moments, `rate` a second on average (Poisson).

    Where `session_calls` is above 0, a client leaves after about that number of calls, and
    another comes in its place, with a session of its own. `counted` says how many calls were due,
    how many were begun, how many late or never, by how many sessions, and in `corrected_ns` the
    percentiles of the corrected latencies of `ok` calls.
    """

    def __init__(self, config: RunConfig, clock: Clock, random: Random) -> None:
        self._rate = config.rate / SECOND_NS
        self._session_calls = config.session_calls
        self._clock = clock
        self._random = random
        self._leaving = Random(random.random())
        self._due_ns = float(clock.now_ns())
        self._took_ns = array("q")
        self._working = 0
        self.counted: dict[str, Any] = dict.fromkeys(("due", "begun", "late", "sessions"), 0)
        self.counted["corrected_ns"] = {}

    async def work(self, worker: Worker, calls: Calls, end_ns: int) -> None:
        """Make calls as they become due, until then."""
        self._working += 1
        self.counted["sessions"] += 1
        while (due_ns := self._next_ns()) < end_ns:
            await self._clock.sleep_until_ns(due_ns)
            begins_ns = self._clock.now_ns()
            self.counted["due"] += 1
            self.counted["late"] += begins_ns - due_ns > LATE_NS
            if begins_ns >= end_ns:
                continue  # Due, and no client was free before the end.
            self.counted["begun"] += 1
            completion = await worker.make_next(calls)
            if completion.outcome is Outcome.OK:
                self._took_ns.append(self._clock.now_ns() - due_ns)
            if self._session_calls and self._leaving.random() * self._session_calls < 1:
                self.counted["sessions"] += 1
                await worker.leave()
        self._working -= 1
        if not self._working:
            took_ns = np.frombuffer(self._took_ns, np.int64)
            self.counted["corrected_ns"] = percentiles(took_ns)

    def _next_ns(self) -> int:
        self._due_ns += self._random.expovariate(self._rate)
        return int(self._due_ns)
