"""What `labrys explore` and `labrys replay` do and say."""

import contextlib
import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, CancelledError
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.config import RunConfig
from harness.errors import HarnessError
from harness.executors import WORKERS_DIED, dask_executor
from harness.judge_command import judge_and_render
from harness.simulation.campaign import Campaign, Seed, run_campaign
from harness.simulation.scenario import swarm
from harness.simulation.shrink import shrink, told
from harness.simulation.simulate import Simulated, simulate
from harness.simulation.stored import replay, store_run

SHRINK_S = 60.0
STORED_MAX = 3
"""Of each kind of violation so many failing seeds are stored; the others are named."""

Say: TypeAlias = Callable[[str], None]


def explore(
    base: RunConfig,
    pinned: frozenset[str],
    seeds: Iterable[int],
    jobs: int,
    store: Path,
    *,
    until_found: bool,
    seconds: float,
    shrinking: bool,
    keep: int = STORED_MAX,
    as_json: bool = False,
    executor: str | None = None,
) -> int:
    """Run a campaign, tell and keep what it finds; the exit status.

    Of each kind of violation so many seeds are kept as `keep` says. `executor` is the address of a
    Dask cluster; without one, `jobs` processes do the work.
    """
    say: Say = _silent if as_json else print
    console = Console(stderr=True)
    seen = Campaign()
    live = Live(console=console, transient=True, refresh_per_second=4)

    def watch(campaign: Campaign) -> None:
        nonlocal seen
        seen = campaign
        if console.is_terminal:
            live.update(Text(progress(base.system, campaign)))

    interrupted = False
    with contextlib.ExitStack() as stack:
        try:
            pool = None
            if executor is not None:
                pool, jobs = stack.enter_context(dask_executor(executor))
            stack.enter_context(live)
            run_campaign(
                base, pinned, seeds, jobs,
                until_found=until_found, seconds=seconds, watch=watch, executor=pool,
            )  # fmt: skip
        except KeyboardInterrupt:
            interrupted = True
        except (BrokenExecutor, CancelledError) as error:
            raise HarnessError(
                f"{WORKERS_DIED} after {seen.done:,} seeds, and so the campaign ended: {error}; "
                "see whether the machine is short of memory"
            ) from error
    took_s = seen.seconds
    say(progress(base.system, seen))
    if seen.differs:
        worst = seen.differs[0]
        say(f"✘ seed {worst.seed} did not repeat itself: {worst.differs}")
    kept = [
        one
        for group in grouped(seen.failed)
        for one in _keep(base, pinned, group, keep, store, shrinking and not interrupted, say)
    ]
    say(_meaning(seen, interrupted))
    if as_json:
        print(json.dumps(_answer(base, seen, took_s, kept)), flush=True)
    if interrupted:
        raise KeyboardInterrupt
    return _status(seen)


def _status(campaign: Campaign) -> int:
    return 1 if campaign.failed or campaign.differs else 2 if campaign.kinds["unknown"] else 0


def _answer(
    base: RunConfig, campaign: Campaign, took_s: float, kept: list[dict[str, Any]]
) -> dict[str, Any]:
    """What a program is told of a campaign. Seeds are `strong` that could have shown a violation:
    all strength gates opened."""
    return {
        "verdict": ("valid", "invalid", "unknown")[_status(campaign)],
        "system": base.system,
        "workload": base.workload,
        "environment": "simulated",
        "seeds": campaign.done,
        "strong": campaign.strong,
        "twice": campaign.twice,
        "seconds": round(took_s, 3),
        "virtual_seconds": round(campaign.virtual_ns / 1e9, 3),
        "kinds": dict(sorted(campaign.kinds.items())),
        "faults": dict(sorted(campaign.faults.items())),
        "unknown": campaign.unknown,
        "failed": [
            {"seed": seed.seed, "kind": seed.kind, "reason": seed.reason}
            for seed in sorted(campaign.failed, key=lambda seed: seed.seed)
        ],
        "differs": [{"seed": seed.seed, "reason": seed.differs} for seed in campaign.differs],
        "kept": kept,
    }


def _silent(line: str) -> None:
    """Says nothing, where standard output is for JSON alone."""


