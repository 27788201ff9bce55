"""Weaker guarantees: known examples, what must follow from what, and staleness."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from checker.guarantees import NAMES, guarantees
from checker.history import History, Operation, Outcome
from checker.linearizability.facts import Ambiguous
from checker.linearizability.graph import (
    decide,
)
from checker.staleness import staleness
from checker.verdict import Verdict
from tests.checker.registers import draw, of_key

Row = tuple[int, str, str, Any, int, int]


def history(*rows: Row) -> History:
    """Rows of process, function, key, value, and where it began and ended, in milliseconds."""
    return History(
        Operation(
            process, function, key,
            value if function == "write" else None,
            value if function == "read" else None,
            Outcome.OK, begin, end, begin * 10**6, end * 10**6,
        )
        for process, function, key, value, begin, end in rows
    )  # fmt: skip


def words(found: History) -> str:
    """One letter a guarantee: v, i or u."""
    results = guarantees(found)
    return "".join(results[name].verdict.word[0] for name in NAMES)


STALE_READ_BY_ANOTHER = history(
    (1, "write", "x", 1, 1, 2), (1, "write", "x", 2, 3, 4), (2, "read", "x", 1, 5, 6)
)
OWN_WRITE_UNSEEN = history(
    (1, "write", "x", 1, 1, 2), (2, "write", "x", 2, 3, 4), (2, "read", "x", 1, 5, 6)
)
BACK_IN_TIME = history(
    (1, "write", "x", 1, 1, 2), (1, "write", "x", 2, 3, 4),
    (2, "read", "x", 2, 5, 6), (2, "read", "x", 1, 7, 8),
)  # fmt: skip
CAUSE_UNSEEN = history(
    (1, "write", "x", 1, 1, 2),
    (2, "read", "x", 1, 3, 4), (2, "write", "y", 1, 5, 6),
    (3, "read", "y", 1, 7, 8), (3, "read", "x", None, 9, 10),
)  # fmt: skip
TWO_ORDERS = history(
    (1, "write", "x", 1, 1, 20), (2, "write", "x", 2, 2, 21),
    (3, "read", "x", 1, 22, 23), (3, "read", "x", 2, 24, 25),
    (4, "read", "x", 2, 22, 23), (4, "read", "x", 1, 24, 25),
)  # fmt: skip
STORE_BUFFERS = history(
    (1, "write", "x", 1, 1, 2), (1, "read", "y", None, 3, 4),
    (2, "write", "y", 1, 1, 2), (2, "read", "x", None, 3, 4),
)  # fmt: skip


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # sequential, causal convergence, causal, then the four guarantees of sessions
        pytest.param(STALE_READ_BY_ANOTHER, "vvvvvvv", id="stale read by another"),
        pytest.param(OWN_WRITE_UNSEEN, "vvvivvv", id="own write unseen"),
        pytest.param(BACK_IN_TIME, "iiivivv", id="back in time"),
        pytest.param(CAUSE_UNSEEN, "iiivvvv", id="cause unseen"),
        pytest.param(TWO_ORDERS, "iivvivv", id="two orders"),
        pytest.param(STORE_BUFFERS, "uvvvvvv", id="store buffers"),
    ],
)
def test_known_examples(found: History, expected: str) -> None:
    assert words(found) == expected


def test_what_follows_from_what() -> None:
    random = Random(2)
    seen: Counter[str] = Counter()
    for _ in range(3000):
        operations = draw(
            random,
            random.randint(4, 14),
            clients=3,
            keys=random.choice([1, 2]),
            lie=0.15,
            cas=0.2,
            tie=0,
        )
        results = guarantees(History(operations))
        verdicts = {name: result.verdict for name, result in results.items()}
        try:
            valid = all(decide(of_key(operations, key)).order is not None for key in (0, 1))
        except Ambiguous:
            continue
        if valid:
            assert verdicts["sequential"] is not Verdict.INVALID
            assert all(verdicts[name] is Verdict.VALID for name in NAMES[1:])
        if verdicts["sequential"] is Verdict.VALID:
            assert verdicts["causal convergence"] is Verdict.VALID
        if verdicts["causal convergence"] is Verdict.VALID:
            assert verdicts["causal"] is Verdict.VALID
        for name, verdict in verdicts.items():
            seen[f"{name} {verdict.word}"] += 1
    assert all(seen[f"{name} invalid"] > 50 for name in NAMES)
    assert all(seen[f"{name} valid"] > 300 for name in NAMES)


def sequentially_consistent(operations: list[Operation]) -> bool:
    """Try every interleaving of the processes of one key."""
    lines: dict[int, list[Operation]] = {}
    for operation in operations:
        lines.setdefault(operation.process, []).append(operation)

    def search(left: tuple[tuple[Operation, ...], ...], value: Any) -> bool:
        if not any(o.outcome is Outcome.OK for line in left for o in line):
            return True
        for i, line in enumerate(left):
            if not line:
                continue
            operation, rest = line[0], (*left[:i], line[1:], *left[i + 1 :])
            after = value
            reads = operation.outcome is Outcome.OK and operation.function != "write"
            if reads and operation.result != value:
                continue
            if operation.function == "write" and operation.outcome is not Outcome.FAIL:
                after = operation.argument
            elif operation.function == "cas" and operation.outcome is not Outcome.FAIL:
                after = operation.argument[1] if operation.argument[0] == value else value
            if search(rest, after):
                return True
            if operation.outcome is Outcome.INFO and search(rest, value):
                return True
        return False

    return search(tuple(map(tuple, lines.values())), None)


def test_sequential_consistency_of_one_key_against_every_interleaving() -> None:
    random = Random(4)
    seen: Counter[Verdict] = Counter()
    for _ in range(4000):
        operations = draw(random, random.randint(3, 8), clients=3, lie=0.4, cas=0.2, tie=0)
        verdict = guarantees(History(operations))["sequential"].verdict
        if verdict is not Verdict.UNKNOWN:
            assert (verdict is Verdict.VALID) == sequentially_consistent(operations), operations
        seen[verdict] += 1
    assert min(seen[Verdict.VALID], seen[Verdict.INVALID]) > 600


def test_staleness() -> None:
    found = staleness(
        history(
            (1, "write", "x", 1, 1, 2), (1, "write", "x", 2, 3, 4), (1, "write", "x", 3, 5, 6),
            (2, "read", "x", 1, 10, 11), (2, "read", "x", 2, 12, 13), (2, "read", "x", 3, 14, 15),
            (2, "read", "x", 1, 4, 5),
        )
    )  # fmt: skip
    assert [(read.versions, read.age_ns) for read in found.stale] == [
        (2, 6_000_000),
        (1, 6_000_000),
    ]
    assert found.to_json() == {
        "reads": 4,
        "stale_reads": 2,
        "versions_max": 2,
        "versions_median": 1.5,
        "age_ms_max": 6.0,
        "age_ms_median": 6.0,
    }
