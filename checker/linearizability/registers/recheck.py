"""Tries every linearization of a handful of operations: the judge of counterexamples.

It shares nothing with the engines that found them. Its cost is exponential in the number of
overlapping operations, which is why it sees only counterexamples.
"""

from collections.abc import Sequence

from checker.columns import canonical
from checker.linearizability.registers.facts import NOT, began, ended, saw_and_wrote
from checker.operation import Operation


def linearizable(operations: Sequence[Operation], initial: object = None) -> bool:
    """Whether a register can have done these operations; a crashed one may not have happened."""
    facts = [(operation, *saw_and_wrote(operation)) for operation in operations]
    todo = [fact for fact in facts if not fact[1] is fact[2] is NOT]
    dead = set()

    def possible(left: frozenset[int], value: object) -> bool:
        if all(todo[number][0].completed is None for number in left):
            return True
        if (left, value) in dead:
            return False
        dead.add((left, value))
        horizon = min(ended(todo[number][0]) for number in left)
        for number in sorted(left):
            operation, saw, wrote = todo[number]
            if began(operation) <= horizon and (saw is NOT or canonical(saw) == value):
                after = value if wrote is NOT else canonical(wrote)
                if possible(left - {number}, after):
                    return True
        return False

    return possible(frozenset(range(len(todo))), canonical(initial))