def progress(system: str, campaign: Campaign) -> str:
    """One line: seeds, speed, faults, verdicts."""
    rate = campaign.done / campaign.seconds if campaign.seconds else 0.0
    speed = campaign.virtual_ns / 1e9 / campaign.seconds if campaign.seconds else 0.0
    families: dict[str, int] = {}
    for name, count in sorted(campaign.faults.items()):
        family = _FAMILY.get(name.split("-")[0], name.split("-")[0])
        families[family] = families.get(family, 0) + count
    faults = ", ".join(f"{count:,} {name}s" for name, count in families.items()) or "no faults"
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(campaign.kinds.items()))
    return (
        f"{system} · {campaign.done:,} seeds in {campaign.seconds:.1f} s ({rate:.0f} a second, "
        f"{speed:,.0f} times real time) · {faults} · {kinds or 'nothing yet'}"
    )


_FAMILY = {
    "isolate": "partition", "lasting": "lasting failure",
    "add": "membership change", "remove": "membership change",
}  # fmt: skip
"""Families whose faults have other names."""


def grouped(failed: Iterable[Seed]) -> list[list[Seed]]:
    """Failing seeds by kind of violation, in order of seed."""
    groups: dict[str, list[Seed]] = {}
    for seed in sorted(failed, key=lambda seed: seed.seed):
        groups.setdefault(seed.kind, []).append(seed)
    return list(groups.values())


def _keep(
    base: RunConfig,
    pinned: frozenset[str],
    group: list[Seed],
    most: int,
    store: Path,
    shrinking: bool,
    say: Say,
) -> list[dict[str, Any]]:
    """Store a kind's first failing seeds, and the smallest form of them; say and return what was
    stored."""
    told_of: list[dict[str, Any]] = []
    say(f"✘ {group[0].kind}: {len(group)} seed{'s' * (len(group) > 1)}, {_named(group)}")
    smallest: Simulated | None = None
    origin = Path()
    tries, began = 0, time.monotonic()
    for seed in group[:most]:
        found = simulate(swarm(base, pinned, seed.seed))
        kept = store_and_render(store, found, base.system)
        say(f"  seed {seed.seed}: {told(found)}   {kept}")
        told_of.append({"seed": seed.seed, "shrunk": False, "run": str(kept)})
        left_s = SHRINK_S - (time.monotonic() - began)
        if shrinking and left_s > 0:
            small, tried = shrink(found, left_s)
            tries += tried
            if smallest is None or _size(small) < _size(smallest):
                smallest, origin = small, kept
    if smallest is None:
        return told_of
    kept = store_and_render(store, smallest, f"{base.system}-shrunk", origin)
    took = time.monotonic() - began
    say(f"  shrunk in {took:.1f} s by {tries} runs to {told(smallest)}: {smallest.reason}")
    for sentence in smallest.result.explanation:
        say(f"    {sentence}")
    say(f"  report     {kept / 'report.html'}")
    say(f"  again      labrys replay {kept}")
    return [*told_of, {"seed": smallest.scenario.config.seed, "shrunk": True, "run": str(kept)}]


def _named(group: list[Seed]) -> str:
    shown = ", ".join(str(seed.seed) for seed in group[:10])
    return shown + (f" and {len(group) - 10} more" if len(group) > 10 else "")


def _size(simulated: Simulated) -> tuple[int, int]:
    return len(simulated.history), len(simulated.scenario.schedule)


def store_and_render(
    store: Path, simulated: Simulated, label: str, origin: Path | None = None
) -> Path:
    """Keep a simulated run, its verdict and its page; `origin` is what it was shrunk from."""
    beside = {} if origin is None else {"shrunk_from": str(origin)}
    safe = label.replace(":", ".").replace("/", ".")
    directory = store_run(store, simulated, safe, beside=beside)
    judge_and_render(directory, fresh=True)
    return directory.path


def _meaning(campaign: Campaign, interrupted: bool) -> str:
    """What the campaign says of the system, last."""
    if campaign.failed:
        return f"{len(campaign.failed):,} of {campaign.done:,} seeds failed"
    stopped = "interrupted after" if interrupted else "no finding in"
    return (
        f"{stopped} {campaign.done:,} seeds, {campaign.twice:,} of them run twice: with 95 % "
        f"confidence fewer than {campaign.bound:.3g} of all seeds fail"
    )


def again(path: Path) -> int:
    """Replay a stored run, tell whether it repeated, and the exit status of its verdict."""
    found = replay(path)
    for warning in found.warnings:
        print(f"? {warning}")
    print(f"{'✔' if found.same else '✘'} {found.sentence}")
    print(f"  {found.again.kind or 'valid'}{': ' * bool(found.again.reason)}{found.again.reason}")
    if not found.same:
        return 255
    return 1 if found.again.failed else 2 if found.again.kind else 0
