"""What is said of a violation: a catalogue of them, and the minimality of what is shown."""

from random import Random
from typing import Any

import pytest

from checker.history import History
from checker.linearizability.registers import minimise
from checker.linearizability.registers.judge import judge
from checker.operation import Operation, Outcome
from checker.verdict import Result
from tests.checker.registers import draw, linearizable

Row = tuple[int, str, Any, Any, int, int | None]


def history(*rows: Row) -> History:
    """Rows of process, function, argument, result, and where it began and ended (None: crashed)."""
    return History(
        Operation(
            process, function, "k", argument, result,
            Outcome.INFO if end is None else Outcome.OK,
            begin, end, begin * 10**6, None if end is None else end * 10**6,
        )
        for process, function, argument, result, begin, end in rows
    )  # fmt: skip


def violation(*rows: Row) -> Result:
    results = [judge(history(*rows), engine=engine).results for engine in ("graph", "zones")]
    one, other = (next(iter(found.values())) for found in results)
    assert one.counterexample == other.counterexample
    assert one.explanation == other.explanation
    return one


def numbers(result: Result) -> list[tuple[int, int]]:
    return [(edge.before, edge.after) for edge in result.cycle]


def test_a_stale_read() -> None:
    result = violation(
        (4, "write", 17, None, 1, 2),
        (9, "read", None, 17, 1, 3),
        (2, "write", 18, None, 5, 6),
        (7, "read", None, 17, 7, 8),
    )
    assert [operation.process for operation in result.counterexample] == [4, 2, 7]
    assert result.explanation == (
        "1 comes before 2: it ended at 0.002 s, and 2 began at 0.005 s.",
        "2 comes before 3: it ended at 0.006 s, and 3 began at 0.007 s.",
        "But 3 comes before 2: 3 read 17, and 17 was written only once, by 1, "
        "so this was before 2 had overwritten it with 18.",
        "These cannot both be true.",
    )
    assert numbers(result) == [(1, 2), (2, 3), (3, 2)]


EXPLAINED: dict[str, tuple[list[Row], str]] = {
    "a lost write": (
        [(4, "write", 17, None, 1, 2), (7, "read", None, None, 3, 4)],
        "1 comes before 2: it ended at 0.002 s, and 2 began at 0.003 s. | "
        "But 2 comes before 1: 2 read null, and null, the initial value, is never written, "
        "so this was before 1 had overwritten it with 17. | "
        "These cannot both be true.",
    ),
    "a value out of thin air": (
        [(4, "write", 17, None, 1, 2), (7, "read", None, 99, 3, 4)],
        "1 read 99, but no operation that can have taken effect wrote 99: a contradiction.",
    ),
    "a read of a value before its write was called": (
        [(7, "read", None, 17, 1, 2), (4, "write", 17, None, 3, 4)],
        "2 comes before 1: 1 read 17, which nothing but 2 wrote. | "
        "1 comes before 2: it ended at 0.002 s, and 2 began at 0.003 s. | "
        "These cannot both be true.",
    ),
    "a chain of compare-and-sets": (
        [
            (1, "write", 10, None, 1, 30),
            (2, "cas", [10, 11], 10, 3, 20),
            (3, "cas", [11, 12], 11, 4, 6),
            (4, "read", None, 10, 7, 8),
        ],
        "4 comes before 3: 4 saw 10, which 2 replaced by 11, which 3 replaced by 12; "
        "10 was written only once, by 1. | "
        "3 comes before 4: it ended at 0.006 s, and 4 began at 0.007 s. | "
        "These cannot both be true.",
    ),
    "a crashed write that was seen and then unseen": (
        [
            (1, "write", 10, None, 1, 2),
            (2, "write", 11, None, 3, None),
            (3, "read", None, 11, 4, 5),
            (3, "read", None, 10, 6, 7),
        ],
        "2 was never answered, but took effect: 3 saw what it wrote, 11. | "
        "1 comes before 3: it ended at 0.002 s, and 3 began at 0.004 s. | "
        "3 comes before 4: it ended at 0.005 s, and 4 began at 0.006 s. | "
        "But 4 comes before 3: 4 read 10, and 10 was written only once, by 1, "
        "so this was before 2 had overwritten it with 11, which 3 saw. | "
        "These cannot both be true.",
    ),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_what_is_said(name: str) -> None:
    rows, sentences = EXPLAINED[name]
    assert " | ".join(violation(*rows).explanation) == sentences


def test_two_compare_and_sets_of_one_value() -> None:
    result = violation(
        (4, "write", 17, None, 1, 2),
        (5, "cas", [17, 18], 17, 3, 5),
        (6, "cas", [17, 19], 17, 4, 6),
    )
    assert result.explanation == (
        "2 replaced 17 by 18 and 3 replaced 17 by 19; each found 17 in place, so neither comes "
        "after the other, as 17 was written only once, by 1: a contradiction.",
    )
    assert numbers(result) == [(2, 3), (3, 2)]


def test_a_ring_of_compare_and_sets() -> None:
    result = violation((5, "cas", [1, 2], 1, 1, 5), (6, "cas", [2, 1], 2, 2, 6))
    assert result.explanation[-1] == (
        "Nothing else wrote these values, so each of them comes before itself: a contradiction."
    )


def test_two_values_that_swap() -> None:
    result = violation(
        (1, "write", 1, None, 1, 3),
        (2, "write", 2, None, 2, 4),
        (3, "read", None, 1, 5, 9),
        (4, "read", None, 2, 6, 8),
    )
    assert numbers(result)[-1] in ((3, 2), (4, 1))
    assert len(result.counterexample) == 4


def minimal_and_sound(result: Result) -> None:
    """It violates on its own, and nothing more can be taken from it."""
    shown = result.counterexample
    closing = result.explanation[-1]
    whole = "no operation that can" in closing or "Nothing else wrote" in closing
    facts = minimise.facts_of(shown, None, whole)
    assert not linearizable([fact.counted for fact in facts])
    for smaller in minimise.smaller(facts):
        assert linearizable([fact.counted for fact in smaller])


@pytest.mark.slow
def test_counterexamples_of_drawn_histories_are_minimal_and_sound() -> None:
    random = Random(3)
    found = 0
    while found < 1500:
        operations = draw(
            random, random.randint(3, 30), clients=4, lie=random.choice([0.03, 0.2]), crash=0.2
        )
        for result in judge(History(operations), engine="zones").results.values():
            found += 1
            assert len(result.counterexample) <= 12
            minimal_and_sound(result)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_one_stale_read_among_thousands(seed: int) -> None:
    random = Random(seed)
    for _ in range(25):
        operations = draw(random, 10_000, clients=5, keys=10, lie=0, crash=0.01, tie=0)
        half = len(operations) // 2
        at, read = next(
            (at, operation)
            for at, operation in enumerate(operations)
            if at >= half and operation.function == "read" and operation.outcome is Outcome.OK
        )
        earlier = [
            operation.argument
            for operation in operations[: half // 2]
            if operation.key == read.key
            and operation.function == "write"
            and operation.outcome is Outcome.OK
        ]
        operations[at] = Operation(
            read.process, "read", read.key, None, random.choice(earlier), Outcome.OK,
            read.invoked, read.completed, read.invoked_ns, read.completed_ns,
        )  # fmt: skip
        judged = judge(History(operations))
        (result,) = judged.results.values()
        assert judged.algorithm == "zones"
        assert operations[at] in result.counterexample
        assert len(result.counterexample) <= 6
        minimal_and_sound(result)
