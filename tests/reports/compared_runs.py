"""Measured runs made by hand: figures without a history behind them."""

from pathlib import Path
from typing import Any

from reports.measures import Measured, MeasuredFault


def made(
    system: str,
    seed: int,
    figures: dict[str, float],
    *,
    verdict: str = "valid",
    linearizable: str = "",
    reason: str = "",
    **run: Any,
) -> Measured:
    """A run of 10 s with one kill."""
    described = {
        "system": system,
        "seed": seed,
        "workload": "register",
        "environment": "local",
        "versions": {"commit": "fc7fe1a"},
        "machine": {"cores": 2},
        "config": {"system": system, "seed": seed, "nodes": 5, "clients": 10, "time_limit": 10.0,
                   "faults": ["kill"]},
    }  # fmt: skip
    fault = MeasuredFault(
        1, "kill-leader", "kill", "killed n1", 2_000_000_000, 4_000_000_000, 90, 60,
        1_100_000_000, 30_000_000 + seed,
    )  # fmt: skip
    return Measured(
        directory=Path("nowhere") / system / str(seed),
        run=described | run,
        system=system,
        seed=seed,
        verdict=verdict,
        linearizable=linearizable or verdict,
        reason=reason,
        operations=1_000,
        figures=figures,
        faults=(fault,),
        schedule=(("1 kill-leader", 2.0, 4.0),),
        world={},
        length_s=10.0,
        throughput=tuple(100.0 + n for n in range(60)),
        latency_ms=tuple(None if n == 12 else 1.0 + n for n in range(60)),
    )
