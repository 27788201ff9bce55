"""Verdicts of the search, with their reasons: how far it came, or what no order includes."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import Any

from checker.certified_registers import verify_registers
from checker.columns import Columns
from checker.linearizability.certified import certify
from checker.linearizability.registers.placing import placed
from checker.linearizability.search.explanation import explain
from checker.linearizability.search.limits import PATIENCE_S, LimitReached
from checker.linearizability.search.of_columns import of_registers
from checker.linearizability.search.portfolio import decide
from checker.linearizability.search.problem import Answers, Problem, of_operations
from checker.linearizability.search.search import Found, Search, Tried
from checker.linearizability.search.shrink import shrink, violation_at
from checker.linearizability.violation import impossible_in_all, no_order
from checker.models.asking import quick_enough
from checker.models.known import known_object
from checker.models.model import Model
from checker.operation import Operation, Outcome
from checker.verdict import Result, Verdict
from checker.wording import on_key, plural

SHRINKING_S, SHRINKING = 0.3, 0.15
"""Seconds that a counterexample may take to become small, or that part of what the search took, if
the time limit leaves as much. What took long is seldom made small in as long again."""

HOPELESS = 0.5
"""Which part of that time a proof may have taken if anything is to be made small."""

TELLING_S = 0.1
"""Seconds that the orders of a counterexample may be told for, though it took all that time."""

ALONE_FROM = 100
"""Operations from which an answer that no state allows is shown alone: of fewer the search tells
more."""

BATCHES = 16
"""Into how many batches of keys a history is split for an executor."""


@dataclass(frozen=True)
class Limits:
    """Until when, in `time.monotonic`, within how much memory, and whether witnesses are due, or
    counterexamples."""

    until: float
    memory_bytes: int
    certify: bool = False
    explain: bool = True


def judge_operations(
    key: Any, operations: Sequence[Operation], model: Model, limits: Limits
) -> Result:
    """Judge the operations of one key against any model."""
    try:
        problem = of_operations(model, operations, until=limits.until)
        row = problem.impossible() if _may_stand_alone(operations, problem, model) else None
        if row is not None:
            return impossible_in_all(key, operations[row], problem.states)
        found = decide(problem, limits.until, limits.memory_bytes, with_order=limits.certify)
    except (LimitReached, MemoryError) as reached:
        found = Found(None, 0, 2 * len(operations), 0, str(reached) or "memory limit")
        return _result(key, operations, found, model, limits)
    answers = None if problem.steps is None else problem.steps.answers
    result = _result(key, operations, found, model, limits, answers)
    known = problem.steps is not None and problem.steps.explored
    states = {"found": problem.states, "all": known}
    return replace(result, statistics={**result.statistics, "states": states})


def _may_stand_alone(operations: Sequence[Operation], problem: Problem, model: Model) -> bool:
    """Whether an answer that no state allows is shown alone: not if the problem left out what may
    lead to such a state, and not of an object that is known, of which there is more to tell."""
    whole = sum(o.outcome is not Outcome.FAIL for o in operations)
    return problem.count == whole >= ALONE_FROM and known_object(model) is None


def judge_registers(
    columns: Columns,
    keys: Sequence[int],
    initial: Any,
    model: Model,
    limits: Limits,
    executor: Executor | None = None,
) -> Result:
    """Judge these keys, by their numbers, each of which is a register."""
    worst = Result(verdict=Verdict.VALID, algorithm="search")
    largest = 0
    ordered: dict[int, tuple[Sequence[int], Sequence[int]]] = {}
    for key, found in _searched(columns, keys, initial, limits, executor):
        largest = max(largest, found.largest)
        if found.order is not None:
            ordered[key] = found.order, found.ends
        if found.verdict is False or (found.verdict is None and not worst.verdict):
            rows = columns.rows_of(key)
            place = int(rows.searchsorted(found.stuck))
            operations = tuple(columns.operations(rows))
            found = replace(found, stuck=place)
            worst = _result(columns.keys[key], operations, found, model, limits)
        if worst.verdict is Verdict.INVALID:
            return worst
    if ordered:
        keys = [*ordered]
        order = placed(columns, keys, [*ordered.values()], initial)
        verify_registers(columns, keys, order, initial)
    worst.statistics["largest_frontier"] = largest
    return worst


def _searched(
    columns: Columns,
    keys: Sequence[int],
    initial: Any,
    limits: Limits,
    executor: Executor | None,
) -> Iterator[tuple[int, Found]]:
    """What is found of each key, in order, up to the first violation at least."""
    if executor is None:
        yield from zip(keys, _search_keys(columns, keys, initial, limits), strict=False)
        return
    spread = getattr(executor, "spread", None)
    if spread is not None:
        # All keys in one go are done sooner than a process is started.
        soon = replace(limits, until=min(limits.until, time.monotonic() + PATIENCE_S))
        found = _search_keys(columns, keys, initial, soon)
        sure = list(takewhile(lambda one: one.verdict is not None, found))
        yield from zip(keys, sure, strict=False)
        keys = [] if sure and sure[-1].verdict is False else keys[len(sure) :]
    size = max(1, -(-len(keys) // BATCHES))
    batches = [list(keys[start : start + size]) for start in range(0, len(keys), size)]
    problems = (of_registers(columns, batch, initial) for batch in batches)
    search = partial(_search_parts, limits=limits)
    for batch, results in zip(batches, (spread or executor.map)(search, problems), strict=True):
        yield from zip(batch, results, strict=False)


def _search_keys(
    columns: Columns, keys: Sequence[int], initial: Any, limits: Limits
) -> list[Found]:
    return _search_parts(of_registers(columns, keys, initial), limits)


def _search_parts(problem: Problem, limits: Limits) -> list[Found]:
    """What the search finds of the parts of a problem, up to the first violation."""
    parts = len(problem.bounds) - 1
    try:
        search = Search(problem, limits.until, limits.memory_bytes, log=limits.certify)
    except (LimitReached, MemoryError):
        return [Found(None, 0, 0, 0, "memory limit")] * parts
    results = []
    for part in range(parts):
        results.append(search.part(part))
        if results[-1].verdict is False:
            break
    return results


def _result(
    key: Any,
    operations: Sequence[Operation],
    found: Found,
    model: Model,
    limits: Limits,
    answers: Answers | None = None,
) -> Result:
    statistics: dict[str, Any] = {"largest_frontier": found.largest}
    if found.tried:
        statistics["engines"] = [tried.to_json() for tried in found.tried]
    if found.verdict:
        witness = None
        order = [operations[place] for place in found.order or ()]
        # What took almost all of the time is not done once more.
        if found.order is not None and quick_enough(model, order, limits.until):
            witness = certify(operations, order, model)
        return Result(
            verdict=Verdict.VALID, algorithm="search", witness=witness, statistics=statistics
        )
    if found.verdict is None:
        return Result(
            verdict=Verdict.UNKNOWN,
            algorithm="search",
            key=key,
            reason=f"the {found.limit} was reached after {found.done} of "
            f"{plural(found.events, 'event')}{on_key(key, 'of')}{_window(operations, found)}",
            statistics=statistics,
        )
    result = explained(
        key, operations, operations[found.stuck], model, limits, tried=found.tried, answers=answers
    )
    return replace(result, statistics=statistics)


def explained(
    key: Any,
    operations: Sequence[Operation],
    stuck: Operation,
    model: Model,
    limits: Limits,
    algorithm: str = "search",
    tried: Sequence[Tried] = (),
    answers: Answers | None = None,
) -> Result:
    """That no order includes `stuck`, with as small a counterexample as the time allows.

    `tried` says what was tried to find that, and `answers` what the model answered meanwhile.
    """
    if not limits.explain:
        return no_order(algorithm, key, f"includes {stuck.function}", (), ())
    soon = min(limits.until, time.monotonic() + shrinking_s(tried, answers))
    whole = violation_at(operations, stuck, model)
    left = shrink(whole, model, soon, limits.memory_bytes, answers)
    telling = min(limits.until, max(soon, time.monotonic() + TELLING_S))
    explanation, number = explain(left, model, telling)
    return no_order(algorithm, key, f"includes operation {number}", left.operations, explanation)


def shrinking_s(tried: Sequence[Tried], answers: Answers | None) -> float:
    """How long a counterexample may be made smaller: not at all where that is hopeless.

    What is only supposed to have happened leaves more orders, so a proof of less takes no shorter,
    but where all states are known: these are soon met.
    """
    whole_s = max(SHRINKING_S, SHRINKING * sum(one.seconds for one in tried))
    endless = answers is not None and answers.endless
    return 0.0 if endless and tried and tried[-1].seconds > HOPELESS * whole_s else whole_s


def _window(operations: Sequence[Operation], found: Found) -> str:
    """Which overlapping operations stopped the search."""
    if not 0 <= found.stuck < len(operations):
        return ""
    last = operations[found.stuck]
    end = last.invoked if last.completed is None else last.completed
    crashed = sum(o.completed is None and o.invoked <= end for o in operations)
    pending = sum(o.completed is not None and o.invoked <= end <= o.completed for o in operations)
    also = f" and {crashed} crashed before" if crashed else ""
    most = f"; {plural(found.largest, 'configuration')} at once" if found.largest else ""
    overlapped = f"{plural(pending, 'operation')} overlapped"
    return f", at position {end} of the log, where {overlapped}{also}{most}"
