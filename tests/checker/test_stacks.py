"""The rule of stacks: exact, with an order for what is right and few values for what is wrong."""

import math
import time
from random import Random

import pytest

from checker.linearizability.check import check
from checker.linearizability.objects import stack
from checker.linearizability.objects.stack import check_stack, order_stack
from checker.linearizability.registers.facts import Ambiguous
from checker.models.stack import Stack
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker.fuzz import oracle
from tests.checker.objects import OBJECTS, draw, linearizable
from tests.checker.orders import prove
from tests.deep import DEEP


def nested(random: Random) -> list[Operation]:
    """Distinct values whose pushes and pops overlap at random, so that some lie on others."""
    values = random.randint(2, 5)
    calls: list[tuple[str, int | None, int | None]] = [("push", v, None) for v in range(values)]
    calls += [("pop", None, v) for v in range(values) if random.random() < 0.85]
    calls += [("pop", None, None)] * random.choice((0, 0, 1))
    width = random.choice((0.75, 1.5, 3, 5))
    spans = []
    for function, _, _ in calls:
        begin = random.random() * 10 + (2 if function == "pop" else 0)
        spans.append((begin, begin + random.expovariate(1) * width))
    moments = sorted(moment for span in spans for moment in span)
    return [
        Operation(
            number, *call[:1], "k", *call[1:], Outcome.OK, moments.index(begin),
            moments.index(end), 0, 0,
        )
        for number, (call, (begin, end)) in enumerate(zip(calls, spans, strict=True))
    ]  # fmt: skip


def test_stacks_agree_with_every_linearization() -> None:
    random, model = Random("nested"), Stack()
    seen = {True: 0, False: 0}
    longest = 0
    for _ in range(700 * DEEP):
        operations = nested(random)
        truth = oracle.linearizable(operations, model)
        violation = check_stack(operations)
        assert (violation is None) is truth, operations
        if violation is None:
            prove(order_stack(operations), operations, model)
        else:
            assert not oracle.linearizable(list(violation.operations), model), violation
            longest = max(longest, len(violation.operations))
        seen[truth] += 1
    assert min(seen.values()) > 200 * DEEP, seen
    assert longest > 3


def test_unanswered_operations_of_a_stack_explain_what_they_can() -> None:
    random, thing, model = Random("unanswered"), OBJECTS["stack"], Stack()
    decided = 0
    for _ in range(500 * DEEP):
        operations = draw(random, thing, 8)
        truth = linearizable(operations, thing)
        try:
            violation = check_stack(operations)
        except Ambiguous:
            continue
        decided += any(o.outcome is Outcome.INFO for o in operations)
        assert (violation is None) is truth, operations
        if truth:
            prove(order_stack(operations), operations, model)
    assert decided > 100 * DEEP


def pile(count: int, clients: int) -> list[Operation]:
    """Pushes of which many overlap, and no pops."""
    return [
        Operation(
            n % clients, "push", "k", n, None, Outcome.OK, 2 * n, 2 * n + 2 * clients - 1, 0, 0
        )
        for n in range(count)
    ]


def test_a_stack_of_many_levels_is_left_to_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Ambiguous):
        check_stack(pile(200, 4), until=time.monotonic())
    monkeypatch.setattr(stack._Nesting.__init__, "__defaults__", ((), 1_000, math.inf))
    with pytest.raises(Ambiguous):
        check_stack(pile(200, 4))
    assert check(pile(200, 4), Stack()).verdict is Verdict.VALID


def test_what_is_wrong_with_a_stack_is_said_in_few_values() -> None:
    turned = [
        Operation(1, "push", "k", "a", None, Outcome.OK, 0, 1, 0, 0),
        Operation(1, "push", "k", "b", None, Outcome.OK, 2, 3, 0, 0),
        Operation(1, "pop", "k", None, "a", Outcome.OK, 4, 5, 0, 0),
        Operation(1, "pop", "k", None, "b", Outcome.OK, 6, 7, 0, 0),
    ]
    others = [
        Operation(2, "push", "k", n, None, Outcome.OK, 10 + 4 * n, 11 + 4 * n, 0, 0)
        for n in range(100)
    ]
    result = check([*turned, *others], Stack())
    assert (result.verdict, result.algorithm) == (Verdict.INVALID, "rules")
    assert result.counterexample == tuple(turned[place] for place in (0, 2, 1, 3))
    assert result.explanation == (
        "from the end of 1 until 4 began the stack was never empty, so one of these values lay "
        "below all the others; but none was both pushed so early and popped so late: a "
        "contradiction.",
    )


def test_long_stacks_take_little_time() -> None:
    started = time.process_time()
    assert check(pile(2_000, 20), Stack()).verdict is Verdict.VALID
    assert time.process_time() - started < 5
