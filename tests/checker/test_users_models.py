"""Models as users write them: what they are called decides nothing, what they declare does."""

from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any, ClassVar

import pytest

from checker.errors import ModelError
from checker.linearizability.check import ENGINES, check
from checker.linearizability.objects import rules
from checker.models.catalogue import MODELS
from checker.models.collections import AppendList, Set
from checker.models.counters import Counter
from checker.models.ids import UniqueIds
from checker.models.known import KnownObject, ObjectKind, known_object
from checker.models.locks import Mutex
from checker.models.model import Inconsistent, Model
from checker.models.priority_queue import PriorityQueue
from checker.models.queues import Queue, UnorderedQueue
from checker.models.registers import Register
from checker.models.semaphore import Semaphore
from checker.online import Online
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker import objects
from tests.checker.objects import OBJECTS, Object, draw, either, linearizable, stands_alone
from tests.checker.registers import known
from tests.deep import DEEP


def operation(function: str, argument: Any, result: Any, begin: int) -> Operation:
    end = begin + 1
    return Operation(begin, function, "k", argument, result, Outcome.OK, begin, end, begin, end)


@dataclass
class Stack:
    """Last in, first out; its functions are those of a queue, and so may its name be."""

    name: str = "queue"

    def initial(self) -> tuple[Any, ...]:
        return ()

    def step(self, state: Any, operation: Operation) -> Any:
        if operation.function == "enqueue":
            return (*state, operation.argument)
        top = state[-1] if state else None
        if operation.outcome is Outcome.INFO or operation.result == top:
            return state[:-1]
        return Inconsistent(f"{top!r} is on top")


def stack(state: tuple[Any, ...], function: str, argument: Any) -> list[objects.Done]:
    if function == "enqueue":
        return [((*state, argument), None)]
    return [(state[:-1], state[-1])] if state else [(state, None)]


@dataclass
class Cell:
    """A register that is not the bundled one, and begins as it likes."""

    name: str
    start: Any

    def initial(self) -> Any:
        return self.start

    def step(self, state: Any, operation: Operation) -> Any:
        crashed = operation.outcome is Outcome.INFO
        match operation.function:
            case "write":
                return operation.argument
            case "cas":
                expected, new = operation.argument
                if crashed or operation.result == state:
                    return new if state == expected else state
            case "read":
                if crashed or operation.result == state:
                    return state
        return Inconsistent(f"it is {state!r}")


class DeclaredCell(Cell):
    """The same, and it asks for the algorithms of registers."""

    @property
    def behaves_as(self) -> KnownObject:
        return KnownObject(ObjectKind.REGISTER, self.start)


@dataclass
class Tally5:
    """A counter that begins at 5, with an alien's name."""

    name: str = "counter"

    def initial(self) -> int:
        return 5

    def step(self, state: Any, operation: Operation) -> Any:
        if operation.function == "add":
            return state + operation.argument
        if operation.outcome is Outcome.INFO or operation.result == state:
            return state
        return Inconsistent(f"it is {state}")


class DeclaredTally5(Tally5):
    """The same, and it asks for the bounds of counters."""

    behaves_as: ClassVar = KnownObject(ObjectKind.COUNTER, 5)


def two_permits(state: int, function: str, argument: Any) -> list[objects.Done]:
    after = state + 1 if function == "acquire" else state - 1
    return [(after, None)] if 0 <= after <= 2 else []


_REGISTER = replace(OBJECTS["cas-register"], start=1, elsewhere=(None, 2))
_COUNTER = replace(OBJECTS["counter"], start=5, elsewhere=(0, 4))

USERS: dict[str, tuple[Callable[[], Model], Object]] = {
    "a stack called queue": (Stack, Object(either("enqueue", "dequeue"), stack)),
    "a register called register": (lambda: Cell("register", 1), _REGISTER),
    "a register called set": (lambda: Cell("set", 1), _REGISTER),
    "a declared register called queue": (lambda: DeclaredCell("queue", 1), _REGISTER),
    "the bundled register": (lambda: Register("register", 1), _REGISTER),
    "a counter": (Tally5, _COUNTER),
    "a declared counter": (DeclaredTally5, _COUNTER),
    "the bundled counter": (lambda: Counter("register", 5), _COUNTER),
    "a queue that begins with values": (
        lambda: Queue("mutex", [1, 101, 102]), replace(OBJECTS["queue"], start=(1, 101, 102)),
    ),
    "an unordered queue that does": (
        lambda: UnorderedQueue(start=[101, 102]),
        replace(OBJECTS["unordered-queue"], start=(101, 102)),
    ),
    "a set that does": (
        lambda: Set(start=[1, 4]), replace(OBJECTS["set"], start=frozenset({1, 4})),
    ),
    "elements of a set that does": (
        lambda: Set(start=[1, 4]), replace(OBJECTS["set of elements"], start=frozenset({1, 4})),
    ),
    "a grow-only set that does": (
        lambda: Set(start=[1, 4]), replace(OBJECTS["grow-only set"], start=frozenset({1, 4})),
    ),
    "a list that does": (
        lambda: AppendList(start=[101, 2]), replace(OBJECTS["list"], start=(101, 2)),
    ),
    "ids of which one is taken": (
        lambda: UniqueIds(start=[3]), replace(OBJECTS["unique-ids"], start=frozenset({3})),
    ),
    "a priority queue that begins with values": (
        lambda: PriorityQueue(start=[[1, 101], [2, 102]]),
        replace(OBJECTS["priority-queue"], start=((1, 101), (2, 102))),
    ),
    "a semaphore of which one permit is taken": (
        lambda: Semaphore(permits=2, start=1),
        replace(OBJECTS["semaphore"], do=two_permits, start=1),
    ),
    "a lock that is held": (lambda: Mutex(start=True), replace(OBJECTS["mutex"], start=True)),
}  # fmt: skip


