"""What `labrys explore` and `labrys replay` do and say."""

import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.config import RunConfig
from harness.judge import judge
from harness.simulation.campaign import Campaign, Seed, run_campaign
from harness.simulation.messages import keep_messages
from harness.simulation.scenario import swarm
from harness.simulation.shrink import shrink, told
from harness.simulation.simulate import Simulated, simulate
from harness.simulation.stored import replay, store_run
from reports.page import render

SHRINK_S = 60.0
STORED_MAX = 3
"""Of each kind of violation so many failing seeds are stored; the others are named."""


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
) -> int:
    """Run a campaign, tell and keep what it finds; the exit status."""
    console = Console(stderr=True)
    seen = Campaign()
    live = Live(console=console, transient=True, refresh_per_second=4)

    def watch(campaign: Campaign) -> None:
        nonlocal seen
        seen = campaign
        if console.is_terminal:
            live.update(Text(progress(base.system, campaign)))

    interrupted = False
    with live:
        try:
            run_campaign(
                base, pinned, seeds, jobs, until_found=until_found, seconds=seconds, watch=watch
            )
        except KeyboardInterrupt:
            interrupted = True
    print(progress(base.system, seen))
    if seen.differs:
        worst = seen.differs[0]
        print(f"✘ seed {worst.seed} did not repeat itself: {worst.differs}")
    for group in grouped(seen.failed):
        _keep(base, pinned, group, store, shrinking and not interrupted)
    print(_meaning(seen, interrupted))
    if interrupted:
        raise KeyboardInterrupt
    return 1 if seen.failed or seen.differs else 2 if seen.kinds["unknown"] else 0


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


_FAMILY = {"isolate": "partition", "lasting": "lasting failure"}
"""Families whose faults have other names."""


def grouped(failed: Iterable[Seed]) -> list[list[Seed]]:
    """Failing seeds by kind of violation, in order of seed."""
    groups: dict[str, list[Seed]] = {}
    for seed in sorted(failed, key=lambda seed: seed.seed):
        groups.setdefault(seed.kind, []).append(seed)
    return list(groups.values())


def _keep(
    base: RunConfig, pinned: frozenset[str], group: list[Seed], store: Path, shrinking: bool
) -> None:
    """Store a kind's first failing seeds, and the smallest form of them; tell of all."""
    print(f"✘ {group[0].kind}: {len(group)} seed{'s' * (len(group) > 1)}, {_named(group)}")
    smallest: Simulated | None = None
    origin = Path()
    tries, began = 0, time.monotonic()
    for seed in group[:STORED_MAX]:
        found = simulate(swarm(base, pinned, seed.seed))
        kept = store_and_render(store, found, base.system)
        print(f"  seed {seed.seed}: {told(found)}   {kept}")
        left_s = SHRINK_S - (time.monotonic() - began)
        if shrinking and left_s > 0:
            small, tried = shrink(found, left_s)
            tries += tried
            if smallest is None or _size(small) < _size(smallest):
                smallest, origin = small, kept
    if smallest is None:
        return
    kept = store_and_render(store, smallest, f"{base.system}-shrunk", origin)
    took = time.monotonic() - began
    print(f"  shrunk in {took:.1f} s by {tries} runs to {told(smallest)}: {smallest.reason}")
    for sentence in smallest.result.explanation:
        print(f"    {sentence}")
    print(f"  report     {kept / 'report.html'}")
    print(f"  again      labrys replay {kept}")


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
    judge(directory)
    keep_messages(directory)
    render(directory.path)
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
