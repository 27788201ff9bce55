"""Shrinks a violation of a register with distinct values to one that nothing can be taken from.

What may be taken so that a violation of the rest is still one of the whole:
- an operation that only observed;
- a value, that is the update that wrote it together with all reads of it. A compare-and-set that
  replaced that value then counts as a plain write, as we no longer say what it saw.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from checker.columns import canonical
from checker.linearizability.registers.facts import NOT, Ambiguous, saw_and_wrote
from checker.linearizability.registers.graph import (
    decide,
)
from checker.operation import Operation


@dataclass(frozen=True)
class Fact:
    """An operation, and as what it counts: a compare-and-set may count as a plain write."""

    operation: Operation
    counted: Operation

    @property
    def weakened(self) -> bool:
        return self.counted is not self.operation


def facts_of(operations: Iterable[Operation], initial: Any, everything: bool) -> list[Fact]:
    """The facts of a part of a history; `everything` says that it is the whole of it.

    In a part, a compare-and-set of a value that is not written there counts as a plain write.
    """
    part = list(operations)
    written = {canonical(wrote) for o in part if (wrote := saw_and_wrote(o)[1]) is not NOT}
    written.add(canonical(initial))
    facts = []
    for operation in part:
        saw, wrote = saw_and_wrote(operation)
        unwritten = saw is not NOT and wrote is not NOT and canonical(saw) not in written
        facts.append(
            _weak(operation) if unwritten and not everything else Fact(operation, operation)
        )
    return facts


def _weak(operation: Operation) -> Fact:
    new = saw_and_wrote(operation)[1]
    return Fact(operation, replace(operation, function="write", argument=new, result=None))


def minimal(facts: Sequence[Fact], initial: Any) -> list[Fact]:
    """The facts that are left when none can be taken any more; they must violate at first."""
    left = list(facts)
    goes_on = True
    while goes_on:
        goes_on = False
        for rest in smaller(left):
            if violates(rest, initial):
                left = rest
                goes_on = True
                break
    return left


def violates(facts: Sequence[Fact], initial: Any) -> bool:
    """Whether these facts alone cannot be linearized."""
    try:
        return decide([fact.counted for fact in facts], initial).order is None
    except Ambiguous:
        return False


def smaller(facts: Sequence[Fact]) -> Iterable[list[Fact]]:
    """Every way to take something; values that were written later are tried first."""
    for fact in reversed(facts):
        _, wrote = saw_and_wrote(fact.counted)
        if wrote is NOT:
            yield [other for other in facts if other is not fact]
            continue
        gone = canonical(wrote)
        rest = []
        for other in facts:
            sees, writes = saw_and_wrote(other.counted)
            if other is fact or (writes is NOT and sees is not NOT and canonical(sees) == gone):
                continue
            replaces = sees is not NOT and canonical(sees) == gone
            rest.append(_weak(other.operation) if replaces else other)
        yield rest
