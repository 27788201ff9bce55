"""Where the arrows of a drawing run, so that none strikes a text: a lane for each, beside all bars.

Everything is told along one axis, that of time: a bar is an interval of it, in a row. An arrow
leaves its bar across the rows, goes along in a lane of its own beyond the last row, and comes back
across to its target. Which way the axis lies on the paper is the drawing's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass

APART = 11.0
"""Two arrows across the rows are at least so far from each other."""

EDGE = 8.0
"""And from the ends of their own bar, where it is long enough."""


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval of the axis, in a row; the lanes lie beyond the highest row."""

    begins: float
    ends: float
    row: int


@dataclass(frozen=True, slots=True)
class Route:
    """An arrow: where it leaves and arrives, its lane from 0, and the middle of its label."""

    leaves: float
    arrives: float
    lane: int
    label: float


def routes(
    bars: Sequence[Bar], edges: Sequence[tuple[int, int]], labels: Sequence[float]
) -> list[Route]:
    """A route for each edge between bars, given by their places; `labels` are the lengths of what
    is written on each."""
    used: list[float] = []
    ends: list[tuple[float, float]] = []
    for source, target in edges:
        one, other = bars[source], bars[target]
        leaves = _free(one, other, bars, used)
        used.append(leaves)
        arrives = _free(other, one, bars, used)
        used.append(arrives)
        ends.append((leaves, arrives))
    middles = [
        _label(pair, length, [x for other in ends if other != pair for x in other])
        for pair, length in zip(ends, labels, strict=True)
    ]
    spans = [
        (min(*pair, middle - length / 2), max(*pair, middle + length / 2))
        for pair, middle, length in zip(ends, middles, labels, strict=True)
    ]
    return [
        Route(leaves, arrives, lane, middle)
        for (leaves, arrives), lane, middle in zip(ends, _lanes(spans), middles, strict=True)
    ]


def _free(bar: Bar, other: Bar, bars: Sequence[Bar], used: Sequence[float]) -> float:
    """A place of a bar, the nearest to the other one, from which a line across meets no bar, nor
    another line. Where there is none it passes behind a bar."""
    first, last = bar.begins + EDGE, bar.ends - EDGE
    if first >= last:
        first = last = (bar.begins + bar.ends) / 2
    count = max(int((last - first) / 4), 0) + 1
    places = [first + 4 * n for n in range(count)]
    goal = (other.begins + other.ends) / 2
    if other.row == bar.row and other.begins < bar.begins:
        goal = other.begins
    places.sort(key=lambda place: abs(place - goal))
    apart = [p for p in places if all(abs(p - x) >= APART for x in used)]
    beyond = [one for one in bars if one.row > bar.row]
    clear = [p for p in apart if not any(b.begins - 4 <= p <= b.ends + 4 for b in beyond)]
    return (clear or apart or places)[0]


def _label(pair: tuple[float, float], length: float, struck: Sequence[float]) -> float:
    """The middle of a label on its lane: within the run, and off all lines that cross it; beside
    the run where that is too short."""
    low, high = min(pair), max(pair)
    if high - low < length + 12:
        return high + 8 + length / 2
    room = high - low - length - 12
    middles = [low + 6 + length / 2 + room * share for share in (0.5, 0.3, 0.7, 0.1, 0.9)]
    hits = [sum(abs(x - middle) < length / 2 + 3 for x in struck) for middle in middles]
    return middles[hits.index(min(hits))]


def _lanes(spans: Sequence[tuple[float, float]]) -> list[int]:
    """A lane for each span, the short ones nearest to the bars; none meets another in its lane."""
    lanes: list[list[tuple[float, float]]] = []
    chosen = [0] * len(spans)
    for number in sorted(range(len(spans)), key=lambda n: spans[n][1] - spans[n][0]):
        low, high = spans[number]
        free = (
            n
            for n, taken in enumerate(lanes)
            if all(high + 8 < begins or ends + 8 < low for begins, ends in taken)
        )
        lane = next(free, len(lanes))
        lanes[lane:] = lanes[lane:] or [[]]
        lanes[lane].append((low, high))
        chosen[number] = lane
    return chosen
