"""Sums, limits and orders of many parts of a history at once: what rules on columns are made of.

A *part* is a key, or an element of one. Positions are dense 32-bit numbers, so that a part and a
position fit into one 64-bit *code*, the part in its upper half: sorting codes sorts by part first,
and a running maximum over them never carries anything from one part to the next.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from checker.columns import FAIL, Columns, Ints
from checker.linearizability.registers.chains import LATE
from checker.linearizability.registers.zones import positions

CLEAN, AMBIGUOUS, WRONG = range(3)
"""What is found of a part: the rule holds, cannot tell, or is broken."""

Mask = NDArray[np.bool_]

LOW = (1 << 32) - 1


@dataclass(frozen=True, eq=False)
class PartFindings:
    """`part` numbers the part of every row, a key or an element of one; `finding` is by part."""

    part: Ints
    finding: Ints

    def mark(self, parts: Ints, finding: int) -> None:
        """Note a finding; the worst one counts."""
        self.finding[parts] = np.maximum(self.finding[parts], finding)

    def settle(self, parts: Ints) -> None:
        """These parts are ambiguous, even where something else was found."""
        self.finding[parts] = AMBIGUOUS


@dataclass(frozen=True, eq=False)
class Rows:
    """A history's rows as the rules want them: what was called, and between which positions."""

    columns: Columns
    call: Ints
    ret: Ints

    @classmethod
    def of(cls, columns: Columns) -> "Rows":
        call, ret, _ = positions(columns)
        return cls(columns, call.astype(np.int64), ret.astype(np.int64))

    def of_function(self, name: str, outcome: int | None = None) -> Mask:
        """The rows of a function that have an outcome, or that did not fail."""
        columns = self.columns
        rows: Mask = columns.function == columns.functions.find(name)
        rows &= columns.outcome != FAIL if outcome is None else columns.outcome == outcome
        return rows

    def numbers(self, name: str, outcome: int | None = None) -> Ints:
        """Which rows these are."""
        return np.flatnonzero(self.of_function(name, outcome))


def code(part: Ints, position: Ints) -> Ints:
    """The part in the upper half, the position in the lower one."""
    return (part << 32) | position


def ranked(numbers: Ints) -> Ints:
    """Where numbers from 0 stand when they ascend, equal ones as they are: a stable argsort.

    numpy sorts numbers some times faster than it argsorts them.
    """
    bits = len(numbers).bit_length()
    if int(numbers.max(initial=0)) >= 1 << (62 - bits):
        return np.argsort(numbers, kind="stable")
    both = (numbers << bits) | np.arange(len(numbers))
    both.sort()
    ranks: Ints = both & ((1 << bits) - 1)
    return ranks


def by_key(columns: Columns) -> PartFindings:
    """Every key is a part, and nothing found yet."""
    return PartFindings(columns.key, np.full(len(columns.keys), CLEAN, np.int64))


def highest_before(part: Ints, at: Ints, value: Ints, where: Ints, limit: Ints) -> Ints:
    """For each pair of `where` and `limit` the highest value of that part at less than the limit.

    -1 where there is none. The first three columns belong together, and so do the last two.
    """
    if not len(part):
        return np.full(len(where), -1, np.int64)
    order = np.argsort(code(part, at))
    codes = code(part, at)[order]
    running = np.maximum.accumulate(code(part, value)[order])
    place = np.searchsorted(codes, code(where, limit)) - 1
    found = running[np.maximum(place, 0)]
    return np.where((place >= 0) & (found >> 32 == where), found & LOW, -1)


def lowest_after(part: Ints, at: Ints, value: Ints, where: Ints, limit: Ints) -> Ints:
    """The lowest value of that part at more than the limit; `LATE` where there is none."""
    mirrored = highest_before(part, LATE - at, LATE - value, where, LATE - limit)
    return np.where(mirrored < 0, LATE, LATE - mirrored)


def lowest(part: Ints, value: Ints, parts: int, start: int = LATE) -> Ints:
    """The lowest value of each part."""
    result = np.full(parts, start, np.int64)
    np.minimum.at(result, part, value)
    return result


def highest(part: Ints, value: Ints, parts: int, start: int = -1) -> Ints:
    """The highest value of each part."""
    result = np.full(parts, start, np.int64)
    np.maximum.at(result, part, value)
    return result


def out_of_order(part: Ints, rank: Ints, call: Ints, ret: Ints, holds: Mask) -> Ints:
    """The parts in which something ended before something of a lower rank began that `holds`."""
    begun = highest_before(part[holds], rank[holds], call[holds], part, rank)
    return np.unique(part[ret < begun])
