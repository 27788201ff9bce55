"""`total-queue` and `set-full` against their definitions, on random histories that lose and lie."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker.registers import known
from tests.deep import DEEP

COUNT = 10_000 * DEEP


def operation(
    function: str, argument: Any, result: Any, outcome: Outcome, begin: int, end: int
) -> Operation:
    known = outcome is not Outcome.INFO
    return Operation(
        begin, function, None, argument, result if outcome is Outcome.OK else None, outcome,
        begin, end if known else None, begin * 1000, end * 1000 if known else None,
    )  # fmt: skip


def drawn_queue(random: Random) -> list[Operation]:
    """A queue of a handful of values, whose calls now and then overlap, crash and lose."""
    operations, inside = [], []
    loss = random.choice([0, 0.1, 0.3])
    at = 0
    for number in range(random.randint(1, 6)):
        outcome = random.choices([Outcome.OK, Outcome.INFO, Outcome.FAIL], [8, 2, 1])[0]
        begin, at = at, at + random.randint(1, 3)
        function = random.choice(["enqueue", "enqueue", "dequeue", "drain"])
        result: Any = None
        if function == "enqueue":
            if outcome is not Outcome.FAIL and random.random() >= loss:
                inside.append(number)
        elif function == "dequeue":
            taken = outcome is not Outcome.FAIL and inside
            result = inside.pop(random.randrange(len(inside))) if taken else None
            if random.random() < 0.1:
                result = random.randint(0, 6)
        elif outcome is not Outcome.FAIL:
            result, inside = inside, []
        argument = number if function == "enqueue" else None
        operations.append(
            operation(function, argument, result, outcome, begin, at + random.randint(0, 2))
        )
        at += 1
    return operations


def of_queue(operations: list[Operation]) -> Verdict:
    """The definition: all that came out was tried before, and all acknowledged came out."""
    came: list[tuple[Any, float]] = []
    for o in operations:
        if o.outcome is Outcome.OK and o.function != "enqueue":
            assert o.completed is not None
            values = (o.result or []) if o.function == "drain" else [o.result]
            came += [(value, o.completed) for value in values if value is not None]
    for value, end in came:
        tried = [o for o in operations if o.function == "enqueue" and o.argument == value]
        if all(o.outcome is Outcome.FAIL for o in tried):
            return Verdict.INVALID
        first_end = min(e for v, e in came if v == value)
        if first_end < min(o.invoked for o in tried if o.outcome is not Outcome.FAIL):
            return Verdict.INVALID
        assert end >= first_end
    out = {value for value, _ in came}
    enqueued = [o for o in operations if o.function == "enqueue" and o.outcome is Outcome.OK]
    missing = [o for o in enqueued if o.argument not in out]
    takes = [o for o in operations if o.function != "enqueue"]
    lost = [
        o for o in missing
        if any(t.outcome is not Outcome.INFO and t.invoked > (o.completed or 0) for t in takes)
    ]  # fmt: skip
    crashed = [t for t in takes if t.outcome is Outcome.INFO]
    excused = len(lost) <= len(crashed) or any(t.function == "drain" for t in crashed)
    if lost and not excused:
        return Verdict.INVALID
    return Verdict.UNKNOWN if missing else Verdict.VALID


@pytest.mark.slow
def test_total_queues() -> None:
    random, seen = Random("total queues"), Counter[Verdict]()
    for _ in range(COUNT):
        operations = drawn_queue(random)
        verdict = check(operations, MODELS["total-queue"]()).verdict
        truth = of_queue(operations) if known(operations) else Verdict.UNKNOWN
        assert verdict is truth, operations
        seen[verdict] += 1
    assert min(seen[verdict] for verdict in Verdict) > 0.1 * COUNT, seen


def drawn_set(random: Random) -> list[Operation]:
    """A set of a handful of elements, whose reads now and then are old, or lose an element."""
    operations: list[Operation] = []
    states: list[frozenset[int]] = [frozenset()]
    at = 0
    for number in range(random.randint(2, 7)):
        outcome = random.choices([Outcome.OK, Outcome.INFO, Outcome.FAIL], [8, 1, 1])[0]
        begin, at = at, at + random.randint(1, 3)
        result: Any = None
        argument: Any = None
        function = random.choice(["add", "read", "read"])
        if function == "add":
            argument = number
            if outcome is not Outcome.FAIL:
                states.append(states[-1] | {number})
        else:
            result = list(states[-1] if random.random() < 0.6 else random.choice(states))
            if random.random() < 0.05:
                result.append(random.randint(0, 7))
            if random.random() < 0.1 and states[-1]:
                states.append(states[-1] - {random.choice(sorted(states[-1]))})
        operations.append(
            operation(function, argument, result, outcome, begin, at + random.randint(0, 2))
        )
        at += 1
    return operations


def of_set(operations: list[Operation]) -> tuple[Verdict, int, int]:
    """The definition: the verdict, and how many elements were lost and stale."""
    reads = [o for o in operations if o.function == "read" and o.outcome is Outcome.OK]
    adds = [o for o in operations if o.function == "add" and o.outcome is not Outcome.FAIL]
    lost = stale = stable = 0
    for add in adds:
        having = [r for r in reads if add.argument in r.result]
        since = min(
            [r.completed for r in having] + [add.completed if add.completed is not None else 10**6]
        )
        lacking = [r for r in reads if add.argument not in r.result and r.invoked > since]
        had_last = max((r.invoked for r in having), default=-1)
        lacked_last = max((r.invoked for r in lacking), default=-1)
        lost += lacked_last > had_last
        stable += had_last > lacked_last
        stale += had_last > lacked_last >= 0
    wrong = any(
        len(set(r.result)) < len(r.result)
        or any(
            all(add.argument != item or add.invoked > r.completed for add in adds)
            for item in r.result
        )
        for r in reads
    )
    if wrong or lost:
        return Verdict.INVALID, lost, stale
    return (Verdict.UNKNOWN if adds and not stable else Verdict.VALID), lost, stale


@pytest.mark.slow
def test_full_sets() -> None:
    random, seen = Random("full sets"), Counter[Verdict]()
    stale_ones = 0
    for _ in range(COUNT):
        operations = drawn_set(random)
        result = check(operations, MODELS["set-full"]())
        verdict, lost, stale = of_set(operations)
        assert result.verdict is (verdict if known(operations) else Verdict.UNKNOWN), operations
        assert result.statistics["lost"]["count"] == lost, operations
        assert result.statistics["stale"]["count"] == stale, operations
        seen[verdict] += 1
        stale_ones += stale > 0
    assert min(seen[verdict] for verdict in Verdict) > 0.1 * COUNT, seen
    assert stale_ones > 0.05 * COUNT


def test_what_is_told_of_what_was_lost() -> None:
    ok = Outcome.OK
    added = [operation("add", n, None, ok, 3 * n, 3 * n + 1) for n in (1, 2)]
    had = operation("read", None, [1, 2], ok, 10, 11)
    lacked = operation("read", None, [2], ok, 12, 13)
    result = check([*added, had, lacked], MODELS["set-full"]())
    assert result.reason == "an element was lost"
    assert result.counterexample == (added[0], had, lacked)
    assert result.explanation == (
        "2 read what 1 added, but not 3, which began later, nor any read after it.",
    )
    again = operation("read", None, [1, 2], ok, 14, 15)
    result = check([*added, had, lacked, again], MODELS["set-full"]())
    assert result.verdict is Verdict.VALID
    assert result.statistics["stale"] == {"count": 1, "some": [1]}
    assert "an element was stale for a while (1)" in result.reason
