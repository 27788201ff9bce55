"""Histories that are hard to judge, of every bundled model: many clients, few values, crashes.

Each is made by playing it on the object itself, so that it is valid; one that is `wrong` ends with
an answer that the object did not give.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from checker.operation import Operation, Outcome

Step = tuple[str, Any]
Done = tuple[Any, Any]


@dataclass(frozen=True)
class Kind:
    """How an object is called, and what it answers, as a new state and a result."""

    call: Callable[[Random], Step]
    do: Callable[[Any, str, Any, Random], Done]
    start: Any
    spoil: Callable[[Any], Any]
    """A wrong answer, from the right one."""


def _register(state: Any, function: str, argument: Any, _random: Random) -> Done:
    match function:
        case "write":
            return argument, None
        case "append":
            return state + argument, None
        case "cas":
            return (argument[1] if state == argument[0] else state), state
    return state, state


def _queue(state: Any, function: str, argument: Any, _random: Random) -> Done:
    if function == "enqueue":
        return (*state, argument), None
    return state[1:], state[0] if state else None


def _bag(state: Any, function: str, argument: Any, random: Random) -> Done:
    if function == "enqueue":
        return (*state, argument), None
    if not state:
        return state, None
    place = random.randrange(len(state))
    return state[:place] + state[place + 1 :], state[place]


def _set(state: Any, function: str, argument: Any, _random: Random) -> Done:
    match function:
        case "add":
            return state | {argument}, None
        case "remove":
            return state - {argument}, None
        case "contains":
            return state, argument in state
    return state, sorted(state)


def _list(state: Any, function: str, argument: Any, _random: Random) -> Done:
    return ((*state, argument), None) if function == "append" else (state, list(state))


def _counter(state: Any, function: str, argument: Any, _random: Random) -> Done:
    return (state + argument, None) if function == "add" else (state, state)


def _mutex(state: Any, function: str, _argument: Any, _random: Random) -> Done:
    return (not state if (function == "acquire") is not state else state), None


def _ids(state: Any, _function: str, _argument: Any, _random: Random) -> Done:
    return state + 1, state + 1


def _transaction(state: Any, _function: str, argument: Any, _random: Random) -> Done:
    registers, answer = dict(state), []
    for kind, name, value in argument:
        if kind == "w":
            registers[name] = value
        answer.append([kind, name, registers.get(name)])
    return tuple(sorted(registers.items())), answer


def _steps(random: Random) -> Step:
    return "txn", [
        random.choice([["r", name, None], ["w", name, random.randrange(3)]])
        for name in random.sample("abcd", 2)
    ]


def _either(*calls: Callable[[Random], Step]) -> Callable[[Random], Step]:
    return lambda random: random.choice(calls)(random)


def _read(_random: Random) -> Step:
    return "read", None


def _wrong(result: Any) -> Any:
    return "never written" if isinstance(result, str) else -1


def _cas_register(values: int) -> Kind:
    call = _either(
        _read,
        lambda r: ("write", r.randrange(values)),
        lambda r: ("cas", [r.randrange(values), r.randrange(values)]),
    )
    return Kind(call, _register, None, _wrong)


def _queue_by(do: Callable[[Any, str, Any, Random], Done]) -> Kind:
    call = _either(lambda r: ("enqueue", r.randrange(4)), lambda r: ("dequeue", None))
    return Kind(call, do, (), _wrong)


KINDS: dict[str, Kind] = {
    "register": Kind(_either(_read, lambda r: ("write", r.randrange(3))), _register, None, _wrong),
    "cas-register": _cas_register(3),
    "etcd": _cas_register(5),
    "kv": Kind(_either(_read, lambda r: ("append", r.choice("ab"))), _register, "", _wrong),
    "queue": _queue_by(_queue),
    "unordered-queue": _queue_by(_bag),
    "multi-register": Kind(_steps, _transaction, (), lambda _: [["r", "a", -1]]),
    "set": Kind(
        _either(_read, lambda r: ("add", r.randrange(9)), lambda r: ("remove", r.randrange(9))),
        _set,
        frozenset(),
        lambda _: [-1],
    ),
    "list": Kind(_either(_read, lambda r: ("append", r.randrange(3))), _list, (), lambda _: [-1]),
    "counter": Kind(_either(_read, lambda r: ("add", r.randint(-4, 5))), _counter, 0, _wrong),
    "mutex": Kind(
        _either(lambda r: ("acquire", None), lambda r: ("release", None)), _mutex, False, _wrong
    ),
    "unique-ids": Kind(lambda r: ("generate", None), _ids, 0, _wrong),
}


def hard(
    name: str, seed: str, count: int, clients: int, crashed: int, wrong: bool
) -> list[Operation]:
    """`count` operations of some clients on one key, the first of which crash."""
    kind, random = KINDS[name], Random(seed)
    state = kind.start
    pending: dict[int, tuple[Operation, bool]] = {}
    done: list[Operation] = []
    holders: set[int] = set()
    position = 0
    while len(done) < count or pending:
        position += 1
        process = random.randrange(clients) if len(done) < count else next(iter(pending))
        if process not in pending:
            function, argument = kind.call(random)
            if name == "mutex":
                function = "release" if process in holders else "acquire"
                holders ^= {process} if function == "release" else set()
            begun = Operation(
                process, function, "k", argument, None, Outcome.INFO, position, None, position, None
            )
            pending[process] = begun, False
        elif not pending[process][1]:
            operation, _ = pending[process]
            before = state
            state, result = kind.do(state, operation.function, operation.argument, random)
            blocked = name == "mutex" and before == state
            if blocked and len(done) < count:
                continue  # It waits until the lock is in the state that it wants.
            pending[process] = replace(operation, result=result), True
            holders |= {process} if operation.function == "acquire" else set()
            if blocked:
                pending.pop(process)
        else:
            operation, _ = pending.pop(process)
            if crashed:
                crashed -= 1
                done.append(replace(operation, result=None, process=1_000 + crashed))
            else:
                done.append(replace(operation, outcome=Outcome.OK, completed=position))
    done.sort(key=lambda operation: operation.invoked)
    return _spoiled(done, kind, name, position, clients) if wrong else done


def _spoiled(
    done: list[Operation], kind: Kind, name: str, position: int, clients: int
) -> list[Operation]:
    """The same, with a wrong answer late in it."""
    if name == "mutex":
        # More acquires than what is open or crashed can release.
        lost = clients + sum(o.outcome is Outcome.INFO for o in done)
        last = [
            Operation(9_000 + n, "acquire", "k", None, None, Outcome.OK, at, at + 1, at, at)
            for n, at in enumerate(range(position + 1, position + 2 * lost + 5, 2))
        ]
        return [*done, *last]
    for place in range(len(done) - 1, -1, -1):
        operation = done[place]
        if operation.outcome is Outcome.OK and operation.function not in (
            "write", "append", "enqueue", "add", "remove",
        ):  # fmt: skip
            result = kind.spoil(operation.result)
            if name == "unique-ids":
                result = next(o.result for o in done if o.outcome is Outcome.OK)
            return [*done[:place], replace(operation, result=result), *done[place + 1 :]]
    return done
