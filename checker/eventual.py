"""Judges what is promised for the end alone: once all is healed, every node answers with everything
that was acknowledged.

After the workloads `broadcast`, `g-set`, `g-counter` and `pn-counter` of Maelstrom. The answers
that count are each node's last one in the phase "final reads". No read at any time may show an
element that nobody had begun to add.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from checker.history import History
from checker.operation import Operation, Outcome
from checker.verdict import Result, Verdict

FINAL = ALGORITHM = "final reads"
SUMS_MAX = 1_000_000
"""More sums than that are not told apart: counted is then the range alone."""


def judge_set(history: History, adds: str) -> Result:
    """Whether every node's last read holds all elements that were acknowledged; `adds` is the
    function that adds them."""
    added: dict[bytes, Operation] = {}
    for operation in history.operations:
        if operation.function == adds and operation.outcome is not Outcome.FAIL:
            added.setdefault(_canonical(operation.argument), operation)
    for read in _reads(history):
        for element in _elements(read):
            begun = added.get(_canonical(element))
            if begun is None or (read.completed is not None and begun.invoked > read.completed):
                return _invalid(history, [read], f"it shows {element!r}, which nobody had added")
    final = final_reads(history)
    for node, read in final.items():
        shown = {*map(_canonical, _elements(read))}
        for element, operation in added.items():
            if operation.outcome is Outcome.OK and element not in shown:
                why = f"{node} does not show {operation.argument!r}, which was acknowledged"
                return _invalid(history, [operation, read], f"in the end {why}")
    return _valid(history, final)


def judge_counter(history: History) -> Result:
    """Whether every node's last read is the sum of all amounts that were acknowledged, and of any
    of those in doubt."""
    amounts = [o for o in history.operations if o.function == "increase"]
    sure = sum(o.argument for o in amounts if o.outcome is Outcome.OK)
    doubted = [o.argument for o in amounts if o.outcome is Outcome.INFO]
    sums = possible_sums(sure, doubted)
    final = final_reads(history)
    for node, read in final.items():
        if type(read.result) is not int or read.result not in sums:
            wanted = f"{sure}" if not doubted else f"{sure}, give or take what is in doubt"
            why = f"in the end {node} counts {read.result!r}, and the sum is {wanted}"
            return _invalid(history, [read], why)
    return _valid(history, final)


def possible_sums(sure: int, doubted: Sequence[int]) -> "set[int] | range":
    """What a sum can be if some of the amounts may be in it or not."""
    sums = {sure}
    for amount in doubted:
        sums |= {one + amount for one in sums}
        if len(sums) > SUMS_MAX:
            low = sure + sum(amount for amount in doubted if amount < 0)
            return range(low, sure + sum(amount for amount in doubted if amount > 0) + 1)
    return sums


def final_reads(history: History) -> dict[str, Operation]:
    """Each node's last read after everything was healed."""
    begins = next((p.begins for p in reversed(history.phases) if p.name == FINAL), None)
    if begins is None:
        return {}
    return {read.node or "": read for read in _reads(history) if read.invoked > begins}


def _reads(history: History) -> Iterable[Operation]:
    return (o for o in history.operations if o.function == "read" and o.outcome is Outcome.OK)


def _elements(read: Operation) -> list[Any]:
    """What a read shows; null is the empty set."""
    if read.result is None:
        return []
    return read.result if isinstance(read.result, list) else [read.result]


def _valid(history: History, final: dict[str, Operation]) -> Result:
    verdict, reason = Verdict.VALID, ""
    if not final:
        verdict, reason = Verdict.UNKNOWN, "no node was read after everything was healed"
    return Result(verdict=verdict, algorithm=ALGORITHM, reason=reason, statistics=_counts(history))


def _invalid(history: History, operations: list[Operation], why: str) -> Result:
    return Result(
        verdict=Verdict.INVALID,
        algorithm=ALGORITHM,
        reason=why,
        key=operations[-1].key,
        counterexample=tuple(sorted(operations, key=lambda o: o.invoked)),
        explanation=(f"{why[0].upper()}{why[1:]}.",),
        statistics=_counts(history),
    )


def _counts(history: History) -> dict[str, Any]:
    return {"operations": len(history), "keys": len(history.columns.keys)}


def _canonical(value: Any) -> bytes:
    """A JSON value in one form of bytes; equal if and only if the values are."""
    return msgspec.json.encode(value, order="deterministic")
