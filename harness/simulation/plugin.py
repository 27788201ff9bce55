"""For pytest: a test of a system over many seeds, whose failure is a shrunk run and its replay.

    @pytest.mark.labrys(seeds=100)
    def test_my_store(simulate_seeds):
        simulate_seeds("my_package.my_store:MyNode")

The fixture tries the seeds one after the other, and fails the test at the first one that fails. The
shrunk run is kept in the store, `store` unless `--labrys-store` names another folder.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

SEEDS = 50

SimulateSeeds: TypeAlias = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--labrys-store", default="store", help="where failing simulated runs are kept"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"labrys(seeds={SEEDS}): how many seeds the fixture simulate_seeds tries"
    )


@pytest.fixture
def simulate_seeds(request: pytest.FixtureRequest) -> SimulateSeeds:
    """Simulate a system, named as on the command line, with options as `labrys explore` has them.

    `simulate_seeds("raft", faults=["partition"], nodes=3)`; what is not given is drawn by seed.
    """
    marker = request.node.get_closest_marker("labrys")
    seeds = marker.kwargs.get("seeds", SEEDS) if marker else SEEDS
    store = Path(request.config.getoption("--labrys-store"))

    def simulate_seeds(system: str, **options: Any) -> None:
        # Imported here, since pytest loads this module wherever Labrys is installed.
        from harness.config import RunConfig
        from harness.errors import HarnessError, UsageError, require_assertions
        from harness.simulation.scenario import swarm
        from harness.simulation.simulate import simulate

        __tracebackhide__ = True
        try:
            require_assertions()
            base = RunConfig.asked({"system": system, "environment": "simulated", **options})
        except UsageError as error:
            pytest.fail(str(error), pytrace=False)
        for seed in range(1, seeds + 1):
            try:
                found = simulate(swarm(base, frozenset(options), seed))
            except HarnessError as error:
                pytest.fail(f"{system} with seed {seed}: {error}", pytrace=False)
            if found.failed:
                pytest.fail(_failure(system, seed, found, store), pytrace=False)

    return simulate_seeds


def _failure(system: str, seed: int, found: Any, store: Path) -> str:
    """What a person reads in pytest's output: the smallest run found, and how to see it again."""
    from checker.wording import plural
    from harness.commands.ended import store_and_render
    from harness.names import replay_line
    from harness.simulation.shrink import shrink, size_of

    small, tries = shrink(found, 30)
    kept = store_and_render(store, small, f"{system}-shrunk")
    lines = [
        f"{system} fails with seed {seed}: {found.kind}",
        f"shrunk by {plural(tries, 'run')} to {size_of(small)}: {small.reason}",
    ]
    for number, o in enumerate(small.result.counterexample or (), start=1):
        answer = "" if o.result is None else f" -> {o.result!r}"
        lines.append(
            f"  {number}  process {o.process}  {o.function} {o.key!r} {o.argument!r}{answer}  "
            f"{o.outcome.value}"
        )
    lines += (f"  {sentence}" for sentence in small.result.explanation)
    again = replay_line(kept, small.scenario.config.names)
    return "\n".join([*lines, f"report: {kept / 'report.html'}", f"again:  {again}"])
