"""Which models have rules of their own, and how a history is judged by them.

A rule is written twice: for the operations of one key, readably, to say what is wrong; and for the
columns of a long history, to find which keys are. Where a rule cannot decide, the search does.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from checker.columns import Columns, Ints, canonical
from checker.history import History
from checker.linearizability.objects.bounds import check_unique_ids, refute_counter
from checker.linearizability.objects.elements import check_elements
from checker.linearizability.objects.ordered import Violation, check_grow_only_set, check_list
from checker.linearizability.objects.queue import check_queue, check_unordered_queue
from checker.models.model import Model
from checker.operation import Operation

COLUMNS_FROM = 3_000
"""Operations from which a history is judged on columns; a shorter one takes milliseconds anyway."""

Group: TypeAlias = tuple[Any, tuple[Operation, ...]]
"""A key, and operations that can be judged by themselves."""


@dataclass(frozen=True)
class Rule:
    """It decides, or with `refutes_only` refutes, keys on which no other `functions` were called.

    `judge` raises `Ambiguous` where it cannot decide. `on_columns` names the function of
    `checker.linearizability.objects.columnar` that finds the same.
    """

    functions: frozenset[str]
    judge: Callable[[Sequence[Operation]], Violation | None]
    on_columns: str
    algorithm: str = "rules"
    refutes_only: bool = False


RULES: dict[str, tuple[Rule, ...]] = {
    "queue": (Rule(frozenset({"enqueue", "dequeue"}), check_queue, "find_queue"),),
    "unordered-queue": (
        Rule(frozenset({"enqueue", "dequeue"}), check_unordered_queue, "find_unordered_queue"),
    ),
    "list": (Rule(frozenset({"append", "read"}), check_list, "find_list"),),
    "set": (
        Rule(frozenset({"add", "read"}), check_grow_only_set, "find_grow_only_set"),
        Rule(frozenset({"add", "remove", "contains"}), check_elements, "find_elements"),
    ),
    "unique-ids": (Rule(frozenset({"generate"}), check_unique_ids, "find_unique_ids"),),
    "counter": (Rule(frozenset({"add", "read"}), refute_counter, "find_counter", "bounds", True),),
}
"""The rules of each model, by its name; the first that knows all the functions is taken."""


def rule_for(model: str, functions: Iterable[str]) -> Rule | None:
    """The rule for operations of these functions, if there is one."""
    called = frozenset(functions)
    return next((rule for rule in RULES.get(model, ()) if called <= rule.functions), None)


def split(history: History, model: Model, by_rules: bool) -> tuple[Iterable[Group], str]:
    """What is left to be judged, group by group, and what decided all else.

    A history is taken apart by key, and further where the model tells the `part` of an operation.
    Of a long one only those groups are left that a rule found wrong or could not decide.
    """
    if by_rules and len(history) >= COLUMNS_FROM:
        rule = rule_for(model.name, history.columns.functions)
        if rule is not None:
            return _left_by(rule, history.columns), rule.algorithm
    groups = history.by_key() if len(history) else {}
    part = getattr(model, "part", None)
    if part is None:
        return groups.items(), "trivial"
    return [one for key, several in groups.items() for one in _parts(key, several, part)], "trivial"


def _parts(
    key: Any, operations: tuple[Operation, ...], part: Callable[[Operation], Hashable | None]
) -> list[Group]:
    """The operations of a key by the part that they touch, if each touches but one."""
    parts: dict[Hashable, list[Operation]] = {}
    for operation in operations:
        parts.setdefault(part(operation), []).append(operation)
    if None in parts:
        return [(key, operations)]
    return [(key, tuple(several)) for several in parts.values()]


def _left_by(rule: Rule, columns: Columns) -> Iterable[Group]:
    """The groups that a rule found wrong, else those that it could not decide."""
    # numpy takes a while to import, so only a long history needs it.
    import numpy as np

    from checker.linearizability.objects import codes, columnar

    found: codes.Found = getattr(columnar, rule.on_columns)(columns)
    wrong = np.flatnonzero(found.finding == codes.WRONG)
    chosen = wrong if len(wrong) else np.flatnonzero(found.finding == codes.AMBIGUOUS)
    order = np.argsort(found.part, kind="stable")
    starts = np.searchsorted(found.part[order], np.append(chosen, 0))
    ends = np.searchsorted(found.part[order], chosen, side="right")
    for start, end in zip(starts[:-1].tolist(), ends.tolist(), strict=True):
        rows: Ints = order[start:end]
        yield canonical(columns.keys[int(columns.key[rows[0]])]), tuple(columns.operations(rows))
