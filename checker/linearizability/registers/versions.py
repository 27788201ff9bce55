"""Versions that a system reports: verified where they are honest, and told of where they lie.

An operation's `version` is the system's own number of the key's state after it: every update makes
a greater one, and operations that report the same version saw the same value. Honest versions say
in which order all was done, so that nothing needs to be searched, however often values repeat.

A version proves nothing by itself. If the order that versions give is a linearization, that is
seen by checking it; if it is none, the search goes on as though there were no versions. Versions
that contradict each other, or real time, are a finding of their own: the values may well be
linearizable, but the system said something that is not so.

Keys on which anything but reads, writes and compare-and-sets was called are not looked at.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from checker.columns import NEVER, canonical
from checker.errors import InternalError
from checker.history import History
from checker.linearizability.objects.ordered import out_of_order
from checker.linearizability.registers.facts import NOT, began, ended, saw_and_wrote
from checker.linearizability.violation import Violation
from checker.operation import Operation, Outcome

MISMATCH = "cas-mismatch"

FUNCTIONS = frozenset({"read", "write", "cas", MISMATCH})


def lie(history: History) -> tuple[Any, Violation] | None:
    """A key of registers whose versions lie, with the operations that show it."""
    columns = history.columns
    if not (columns.version >= 0).any() or not {*columns.functions} <= FUNCTIONS:
        return None
    # numpy takes a while to import, so only versions need it.
    from checker.linearizability.objects.columnar import find_lies

    for key in find_lies(columns):
        rows = columns.rows_of(key)
        operations = list(columns.operations(rows[columns.version[rows] >= 0]))
        violation = check_versions(operations)
        if violation is None:
            raise InternalError("the columns tell of a lie that the operations do not show")
        return columns.keys[key], violation
    return None


def check_versions(operations: Sequence[Operation]) -> Violation | None:
    """Whether the versions that a system reported of one key contradict real time or each other."""
    known: list[tuple[int, Operation]] = []
    updates: dict[int, Operation] = {}
    values: dict[int, tuple[Hashable, Operation]] = {}
    for operation, saw, wrote in _facts(operations):
        version = operation.version
        if version is None or operation.outcome is not Outcome.OK:
            continue
        updated = wrote is not NOT
        if updated and updates.setdefault(version, operation) is not operation:
            reason = f"{{0}} and {{1}} both made version {version}"
            return Violation((updates[version], operation), reason)
        value = wrote if updated else saw
        if value is not NOT:
            same, other = values.setdefault(version, (canonical(value), operation))
            if same != canonical(value):
                reason = f"{{0}} and {{1}} report different values as version {version}"
                return Violation((other, operation), reason)
        known.append((2 * version + (not updated), operation))
    return out_of_order(known)


def _facts(operations: Sequence[Operation]) -> Iterator[tuple[Operation, Any, Any]]:
    for operation in operations:
        if operation.function == MISMATCH:
            yield operation, NOT, NOT
        else:
            yield operation, *saw_and_wrote(operation)


@dataclass
class _State:
    """The state of a key that has a version: its value, who made it, and who observed it."""

    version: int
    value: Any = NOT
    update: tuple[Operation, Any] | None = None
    observers: list[Operation] = field(default_factory=list)

    def everyone(self) -> list[Operation]:
        return [*([self.update[0]] if self.update else []), *self.observers]


def verified(operations: Sequence[Operation], initial: Any = None) -> bool:
    """Whether the order that versions give is a linearization of one key; False if it may be none.

    Every completed operation must have a version. Where nothing that completed made a state which
    others saw, an unanswered write of its value did, one for each such state, called in time.
    """
    if not {o.function for o in operations} <= FUNCTIONS:
        return False
    states: dict[int, _State] = {}
    crashed: dict[Hashable, list[Operation]] = {}
    for operation, saw, wrote in _facts(operations):
        if operation.outcome is Outcome.INFO and operation.function == "write":
            crashed.setdefault(canonical(wrote), []).append(operation)
        if operation.outcome is not Outcome.OK:
            continue
        if operation.version is None:
            return False
        state = states.setdefault(operation.version, _State(operation.version))
        if wrote is NOT:
            state.observers.append(operation)
            state.value = canonical(saw) if saw is not NOT else state.value
        elif state.update is not None:
            return False
        else:
            state.update = operation, saw
    order = [states[version] for version in sorted(states)]
    return check_versions(operations) is None and _explained(order, crashed, canonical(initial))


def _explained(
    order: Sequence[_State], crashed: dict[Hashable, list[Operation]], initial: Hashable
) -> bool:
    """Whether each state follows from the one before it, or from a write that crashed."""
    # Whoever made a state must have begun before anything of that state or a later one had ended.
    deadline = NEVER
    deadlines = []
    for state in reversed(order):
        deadline = min([deadline, *map(ended, state.everyone())])
        deadlines.append(deadline)
    value = initial
    due: dict[Hashable, list[int]] = {}
    for place, (state, deadline) in enumerate(zip(order, reversed(deadlines), strict=True)):
        if state.update is not None:
            operation, saw = state.update
            if saw is not NOT and canonical(saw) != value:
                return False
            value = canonical(saw_and_wrote(operation)[1])
        elif state.value is not NOT and (place or state.value != initial):
            value = state.value
            due.setdefault(value, []).append(deadline)
        elif place:
            return False  # only mismatches saw this state, so its value is anyone's guess
        if any(o.function == MISMATCH and canonical(o.argument) == value for o in state.observers):
            return False
    for value, limits in due.items():
        calls = sorted(map(began, crashed.get(value, ())))
        if len(calls) < len(limits):
            return False
        # The earliest limit gets the earliest call, and so on: if that fails, everything does.
        if any(call > limit for call, limit in zip(calls, sorted(limits), strict=False)):
            return False
    return True


def order_by_versions(operations: Sequence[Operation], initial: Any = None) -> list[Operation]:
    """The order that versions give, of one key on which they were `verified`.

    A state that nothing answered made was made by a write that crashed: of those of its value that
    which began first makes the state that must be there first.
    """
    states: dict[int, _State] = {}
    crashed: dict[Hashable, list[Operation]] = {}
    for operation, saw, wrote in _facts(operations):
        if operation.outcome is Outcome.INFO and operation.function == "write":
            crashed.setdefault(canonical(wrote), []).append(operation)
        elif operation.outcome is Outcome.OK and operation.version is not None:
            state = states.setdefault(operation.version, _State(operation.version))
            if wrote is NOT:
                state.observers.append(operation)
                state.value = canonical(saw) if saw is not NOT else state.value
            else:
                state.update = operation, saw
    for writes in crashed.values():
        writes.sort(key=began, reverse=True)
    order: list[Operation] = []
    for place, (_, state) in enumerate(sorted(states.items())):
        if state.update is not None:
            order.append(state.update[0])
        elif state.value is not NOT and (place or state.value != canonical(initial)):
            order.append(crashed[state.value].pop())
        order += sorted(state.observers, key=began)
    return order
