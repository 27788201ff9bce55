"""The messages of a simulated run as a Lamport diagram: nodes as columns, time runs down.

After Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System". Clients stand
left of the nodes, with their operations; faults at the right. Distances in time are compressed, as
in the counterexample's diagram: the order of all beginnings and ends is true. The data come from
`messages.json`, which the simulator writes for the moments around the violation.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log10
from pathlib import Path
from typing import Any

from checker.files import regular
from checker.history import History
from checker.operation import Operation
from checker.wording import plural
from reports.room import Room, box
from reports.stored import find, objects
from reports.tints import tints
from reports.wording import did, duration, moment, plain

MESSAGES_MAX = 1_000
CLIENTS_MAX = 8
BYTES_MAX = 4_000_000
"""A larger file was not written by the simulator."""

LEFT, TOP, COLUMN, BOTTOM = 108.0, 40.0, 118.0, 24.0
BAND = 15.0
HEIGHT_MAX = 5_000.0
TICK_EVERY = 70.0
LABELLED_MAX = 120
"""Up to this many messages have their kind written on them where there is room; of others it shows
on pointing."""

TEXT_MAX = 14
"""The characters of an operation that have room beside its client's line."""

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
    label_x: float = 0.0
    label_y: float = 0.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """An operation, a fault, or a stretch in which a node was down or paused. `tint` numbers a
    fault's colour; `text_y` is the height of its text, which is empty where there is no room."""

    x: float
    y: float
    height: float
    kind: str
    text: str
    title: str
    text_y: float = 0.0
    tint: int = 0


@dataclass(frozen=True, kw_only=True)
class Lamport:
    """Nodes as lines downwards, and their messages between them, in the units of the drawing.
    `ticks` are moments in words."""

    width: float
    height: float
    ticks: tuple[tuple[float, str], ...]

    columns: tuple[tuple[str, float], ...]
    arrows: tuple[MessageArrow, ...]
    operations: tuple[Stretch, ...]
    stretches: tuple[Stretch, ...]
    faults: tuple[Stretch, ...]
    marks: tuple[tuple[float, float, str], ...]
    note: str


