"""Queues whose values repeat, rank by rank: exact, with an order for what is right."""

import time
from random import Random

import pytest

from benchmarks.hard_histories import hard
from checker.linearizability.check import check
from checker.linearizability.objects import ranks
from checker.linearizability.objects.ranks import check_ranks, order_ranks
from checker.linearizability.registers.facts import Ambiguous
from checker.models.queues import Queue
from checker.verdict import Verdict
from tests.checker.fuzz.explanations import judged
from tests.checker.objects import OBJECTS, draw
from tests.checker.orders import agree
from tests.deep import DEEP


def test_queues_agree_with_every_linearization() -> None:
    random, thing = Random("ranks"), OBJECTS["queue"]
    histories = (draw(random, thing, random.choice([5, 7, 9])) for _ in range(700 * DEEP))
    seen = agree(histories, thing, Queue(), check_ranks, order_ranks)
    assert min(seen[True], seen[False]) > 100 * DEEP, seen


def test_of_a_value_that_was_taken_too_often_nothing_can_be_left_out() -> None:
    """Neither a later enqueue, which explains no earlier dequeue, nor a later dequeue."""
    random, found = Random("excess"), 0
    while found < 50 * DEEP:
        operations = draw(random, OBJECTS["queue"], 9)
        result = check(operations, Queue())
        if any("enqueued at most" in sentence for sentence in result.explanation):
            assert judged(result, operations, Queue()) == ("", "smallest"), (result, operations)
            found += 1


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize(("clients", "crashed"), [(5, 0), (20, 0), (50, 20)])
def test_crowded_queues_of_few_values_are_decided(clients: int, crashed: int, wrong: bool) -> None:
    operations = hard("queue", f"ranks {clients}", 1_000, clients, crashed, wrong)
    result = check(operations, Queue())
    assert (result.verdict, result.algorithm) == (
        Verdict.INVALID if wrong else Verdict.VALID, "rules",
    )  # fmt: skip


@pytest.mark.parametrize("choices", [0, ranks.SHRINKING_CHOICES])
def test_what_could_not_be_made_smaller_says_so(
    choices: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "SHRINKING_CHOICES", choices)
    random, found = Random("not smaller"), 0
    while found < 50:
        explanation = check(draw(random, OBJECTS["queue"], 9), Queue()).explanation
        if any("whichever enqueue" in sentence for sentence in explanation):
            told = any("fewer operations may do" in sentence for sentence in explanation)
            assert told is (choices == 0), explanation
            found += 1


def test_too_many_choices_are_left_to_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    operations = hard("queue", "many", 60, 5, 0, wrong=False)
    with pytest.raises(Ambiguous):
        check_ranks(operations, until=time.monotonic())
    monkeypatch.setattr(ranks, "MOST_CHOICES", 3)
    with pytest.raises(Ambiguous):
        check_ranks(operations)
    result = check(operations, Queue())
    assert (result.verdict, result.algorithm) == (Verdict.VALID, "search")
