"""The counterexample as a space-time diagram: processes as rows, operations as bars in time.

The time axis keeps the order of all beginnings and ends but not their distances: operations of
milliseconds that lie seconds apart would otherwise be points. The idea is Porcupine's. Arrows are
the edges of the argument, each "must come before".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.drawing import Drawing
from reports.stored import find, objects
from reports.wording import did, moment, plain

SHOWN_MAX = 40
"""More operations than this no reader follows; minimal counterexamples have a handful."""

GUTTER, STEP, ROW, BAR, TOP = 96.0, 66.0, 80.0, 30.0, 34.0
CHARACTER = 7.3
"""The width of an average character of a bar's text, in the units of the drawing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of the counterexample. `until_ns` is None where it may still take effect."""

    number: int
    process: str
    predicate: str
    outcome: str
    node: str
    invoked: int
    completed: int | None
    from_ns: int
    until_ns: int | None
    timed: bool = True
    lines: str = ""

    @property
    def when(self) -> str:
        if self.timed:
            end = "unknown" if self.until_ns is None else moment(self.until_ns)
            return f"{moment(self.from_ns)} to {end}{self.lines}"
        ends = "unknown" if self.completed is None else str(self.completed)
        return f"position {self.invoked} to {ends}{self.lines}"


@dataclass(frozen=True, slots=True)
class DrawnEdge:
    """Operation `source` must come before `target`, by their numbers."""

    source: int
    target: int
    label: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the argument, with the number of the edge that it names, if any."""

    text: str
    edge: int | None


@dataclass(frozen=True, slots=True)
class Bar:
    step: Step
    text: str
    left: float
    right: float
    y: float


@dataclass(frozen=True, slots=True)
class EdgePath:
    edge: int
    path: str
    label: str
    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Diagram(Drawing):
    """The operations of a counterexample as bars."""

    rows: tuple[tuple[str, float], ...]
    bars: tuple[Bar, ...]
    arrows: tuple[EdgePath, ...]
    bar_height: float = BAR


@dataclass(frozen=True)
class Counterexample:
    """What a page shows of a violation; `left_out` counts operations beyond `SHOWN_MAX`."""

    key: str
    steps: tuple[Step, ...]
    edges: tuple[DrawnEdge, ...]
    sentences: tuple[Sentence, ...]
    diagram: Diagram | None
    left_out: int


def counterexample(linearizability: dict[str, Any]) -> Counterexample | None:
    """Read the counterexample of a stored result; None where it has none."""
    found = list(objects(linearizability, "counterexample"))
    steps = tuple(_step(number, item) for number, item in enumerate(found[:SHOWN_MAX], start=1))
    if not steps:
        return None
    edges = tuple(_edges(linearizability, len(steps)))
    texts = [text for text in find(linearizability, list, "explanation") or () if text]
    return Counterexample(
        key=plain(linearizability.get("key"), 120),
        steps=steps,
        edges=edges,
        sentences=tuple(_sentence(plain(text, 1000), edges) for text in texts[:100]),
        diagram=draw(steps, edges),
        left_out=len(found) - len(steps),
    )


def _step(number: int, item: dict[str, Any]) -> Step:
    outcome = find(item, str, "outcome") or "info"
    invoked = find(item, int, "invoked") or 0
    return Step(
        number=number,
        process=plain(item.get("process"), 20),
        predicate=did(
            find(item, str, "function") or "?", item.get("argument"), item.get("result"), outcome
        ),
        outcome=outcome,
        node=find(item, str, "node") or "",
        invoked=invoked,
        completed=find(item, int, "completed"),
        from_ns=find(item, int, "invoked_ns") or 0,
        until_ns=None if outcome == "info" else find(item, int, "completed_ns"),
        timed=item.get("invoked_ns") is not None,
        lines=_lines(find(item, int, "line"), find(item, int, "completed_line")),
    )


def _lines(first: int | None, last: int | None) -> str:
    """Where an operation stands in its file."""
    if first is None:
        return ""
    return f", line {first}" if last in (None, first) else f", lines {first} and {last}"


def _edges(linearizability: dict[str, Any], count: int) -> list[DrawnEdge]:
    """The edges between shown operations."""
    edges = []
    for item in objects(linearizability, "cycle"):
        source = find(item, int, "from") or find(item, int, "source") or 0
        target = find(item, int, "to") or find(item, int, "target") or 0
        if 1 <= source <= count and 1 <= target <= count and source != target:
            label = plain(item.get("label", ""), 40)
            edges.append(DrawnEdge(source, target, label, plain(item.get("sentence", ""), 1000)))
    return edges[:100]


def _sentence(text: str, edges: Sequence[DrawnEdge]) -> Sentence:
    """Find the edge that a sentence tells: its own sentence, else one whose numbers it names."""
    for number, edge in enumerate(edges):
        if edge.sentence and edge.sentence == text:
            return Sentence(text, number)
    if not any(edge.sentence for edge in edges):
        named = set(re.findall(r"\b\d+\b", text))
        for number, edge in enumerate(edges):
            if {str(edge.source), str(edge.target)} <= named:
                return Sentence(text, number)
    return Sentence(text, None)


def draw(steps: Sequence[Step], edges: Sequence[DrawnEdge]) -> Diagram:
    """Lay out bars and arrows."""
    texts = [f"{step.number}  {_cut(step.predicate)}" for step in steps]
    columns = _columns(steps, texts)
    end = max(columns.values()) + STEP
    processes = list(dict.fromkeys(step.process for step in steps))
    height = {process: TOP + ROW * row + BAR / 2 for row, process in enumerate(processes)}
    bars = []
    for step, text in zip(steps, texts, strict=True):
        right = end if step.completed is None else columns[step.completed]
        bars.append(Bar(step, text, columns[step.invoked], right, height[step.process]))
    times = {step.invoked: step.from_ns for step in steps}
    times |= {
        step.completed: step.until_ns
        for step in steps
        if step.completed is not None and step.until_ns is not None
    }
    return Diagram(
        width=end + 24,
        height=TOP + ROW * len(processes) + 8,
        rows=tuple((f"process {process}", y) for process, y in height.items()),
        bars=tuple(bars),
        arrows=tuple(
            _arrow(number, edge, bars[edge.source - 1], bars[edge.target - 1])
            for number, edge in enumerate(edges)
        ),
        ticks=tuple(
            (columns[position], moment(times[position]) if steps[0].timed else f"pos. {position}")
            for position in sorted(times)
        ),
    )


def _cut(text: str, limit: int = 34) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _columns(steps: Sequence[Step], texts: Sequence[str]) -> dict[int, float]:
    """Where each position of the log lies: in order, with room for ticks and for bars' texts."""
    begins = {step.completed: (step.invoked, text) for step, text in zip(steps, texts, strict=True)}
    positions = {step.invoked for step in steps}
    positions |= {step.completed for step in steps if step.completed is not None}
    columns: dict[int, float] = {}
    x = GUTTER + 12 - STEP
    for position in sorted(positions):
        x += STEP
        if position in begins:
            invoked, text = begins[position]
            x = max(x, columns.get(invoked, x) + CHARACTER * len(text) + 20)
        columns[position] = x
    return columns


