"""Histories of Jepsen and Knossos: EDN maps, one an event, and the lines of Jepsen's console log.

    {:process 0, :type :invoke, :f :cas, :value [1 2]}
    INFO  jepsen.util - 0	:invoke	:cas	[1 2]
    2024-02-01 10:00:00,123{GMT}	INFO	[jepsen worker 0] jepsen.util: 0	:invoke	:read	nil

The maps may stand one after the other, or in a vector or list. Events of processes that are no
numbers (`:nemesis`) are left out. Where every value is a pair of a key and a value (Jepsen's
`independent`), each key is judged on its own; so it is where the maps have a `:key`.

What a failed compare-and-set means differs between systems: for the model `etcd` it observed that
the value was *different* (an operation `cas-mismatch` with that value as its argument); elsewhere
it did not happen.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from checker.formats import edn
from checker.history import History, MalformedHistory
from checker.operation import Operation, Outcome

_LOGGED = re.compile(r"jepsen\.util(?:\s+-|:)\s+(\d+)\s+:(invoke|ok|fail|info)\s+:(\S+)\s+(.*)")
_RENAMED = {"get": "read", "put": "write"}


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a history, as yet without its partner."""

    process: int
    type: str
    function: str
    value: Any
    line: int
    time_ns: int = 0
    key: Any = None
    error: str | None = None


def read_edn(text: str, model: str | None = None) -> History:
    """The history in a text of EDN; raises `MalformedHistory`."""
    return _paired(list(_events(edn.forms(text))), model)


def read_console(text: str, model: str | None = None) -> History:
    """The history in a console log, whose other lines are ignored."""
    events = []
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _LOGGED.search(line):
            process, kind, function, value = match.groups()
            try:
                form = next(edn.forms(value), (0, None))[1]
            except MalformedHistory as error:
                reason = str(error).partition(": ")[2]
                raise MalformedHistory(f"line {number}: {reason}") from None
            events.append(Event(int(process), kind, function, _plain(form), number))
    return _paired(events, model)


def _events(forms: Iterable[tuple[int, Any]]) -> Iterator[Event]:
    for line, form in forms:
        for item in form if isinstance(form, list) else [form]:
            if not isinstance(item, dict):
                raise MalformedHistory(f"line {line}: an event must be a map, not {item!r:.60}")
            event = _event(item, line)
            if event is not None:
                yield event


def _event(item: dict[str, Any], line: int) -> Event | None:
    process, kind, function = item.get("process"), item.get("type"), item.get("f")
    if isinstance(process, edn.Keyword):
        return None
    if type(process) is not int:
        raise MalformedHistory(f"line {line}: an event's :process must be a number: {item!r:.90}")
    if kind not in ("invoke", "ok", "fail", "info") or not isinstance(function, str):
        raise MalformedHistory(f"line {line}: an event lacks a :type or an :f: {item!r:.90}")
    time = item.get("time")
    error = item.get("error")
    return Event(
        process,
        str(kind),
        str(function),
        _plain(item.get("value")),
        line,
        time if type(time) is int and abs(time) < 2**62 else 0,
        _plain(item.get("key")),
        None if error is None else str(error),
    )


def _plain(form: Any) -> Any:
    """A form as JSON has it."""
    if isinstance(form, list):
        return [_plain(item) for item in form]
    if isinstance(form, dict):
        return {name: _plain(item) for name, item in form.items()}
    return str(form) if isinstance(form, str) else form


def _paired(events: list[Event], model: str | None) -> History:
    """Join invocations and completions; positions are those of the events."""
    events = _by_key(events)
    waiting: dict[int, int] = {}
    partner: dict[int, int] = {}
    for position, event in enumerate(events):
        if event.type == "invoke":
            if event.process in waiting:
                raise MalformedHistory(
                    f"line {event.line}: process {event.process} calls again before its last "
                    "call was completed"
                )
            waiting[event.process] = position
        elif event.process in waiting:
            partner[waiting.pop(event.process)] = position
        elif event.type != "info":  # Jepsen also logs remarks of workers as :info
            raise MalformedHistory(
                f"line {event.line} completes a call of process {event.process}, which has none"
            )
    return History(
        _operation(events, position, partner.get(position), model)
        for position, event in enumerate(events)
        if event.type == "invoke"
    )


def _operation(events: list[Event], start: int, end: int | None, model: str | None) -> Operation:
    call = events[start]
    done = Event(call.process, "info", call.function, None, 0) if end is None else events[end]
    outcome = Outcome(done.type)
    function = _RENAMED.get(call.function, call.function)
    argument, result = call.value, done.value if outcome is Outcome.OK else None
    match function:
        case "read":
            argument = None
        case "cas":
            if not isinstance(argument, list) or len(argument) != 2:
                raise MalformedHistory(f"line {call.line}: :cas needs a pair, not {argument!r:.60}")
            if outcome is Outcome.OK:
                result = argument[0]
            elif outcome is Outcome.FAIL and model == "etcd":
                function, argument, outcome = "cas-mismatch", argument[0], Outcome.OK
    return Operation(
        process=call.process,
        function=function,
        key=call.key,
        argument=argument,
        result=result,
        outcome=outcome,
        invoked=start,
        completed=None if end is None or outcome is Outcome.INFO else end,
        invoked_ns=call.time_ns,
        completed_ns=None if end is None else done.time_ns,
        error=done.error,
    )


def _by_key(events: list[Event]) -> list[Event]:
    """Take the pairs of a key and a value apart, if the history is made of them."""
    calls = [event for event in events if event.type == "invoke"]
    if not calls or not all(_is_pair(call.value) and call.key is None for call in calls):
        return events
    if not any(
        event.function == "read" or (event.function == "cas" and _is_pair(event.value[1]))
        for event in calls
    ):
        return events
    return [
        Event(
            event.process, event.type, event.function, event.value[1], event.line,
            event.time_ns, event.value[0], event.error,
        )
        if _is_pair(event.value)
        else event
        for event in events
    ]  # fmt: skip


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2
