"""Faults put together by hand: what a text means, and what is wrong with it."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import SECOND_NS
from harness.config import RunConfig
from harness.errors import OptionError
from harness.nemesis.composition import (
    InTurn,
    Lull,
    Repetition,
    Step,
    Strike,
    Together,
    Weighted,
    draw,
    longest_ns,
    read,
)
from harness.simulation.scenario import scenario_of, swarm
from harness.simulation.simulate import simulate

SECONDS = st.sampled_from([0.5, 1.0, 2.0, 10.0])
NAMES = st.sampled_from(["kill-one", "pause-all", "isolate-leader", "partition", "a.b:Fault"])


def steps(inner: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    weights = st.tuples(st.sampled_from([1.0, 2.0, 0.5]), inner)
    return st.one_of(
        several.map(InTurn),
        several.map(Together),
        st.builds(Repetition, st.integers(1, 3), inner),
        st.lists(weights, min_size=1, max_size=3).map(lambda found: Weighted(tuple(found))),
    )


STEPS = st.recursive(st.one_of(st.builds(Strike, NAMES, SECONDS), st.builds(Lull, SECONDS)), steps)


def written(step: Step) -> str:
    """A step as a person would write it, with more brackets than it needs."""
    match step:
        case Strike(name, seconds):
            return f"{name} {seconds:g}"
        case Lull(seconds):
            return f"wait {seconds:g}"
        case InTurn(parts):
            return f"({'; '.join(map(written, parts))})"
        case Together(parts):
            return f"({' & '.join(map(written, parts))})"
        case Repetition(times, inner):
            return f"({times} * ({written(inner)}))"
        case Weighted(choices):
            return "{" + " | ".join(f"{w:g}: {written(inner)}" for w, inner in choices) + "}"


@given(STEPS)
def test_what_is_written_is_read(step: Step) -> None:
    assert read(written(step)) == step


def times(text: str, seed: int = 1) -> list[tuple[str, float, float]]:
    return [
        (one.fault.name, one.at_ns / SECOND_NS, one.until_ns / SECOND_NS)
        for one in draw(read(text), 5, seed)
    ]


def test_steps_come_in_turn_and_together() -> None:
    assert times("wait 1; isolate-leader 2 & pause-one 1; kill-all 0.5") == [
        ("isolate-leader", 1, 3),
        ("pause-one", 1, 2),
        ("kill-all", 3, 3.5),
    ]
    assert times("2 * (kill-one 0.5; wait 0.5); pause-one 1") == [
        ("kill-one", 0, 0.5),
        ("kill-one", 1, 1.5),
        ("pause-one", 2, 3),
    ]


def test_weights_and_families_are_drawn_by_the_seed() -> None:
    text = "{3: kill-one 1 | 1: pause-one 1}"
    names = [times(text, seed)[0][0] for seed in range(400)]
    assert 240 < names.count("kill-one") < 360
    families = {times("partition 1", seed)[0][0] for seed in range(200)}
    assert len(families) == 10
    assert times("partition 1", 7) == times("partition 1", 7)


def test_a_step_that_is_added_leaves_those_before_it_what_they_were() -> None:
    text = "4 * (partition 1 & kill 0.5; {1: pause 1 | 1: wait 1})"
    for seed in range(20):
        before = draw(read(text), 5, seed)
        assert draw(read(f"{text}; kill 1"), 5, seed)[: len(before)] == before


@given(STEPS.filter(lambda step: "a.b" not in written(step)), st.integers(0, 100))
def test_nothing_lasts_longer_than_the_longest(step: Step, seed: int) -> None:
    planned = draw(step, 5, seed)
    assert all(0 <= one.at_ns < one.until_ns <= longest_ns(step) for one in planned)
    assert [one.number for one in planned] == list(range(1, len(planned) + 1))
    for earlier, later in itertools.pairwise(planned):
        assert earlier.at_ns <= later.at_ns


def test_a_run_strikes_as_it_was_told() -> None:
    text = "wait 1; isolate-leader 1 & kill-one 1; 2 * (pause-one 0.5)"
    config = RunConfig(system="raft", environment="simulated", nodes=3, clients=2, rate=20.0,
                       time_limit=4.0, schedule=text)  # fmt: skip
    assert f"--schedule '{text}'" in config.command
    assert RunConfig.from_values({"system": "raft", "schedule": text}).schedule == text
    found = simulate(scenario_of(config))
    struck = [fault.name for fault in found.history.faults if "lasting" not in fault.name]
    assert sorted(struck) == ["isolate-leader", "kill-one", "pause-one", "pause-one"]
    assert found.kind == ""


def test_explored_seeds_all_follow_the_schedule() -> None:
    base = RunConfig(system="raft", time_limit=12.0, schedule="wait 5; kill-one 6")
    for seed in range(30):
        scenario = swarm(base, frozenset({"schedule"}), seed)
        assert [one.fault.name for one in scenario.schedule] == ["kill-one"]
        assert scenario.config.time_limit == 12


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kill-one", "at its end it needs how many seconds kill-one lasts"),
        ("kill-one 0", "before '0' it needs how many seconds kill-one lasts, above 0"),
        ("kill-one " + "9" * 400, "604,800 at most"),
        ("3 kill-one 1", "before 'kill-one 1' it needs *"),
        ("0 * kill-one 1", "a whole number of times from 1 to 1000"),
        (f"{'9' * 400} * kill-one 1", "a whole number of times from 1 to 1000"),
        ("1.5 * kill-one 1", "a whole number of times"),
        ("kill-one 1;", "at its end it needs the name of a fault, wait, ( or {"),
        ("kill-one 1 pause-one 1", "before 'pause-one 1' it needs a ; or & before it, or the end"),
        ("(kill-one 1", "at its end it needs )"),
        ("{kill-one 1}", "it needs a weight above 0"),
        ("{0: kill-one 1}", "it needs a weight above 0"),
        ("{1 kill-one 1}", "before 'kill-one 1}' it needs :"),
        ("(" * 5_000, "no more than 20 brackets"),
        ("1000 * (1000 * kill-one 0.001)", "more than 10000 faults"),
        ("kill-one 1 & (wait 1; kill-all 1)", "kill-one and kill-all strike together"),
        ("2 * (wait 1; (partition 1 & isolate-one 1))", "faults of one family (partition)"),
        ("wait 31", "takes up to 31 s, and the calls last 30 s"),
        ("partition-majorities-ring 1", "needs at least 4 nodes"),
    ],
)  # fmt: skip
def test_bad_schedules(text: str, words: str) -> None:
    options: dict[str, Any] = {"nodes": 3, "schedule": text}
    with pytest.raises(OptionError) as refused:
        RunConfig(system="raft", **options)
    assert words in str(refused.value)
