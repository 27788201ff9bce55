"""The options of `labrys nightly`; what it does is imported only once they are understood."""

import os
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UsageError
from harness.options import Executor, Store


def nightly(
    plan: Annotated[Path | None, typer.Argument(help="A plan in TOML; else the default.")] = None,
    budget: Annotated[str, typer.Option(help="How long, such as 45m or 1h30m.")] = "45m",
    environments: Annotated[
        str | None, typer.Option(help="Only these of the plan, with commas.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Root of the night's seeds; else fresh.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes of a campaign; 0 is one a core.")] = 0,
    results: Annotated[
        Path | None, typer.Option(help="Where records are appended; else in the store.")
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="Seeds that once failed; else in the store.")
    ] = None,
    executor: Executor = None,
    print_plan: Annotated[
        bool, typer.Option("--print-plan", help="Print the default plan and end.")
    ] = False,
    store: Store = Path("store"),
) -> None:
    """Run a matrix of systems, faults and environments within a budget; write the night's pages."""
    from harness.conduct import new_seed
    from harness.executors import known_executor
    from harness.nightly.commands import nightly as run_nightly
    from harness.nightly.plan import DEFAULT

    if print_plan:
        print(DEFAULT.read_text("utf-8"), end="")
        return
    if not (0 <= jobs <= 256 and (seed is None or 0 <= seed < 2**62)):
        raise UsageError("--jobs must be from 0 to 256, and --seed must be 0 or above")
    status = run_nightly(
        plan, budget, [name for name in (environments or "").split(",") if name], store,
        seed=new_seed() if seed is None else seed, jobs=jobs or os.cpu_count() or 1,
        results=results, corpus=corpus, executor=known_executor(executor) if executor else None,
    )  # fmt: skip
    raise typer.Exit(status)
