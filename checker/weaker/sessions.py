"""What every session may rely on, where a history is not linearizable: four guarantees of sessions
and sequential consistency of single keys, for registers whose values are distinct.

Source: Terry et al., Session guarantees for weakly consistent replicated data (1994); deciding them
on an order of the writes of each key is a formulation of our own. For each key there is a graph
whose nodes are its writes. What is known of their order on any account (a write ended before
another began, or a compare-and-set replaced one by the other) is the ground; each guarantee adds
edges of its own, and holds if and only if the graph has no cycle then:

- read your writes: a process's last write, before the write whose value it then reads;
- monotonic reads: of two values that a process reads in turn, the first before the second;
- monotonic writes: of two writes of a process, the first before the second;
- writes follow reads: the write whose value a process read, before what it writes next.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx

from checker.linearizability.registers.explain import describe
from checker.linearizability.registers.facts import began, ended
from checker.linearizability.registers.graph import (
    Chain,
    Written,
)
from checker.operation import Operation
from checker.verdict import Result, Verdict
from checker.wording import of_key

GUARANTEES = ("read your writes", "monotonic reads", "monotonic writes", "writes follow reads")

EVERY_PAIR_UP_TO = 300
"""Operations of a process on a key up to which each is compared with all before it.

Beyond, each is compared with the last one before it, which may miss a violation where the order of
the writes in real time contradicts what was seen.
"""


@dataclass(frozen=True)
class _Step:
    """An operation of a process on a key, with the clusters it saw and wrote."""

    operation: Operation
    saw: int | None
    wrote: int | None


class Key:
    """The writes of one key, numbered, and what each process did with them in turn."""

    def __init__(self, name: Any, chains: Sequence[Chain]) -> None:
        self.name = name
        self.chains = chains
        self.clusters: list[Written] = [cluster for chain in chains for cluster in chain]
        self.processes = self._processes()

    def _processes(self) -> list[list[_Step]]:
        steps: dict[int, _Step] = {}
        for number, cluster in enumerate(self.clusters):
            for read in cluster.reads:
                steps[id(read)] = _Step(read, number, None)
        number = 0
        for chain in self.chains:
            for place, cluster in enumerate(chain):
                if cluster.writer is not None:
                    saw = number - 1 if place else None
                    steps[id(cluster.writer)] = _Step(cluster.writer, saw, number)
                number += 1
        processes: dict[int, list[_Step]] = {}
        for step in sorted(steps.values(), key=lambda step: began(step.operation)):
            processes.setdefault(step.operation.process, []).append(step)
        return list(processes.values())

    def ground(self) -> "nx.DiGraph[Any]":
        """What is known of the order of the writes on any account.

        Node ("call", i) stands before the i-th write to be called and after all that ended before.
        """
        graph: nx.DiGraph[Any] = nx.DiGraph()
        order = sorted(range(len(self.clusters)), key=lambda n: began(self.clusters[n].writer))
        calls = [began(self.clusters[number].writer) for number in order]
        for place, number in enumerate(order):
            graph.add_edge(("call", place), number)
            graph.add_edge(("call", place), ("call", place + 1))
            later = bisect_right(calls, ended(self.clusters[number].writer))
            graph.add_edge(number, ("call", later))
        self._add_chains(graph)
        if not nx.is_directed_acyclic_graph(graph):
            graph = nx.DiGraph()
            self._add_chains(graph)
            first = next(n for n, cluster in enumerate(self.clusters) if cluster.writer is None)
            graph.add_edges_from((first, n) for n in range(len(self.clusters)) if n != first)
        return graph

    def _add_chains(self, graph: "nx.DiGraph[Any]") -> None:
        number = 0
        for chain in self.chains:
            for _ in chain[1:]:
                graph.add_edge(number, number + 1)
                number += 1
            number += 1

    def edges(self, guarantee: str) -> Iterator[tuple[int, int, Operation, Operation]]:
        """The edges that a guarantee adds, with the two operations that give each."""
        writing = guarantee in ("read your writes", "monotonic writes")
        reading = guarantee in ("read your writes", "monotonic reads")
        for steps in self.processes:
            earlier: dict[int, Operation] = {}
            for step in steps:
                other = step.saw if reading else step.wrote
                if other is not None:
                    for one, operation in earlier.items():
                        if one != other:
                            yield one, other, operation, step.operation
                met = step.wrote if writing else step.saw
                if met is not None:
                    # To know only the last one is enough where the others precede that.
                    if len(steps) > EVERY_PAIR_UP_TO:
                        earlier.clear()
                    earlier[met] = step.operation

    def sequential(self) -> "nx.DiGraph[int]":
        """The chains, with an edge where a process met one before the other."""
        chain_of = [index for index, chain in enumerate(self.chains) for _ in chain]
        graph: nx.DiGraph[int] = nx.DiGraph()
        for steps in self.processes:
            last: tuple[int, int] | None = None
            for step in steps:
                number = step.wrote if step.wrote is not None else step.saw
                assert number is not None
                rank = 2 * number + (step.wrote is None)
                here = chain_of[number]
                if last is not None and last[0] != here:
                    graph.add_edge(last[0], here)
                elif last is not None and rank < last[1]:
                    graph.add_edge(here, here)  # it went back inside a chain
                last = here, rank
        initial = next(i for i, chain in enumerate(self.chains) if chain[0].writer is None)
        graph.add_edges_from((initial, i) for i in range(len(self.chains)) if i != initial)
        return graph


def session_guarantees(keys: Sequence[Key]) -> dict[str, Result]:
    """Whether each of `GUARANTEES` holds; a violation names two operations of the process."""
    grounds = [key.ground() for key in keys]
    results = {}
    for guarantee in GUARANTEES:
        results[guarantee] = Result(verdict=Verdict.VALID, algorithm="graph")
        for key, ground in zip(keys, grounds, strict=True):
            graph = ground.copy()
            because = {}
            for one, other, earlier, later in key.edges(guarantee):
                graph.add_edge(one, other)
                because[one, other] = (earlier, later)
            if nx.is_directed_acyclic_graph(graph):
                continue
            results[guarantee] = _violated(guarantee, key, graph, because)
            break
    return results


def _violated(
    guarantee: str,
    key: Key,
    graph: "nx.DiGraph[Any]",
    because: dict[tuple[int, int], tuple[Operation, Operation]],
) -> Result:
    cycle = [(edge[0], edge[1]) for edge in nx.find_cycle(graph)]
    shown = tuple(op for edge in cycle for op in because.get(edge, ()))
    told = [
        f"{describe(because[edge][0])} and later {describe(because[edge][1])}"
        for edge in cycle
        if edge in because
    ]
    return Result(
        verdict=Verdict.INVALID,
        algorithm="graph",
        key=key.name,
        reason=of_key(key.name, f"no order of its writes gives {guarantee}: {'; '.join(told)}"),
        counterexample=shown,
    )


def coherent(keys: Sequence[Key]) -> Result:
    """Whether every key alone is sequentially consistent."""
    for key in keys:
        if not nx.is_directed_acyclic_graph(key.sequential()):
            return Result(
                verdict=Verdict.INVALID,
                algorithm="graph",
                key=key.name,
                reason=of_key(key.name, "no order of its operations keeps that of each process"),
            )
    return Result(verdict=Verdict.VALID, algorithm="graph")
