"""`labrys explore`: many seeds in the simulator; what fails is stored, shrunk and explained."""

import contextlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.commands import options
from harness.commands.ended import store_and_render
from harness.commands.output import note, tell
from harness.errors import HarnessError, UsageError, require_assertions

if TYPE_CHECKING:
    from harness.config import RunConfig
    from harness.options_file import OptionsFile
    from harness.simulation.campaign import Campaign, Draw, Seed
    from harness.simulation.simulate import Simulated

SHRINK_S = 60.0
STORED_MAX = 3
"""How many failing seeds of each kind of violation are stored; the others are only named."""

Seconds = Annotated[
    float, typer.Option(help="Stop after so long.", **options.duration_option("--seconds", "1h"))
]

DRAWN = (
    "nodes", "spares", "clients", "time_limit", "faults", "fault_interval", "rate", "keys",
)  # fmt: skip


@dataclass(frozen=True)
class Effort:
    """Which seeds are tried, and until when: by a number of processes, or by the Dask cluster at
    the address `executor`."""

    seeds: Iterable[int]
    jobs: int = 1
    until_found: bool = False
    seconds: float = inf
    executor: str | None = None


TAKEN = ("workload", "values", "popularity", "load", "require", *DRAWN)
"""The options of a run that mean something here."""


@options.of_a_run(*TAKEN, drawn=DRAWN)
def explore(
    given: options.Given,
    system: options.MaybeSystem = None,
    config: options.Config = None,
    seeds: Annotated[int, typer.Option(help="How many seeds to try.")] = 1_000,
    first_seed: Annotated[int, typer.Option(help="The first of them.")] = 1,
    jobs: options.Jobs = 0,
    until_found: Annotated[bool, typer.Option("--until-found", help="Stop at a failure.")] = False,
    seconds: Annotated[
        float,
        typer.Option(help="Stop after so long.", **options.duration_option("--seconds", "1h")),
    ] = 3_600,
    shrink: Annotated[bool, typer.Option(help="Shrink what fails.")] = True,
    keep: Annotated[int, typer.Option(help="Failing seeds to store, of each kind.")] = STORED_MAX,
    executor: options.Executor = None,
    store: options.Store = Path("store"),
    as_json: options.AsJson = False,
) -> None:
    """Try many seeds in the simulator; store, shrink and explain what fails."""
    from harness.config import RunConfig
    from harness.executors import known_executor
    from harness.simulation.scenario import swarm

    require_assertions()
    if not (seeds >= 1 and 0 <= first_seed < 2**62 and 0 <= jobs <= 256 and seconds > 0):
        raise UsageError("--seeds and --seconds must be above 0, --jobs from 0 to 256")
    options.demand_one_way(jobs, executor)
    if not 0 <= keep <= 1_000:
        raise UsageError(f"--keep cannot be {keep}; give a number from 0 to 1000")
    found = options.found_options(config)
    file = _taken(found)
    named = {} if system is None else {"system": system}
    with options.named_as_written(given, found):
        base = RunConfig.asked({**file, **named, "environment": "simulated", **given})
    draw = partial(swarm, base, frozenset({*file, *given} & {*TAKEN}))
    effort = Effort(
        range(first_seed, first_seed + seeds), jobs or os.cpu_count() or 1, until_found, seconds,
        known_executor(executor) if executor else None,
    )  # fmt: skip
    raise typer.Exit(Explored(base, draw, store, shrink, keep, as_json).explore(effort))


def _taken(found: "OptionsFile") -> dict[str, Any]:
    """The options of a file that mean something here; which do not is told."""
    left_out = [name for name in found.values if name in options.OF_A_RUN and name not in TAKEN]
    if left_out:
        note(f"{found.path}: {', '.join(left_out)} left out, of which each seed has its own")
    return {name: value for name, value in found.values.items() if name not in left_out}


