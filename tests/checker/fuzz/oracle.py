"""The truth about a small history: every order of each key's operations is tried.

Nothing here is shared with the checker but `Operation` and the model, which is the specification.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from checker.models.known import ObjectKind, known_object
from checker.models.model import Inconsistent, Model
from checker.operation import Operation, Outcome


def name(value: Any) -> str:
    """Tells apart what JSON tells apart; Python holds 1, 1.0 and True for equal."""
    if isinstance(value, dict):
        return f"{{{', '.join(sorted(f'{key!r}: {name(item)}' for key, item in value.items()))}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(name, value))}]"
    return repr(value)


def by_key(operations: Sequence[Operation]) -> dict[str, list[Operation]]:
    """The operations of each key, by the name of the key."""
    keys: dict[str, list[Operation]] = {}
    for operation in operations:
        keys.setdefault(name(operation.key), []).append(operation)
    return keys


def linearizable(
    operations: Sequence[Operation], model: Model, optional: Sequence[Operation] = ()
) -> bool:
    """Whether the operations of one key have an order; what crashed need not have happened.

    Nor need what is `optional`, which cannot take effect after its end, though.
    """
    demanded = [(o, True) for o in operations if o.outcome is not Outcome.FAIL]
    todo = sorted(
        demanded + [(o, False) for o in optional if o.outcome is not Outcome.FAIL],
        key=lambda item: item[0].invoked,
    )
    owed = sorted(
        (o.completed, 1 << n)
        for n, (o, must) in enumerate(todo)
        if must and o.completed is not None
    )
    calls = [(o.invoked, 1 << n, o) for n, (o, _) in enumerate(todo)]
    # What is optional and had ended before an operation began cannot come behind that.
    late = [
        sum(
            1 << n
            for n, (other, must) in enumerate(todo)
            if not must and other.completed is not None and other.completed < o.invoked
        )
        for o, _ in todo
    ]
    seen: set[tuple[int, Any]] = set()
    stack: list[tuple[int, Any]] = [((1 << len(todo)) - 1, model.initial())]
    while stack:
        left, state = here = stack.pop()
        horizon = next((end for end, bit in owed if left & bit), None)
        if horizon is None:
            return True
        if here in seen:
            continue
        seen.add(here)
        for place, (invoked, bit, operation) in enumerate(calls):
            if invoked > horizon:
                break
            if left & bit:
                after = model.step(state, operation)
                if not isinstance(after, Inconsistent):
                    stack.append((left & ~bit & ~late[place], after))
    return False


def convicts(shown: Sequence[Operation], whole: Sequence[Operation], model: Model) -> bool:
    """Whether no order explains what is shown of one key, even with the help of any other update.

    What had not ended when the last of what is shown did, is an update for all that is known.
    """
    rest = list(whole)
    for operation in shown:
        rest.remove(operation)
    known = known_object(model)
    if known is not None and known.kind is ObjectKind.LOCK:
        return _convicts_of_lock(shown, rest, model)
    observers: frozenset[str] = getattr(model, "observers", frozenset())
    updates = [o for o in rest if o.function not in observers]
    return not linearizable(shown, model) and not linearizable(shown, model, updates)


def _convicts_of_lock(shown: Sequence[Operation], rest: Sequence[Operation], model: Model) -> bool:
    """The same of a lock, as of the end of some operation that is shown.

    A release alone may explain any two acquires, so of what was answered as many acquires as
    releases must be left out, and they did happen.
    """
    for end in sorted({o.completed for o in shown if o.completed is not None}):
        mine, others = _as_of(end, shown), _as_of(end, rest)
        answered = [o for o in others if o.outcome is Outcome.OK]
        acquires = sum(o.function == "acquire" for o in answered)
        optional = [o for o in others if o.outcome is Outcome.INFO]
        if 2 * acquires == len(answered) and not linearizable(mine, model, optional):
            return True
    return False


def _as_of(end: int, operations: Sequence[Operation]) -> list[Operation]:
    """What had begun then, and not been answered if that came later."""
    return [
        o
        if o.outcome is Outcome.FAIL or (o.completed is not None and o.completed <= end)
        else replace(o, outcome=Outcome.INFO, completed=None)
        for o in operations
        if o.invoked <= end
    ]


def versions_lie(operations: Sequence[Operation]) -> bool:
    """Whether the versions that were reported of one register contradict each other or real time.

    Each update makes a greater version; who reports the same version saw the same value.
    """
    known = [o for o in operations if o.version is not None and o.outcome is Outcome.OK]
    facts = []
    for o in known:
        updates = o.function == "write"
        value = o.argument if updates else o.result
        if o.function == "cas" and name(o.result) == name(o.argument[0]):
            updates, value = True, o.argument[1]
        facts.append((o, updates, None if o.function == "cas-mismatch" else name(value)))
    for number, (one, updates, value) in enumerate(facts):
        for other, also, theirs in facts[number + 1 :]:
            same = one.version == other.version
            if same and (updates and also):
                return True
            if same and value is not None and theirs is not None and value != theirs:
                return True
        for other, also, _ in facts:
            assert one.version is not None
            assert other.version is not None
            before = one.completed is not None and one.completed < other.invoked
            rank, theirs_rank = (one.version, not updates), (other.version, not also)
            if before and rank > theirs_rank:
                return True
    return False
