"""Events for tools of Jepsen's kind, in EDN or JSON.

They know less than a history of ours. Where there are keys, each event has a `:key`, as in the logs
of Porcupine's tests. A compare-and-set that did not apply but returned the value that it found is
written as the read that it amounts to, and one that only observed a difference as a failed one,
which means just that for the model `etcd` and nothing for others; one that failed otherwise, or
crashed before it observed anything, says nothing and is left out.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from checker.columns import canonical
from checker.operation import Operation, Outcome

Item = dict[str, Any]


def edn_lines(operations: Sequence[Operation]) -> Iterator[str]:
    """A map a line, in order of the events."""
    yield "; a history of Labrys"
    for item in _events(operations):
        fields = (f":{name} {_field(name, value)}" for name, value in item.items())
        yield f"{{{', '.join(fields)}}}"


def json_lines(operations: Sequence[Operation]) -> Iterator[str]:
    """An array of objects, one a line, in order of the events."""
    items = list(_events(operations))
    yield "["
    for number, item in enumerate(items, 1):
        yield json.dumps(item, ensure_ascii=False) + ("," if number < len(items) else "")
    yield "]"


def _events(operations: Sequence[Operation]) -> Iterator[Item]:
    """The events in order, each as a map of Jepsen's fields."""
    keyed = any(o.key is not None for o in operations)
    # At equal positions an invocation comes first, so that the two operations still overlap.
    events: list[tuple[float, int, Item]] = []
    for o in operations:
        said = _said(o)
        if said is None:
            continue
        function, end, call, answer = said
        events.append((o.invoked, 0, _event(o, "invoke", function, call, o.invoked_ns, keyed)))
        if o.outcome is not Outcome.INFO or o.completed_ns is not None:
            end_ns = o.invoked_ns if o.completed_ns is None else o.completed_ns
            place = math.inf if o.completed is None else o.completed
            events.append((place, 1, _event(o, end, function, answer, end_ns, keyed)))
    events.sort(key=lambda event: event[:2])
    for index, (_, _, item) in enumerate(events):
        yield {**item, "index": index}


def _said(o: Operation) -> tuple[str, str, Any, Any] | None:
    """The function, the type of the completion, and the values of both events."""
    function, end, call, answer = o.function, o.outcome.value, o.argument, o.result
    if function == "cas-mismatch":
        value = [o.argument, None]
        return ("cas", "fail", value, value) if o.outcome is Outcome.OK else None
    pair = o.argument
    if function == "cas" and isinstance(pair, list | tuple) and len(pair) == 2:
        if o.outcome is Outcome.FAIL:
            return None
        if o.outcome is Outcome.OK and not _is_versioned(o):
            if canonical(o.result) != canonical(pair[0]):
                return "read", end, None, o.result
            answer = pair
    return function, end, call, answer


def _is_versioned(o: Operation) -> bool:
    """Whether a compare-and-set is one of a versioned register, whose values have versions."""
    return isinstance(o.result, list | tuple) and len(o.result) == 2


def _event(o: Operation, kind: str, function: str, value: Any, time_ns: int, keyed: bool) -> Item:
    item: Item = {"process": o.process, "type": kind, "f": function}
    if keyed:
        item["key"] = o.key
    return {**item, "value": value, "time": time_ns}


def _field(name: str, value: Any) -> str:
    return f":{value}" if name in ("type", "f") else edn_text(value)


def edn_text(value: Any) -> str:
    """A JSON value in EDN; strings and truth values look alike in both."""
    if value is None:
        return "nil"
    if isinstance(value, list | tuple):
        return f"[{_spaced(map(edn_text, value))}]"
    if isinstance(value, dict):
        parts = (f"{edn_text(name)} {edn_text(item)}" for name, item in value.items())
        return f"{{{_spaced(parts)}}}"
    if isinstance(value, float) and not math.isfinite(value):
        return "##NaN" if math.isnan(value) else "##Inf" if value > 0 else "##-Inf"
    return json.dumps(value, ensure_ascii=False)


def _spaced(words: Iterable[str]) -> str:
    return " ".join(words)
