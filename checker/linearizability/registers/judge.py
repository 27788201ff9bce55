"""Judges registers and compare-and-set registers whose values are distinct, key by key.

A short history of one key goes to the readable graph, which gives a witness, all others go to the
vectorised chains; keys in which a value that was seen had been written twice are handed back for
the search.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from checker.columns import Columns
from checker.errors import InternalError
from checker.history import History
from checker.linearizability.registers import chains, recheck, zones
from checker.linearizability.registers.certificate import rows
from checker.linearizability.registers.explain import explain
from checker.linearizability.registers.facts import Ambiguous
from checker.linearizability.registers.graph import (
    decide,
)
from checker.linearizability.registers.minimise import facts_of, minimal
from checker.linearizability.registers.zones import Findings, findings
from checker.operation import Operation
from checker.verdict import Result, Verdict
from checker.wording import of_key

GRAPH_UP_TO = 2_000
"""Operations up to which the readable engine decides; it takes a tenth of a second for these."""

MINIMAL_UP_TO = 80
"""Operations up to which a certificate is shrunk: that takes the cube of them."""


@dataclass(frozen=True)
class Judged:
    """`results` of the violated keys, by number, and the numbers of the keys that were not decided.

    `witness` is a linearization, where the graph decided and there is but one key. `left` are the
    rows that matter where not all of them do. `orders` holds for each valid key its operations and
    an order of those that matter, if the graph decided; `found` is what the zones found, if they
    did.
    """

    results: dict[int, Result]
    undecided: tuple[int, ...]
    algorithm: str
    witness: tuple[Operation, ...] | None = None
    left: Columns | None = None
    orders: Sequence[tuple[Sequence[Operation], Sequence[Operation]]] = ()
    found: Findings | None = None


def judge(history: History, initial: Any = None, engine: str = "auto") -> Judged:
    """Judge every key; keys go by their number in `history.columns`.

    `engine` is "graph", "zones", or "auto", which takes whichever suits the length. Only violated
    keys get a `Result` of their own; of what is valid nothing more is to be said.
    """
    columns = history.columns
    readable = len(columns) <= GRAPH_UP_TO and len(columns.keys) == 1
    if engine == "graph" or (engine == "auto" and readable):
        return _by_graph(columns, initial)
    found = findings(columns, initial)
    bad = np.flatnonzero(found.finding > chains.AMBIGUOUS)
    results = {int(key): _violation(columns, found, int(key), initial, "zones") for key in bad[:10]}
    for key in bad[10:]:
        results[int(key)] = _unexplained(columns, int(key), "zones")
    ambiguous = tuple(int(key) for key in np.flatnonzero(found.finding == chains.AMBIGUOUS))
    return Judged(results, ambiguous, "zones", found=found)


def _by_graph(columns: Columns, initial: Any) -> Judged:
    results = {}
    undecided = []
    groups: dict[int, list[Operation]] = {key: [] for key in range(len(columns.keys))}
    for row, operation in enumerate(columns.operations(range(len(columns)))):
        groups[int(columns.key[row])].append(operation)
    order: tuple[Operation, ...] | None = None
    orders = []
    for key, operations in groups.items():
        try:
            order = decide(operations, initial).order
        except Ambiguous:
            undecided.append(key)
            continue
        if order is None:
            part = Columns.of(operations)
            # Not by `findings`, which may leave a key undecided that is wrong in other ways.
            found = zones.judge(zones.prepare(part, initial), 1)
            if found.finding[0] <= chains.AMBIGUOUS:
                undecided.append(key)
                continue
            results[key] = _violation(part, found, 0, initial, "graph")
        else:
            orders.append((operations, order))
    alone = order if len(groups) == 1 else None
    return Judged(results, tuple(undecided), "graph", alone, orders=orders)


def _unexplained(columns: Columns, key: int, algorithm: str) -> Result:
    name = columns.keys[key]
    return Result(
        verdict=Verdict.INVALID,
        algorithm=algorithm,
        key=name,
        reason=of_key(name, "no order explains its operations"),
    )


def _violation(columns: Columns, found: Findings, key: int, initial: Any, algorithm: str) -> Result:
    """The result for a key with a violation: its certificate, shrunk, rechecked and explained."""
    certificate = [columns.operation(row) for row in rows(columns, found, key)]
    whole = int(found.finding[key]) in (chains.THIN_AIR, chains.RING)
    facts = facts_of(certificate, initial, whole)
    if len(facts) <= MINIMAL_UP_TO:
        facts = minimal(facts, initial)
        counted = [fact.counted for fact in facts]
        if recheck.linearizable(counted, initial):
            raise InternalError("a counterexample can be linearized: the engines disagree")
    edges, sentences = explain(facts, initial)
    name = columns.keys[key]
    number = "this operation" if len(facts) == 1 else f"these {len(facts)} operations"
    return Result(
        verdict=Verdict.INVALID,
        algorithm=algorithm,
        key=name,
        reason=of_key(name, f"no order explains {number}"),
        counterexample=tuple(fact.operation for fact in facts),
        explanation=sentences,
        cycle=edges,
    )
