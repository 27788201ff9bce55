"""Who runs next: the seeds that once failed, then every cell once, then fair shares by weight.

Pure arithmetic on seconds that others measured. A cell's turn comes when it has used the least time
for its weight; one that failed, or a canary that was caught, needs no more. A run is begun only if
it is expected to end within the budget, but each cell's first run is begun as long as any time is
left. The night may therefore end later than its budget by one run.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from checker.wording import plural
from harness.errors import UsageError
from harness.nightly.plan import Cell

RUN_OVERHEAD_S = 8.0
"""A real run takes so much longer than its calls: start, recovery, judging, page."""

CAMPAIGN_OVERHEAD_S = 3.0
SHORTEST_CAMPAIGN_S = 2.0
LONGEST_CAMPAIGN_S = 60.0

CORPUS_SHARE = 0.25
"""The seeds that once failed get so much of the budget; what does not fit is told, not run."""


@dataclass(frozen=True)
class Job:
    """One run of a cell, real or a campaign; `seconds` is how long a campaign may last.

    A job of the corpus runs the one seed that failed before, or the `scenario` that was drawn from
    it then, as it stands in files.
    """

    cell: Cell
    seed: int
    seconds: float
    corpus: bool = False
    scenario: Any = field(default=None, compare=False)

    @property
    def expected_s(self) -> float:
        if not self.cell.simulated:
            return self.cell.config(self.seed).time_limit + RUN_OVERHEAD_S
        return CAMPAIGN_OVERHEAD_S + (1 if self.corpus else self.seconds)


def needed_s(cells: Iterable[Cell]) -> float:
    """How long one run of each cell takes, about."""
    return sum(Job(cell, 0, SHORTEST_CAMPAIGN_S).expected_s for cell in cells)


def spoken(seconds: float) -> str:
    """Seconds as people write a budget: "9m 20s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m {rest}s" if minutes and rest else f"{minutes}m" if minutes else f"{rest}s"


class Schedule:
    """Hands out the jobs of a night, one at a time. `left_out` are seeds that did not fit."""

    def __init__(
        self, cells: Sequence[Cell], failed_before: Sequence[Job], budget_s: float, seed: int
    ) -> None:
        """`failed_before` has the newest last. Raises `UsageError` for too small a budget."""
        self._cells = list(cells)
        self._budget_s = budget_s
        self._seed = seed
        self.left_out: list[Job] = []
        corpus_s, self._before = 0.0, []
        for job in reversed(failed_before):
            if corpus_s + job.expected_s > CORPUS_SHARE * budget_s:
                self.left_out.append(job)
                continue
            corpus_s += job.expected_s
            self._before.append(job)
        self._before.reverse()
        needed = needed_s(cells)
        if needed + corpus_s > budget_s:
            raise UsageError(
                f"a budget of {spoken(budget_s)} is too small: one run of each of the "
                f"{plural(len(self._cells), 'cell')} takes about {spoken(needed)}"
                + (f", and seeds that failed before {spoken(corpus_s)}" if corpus_s else "")
                + f"; give --budget {spoken(needed + corpus_s + 60).replace(' ', '')} or more, "
                "or a plan with fewer cells"
            )
        self._used_s = dict.fromkeys(self._cells, 0.0)
        self._runs = dict.fromkeys(self._cells, 0)
        self._settled: set[Cell] = set()
        self._longest_s = LONGEST_CAMPAIGN_S
        self._took_s = self._expected_s = 0.0

    def next(self, now_s: float) -> Job | None:
        """The next job, `now_s` after the night began; None at its end."""
        left_s = self._budget_s - now_s
        if left_s <= 0:
            return None
        if self._before:
            return self._before.pop(0)
        for cell in self._cells:
            if not self._runs[cell]:
                return self._job(cell, left_s)
        waiting = [cell for cell in self._cells if cell not in self._settled]
        for cell in sorted(waiting, key=lambda cell: self._used_s[cell] / cell.weight):
            job = self._job(cell, left_s)
            if max(job.expected_s * self._slowness, self._mean_s(cell)) <= left_s:
                return job
        return None

    def ended(self, job: Job, took_s: float, *, settled: bool) -> None:
        """A job ended, of whatever outcome; `settled` cells have no more of them."""
        self._took_s += took_s
        self._expected_s += job.expected_s
        if job.corpus:
            return
        self._used_s[job.cell] += took_s
        self._runs[job.cell] += 1
        if settled:
            self._settled.add(job.cell)

    def _mean_s(self, cell: Cell) -> float:
        return self._used_s[cell] / self._runs[cell]

    @property
    def _slowness(self) -> float:
        """How many times longer than expected runs took so far; a busy machine is slower."""
        return max(1.0, self._took_s / self._expected_s) if self._expected_s else 1.0

    def _job(self, cell: Cell, left_s: float) -> Job:
        """The cell's next job, with a fresh seed drawn from the night's."""
        random = Random(f"{self._seed}:{cell.name}:{self._runs[cell]}")
        return Job(cell, random.randrange(10**12), self._campaign_s(left_s))

    def _campaign_s(self, left_s: float) -> float:
        """How long a campaign may last: those of the first round share half of what is to spare,
        and grow shorter where that shrinks, so that the cells after them have their turn."""
        first = [cell for cell in self._cells if not self._runs[cell]]
        campaigns = sum(cell.simulated for cell in first)
        if campaigns:
            share_s = (left_s - needed_s(first) * self._slowness) / (2 * campaigns)
            self._longest_s = max(min(share_s, self._longest_s), SHORTEST_CAMPAIGN_S)
        return self._longest_s
