"""Orders that are guessed: proved by the model alone, and harmless where they do not fit."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import pytest

from checker.certificates import verify_witness
from checker.linearizability.check import check
from checker.linearizability.guess import guessed
from checker.models.model import Inconsistent, Model, State
from checker.operation import Operation, Outcome
from checker.verdict import Result, Verdict
from tests.checker.fuzz import oracle
from tests.checker.fuzz.subjects import Pile
from tests.checker.registers import known


@dataclass
class Items(Pile):
    """Holds values; the one `at` a place of the others is taken."""

    at: Callable[[int], int]
    name: str = "items"

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, tuple)
        if operation.function == "give":
            return (*state, operation.argument)
        place = self.at(len(state))
        there = state[place] if state else None
        if operation.outcome is Outcome.OK and operation.result != there:
            return Inconsistent(f"{there} is there")
        return (*state[:place], *state[place + 1 :]) if state else state


def crowd(random: Random, model: Model, count: int, clients: int) -> list[Operation]:
    """Operations of a busy object, all of which took effect in between."""
    state, position = model.initial(), 0
    pending: dict[int, tuple[str, int | None, int, object, bool]] = {}
    done: list[Operation] = []
    while len(done) < count:
        position += 1
        client = random.randrange(clients)
        if client not in pending:
            function, argument = random.choice([("give", position), ("take", None)])
            pending[client] = function, argument, position, None, False
            continue
        function, argument, begin, result, happened = pending.pop(client)
        if happened:
            done.append(
                Operation(
                    client, function, "k", argument, result, Outcome.OK, begin, position, 0, 0
                )
            )
            continue
        for result in (None, *(state if isinstance(state, tuple) and function == "take" else ())):
            asked = Operation(client, function, "k", argument, result, Outcome.OK, 0, 1, 0, 0)
            after = model.step(state, asked)
            if not isinstance(after, Inconsistent):
                state = after
                break
        pending[client] = function, argument, begin, result, True
    for client, (function, argument, begin, _, _) in pending.items():
        done.append(
            Operation(client, function, "k", argument, None, Outcome.INFO, begin, None, 0, None)
        )
    return done


@pytest.mark.parametrize(
    ("at", "engine"), [(lambda n: n - 1, "as a stack"), (lambda n: 0, "as a queue")]
)
def test_a_users_stack_of_twenty_clients_is_decided(at: Callable[[int], int], engine: str) -> None:
    model = Items(at)
    operations = crowd(Random("users"), model, 1_000, 20)
    result = check(operations, model)
    assert result.verdict is Verdict.VALID
    assert result.statistics["engines"][0]["engine"] == engine
    assert result.witness is not None
    verify_witness(operations, result.witness, model)


@pytest.mark.parametrize("at", [lambda n: n - 1, lambda n: 0, lambda n: n // 2])
def test_what_is_guessed_is_true_whatever_the_model_is(at: Callable[[int], int]) -> None:
    random, model, found = Random("guessed"), Items(at), 0
    for _ in range(200):
        operations = crowd(random, Items(random.choice([at, lambda n: 0])), 6, 3)
        truth = oracle.linearizable(operations, model)
        guess = guessed(operations, model)
        found += isinstance(guess, Result)
        assert isinstance(guess, str) or truth, operations
        assert (check(operations, model).verdict is Verdict.VALID) == (
            truth and known(operations)
        ), operations
    assert found > 20


def test_a_model_that_fails_says_so_itself() -> None:
    class Failing(Items):
        def step(self, state: State, operation: Operation) -> State | Inconsistent:
            raise ZeroDivisionError

    give = Operation(1, "give", "k", 1, None, Outcome.OK, 0, 1, 0, 0)
    take = Operation(1, "take", "k", None, 1, Outcome.OK, 2, 3, 0, 0)
    assert guessed([give, take], Failing(lambda n: 0)) == ""


def test_what_would_follow_from_a_likeness_is_told_where_nothing_is_decided() -> None:
    model = Items(lambda n: n - 1)
    operations = crowd(Random("suspected"), model, 400, 20)
    taken = [o.result for o in operations if o.function == "take" and o.result is not None]
    last = max(o.completed or 0 for o in operations)
    again = Operation(99, "take", "k", None, taken[0], Outcome.OK, last + 1, last + 2, 0, 0)
    result = check([*operations, again], model, time_limit_s=0.5)
    assert result.verdict is Verdict.UNKNOWN
    assert "behaved like a stack, and for a stack it is invalid" in result.reason
    other = check([*operations, again], Items(lambda n: n // 2), time_limit_s=0.2)
    assert "behaved like" not in other.reason
