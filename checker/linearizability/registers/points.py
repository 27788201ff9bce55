"""Linearization points: for each operation of a valid history a moment at which it took effect.

They are those of one witness among many: chains (`registers.chains`) in the order of
their zones, and each operation as early as the order allows, which is when the last operation up to
its own place in the order had been invoked. That moment lies within the operation: were something
before it in the order invoked after its completion, the order would contradict real time.

Order of the zones: a forward zone stands where it begins. A backward zone, all operations of which
overlap, stands at its latest invocation, or, where a forward zone covers that moment, at the end of
this: it reaches beyond, or the history would not be linearizable (Gibbons and Korach 1997).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from checker.columns import Columns, Ints
from checker.linearizability.objects.codes import LOW, Mask, code
from checker.linearizability.registers import chains
from checker.linearizability.registers.chains import NONE
from checker.linearizability.registers.zones import Findings, findings, supported

NOWHERE = -1
"""The moment and the rank of an operation without a point."""


@dataclass(frozen=True, eq=False)
class Points:
    """By row: the moment in nanoseconds, and the place in the order of the operation's key, from 0.

    `NOWHERE` where an operation took no effect, or need not have, and in keys that were not decided
    by their zones (a value that was seen had been written twice).
    """

    at_ns: Ints
    rank: Ints


def points(columns: Columns, initial: Any = None) -> Points | None:
    """The points of a linearizable history of registers; None for other functions than those."""
    if not supported(columns):
        return None
    found = findings(columns, initial)
    order = witness(columns, found)
    key = columns.key[order]
    rank = np.full(len(columns), NOWHERE, np.int64)
    rank[order] = np.arange(len(order)) - np.searchsorted(key, key)
    # Within a key the latest invocation so far; keys ascend, so none reaches into the next.
    call = found.prepared.call.astype(np.int64)
    latest = np.maximum.accumulate(code(key, call[order])) & LOW
    invoked_ns = np.zeros(found.prepared.positions + 1, np.int64)
    invoked_ns[call] = columns.invoked_ns
    at_ns = np.full(len(columns), NOWHERE, np.int64)
    at_ns[order] = np.maximum(invoked_ns[latest], columns.invoked_ns[order])
    return Points(at_ns, rank)


def witness(columns: Columns, found: Findings) -> Ints:
    """The rows in the order of a witness, key after key; of the keys alone that are valid."""
    return _order(columns, found, _placed(columns, found))


def _placed(columns: Columns, found: Findings) -> Mask:
    """Which operations stand in the order: all that saw something, and updates that are needed."""
    ready = found.prepared
    stands = (ready.wrote == NONE) & (ready.seen != NONE)
    stands |= (ready.wrote != NONE) & (found.needed[: len(columns)] != 0)
    placed: Mask = stands & (found.finding == chains.CLEAN)[columns.key]
    return placed


def _order(columns: Columns, found: Findings, placed: Mask) -> Ints:
    """The rows that have a place, key by key in the order of a witness."""
    ready, count = found.prepared, len(columns)
    nodes = count + len(columns.keys)
    rows = np.flatnonzero(placed)
    reads = ready.wrote[rows] == NONE
    cluster = np.where(reads, found.writer[ready.seen[rows]], rows)
    ties = rows[~reads & (ready.seen[rows] != NONE)]
    parent = np.arange(nodes)
    parent[ties] = found.writer[ready.seen[ties]]
    root, depth = _roots(parent)
    chain = root[cluster]
    owner = np.concatenate([columns.key, np.arange(len(columns.keys))])
    stands = np.zeros(nodes, np.bool_)
    stands[chain] = True
    roots = np.flatnonzero(stands)
    place = _places(roots, owner, found.first.astype(np.int64), found.last.astype(np.int64))
    rank = np.zeros(nodes, np.int64)
    rank[roots[np.argsort(code(owner[roots], place[roots]), kind="stable")]] = np.arange(len(roots))
    deep = 2 * depth[cluster] + reads
    # Rows ascend by invocation, so that a stable sort leaves the reads of a value in that order.
    order = np.argsort(rank[chain] * (int(deep.max(initial=0)) + 1) + deep, kind="stable")
    ordered: Ints = rows[order]
    return ordered


def _roots(parent: Ints) -> tuple[Ints, Ints]:
    """For every node the first of its chain, and how many steps it is from there."""
    depth = (parent != np.arange(len(parent))).astype(np.int64)
    # Each round doubles how far a node looks back.
    while np.any((further := parent[parent]) != parent):
        depth, parent = depth + depth[parent], further
    return parent, depth


def _places(roots: Ints, owner: Ints, first: Ints, last: Ints) -> Ints:
    """For the root of every chain the position at which the chain stands among those of its key."""
    forward = roots[first[roots] < last[roots]]
    backward = np.setdiff1d(roots, forward, assume_unique=True)
    place = first.copy()
    place[backward] = last[backward]
    begins = code(owner[forward], first[forward])
    sorting = np.argsort(begins)
    before = np.searchsorted(begins[sorting], code(owner[backward], last[backward])) - 1
    if len(forward):
        zone = forward[sorting][np.maximum(before, 0)]
        covered = (before >= 0) & (owner[zone] == owner[backward]) & (last[zone] > last[backward])
        place[backward[covered]] = last[zone[covered]]
    return place