def _arrow(number: int, edge: DrawnEdge, source: Bar, target: Bar) -> EdgePath:
    """A curve from one bar to another: forwards in time from end to beginning, else around."""
    half = BAR / 2
    x0, x3 = (source.left + source.right) / 2, (target.left + target.right) / 2
    beside = x3 < source.left - 12 or x3 > source.right + 12
    if source.y == target.y:
        # In one row the curve goes over the bars.
        y = source.y - half
        points = ((x0, y), (x0, y - 34), (x3, y - 34), (x3, y - 3))
    elif target.left >= source.right:
        down = 1 if target.y > source.y else -1
        x3 = target.left + 14
        points = ((source.right, source.y), (x3, source.y),
                  (x3, source.y + down * 10), (x3, target.y - down * (half + 3)))  # fmt: skip
    elif beside:
        # Against time: below both rows, clear of the arrows that lead from one to the other.
        below = max(source.y, target.y) + half + 58
        x0 = x0 if source.y > target.y else source.right - 14
        points = ((x0, source.y + half), (x0, below), (x3, below), (x3, target.y + half + 3))
    else:
        down = 1 if target.y > source.y else -1
        points = ((x0, source.y + down * half), (x0, source.y + down * (half + 30)),
                  (x3, target.y - down * (half + 30)),
                  (x3, target.y - down * (half + 3)))  # fmt: skip
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
    path = f"M{ax:.1f},{ay:.1f} C{bx:.1f},{by:.1f} {cx:.1f},{cy:.1f} {dx:.1f},{dy:.1f}"
    return EdgePath(
        number, path, edge.label, (ax + 3 * bx + 3 * cx + dx) / 8, (ay + 3 * by + 3 * cy + dy) / 8
    )
