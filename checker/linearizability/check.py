"""Decides whether a history is linearizable: takes it apart by key and picks an engine for each.

What a model says that it behaves as decides who may judge it (`checker.models.known`). Registers
go to the graph or the zones, which need no search where values are distinct; queues, lists and sets
to the rules of their own. What these cannot decide, and every other model, is searched, within the
limits of time and memory; beyond them the verdict is `UNKNOWN`.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from checker.errors import InternalError
from checker.history import History
from checker.linearizability import certified
from checker.linearizability.guess import guessed
from checker.linearizability.objects.rules import Group, judge_by, order_by, rules_for, split
from checker.linearizability.registers.facts import Ambiguous
from checker.linearizability.registers.versions import lie, order_by_versions, verified
from checker.memory import OPERATION_BYTES, ROW_BYTES, too_small
from checker.models.fitting import fit
from checker.models.known import KnownObject, is_register, known_object
from checker.models.model import Model
from checker.operation import Operation
from checker.verdict import NOTHING_KNOWN, Result, Verdict
from checker.wording import of_key

if TYPE_CHECKING:
    from checker.linearizability.search.judge import Limits

ENGINES = ("auto", "graph", "zones", "search")


@dataclass(frozen=True)
class _Task:
    """How to judge: `until` a moment of `time.monotonic`, within a number of bytes of memory."""

    model: Model
    thing: KnownObject | None
    engine: str
    until: float
    memory_bytes: int
    certify: bool
    explain: bool = True


def check(
    history: History | Iterable[Operation],
    model: Model,
    *,
    engine: str = "auto",
    time_limit_s: float = 60.0,
    memory_limit_bytes: int = 2 << 30,
    executor: Executor | None = None,
    jobs: int = 1,
    certify: bool = True,
    explain: bool = True,
) -> Result:
    """Judge a history, or a list of operations, against a model.

    `engine` is one of `ENGINES`; all but "auto" insist on one, and what it cannot decide is
    `UNKNOWN`. Raises `ValueError` for another name, `MalformedHistory` where an operation is none
    of the model's, which is not a verdict, and `ModelError` where the model fails.

    Keys that take long are judged in up to `jobs` processes at a time, 0 being one
    for each core; the verdict and the counterexample are the same for any number of them, and the
    program that asks for more than 1 needs the usual `if __name__ == "__main__":`. Or keys that
    must be searched are given to the `executor`, whose workers must share this machine's clock.

    A history is `UNKNOWN`, too, where no operation is known to have happened: there is nothing to
    judge.

    Unless `certify` is false, what supports the verdict is verified by means that share nothing
    with the engines (`checker.certificates`); raises `InternalError` where it does not stand.
    Unless `explain` is true, a violation that a search found comes without counterexample, which
    takes longer to make small than the verdict takes.
    """
    if jobs < 0:
        raise ValueError(f"there cannot be {jobs} jobs; give 0 or more")
    if engine not in ENGINES:
        raise ValueError(f"{engine!r} is not an engine; choose one of {', '.join(ENGINES)}")
    started = time.monotonic()
    if not isinstance(history, History):
        history = History(history)
    if not len(history):
        return _unknown("trivial", "there is no operation to judge")
    if refused := too_small(memory_limit_bytes, len(history), ROW_BYTES):
        return _unknown("trivial", refused)
    fit(model, history.columns)
    thing = known_object(model)
    until = started + time_limit_s
    task = _Task(model, thing, engine, until, memory_limit_bytes, certify, explain)
    with _pool(executor, jobs) as pool:
        result = _certified(history, task, pool) if certify else _judged(history, task, pool)
    if result.verdict is Verdict.VALID and not _anything_known(history):
        result = replace(result, verdict=Verdict.UNKNOWN, reason=NOTHING_KNOWN)
    if result.verdict is Verdict.INVALID and is_register(thing):
        result = replace(result, weaker=partial(_weaker, history, thing.initial, result.key))
    statistics = {
        "operations": len(history),
        "keys": len(history.columns.keys),
        "seconds": round(time.monotonic() - started, 6),
    }
    return _with(result, {**statistics, **result.statistics})


@contextlib.contextmanager
def _pool(executor: Executor | None, jobs: int) -> Iterator[Executor | None]:
    """Where keys are judged that take long; None where that is here."""
    if executor is not None or jobs == 1:
        yield executor
        return
    # What starts processes takes a while to import, so one job is done without.
    from checker.linearizability.jobs import Jobs, cores

    count = jobs or cores()
    if count == 1:
        yield None
        return
    with Jobs(count) as pool:
        yield pool


def _anything_known(history: History) -> bool:
    """Whether any operation is known to have happened."""
    # numpy takes a while to import, so this waits for a history.
    from checker.columns import OK

    return bool((history.columns.outcome == OK).any())


def _certified(history: History, task: _Task, executor: Executor | None) -> Result:
    """The verdict, certified: at its source where the history is short, else by its parts."""
    if hasattr(task.model, "judge"):
        return _judged(history, replace(task, certify=False), executor)
    short = len(history) <= certified.ALWAYS_UP_TO
    result = _judged(history, replace(task, certify=short), executor)
    on_columns = result.statistics.get("together", False)
    if result.verdict is Verdict.INVALID:
        certified.certify_violation(history, task.model, task.thing, result, task.until)
    elif result.verdict is Verdict.VALID and (not short or on_columns):
        part = certified.sampled(history.columns)
        again = _judged(part, task, None) if len(part) else result
        if again.verdict is Verdict.INVALID:
            raise InternalError(
                f"key {again.key!r} was found valid among others, but is invalid by itself; "
                "this is a mistake of the checker: please report it with the history"
            )
    return result


def _judged(history: History, task: _Task, executor: Executor | None) -> Result:
    """The verdict on all keys."""
    thing, engine = task.thing, task.engine
    result = _registers(history, thing, task, executor) if is_register(thing) else None
    if result is None and engine in ("graph", "zones"):
        result = _unknown(engine, "it judges only registers; choose another engine")
    if result is None:
        left = split(history, task.model, engine == "auto", task.until, task.memory_bytes)
        refused = too_small(task.memory_bytes, len(history), OPERATION_BYTES) if left.whole else ""
        if refused:
            return _unknown("trivial", refused)
        judge = partial(_one, task=task)
        result = _worst((executor.map if executor else map)(judge, left.groups), left.algorithm)
        if left.wrong and result.verdict is Verdict.VALID:
            raise InternalError("a key was found wrong among others, and right by itself")
        if left.on_columns:
            result = _with(result, {"together": True})
    if is_register(thing) and engine == "auto":
        result = _versions(history, result)
    return result


def _versions(history: History, result: Result) -> Result:
    """The same result, or that the versions lie which the system reported.

    That is a finding of its own: it does not say that the history is not linearizable.
    """
    if result.verdict is Verdict.INVALID:
        return result
    lies = lie(history)
    if lies is None:
        return result
    key, violation = lies
    values = "the values are linearizable" if not result.verdict else "the values are undecided"
    reason = of_key(key, f"{values}, but the versions lie that the system reported of them")
    return replace(violation.result(key, "versions"), reason=reason)


def _registers(
    history: History, thing: KnownObject, task: _Task, executor: Executor | None
) -> Result | None:
    """Judge keys as registers; None where an operation is not a register's."""
    # numpy and networkx take a while to import, so only a history that needs them does.
    from checker.linearizability.registers import mismatches, zones
    from checker.linearizability.search import judge as searched

    if not zones.supported(history.columns, {mismatches.MISMATCH}):
        return None
    search = partial(
        searched.judge_registers, initial=thing.initial, model=task.model,
        limits=_limits(task), executor=executor,
    )  # fmt: skip
    if task.engine == "search":
        return search(history.columns, range(len(history.columns.keys)))
    judged = mismatches.judge(history, thing.initial, task.engine)
    if task.certify:
        certified.certify_registers(history.columns, judged, task.model, thing.initial)
    worst = _worst(judged.results.values(), judged.algorithm)
    if worst.verdict is Verdict.INVALID or not judged.undecided:
        bad = len(judged.results)
        return _with(replace(worst, witness=judged.witness), {"invalid_keys": bad} if bad else {})
    if task.engine != "auto":
        return _unknown(
            task.engine, "values alone do not tell the order of the writes of every key"
        )
    columns = history.columns if judged.left is None else judged.left
    if not (columns.version >= 0).any():
        return search(columns, judged.undecided)
    groups = (
        (columns.keys[key], tuple(columns.operations(columns.rows_of(key))))
        for key in judged.undecided
    )
    return _worst((executor.map if executor else map)(partial(_one, task=task), groups), "trivial")


