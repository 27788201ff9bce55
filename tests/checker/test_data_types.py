"""Unique ids, and versions that a system reports."""

from typing import Any

from checker.history import Operation, Outcome
from checker.linearizability.bounds import check_unique_ids
from checker.linearizability.ordered import check_versions


def operation(function: str, argument: Any, result: Any, at: int, version: int) -> Operation:
    return Operation(
        at, function, "k", argument, result, Outcome.OK, at, at + 1, at, at, version=version
    )


def test_unique_ids() -> None:
    ids = [operation("generate", None, number, number, 0) for number in range(5)]
    assert check_unique_ids(ids) is None
    twice = check_unique_ids([*ids, operation("generate", None, 3, 10, 0)])
    assert twice is not None
    assert [o.result for o in twice.operations] == [3, 3]


def test_versions_that_lie_are_caught() -> None:
    first = operation("write", 17, None, 1, 1)
    second = operation("cas", [17, 18], 17, 3, 2)
    assert check_versions([first, second, operation("read", None, 18, 5, 2)]) is None
    for lie, reason in [
        (operation("read", None, 17, 5, 1), "ended before"),
        (operation("read", None, 17, 5, 2), "different values"),
        (operation("write", 18, None, 5, 2), "both made version"),
    ]:
        violation = check_versions([first, second, lie])
        assert violation is not None
        assert reason in violation.reason
