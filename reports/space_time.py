"""The counterexample as a space-time diagram, lying and standing: the same for wide and for narrow.

Lying, time runs to the right and each process has a row; standing, for a phone, time runs down and
each has a column. The axis keeps the order of all beginnings and ends but not their distances:
operations of milliseconds that lie seconds apart would otherwise be points. The idea is
Porcupine's. Arrows are the edges of the argument, each "must come before"; the faults in force
lie behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from textwrap import wrap

from checker.history import FaultSpan
from reports.routes import Bar, Route, routes
from reports.steps import DrawnEdge, Step
from reports.tints import tints
from reports.wording import moment, plain

FAULTS_MAX = 8
GUTTER, STEP, ROW, BAR, LANE = 96.0, 66.0, 44.0, 30.0, 24.0
LINE = 15.0
"""From one line of a text to the next."""

STANDING_WIDTH = 358.0
"""What a phone of 390 pixels has room for."""

STANDING_GUTTER, COLUMN_MIN, STANDING_LANE, STANDING_STEP = 56.0, 78.0, 20.0, 24.0


@dataclass(frozen=True, slots=True)
class Words:
    """A text at a place; `anchor` as in SVG, `role` is its class."""

    x: float
    y: float
    text: str
    role: str = ""
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class DrawnBar:
    step: Step
    x: float
    y: float
    width: float
    height: float
    lines: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class Arrow:
    edge: int
    path: str
    label: Words


@dataclass(frozen=True, slots=True)
class Strip:
    """A fault: a strip beside the rows with its name, and a wash behind them."""

    x: float
    y: float
    width: float
    height: float
    wash: tuple[float, float, float, float]
    tint: int
    name: Words
    title: str


@dataclass(frozen=True, slots=True)
class Diagram:
    """Everything in the units of the drawing, from its top left. Guides are lines from (x, y) to
    (x, y)."""

    width: float
    height: float
    faults: tuple[Strip, ...]
    guides: tuple[tuple[float, float, float, float], ...]
    words: tuple[Words, ...]
    arrows: tuple[Arrow, ...]
    bars: tuple[DrawnBar, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Both ways to draw the same."""

    lying: Diagram
    standing: Diagram


def draw(steps: Sequence[Step], edges: Sequence[DrawnEdge], faults: Sequence[FaultSpan]) -> Pair:
    """Lay out the operations, the arrows and those of the run's faults that were in force."""
    tint = tints(faults)
    moments = [s.invoked for s in steps] + [s.completed for s in steps if s.completed is not None]
    first, last = min(moments), max(moments)
    in_force = [
        fault
        for fault in faults
        if fault.injected < last and (fault.healed is None or fault.healed > first)
    ][:FAULTS_MAX]
    scene = _Scene(steps, edges, in_force, tint)
    return Pair(_Lying(scene).draw(), _Standing(scene).draw())


class _Scene:
    """What both drawings show: positions of the log with their times, processes, faults."""

    def __init__(
        self,
        steps: Sequence[Step],
        edges: Sequence[DrawnEdge],
        faults: Sequence[FaultSpan],
        tint: dict[str, int],
    ) -> None:
        self.steps, self.edges, self.faults, self.tint = steps, edges, faults, tint
        self.processes = list(dict.fromkeys(step.process for step in steps))
        times: dict[int, int | None] = {}
        for step in steps:
            times[step.invoked] = step.from_ns
            if step.completed is not None:
                times[step.completed] = step.until_ns
        self.first, self.last = min(times), max(times)
        for fault in faults:
            times |= {fault.injected: fault.injected_ns} if fault.injected > self.first else {}
            if fault.healed is not None and fault.healed < self.last:
                times[fault.healed] = fault.healed_ns
        self.times = dict(sorted(times.items()))

    def ticks(self) -> dict[int, str]:
        """The moments in words, by their positions; none where an outcome is unknown."""
        if self.steps[0].timed:
            return {at: moment(ns) for at, ns in self.times.items() if ns is not None}
        return {at: f"pos. {at}" for at in self.times}

    def label(self, edge: int) -> str:
        return f"{letter(edge)}  {self.edges[edge].label}".strip()

    def routes(self, bars: Sequence[Bar], lengths: Sequence[float]) -> list[Route]:
        ends = [(edge.source - 1, edge.target - 1) for edge in self.edges]
        return routes(bars, ends, lengths)

    def named(self, fault: FaultSpan) -> str:
        return f"{fault.number} {plain(fault.name, 60)}"

    def titled(self, fault: FaultSpan) -> str:
        detail = plain(fault.detail, 200)
        return f"{self.named(fault)}: {detail}" if detail else self.named(fault)


def letter(edge: int) -> str:
    """How an arrow is called, at its sentence as well: a, b, …, z, a1, …"""
    round_, place = divmod(edge, len(ascii_lowercase))
    return ascii_lowercase[place] + (str(round_) if round_ else "")


def length(text: str, size: float = 13.0) -> float:
    """About how long a text of the page's font is, in pixels, and rather more."""
    return 0.6 * size * len(text)


