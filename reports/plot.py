"""Charts as static drawings: a picture in the page that needs no script and follows its colours.

A plot is laid out in a grid of `WIDE` by its height in pixels, and is stretched to the width of its
place: strokes keep their width, and texts stand beside the drawing in HTML, so that neither is
stretched along. Points are strokes of no length with round or square caps. Colours are named by
role only (a class such as "ok" or "p99"); the style sheet gives them, by theme.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, log10

WIDE = 2_000
"""The width of every plot in its own units; about half a pixel each on a wide screen."""

TICKS = 6
BAND_ROWS_MAX = 4
TOP = 6


@dataclass(frozen=True, slots=True)
class Scale:
    """From a value to a share of the axis, between `low` and `high`, which differ.

    `unit` follows the texts of the axis; `named` are its own places with their texts, instead of
    round values.
    """

    low: float
    high: float
    logarithmic: bool = False
    unit: str = ""
    named: tuple[tuple[float, str], ...] = ()

    def share(self, value: float) -> float:
        """0 at `low`, 1 at `high`; what lies beyond an end is put there."""
        low, high = self._on(self.low), self._on(self.high)
        value = min(max(value, self.low), self.high)
        return (self._on(value) - low) / (high - low)

    def _on(self, value: float) -> float:
        return log10(value) if self.logarithmic else value

    def texts(self) -> list[tuple[float, str]]:
        """The values that are named along the axis, with their texts."""
        return list(self.named) or [(mark, words(mark) + self.unit) for mark in self.ticks()]

    def ticks(self) -> list[float]:
        """Round values, about `TICKS` of them."""
        if not self.logarithmic:
            return _even(self.low, self.high)
        decades = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
        for steps in ((1, 2, 5), (1, 3), (1,)):
            marks = [n * 10.0**d for d in decades for n in steps if self.holds(n * 10.0**d)]
            if len(marks) <= TICKS + 2:
                break
        return marks if len(marks) > 1 else _even(self.low, self.high)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def _even(low: float, high: float) -> list[float]:
    raw = (high - low) / TICKS
    power = 10.0 ** floor(log10(raw))
    step = next(n * power for n in (1, 2, 5, 10) if n * power >= 0.75 * raw)
    return [n * step for n in range(ceil(low / step), floor(high / step) + 1)]


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of the horizontal axis, a fault's say; `tint` numbers its colour."""

    begins: float
    ends: float
    name: str
    title: str
    tint: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A path of the drawing. `kind` is "dots", "line" or "area"; `role` is the class that colours
    it; `dash` the lengths of its strokes and gaps, in pixels."""

    kind: str
    role: str
    path: str
    dash: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A text beside the drawing, at a share of the axis (of the height from the top). `minor` ones
    give way where there is little room."""

    share: float
    text: str
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A stretch of the horizontal axis, in shares of it, that tells its values where it is pointed
    at."""

    left: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class DrawnBand:
    """A band in shares of the width, and the row of names in which its own stands, with the room
    that is free there."""

    left: float
    width: float
    room: float
    row: int
    name: str
    title: str
    tint: int


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing of `WIDE` by `height`, with its texts; `name` is what it shows, in words."""

    name: str
    height: int
    bands: tuple[DrawnBand, ...]
    rows: int
    grid: str
    shapes: tuple[Mark, ...]
    across: tuple[Label, ...]
    up: tuple[Label, ...]
    columns: tuple[Column, ...]


