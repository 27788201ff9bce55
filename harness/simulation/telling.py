"""What is said of a campaign, to people and to programs."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from checker.wording import plural
from harness.config import RunConfig
from harness.nemesis.catalogue import FAULTS
from harness.simulation.campaign import Campaign, Seed


def status(campaign: Campaign) -> int:
    """The exit status: 1 where a seed failed, or did not repeat itself; 2 where one is undecided,
    or there was time for none."""
    if campaign.failed or campaign.differs:
        return 1
    return 2 if campaign.kinds["unknown"] or not campaign.done else 0


def answer(
    base: RunConfig, campaign: Campaign, took_s: float, kept: list[dict[str, Any]]
) -> dict[str, Any]:
    """What a campaign's JSON holds. A seed is `strong` if it could have shown a violation: all its
    strength gates opened."""
    return {
        "verdict": ("valid", "invalid", "unknown")[status(campaign)],
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
            {
                "seed": seed.seed,
                "kind": seed.kind,
                "anomaly": seed.anomaly,
                "reason": seed.reason,
            }
            for seed in sorted(campaign.failed, key=lambda seed: seed.seed)
        ],
        "differs": [{"seed": seed.seed, "reason": seed.differs} for seed in campaign.differs],
        "kept": kept,
    }


def progress(system: str, campaign: Campaign) -> str:
    """One line: seeds, speed, faults, verdicts."""
    rate = campaign.done / campaign.seconds if campaign.seconds else 0.0
    speed = campaign.virtual_ns / 1e9 / campaign.seconds if campaign.seconds else 0.0
    families = Counter[str]()
    for name, count in sorted(campaign.faults.items()):
        families[_family(name)] += count
    faults = ", ".join(plural(count, name) for name, count in families.items()) or "no faults"
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(campaign.kinds.items()))
    return (
        f"{system} · {plural(campaign.done, 'seed')} in {campaign.seconds:.1f} s "
        f"({rate:.0f} a second, "
        f"{speed:,.0f} times real time) · {faults} · {kinds or 'nothing yet'}"
    )


def _family(name: str) -> str:
    """What faults of that name are called together, in the singular."""
    if name.startswith("lasting-"):
        return "lasting failure"
    name = name.partition("@")[0]
    family = FAULTS[name].family if name in FAULTS else name
    return "membership change" if family == "membership" else family


def grouped(failed: Iterable[Seed]) -> list[list[Seed]]:
    """Failing seeds by kind of violation, in order of seed."""
    groups: dict[str, list[Seed]] = {}
    for seed in sorted(failed, key=lambda seed: seed.seed):
        groups.setdefault(seed.kind, []).append(seed)
    return list(groups.values())


def named(group: list[Seed]) -> str:
    shown = ", ".join(str(seed.seed) for seed in group[:10])
    return shown + (f" and {len(group) - 10} more" if len(group) > 10 else "")


def meaning(campaign: Campaign, interrupted: bool) -> str:
    """What the campaign says of the system, last."""
    if campaign.failed:
        return f"{len(campaign.failed):,} of {plural(campaign.done, 'seed')} failed"
    if not campaign.done:
        how = "interrupted after 0 seeds" if interrupted else "no seed ended in time"
        return f"{how}, which says nothing"
    stopped = "interrupted after" if interrupted else "no finding in"
    if campaign.done == 1 and not campaign.unknown:
        return f"{stopped} this one seed, which says nothing of others"
    if count := campaign.kinds["unknown"]:
        return (
            f"{stopped} {plural(campaign.done, 'seed')}, but {count:,} could not be decided; "
            f"one is {campaign.unknown}"
        )
    return (
        f"{stopped} {plural(campaign.done, 'seed')}, {campaign.twice:,} of them run twice: "
        f"with 95 % confidence fewer than {campaign.bound:.3g} of all seeds fail"
    )
