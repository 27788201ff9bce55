"""What was found empty while some who took from it were never answered: exact, and explained."""

from collections import Counter
from random import Random

import pytest

from checker.columns import Columns
from checker.linearizability.check import check
from checker.linearizability.objects import codes, columnar, emptiness_columns
from checker.linearizability.objects.orders import order_unordered_queue
from checker.linearizability.objects.queue import check_unordered_queue
from checker.models.queues import UnorderedQueue
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker.fuzz.explanations import judged
from tests.checker.objects import OBJECTS, draw
from tests.checker.orders import agree
from tests.deep import DEEP


def histories(random: Random, count: int, most: int) -> list[list[Operation]]:
    """Of distinct values, with dequeues that found nothing and dequeues without an answer."""
    found: list[list[Operation]] = []
    while len(found) < count:
        operations = draw(random, OBJECTS["unordered-queue"], most)
        put = [o.argument for o in operations if o.function == "enqueue"]
        taken = [o for o in operations if o.function == "dequeue"]
        unanswered = any(o.outcome is Outcome.INFO for o in taken)
        empty = any(o.outcome is Outcome.OK and o.result is None for o in taken)
        if unanswered and empty and len(put) == len(set(put)):
            found.append(operations)
    return found


def test_unanswered_dequeues_agree_with_every_linearization() -> None:
    seen = agree(
        histories(Random("emptiness"), 1_000 * DEEP, 10),
        OBJECTS["unordered-queue"],
        UnorderedQueue(),
        check_unordered_queue,
        order_unordered_queue,
    )
    assert min(seen[True], seen[False]) > 100 * DEEP, seen


def test_of_what_was_found_empty_nothing_can_be_left_out() -> None:
    random, found = Random("smallest emptiness"), 0
    for operations in histories(random, 500 * DEEP, 12):
        result = check(operations, UnorderedQueue())
        if any("empty" in sentence for sentence in result.explanation):
            assert judged(result, operations, UnorderedQueue()) == ("", "smallest"), operations
            found += 1
    assert found > 50 * DEEP


@pytest.mark.parametrize("rounds", [1, 2, 100])
def test_columns_find_the_same_or_leave_it(monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    monkeypatch.setattr(emptiness_columns, "ROUNDS", rounds)
    seen: Counter[int] = Counter()
    for operations in histories(Random("columns"), 1_000 * DEEP, 12):
        (found,) = columnar.find_unordered_queue(Columns.of(operations)).finding.tolist()
        wrong = check_unordered_queue(operations) is not None
        assert found == codes.AMBIGUOUS or wrong == (found == codes.WRONG), operations
        seen[found] += 1
    assert min(seen[codes.WRONG], seen[codes.CLEAN]) > 50 * DEEP
    assert (seen[codes.AMBIGUOUS] > 0) == (rounds < 100)


def crowded(values: int, unanswered: int) -> list[Operation]:
    """Values that were put in one by one, dequeues without an answer, and then one that found
    nothing."""
    calls = [("enqueue", value, Outcome.OK) for value in range(values)]
    calls += [("dequeue", None, Outcome.INFO)] * unanswered
    calls += [("dequeue", None, Outcome.OK)]
    return [
        Operation(
            number, function, "k", argument, None, outcome, 2 * number,
            2 * number + 1 if outcome is Outcome.OK else None, 0, 0,
        )
        for number, (function, argument, outcome) in enumerate(calls)
    ]  # fmt: skip


def test_many_unanswered_dequeues_are_decided_by_counting() -> None:
    enough = check(crowded(200, 200), UnorderedQueue())
    assert (enough.verdict, enough.algorithm) == (Verdict.VALID, "rules")
    missing = check(crowded(201, 200), UnorderedQueue())
    assert (missing.verdict, missing.algorithm) == (Verdict.INVALID, "rules")
    assert "whatever the unanswered ones took" in missing.explanation[0]
    assert len(missing.counterexample) == 402


def test_many_values_are_not_said_to_be_the_fewest() -> None:
    """One value is taken late, a hundred are more than those without an answer may have taken."""
    log: list[tuple[str, int | None, Outcome, int, int | None]] = []
    for number in range(101):
        at = 560 if number == 100 else 2 * number
        log.append(("enqueue", number, Outcome.OK, at, at + 1))
        if number:
            begun = 550 if number == 100 else 300 + number
            log.append(("dequeue", None, Outcome.INFO, begun, None))
    log += [
        ("enqueue", 500, Outcome.OK, 210, 211),
        ("dequeue", 500, Outcome.OK, 600, 700),
        ("dequeue", None, Outcome.OK, 500, 800),
    ]
    operations = []
    for process, (function, value, outcome, begin, end) in enumerate(
        sorted(log, key=lambda o: o[3])
    ):
        put = function == "enqueue"
        argument, result = (value, None) if put else (None, value)
        operations.append(
            Operation(process, function, "k", argument, result, outcome, begin, end, begin, end)
        )
    result = check(operations, UnorderedQueue())
    assert result.verdict is Verdict.INVALID
    assert any("fewer operations may do" in sentence for sentence in result.explanation)