def _weaker(history: History, initial: Any, key: Any) -> Any:
    """Which guarantees still held; imported only where it is asked for, since it needs networkx."""
    from checker.weaker.weaker import weaker

    return weaker(history, key, initial)


def _one(group: Group, task: _Task) -> Result:
    """Judge one group by the rules of its model where they apply, else by the search."""
    key, operations = group
    if refused := too_small(task.memory_bytes, len(operations), OPERATION_BYTES):
        return _unknown("trivial", of_key(key, refused))
    own: Callable[[Any, Sequence[Operation]], Result] | None = getattr(task.model, "judge", None)
    if own is not None:
        return own(key, operations)
    thing = task.thing if task.engine == "auto" else None
    versions = any(o.version is not None for o in operations)
    if versions and is_register(thing) and verified(operations, thing.initial):
        return _valid(
            operations, "versions", partial(order_by_versions, operations, thing.initial), task
        )
    if is_register(thing) and any(o.function == "append" for o in operations):
        grown = _by_appends(key, operations, thing.initial, task)
        if grown is not None:
            return grown
    if task.thing is None and task.engine == "auto":
        guess = guessed(operations, task.model, task.until)
        if isinstance(guess, Result):
            return guess
        result = _search(key, operations, task)
        undecided = result.verdict is Verdict.UNKNOWN
        return replace(result, reason=result.reason + guess) if undecided else result
    decided = None if thing is None else _by_rules(key, operations, thing, task)
    return _search(key, operations, task) if decided is None else decided


