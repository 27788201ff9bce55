"""A campaign: many seeds of one system, each its own world, on as many processes as wanted.

Failing seeds are simulated again here, which is exact, and stored as runs. One seed in twenty is
run twice, and must take the same steps both times. Any executor will do: one that loses a worker
must run its unfinished calls again, and then each seed is still counted once, when its call ends.
"""

import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import TypeAlias

from harness.simulation.scenario import Scenario
from harness.simulation.simulate import Simulated, simulate
from harness.simulation.trace import in_words
from harness.standstill import QUICK_TICK_S, QUICK_TICKS
from harness.strength import gates_of

CHUNK = 4
"""Seeds that a worker takes at a time: a fraction of a second, so that Ctrl-C need not wait."""

TWICE_EVERY = 20

GRACE_S = QUICK_TICK_S * QUICK_TICKS + 2
"""When the time is up, a seed that is under way may go on for so long: time enough for one that is
blocked to be told as such."""

INTERRUPTED_S = 0.5
"""The same after Ctrl-C."""

Draw: TypeAlias = Callable[[int], Scenario]
"""The scenario of a seed. It is sent to other processes, so it is a function of a module, perhaps
with some of its arguments given."""


@dataclass(frozen=True, slots=True)
class Seed:
    """What a worker tells of one seed. `differs` is the first step that a second run took
    otherwise, or "". It is `strong` if every strength gate opened: it could have failed."""

    seed: int
    kind: str
    reason: str
    virtual_ns: int
    faults: Counter[str]
    differs: str = ""
    strong: bool = False
    anomaly: str = ""


@dataclass
class Campaign:
    """What was found so far."""

    done: int = 0
    twice: int = 0
    strong: int = 0
    virtual_ns: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    unknown: str = ""
    """The reason of one seed that could not be decided."""

    failed: list[Seed] = field(default_factory=list)
    differs: list[Seed] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def take(self, seed: Seed) -> None:
        """Count one seed."""
        self.done += 1
        self.twice += seed.seed % TWICE_EVERY == 0
        self.strong += seed.strong
        self.virtual_ns += seed.virtual_ns
        self.faults += seed.faults
        self.kinds[seed.kind or "valid"] += 1
        if seed.kind not in ("", "unknown"):
            self.failed.append(seed)
        if seed.kind == "unknown":
            self.unknown = self.unknown or f"seed {seed.seed}: {seed.reason}"
        if seed.differs:
            self.differs.append(seed)

    @property
    def bound(self) -> float:
        """Where nothing was found: with 95 % confidence a seed fails less often than this."""
        return 1 - 0.05 ** (1 / self.done) if self.done else 1.0


def try_seeds(draw: Draw, seeds: Iterable[int]) -> list[Seed]:
    """What a worker does: simulate some seeds."""
    return [try_seed(draw, seed) for seed in seeds]


def try_seed(draw: Draw, seed: int) -> Seed:
    """Simulate one seed, or twice where it is its turn."""
    twice = seed % TWICE_EVERY == 0
    scenario = draw(seed)
    first = simulate(scenario, keep_trace=twice)
    differs = _difference(first, simulate(scenario, keep_trace=True)) if twice else ""
    faults = Counter(fault.name for fault in first.history.faults)
    planned = ((one.fault.family, one.fault.name) for one in scenario.schedule)
    gates = gates_of(first.history, planned, scenario.config.named_workload)
    strong = all(gate.passed for gate in gates)
    return Seed(
        seed, first.kind, first.reason, first.virtual_ns, faults, differs, strong, first.anomaly
    )


def _difference(first: Simulated, second: Simulated) -> str:
    """The first step in which two runs differ, or "" where they are the same."""
    if first.fingerprint == second.fingerprint and first.lines == second.lines:
        return ""
    for number, (one, other) in enumerate(zip_longest(first.trace, second.trace), start=1):
        if one != other:
            return f"step {number}: {in_words(one)}, then {in_words(other)}"
    return "the same steps, but another history"


def run_campaign(
    draw: Draw,
    seeds: Iterable[int],
    jobs: int,
    *,
    until_found: bool,
    seconds: float,
    watch: Callable[[Campaign], None],
    executor: Executor | None = None,
) -> Campaign:
    """Try seeds until they are all done, the time is up, or one fails where that is enough.

    Without an `executor`, `jobs` processes do it; with one, `jobs` is how many calls it carries
    out at a time. A `KeyboardInterrupt` passes through, within about a second or two, and so does a
    `HarnessError` of code that blocks; the campaign that `watch` saw last holds what was found.
    """
    campaign = Campaign()
    watch(campaign)
    chunks = _chunks(iter(seeds))
    own = executor is None
    pool = executor or ProcessPoolExecutor(jobs, initializer=_leave_interrupts)
    others = {*multiprocessing.active_children()}
    ready: set[Future[list[Seed]]] = set()
    grace_s = INTERRUPTED_S
    try:
        for chunk in islice(chunks, 2 * jobs):
            ready.add(pool.submit(try_seeds, draw, chunk))
        while ready:
            # Workers elsewhere may all be gone; the time limit holds even then.
            done, ready = wait(ready, timeout=1, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda future: future.result()[0].seed):
                for seed in future.result():
                    campaign.take(seed)
                watch(campaign)
            found = campaign.differs or (until_found and campaign.failed)
            if found or campaign.seconds > seconds:
                break
            for chunk in islice(chunks, len(done)):
                ready.add(pool.submit(try_seeds, draw, chunk))
        grace_s = GRACE_S
    finally:
        under_way = {future for future in ready if not future.cancel()}
        if own:
            done, late = wait(under_way, timeout=grace_s)
            for worker in {*multiprocessing.active_children()} - others if late else ():
                worker.kill()
            pool.shutdown(wait=True, cancel_futures=True)
    if own:
        for future in done:
            future.result()  # Of code that blocks the reason is told.
    return campaign


def _chunks(seeds: Iterator[int]) -> Iterator[list[int]]:
    while chunk := list(islice(seeds, CHUNK)):
        yield chunk


def _leave_interrupts() -> None:
    """Ctrl-C goes to every process of the terminal; the workers leave it to the one that asked."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