class _Lying:
    """Time runs to the right, a row for each process, lanes of arrows below."""

    def __init__(self, scene: _Scene) -> None:
        self.scene = scene
        self.top = 24.0 + 18.0 * len(scene.faults)
        self.texts = [f"{s.number}  {_cut(s.predicate)}" for s in scene.steps]
        self.x = self._columns()
        self.right = max(self.x.values()) + STEP
        row = {process: n for n, process in enumerate(scene.processes)}
        self.bars = [
            Bar(self.x[s.invoked], self.right if s.completed is None else self.x[s.completed],
                row[s.process])
            for s in scene.steps
        ]  # fmt: skip
        self.bottom = self.top + ROW * len(row)

    def _columns(self) -> dict[int, float]:
        """Where each position lies: in order, with room for ticks and for the bars' texts."""
        scene = self.scene
        ticks = scene.ticks()
        least = max(STEP, *(length(text, 11) + 12 for text in ticks.values())) if ticks else STEP
        begins = {
            s.completed: (s.invoked, text) for s, text in zip(scene.steps, self.texts, strict=True)
        }
        x = GUTTER + 26 - least
        columns: dict[int, float] = {}
        for position in scene.times:
            x += least
            if position in begins:
                invoked, text = begins[position]
                x = max(x, columns[invoked] + length(text) + 20)
            columns[position] = x
        open_ended = [
            columns[s.invoked] + length(text) + 20 - STEP
            for s, text in zip(scene.steps, self.texts, strict=True)
            if s.completed is None
        ]
        if open_ended:
            columns[scene.last] = max(columns[scene.last], *open_ended)
        return columns

    def draw(self) -> Diagram:
        scene = self.scene
        lengths = [length(scene.label(n), 12) for n in range(len(scene.edges))]
        ways = scene.routes(self.bars, lengths)
        height = self.bottom + 14 + LANE * (1 + max((way.lane for way in ways), default=-1))
        ticks = scene.ticks()
        words = [Words(self.x[at], 12, text, "tick", "middle") for at, text in ticks.items()]
        words += [
            Words(0, self._middle(n) + 4, f"process {process}", "process")
            for n, process in enumerate(scene.processes)
        ]
        faults = self._faults()
        labels = [way.label + size / 2 for way, size in zip(ways, lengths, strict=True)]
        names = [strip.name.x + length(strip.name.text, 12) for strip in faults]
        return Diagram(
            width=max(self.right + 24, *labels, *names, 0.0),
            height=height,
            faults=tuple(faults),
            guides=tuple((self.x[at], 18, self.x[at], self.bottom) for at in ticks)
            + tuple(
                (GUTTER, self._middle(n), self.right + 24, self._middle(n))
                for n in range(len(scene.processes))
            ),
            words=tuple(words),
            arrows=tuple(self._arrow(n, way) for n, way in enumerate(ways)),
            bars=tuple(map(self._bar, scene.steps, self.bars, self.texts)),
        )

    def _middle(self, row: int) -> float:
        return self.top + ROW * row + ROW / 2

    def _bar(self, step: Step, bar: Bar, text: str) -> DrawnBar:
        y = self._middle(bar.row)
        words = Words(bar.begins + 10, y + 4.5, text)
        return DrawnBar(step, bar.begins, y - BAR / 2, bar.ends - bar.begins, BAR, (words,))

    def _arrow(self, edge: int, way: Route) -> Arrow:
        source, target = (self.bars[n - 1] for n in _ends(self.scene.edges[edge]))
        y = self.bottom + 14 + LANE * way.lane
        start, end = (self._middle(bar.row) + BAR / 2 for bar in (source, target))
        turn = 6 if way.arrives > way.leaves else -6
        path = (
            f"M{way.leaves:.1f},{start:.1f} V{y - 6:.1f} q0,6 {turn},6 "
            f"H{way.arrives - turn:.1f} q{turn},0 {turn},-6 V{end + 3:.1f}"
        )
        return Arrow(edge, path, Words(way.label, y + 4, self.scene.label(edge), "label", "middle"))

    def _faults(self) -> list[Strip]:
        strips = []
        for row, fault in enumerate(self.scene.faults):
            left = (
                self.x.get(fault.injected, GUTTER) if fault.injected > self.scene.first else GUTTER
            )
            right = self.right + 24
            if fault.healed is not None and fault.healed < self.scene.last:
                right = self.x[fault.healed]
            y, wide = 22 + 18.0 * row, right - left
            strips.append(Strip(
                left, y + 13, wide, 3, (left, y + 13, wide, self.bottom - y - 13),
                self.scene.tint[fault.name],
                Words(left + 3, y + 10, self.scene.named(fault), "fault"),
                self.scene.titled(fault),
            ))  # fmt: skip
        return strips


