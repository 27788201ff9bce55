"""The colours of faults: the same one for the same kind of fault in every drawing of a page.

A colour is a number; the style sheet has as many, and gives them by theme. Where there are more
kinds of faults than colours, some share one: their names stand beside them everywhere.
"""

from collections.abc import Iterable

from checker.history import FaultSpan

TINTS = 8


def tints(faults: Iterable[FaultSpan]) -> dict[str, int]:
    """The number of a colour for each name of a fault, in the order in which they first struck."""
    names = dict.fromkeys(fault.name for fault in faults)
    return {name: number % TINTS for number, name in enumerate(names)}
