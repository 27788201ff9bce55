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
from checker.linearizability.objects.codes import LOW, Mask, code, ranked
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
    seen = ready.seen[rows]
    reads = ready.wrote[rows] == NONE
    tied = np.flatnonzero(~reads & (seen != NONE))
    cluster = np.where(reads, found.writer[seen], rows)
    root, depth = _roots(nodes, rows[tied], found.writer[seen[tied]].astype(np.int64))
    chain = root[cluster]
    # One place for each value of a chain, the first of which may be the initial value.
    sizes = np.bincount(chain[~reads], minlength=nodes)
    sizes[chain] += 1
    roots = np.flatnonzero(sizes)
    owner = np.concatenate([columns.key, np.arange(len(columns.keys))])[roots]
    first, last = found.first[roots].astype(np.int64), found.last[roots].astype(np.int64)
    roots = roots[_in_order(owner, first, last, ready.positions)]
    sizes = sizes[roots]
    begins = np.zeros(nodes, np.int64)
    begins[roots] = np.cumsum(sizes) - sizes
    # Rows ascend by invocation, so the reads of a value stay in that order.
    places = 2 * (begins[chain] + depth[cluster]) + reads
    ordered: Ints = rows[ranked(places)]
    return ordered


def _roots(nodes: int, tied: Ints, before: Ints) -> tuple[Ints, Ints]:
    """For every node the first of its chain, and how many steps it is from there.

    A node that is `tied` comes right behind that `before` it.
    """
    parent, depth = np.arange(nodes), np.zeros(nodes, np.int64)
    parent[tied] = before
    depth[tied] = 1
    # Each round doubles how far a node looks back, as long as there is something farther.
    while len(tied):
        nearer = parent[tied]
        further = parent[nearer]
        depth[tied] += depth[nearer]
        parent[tied] = further
        tied = tied[further != nearer]
    return parent, depth


def _in_order(owner: Ints, first: Ints, last: Ints, positions: int) -> Ints:
    """The numbers of chains in the order in which they stand, key after key."""
    forward = first < last
    place = np.where(forward, first, last)
    base = owner * (positions + 1)
    order = ranked(base + place)
    # Of the forward zones the one that began last, as one goes through all of them.
    zone = np.maximum.accumulate(np.where(forward[order], np.arange(len(order)), -1))
    zone = order[np.maximum(zone, 0)]
    covered = ~forward[order] & forward[zone] & (owner[zone] == owner[order])
    covered &= last[zone] > last[order]
    place[order[covered]] = last[zone[covered]]
    return ranked(base + place)