def lamport(directory: Path, history: History, shown: Sequence[str] = ()) -> Lamport | None:
    """Read a run's messages and draw them; None where there are none. The processes `shown`, those
    of the counterexample, alone have columns among the clients, if they have messages."""
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
    first = [f"process {process}" for process in shown]
    return _Drawing(data, messages, history, (begins_ns, ends_ns), first).draw()


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
        window: tuple[int, int],
        first: Sequence[str],
    ) -> None:
        begins_ns, ends_ns = self._begins_ns, self._ends_ns = window
        self._tints = tints(history.faults)
        self._room = Room()
        self._left_out = find(data, int, "left_out") or 0
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
        # A node that neither spoke nor changed meanwhile has no column.
        names |= dict.fromkeys(
            plain(m["node"], 40)
            for m in self._marks
            if "node" in m and begins_ns <= m["time_ns"] <= ends_ns
        )
        # Beside the clients of a counterexample no others matter.
        clients = [name for name in names if name in first] or list(filter(_is_client, names))
        clients = sorted(clients[:CLIENTS_MAX], key=_natural)
        nodes = sorted((name for name in names if not _is_client(name)), key=_natural)
        self._columns = {
            name: LEFT + COLUMN * (number + 0.5) for number, name in enumerate([*clients, *nodes])
        }
        self._nodes = nodes
        self._messages = [m for m in messages if {m["source"], m["target"]} <= set(self._columns)]
        self._others = len(messages) - len(self._messages)
        self._operations = [o for o in self._operations if self._told(o, first)]
        self._marks = [m for m in self._marks if m.get("node") in self._columns]
        self._axis = _axis(self._moments(), begins_ns, ends_ns)

    def _told(self, operation: Operation, first: Sequence[str]) -> bool:
        """Whether an operation has a column, and is of the counterexample or has a message here."""
        name = f"process {operation.process}"
        if name not in self._columns or name in first:
            return name in self._columns
        ends_ns = operation.completed_ns or self._ends_ns
        return any(
            name in (m["source"], m["target"]) and operation.invoked_ns <= m["sent_ns"] <= ends_ns
            for m in self._messages
        )

    def draw(self) -> Lamport:
        """Texts take their room in the order of what they are worth."""
        arrows = [self._arrow(m) for m in self._messages]
        faults = self._fault_bands()
        right = LEFT + COLUMN * len(self._columns)
        names = [0.64 * 11 * len(fault.text) + 24 for fault in faults]
        operations, marks = tuple(self._operation_boxes()), tuple(self._role_marks())
        return Lamport(
            width=right + BAND * (len(faults) + 1) + max(names, default=0),
            height=max([*self._axis.values(), *(fault.text_y for fault in faults)]) + BOTTOM,
            columns=tuple(self._columns.items()),
            ticks=tuple(self._ticks()),
            arrows=tuple(self._labelled(arrow, len(arrows)) for arrow in arrows),
            operations=operations,
            stretches=tuple(self._stretches()),
            faults=tuple(faults),
            marks=marks,
            note=self._note(len(arrows)),
        )

    def _labelled(self, arrow: MessageArrow, count: int) -> MessageArrow:
        """The arrow with its label where there is room for it, else without."""
        if count <= LABELLED_MAX:
            for share in (0.5, 0.35, 0.65, 0.25, 0.75):
                x = arrow.x1 + (arrow.x2 - arrow.x1) * share
                y = arrow.y1 + (arrow.y2 - arrow.y1) * share - 3
                if self._room.take(box(x, y, arrow.label, 10, "middle")):
                    return replace(arrow, label_x=x, label_y=y)
        return replace(arrow, label="")

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

    def _arrow(self, message: dict[str, Any]) -> MessageArrow:
        source, target = message["source"], message["target"]
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

    def _operation_boxes(self) -> Iterable[Stretch]:
        for o in self._operations:
            x = self._columns.get(f"process {o.process}")
            if x is None:
                continue
            top = self._y(o.invoked_ns)
            bottom = self._y(o.completed_ns or self._ends_ns)
            text = did(o.function, o.argument, o.result, o.outcome.value, 24)
            title = f"process {o.process} {text}: {o.outcome.value}, key {plain(o.key, 60)}"
            text = text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"
            free = self._room.take(box(x - 9, top + 9, text, 11, "end"))
            yield Stretch(
                x, top, max(bottom - top, 6), o.outcome.value, text * free, title, top + 9
            )

    def _fault_bands(self) -> list[Stretch]:
        right = LEFT + COLUMN * len(self._columns)
        bands = []
        lowest = TOP - 13
        for number, fault in enumerate(self._faults[:12]):
            top = self._y(fault.injected_ns)
            bottom = self._y(fault.healed_ns or self._ends_ns)
            text, detail = plain(fault.name, 40), plain(fault.detail, 160)
            x = right + BAND * (number + 0.5)
            lowest = max(top + 10, lowest + 13)
            bands.append(
                Stretch(
                    x, top, max(bottom - top, 6), "fault", f"{fault.number} {text}",
                    f"{text}: {detail}", lowest, self._tints[fault.name],
                )
            )  # fmt: skip
        return bands

    def _stretches(self) -> Iterable[Stretch]:
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
                    x = self._columns[node]
                    yield Stretch(x, top, max(bottom - top, 3), state, state, said)
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
                elif place := self._beside(node, self._y(mark["time_ns"]), text):
                    yield (*place, text)
            if before:
                yield self._columns[node], TOP - 12, before

    def _beside(self, node: str, y: float, text: str) -> tuple[float, float] | None:
        """Where a text stands beside a node's line at a height, or a little lower."""
        x = self._columns[node]
        for lower in (0, 11, 22):
            if self._room.take(box(x + 5, y + lower + 3, text, 10)):
                return x, y + lower
        return None

    def _ticks(self) -> Iterable[tuple[float, str]]:
        last = -TICK_EVERY
        for moment_ns, y in self._axis.items():
            if y - last >= TICK_EVERY:
                last = y
                yield y, moment(moment_ns)

    def _note(self, drawn: int) -> str:
        said = (
            f"{plural(drawn, 'message')} from {moment(self._begins_ns)} to {moment(self._ends_ns)}."
        )
        if self._others:
            said += f" Not drawn: {plural(self._others, 'message')} of other clients."
        if self._left_out:
            said += (
                f" {self._left_out:,} more are not drawn: those that changed nothing, such as "
                "most heartbeats, and those furthest from the operations that matter."
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


def _is_client(name: str) -> bool:
    return name in ("warm-up", "operator") or name.startswith("process ")


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort n2 before n10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]
