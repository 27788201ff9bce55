"""Certifies verdicts: gives `checker.certificates` what each engine has to show for its answer.

Histories of up to `ALWAYS_UP_TO` operations are certified whole. Of longer ones, and of those that
are judged on columns by rules, some keys are drawn by a seed and judged once more by themselves, so
that it always takes but a small part of the time. A verdict that does not stand raises
`InternalError`.
"""

import time
from collections.abc import Iterable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from checker.certificates import verify_counterexample, verify_witness
from checker.columns import Columns, Ints
from checker.history import History
from checker.linearizability.filling import filled
from checker.models.known import KnownObject
from checker.models.model import Model
from checker.omissions import proofs
from checker.operation import Operation
from checker.verdict import Result
from checker.version_lies import verify_versions

if TYPE_CHECKING:
    from checker.linearizability.registers.judge import Judged

ALWAYS_UP_TO = 100_000
"""Operations up to which all of a history is certified."""

AT_LEAST_S, AT_MOST_S = 0.1, 0.15
"""Seconds that a counterexample may be verified for, though the time limit has come, and in all."""

LONG = 100
"""Operations of a counterexample beyond which its orders are not all tried, in plain Python, where
even an engine took longer than that."""

SAMPLED = 2_000
"""About how many operations of a longer history are certified."""

FEW = 4
"""Keys that are looked at one by one, where keys have so many operations that no more would fit."""


def certify(
    operations: Sequence[Operation], order: Sequence[Operation], model: Model
) -> tuple[Operation, ...]:
    """The witness of one object, verified, from an order of the operations that matter."""
    whole = tuple(filled(order, operations, model))
    verify_witness(operations, whole, model)
    return whole


def certify_registers(columns: Columns, judged: "Judged", model: Model, initial: Any) -> None:
    """Verify the witnesses of all keys that the graph or the zones found to be valid."""
    # numpy takes a while to import, so only a history that needs it does.
    from checker.certified_registers import verify_registers
    from checker.linearizability.registers import chains, mismatches, points

    if judged.found is not None:
        clean = (judged.found.finding == chains.CLEAN).nonzero()[0].tolist()
        if clean:
            verify_registers(columns, clean, points.witness(columns, judged.found), initial)
        return
    orders = judged.orders or mismatches.orders(columns, judged, initial)
    for operations, order in orders:
        certify(operations, order, model)


def certify_violation(
    history: History, model: Model, thing: KnownObject | None, result: Result, until: float
) -> None:
    """Verify the counterexample of an invalid history, as far as that can be done until then."""
    shown = result.counterexample
    if result.algorithm == "versions":
        verify_versions(*shown)
    elif shown:
        columns = history.columns
        rows = columns.rows_of(columns.keys.find(shown[0].key))
        if len(rows) <= ALWAYS_UP_TO:
            whole = tuple(columns.operations(rows))
            ways = proofs(shown, whole, model, thing)
            now = time.monotonic()
            soon = min(max(until, now + AT_LEAST_S), now + AT_MOST_S)
            engines = result.statistics.get("engines")
            if engines and engines[-1]["seconds"] > AT_MOST_S and len(shown) > LONG:
                soon = now
            verify_counterexample(ways, model, result.cycle, shown, soon)


def sampled(columns: Columns) -> History:
    """Some keys of a history, as a history of their own; none where all of them are too long."""
    # numpy takes a while to import, so only a long history needs it.
    import numpy as np

    keys = len(columns.keys)
    drawn = Random(f"certified {len(columns)}").sample(range(keys), min(keys, SAMPLED))
    if len(columns) * FEW > keys * SAMPLED:
        # Only a few can be taken, and to find the rows of one is quicker than to count all.
        return History(columns=columns.rows(_rows_of_few(columns, drawn[:FEW])))
    sizes = np.bincount(columns.key, minlength=keys)
    chosen = np.zeros(keys, np.bool_)
    left = SAMPLED
    for key in drawn:
        if sizes[key] <= left:
            chosen[key] = True
            left -= int(sizes[key])
    # A mask would be gone through once for each column.
    return History(columns=columns.rows(np.flatnonzero(chosen[columns.key])))


def _rows_of_few(columns: Columns, keys: Iterable[int]) -> Ints:
    """The rows of those keys that fit, in the order of the history."""
    import numpy as np

    found: list[Ints] = []
    left = SAMPLED
    for key in keys:
        rows = columns.rows_of(key)
        if len(rows) <= left:
            found.append(rows)
            left -= len(rows)
        if FEW * left < SAMPLED:
            break  # Hardly any other would fit.
    return np.sort(np.concatenate([np.empty(0, np.int64), *found]))
