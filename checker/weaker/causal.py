"""Causal consistency of registers whose values are distinct.

Source: Bouajjani, Enea, Guerraoui, Hamza, On verifying causal consistency (2017). What an operation
knows of is what came before it in its process, what it read, and what those know of (`causally
before`). Causally consistent (CC) means that nobody reads a value that he knows to be overwritten;
causally convergent (CCv) that moreover one order of all writes of a key explains every read.

Each operation carries the number of operations of each process that it knows of, so that time and
memory are operations times processes; longer histories are not judged.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np

from checker.columns import Ints
from checker.linearizability.registers.explain import describe
from checker.linearizability.registers.facts import began
from checker.operation import Operation
from checker.verdict import Result, Verdict
from checker.weaker.sessions import Key
from checker.wording import of_key

LARGEST = 20_000_000
"""Operations times processes that are judged; 160 MB."""


@dataclass(eq=False)
class _Node:
    """An operation with its place in its process, its key, and the write that it saw."""

    operation: Operation
    process: int
    place: int
    key: int
    saw: "_Node | None" = None
    reads: bool = False
    writes: bool = False
    known: Ints | None = None

    def knows(self, other: "_Node") -> bool:
        """Whether the other operation came causally before this one, or is this one."""
        assert self.known is not None
        return bool(self.known[other.process] > other.place)


def causal(keys: Sequence[Key]) -> tuple[Result, Result]:
    """Whether the history is causally consistent, and whether it is causally convergent."""
    processes = _nodes(keys)
    count = sum(map(len, processes))
    if count * len(processes) > LARGEST:
        reason = f"{count} operations of {len(processes)} processes are too many to judge"
        unknown = Result(verdict=Verdict.UNKNOWN, algorithm="graph", reason=reason)
        return unknown, unknown
    order = _order(processes)
    if order is None:
        cyclic = _invalid(keys, None, "some operations each know of the other")
        return cyclic, cyclic
    writes = _writes(processes, len(keys))
    conflicts: nx.DiGraph[Any] = nx.DiGraph()
    for reader in order:
        if not reader.reads:
            continue
        for place, process in enumerate(processes):
            writer = _last_known(reader, process, writes[reader.key].get(place))
            if writer is None or writer is reader.saw:
                continue
            if reader.saw is None or writer.knows(reader.saw):
                stale = _invalid(keys, reader, "it knew of a later write")
                return stale, stale
            conflicts.add_edge(id(writer), id(reader.saw))
    for process in processes:
        for one, other in pairwise(process):
            conflicts.add_edge(id(one), id(other))
        conflicts.add_edges_from((id(n.saw), id(n)) for n in process if n.saw is not None)
    valid = Result(verdict=Verdict.VALID, algorithm="graph")
    if nx.is_directed_acyclic_graph(conflicts):
        return valid, valid
    return valid, _invalid(keys, None, "no one order of the writes explains every read")


def _nodes(keys: Sequence[Key]) -> list[list[_Node]]:
    """The operations of each process in turn, tied to the writes that they saw."""
    found: list[_Node] = []
    for number, key in enumerate(keys):
        writer_of: dict[int, _Node] = {}
        here = []
        for steps in key.processes:
            for step in steps:
                node = _Node(step.operation, 0, 0, number)
                node.reads, node.writes = step.saw is not None, step.wrote is not None
                if step.wrote is not None:
                    writer_of[step.wrote] = node
                here.append((node, step.saw))
        for node, saw in here:
            node.saw = None if saw is None else writer_of.get(saw)
        found += [node for node, _ in here]
    processes: dict[int, list[_Node]] = {}
    for node in sorted(found, key=lambda node: began(node.operation)):
        own = processes.setdefault(node.operation.process, [])
        node.place = len(own)
        own.append(node)
    for place, own in enumerate(processes.values()):
        for node in own:
            node.process = place
    return list(processes.values())


def _order(processes: Sequence[Sequence[_Node]]) -> list[_Node] | None:
    """All operations in an order of causality, with what each knows of; None if there is none."""
    waiting: dict[int, list[int]] = {}
    done: set[int] = set()
    order: list[_Node] = []
    reached = [0] * len(processes)
    ready = list(range(len(processes)))
    while ready:
        process = ready.pop()
        while reached[process] < len(processes[process]):
            node = processes[process][reached[process]]
            if node.saw is not None and id(node.saw) not in done:
                waiting.setdefault(id(node.saw), []).append(process)
                break
            known = np.zeros(len(processes), np.int64)
            before = [processes[process][node.place - 1]] if node.place else []
            for other in (*before, *([] if node.saw is None else [node.saw])):
                assert other.known is not None  # causes come first
                known = np.maximum(known, other.known)
            known[process] = node.place + 1
            node.known = known
            order.append(node)
            done.add(id(node))
            ready += waiting.pop(id(node), [])
            reached[process] += 1
    return None if waiting else order


def _writes(
    processes: Sequence[Sequence[_Node]], keys: int
) -> list[dict[int, tuple[list[int], list[_Node]]]]:
    """For each key and process the places of its writes, and the writes."""
    writes: list[dict[int, tuple[list[int], list[_Node]]]] = [{} for _ in range(keys)]
    for number, process in enumerate(processes):
        for node in process:
            if node.writes:
                places, nodes = writes[node.key].setdefault(number, ([], []))
                places.append(node.place)
                nodes.append(node)
    return writes


def _last_known(
    reader: _Node, process: Sequence[_Node], writes: tuple[list[int], list[_Node]] | None
) -> _Node | None:
    """The last write of that process that the reader knows of, itself aside."""
    if writes is None:
        return None
    assert reader.known is not None
    places, nodes = writes
    upto = int(reader.known[process[0].process]) - (process[0].process == reader.process)
    index = bisect_right(places, upto - 1)
    return nodes[index - 1] if index else None


def _invalid(keys: Sequence[Key], reader: _Node | None, why: str) -> Result:
    who = "" if reader is None else of_key(keys[reader.key].name, "")
    what = "" if reader is None else f"{describe(reader.operation)}, but "
    return Result(
        verdict=Verdict.INVALID,
        algorithm="graph",
        key=None if reader is None else keys[reader.key].name,
        reason=f"{who}{what}{why}",
        counterexample=() if reader is None else (reader.operation,),
    )
