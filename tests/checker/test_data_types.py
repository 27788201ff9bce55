"""Queues, lists, sets, counters, ids and versions against every linearization."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from checker.history import Operation, Outcome
from checker.linearizability.bounds import check_unique_ids, refute_counter
from checker.linearizability.facts import Ambiguous
from checker.linearizability.ordered import (
    Violation,
    check_grow_only_set,
    check_list,
    check_versions,
)
from checker.linearizability.queue import check_queue

Step = Callable[[Any, Operation], list[Any]]
"""All states after an operation, none where it cannot happen; unknown results are None."""


def queue(state: tuple[Any, ...], operation: Operation) -> list[Any]:
    if operation.function == "enqueue":
        return [(*state, operation.argument)]
    crashed = operation.outcome is Outcome.INFO
    if not state:
        return [()] if crashed or operation.result is None else []
    return [state[1:]] if crashed or operation.result == state[0] else []


def append_list(state: tuple[Any, ...], operation: Operation) -> list[Any]:
    if operation.function == "append":
        return [(*state, operation.argument)]
    crashed = operation.outcome is Outcome.INFO
    return [state] if crashed or tuple(operation.result) == state else []


def grow_only_set(state: tuple[Any, ...], operation: Operation) -> list[Any]:
    if operation.function == "add":
        return [tuple(sorted({*state, operation.argument}))]
    crashed = operation.outcome is Outcome.INFO
    return [state] if crashed or tuple(sorted(operation.result)) == state else []


def counter(state: tuple[Any, ...], operation: Operation) -> list[Any]:
    total = sum(state)
    if operation.function == "add":
        return [(total + operation.argument,)]
    crashed = operation.outcome is Outcome.INFO
    return [state] if crashed or operation.result == total else []


def linearizable(operations: list[Operation], step: Step) -> bool:
    todo = [o for o in operations if o.outcome is not Outcome.FAIL]

    def search(left: tuple[Operation, ...], state: Any) -> bool:
        horizon = min((o.completed for o in left if o.completed is not None), default=None)
        if horizon is None:
            return True
        return any(
            search((*left[:i], *left[i + 1 :]), after)
            for i, operation in enumerate(left)
            if operation.invoked <= horizon
            for after in step(state, operation)
        )

    return search(tuple(todo), ())


def results(state: tuple[Any, ...], function: str) -> Any:
    """What an honest object returns."""
    if function == "dequeue":
        return state[0] if state else None
    if function == "read":
        return list(state)
    return None


def draw(
    random: Random, step: Step, update: str, read: str, argument: Callable[[Random, int], Any]
) -> list[Operation]:
    """A short history of an object that lies now and then."""
    crash, lie = random.choice([0, 0.15, 0.3]), random.choice([0, 0.5, 0.9])
    state: tuple[Any, ...] = ()
    pasts = [state]
    pending: dict[int, Operation] = {}
    done: list[Operation] = []
    processes = list(range(random.randint(2, 3)))
    count, position, started = random.randint(4, 8), 0, 0
    while started < count or pending:
        position += random.random() < 0.8
        process = random.choice(processes)
        if process not in pending:
            if started < count:
                started += 1
                function = update if random.random() < 0.5 else read
                value = argument(random, started) if function == update else None
                pending[process] = Operation(
                    process, function, "k", value, None, Outcome.INFO, position, None, 0, None
                )
            continue
        operation = pending.pop(process)
        crashed = random.random() < crash
        if not crashed or random.random() < 0.5:
            shown = random.choice(pasts) if random.random() < lie else state
            result = results(shown, operation.function)
            if step is counter and operation.function == "read":
                result = sum(shown)
            operation = replace(operation, result=result)
            honest = replace(operation, outcome=Outcome.INFO)
            state = step(state, honest)[0]
            pasts.append(state)
        position += random.random() < 0.8
        if crashed:
            processes[processes.index(process)] = process + 10
            operation = replace(operation, result=None)
        else:
            operation = replace(operation, outcome=Outcome.OK, completed=position)
        done.append(operation)
    return sorted(done, key=lambda operation: operation.invoked)


def fresh(_: Random, number: int) -> int:
    return number


CASES = {
    "queue": (check_queue, queue, "enqueue", "dequeue", fresh),
    "list": (check_list, append_list, "append", "read", fresh),
    "set": (check_grow_only_set, grow_only_set, "add", "read", lambda r, _: r.randint(1, 4)),
}


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_every_linearization(name: str) -> None:
    check, step, update, read, argument = CASES[name]
    random = Random(12)
    seen: Counter[str] = Counter()
    for _ in range(20_000):
        operations = draw(random, step, update, read, argument)
        truth = linearizable(operations, step)
        try:
            violation: Violation | None = check(operations)
        except Ambiguous:
            seen["ambiguous"] += 1
            continue
        assert (violation is None) == truth, operations
        seen["valid" if truth else "invalid"] += 1
        if violation is not None:
            violation.reason.format(*range(1, len(violation.operations) + 1))
    assert min(seen["valid"], seen["invalid"]) > 0.15 * seen.total()
    assert seen["ambiguous"] < 0.3 * seen.total()


def test_a_refuted_counter_has_no_linearization() -> None:
    random = Random(13)
    seen: Counter[str] = Counter()
    for _ in range(5000):
        operations = draw(random, counter, "add", "read", lambda r, _: r.choice([-2, -1, 1, 1, 3]))
        truth = linearizable(operations, counter)
        refuted = refute_counter(operations) is not None
        assert not (truth and refuted), operations
        seen[f"{truth} {refuted}"] += 1
    assert seen["False True"] > 0.5 * seen["False False"]


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
