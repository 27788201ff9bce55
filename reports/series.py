"""How series are told apart in drawings: each by a colour, by dashes, and by a shape.

A colour is a number, of which the style sheet has as many, and gives them by theme. Where there are
more series than colours, some share one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

COLOURS = 8
DASHES = ("", "6 3", "2 2", "8 2 2 2", "10 4", "4 1", "1 3", "12 2")
SHAPES = "●■▲◆✚▼▶◀"


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its name, the class of its colour, the lengths of its dashes, its shape."""

    label: str
    role: str
    dash: str
    shape: str


def series(labels: Iterable[str]) -> dict[str, Series]:
    """How to draw each of these, by name."""
    return {
        label: Series(label, f"s{n % COLOURS + 1}", DASHES[n % COLOURS], SHAPES[n % COLOURS])
        for n, label in enumerate(labels)
    }
