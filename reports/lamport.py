"""The messages of a simulated run as a Lamport diagram: nodes as columns, time runs down.

After Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System". Clients stand
left of the nodes, with their operations; faults at the right. Distances in time are compressed, as
in the counterexample's diagram: the order of all beginnings and ends is true. The data come from
`messages.json`, which the simulator writes for the moments around the violation.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log10
from pathlib import Path
from typing import Any

from checker.files import regular
from checker.history import History
from reports.drawing import Drawing
from reports.stored import find, objects
from reports.wording import did, duration, moment, plain

MESSAGES_MAX = 1_000
CLIENTS_MAX = 8
BYTES_MAX = 4_000_000
"""A larger file was not written by the simulator."""

LEFT, TOP, COLUMN, BOTTOM = 84.0, 40.0, 118.0, 24.0
BAND = 15.0
HEIGHT_MAX = 5_000.0
TICK_EVERY = 70.0
LABELLED_MAX = 60
"""Up to this many messages have their kind written on them; of more it shows on pointing."""

_UP, _DOWN, _PAUSED = "up", "down", "paused"


@dataclass(frozen=True, slots=True)
class MessageArrow:
    """A message. `kind` is "peer", "client" or "lost"."""

    x1: float
    y1: float
    x2: float
    y2: float
    kind: str
    label: str
    title: str


@dataclass(frozen=True, slots=True)
class Box:
    """An operation, a fault, or a stretch in which a node was down or paused."""

    x: float
    y: float
    height: float
    kind: str
    text: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Lamport(Drawing):
    """Nodes as lines downwards, and their messages between them."""

    columns: tuple[tuple[str, float], ...]
    arrows: tuple[MessageArrow, ...]
    operations: tuple[Box, ...]
    stretches: tuple[Box, ...]
    faults: tuple[Box, ...]
    marks: tuple[tuple[float, float, str], ...]
    note: str


def lamport(directory: Path, history: History) -> Lamport | None:
    """Read a run's messages and draw them; None where there are none."""
    path = directory / "messages.json"
    try:
        if path.stat().st_size > BYTES_MAX:
            return None
        data = json.loads(regular(path).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    begins_ns, ends_ns = find(data, int, "begins_ns"), find(data, int, "ends_ns")
    messages = [m for m in objects(data, "messages") if _complete(m)][-MESSAGES_MAX:]
    if begins_ns is None or ends_ns is None or begins_ns > ends_ns or not messages:
        return None
    return _Drawing(data, messages, history, begins_ns, ends_ns).draw()


def _complete(message: dict[str, Any]) -> bool:
    texts = all(isinstance(message.get(name), str) for name in ("source", "target", "lost"))
    return texts and find(message, int, "sent_ns") is not None


class _Drawing:
    """The columns and the axis of time of one diagram, and what is drawn on them."""

    def __init__(
        self,
        data: dict[str, Any],
        messages: Sequence[dict[str, Any]],
        history: History,
        begins_ns: int,
        ends_ns: int,
    ) -> None:
        self._begins_ns, self._ends_ns = begins_ns, ends_ns
        self._left_out = find(data, int, "left_out") or 0
        self._messages = messages
        self._marks = [m for m in objects(data, "marks") if find(m, int, "time_ns") is not None]
        self._operations = [
            o
            for o in history.operations
            if o.invoked_ns <= ends_ns and (o.completed_ns is None or o.completed_ns >= begins_ns)
        ]
        self._faults = [
            f
            for f in history.faults
            if f.injected_ns <= ends_ns and (f.healed_ns is None or f.healed_ns >= begins_ns)
        ]
        names = dict.fromkeys(m[end] for m in messages for end in ("source", "target"))
        names |= dict.fromkeys(plain(m["node"], 40) for m in self._marks if "node" in m)
        clients = sorted(filter(_is_client, names), key=_natural)
        nodes = sorted((name for name in names if not _is_client(name)), key=_natural)
        self._columns = {
            name: LEFT + COLUMN * (number + 0.5)
            for number, name in enumerate([*clients[:CLIENTS_MAX], *nodes])
        }
        self._nodes = nodes
        self._axis = _axis(self._moments(), begins_ns, ends_ns)

    def draw(self) -> Lamport:
        height = max(self._axis.values()) + BOTTOM
        arrows = [arrow for m in self._messages if (arrow := self._arrow(m)) is not None]
        if len(arrows) > LABELLED_MAX:
            arrows = [_without_label(arrow) for arrow in arrows]
        faults = self._fault_bands()
        right = LEFT + COLUMN * len(self._columns)
        return Lamport(
            width=right + BAND * (len(faults) + 1) + (120 if faults else 0),
            height=height,
            columns=tuple(self._columns.items()),
            ticks=tuple(self._ticks()),
            arrows=tuple(arrows),
            operations=tuple(self._operation_boxes()),
            stretches=tuple(self._stretches()),
            faults=tuple(faults),
            marks=tuple(self._role_marks()),
            note=self._note(len(arrows)),
        )

    def _moments(self) -> Iterable[int]:
        """All moments at which something is drawn."""
        yield self._begins_ns
        yield self._ends_ns
        for message in self._messages:
            yield message["sent_ns"]
            yield find(message, int, "arrived_ns") or message["sent_ns"]
        for operation in self._operations:
            yield operation.invoked_ns
            yield operation.completed_ns or self._ends_ns
        for fault in self._faults:
            yield fault.injected_ns
            yield fault.healed_ns or self._ends_ns
        for mark in self._marks:
            yield mark["time_ns"]

    def _y(self, moment_ns: int) -> float:
        return self._axis[min(max(moment_ns, self._begins_ns), self._ends_ns)]

    def _arrow(self, message: dict[str, Any]) -> MessageArrow | None:
        source, target = message["source"], message["target"]
        if source not in self._columns or target not in self._columns:
            return None
        sent_ns, lost = message["sent_ns"], message["lost"]
        arrived_ns = find(message, int, "arrived_ns")
        x1, x2, y1 = self._columns[source], self._columns[target], self._y(sent_ns)
        word = plain(message.get("kind", "message"), 40)
        fate = f"took {duration(arrived_ns - sent_ns)}" if arrived_ns is not None else "lost"
        if lost:
            fate = f"lost: {plain(lost, 40)}"
        elif arrived_ns is None:
            fate = "still under way"
        title = f"{word} from {source} to {target}, sent at {moment(sent_ns)}, {fate}"
        title += f"\n{plain(message.get('text', ''), 200)}"
        if arrived_ns is None:
            # It goes a part of its way, and a little down.
            x2, y2 = x1 + (x2 - x1) * 0.45, y1 + 8
        else:
            y2 = self._y(arrived_ns)
        by_client = _is_client(source) or _is_client(target)
        kind = "lost" if lost or arrived_ns is None else "client" if by_client else "peer"
        return MessageArrow(x1, y1, x2, y2, kind, word, title)

    def _operation_boxes(self) -> Iterable[Box]:
        for o in self._operations:
            x = self._columns.get(f"process {o.process}")
            if x is None:
                continue
            top = self._y(o.invoked_ns)
            bottom = self._y(o.completed_ns or self._ends_ns)
            text = did(o.function, o.argument, o.result, o.outcome.value, 24)
            title = f"process {o.process} {text}: {o.outcome.value}, key {plain(o.key, 60)}"
            yield Box(x, top, max(bottom - top, 6), o.outcome.value, text, title)

    def _fault_bands(self) -> list[Box]:
        right = LEFT + COLUMN * len(self._columns)
        bands = []
        for number, fault in enumerate(self._faults[:12]):
            top = self._y(fault.injected_ns)
            bottom = self._y(fault.healed_ns or self._ends_ns)
            text, detail = plain(fault.name, 40), plain(fault.detail, 160)
            x = right + BAND * (number + 0.5)
            bands.append(Box(x, top, max(bottom - top, 6), "fault", text, f"{text}: {detail}"))
        return bands

    def _stretches(self) -> Iterable[Box]:
        """Where a node was down or paused."""
        for node in self._nodes:
            state, since_ns = _UP, self._begins_ns
            changes = [
                (m["time_ns"], m["text"])
                for m in self._marks
                if m.get("node") == node and m.get("text") in (_UP, _DOWN, _PAUSED)
            ]
            for time_ns, new in [*changes, (self._ends_ns, _UP)]:
                if state != _UP and time_ns > self._begins_ns:
                    top, bottom = self._y(since_ns), self._y(time_ns)
                    said = f"{node} {state} from {moment(since_ns)} to {moment(time_ns)}"
                    yield Box(self._columns[node], top, max(bottom - top, 3), state, state, said)
                state, since_ns = new, time_ns

    def _role_marks(self) -> Iterable[tuple[float, float, str]]:
        """Changes of role and term; what was so at the beginning stands at the top."""
        for node in self._nodes:
            before = ""
            for mark in self._marks:
                text = plain(mark.get("text", ""), 40)
                if mark.get("node") != node or text in (_UP, _DOWN, _PAUSED):
                    continue
                if mark["time_ns"] < self._begins_ns:
                    before = text
                else:
                    yield self._columns[node], self._y(mark["time_ns"]), text
            if before:
                yield self._columns[node], TOP - 12, before

    def _ticks(self) -> Iterable[tuple[float, str]]:
        last = -TICK_EVERY
        for moment_ns, y in self._axis.items():
            if y - last >= TICK_EVERY:
                last = y
                yield y, moment(moment_ns)

    def _note(self, drawn: int) -> str:
        said = f"{drawn:,} messages from {moment(self._begins_ns)} to {moment(self._ends_ns)}."
        if self._left_out:
            said += (
                f" {self._left_out:,} more are not drawn: those that changed nothing, such as "
                "most heartbeats, and the earliest."
            )
        return said


def _axis(moments: Iterable[int], begins_ns: int, ends_ns: int) -> dict[int, float]:
    """The height of every moment: long gaps are drawn shorter than they are, short ones longer."""
    known = sorted({m for m in moments if begins_ns <= m <= ends_ns}) or [begins_ns]
    heights, y = {known[0]: 0.0}, 0.0
    for earlier, later in pairwise(known):
        y += 2 + 6 * log10(1 + (later - earlier) / 20_000)
        heights[later] = y
    scale = min(1.0, HEIGHT_MAX / y) if y else 1.0
    return {m: TOP + height * scale for m, height in heights.items()}


def _without_label(arrow: MessageArrow) -> MessageArrow:
    return MessageArrow(arrow.x1, arrow.y1, arrow.x2, arrow.y2, arrow.kind, "", arrow.title)


def _is_client(name: str) -> bool:
    return name in ("warm-up", "operator") or name.startswith("process ")


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort n2 before n10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]
