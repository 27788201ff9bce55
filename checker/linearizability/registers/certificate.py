"""From a finding about millions of operations to the few that show it.

A certificate is a part of the history that cannot be linearized on its own. Which parts may be left
out is not free: an update may go only together with all that saw its value, and what a
compare-and-set saw may be forgotten only if it counts as a plain write from then on.
"""

from dataclasses import dataclass

import numpy as np

from checker.columns import Columns
from checker.linearizability.registers import chains
from checker.linearizability.registers.chains import LATE, NONE
from checker.linearizability.registers.zones import Findings


@dataclass(frozen=True)
class _Chains:
    """The links of the nodes of one history; a node behind its operations is an initial value."""

    found: Findings

    def writer(self, node: int) -> int:
        """The node whose value this operation saw, or `NONE`."""
        if node >= len(self.found.prepared.seen):
            return NONE
        slot = self.found.prepared.seen[node]
        return NONE if slot == NONE else int(self.found.writer[slot])

    def call(self, node: int) -> int:
        return 0 if node >= len(self.found.prepared.call) else int(self.found.prepared.call[node])

    def ret(self, node: int) -> int:
        return 0 if node >= len(self.found.prepared.ret) else int(self.found.prepared.ret[node])

    def observers(self, node: int) -> list[int]:
        """The completed reads of what this node wrote."""
        ready = self.found.prepared
        if node >= len(ready.wrote):
            slot = ready.initial[node - len(ready.wrote)]
        else:
            slot = ready.wrote[node]
        rows = np.flatnonzero((ready.seen == slot) & (ready.wrote == NONE) & (ready.ret != LATE))
        return [int(row) for row in rows]

    def path(self, low: int, high: int) -> list[int]:
        """The writers from one to the other, given in either order, along a chain."""
        for start, end in ((low, high), (high, low)):
            way = [end]
            while way[-1] != start and self.writer(way[-1]) != NONE:
                way.append(self.writer(way[-1]))
            if way[-1] == start:
                return way
        raise AssertionError("the two are in different chains")

    def cluster(self, row: int) -> int:
        """The node that wrote the value that this operation stands for."""
        return row if self.found.prepared.wrote[row] != NONE else self.writer(row)

    def proof(self, node: int) -> list[int]:
        """Completed operations that show that a crashed update took effect, and what links them."""
        if self.ret(node) != LATE:
            return []
        ready = self.found.prepared
        ways = [[node]]
        met = {node}
        for way in ways:  # grows: the shortest way comes first, and none goes in a ring
            saw = np.flatnonzero(ready.seen == ready.wrote[way[-1]])
            completed = saw[ready.ret[saw] != LATE]
            if len(completed):
                return [*way[1:], int(completed[0])]
            for through in saw[self.found.needed[saw] > 0].tolist():
                if through not in met:
                    met.add(through)
                    ways.append([*way, through])
        raise AssertionError("a crashed update is needed only if a completed operation shows it")


def rows(columns: Columns, found: Findings, key: int) -> list[int]:
    """The rows of a certificate for a key with a violation, in order of invocation."""
    links = _Chains(found)
    one, other = int(found.one[key]), int(found.other[key])
    match int(found.finding[key]):
        case chains.THIN_AIR:
            nodes = [one]
        case chains.FORKED:
            nodes = [links.writer(one), one, other]
        case chains.RING:
            nodes = [one]
            while (before := links.writer(nodes[-1])) != one:
                nodes.append(before)
        case chains.WITHIN:
            nodes = _within(links, one)
        case _:
            nodes = _between(links, one, other)
    proofs = [row for node in nodes for row in links.proof(node)]
    return sorted({node for node in (*nodes, *proofs) if node < len(columns)})


def _within(links: _Chains, node: int) -> list[int]:
    """The way up the chain from an operation that ended too early to what began after it."""
    above = [node]
    while (before := links.writer(above[-1])) != NONE:
        above.append(before)
    for early in (node, *sorted(links.observers(node), key=links.ret)[:1]):
        way = [node]
        for at in above:
            way.append(at)
            candidates = [at] if at == node else [*links.observers(at), at]
            for late in candidates:
                if late != early and links.call(late) > links.ret(early):
                    return [*way, late, early]
    raise AssertionError("the finding names an operation that ended too early")


def _between(links: _Chains, one: int, other: int) -> list[int]:
    """Of both chains what ended first and what began last, and the links between the two."""
    nodes = []
    for root in (one, other):
        first = _at(links.found.prepared.ret, int(links.found.first[root]))
        last = _at(links.found.prepared.call, int(links.found.last[root]))
        ends = [root if row is None else row for row in (first, last)]
        writers = [root if row is None else links.cluster(row) for row in (first, last)]
        nodes += [*ends, *links.path(*writers)]
    return nodes


def _at(positions: "np.ndarray[tuple[int], np.dtype[np.int32]]", position: int) -> int | None:
    """The operation at this position; None for the initial value, which has the position 0."""
    return None if position == 0 else int(np.flatnonzero(positions == position)[0])