@pytest.mark.parametrize("name", USERS)
def test_users_models_agree_with_every_linearization_in_every_engine(name: str) -> None:
    make, thing = USERS[name]
    model = make()
    random = Random(f"users {name}")
    seen: Tally[str] = Tally()
    for _ in range(100 * DEEP):
        operations = draw(random, thing)
        truth = linearizable(operations, thing)
        seen[str(truth)] += 1
        for engine in ENGINES:
            result = check(operations, model, engine=engine)
            seen[result.algorithm] += 1
            if result.verdict is not Verdict.UNKNOWN:
                assert (result.verdict is Verdict.VALID) == (truth and known(operations)), (
                    engine,
                    operations,
                )
            else:
                assert engine in ("graph", "zones") or not known(operations), (engine, result)
            if result.verdict is Verdict.INVALID:
                assert stands_alone(result.counterexample, operations, thing), (engine, result)
        if model.name == "queue" and not hasattr(model, "behaves_as"):
            assert not seen["rules"]
    assert min(seen["True"], seen["False"]) > 8 * DEEP, seen


@pytest.mark.parametrize("name", USERS)
def test_users_models_are_asked_in_long_histories_as_well(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "COLUMNS_FROM", 0)
    make, thing = USERS[name]
    random = Random(f"long users {name}")
    for _ in range(40 * DEEP):
        parts = [draw(random, thing, 5) for _ in range(3)]
        truth = all(linearizable(own, thing) for own in parts)
        whole = [replace(o, key=[number]) for number, own in enumerate(parts) for o in own]
        assert (check(whole, make()).verdict is Verdict.VALID) == (truth and known(whole)), whole


def test_a_register_that_begins_at_0_may_be_read_as_0() -> None:
    model = Register("register", start=0)
    read = [operation("read", None, 0, 1)]
    for engine in ENGINES:
        assert check(read, model, engine=engine).verdict is Verdict.VALID
        stale = [*read, operation("read", None, None, 3)]
        assert check(stale, model, engine=engine).verdict is Verdict.INVALID
    assert not _online(model, 0)
    assert "1 had been overwritten" in _online(model, 1)


def _online(model: Model, value: Any) -> str:
    online = Online(model)
    online.invoke(1, "read", "k", None)
    online.complete(1, Outcome.OK, value)
    return online.violation


def test_every_bundled_model_that_has_rules_says_so() -> None:
    said = {name: known_object(make()) for name, make in MODELS.items()}
    kinds = {thing.kind for thing in said.values() if thing is not None}
    assert kinds == set(ObjectKind)
    assert known_object(Stack()) is None


@pytest.mark.parametrize(
    ("kind", "initial", "words"),
    [
        ("stack of books", None, "no known object; choose one of register, queue"),
        ("counter", "5", "begins with an integer"),
        ("counter", True, "begins with an integer"),
        ("queue", "abc", "a queue begins with a list"),
        ("set", 5, "a set begins with a list"),
    ],
)
def test_a_declaration_that_says_nothing_is_refused(kind: Any, initial: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        KnownObject(kind, initial)


def test_a_declaration_is_a_known_object() -> None:
    class Careless(Stack):
        behaves_as = "queue"

    with pytest.raises(ValueError, match="say it as a KnownObject"):
        check([operation("enqueue", 1, None, 1)], Careless())


class Raises(Stack):
    """Fails at its second value."""

    def step(self, state: Any, operation: Operation) -> Any:
        return (*state, 1 // (2 - operation.argument))


class Unhashable(Stack):
    """Keeps its values in a list."""

    def step(self, state: Any, operation: Operation) -> Any:
        return [*state, operation.argument]


class NoBeginning(Stack):
    """Has no state to begin with."""

    def initial(self) -> Any:
        return []


class Uncertain(Stack):
    """Fails when it is asked which part is touched."""

    def part(self, operation: Operation) -> Any:
        return operation.argument["part"]


@pytest.mark.parametrize("engine", ["auto", "search"])
@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Raises(), "the model queue failed at enqueue of 2 by process 3 on key 'k': ZeroDivision"),
        (Unhashable(), "failed at enqueue of 1 by process 1 on key 'k': TypeError: unhashable"),
        (NoBeginning(), "the model queue has no initial state: TypeError: unhashable type: 'list'"),
        (Uncertain(), "failed at enqueue of 1 by process 1 on key 'k': TypeError"),
    ],
)
def test_a_model_that_fails_is_named_with_the_operation(
    model: Model, words: str, engine: str
) -> None:
    operations = [operation("enqueue", 1, None, 1), operation("enqueue", 2, None, 3)]
    with pytest.raises(ModelError) as failure:
        check(operations, model, engine=engine)
    assert words in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_value_that_nobody_wrote_convicts_though_others_were_written_twice() -> None:
    lost = [
        replace(operation("write", 1, None, 1), outcome=Outcome.INFO, completed=None),
        replace(operation("cas", [None, 2], None, 4), outcome=Outcome.INFO, completed=None),
    ]
    answered = [
        operation("write", 1, None, 2),
        operation("cas", [2, 1], 2, 5),
        operation("cas", [2, 2], 1, 7),
    ]
    result = check([*lost, *answered], Register("register", start=1))
    assert result.verdict is Verdict.INVALID
    assert [o.argument for o in result.counterexample] == [[None, 2], [2, 1]]
