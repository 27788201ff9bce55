"""Operations as etcd's robustness tests record them, one JSON object a line.

    {"ClientId":1,"Input":{"Type":"range","Range":{"Start":"key0"}},"Call":1,"Output":{...},"Return":2}

Ranges of one key are reads, transactions that only put or delete one key are writes of it. A
transaction whose conditions were not met did nothing, or read. That its conditions held is not
judged, nor are revisions, leases and ranges of several keys: how many there are is said.
"""

from collections import Counter
from typing import Any, NamedTuple

from checker.formats.event import shown
from checker.formats.meaning import Meaning
from checker.formats.timed import Timed, timed_history
from checker.history import History, MalformedHistory
from checker.wording import plural

NAME = "operations of etcd's robustness tests"
EXAMPLE = (
    '{"ClientId":1,"Input":{"Type":"range","Range":{"Start":"key0"}},"Call":1,'
    '"Output":{"Range":{"KVs":[]}},"Return":2}'
)

_TYPES = {"range", "txn", "leaseGrant", "leaseRevoke", "defragment", "compact"}
_UNJUDGED = {
    "leaseGrant": "grants of leases",
    "leaseRevoke": "revocations of leases",
    "defragment": "defragmentations",
    "compact": "compactions",
}


class OnKey(NamedTuple):
    """What a request did to one key; nothing is known of the answer where it is not `known`."""

    function: str
    key: Any
    argument: Any = None
    result: Any = None
    known: bool = True


def recognises(asked: Any) -> bool:
    """Whether an operation's input is a request to etcd."""
    return isinstance(asked, dict) and asked.get("Type") in _TYPES


def history(items: list[tuple[int, dict[str, Any]]], meaning: Meaning) -> History:
    """The history of these operations with their lines; raises `MalformedHistory`."""
    unjudged: Counter[str] = Counter()
    operations: list[Timed] = []
    for line, item in items:
        asked = item.get("input")
        if not isinstance(asked, dict) or not recognises(asked):
            raise MalformedHistory(f"line {line}: this is no request to etcd: {shown(asked)}")
        output = item.get("output")
        if not isinstance(output, dict):
            raise MalformedHistory(f"line {line}: the Output must be an object: {shown(output)}")
        error = output.get("Error") or output.get("ClientError")
        parts = _parts(asked, output, bool(error), unjudged, line, meaning)
        operations.extend(_timed(item, line, part, error) for part in parts)
    if items and not any(one.outcome == "ok" for one in operations):
        raise MalformedHistory(
            f"none of {plural(len(items), 'operation')} reads or writes a single key and was "
            "answered; nothing in it can be judged"
        )
    notes = tuple(f"{count:,} {what} are not judged" for what, count in sorted(unjudged.items()))
    return timed_history(operations, NAME, notes)


def _timed(item: dict[str, Any], line: int, part: OnKey, error: Any) -> Timed:
    from checker.formats.porcupine import timed

    known = part.known and not error
    call = part.function, part.key, part.argument, "ok" if known else "info", part.result
    if not known:
        call = *call[:4], None
    return timed(item, line, call, str(error) if error else None)


def _parts(
    asked: dict[str, Any], output: dict[str, Any], failed: bool, unjudged: Counter[str], line: int,
    meaning: Meaning,
) -> list[OnKey]:  # fmt: skip
    """What a request did to single keys."""
    kind = asked["Type"]
    absent = "" if meaning.model == "kv" else None
    if kind in _UNJUDGED:
        if kind == "leaseRevoke":
            unjudged["writes by the end of a lease"] += 1
        unjudged[_UNJUDGED[kind]] += 1
        return []
    partial = bool(output.get("PartialResponse") or output.get("Persisted"))
    if kind == "range":
        return [_range(asked.get("Range"), output.get("Range"), partial, unjudged, absent, line)]
    request = asked.get("Txn")
    answer = output.get("Txn")
    if not isinstance(request, dict):
        raise MalformedHistory(f"line {line}: a txn needs its Txn: {shown(asked)}")
    if request.get("Conditions"):
        unjudged["conditions of transactions"] += 1
    answered = isinstance(answer, dict)
    answer = answer if isinstance(answer, dict) else {}
    branch = "OperationsOnFailure" if answer.get("Failure") else "OperationsOnSuccess"
    done = request.get(branch) or []
    if failed and request.get("Conditions") and not answered:
        done = [*done, *(request.get("OperationsOnFailure") or [])]
    return _steps(done, answer.get("Results") or [], unjudged, absent, line)


def _range(
    asked: Any, answer: Any, partial: bool, unjudged: Counter[str], absent: Any, line: int
) -> OnKey:
    if not isinstance(asked, dict) or not isinstance(asked.get("Start"), str):
        raise MalformedHistory(f"line {line}: a range needs its Start: {shown(asked)}")
    if asked.get("End") or asked.get("Revision"):
        unjudged["reads of several keys or of old revisions"] += 1
        return OnKey("read", asked["Start"], known=False)
    if partial or not isinstance(answer, dict):
        return OnKey("read", asked["Start"], known=False)
    return OnKey("read", asked["Start"], result=_value(answer, absent))


def _steps(
    done: list[Any], results: list[Any], unjudged: Counter[str], absent: Any, line: int
) -> list[OnKey]:
    """The steps of a transaction, each as an operation on its key."""
    parts: list[OnKey] = []
    for place, step in enumerate(done):
        kind = step.get("Type") if isinstance(step, dict) else None
        answer = results[place] if place < len(results) else None
        if kind in ("range-operation", "range"):
            parts.append(_range(step.get("Range") or step, answer, False, unjudged, absent, line))
        elif kind in ("put-operation", "put", "delete-operation", "delete"):
            name = "Put" if kind.startswith("put") else "Delete"
            body = step.get(name) or step
            value = _text(body.get("Value")) if name == "Put" else absent
            parts.append(OnKey("write", body.get("Key"), value))
        else:
            raise MalformedHistory(f"line {line}: this is no step of a transaction: {shown(step)}")
    if len(parts) > 1:
        unjudged["transactions of several steps, taken apart,"] += 1
    return parts


def _value(answer: dict[str, Any], absent: Any) -> Any:
    found = answer.get("KVs") or []
    return _text(found[0].get("Value")) if found and isinstance(found[0], dict) else absent


def _text(value: Any) -> Any:
    """A value, or its hash where it was too long to be recorded."""
    if isinstance(value, dict):
        return f"hash {value['Hash']}" if value.get("Hash") else value.get("Value", "")
    return value
