"""Answers that no state allows: of users' models whose states are few."""

from collections import Counter
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest

from checker.certificates import has_order, impossible_ever
from checker.errors import InternalError
from checker.linearizability.check import check
from checker.linearizability.search import judge
from checker.models.model import Inconsistent
from checker.omissions import proofs
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from checker.wording import numbered
from tests.checker.test_users_caches import played
from tests.deep import DEEP


@dataclass
class Permits:
    """Some permits; one that gives back none of its own gives back nothing."""

    most: int = 5
    name: str = "permits"

    def initial(self) -> int:
        return 0

    def step(self, state: Any, operation: Operation) -> Any:
        after, found = self.do(state, operation.function, operation.argument)
        known = operation.outcome is Outcome.OK
        return Inconsistent(f"it is {found}") if known and operation.result != found else after

    def do(self, state: Any, function: str, _argument: Any) -> tuple[Any, Any]:
        if function == "get":
            return min(self.most, state + 1), state < self.most
        return max(0, state - 1), None

    def call(self, random: Random, _number: int) -> tuple[str, Any]:
        return ("get" if random.random() < 0.5 else "give"), None


@pytest.mark.parametrize("pause", [4.0, 0.05])
def test_it_convicts_at_once_and_alone_whatever_overlaps(pause: float) -> None:
    operations = played(Permits(), Random("permits"), 1_000, 20, lie=True, pause=pause)
    result = check(operations, Permits())
    assert (result.verdict, result.algorithm) == (Verdict.INVALID, "states")
    assert [o.result for o in result.counterexample] == [-1]
    assert result.explanation == (
        f"1: process {result.counterexample[0].process} called get and was answered -1.",
        "In whatever order the operations on key 'k' take effect, no more than 6 states can come "
        "of them, and none of these allows 1: a contradiction.",
    )


def test_it_agrees_with_every_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "ALONE_FROM", 0)
    random, seen = Random("states"), Counter[Any]()
    for _ in range(400 * DEEP):
        operations = played(Permits(2), random, 24, 3, lie=False)
        for place in random.sample(range(24), random.randrange(3)):
            answer = random.choice([True, False, None, 7])
            gone = random.random() < 0.5
            old = operations[place]
            operations[place] = (
                replace(old, outcome=Outcome.INFO, result=None, completed=None, completed_ns=None)
                if gone
                else replace(old, result=answer)
            )
        result = check(operations, Permits(2))
        truth = has_order(operations, Permits(2))
        assert truth is not None
        assert result.verdict is (Verdict.VALID if truth else Verdict.INVALID), operations
        seen[result.algorithm, result.verdict] += 1
    assert seen["search", Verdict.VALID] > 20 * DEEP
    assert seen["states", Verdict.INVALID] >= 40 * DEEP


def test_what_some_state_allows_does_not_stand_alone() -> None:
    operations = played(Permits(), Random("alone"), 60, 4, lie=False)
    refused = next(o for o in operations if o.result is False)
    assert not impossible_ever(refused, operations, Permits())
    with pytest.raises(InternalError, match="may explain it"):
        list(proofs([refused], operations, Permits(), None))


def test_states_without_end_prove_nothing() -> None:
    class Endless(Permits):
        def step(self, state: Any, operation: Operation) -> Any:
            return Inconsistent("it never is") if operation.result == -1 else state + 1

    operations = played(Permits(), Random("endless"), 60, 4, lie=True)
    lie = next(o for o in operations if o.result == -1)
    assert impossible_ever(lie, operations, Permits())
    assert not impossible_ever(lie, operations, Endless())


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([3], "3"),
        ([1, 2], "1 and 2"),
        ([1, 2, 3], "1 to 3"),
        ([1, 2, 4, 5, 6, 7, 9], "1, 2, 4 to 7 and 9"),
    ],
)
def test_runs_of_numbers_are_told_by_their_ends(numbers: list[int], told: str) -> None:
    assert numbered(numbers) == told