@dataclass(frozen=True)
class Explored:
    """What is explored, and what is done with a seed that fails."""

    base: "RunConfig"
    draw: "Draw"
    """The scenario of each seed; `base` is what they have in common."""

    store: Path
    shrink: bool
    keep: int
    """How many seeds are kept of each kind of violation."""

    as_json: bool

    def explore(self, effort: Effort) -> int:
        """Run a campaign, tell and keep what it finds; the exit status."""
        from harness.simulation import telling

        seen, stopped = self._campaign(effort)
        took_s = seen.seconds
        tell(telling.progress(self.base.system, seen))
        if seen.differs:
            worst = seen.differs[0]
            self._conclude(f"✘ seed {worst.seed} did not repeat itself: {worst.differs}")
        kept = [
            one
            for group in telling.grouped(seen.failed)
            for one in self._keep(group, self.shrink and stopped is None)
        ]
        self._conclude(telling.meaning(seen, stopped is not None))
        if self.as_json:
            print(json.dumps(telling.answer(self.base, seen, took_s, kept)), flush=True)
        if stopped is not None:
            raise stopped
        return telling.status(seen)

    def _conclude(self, verdict: str) -> None:
        if not self.as_json:
            print(verdict, flush=True)

    def _campaign(self, effort: Effort) -> tuple["Campaign", BaseException | None]:
        """Try the seeds; what was seen, and what ended it before its time: Ctrl-C, or an error."""
        from concurrent.futures import BrokenExecutor, CancelledError

        from rich.text import Text

        from checker.wording import plural
        from harness.commands.progress import telling
        from harness.executors import WORKERS_DIED, dask_executor
        from harness.simulation.campaign import Campaign, run_campaign
        from harness.simulation.telling import progress

        line = Text()
        seen = Campaign()

        def watch(campaign: Campaign) -> None:
            nonlocal line, seen
            line, seen = Text(progress(self.base.system, campaign)), campaign

        with contextlib.ExitStack() as stack:
            try:
                pool, jobs = None, effort.jobs
                if effort.executor is not None:
                    pool, jobs = stack.enter_context(dask_executor(effort.executor))
                stack.enter_context(telling(lambda: line))
                run_campaign(
                    self.draw, effort.seeds, jobs, until_found=effort.until_found,
                    seconds=effort.seconds, watch=watch, executor=pool,
                )  # fmt: skip
            except (KeyboardInterrupt, HarnessError) as error:
                return seen, error
            except (BrokenExecutor, CancelledError) as error:
                return seen, HarnessError(
                    f"{WORKERS_DIED} after {plural(seen.done, 'seed')}, and so the campaign ended: "
                    f"{error}; see whether the machine is short of memory"
                )
        return seen, None

    def _keep(self, group: list["Seed"], shrinking: bool) -> list[dict[str, Any]]:
        """Store a kind's first failing seeds, and the smallest form of them; say and return what
        was stored."""
        from checker.wording import plural
        from harness.names import replay_line
        from harness.simulation.shrink import shrink, size_of
        from harness.simulation.simulate import simulate
        from harness.simulation.telling import named

        system = self.base.system
        stored: list[dict[str, Any]] = []
        tell(f"✘ {group[0].kind}: {plural(len(group), 'seed')}, {named(group)}")
        smallest: Simulated | None = None
        origin = Path()
        tries, began = 0, time.monotonic()
        for seed in group[: self.keep]:
            found = simulate(self.draw(seed.seed))
            kept = store_and_render(self.store, found, system)
            tell(f"  seed {seed.seed}: {size_of(found)}   {kept}")
            stored.append({"seed": seed.seed, "shrunk": False, "run": str(kept)})
            left_s = SHRINK_S - (time.monotonic() - began)
            if shrinking and left_s > 0:
                small, tried = shrink(found, left_s)
                tries += tried
                if smallest is None or _size(small) < _size(smallest):
                    smallest, origin = small, kept
        if smallest is None:
            return stored
        kept = store_and_render(self.store, smallest, f"{system}-shrunk", origin)
        took = time.monotonic() - began
        size = f"{size_of(smallest)}: {smallest.reason}"
        tell(f"  shrunk in {took:.1f} s by {plural(tries, 'run')} to {size}")
        for sentence in smallest.result.explanation:
            tell(f"    {sentence}")
        tell(f"  report     {kept / 'report.html'}")
        tell(f"  again      {replay_line(kept, smallest.scenario.config.names)}")
        return [*stored, {"seed": smallest.scenario.config.seed, "shrunk": True, "run": str(kept)}]


def _size(simulated: "Simulated") -> tuple[int, int]:
    return len(simulated.history), len(simulated.scenario.schedule)
