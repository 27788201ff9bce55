"""Sequential consistency of several keys together: is there one order that every process agrees to?

Each process's operations stay in their order, whatever real time says, and every read sees the last
write before it. That is hard to decide (NP-complete, Gibbons and Korach 1997), so this search over
how far each process has come is bounded: short histories are decided, longer ones often.

A read is taken as soon as it is right, since that spoils nothing. Processes are tried so that the
write which another process waits to see comes first.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from checker.linearizability.registers.facts import began
from checker.weaker.sessions import Key

LARGEST = 5_000_000
"""Situations, times the square of processes, that are looked at; beyond, the answer is unknown."""

Line: TypeAlias = list[tuple[int, int | None, int | None]]
"""A process: the key of each operation, and the numbers of the writes that it saw and made."""


def interleaves(keys: Sequence[Key]) -> bool | None:
    """Whether all processes can be interleaved; None if the bound was reached."""
    lines = _lines(keys)
    start = tuple(_first(key) for key in keys)
    stack = [_forward(lines, (0,) * len(lines), start)]
    seen = set(stack)
    while stack:
        if len(seen) * len(lines) ** 2 > LARGEST:
            return None
        reached, values = stack.pop()
        if all(place == len(line) for place, line in zip(reached, lines, strict=True)):
            return True
        # The last one pushed is tried first.
        for after in sorted(
            _moves(lines, reached, values), key=lambda situation: sum(situation[0])
        ):
            if after not in seen:
                seen.add(after)
                stack.append(after)
    return False


Situation: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]
"""How far each process has come, and the write that stands in each key."""


def _first(key: Key) -> int:
    """The number of the initial value."""
    return next(n for n, cluster in enumerate(key.clusters) if cluster.writer is None)


def _lines(keys: Sequence[Key]) -> list[Line]:
    steps: dict[int, list[tuple[int, Any]]] = {}
    for number, key in enumerate(keys):
        for several in key.processes:
            for step in several:
                steps.setdefault(step.operation.process, []).append((number, step))
    lines = []
    for own in steps.values():
        own.sort(key=lambda item: began(item[1].operation))
        lines.append([(number, step.saw, step.wrote) for number, step in own])
    return lines


def _moves(
    lines: Sequence[Line], reached: tuple[int, ...], values: tuple[int, ...]
) -> Iterator[Situation]:
    """Every situation after one more operation that writes."""
    for process, line in enumerate(lines):
        if reached[process] == len(line):
            continue
        key, saw, wrote = line[reached[process]]
        if wrote is not None and (saw is None or saw == values[key]):
            on = (*reached[:process], reached[process] + 1, *reached[process + 1 :])
            yield _forward(lines, on, (*values[:key], wrote, *values[key + 1 :]))


def _forward(lines: Sequence[Line], reached: tuple[int, ...], values: tuple[int, ...]) -> Situation:
    """Take every read that is right."""
    places = list(reached)
    for process, line in enumerate(lines):
        while places[process] < len(line):
            key, saw, wrote = line[places[process]]
            if wrote is not None or saw != values[key]:
                break
            places[process] += 1
    return tuple(places), values
