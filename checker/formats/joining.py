"""Joins events to operations, and these to a history: what every reader of events ends with.

Positions are those of the events, from 1. Events that are numbered (`:index`) are put in the order
of their numbers, which is said. What is passed over is counted, and if it is more than a few in a
hundred the history is refused, since a verdict would be about something else.
"""

from array import array
from itertools import pairwise

from checker.formats.event import MISSING, TXN, Event, Recorded, numbered, shown
from checker.formats.keys import Keyed, by_key
from checker.formats.meaning import Meaning, operation
from checker.history import History, MalformedHistory, Source
from checker.wording import plural

PASSED_OVER_MOST = 0.03
"""The share of events that may say nothing of an operation."""


def join(
    recorded: Recorded, name: str, meaning: Meaning | None = None, keyed: Keyed = Keyed.AUTO
) -> History:
    """The history of what a file holds, read as `name`; raises `MalformedHistory`."""
    meaning = meaning or Meaning()
    notes = list(recorded.notes)
    events = _in_order(recorded.events, notes)
    events = _completed_functions(events)
    if meaning.of_one_object and keyed is Keyed.AUTO:
        keyed = Keyed.NO
    events = by_key(events, keyed)
    joined = _Joiner(events, meaning)
    joined.pair(recorded)
    _demand_few(recorded, len(events))
    if recorded.passed_over:
        passed_over = plural(recorded.passed_over, "line or event", "lines or events")
        notes.append(f"passed over: {passed_over}, the first being {recorded.first}")
    return joined.history(name, tuple(notes), recorded)


def _demand_few(recorded: Recorded, events: int) -> None:
    if recorded.passed_over > max(5, PASSED_OVER_MOST * (events + recorded.faults)):
        raise MalformedHistory(
            f"{recorded.passed_over:,} lines or events say nothing of an operation, against "
            f"{events:,} that do; the first is {recorded.first}"
        )


def _in_order(events: list[Event], notes: list[str]) -> list[Event]:
    """The events in the order of their numbers, where all have one."""
    indices = [event.number for event in events if event.number is not None]
    if not indices:
        return events
    ascending = all(a < b for a, b in pairwise(indices))
    if ascending:
        return events
    if len(indices) < len(events):
        without = next(event for event in events if event.number is None)
        raise MalformedHistory(
            f"line {without.line}: this event has no index, and those that have one are out of "
            "order; give every event its index, or none"
        )
    ordered = sorted(events, key=_index)
    for one, other in pairwise(ordered):
        if one.number == other.number:
            raise MalformedHistory(
                f"lines {one.line} and {other.line}: two events have the index {one.number}"
            )
    notes.append("the events were out of order of their index, and were sorted by it")
    return ordered


def _index(event: Event) -> int:
    assert event.number is not None
    return event.number


def _completed_functions(events: list[Event]) -> list[Event]:
    """Give events without a function the one that they must have."""
    if all(event.function is not None for event in events):
        return events
    full: list[Event] = []
    called: dict[int | str, str] = {}
    for event in events:
        function = event.function
        if function is None:
            function = called.get(event.process)
            if event.type == "invoke" or function is None:
                function = _implied(event)
            event = event._replace(function=function)
        if event.type == "invoke":
            called[event.process] = function
        full.append(event)
    return full


def _implied(event: Event) -> str:
    value = event.value
    if isinstance(value, list) and value and all(isinstance(step, list) for step in value):
        return TXN
    raise MalformedHistory(
        f"line {event.line}: this event names no function (:f), and {shown(value)} is not a "
        "transaction, which would need none"
    )


class _Joiner:
    """Pairs events, and gathers the columns of their operations."""

    def __init__(self, events: list[Event], meaning: Meaning) -> None:
        self.events = events
        self.meaning = meaning
        self.partner = array("q", bytes(8 * len(events)))
        """Of each invocation the position of its completion, 0 where there is none."""

    def pair(self, recorded: Recorded) -> None:
        """Find the completion of each call; an `info` without a call is a remark of a worker."""
        open_: dict[int | str, int] = {}
        events, partner = self.events, self.partner
        for position, event in enumerate(events, 1):
            process = event.process
            if event.type == "invoke":
                if process in open_:
                    raise MalformedHistory(
                        f"line {event.line}: process {process} calls again before its call of "
                        f"line {events[open_[process] - 1].line} was completed"
                    )
                open_[process] = position
                continue
            start = open_.pop(process, None)
            if start is None:
                if event.type != "info":
                    raise MalformedHistory(
                        f"line {event.line} completes a call of process {process}, which has none"
                    )
                recorded.pass_over(event.line, f"an info of process {process}, which has no call")
                continue
            self._demand_same(events[start - 1], event)
            partner[start - 1] = position

    def _demand_same(self, call: Event, done: Event) -> None:
        """A completion must be of the call that it ends."""
        if call.function != done.function:
            raise MalformedHistory(
                f"line {done.line} completes a {done.function} of process {done.process}, which "
                f"called {call.function} on line {call.line}"
            )
        if done.key is not MISSING and call.key is not MISSING and call.key != done.key:
            raise MalformedHistory(
                f"line {done.line} completes a call on key {shown(done.key)} of process "
                f"{done.process}, which called on key {shown(call.key)} on line {call.line}"
            )

    def history(self, name: str, notes: tuple[str, ...], recorded: Recorded) -> History:
        # numpy takes a tenth of a second to import, which a refusal need not pay.
        from checker.formats.columns_of import Gathered

        events, partner = self.events, self.partner
        numbers = numbered(event.process for event in events)
        gathered = Gathered()
        names = {n: f for n in dict.fromkeys(e.function for e in events) if n is not None
                 for f in [self.meaning.function(n)]}  # fmt: skip
        meaning = self.meaning
        for position, call in enumerate(events, 1):
            if call.type != "invoke":
                continue
            end = partner[position - 1]
            done = events[end - 1] if end else None
            assert call.function is not None
            function, argument, kind, result = operation(
                meaning, names[call.function], call.value,
                "info" if done is None else done.type,
                None if done is None else done.value, call.line,
            )  # fmt: skip
            gathered.add(
                numbers[call.process], function, None if call.key is MISSING else call.key,
                argument, result, kind, position, end, call.time_ns,
                None if done is None else done.time_ns, None if done is None else done.error,
            )  # fmt: skip
        timed = all(event.time_ns is not None for event in events)
        source = Source(
            format=name,
            notes=notes,
            lines=array("q", [0, *(event.line for event in events)]),
            timed=timed,
            names={n: p for p, n in numbers.items() if isinstance(p, str)},
            valid=recorded.valid,
        )
        return gathered.history(source, recorded.torn)