class _Standing:
    """Time runs down, a column for each process, lanes of arrows at the right."""

    def __init__(self, scene: _Scene) -> None:
        self.scene = scene
        count = len(scene.processes)
        self.left = STANDING_GUTTER + 8 * len(scene.faults)
        lanes = min(len(scene.edges), 4) * STANDING_LANE + 10
        self.column = max(COLUMN_MIN, (STANDING_WIDTH - self.left - lanes) / count)
        self.right = self.left + self.column * count
        fits = int((self.column - 16) / (0.56 * 12))
        self.texts = [
            wrap(f"{s.number} {_cut(s.predicate)}", fits, break_long_words=True)
            for s in scene.steps
        ]
        self.top = 24.0 + 16.0 * len(scene.faults)
        self.y = self._rows()
        self.bottom = max(self.y.values()) + STANDING_STEP
        column = {process: n for n, process in enumerate(scene.processes)}
        self.bars = [
            Bar(self.y[s.invoked], self.bottom if s.completed is None else self.y[s.completed],
                column[s.process])
            for s in scene.steps
        ]  # fmt: skip

    def _rows(self) -> dict[int, float]:
        begins = {
            s.completed: (s.invoked, lines)
            for s, lines in zip(self.scene.steps, self.texts, strict=True)
        }
        y = self.top + 12 - STANDING_STEP
        rows: dict[int, float] = {}
        for position in self.scene.times:
            y += STANDING_STEP
            if position in begins:
                invoked, lines = begins[position]
                y = max(y, rows[invoked] + LINE * len(lines) + 10)
            rows[position] = y
        open_ended = [
            rows[s.invoked] + LINE * len(lines) + 10 - STANDING_STEP
            for s, lines in zip(self.scene.steps, self.texts, strict=True)
            if s.completed is None
        ]
        if open_ended:
            rows[self.scene.last] = max(rows[self.scene.last], *open_ended)
        return rows

    def draw(self) -> Diagram:
        scene = self.scene
        ways = scene.routes(self.bars, [18.0] * len(scene.edges))
        lanes = 1 + max((way.lane for way in ways), default=-1)
        ticks = scene.ticks()
        words = [Words(0, self.y[at] + 4, text, "tick") for at, text in ticks.items()]
        short = len(scene.processes) > 1 and self.column < 84
        words += [
            Words(self._middle(n), self.top, _cut(f"{'' if short else 'process '}{process}", 14),
                  "process", "middle")
            for n, process in enumerate(scene.processes)
        ]  # fmt: skip
        labels = [way.label + 9 for way in ways]
        names = [strip.name.x + length(strip.name.text, 12) for strip in self._faults()]
        return Diagram(
            width=max(self.right + 10 + STANDING_LANE * lanes, *names, 0.0),
            height=max(self.bottom + 4, *labels, 0.0),
            faults=tuple(self._faults()),
            guides=tuple((self.left, self.y[at], self.right, self.y[at]) for at in ticks)
            + tuple(
                (self._middle(n), self.top + 6, self._middle(n), self.bottom)
                for n in range(len(scene.processes))
            ),
            words=tuple(words),
            arrows=tuple(self._arrow(n, way) for n, way in enumerate(ways)),
            bars=tuple(map(self._bar, scene.steps, self.bars, self.texts)),
        )

    def _middle(self, column: int) -> float:
        return self.left + self.column * (column + 0.5)

    def _bar(self, step: Step, bar: Bar, lines: list[str]) -> DrawnBar:
        x = self.left + self.column * bar.row + 3
        words = tuple(
            Words(x + 5, bar.begins + 15 + LINE * n, line) for n, line in enumerate(lines)
        )
        return DrawnBar(step, x, bar.begins, self.column - 6, bar.ends - bar.begins, words)

    def _arrow(self, edge: int, way: Route) -> Arrow:
        source, target = (self.bars[n - 1] for n in _ends(self.scene.edges[edge]))
        x = self.right + 12 + STANDING_LANE * way.lane
        start, end = (self.left + self.column * (bar.row + 1) - 3 for bar in (source, target))
        turn = 6 if way.arrives > way.leaves else -6
        path = (
            f"M{start:.1f},{way.leaves:.1f} H{x - 6:.1f} q6,0 6,{turn} "
            f"V{way.arrives - turn:.1f} q0,{turn} -6,{turn} H{end + 3:.1f}"
        )
        return Arrow(edge, path, Words(x, way.label + 4, letter(edge), "label", "middle"))

    def _faults(self) -> list[Strip]:
        strips = []
        for number, fault in enumerate(self.scene.faults):
            top = self.top + 6
            if fault.injected > self.scene.first:
                top = self.y[fault.injected]
            bottom = self.bottom
            if fault.healed is not None and fault.healed < self.scene.last:
                bottom = self.y[fault.healed]
            x = STANDING_GUTTER + 8 * number
            strips.append(Strip(
                x, top, 5, bottom - top, (x, top, self.right - x, bottom - top),
                self.scene.tint[fault.name],
                Words(0, 11 + 16.0 * number, self.scene.named(fault), "fault"),
                self.scene.titled(fault),
            ))  # fmt: skip
        return strips


def _ends(edge: DrawnEdge) -> tuple[int, int]:
    return edge.source, edge.target


def _cut(text: str, limit: int = 34) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