class Canvas:
    """Where one plot is drawn: values become places."""

    def __init__(self, x: Scale, y: Scale, height: int) -> None:
        self.x, self.y, self.height = x, y, height
        self._shapes: list[Mark] = []
        self._columns: list[Column] = []

    def place(self, x: float, y: float) -> tuple[int, float]:
        down = TOP + (1 - self.y.share(y)) * (self.height - TOP)
        return round(self.x.share(x) * WIDE), round(down, 1)

    def dots(self, role: str, points: Iterable[tuple[float, float]]) -> None:
        """A mark for each point; those that would cover each other exactly are one."""
        places = dict.fromkeys(self.place(x, y) for x, y in points)
        path = "".join(f"M{x} {y:g}h0" for x, y in places)
        self._add("dots", role, path)

    def steps(self, role: str, points: Sequence[tuple[float, float]], last: float) -> None:
        """A line that stays at each point's height until the next one, and after it to `last`."""
        if points:
            ends = [x for x, _ in points[1:]] + [last]
            self._add("line", role, self._stairs(points, ends))

    def line(self, role: str, points: Iterable[tuple[float, float | None]], dash: str = "") -> None:
        """A line from point to point, broken where there is no value; one between gaps is a dot."""
        path, step = "", "M"
        for x, y in points:
            if y is None:
                step = "M"
                continue
            at_x, at_y = self.place(x, y)
            path += f"{step}{at_x} {at_y:g}" + ("h0" if step == "M" else "")
            step = "L"
        self._add("line", role, path, dash)

    def area(
        self, role: str, edges: Sequence[float], low: Sequence[float], high: Sequence[float]
    ) -> None:
        """What lies between two heights, over the stretches between neighbouring edges."""
        if not any(top > bottom for bottom, top in zip(low, high, strict=True)):
            return
        upper = self._stairs(list(zip(edges, high, strict=False)), edges[1:])
        back = list(zip(edges[1:], low, strict=True))[::-1]
        lower = self._stairs(back, list(edges[:-1])[::-1])
        self._add("area", role, f"{upper}L{lower[1:]}Z")

    def _stairs(self, points: Sequence[tuple[float, float]], ends: Sequence[float]) -> str:
        path = ""
        for (x, y), end in zip(points, ends, strict=False):
            px, py = self.place(x, y)
            path += f"V{py:g}" if path else f"M{px} {py:g}"
            path += f"H{self.place(end, y)[0]}"
        return path

    def _add(self, kind: str, role: str, path: str, dash: str = "") -> None:
        if path:
            self._shapes.append(Mark(kind, role, path, dash))

    def tell(self, begins: float, ends: float, text: str) -> None:
        """Say this where the stretch between two values is pointed at."""
        left = self.x.share(begins)
        self._columns.append(Column(left, self.x.share(ends) - left, text))

    def finish(self, name: str, bands: Sequence[Band] = ()) -> Plot:
        """The plot of what was drawn; `name` says what it shows."""
        drawn = self._bands(bands)
        up = [Label(self._down(mark), text) for mark, text in self.y.texts()]
        grid = "".join(f"M0 {share * self.height:.1f}H{WIDE}" for share in (m.share for m in up))
        across = tuple(
            Label(self.x.share(mark), text, number % 2 == 1)
            for number, (mark, text) in enumerate(self.x.texts())
        )
        rows = 1 + max((band.row for band in drawn), default=-1)
        shapes, columns = tuple(self._shapes), tuple(self._columns)
        return Plot(name, self.height, drawn, rows, grid, shapes, across, tuple(up), columns)

    def _down(self, mark: float) -> float:
        return self.place(self.x.low, mark)[1] / self.height

    def _bands(self, bands: Sequence[Band]) -> tuple[DrawnBand, ...]:
        """Each with a row for its name in which nothing else stands at that time, if one is
        free."""
        drawn: list[DrawnBand] = []
        busy: list[float] = []
        for band in sorted(bands, key=lambda one: one.begins):
            left, right = self.x.share(band.begins), self.x.share(band.ends)
            row = next((n for n, until in enumerate(busy) if until <= left), len(busy))
            row = min(row, BAND_ROWS_MAX - 1)
            busy[row : row + 1] = [right]
            drawn.append(DrawnBand(left, right - left, 1, row, band.name, band.title, band.tint))
        return tuple(
            replace(band, room=max(_next(drawn[n + 1 :], band.row) - band.left, 0))
            for n, band in enumerate(drawn)
        )


def _next(later: Sequence[DrawnBand], row: int) -> float:
    """Where the next band of a row begins."""
    return next((band.left for band in later if band.row == row), 1.0)


def words(value: float) -> str:
    """A tick's value: "0.05", "1,500"."""
    return f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else f"{value:.3g}"
