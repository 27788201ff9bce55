"""Where the events of a history name their keys: in a field, or in the value.

Jepsen's `independent` makes every value a pair of a key and the value, whatever the function:
`:acquire [1 nil]`, `:write [1 5]`, `:cas [1 [5 6]]`; some clients write `:cas [1 5 6]`. A queue of
pairs looks the same in part. What tells is how calls are made that need no value of their own: a
read of `[1 nil]` names a key, and a read of `nil` does not. A history that has both is refused,
unless the user says which it is.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from checker.formats.event import MISSING, TXN, Event, shown
from checker.history import MalformedHistory


class Keyed(StrEnum):
    """Whether values are pairs of a key and a value: told from the history, or by the user."""

    AUTO = "auto"
    YES = "yes"
    NO = "no"


def by_key(events: list[Event], keyed: Keyed = Keyed.AUTO) -> list[Event]:
    """The events with their keys in `key`; those of one object without keys have None there."""
    calls = [event for event in events if event.type == "invoke"]
    if any(event.key is not MISSING for event in calls):
        _demand_field(calls)
        return events
    if keyed is Keyed.NO or (keyed is Keyed.AUTO and not _named_in_values(calls)):
        return events
    return _split(events)


def _demand_field(calls: list[Event]) -> None:
    """All calls must name a key, or none."""
    without = next((event for event in calls if event.key is MISSING), None)
    if without is not None:
        some = next(event for event in calls if event.key is not MISSING)
        raise MalformedHistory(
            f"line {without.line}: this call has no field for the key, which line {some.line} has; "
            "give every call its key"
        )


def _named_in_values(calls: list[Event]) -> bool:
    """Whether the values of calls are pairs of a key and a value."""
    first: dict[bool, Event] = {}
    for event in calls:
        value = event.value
        # Most calls are told at once.
        told = False if value is None or type(value) is int else _tells(event.function, value)
        if told is not None and told not in first:
            first[told] = event
            if len(first) == 2:
                break
    if len(first) < 2:
        return True in first
    pair, other = first[True], first[False]
    raise MalformedHistory(
        f"line {pair.line} calls {pair.function} with {shown(pair.value)}, which names a key, but "
        f"line {other.line} calls {other.function} with {shown(other.value)}, which does not; "
        "say that values are keyed if every one is [key value], or that they are not if none is"
    )


def _tells(function: str | None, value: Any) -> bool | None:
    """Whether the value of a call names a key; None where it may be one or the other."""
    if not isinstance(value, list):
        return False
    if function == "cas" and len(value) == 3 and _is_key(value[0]):
        return True
    if function in (None, TXN) and value and all(isinstance(step, list) for step in value):
        return False
    if len(value) != 2 or not _is_key(value[0]):
        return False
    rest = value[1]
    if function == "cas":
        return isinstance(rest, list) and len(rest) == 2
    if function in (None, TXN):
        return isinstance(rest, list)
    # A pair of a key and a pair that says nothing yet: so do versioned registers.
    return True if rest is None or (isinstance(rest, list) and rest[:1] == [None]) else None


def _is_key(value: Any) -> bool:
    return isinstance(value, int | str | float) and not isinstance(value, bool)


def _split(events: list[Event]) -> list[Event]:
    """Take the pairs apart. A completion without one belongs to the key of its call."""
    apart: list[Event] = []
    made: Callable[..., Event] = Event
    for event in events:
        value, function = event.value, event.function
        if isinstance(value, list) and len(value) == 2:
            key, rest = value
        elif isinstance(value, list) and len(value) == 3 and function == "cas":
            key, rest = value[0], value[1:]
        elif event.type in ("invoke", "ok"):
            raise MalformedHistory(
                f"line {event.line}: the value must be [key value], as in the rest of the history, "
                f"not {shown(value)}"
            )
        else:
            key, rest = MISSING, None
        process, kind, _, _, line, time_ns, index, _, error = event
        apart.append(made(process, kind, function, rest, line, time_ns, index, key, error))
    return apart