def _by_appends(
    key: Any, operations: Sequence[Operation], initial: Any, task: _Task
) -> Result | None:
    """The verdict on a string that grows by pieces; None where the search must decide."""
    # networkx takes a while to import, so only a history that needs it does.
    from checker.linearizability.registers import appends
    from checker.linearizability.search.judge import explained

    judged = appends.judge(operations, initial, task.until)
    if judged is None:
        return None
    if judged.order is not None:
        order = judged.order
        return _valid(operations, "appends", lambda: order, task)
    assert judged.stuck is not None
    return explained(key, operations, judged.stuck, task.model, _limits(task), "appends")


def _by_rules(
    key: Any, operations: Sequence[Operation], thing: KnownObject, task: _Task
) -> Result | None:
    """The verdict of the first rule that can decide; None where none can."""
    for rule in rules_for(thing, {o.function for o in operations}):
        try:
            violation = judge_by(rule, thing, operations, task.until)
        except Ambiguous:
            continue
        if violation is not None:
            return violation.result(key, rule.algorithm)
        if not rule.refutes_only:
            order = partial(order_by, rule, thing, operations)
            return _valid(operations, rule.algorithm, order, task)
    return None


def _valid(
    operations: Sequence[Operation],
    algorithm: str,
    order: Callable[[], Sequence[Operation]],
    task: _Task,
) -> Result:
    """That these are linearizable, with a witness if it is to be certified."""
    witness = certified.certify(operations, order(), task.model) if task.certify else None
    return Result(verdict=Verdict.VALID, algorithm=algorithm, witness=witness)


def _search(key: Any, operations: Sequence[Operation], task: _Task) -> Result:
    # numpy takes a while to import, so only a history that needs it does.
    from checker.linearizability.search.judge import judge_operations

    return judge_operations(key, operations, task.model, _limits(task))


def _limits(task: _Task) -> "Limits":
    from checker.linearizability.search.judge import Limits

    return Limits(task.until, task.memory_bytes, task.certify, task.explain)


def _unknown(algorithm: str, reason: str) -> Result:
    return Result(verdict=Verdict.UNKNOWN, algorithm=algorithm, reason=reason)


def _worst(results: Iterable[Result], algorithm: str) -> Result:
    """The worst of several; no further one is judged after an `INVALID`."""
    worst = Result(verdict=Verdict.VALID, algorithm=algorithm)
    for result in results:
        if result.verdict > worst.verdict or worst.algorithm == "trivial":
            worst = result
        if worst.verdict is Verdict.INVALID:
            break
    return worst


def _with(result: Result, statistics: dict[str, Any]) -> Result:
    return replace(result, statistics={**result.statistics, **statistics})
