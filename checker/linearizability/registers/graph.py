"""The readable engine for registers with distinct values: a graph of what must precede what.

The operations of one key are gathered into *clusters* (a write and the reads of its value) and the
clusters into *chains* (tied by compare-and-sets, see `registers.chains` for why they
must stand as blocks). Chains are the nodes of a networkx graph; an edge says that one must precede
another, since something in it ended before something in the other began. The history is
linearizable if and only if no chain contradicts itself and the graph has no cycle; a topological
order of it is then the witness, and otherwise a cycle is the counterexample.

A chain precedes *every* chain that begins late enough, so the edges go through *moments*: moment i
follows the i chains that ended something first. That keeps the graph linear in the number of
operations (times the clients).

It decides short histories and is the reference for the fast engine.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any, TypeAlias

from checker.columns import canonical
from checker.linearizability.registers.facts import NOT, Ambiguous, began, ended, saw_and_wrote
from checker.operation import Operation


@dataclass(eq=False)
class Written:
    """A value: the operation that wrote it (None: it was there first), and all that saw it."""

    value: Any
    writer: Operation | None
    reads: list[Operation] = field(default_factory=list)
    following: Operation | None = None

    def operations(self) -> list[Operation]:
        return ([] if self.writer is None else [self.writer]) + self.reads


Chain: TypeAlias = list[Written]
"""Clusters in the order in which their values replaced one another."""


@dataclass(frozen=True)
class ThinAir:
    """`reader` saw a value that nothing wrote."""

    reader: Operation
    value: Any


@dataclass(frozen=True)
class Forked:
    """Two compare-and-sets replaced the same value, written once by `cluster.writer`."""

    cluster: Written
    one: Operation
    other: Operation


@dataclass(frozen=True)
class CasCycle:
    """Each of these compare-and-sets saw the value of the one before it, in a ring."""

    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Within:
    """`late` must come before `early` inside a chain, but `early` ended before `late` began.

    `clusters` are the part of the chain that leads from the one to the other.
    """

    clusters: tuple[Written, ...]
    late: Operation
    early: Operation


@dataclass(frozen=True)
class Between:
    """Each of two chains must precede the other: ends[0] ended before begins[1] began, and so on.

    `ends` and `begins` hold an operation of each chain: its earliest completion (None: the initial
    value) and its latest invocation.
    """

    chains: tuple[Chain, Chain]
    ends: tuple[Operation | None, Operation | None]
    begins: tuple[Operation, Operation]


Node: TypeAlias = int | tuple[str, int]
"""Of the graph: a chain, by its index, or a moment."""

Contradiction: TypeAlias = ThinAir | Forked | CasCycle | Within | Between


@dataclass(frozen=True)
class Decision:
    """A witness order, or else a contradiction."""

    order: tuple[Operation, ...] | None
    contradiction: Contradiction | None = None


def decide(operations: Sequence[Operation], initial: Any = None) -> Decision:
    """Judge the operations of one key, in any order; raises `Ambiguous` or `Unsupported`."""
    clusters = _clusters(operations, initial)
    if not isinstance(clusters, list):
        return Decision(None, clusters)
    chains = _chains(clusters)
    if not isinstance(chains, list):
        return Decision(None, chains)
    for chain in chains:
        if within := _contradicts_itself(chain):
            return Decision(None, within)
    edges = precedence(chains)
    sorter = TopologicalSorter[Node](dict.fromkeys(range(len(chains)), ()))
    for one, other in edges:
        sorter.add(other, one)
    try:
        order = [chains[node] for node in sorter.static_order() if isinstance(node, int)]
    except CycleError:
        return Decision(None, _two_of(edges, chains))
    return Decision(tuple(operation for chain in order for operation in _inside(chain)))


def _clusters(operations: Sequence[Operation], initial: Any) -> list[Written] | ThinAir | Forked:
    """Tie every needed operation to the cluster of the value that it saw or wrote."""
    facts = [(operation, *saw_and_wrote(operation)) for operation in operations]
    writers: dict[Hashable, list[Written]] = {canonical(initial): [Written(initial, None)]}
    for operation, _, wrote in facts:
        if wrote is not NOT:
            cluster = Written(wrote, operation)
            writers.setdefault(canonical(wrote), []).append(cluster)
    made = {id(c.writer): c for several in writers.values() for c in several}
    needed = [fact for fact in facts if fact[0].completed is not None]
    kept: dict[int, Written] = {id(None): made[id(None)]}
    ambiguous, forked = False, None
    # Goes on while it grows: what a needed compare-and-set saw is needed too.
    for operation, saw, wrote in needed:
        if wrote is not NOT:
            kept[id(operation)] = made[id(operation)]
        if saw is NOT:
            continue
        several = writers.get(canonical(saw), [])
        if not several:
            return ThinAir(operation, saw)
        if len(several) > 1:
            ambiguous = True
            continue
        (source,) = several
        if wrote is NOT:
            source.reads.append(operation)
        elif source.following is not None:
            forked = forked or Forked(source, source.following, operation)
        else:
            source.following = operation
        if id(source.writer) not in kept and source.writer is not None:
            kept[id(source.writer)] = source
            if source.writer.completed is None:
                needed.append((source.writer, *saw_and_wrote(source.writer)))
    if ambiguous:
        raise Ambiguous
    return forked or list(kept.values())


def _chains(clusters: Iterable[Written]) -> list[Chain] | CasCycle:
    """Follow the compare-and-sets from every value that was not made by one."""
    made = {id(cluster.writer): cluster for cluster in clusters}
    chains = []
    left = dict(made)
    for cluster in made.values():
        if cluster.writer is not None and saw_and_wrote(cluster.writer)[0] is not NOT:
            continue
        chain = [left.pop(id(cluster.writer))]
        while chain[-1].following is not None:
            chain.append(left.pop(id(chain[-1].following)))
        chains.append(chain)
    if not left:
        return chains
    ring = [next(iter(left.values()))]
    while ring[-1].following is not ring[0].writer:
        assert ring[-1].following is not None  # what has no root is a ring, and has no end
        ring.append(left[id(ring[-1].following)])
    return CasCycle(tuple(cluster.writer for cluster in ring if cluster.writer is not None))


def _inside(chain: Chain) -> list[Operation]:
    """The operations of a chain in the only order of its values; reads in order of invocation."""
    inside = []
    for cluster in chain:
        inside += [] if cluster.writer is None else [cluster.writer]
        inside += sorted(cluster.reads, key=began)
    return inside


def _contradicts_itself(chain: Chain) -> Within | None:
    """Two operations of a chain of which the later one in the chain ended before the other began.

    Of all such pairs, one that is near each other in the chain.
    """
    latest = chain[0].writer
    for index, cluster in enumerate(chain):
        steps: list[list[Operation | None]] = [[cluster.writer], [*cluster.reads]]
        for step in steps:
            for early in step:
                if early is not None and ended(early) < began(latest):
                    return _nearest(chain[: index + 1], early)
            latest = max([latest, *step], key=began)
    return None


def _nearest(chain: Chain, early: Operation) -> Within:
    """The end of this chain from the last operation that began after `early` had ended."""
    for start in range(len(chain) - 1, -1, -1):
        cluster = chain[start]
        at_end = start == len(chain) - 1
        before = ([] if at_end else cluster.reads) + [cluster.writer]
        for late in before:
            if late is not None and late is not early and began(late) > ended(early):
                return Within(tuple(chain[start:]), late, early)
    raise AssertionError("the caller saw such an operation")


def first_end(chain: Chain) -> Operation | None:
    """The operation of the chain that ended first; None: the initial value was there before."""
    return min(_members(chain), key=ended)


def last_begin(chain: Chain) -> Operation | None:
    """The operation of the chain that began last; None if the chain is the initial value alone."""
    return max(_members(chain), key=began)


def _members(chain: Chain) -> list[Operation | None]:
    return [member for cluster in chain for member in (cluster.writer, *cluster.reads)]


def precedence(chains: Sequence[Chain]) -> list[tuple[Node, Node]]:
    """The graph's edges: a chain is a node by its index, moment i a node ("moment", i).

    Chains are sorted by the moment at which the first thing in them had ended; moment i comes after
    the first i of them.
    """
    first = [ended(first_end(chain)) for chain in chains]
    last = [began(last_begin(chain)) for chain in chains]
    ranks = sorted(range(len(chains)), key=first.__getitem__)
    moments = [("moment", rank) for rank in range(len(chains) + 1)]
    # A chain had ended something; then the moments pass; then a chain began its last.
    edges: list[tuple[Node, Node]] = [*zip(ranks, moments[1:], strict=True), *pairwise(moments)]
    for rank, index in enumerate(ranks):
        edges.append((moments[_ended_before(rank, ranks, first, last)], index))
        # Itself aside, a chain that reaches far also follows those that ended something within it.
        for later in range(rank + 1, len(ranks)):
            other = ranks[later]
            if first[other] >= last[index]:
                break
            edges.append((other, index))
            if first[index] < last[other]:
                break  # they follow each other, which is a contradiction already
    return edges


def _ended_before(rank: int, ranks: list[int], first: list[int], last: list[int]) -> int:
    """How many of the chains up to `rank` had ended something when that chain began its last."""
    index = ranks[rank]
    low = 0
    high = rank
    while low < high:
        middle = (low + high) // 2
        if first[ranks[middle]] < last[index]:
            low = middle + 1
        else:
            high = middle
    return low


def _two_of(edges: Sequence[tuple[Node, Node]], chains: Sequence[Chain]) -> Between:
    """Two chains on a cycle that precede each other: where there is a cycle, there are two such."""
    # networkx takes a while to import, so only a history that is wrong does.
    import networkx as nx

    graph = nx.DiGraph(edges)
    for component in nx.strongly_connected_components(graph):
        # In order of number, so that the same history always gets the same answer.
        members = sorted(node for node in component if isinstance(node, int))
        for place, one in enumerate(members):
            for other in members[place + 1 :]:
                ends = first_end(chains[one]), first_end(chains[other])
                begins = last_begin(chains[one]), last_begin(chains[other])
                if ended(ends[0]) < began(begins[1]) and ended(ends[1]) < began(begins[0]):
                    assert begins[0] is not None
                    assert begins[1] is not None
                    pair = (chains[one], chains[other])
                    return Between(pair, ends, (begins[0], begins[1]))
    raise AssertionError("a cycle without two chains that precede each other")


def chains_of(
    operations: Sequence[Operation], initial: Any = None
) -> list[Chain] | ThinAir | Forked | CasCycle:
    """The chains of one key, whatever real time says of them, or how their values contradict.

    Raises `Ambiguous` or `Unsupported`.
    """
    clusters = _clusters(operations, initial)
    return _chains(clusters) if isinstance(clusters, list) else clusters
