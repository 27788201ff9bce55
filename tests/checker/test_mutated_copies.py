"""Mutated copies of valid histories: what is planted is convicted, where the history is strong."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from benchmarks.strength import TARGET_SHARE, measure
from checker.history import History
from checker.least import Least
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.models.model import Model
from checker.mutation.trial import Trial, planters, try_copies
from checker.operation import Operation, Outcome
from checker.strength import caught
from checker.verdict import Result, Verdict
from harness.config import RunConfig
from harness.simulation.scenario import scenario_of
from harness.simulation.simulate import simulate
from harness.strength import gates_of, trial_of

KEYED = (
    "register", "append", "set", "growing-set", "counter", "queue", "bag", "unique-ids", "lock",
    "owned-lock", "fenced-lock", "lease", "semaphore", "bank", "kv", "election", "leader", "g-set",
    "append+lock",
)  # fmt: skip


def run(workload: str, seed: int, **options: Any) -> tuple[RunConfig, History]:
    """A valid run of a store of one node, which is soon done."""
    config = RunConfig(
        **{
            "system": "single", "environment": "simulated", "nodes": 1, "clients": 6,
            "faults": (), "time_limit": 2.5, "rate": 150.0, "workload": workload, "seed": seed,
            **options,
        }
    )  # fmt: skip
    simulated = simulate(scenario_of(config), most_events=None)
    assert simulated.kind == ""
    return config, simulated.history


def trial(config: RunConfig, history: History, copies: int = 20) -> Trial:
    return trial_of(history, config.named_workload, config.seed, copies, 512)


@pytest.mark.parametrize("workload", ["register", "set", "queue", "owned-lock", "kv", "bank"])
def test_planted_errors_are_convicted(workload: str) -> None:
    config, history = run(workload, 3)
    found = trial(config, history)
    assert found.copies + found.undecided == 20
    assert found.convicted >= 0.9 * found.copies, found


def test_the_seed_says_what_is_planted() -> None:
    _, history = run("register", 3)
    believes = Result(verdict=Verdict.VALID)
    told = [
        try_copies(history, MODELS["register"](), lambda *_: believes, Random(seed), 4).missed
        for seed in (1, 1, 2)
    ]
    assert told[0] == told[1] != told[2]
    assert len(told[0]) == 4


def test_what_cannot_be_decided_counts_for_nothing() -> None:
    rows = [("write", 1, 1, 1, 2), ("write", 2, 2, 3, 4), ("read", None, 2, 5, 6)]
    gave_up = Result(verdict=Verdict.UNKNOWN, reason="time limit")
    history = History(history_of(*rows))
    found = try_copies(history, MODELS["register"](), lambda *_: gave_up, Random(1), 4)
    assert (found.copies, found.undecided, found.share) == (0, 4, None)
    assert not caught(found, Least()).passed


@pytest.mark.deep
@pytest.mark.parametrize("workload", KEYED)
def test_planted_errors_are_convicted_whatever_the_object(workload: str) -> None:
    """On Raft, in worlds with partitions and kills."""
    found = []
    for seed in range(1, 4):
        options = {"system": "raft", "nodes": 3, "faults": ("partition",), "time_limit": 6.0}
        config, history = run(workload, seed, **options)
        found.append(trial(config, history))
    assert sum(one.convicted for one in found) >= 0.95 * sum(one.copies for one in found), found


@pytest.mark.deep
def test_of_2_000_errors_planted_in_100_runs_nearly_all_are_convicted() -> None:
    """At the default strength, each workload in turn; and one client alone is too weak."""
    found = measure(100)
    assert found["runs"] == 100
    assert found["copies"] + found["undecided"] > 1_900, found
    assert found["share"] >= TARGET_SHARE, found
    alone, history = run("register", 3, clients=1)
    least, work = Least(), alone.named_workload
    assert not all(gate.passed for gate in gates_of(history, [], work, least))


def history_of(*rows: tuple[str, Any, Any, int, int]) -> list[Operation]:
    """Function, argument, result, and the positions of invocation and completion of each."""
    return [
        Operation(
            number, function, "k", argument, result, Outcome.OK, begin, end, begin, end
        )
        for number, (function, argument, result, begin, end) in enumerate(rows)
    ]  # fmt: skip


def judge(model: Callable[[], Model]) -> Callable[[History, float], Result]:
    return lambda history, seconds: check(history, model(), time_limit_s=seconds)


def tried(model: str, operations: Sequence[Operation], copies: int = 10) -> Trial:
    history = History(operations)
    assert check(history, MODELS[model]()).verdict is Verdict.VALID
    return try_copies(history, MODELS[model](), judge(MODELS[model]), Random(1), copies)


def test_a_history_in_which_all_overlaps_convicts_nothing() -> None:
    """All began before any had ended: whatever is read, some order explains it."""
    rows = [("write", n, n, n, 100 + n) for n in range(5)]
    rows += [("read", None, n, 10 + n, 110 + n) for n in range(5)]
    found = tried("register", history_of(*rows))
    assert found.convicted == 0
    assert found.copies == 10
    assert all("no place" in why for why in found.missed)


def test_the_same_history_one_after_the_other_convicts_all() -> None:
    rows = []
    for n in range(5):
        rows += [("write", n, n, 10 * n, 10 * n + 1), ("read", None, n, 10 * n + 2, 10 * n + 3)]
    found = tried("register", history_of(*rows))
    assert found.kinds == {"stale answer": (5, 5), "lost change": (5, 5)}
    assert found.missed == ()


def test_a_checker_that_believes_everything_convicts_nothing() -> None:
    rows = [("write", 1, 1, 1, 2), ("write", 2, 2, 3, 4), ("read", None, 2, 5, 6)]
    believes = Result(verdict=Verdict.VALID)
    history = History(history_of(*rows))
    found = try_copies(history, MODELS["register"](), lambda *_: believes, Random(1), 4)
    assert found.convicted == 0
    assert "the read of 'k' by process 2 was answered with None" in found.missed[0]


def test_of_a_long_key_the_beginning_is_enough() -> None:
    rows = []
    for n in range(3_000):
        rows += [
            ("add", n, None, 10 * n, 10 * n + 1),
            ("contains", n, True, 10 * n + 2, 10 * n + 3),
        ]
    found = tried("set", history_of(*rows), copies=2)
    assert found.convicted == 2


def test_objects_nobody_knows_are_given_the_answers_of_others() -> None:
    class Doubler:
        name = "doubler"

        def initial(self) -> int:
            return 0

        def step(self, state: Any, operation: Operation) -> Any:
            from checker.models.model import Inconsistent

            right = operation.result == 2 * operation.argument
            return state if right else Inconsistent("that is not twice as much")

    history = History(history_of(*(("double", n, 2 * n, 2 * n, 2 * n + 1) for n in range(9))))
    assert [name for name, _ in planters(history, Doubler())] == ["another's answer"]
    found = try_copies(history, Doubler(), judge(Doubler), Random(1), 5)
    assert found.share == 1.0
