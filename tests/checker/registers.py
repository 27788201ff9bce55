"""Small random histories of registers, and an oracle that tries every linearization.

The oracle shares nothing with the checker but `Operation`: it knows only what a register is.
"""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from checker.operation import Operation, Outcome


def known(operations: Sequence[Operation]) -> bool:
    """Whether anything is known to have happened; else a history is never valid."""
    return any(o.outcome is Outcome.OK for o in operations)


def linearizable(operations: Iterable[Operation], initial: Any = None) -> bool:
    """Try every order of one key's operations that real time allows."""
    todo = [o for o in operations if o.outcome is not Outcome.FAIL]
    dead: set[tuple[frozenset[int], Any]] = set()

    def search(left: frozenset[int], state: Any) -> bool:
        if all(todo[i].completed is None for i in left):
            return True
        if (left, state) in dead:
            return False
        horizon = min(_end(todo[i]) for i in left)
        for i in left:
            if todo[i].invoked <= horizon:
                for after in _steps(state, todo[i]):
                    if search(left - {i}, after):
                        return True
        dead.add((left, state))
        return False

    return search(frozenset(range(len(todo))), initial)


def _end(operation: Operation) -> float:
    return float("inf") if operation.completed is None else operation.completed


def _steps(state: Any, operation: Operation) -> list[Any]:
    crashed = operation.completed is None
    if operation.function == "write":
        return [operation.argument]
    if operation.function == "read":
        return [state] if crashed or operation.result == state else []
    expected, new = operation.argument
    if not crashed and operation.result != state:
        return []
    return [new if state == expected else state]


def draw_hard(
    random: Random, count: int, *, clients: int, repeat: float, **more: Any
) -> list[Operation]:
    """A history in which much goes wrong, of every kind, and each kind in some histories only."""
    return draw(
        random,
        count,
        clients=clients,
        repeat=repeat,
        lie=random.choice([0.1, 0.3, 0.6]),
        crash=random.choice([0, 0.15, 0.4]),
        tie=random.choice([0, 0.3]),
        **more,
    )


def draw(
    random: Random,
    count: int,
    *,
    clients: int = 3,
    keys: int = 1,
    repeat: float = 0.0,
    crash: float = 0.15,
    fail: float = 0.05,
    lie: float = 0.1,
    cas: float = 0.3,
    tie: float = 0.1,
) -> list[Operation]:
    """The history of a register that lies now and then; positions may tie if `tie` says so."""
    state: dict[int, Any] = {}
    written = {key: [None] for key in range(keys)}
    pending: dict[int, tuple[Any, ...]] = {}
    done: list[Operation] = []
    processes = list(range(clients))
    newest = clients
    started, position = 0, 1
    while started < count or pending:
        position += random.random() >= tie
        process = random.choice(processes)
        if process not in pending:
            if started == count:
                continue
            started += 1
            key = random.randrange(keys)
            value = random.randrange(3) if random.random() < repeat else 10 + started
            kind = random.random()
            old = state.get(key) if random.random() < 0.7 else random.choice(written[key])
            function, argument = (
                ("cas", [old, value])
                if kind < cas
                else ("write", value)
                if kind < cas + (1 - cas) / 2
                else ("read", None)
            )
            pending[process] = (function, key, argument, position, False, None)
            if function != "read":
                written[key].append(value)
        function, key, argument, begun, applied, result = pending[process]
        crashed = random.random() < crash
        failed = not applied and random.random() < fail
        if not applied and not failed and random.random() < (0.5 if crashed else 1):
            result = state.get(key)
            if function == "write" or (function == "cas" and result == argument[0]):
                state[key] = argument if function == "write" else argument[1]
            applied = True
            pending[process] = (function, key, argument, begun, True, result)
        if not crashed and not failed and random.random() < 0.5:
            continue
        del pending[process]
        position += random.random() >= tie
        if function != "write" and random.random() < lie:
            result = random.choice(written[key])
        outcome = Outcome.INFO if crashed else Outcome.FAIL if failed else Outcome.OK
        end = None if crashed else position
        seen = result if outcome is Outcome.OK else None
        done.append(
            Operation(
                process, function, key, argument, seen, outcome,
                begun, end, begun * 1000, end and end * 1000,
            )
        )  # fmt: skip
        if crashed:
            processes.remove(process)
            processes.append(newest := newest + 1)
    return sorted(done, key=lambda operation: operation.invoked)


def of_key(operations: Sequence[Operation], key: Any) -> list[Operation]:
    """The operations of one key."""
    return [operation for operation in operations if operation.key == key]
