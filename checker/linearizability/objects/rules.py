"""Which objects have rules of their own, and how a history is judged by them.

A rule is written twice: for the operations of one key, readably, to say what is wrong; and for the
columns of a long history, to find which keys are. Where a rule cannot decide, the search does.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Any, TypeAlias

from checker.columns import Columns, Ints, canonical
from checker.history import History
from checker.linearizability.objects.bag import check_bag, order_bag
from checker.linearizability.objects.bounds import check_unique_ids, refute_counter
from checker.linearizability.objects.elements import check_elements
from checker.linearizability.objects.locks import check_lock, order_lock
from checker.linearizability.objects.ordered import check_grow_only_set, check_list
from checker.linearizability.objects.orders import (
    order_by_invocation,
    order_elements,
    order_grow_only_set,
    order_list,
    order_queue,
    order_unordered_queue,
)
from checker.linearizability.objects.priority import check_priority_queue, order_priority_queue
from checker.linearizability.objects.queue import check_queue, check_unordered_queue
from checker.linearizability.objects.ranks import check_ranks, order_ranks
from checker.linearizability.objects.stack import check_stack, order_stack
from checker.linearizability.violation import Violation
from checker.models.asking import part
from checker.models.known import KnownObject, ObjectKind, known_object
from checker.models.model import Model
from checker.operation import Operation, Outcome

COLUMNS_FROM = 3_000
"""Operations from which a history is judged on columns; a shorter one takes milliseconds anyway."""

Group: TypeAlias = tuple[Any, tuple[Operation, ...]]
"""A key, and operations that can be judged by themselves."""


@dataclass(frozen=True)
class Rule:
    """It decides, or with `refutes_only` refutes, keys on which no other `functions` were called.

    `judge` raises `Ambiguous` where it cannot decide; of what it found to be valid `order` gives a
    witness. `on_columns` names the function of `checker.linearizability.objects.columnar`, if there
    is one, that finds the same. Both know an object that is empty at first: a beginning is added as
    operations before all others. A rule that `searches` takes a moment of `time.monotonic`, too, at
    which it gives up.
    """

    functions: frozenset[str]
    judge: Callable[..., Violation | None]
    order: Callable[[Sequence[Operation]], list[Operation]]
    on_columns: str = ""
    algorithm: str = "rules"
    refutes_only: bool = False
    searches: bool = False


RULES: dict[ObjectKind, tuple[Rule, ...]] = {
    ObjectKind.QUEUE: (
        Rule(frozenset({"enqueue", "dequeue"}), check_queue, order_queue, "find_queue"),
        Rule(frozenset({"enqueue", "dequeue"}), check_ranks, order_ranks, searches=True),
    ),
    ObjectKind.UNORDERED_QUEUE: (
        Rule(
            frozenset({"enqueue", "dequeue"}), check_unordered_queue, order_unordered_queue,
            "find_unordered_queue",
        ),
        Rule(frozenset({"enqueue", "dequeue"}), check_bag, order_bag),
    ),
    ObjectKind.PRIORITY_QUEUE: (
        Rule(frozenset({"enqueue", "dequeue"}), check_priority_queue, order_priority_queue),
    ),
    ObjectKind.STACK: (
        Rule(frozenset({"push", "pop"}), check_stack, order_stack, searches=True),
    ),
    ObjectKind.LIST: (Rule(frozenset({"append", "read"}), check_list, order_list, "find_list"),),
    ObjectKind.SET: (
        Rule(
            frozenset({"add", "read"}), check_grow_only_set, order_grow_only_set,
            "find_grow_only_set",
        ),
        Rule(
            frozenset({"add", "remove", "contains"}), check_elements, order_elements,
            "find_elements",
        ),
    ),
    ObjectKind.UNIQUE_IDS: (
        Rule(frozenset({"generate"}), check_unique_ids, order_by_invocation, "find_unique_ids"),
    ),
    ObjectKind.LOCK: (
        Rule(frozenset({"acquire", "release"}), check_lock, order_lock, "find_lock"),
    ),
    ObjectKind.COUNTER: (
        Rule(
            frozenset({"add", "read"}), refute_counter, order_by_invocation, "find_counter",
            "bounds", True,
        ),
    ),
}  # fmt: skip
"""The rules of each kind of object; where one cannot decide, the next is asked."""

_BUILT_BY = {
    ObjectKind.QUEUE: "enqueue",
    ObjectKind.UNORDERED_QUEUE: "enqueue",
    ObjectKind.PRIORITY_QUEUE: "enqueue",
    ObjectKind.STACK: "push",
    ObjectKind.LIST: "append",
    ObjectKind.SET: "add",
    ObjectKind.COUNTER: "add",
    ObjectKind.LOCK: "acquire",
}
"""The function that brings an object to its beginning, one value after the other."""


def rules_for(thing: KnownObject | None, functions: Iterable[str]) -> list[Rule]:
    """The rules for operations of these functions, in the order in which they are asked."""
    called = frozenset(functions)
    rules = () if thing is None else RULES.get(thing.kind, ())
    several = thing is not None and thing.permits > 1
    return [
        _for_permits(rule, thing.permits) if thing and several else rule
        for rule in rules
        if called <= rule.functions
    ]


def _for_permits(rule: Rule, permits: int) -> Rule:
    """The rule of a lock for a semaphore."""
    judge = partial(check_lock, permits=permits)
    return replace(rule, judge=judge, order=partial(order_lock, permits=permits), on_columns="")


def judge_by(
    rule: Rule, thing: KnownObject, operations: Sequence[Operation], until: float = inf
) -> Violation | None:
    """What the rule finds wrong with one key of the object; raises `Ambiguous` as it does.

    A rule that searches has half of the time that is left until then: its order takes as long.
    """
    before = _beginning(thing, operations)
    limit = ((time.monotonic() + until) / 2,) if rule.searches else ()
    violation = rule.judge((*before, *operations), *limit)
    return violation.without(before) if violation and before else violation


def order_by(rule: Rule, thing: KnownObject, operations: Sequence[Operation]) -> list[Operation]:
    """An order of one key that the rule found to be valid; some that crashed are left out."""
    before = _beginning(thing, operations)
    return rule.order((*before, *operations))[len(before) :]


def _beginning(thing: KnownObject, operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """Operations that bring an empty object to its beginning, done before all others began."""
    if not thing.initial or not operations:
        return ()
    values = thing.initial
    if thing.kind is ObjectKind.COUNTER:
        values = [thing.initial]
    elif thing.kind is ObjectKind.LOCK:
        values = range(thing.initial)
    first = min(o.invoked for o in operations) - 2 * len(values)
    function, given = _BUILT_BY.get(thing.kind, "generate"), thing.kind is ObjectKind.UNIQUE_IDS
    return tuple(
        Operation(
            -1, function, operations[0].key, None if given else value, value if given else None,
            Outcome.OK, first + 2 * place, first + 2 * place + 1, 0, 0,
        )
        for place, value in enumerate(values)
    )  # fmt: skip


@dataclass(frozen=True)
class Left:
    """What is left to be judged, group by group, and what decided all else.

    `wrong` says that the groups are those which were found wrong, `whole` that they hold every
    operation, and `on_columns` that everything else was decided without a witness.
    """

    groups: Iterable[Group]
    algorithm: str = "trivial"
    wrong: bool = False
    whole: bool = False
    on_columns: bool = False


def split(history: History, model: Model, by_rules: bool, until: float, memory_bytes: int) -> Left:
    """What is left to be judged of a history.

    A history is taken apart by key, and further where the model tells the `part` of an operation.
    Of a long one only those groups are left that were found wrong or could not be decided with all
    keys together, by a rule and by the search of short keys.
    """
    thing = known_object(model)
    if len(history) >= COLUMNS_FROM:
        rule = None
        if by_rules and thing and not thing.initial:
            rule = next(iter(rules_for(thing, history.columns.functions)), None)
        left = _together(history.columns, model, rule, until, memory_bytes)
        if left is not None:
            return left
    return Left(_all_groups(history, model), whole=True)


def _all_groups(history: History, model: Model) -> Iterable[Group]:
    """The operations of every key, or of every part of one."""
    for key, operations in history.by_key().items():
        if getattr(model, "part", None) is None:
            yield key, operations
        else:
            yield from _parts(key, operations, model)


def _parts(key: Any, operations: tuple[Operation, ...], model: Model) -> list[Group]:
    """The operations of a key by the part that they touch, if each touches but one."""
    parts: dict[Hashable, list[Operation]] = {}
    for operation in operations:
        parts.setdefault(part(model, operation), []).append(operation)
    if None in parts:
        return [(key, operations)]
    return [(key, tuple(several)) for several in parts.values()]


def _together(
    columns: Columns, model: Model, rule: Rule | None, until: float, memory_bytes: int
) -> Left | None:
    """The groups that were found wrong, else those that could not be decided; None where keys are
    to be judged one by one."""
    # numpy takes a while to import, so only a long history needs it.
    import numpy as np

    from checker.linearizability.objects import codes, columnar
    from checker.linearizability.search import short_keys

    thing = known_object(model)
    searched = short_keys.possible(model, thing) and short_keys.pays(len(columns), until)
    algorithm = "search"
    if rule is not None and rule.on_columns:
        found: codes.PartFindings = getattr(columnar, rule.on_columns)(columns)
        algorithm = rule.algorithm
    elif searched:
        found = codes.by_key(columns)
        found.mark(np.arange(len(found.finding)), codes.AMBIGUOUS)
    else:
        return None
    ambiguous = found.finding == codes.AMBIGUOUS
    if searched and ambiguous.any() and not (found.finding == codes.WRONG).any():
        short_keys.settle(columns, model, thing, found, until, memory_bytes)
        if (found.finding[ambiguous] != codes.AMBIGUOUS).any():
            algorithm = "search"
    wrong = np.flatnonzero(found.finding == codes.WRONG)
    chosen = wrong if len(wrong) else np.flatnonzero(found.finding == codes.AMBIGUOUS)
    return Left(_groups(columns, found.part, chosen), algorithm, bool(len(wrong)), on_columns=True)


def _groups(columns: Columns, part: Ints, chosen: Ints) -> Iterable[Group]:
    """The operations of the chosen parts."""
    import numpy as np

    order = np.argsort(part, kind="stable")
    starts = np.searchsorted(part[order], np.append(chosen, 0))
    ends = np.searchsorted(part[order], chosen, side="right")
    for start, end in zip(starts[:-1].tolist(), ends.tolist(), strict=True):
        rows: Ints = order[start:end]
        yield canonical(columns.keys[int(columns.key[rows[0]])]), tuple(columns.operations(rows))
